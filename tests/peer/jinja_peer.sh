#!/bin/sh
# jinja_peer.sh - chat templates rendered here and by Jinja2, in every message shape.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
make -s -C "${SPINNEY_BUILDDIR:-.}" tool_jinja >&2 || exit 99
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/jinja_peer.py" \
    "${SPINNEY_BUILDDIR:-.}/tool_jinja" "${SPINNEY_SHARED:-${SPINNEY_SRCDIR:-.}/../shared}/templates"
