#!/bin/sh
# lm_peer.sh - logits against transformers, of folders and of GGUF files by gguf-py.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
make -s -C "${SPINNEY_BUILDDIR:-.}" tool_lm >&2 || exit 99
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/lm_peer.py" \
    "${SPINNEY_BUILDDIR:-.}/tool_lm"
