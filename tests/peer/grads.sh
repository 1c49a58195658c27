#!/bin/sh
# grads.sh - every op and its gradients against torch in double.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
make -s -C "${SPINNEY_BUILDDIR:-.}" tool_grads >&2 || exit 99
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/grads.py" \
    "${SPINNEY_BUILDDIR:-.}/tool_grads"
