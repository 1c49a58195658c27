#!/bin/sh
# files_peer.sh - tokenizer.model and vocab.json with merges.txt against sentencepiece and tokenizers.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
make -s -C "${SPINNEY_BUILDDIR:-.}" tool_tokens >&2 || exit 99
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/files_peer.py" "${SPINNEY_BUILDDIR:-.}/tool_tokens" \
    "${SPINNEY_SRCDIR:-.}/COPYING"
