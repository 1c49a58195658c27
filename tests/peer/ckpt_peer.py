"""Figures of `spinney ckpt` against NumPy and torch: ckpt_peer.py SPINNEY FOLDER"""
import json
import math
import subprocess
import sys

import numpy as np
import torch
from safetensors.torch import save_file

spinney, folder = sys.argv[1:3]
run, failed = 0, 0


def ok(good, what):
    global run, failed
    run += 1
    failed += not good
    print(("ok" if good else "not ok"), run, "-", what)


def ckpt(*words, code=0):
    p = subprocess.run([spinney, "-q", "ckpt", *words, "--json"], capture_output=True, text=True)
    if p.returncode != code:
        print("#", words, p.returncode, p.stderr.strip())
    return [json.loads(line) for line in p.stdout.splitlines()], p.returncode


def near(a, b, tol=1e-8):
    if b is None or not math.isfinite(b):
        return a is None
    return abs(a - b) <= tol * max(abs(b), 1e-300) + 1e-300


torch.manual_seed(7)
g = torch.Generator().manual_seed(7)
t = {
    "normal": torch.randn(513, 1000, generator=g) * 0.02,
    "heavy": torch.randn(300, 777, generator=g) ** 5,
    "shifted": torch.randn(200, 300, generator=g) * 1e-3 + 1,
    "half": (torch.randn(64, 999, generator=g)).half(),
    "brain": (torch.randn(64, 999, generator=g)).bfloat16(),
    "double": torch.randn(77, 99, generator=g, dtype=torch.float64),
    "ints": torch.randint(-1000, 1000, (5000,), generator=g),
    "bytes": torch.randint(0, 255, (5000,), generator=g, dtype=torch.uint8),
    "flags": torch.rand(5000, generator=g) > 0.3,
    "small": torch.randn(5, generator=g),
    "scalar": torch.tensor(-2.5),
    "empty": torch.zeros(0, 4),
    "odd": torch.randn(100, 100, generator=g),
    "ties": torch.randint(0, 4, (100, 900), generator=g).float(),
    "exp_avg_sq": (torch.randn(128, 1024, generator=g) * 1e-5) ** 2,
}
t["odd"][3, 4] = float("nan")
t["odd"][5, 6] = float("inf")
t["odd"][7, 8] = -float("inf")
save_file(t, folder + "/a.safetensors")
torch.save({"model": t, "step": 3}, folder + "/a.pt")

percents = [0, 0.5, 1, 5, 25, 50, 75, 95, 99, 100]
words = ["--percentiles", ",".join(map(str, percents)), "--bins", "64"]
for path in ("a.safetensors", "a.pt"):
    rows, _ = ckpt("stats", f"{folder}/{path}", *words)
    ok(len(rows) == len(t), f"{path}: every tensor")
    for r in rows:
        x = t[r["name"]].to(torch.float64).numpy().ravel()
        f = x[np.isfinite(x)]
        good = r["nan"] == np.isnan(x).sum() and r["inf"] == np.isinf(x).sum() and r["zeros"] == (f == 0).sum()
        if len(f):
            good &= near(r["min"], f.min()) and near(r["max"], f.max())
            good &= abs(r["mean"] - f.mean()) <= 1e-8 * max(abs(f.mean()), f.std(), 1e-300)
            good &= near(r["std"], f.std(), 1e-7) and near(r["norm"], np.linalg.norm(f))
        else:
            good &= r["min"] is None and r["norm"] is None
        ok(good, f"{path} {r['name']}: statistics")
        if not len(f):
            continue
        want = np.percentile(f, percents)
        got = [r["percentiles"]["%.9g" % p] for p in percents]
        ok(all(near(a, b) for a, b in zip(got, want)), f"{path} {r['name']}: percentiles")
        lo, hi = f.min(), f.max()
        if lo == hi:
            lo, hi = lo - 0.5, hi + 0.5
        edges = lo + (hi - lo) * np.arange(65) / 64
        edges[-1] = hi
        counts = np.histogram(f, bins=edges)[0]
        ok(list(counts) == r["histogram"]["counts"], f"{path} {r['name']}: histogram")

rows, code = ckpt("diff", folder + "/a.safetensors", folder + "/a.pt")
ok(code == 0 and all(r["status"] == "same" for r in rows), "the two files are the same")
b = {k: v + (torch.randn(v.shape, generator=g) * 1e-3).to(v.dtype) if v.is_floating_point() else v for k, v in t.items()}
b["normal"] = t["normal"].bfloat16()
save_file(b, folder + "/b.safetensors")
rows, code = ckpt("diff", folder + "/a.safetensors", folder + "/b.safetensors", code=1)
for r in rows:
    if r["name"] is None:
        continue
    x, y = (m[r["name"]].to(torch.float64).numpy().ravel() for m in (t, b))
    fin = np.isfinite(x) & np.isfinite(y)
    x, y = x[fin], y[fin]
    d = x - y
    good = near(r["max_abs"], np.abs(d).max() if len(d) else 0)
    if len(d):
        norm = np.linalg.norm(d)
        good &= near(r["rel"], norm / np.linalg.norm(y) if norm else 0, 1e-7)
        good &= near(r["cosine"], float(x @ y / np.linalg.norm(x) / np.linalg.norm(y)), 1e-7)
    ok(good, f"diff {r['name']}: {r['status']}")
print(f"1..{run}")
sys.exit(failed > 0)
