"""`spinney seg -m` against PyTorch: seg_peer.py SPINNEY WORK. TAP on stdout.
A CGRSeg with random weights in a .pth as mmsegmentation writes it, twenty pictures of other sizes;
SegFormer B0, B2 and B5 with random weights against transformers."""
import json
import os
import subprocess
import sys

import numpy as np
import torch
import torch.nn.functional as F

from seg_torch import Net

SPINNEY, WORK = sys.argv[1], sys.argv[2]
COUNT = BAD = 0


def ok(good, name):
    global COUNT, BAD
    COUNT += 1
    BAD += not good
    print(("ok" if good else "not ok"), COUNT, "-", name, flush=True)


def write_ppm(path, rgb):
    with open(path, "wb") as f:
        f.write(b"P6\n%d %d\n255\n" % (rgb.shape[1], rgb.shape[0]) + rgb.tobytes())


def picture(w, h, rng):
    """Smooth colours with edges and noise."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    out = np.zeros((h, w, 3))
    for c in range(3):
        for _ in range(5):
            a, b, p = rng.normal(0, .03, 2).tolist() + [rng.uniform(0, 6)]
            out[:, :, c] += 30 * np.sin(a * x + b * y + p)
    for _ in range(8):
        x0, y0 = rng.integers(0, w), rng.integers(0, h)
        out[y0:y0 + h // 3, x0:x0 + w // 3] += rng.uniform(-80, 80, 3)
    return np.clip(out + 128 + rng.normal(0, 6, out.shape), 0, 255).astype(np.uint8)


def taps(n, out, rows):
    """OpenCV's INTER_LINEAR of 8 bits: two places and weights of 11 bits; columns past the border
    have one weight of 1, rows the same row twice."""
    at = ((np.arange(out) + .5) * (n / out) - .5).astype(np.float32)
    lo = np.floor(at).astype(int)
    t = at - lo.astype(np.float32)
    if not rows:
        t[(lo < 0) | (lo >= n - 1)] = 0
    w0, w1 = (np.rint(v * np.float32(2048)).astype(np.int64) for v in (np.float32(1) - t, t))
    return np.clip(lo, 0, n - 1), np.clip(lo + 1, 0, n - 1), w0, w1


def opencv_resize(img, w, h):
    x = img.astype(np.int64)
    a, b, wa, wb = taps(img.shape[1], w, False)
    x = x[:, a] * wa[None, :, None] + x[:, b] * wb[None, :, None]
    a, b, wa, wb = taps(img.shape[0], h, True)
    top, low = x[a] >> 4, x[b] >> 4
    y = ((wa[:, None, None] * top >> 16) + (wb[:, None, None] * low >> 16) + 2) >> 2
    return np.clip(y, 0, 255).astype(np.uint8)


def labels_of(net, img):
    h, w = img.shape[:2]
    s = min(2048 / max(h, w), 512 / min(h, w))
    nw, nh = int(w * s + .5), int(h * s + .5)
    x = torch.from_numpy(opencv_resize(img, nw, nh).astype(np.float32)).permute(2, 0, 1)
    mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    std = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    x = (x - mean) / std
    ph, pw = -nh % 32, -nw % 32
    x = F.pad(x, (0, pw, 0, ph))[None]
    up = lambda v, size: F.interpolate(v, size, mode="bilinear", align_corners=False)
    with torch.no_grad():
        y = up(net(x), x.shape[2:])[:, :, :nh, :nw]
        return up(y, (h, w)).softmax(1).argmax(1)[0].numpy()


def read_png_ids(path):
    import zlib
    data = open(path, "rb").read()
    at, idat, w, h = 8, b"", 0, 0
    while at < len(data):
        n = int.from_bytes(data[at:at + 4], "big")
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + n]
        if kind == b"IHDR":
            w, h = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
        if kind == b"IDAT":
            idat += body
        at += 12 + n
    raw = np.frombuffer(zlib.decompress(idat), np.uint8).reshape(h, w + 1)
    out = np.zeros((h, w), np.int64)
    for r in range(h):
        f, line = raw[r, 0], raw[r, 1:].astype(np.int64)
        up = out[r - 1] if r else np.zeros(w, np.int64)
        if f == 0:
            out[r] = line
        elif f == 2:
            out[r] = (line + up) & 255
        else:
            left = upleft = 0
            for i in range(w):
                if f == 1:
                    p = left
                elif f == 3:
                    p = (left + up[i]) // 2
                else:
                    e = left + up[i] - upleft
                    d = [abs(e - left), abs(e - up[i]), abs(e - upleft)]
                    p = left if d[0] <= d[1] and d[0] <= d[2] else up[i] if d[1] <= d[2] else upleft
                upleft = up[i]
                left = out[r, i] = (line[i] + p) & 255
    return out


def cgrseg():
    rng = np.random.default_rng(1)
    net = Net("t", seed=3)
    sd = {k: v for k, v in net.sd.items()}
    names = tuple(f"class {i} " for i in range(150))
    torch.save({"meta": {"CLASSES": names, "PALETTE": [[i, 2, 3] for i in range(150)], "epoch": 3},
                "state_dict": sd, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]}},
               f"{WORK}/t.pth")
    os.makedirs(f"{WORK}/in", exist_ok=True)
    want = {}
    for i in range(20):
        w, h = int(rng.integers(60, 700)), int(rng.integers(60, 700))
        if max(w, h) > 3 * min(w, h):
            w = h
        img = picture(w, h, rng)
        write_ppm(f"{WORK}/in/{i:02d}.ppm", img)
        want[f"{i:02d}"] = labels_of(net, img)
    run = subprocess.run([SPINNEY, "seg", f"{WORK}/in", "-m", f"{WORK}/t.pth", "--out",
                          f"{WORK}/out", "--format", "png", "--json"], capture_output=True,
                         text=True)
    ok(run.returncode == 0, "a .pth of torch with mmsegmentation's dict around it: "
       + run.stderr.strip()[-200:])
    rows = [json.loads(l) for l in run.stdout.splitlines()]
    ok(rows and rows[0]["classes"][0]["name"].startswith("class ")
       and not rows[0]["classes"][0]["name"].endswith(" "), "the names of its meta, trimmed")
    worst = 1
    for k, v in want.items():
        got = read_png_ids(f"{WORK}/out/{k}.png")
        share = (got == v).mean() if got.shape == v.shape else 0
        worst = min(worst, share)
        print(f"# {k}: {v.shape[1]} x {v.shape[0]}, {100 * share:.4f} %", flush=True)
    ok(worst >= .999, f"labels of 20 pictures of other sizes agree in {100 * worst:.3f} % or more")


cgrseg()
if os.path.exists(os.path.join(os.path.dirname(__file__), "segformer_peer.py")):
    import segformer_peer
    segformer_peer.check(SPINNEY, WORK, ok)
print(f"1..{COUNT}")
sys.exit(BAD > 0)
