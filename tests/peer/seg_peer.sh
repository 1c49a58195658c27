#!/bin/sh
# seg_peer.sh - `spinney seg -m` against PyTorch and transformers: labels and logits.
[ -n "${SPINNEY_PEERS:-}" ] || { echo '1..0 # SKIP SPINNEY_PEERS names no python'; exit 0; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
"$SPINNEY_PEERS" "${SPINNEY_SRCDIR:-.}/tests/peer/seg_peer.py" "${SPINNEY_BUILDDIR:-.}/spinney" \
    "$work"
