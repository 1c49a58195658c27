#!/usr/bin/env python3
"""Results and gradients of every op against torch in float64.

Reads what tool_grads prints.  Relative error |a - b| / |b| of each tensor, at most 1e-12; float
parameters (eps, scale) are rounded to float here too.   Usage: grads.py TOOL_GRADS.  Prints TAP.
"""
import json
import math
import subprocess
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
EPS_NORM = float(torch.tensor(1e-3, dtype=torch.float32))
EPS_NET = float(torch.tensor(1e-5, dtype=torch.float32))


def rotated(x, pos, head_dim, n_rot, neox, scale, mscale, base=100.0):
    half = n_rot // 2
    inverse = base ** (-2 * torch.arange(half) / n_rot)
    angle = torch.tensor(pos)[:, None, None] * scale * inverse
    c, s = angle.cos() * mscale, angle.sin() * mscale
    h = x.reshape(len(pos), -1, head_dim)
    turn, rest = h[..., :n_rot], h[..., n_rot:]
    if neox:
        a, b = turn[..., :half], turn[..., half:]
        turn = torch.cat([a * c - b * s, a * s + b * c], -1)
    else:
        a, b = turn[..., 0::2], turn[..., 1::2]
        turn = torch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2)
    return torch.cat([turn, rest], -1).reshape(x.shape)


def seen(case, rows):
    """Row i sees key j."""
    mask = torch.zeros(rows, rows, dtype=torch.bool)
    pos, window = case["pos"], case["window"]
    for i in range(rows):
        if case["parent"]:
            keys, j = [], i
            while j >= 0:
                keys.append(j)
                j = case["parent"][j]
        else:
            keys = range(case["first"][i] if case["first"] else 0, i + 1)
        for j in keys:
            mask[i, j] = window == 0 or pos[i] - pos[j] < window
    return mask


def attention(q, k, v, heads, heads_kv, mask, scale, softcap=0.0):
    rows = q.shape[0]
    q = q.reshape(rows, heads, -1).transpose(0, 1)
    k = k.reshape(rows, heads_kv, -1).transpose(0, 1).repeat_interleave(heads // heads_kv, 0)
    v = v.reshape(rows, heads_kv, -1).transpose(0, 1).repeat_interleave(heads // heads_kv, 0)
    s = q @ k.transpose(1, 2) * scale
    if softcap > 0:
        s = softcap * torch.tanh(s / softcap)
    p = s.masked_fill(~mask, -math.inf).softmax(-1)
    return (p @ v).transpose(0, 1).reshape(rows, -1)


def grouped(x, width):
    return x.reshape(-1, width)


def rms(x, w, eps):
    n = grouped(x, w.shape[0])
    return F.rms_norm(n, w.shape, w, eps).reshape(x.shape)


def network(case, table, norm, wq, wkv, wo):
    rows, head = len(case["pos"]), wkv.shape[0]
    causal = torch.ones(rows, rows, dtype=torch.bool).tril()
    x = table[torch.tensor(case["token"])]
    h = rms(x, norm, EPS_NET)
    q = rotated(h @ wq.T, case["pos"], head, head, False, 1, 1)
    k = rotated(h @ wkv.T, case["pos"], head, head, False, 1, 1)
    x = x + attention(q, k, h @ wkv.T, 2, 1, causal, 0.5) @ wo.T
    return rms(x, norm, EPS_NET) @ table.T


def cross_entropy(case, logits, row_factor):
    weight = tensor(case["weight"])
    target = torch.tensor(case["target"])
    rows = F.cross_entropy(logits, target, reduction="none")      # -100 is skipped
    total = weight.sum()
    loss = (rows * weight).sum() / total if total > 0 else rows.sum() * 0
    return (loss + (rows * row_factor).sum()).reshape(1)


def tensor(t):
    return torch.tensor(t["data"], dtype=torch.float64).reshape(t["shape"])


def result(case, x):
    name = case["case"]
    if name == "add":
        return x[0] + x[1]
    if name == "mul":
        return x[0] * x[1] * x[0]
    if name == "scale":
        return x[0] * -0.75
    if name == "silu":
        return F.silu(x[0])
    if name == "silu_mul":
        return F.silu(x[0]) * x[1]
    if name == "gelu":
        return F.gelu(x[0], approximate="tanh" if case["tanh_form"] else "none")
    if name == "softmax":
        return x[0].softmax(-1)
    if name == "sum":
        return x[0].sum().reshape(1)
    if name == "embed":
        return F.embedding(torch.tensor(case["token"]), x[0])
    if name == "matmul":
        return F.linear(x[0], x[1], x[2] if len(x) > 2 else None)
    if name == "rms_norm":
        return rms(x[0], x[1], EPS_NORM)
    if name == "layer_norm":
        n = grouped(x[0], x[1].shape[0])
        bias = x[2] if len(x) > 2 else None
        return F.layer_norm(n, x[1].shape, x[1], bias, EPS_NORM).reshape(x[0].shape)
    if name == "rope":
        return rotated(x[0], case["pos"], case["head_dim"], case["n_rot"], case["neox"], 0.5, 1.25)
    if name.startswith("attention"):
        scale = float(torch.tensor(0.4, dtype=torch.float32))
        return attention(*x, case["heads"], case["heads_kv"], seen(case, x[0].shape[0]), scale,
                         case["softcap"])
    if name == "take_rows":
        return x[0][torch.tensor(case["out"], dtype=torch.long)]
    if name == "cross_entropy":
        return cross_entropy(case, *x)
    if name == "network":
        return network(case, *x)
    raise ValueError(name)


def distance(got, want):
    off = (got - want).norm().item()
    return off / max(want.norm().item(), 1e-9) if off != 0 else 0.0


def main():
    lines = subprocess.run([sys.argv[1]], capture_output=True, check=True).stdout.splitlines()
    worst, count = {}, {}
    for line in lines:
        case = json.loads(line)
        x = [tensor(case[f"leaf{k}"]).requires_grad_() for k in range(case["leaves"])]
        y = result(case, x)
        (y * tensor(case["probe"])).sum().backward()
        off = [distance(tensor(case["y"]), y.detach())]
        off += [distance(tensor(case[f"grad{k}"]), leaf.grad) for k, leaf in enumerate(x)]
        worst.setdefault(case["case"], []).append(max(off, key=lambda d: (d != d, d)))
        count[case["case"]] = count.get(case["case"], 0) + len(off)
    failed = 0
    for n, name in enumerate(sorted(worst), 1):
        most = max(worst[name], key=lambda d: (d != d, d))
        good = most <= 1e-12
        failed += not good
        print(f"{'ok' if good else 'not ok'} {n} - {name}: {count[name]} results and gradients, "
              f"relative error {most:.1e}")
    print(f"1..{len(worst)}")
    return failed != 0


sys.exit(main())
