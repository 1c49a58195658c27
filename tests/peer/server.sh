#!/bin/sh
# server.sh - chat and forests over llama-cpp-python's server.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
"$SPINNEY_PEERS" -c 'import llama_cpp.server.app, uvicorn' 2> /dev/null ||
    { echo "1..0 # SKIP $SPINNEY_PEERS has no llama_cpp.server"; exit 0; }
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/server.py" "${SPINNEY_BUILDDIR:-.}/spinney" \
    "${SPINNEY_SRCDIR:-.}/share/models/forest-mini.gguf"
