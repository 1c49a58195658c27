"""CGRSeg and its backbone in PyTorch, written from papers/cgrseg.md and efficientformerv2.md: the
other side of seg_peer.py and bench_seg.py. Weights are a dict in the names of the official code."""
import math

import torch
import torch.nn.functional as F

SIZES = {
    "t": dict(width=[32, 48, 120, 224], depth=[3, 3, 9, 6], vit=2, ch=128, k=11, r=5,
              e3=[4, 4, 3, 3, 3, 3, 4, 4, 4], e4=[4, 4, 3, 3, 4, 4]),
    "b": dict(width=[32, 64, 144, 288], depth=[4, 4, 12, 8], vit=4, ch=256, k=11, r=6,
              e3=[4, 4, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4], e4=[4, 4, 3, 3, 3, 3, 4, 4]),
}


class Net(torch.nn.Module):
    """forward(x) -> logits at 1/8. Parameters are made in the order of the layers, named as in a
    checkpoint of mmsegmentation."""

    def __init__(self, variant, classes=150, seed=0):
        super().__init__()
        self.c = SIZES[variant]
        self.classes = classes
        self.gen = torch.Generator().manual_seed(seed)
        self.sd = {}
        self.make()
        for key, value in self.sd.items():
            self.register_buffer(key.replace(".", "/"), value)
        self.bias_cache = {}

    def _apply(self, fn, *args, **kw):
        super()._apply(fn, *args, **kw)
        self.sd = {k: getattr(self, k.replace(".", "/")) for k in self.sd}
        self.bias_cache = {}
        return self

    # ---- weights ----
    def uniform(self, lo, hi, *shape):
        return lo + (hi - lo) * torch.rand(*shape, generator=self.gen)

    def conv(self, name, out, inp, kh, kw=None, bias=True):
        kw = kh if kw is None else kw
        a = math.sqrt(3 / (inp * kh * kw))
        self.sd[name + ".weight"] = self.uniform(-a, a, out, inp, kh, kw)
        if bias:
            self.sd[name + ".bias"] = self.uniform(-.1, .1, out)

    def bn(self, name, n):
        self.sd[name + ".weight"] = self.uniform(.8, 1.2, n)
        self.sd[name + ".bias"] = self.uniform(-.1, .1, n)
        self.sd[name + ".running_mean"] = self.uniform(-.1, .1, n)
        self.sd[name + ".running_var"] = self.uniform(.5, 1.5, n)
        self.sd[name + ".num_batches_tracked"] = torch.tensor(1)

    def pair(self, name, out, inp, k):
        self.conv(name + ".0", out, inp, k)
        self.bn(name + ".1", out)

    def make(self):
        c, w = self.c, self.c["width"]
        p = "backbone.patch_embed."
        self.conv(p + "0", w[0] // 2, 3, 3)
        self.bn(p + "1", w[0] // 2)
        self.conv(p + "3", w[0], w[0] // 2, 3)
        self.bn(p + "4", w[0])
        for i in range(4):
            for j in range(c["depth"][i]):
                e = c["e3"][j] if i == 2 else c["e4"][j] if i == 3 else 4
                self.block(f"backbone.network.{2 * i}.{j}", w[i], int(w[i] * e), i,
                           i > 1 and j >= c["depth"][i] - c["vit"])
            if i < 2:
                self.conv(f"backbone.network.{2 * i + 1}.proj", w[i + 1], w[i], 3)
                self.bn(f"backbone.network.{2 * i + 1}.norm", w[i + 1])
        n = "backbone.network.5"
        self.conv(n + ".attn.q.local.0", w[2], 1, 3)
        self.pair(n + ".attn.q.proj", 128, w[2], 1)
        self.pair(n + ".attn.k", 128, w[2], 1)
        self.pair(n + ".attn.v", 512, w[2], 1)
        self.pair(n + ".attn.v_local", 512, 1, 3)
        self.conv(n + ".attn.proj.1", w[3], 512, 1)
        self.bn(n + ".attn.proj.2", w[3])
        self.sd[n + ".attn.attention_biases_seg"] = self.uniform(-1, 1, 8, 1024)
        self.conv(n + ".conv", w[3], w[2], 3)
        self.bn(n + ".bn", w[3])
        self.make_head(w[1:])

    def block(self, b, w, hidden, stage, attention):
        if attention:
            a = b + ".token_mixer"
            if stage == 2:
                self.pair(a + ".stride_conv", w, 1, 3)
            self.pair(a + ".q", 256, w, 1)
            self.pair(a + ".k", 256, w, 1)
            self.pair(a + ".v", 1024, w, 1)
            self.pair(a + ".v_local", 1024, 1, 3)
            self.conv(a + ".talking_head1", 8, 8, 1)
            self.conv(a + ".talking_head2", 8, 8, 1)
            self.conv(a + ".proj.1", w, 1024, 1)
            self.bn(a + ".proj.2", w)
            self.sd[a + ".attention_biases_seg"] = self.uniform(-1, 1, 8, 256)
            self.sd[b + ".layer_scale_1"] = self.uniform(.2, .6, w, 1, 1)
        self.sd[b + ".layer_scale_2"] = self.uniform(.2, .6, w, 1, 1)
        self.conv(b + ".mlp.fc1", hidden, w, 1)
        self.bn(b + ".mlp.norm1", hidden)
        self.conv(b + ".mlp.mid", hidden, 1, 3)
        self.bn(b + ".mlp.mid_norm", hidden)
        self.conv(b + ".mlp.fc2", w, hidden, 1)
        self.bn(b + ".mlp.norm2", w)

    def rcm(self, b, w):
        k = self.c["k"]
        self.sd[b + ".gamma"] = self.uniform(.2, .6, w)
        self.conv(b + ".token_mixer.dwconv_hw", w, 1, 3)
        self.conv(b + ".token_mixer.excite.0", w, 1, 1, k)
        self.bn(b + ".token_mixer.excite.1", w)
        self.conv(b + ".token_mixer.excite.3", w, 1, k, 1)
        self.bn(b + ".norm", w)
        self.conv(b + ".mlp.fc1", 2 * w, w, 1)
        self.conv(b + ".mlp.fc2", w, 2 * w, 1)

    def make_head(self, c):
        ch, h = self.c["ch"], "decode_head."
        self.conv(h + "conv_seg", self.classes, ch, 1)
        self.conv(h + "linear_fuse.conv", ch, 1, 1, bias=False)
        self.bn(h + "linear_fuse.bn", ch)
        for i in range(self.c["r"]):
            self.rcm(h + f"trans.transformer_blocks.{i}", sum(c))
        for i in range(3):
            self.rcm(h + f"meta.{i}", c[i])
            for f in ("fuse1", "fuse2"):
                self.conv(h + f"SIM.{i}.{f}.conv", ch, c[i], 1, bias=False)
                self.bn(h + f"SIM.{i}.{f}.bn", ch)
            if i < 2:
                self.conv(h + f"conv.{i}", c[i], ch, 1)
        self.conv(h + "lgc.conv_mask", 1, ch, 1)
        self.conv(h + "lgc.channel_mul_conv.0", ch, ch, 1)
        self.sd[h + "lgc.channel_mul_conv.1.weight"] = self.uniform(.8, 1.2, ch, 1, 1)
        self.sd[h + "lgc.channel_mul_conv.1.bias"] = self.uniform(-.1, .1, ch, 1, 1)
        self.conv(h + "lgc.channel_mul_conv.3", ch, ch, 1)

    # ---- forward ----
    def c2(self, x, name, stride=1, pad=0, groups=1):
        return F.conv2d(x, self.sd[name + ".weight"], self.sd.get(name + ".bias"), stride, pad, 1,
                        groups)

    def n2(self, x, name):
        g = lambda s: self.sd[name + s]
        return F.batch_norm(x, g(".running_mean"), g(".running_var"), g(".weight"), g(".bias"),
                            False, 0, 1e-5)

    def cn(self, x, name, stride=1, pad=0, groups=1):
        return self.n2(self.c2(x, name + ".0", stride, pad, groups), name + ".1")

    def ffn(self, x, b):
        h = F.gelu(self.n2(self.c2(x, b + ".mlp.fc1"), b + ".mlp.norm1"))
        h = F.gelu(self.n2(self.c2(h, b + ".mlp.mid", 1, 1, h.shape[1]), b + ".mlp.mid_norm"))
        return x + self.sd[b + ".layer_scale_2"] * self.n2(self.c2(h, b + ".mlp.fc2"),
                                                            b + ".mlp.norm2")

    def bias(self, name, nq, nk, down):
        key = (name, nq, nk)
        if key not in self.bias_cache:
            t = self.sd[name + ".attention_biases_seg"]
            side = int(math.isqrt(t.shape[1]))
            qs = torch.arange(0, side, 2 if down else 1)
            ks = torch.arange(side)
            q = torch.stack(torch.meshgrid(qs, qs, indexing="ij")).flatten(1)
            k = torch.stack(torch.meshgrid(ks, ks, indexing="ij")).flatten(1)
            d = (q[:, :, None] - k[:, None, :]).abs()
            full = t[:, d[0] * side + d[1]]
            if full.shape[1:] != (nq, nk):
                full = F.interpolate(full[None], (nq, nk), mode="bicubic", align_corners=False)[0]
            self.bias_cache[key] = full
        return self.bias_cache[key]

    def heads(self, x):
        b, c, h, w = x.shape
        return x.reshape(b, 8, c // 8, h * w)

    def attention(self, x, b, strided):
        a, inp = b + ".token_mixer", x
        if strided:
            x = self.cn(x, a + ".stride_conv", 2, 1, x.shape[1])
        n, _, h, w = x.shape
        q, k = (self.heads(self.cn(x, a + s)) for s in (".q", ".k"))
        v = self.cn(x, a + ".v")
        local = self.cn(v, a + ".v_local", 1, 1, v.shape[1])
        s = q.transpose(2, 3) @ k * 32 ** -.5 + self.bias(a, h * w, h * w, False)
        s = self.c2(s, a + ".talking_head1").softmax(-1)
        s = self.c2(s, a + ".talking_head2")
        o = (s @ self.heads(v).transpose(2, 3)).transpose(2, 3).reshape(n, 1024, h, w) + local
        if strided:
            o = F.interpolate(o, scale_factor=2, mode="bilinear", align_corners=False)
        o = self.n2(self.c2(F.gelu(o), a + ".proj.1"), a + ".proj.2")
        return inp + self.sd[b + ".layer_scale_1"] * o

    def down(self, x):
        e = "backbone.network.5"
        y = self.n2(self.c2(x, e + ".conv", 2, 1), e + ".bn")
        n, c, _, _ = x.shape
        h, w = y.shape[2:]
        q = self.c2(x, e + ".attn.q.local.0", 2, 1, c) + x[:, :, ::2, ::2]
        q = self.heads(self.cn(q, e + ".attn.q.proj"))
        k = self.heads(self.cn(x, e + ".attn.k"))
        v = self.cn(x, e + ".attn.v")
        local = self.cn(v, e + ".attn.v_local", 2, 1, 512)
        s = q.transpose(2, 3) @ k * 16 ** -.5 + self.bias(e + ".attn", h * w, k.shape[3], True)
        o = (s.softmax(-1) @ self.heads(v).transpose(2, 3)).transpose(2, 3).reshape(n, 512, h, w)
        return y + self.n2(self.c2(F.gelu(o + local), e + ".attn.proj.1"), e + ".attn.proj.2")

    def backbone(self, x):
        c, p, maps = self.c, "backbone.patch_embed.", []
        for i in (0, 3):
            x = F.gelu(self.n2(self.c2(x, p + str(i), 2, 1), p + str(i + 1)))
        for i in range(4):
            for j in range(c["depth"][i]):
                b = f"backbone.network.{2 * i}.{j}"
                if i > 1 and j >= c["depth"][i] - c["vit"]:
                    x = self.attention(x, b, i == 2)
                x = self.ffn(x, b)
            maps.append(x)
            if i < 2:
                b = f"backbone.network.{2 * i + 1}"
                x = self.n2(self.c2(x, b + ".proj", 2, 1), b + ".norm")
            elif i == 2:
                x = self.down(x)
        return maps

    def rca(self, x, m):
        k, c = self.c["k"], x.shape[1]
        g = x.mean(3, keepdim=True) + x.mean(2, keepdim=True)
        g = F.conv2d(g, self.sd[m + ".excite.0.weight"], self.sd[m + ".excite.0.bias"], 1,
                     (0, k // 2), 1, c)
        g = F.conv2d(F.relu(self.n2(g, m + ".excite.1")), self.sd[m + ".excite.3.weight"],
                     self.sd[m + ".excite.3.bias"], 1, (k // 2, 0), 1, c)
        return torch.sigmoid(g) * self.c2(x, m + ".dwconv_hw", 1, 1, c)

    def block_rcm(self, x, b):
        y = self.n2(self.rca(x, b + ".token_mixer"), b + ".norm")
        y = self.c2(F.gelu(self.c2(y, b + ".mlp.fc1")), b + ".mlp.fc2")
        return x + self.sd[b + ".gamma"].view(1, -1, 1, 1) * y

    def forward(self, x):
        h, up = "decode_head.", lambda v, s: F.interpolate(v, s, mode="bilinear",
                                                           align_corners=False)
        xs = self.backbone(x)[1:]
        hh, ww = [(s - 1) // 2 + 1 for s in xs[2].shape[2:]]
        t = torch.cat([F.adaptive_avg_pool2d(v, (hh, ww)) for v in xs], 1)
        for i in range(self.c["r"]):
            t = self.block_rcm(t, h + f"trans.transformer_blocks.{i}")
        g = t.split([v.shape[1] for v in xs], 1)
        r = None
        for i in (2, 1, 0):
            l = xs[i] if i == 2 else xs[i] + self.c2(up(r, xs[i].shape[2:]), h + f"conv.{i}")
            l = self.block_rcm(l, h + f"meta.{i}")
            f = lambda v, s: self.n2(self.c2(v, h + f"SIM.{i}.{s}.conv"), h + f"SIM.{i}.{s}.bn")
            r = f(l, "fuse1") * up(F.relu6(f(g[i], "fuse2") + 3) / 6, l.shape[2:])
        x, lg = r, h + "lgc."
        a = F.relu(self.n2(self.c2(x, h + "linear_fuse.conv", 1, 0, x.shape[1]),
                           h + "linear_fuse.bn"))
        p = self.c2(a, h + "conv_seg").flatten(2).softmax(2)
        proto = (x.flatten(2) @ p.transpose(1, 2)).unsqueeze(3)
        m = self.c2(proto, lg + "conv_mask").flatten(2).softmax(2)
        v = (proto.squeeze(3) @ m.transpose(1, 2)).unsqueeze(3)
        s = self.c2(v, lg + "channel_mul_conv.0")
        s = F.layer_norm(s, s.shape[1:], self.sd[lg + "channel_mul_conv.1.weight"],
                         self.sd[lg + "channel_mul_conv.1.bias"], 1e-5)
        s = torch.sigmoid(self.c2(F.relu(s), lg + "channel_mul_conv.3"))
        return self.c2(x * s + x, h + "conv_seg")
