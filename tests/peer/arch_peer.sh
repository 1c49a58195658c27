#!/bin/sh
# arch_peer.sh - logits of every architecture against transformers, as folders and as GGUF.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
make -s -C "${SPINNEY_BUILDDIR:-.}" tool_lm >&2 || exit 99
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/arch_peer.py" \
    "${SPINNEY_BUILDDIR:-.}/tool_lm"
