#!/bin/sh
# perplexity_peer.sh - perplexity and quantised files against llama.cpp.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
"$SPINNEY_PEERS" -c 'import llama_cpp' 2> /dev/null || { echo "1..0 # SKIP $SPINNEY_PEERS has no llama_cpp"; exit 0; }
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/perplexity_peer.py" "${SPINNEY_BUILDDIR:-.}/spinney"
