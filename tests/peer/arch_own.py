"""Architectures that transformers has no class for: their folders, and what they compute.

Where a model is another one under other names (InternLM2, Baichuan 7B, MiniCPM), transformers'
class of that other one is the judge; else a forward in NumPy, written from the description alone.
"""
import json
import os
from types import SimpleNamespace

import numpy as np
import torch
import transformers as tf
from safetensors.torch import save_file


class Own:
    """A model by its folder's names: enough of transformers' face for the tests."""

    def __init__(self, config, tensors, logits, heads=None):
        self.settings = config
        self.config = SimpleNamespace(tie_word_embeddings=False, **{k: v for k, v in config.items()
                                                                    if k != "tie_word_embeddings"})
        self.config.tie_word_embeddings = config.get("tie_word_embeddings", False)
        self.tensors = {k: torch.as_tensor(v).contiguous() for k, v in tensors.items()}
        self.logits = logits

    def state_dict(self):
        return self.tensors

    def save_pretrained(self, folder):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(self.settings, f)
        save_file(self.tensors, os.path.join(folder, "model.safetensors"))


def rename(tensors, pairs):
    out = {}
    for name, x in tensors.items():
        for a, b in pairs:
            name = name.replace(a, b)
        out[name] = x
    return out


def grouped(q, k, v, kv, dim):
    """q, k, v rows to [kv, per q + k + v, dim] rows."""
    parts = [p.reshape(kv, -1, dim, p.shape[-1]) for p in (q, k, v)]
    return torch.cat(parts, 1).reshape(-1, q.shape[-1])


SIZE = dict(vocab_size=320, hidden_size=128, intermediate_size=224, num_hidden_layers=4,
            num_attention_heads=8, max_position_embeddings=512, pad_token_id=0)


def internlm2(model_of, theirs, seed):
    m = model_of(tf.LlamaConfig(**SIZE, num_key_value_heads=2), seed)
    t = dict(m.state_dict())
    for l in range(4):
        p = f"model.layers.{l}.self_attn."
        t[f"model.layers.{l}.attention.wqkv.weight"] = grouped(
            *(t.pop(f"{p}{x}_proj.weight") for x in "qkv"), 2, 16)
    t = rename(t, [("embed_tokens", "tok_embeddings"), ("lm_head", "output"),
                   ("self_attn.o_proj", "attention.wo"), ("mlp.gate_proj", "feed_forward.w1"),
                   ("mlp.up_proj", "feed_forward.w3"), ("mlp.down_proj", "feed_forward.w2"),
                   ("input_layernorm", "attention_norm"), ("post_attention_layernorm", "ffn_norm")])
    return Own(dict(SIZE, architectures=["InternLM2ForCausalLM"], num_key_value_heads=2,
                    hidden_act="silu", rms_norm_eps=1e-6, rope_theta=10000), t, theirs(m))


def baichuan(model_of, theirs, seed):
    size = dict(SIZE, hidden_size=64, intermediate_size=96, num_attention_heads=4, num_hidden_layers=32)
    m = model_of(tf.LlamaConfig(**size), seed)
    t = dict(m.state_dict())
    for l in range(32):
        p = f"model.layers.{l}.self_attn."
        t[p + "W_pack.weight"] = torch.cat([t.pop(f"{p}{x}_proj.weight") for x in "qkv"])
    return Own(dict(size, architectures=["BaichuanForCausalLM"], hidden_act="silu", rms_norm_eps=1e-6),
               t, theirs(m))


def minicpm(model_of, theirs, seed):
    depth = 1.4
    m = model_of(tf.GraniteConfig(**SIZE, num_key_value_heads=2, embedding_multiplier=12.0,
                                  residual_multiplier=depth / 4 ** 0.5, attention_multiplier=0.25,
                                  logits_scaling=128 / 32), seed)
    cfg = dict(SIZE, architectures=["MiniCPMForCausalLM"], num_key_value_heads=2, hidden_act="silu",
               rms_norm_eps=m.config.rms_norm_eps, scale_emb=12, scale_depth=depth, dim_model_base=32,
               tie_word_embeddings=m.config.tie_word_embeddings)
    own = Own(cfg, dict(m.state_dict()), theirs(m))
    if own.config.tie_word_embeddings:
        own.tensors.pop("lm_head.weight")
    # A GGUF has the numbers themselves.
    own.config.embedding_multiplier = 12.0
    own.config.residual_multiplier = depth / 4 ** 0.5
    own.config.logits_scaling = 128 / 32
    return own


# ---- forwards in NumPy ----

def rms(x, w, eps=1e-6):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w


def silu(x):
    return x / (1 + np.exp(-x))


def rotate_halves(x, base=10000.0):
    """x: [tokens, heads, dim]."""
    half = x.shape[-1] // 2
    angle = np.arange(len(x))[:, None] * base ** (-np.arange(half) * 2 / x.shape[-1])
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * c - b * s, b * c + a * s], -1)


def attend(q, k, v, scale, bias=None):
    """q: [tokens, heads, dim]; k, v may have fewer heads."""
    k, v = (np.repeat(x, q.shape[1] // x.shape[1], 1) for x in (k, v))
    s = np.einsum("thd,shd->hts", q, k) * scale
    if bias is not None:
        s = s + bias
    s = np.where(np.tri(len(q), dtype=bool), s, -np.inf)
    p = np.exp(s - s.max(-1, keepdims=True))
    return np.einsum("hts,shd->thd", p / p.sum(-1, keepdims=True), v)


def draw(rng, shapes):
    return {n: torch.tensor(rng.uniform(0.5, 1.5, s) if len(s) == 1 else rng.normal(0, 0.08, s),
                            dtype=torch.float32) for n, s in shapes.items()}


def both(forward, t, ids):
    t = {k: v.double().numpy() for k, v in t.items()}
    return np.stack([forward(t, np.array(ids)), forward(t, np.array(ids[::-1]))]).astype(np.float32)


def openelm(ids, seed):
    dim, d, heads, kv, mult = 16, 128, [4, 8, 12], [2, 4, 6], [0.75, 1.9, 2.6]
    ff = []
    for m in mult:
        n = max(32, int(d * m + 16) // 32 * 32)
        ff.append(n + 32 if n < 0.9 * d * m else n)
    shapes = {"transformer.token_embeddings.weight": (320, d), "transformer.norm.weight": (d,)}
    for l in range(3):
        p = f"transformer.layers.{l}."
        shapes.update({p + "attn_norm.weight": (d,), p + "ffn_norm.weight": (d,),
                       p + "attn.q_norm.weight": (dim,), p + "attn.k_norm.weight": (dim,),
                       p + "attn.qkv_proj.weight": ((heads[l] + 2 * kv[l]) * dim, d),
                       p + "attn.out_proj.weight": (d, heads[l] * dim),
                       p + "ffn.proj_1.weight": (2 * ff[l], d), p + "ffn.proj_2.weight": (d, ff[l])})
    t = draw(np.random.default_rng(seed), shapes)

    def forward(w, tokens):
        x = w["transformer.token_embeddings.weight"][tokens]
        for l in range(3):
            p = f"transformer.layers.{l}."
            qkv = (rms(x, w[p + "attn_norm.weight"]) @ w[p + "attn.qkv_proj.weight"].T)
            q, k, v = np.split(qkv.reshape(len(x), -1, dim), [heads[l], heads[l] + kv[l]], 1)
            q = rotate_halves(rms(q, w[p + "attn.q_norm.weight"]))
            k = rotate_halves(rms(k, w[p + "attn.k_norm.weight"]))
            x = x + attend(q, k, v, dim ** -0.5).reshape(len(x), -1) @ w[p + "attn.out_proj.weight"].T
            g, u = np.split(rms(x, w[p + "ffn_norm.weight"]) @ w[p + "ffn.proj_1.weight"].T, 2, -1)
            x = x + (silu(g) * u) @ w[p + "ffn.proj_2.weight"].T
        return rms(x, w["transformer.norm.weight"]) @ w["transformer.token_embeddings.weight"].T

    own = Own(dict(architectures=["OpenELMForCausalLM"], model_dim=d, head_dim=dim, vocab_size=320,
                   num_transformer_layers=3, num_gqa_groups=2, num_query_heads=heads, num_kv_heads=kv,
                   ffn_multipliers=mult, ffn_dim_divisor=32, rope_freq_constant=10000,
                   max_context_length=512, activation_fn_name="swish", normalize_qk_projections=True,
                   share_input_output_layers=True, ffn_with_glu=True), t, both(forward, t, ids))
    own.config.tie_word_embeddings = True
    own.arrays = (heads, kv, ff)
    own.config.hidden_size, own.config.num_hidden_layers, own.config.rms_norm_eps = d, 3, 1e-6
    own.config.num_attention_heads, own.config.num_key_value_heads = heads, kv
    own.config.intermediate_size, own.config.max_position_embeddings = ff, 512
    return own


def baichuan_alibi(ids, seed):
    d, heads, layers, ff = 32, 4, 40, 48
    shapes = {"model.embed_tokens.weight": (320, d), "model.norm.weight": (d,), "lm_head.weight": (320, d)}
    for l in range(layers):
        p = f"model.layers.{l}."
        shapes.update({p + "input_layernorm.weight": (d,), p + "post_attention_layernorm.weight": (d,),
                       p + "self_attn.W_pack.weight": (3 * d, d), p + "self_attn.o_proj.weight": (d, d),
                       p + "mlp.gate_proj.weight": (ff, d), p + "mlp.up_proj.weight": (ff, d),
                       p + "mlp.down_proj.weight": (d, ff)})
    t = draw(np.random.default_rng(seed), shapes)

    def forward(w, tokens):
        n = len(tokens)
        slope = 2.0 ** (-8 * np.arange(1, heads + 1) / heads)
        bias = slope[:, None, None] * (np.arange(n)[None, None, :] - np.arange(n)[None, :, None])
        x = w["model.embed_tokens.weight"][tokens]
        for l in range(layers):
            p = f"model.layers.{l}."
            qkv = rms(x, w[p + "input_layernorm.weight"]) @ w[p + "self_attn.W_pack.weight"].T
            q, k, v = (y.reshape(n, heads, -1) for y in np.split(qkv, 3, -1))
            x = x + attend(q, k, v, (d // heads) ** -0.5, bias).reshape(n, -1) @ w[p + "self_attn.o_proj.weight"].T
            y = rms(x, w[p + "post_attention_layernorm.weight"])
            x = x + (silu(y @ w[p + "mlp.gate_proj.weight"].T) * (y @ w[p + "mlp.up_proj.weight"].T)) \
                @ w[p + "mlp.down_proj.weight"].T
        return rms(x, w["model.norm.weight"]) @ w["lm_head.weight"].T

    return Own(dict(architectures=["BaichuanForCausalLM"], vocab_size=320, hidden_size=d,
                    intermediate_size=ff, num_hidden_layers=layers, num_attention_heads=heads,
                    model_max_length=512, rms_norm_eps=1e-6, hidden_act="silu"),
               t, both(forward, t, ids))


def deepseek(ids, seed):
    """The first DeepSeek mixture: LLaMA's attention, a dense layer, then experts beside a shared one."""
    d, heads, dim, kv, ff, mff, n, used, layers = 128, 8, 16, 4, 224, 80, 6, 2, 3
    shapes = {"model.embed_tokens.weight": (320, d), "model.norm.weight": (d,), "lm_head.weight": (320, d)}
    for l in range(layers):
        p = f"model.layers.{l}."
        shapes.update({p + "input_layernorm.weight": (d,), p + "post_attention_layernorm.weight": (d,),
                       p + "self_attn.q_proj.weight": (heads * dim, d), p + "self_attn.k_proj.weight": (kv * dim, d),
                       p + "self_attn.v_proj.weight": (kv * dim, d), p + "self_attn.o_proj.weight": (d, heads * dim)})
        blocks = {"mlp.": ff} if l == 0 else {f"mlp.experts.{i}.": mff for i in range(n)} | {"mlp.shared_experts.": 2 * mff}
        for b, width in blocks.items():
            shapes.update({p + b + "gate_proj.weight": (width, d), p + b + "up_proj.weight": (width, d),
                           p + b + "down_proj.weight": (d, width)})
        if l > 0:
            shapes[p + "mlp.gate.weight"] = (n, d)
    t = draw(np.random.default_rng(seed), shapes)

    def mlp(w, p, x):
        return (silu(x @ w[p + "gate_proj.weight"].T) * (x @ w[p + "up_proj.weight"].T)) @ w[p + "down_proj.weight"].T

    def forward(w, tokens):
        x = w["model.embed_tokens.weight"][tokens]
        for l in range(layers):
            p = f"model.layers.{l}."
            y = rms(x, w[p + "input_layernorm.weight"])
            q, k, v = (( y @ w[f"{p}self_attn.{c}_proj.weight"].T).reshape(len(x), -1, dim) for c in "qkv")
            x = x + attend(rotate_halves(q), rotate_halves(k), v, dim ** -0.5).reshape(len(x), -1) \
                @ w[p + "self_attn.o_proj.weight"].T
            y = rms(x, w[p + "post_attention_layernorm.weight"])
            if l == 0:
                x = x + mlp(w, p + "mlp.", y)
                continue
            s = y @ w[p + "mlp.gate.weight"].T
            s = np.exp(s - s.max(-1, keepdims=True))
            s = s / s.sum(-1, keepdims=True)
            keep = np.argsort(-s, -1)[:, :used]
            add = mlp(w, p + "mlp.shared_experts.", y)
            for i in range(n):
                share = np.where((keep == i).any(-1), s[:, i], 0)
                add = add + share[:, None] * mlp(w, f"{p}mlp.experts.{i}.", y)
            x = x + add
        return rms(x, w["model.norm.weight"]) @ w["lm_head.weight"].T

    return Own(dict(architectures=["DeepseekForCausalLM"], vocab_size=320, hidden_size=d, intermediate_size=ff,
                    moe_intermediate_size=mff, num_hidden_layers=layers, num_attention_heads=heads,
                    num_key_value_heads=kv, n_routed_experts=n, num_experts_per_tok=used, n_shared_experts=2,
                    first_k_dense_replace=1, norm_topk_prob=False, scoring_func="softmax", rms_norm_eps=1e-6,
                    hidden_act="silu", max_position_embeddings=512), t, both(forward, t, ids))


def plm(ids, seed):
    """Latent attention as DeepSeek's, a feed-forward of squared relu, tied."""
    d, heads, nope, rope, vdim, c, ff, layers = 64, 4, 16, 8, 16, 32, 160, 2
    shapes = {"model.embed_tokens.weight": (320, d), "model.norm.weight": (d,)}
    for l in range(layers):
        p = f"model.layers.{l}."
        shapes.update({p + "input_layernorm.weight": (d,), p + "post_attention_layernorm.weight": (d,),
                       p + "self_attn.q_proj.weight": (heads * (nope + rope), d),
                       p + "self_attn.kv_a_proj_with_mqa.weight": (c + rope, d),
                       p + "self_attn.kv_a_layernorm.weight": (c,),
                       p + "self_attn.kv_b_proj.weight": (heads * (nope + vdim), c),
                       p + "self_attn.o_proj.weight": (d, heads * vdim),
                       p + "mlp.up_proj.weight": (ff, d), p + "mlp.down_proj.weight": (d, ff)})
    t = draw(np.random.default_rng(seed), shapes)

    def neighbours(x):
        """Pairs (2i, 2i + 1) turn together: to halves, turned, and back."""
        n = x.shape[-1]
        y = rotate_halves(np.concatenate([x[..., ::2], x[..., 1::2]], -1), 100000.0)
        out = np.empty_like(x)
        out[..., ::2], out[..., 1::2] = y[..., :n // 2], y[..., n // 2:]
        return out

    def forward(w, tokens):
        n = len(tokens)
        x = w["model.embed_tokens.weight"][tokens]
        for l in range(layers):
            p = f"model.layers.{l}."
            y = rms(x, w[p + "input_layernorm.weight"])
            q = (y @ w[p + "self_attn.q_proj.weight"].T).reshape(n, heads, -1)
            a = y @ w[p + "self_attn.kv_a_proj_with_mqa.weight"].T
            b = (rms(a[:, :c], w[p + "self_attn.kv_a_layernorm.weight"]) @ w[p + "self_attn.kv_b_proj.weight"].T)
            b = b.reshape(n, heads, -1)
            k_pe = np.repeat(neighbours(a[:, None, c:]), heads, 1)
            q = np.concatenate([q[..., :nope], neighbours(q[..., nope:])], -1)
            o = attend(q, np.concatenate([b[..., :nope], k_pe], -1), b[..., nope:], (nope + rope) ** -0.5)
            x = x + o.reshape(n, -1) @ w[p + "self_attn.o_proj.weight"].T
            y = rms(x, w[p + "post_attention_layernorm.weight"])
            x = x + np.maximum(y @ w[p + "mlp.up_proj.weight"].T, 0) ** 2 @ w[p + "mlp.down_proj.weight"].T
        return rms(x, w["model.norm.weight"]) @ w["model.embed_tokens.weight"].T

    own = Own(dict(architectures=["PLMForCausalLM"], vocab_size=320, hidden_size=d, intermediate_size=ff,
                   num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=heads,
                   kv_lora_rank=c, q_lora_rank=None, qk_nope_head_dim=nope, qk_rope_head_dim=rope,
                   v_head_dim=vdim, hidden_act="relu2", rms_norm_eps=1e-6, rope_theta=100000.0,
                   max_position_embeddings=512, tie_word_embeddings=True), t, both(forward, t, ids))
    own.config.rope_parameters = dict(rope_theta=100000.0)
    return own


def gpt_oss_mxfp4(model_of, theirs, seed):
    """A folder whose experts are MXFP4 blocks and scales; the judge has what they stand for."""
    rng = np.random.default_rng(seed)
    grid = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6], np.float32)
    cfg = tf.GptOssConfig(**SIZE, num_key_value_heads=2, head_dim=16, num_local_experts=6,
                          num_experts_per_tok=2, sliding_window=40, architectures=["GptOssForCausalLM"])
    m = model_of(cfg, seed)
    t = {}
    for name, p in m.state_dict().items():
        if ".experts." not in name or name.endswith("_bias"):
            t[name] = p
            continue
        experts, cols, rows = p.shape
        code = rng.integers(0, 16, (experts, rows, cols // 32, 32))
        scale = rng.integers(120, 125, (experts, rows, cols // 32))
        value = grid[code] * 2.0 ** (scale[..., None] - 127)
        with torch.no_grad():
            p.copy_(torch.tensor(value.reshape(experts, rows, cols)).transpose(1, 2))
        t[name + "_blocks"] = torch.tensor((code[..., ::2] | code[..., 1::2] << 4).astype(np.uint8))
        t[name + "_scales"] = torch.tensor(scale.astype(np.uint8))
    settings = {k: v for k, v in m.config.to_dict().items() if v is not None}
    settings["architectures"] = ["GptOssForCausalLM"]
    settings["quantization_config"] = {"quant_method": "mxfp4"}
    own = Own(settings, t, theirs(m))
    own.config = m.config
    own.state_dict = m.state_dict
    return own
