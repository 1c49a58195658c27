#!/bin/sh
# zero_peer.sh - DeepSpeed ZeRO folders that torch writes by hand, read bit for bit.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
make -s -C "${SPINNEY_BUILDDIR:-.}" tool_ls >&2 || exit 99
exec "$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/zero_peer.py" "${SPINNEY_BUILDDIR:-.}/tool_ls"
