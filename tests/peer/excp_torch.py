"""A small GPT trained by torch, its checkpoints compressed and restored by spinney, resumed by torch.

excp_torch.py SPINNEY FOLDER SOURCE: the text that it learns is SOURCE's documentation.
"""
import glob
import os
import shutil
import subprocess
import sys

import torch
from torch import nn
from torch.nn import functional as f

spinney, folder, source = sys.argv[1:4]
torch.set_num_threads(1)
STEPS, EVERY, PART = 400, 25, 100
run, failed = 0, 0


def ok(good, what):
    global run, failed
    run += 1
    failed += not good
    print(("ok" if good else "not ok"), "torch", run, "-", what, flush=True)


def ckpt(*words):
    p = subprocess.run([spinney, "-q", "ckpt", *words, "--json"], capture_output=True, text=True)
    if p.returncode:
        print("#", words, p.returncode, p.stderr.strip())
    return p.returncode == 0


text = "".join(open(p, encoding="utf-8", errors="ignore").read()
               for p in sorted(glob.glob(source + "/man/*") + glob.glob(source + "/kernels/*/*.h")))
vocab = sorted(set(text))
number = {c: i for i, c in enumerate(vocab)}
data = torch.tensor([number[c] for c in text[:400000]])
train_data, held = data[:-20000], data[-20000:]


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (a.view(b, t, 4, d // 4).transpose(1, 2) for a in self.qkv(self.ln_1(x)).split(d, 2))
        a = f.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, d)
        x = x + self.out(a)
        return x + self.down(f.gelu(self.up(self.ln_2(x))))


class Gpt(nn.Module):
    def __init__(self, d=96, layers=3, context=64):
        super().__init__()
        self.token, self.place = nn.Embedding(len(vocab), d), nn.Embedding(context, d)
        self.h = nn.ModuleList(Block(d) for _ in range(layers))
        self.ln_f, self.head = nn.LayerNorm(d), nn.Linear(d, len(vocab))

    def forward(self, x):
        y = self.token(x) + self.place.weight[: x.shape[1]]
        for b in self.h:
            y = b(y)
        return self.head(self.ln_f(y))


def batch(step):
    g = torch.Generator().manual_seed(step)
    at = torch.randint(0, len(train_data) - 65, (8,), generator=g)
    rows = torch.stack([train_data[i:i + 65] for i in at])
    return rows[:, :-1], rows[:, 1:]


def start():
    torch.manual_seed(3)
    model = Gpt()
    plain = [p for n, p in model.named_parameters() if "bias" in n or "ln_" in n]
    decay = [p for n, p in model.named_parameters() if not ("bias" in n or "ln_" in n)]
    o = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
                          lr=1e-3, betas=(0.9, 0.95))
    s = torch.optim.lr_scheduler.LambdaLR(
        o, lambda i: min(1, (i + 1) / 40) * (0.1 + 0.9 * (1 - min(i, STEPS) / STEPS)))
    return model, o, s


def save(d, model, o, s):
    os.makedirs(d)
    torch.save(model.state_dict(), d + "/pytorch_model.bin")
    torch.save(o.state_dict(), d + "/optimizer.pt")
    torch.save(s.state_dict(), d + "/scheduler.pt")
    open(d + "/config.json", "w").write('{"model_type": "toy"}')


def load(d):
    model, o, s = start()
    model.load_state_dict(torch.load(d + "/pytorch_model.bin", weights_only=True))
    o.load_state_dict(torch.load(d + "/optimizer.pt", weights_only=True))
    s.load_state_dict(torch.load(d + "/scheduler.pt", weights_only=True))
    return model, o, s


def validate(model):
    with torch.no_grad():
        rows = held[: len(held) // 65 * 65].view(-1, 65)
        return f.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten()).item()


def train(state, first, last, where, losses):
    model, o, s = state
    for i in range(first, last):
        x, y = batch(i)
        loss = f.cross_entropy(model(x).flatten(0, 1), y.flatten())
        o.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        o.step()
        s.step()
        losses[i] = loss.item()
        if (i + 1) % EVERY == 0:
            save("%s/checkpoint-%d" % (where, i + 1), model, o, s)
    return model


shutil.rmtree(folder, ignore_errors=True)
plain, losses = {}, {}
end = train(start(), 0, STEPS, folder + "/plain", plain)
want = validate(end)
count = sum(p.numel() for p in end.parameters())
print("# a GPT of %d parameters, %d steps by torch %s: validation loss %.4f" % (count, STEPS, torch.__version__, want))


def above(losses, at, a, b):
    return sum(losses[i] - plain[i] for i in range(at + a, at + b)) / (b - a)


def resumed(alpha):
    """The same run, stopped every PART steps and resumed from what spinney restores: the gap at its end."""
    here = "%s/%s" % (folder, alpha)
    store, where = here + "/store", here + "/run"
    os.makedirs(where)
    state, exact, whole, losses, jumps = start(), True, True, {}, []
    for first in range(0, STEPS, PART):
        model = train(state, first, first + PART, where, losses)
        whole &= ckpt("compress", where, "-o", store, "--codec", "excp:alpha=" + alpha)
        if first + PART == STEPS:
            break
        back = "%s/back-%d" % (here, first + PART)
        whole &= ckpt("restore", store, "--step", str(first + PART), "-o", back)
        was = validate(model)
        state = load(back)
        a, b = (torch.load(d + "/optimizer.pt", weights_only=True)
                for d in (back, "%s/checkpoint-%d" % (where, first + PART)))
        exact &= a["param_groups"] == b["param_groups"] and list(a["state"]) == list(b["state"])
        exact &= all(a["state"][i]["step"] == b["state"][i]["step"] for i in a["state"])
        jumps.append((first + PART, was, validate(state[0])))
    got = validate(model)
    whole &= ckpt("verify", store)
    sizes = [os.path.getsize("%s/step-%d/packed.spx" % (store, s)) for s in range(2 * EVERY, STEPS + 1, EVERY)]
    steady = [s for s in sizes if s <= 6 * count]
    ratio = 12 * count * len(steady) / sum(steady)
    print("# alpha %s: %.1fx a step (%d steps; %d key frames besides), final validation loss %.4f, %+.4f" %
          (alpha, ratio, len(steady), len(sizes) - len(steady), got, got - want))
    for at, was, now in jumps:
        print("#   resumed at %d: validation loss %.4f, then %.4f; training loss above the plain run's in steps "
              "1-10 %+.4f, 11-50 %+.4f, 51-100 %+.4f" %
              (at, was, now, above(losses, at, 0, 10), above(losses, at, 10, 50), above(losses, at, 50, 100)))
    ok(whole, alpha + ": compressed, restored, verified")
    ok(exact, alpha + ": counters of steps and groups of parameters are those of the step itself")
    return got - want, ratio


gap, ratio = resumed("5e-5")
ok(gap < 0.02, "the official alpha costs less than 0.02")
gap, ratio = resumed("auto")
# The digest's own tiny model pays 0.067 for such an alpha.
ok(gap < 0.1, "alpha=auto costs less than 0.1 at this size")
ok(ratio > 30, "and gives more than 30x a step")
sys.exit(failed > 0)
