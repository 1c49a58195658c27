#!/bin/sh
# tokenizer_peer.sh - the same ids, texts and merges as the tokenizers package.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
make -s -C "${SPINNEY_BUILDDIR:-.}" tool_tokens >&2 || exit 99
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/tokenizer_peer.py" \
    "${SPINNEY_BUILDDIR:-.}/tool_tokens" "${SPINNEY_SRCDIR:-.}"
