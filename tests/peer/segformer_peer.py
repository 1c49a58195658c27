"""SegFormer with random weights in a folder as transformers writes it: logits against it, and the
class names. Called by seg_peer.py."""
import os
import subprocess

import numpy as np
import torch
from transformers import SegformerConfig, SegformerForSemanticSegmentation

SIZES = {
    "b0": ([32, 64, 160, 256], [2, 2, 2, 2], 256, 19),
    "b2": ([64, 128, 320, 512], [3, 4, 6, 3], 768, 150),
    "b5": ([64, 128, 320, 512], [3, 6, 40, 3], 768, 150),
}


def check(spinney, work, ok):
    tool = os.path.join(os.path.dirname(spinney), "tool_seg")
    for name, (hidden, depths, decoder, classes) in SIZES.items():
        torch.manual_seed(5)
        config = SegformerConfig(hidden_sizes=hidden, depths=depths, decoder_hidden_size=decoder,
                                 num_labels=classes)
        net = SegformerForSemanticSegmentation(config).eval()
        with torch.no_grad():  # the default is so small that every layer is nearly nothing
            for key, p in net.named_parameters():
                if p.ndim > 1:
                    p.normal_(0, (1.0 / p[0].numel()) ** .5)
                else:
                    p.add_(torch.randn_like(p) * .1)
            bn = net.decode_head.batch_norm
            bn.running_mean.normal_(0, .1)
            bn.running_var.uniform_(.5, 1.5)
        folder = f"{work}/{name}"
        net.save_pretrained(folder)
        worst = 0
        for h, w in ((128, 128), (96, 160), (100, 77)):
            x = torch.randn(1, 3, h, w, generator=torch.Generator().manual_seed(h))
            with torch.no_grad():
                want = net(x).logits[0].permute(1, 2, 0).numpy()
            run = subprocess.run([tool, folder, "2", "0", str(h), str(w), "1"],
                                 input=x[0].permute(1, 2, 0).contiguous().numpy().tobytes(),
                                 capture_output=True)
            got = np.frombuffer(run.stdout, np.float32)
            if got.size != want.size:
                ok(False, f"segformer {name}: {run.stderr.decode()[-300:]}")
                return
            off = got.reshape(want.shape) - want
            error = np.sqrt((off ** 2).sum(2).max() / (want ** 2).sum(2).max())
            each = (np.linalg.norm(off, axis=2) / np.linalg.norm(want, axis=2)).max()
            worst = max(worst, error, each)
        ok(worst < 1e-4, f"segformer {name}: logits of 3 sizes, relative error {worst:.1e}")
