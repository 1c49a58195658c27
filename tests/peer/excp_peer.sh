#!/bin/sh
# ExCP against NumPy (masks, packed bytes, decoded values), compressed.pt against torch, and a run of torch resumed.
. "${SPINNEY_SRCDIR}/tests/app/lib.sh"
[ -n "${SPINNEY_PEERS:-}" ] || skip_all "no peers (SPINNEY_PEERS names a python)"
"$SPINNEY_PEERS" -c 'import numpy, torch, safetensors' 2> /dev/null || skip_all "numpy, torch or safetensors is missing"
"$SPINNEY_PEERS" "$SPINNEY_SRCDIR/tests/peer/excp_peer.py" "$spinney" "$work" || failed=1
"$SPINNEY_PEERS" "$SPINNEY_SRCDIR/tests/peer/excp_torch.py" "$spinney" "$work/torch" "$SPINNEY_SRCDIR" || failed=1
[ "$failed" -eq 0 ]
