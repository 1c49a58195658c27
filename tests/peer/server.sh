#!/bin/sh
# server.sh - chat and forests over llama-cpp-python's server.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
"$SPINNEY_PEERS" -c 'import llama_cpp.server.app, uvicorn' 2> /dev/null ||
    { echo "1..0 # SKIP $SPINNEY_PEERS has no llama_cpp.server"; exit 0; }
# As floats: with quantised activations near ties fall one way here and another there.
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
"${SPINNEY_BUILDDIR:-.}/spinney" -q quantize "${SPINNEY_SRCDIR:-.}/share/models/forest-mini.gguf" "$work/forest-mini.gguf" f32 >&2 || exit 99
"$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/server.py" "${SPINNEY_BUILDDIR:-.}/spinney" "$work/forest-mini.gguf"
