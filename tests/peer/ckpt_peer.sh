#!/bin/sh
# Figures of `spinney ckpt` against NumPy and torch, and a model written as a folder against transformers.
. "${SPINNEY_SRCDIR}/tests/app/lib.sh"
[ -n "${SPINNEY_PEERS:-}" ] || skip_all "no peers (SPINNEY_PEERS names a python)"
"$SPINNEY_PEERS" -c 'import numpy, torch, safetensors' 2> /dev/null || skip_all "numpy, torch or safetensors is missing"
"$SPINNEY_PEERS" "$SPINNEY_SRCDIR/tests/peer/ckpt_peer.py" "$spinney" "$work" || exit 1
m=$SPINNEY_SRCDIR/share/models/forest-mini.gguf
if [ -f "$m" ] && "$SPINNEY_PEERS" -c 'import transformers' 2> /dev/null; then
    "$spinney" -q ckpt convert "$m" "$work/hf" --dtype f32 &&
    "$spinney" -q logits -m "$m" --act f32 --tokens 1,5,9,70,33,2,8 -o "$work/l.npy" &&
    "$SPINNEY_PEERS" - "$work" << 'END'
import sys
import numpy as np, torch, transformers
m = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1] + "/hf", dtype=torch.float32)
want = m(torch.tensor([[1, 5, 9, 70, 33, 2, 8]])).logits[0].detach().numpy()
got = np.load(sys.argv[1] + "/l.npy")
worst = max(np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(got, want))
print("# logits of the folder by transformers against ours of the GGUF: relative error", worst)
sys.exit(not worst < 1e-4)
END
    ok $? "a GGUF written as a folder computes the same in transformers"
fi
[ "$failed" -eq 0 ]
