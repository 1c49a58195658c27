#!/bin/sh
# schema_peer.sh - 500 replies of the shipped model under 20 JSON schemas, judged by jsonschema.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/schema_peer.py" "${SPINNEY_BUILDDIR:-.}/spinney" \
    "${SPINNEY_SRCDIR:-.}/share/models/forest-mini.gguf"
