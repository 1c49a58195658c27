#!/bin/sh
# llama_peer.sh - every architecture's GGUF, and greedy text, against llama.cpp.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
"$SPINNEY_PEERS" -c 'import llama_cpp' 2>/dev/null || { echo '1..0 # SKIP no llama_cpp'; exit 0; }
make -s -C "${SPINNEY_BUILDDIR:-.}" tool_lm >&2 || exit 99
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/llama_peer.py" \
    "${SPINNEY_BUILDDIR:-.}/tool_lm"
