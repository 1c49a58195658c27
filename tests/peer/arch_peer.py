#!/usr/bin/env python3
"""Logits of every architecture against transformers in float32, with random weights.

Each as a Hugging Face folder and as a GGUF by gguf-py (its own table of tensor names), for one
prefill, token by token, and two sequences in one batch; sizes that exercise the model: a window
shorter than the prompt, grouped heads, tied and untied, at least two active experts, scaled rope
past the original length.  Relative error of the worst position, |a - b| / |b|.
Usage: arch_peer.py TOOL_LM [NAME...].  Prints TAP, then a table.
"""
import os
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
import transformers as tf

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import arch_own as own

TOOL = os.path.abspath(sys.argv[1])
ONLY = sys.argv[2:]
N = 96
IDS = [(i * i * 31 + 7) % 320 for i in range(N)]
ran = failed = 0
table = []


def ok(good, what):
    global ran, failed
    ran += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {ran} - {what}", flush=True)


def ours(mode, path):
    run = subprocess.run([TOOL, mode, path, "f32", *map(str, IDS)], capture_output=True)
    if run.returncode != 0:
        print(f"# {run.stderr.decode().strip()}")
        return None
    got = np.frombuffer(run.stdout, np.float32)
    return got.reshape(2 if mode == "pair" else 1, N, -1)


def worst(got, want):
    if got is None or got.shape != want.shape:
        return float("nan")
    return float((np.linalg.norm(got - want, axis=-1) / np.linalg.norm(want, axis=-1)).max())


def theirs(model):
    with torch.no_grad():
        return model(torch.tensor([IDS, IDS[::-1]])).logits.float().numpy()


def model_of(cfg, seed, kind=tf.AutoModelForCausalLM):
    torch.manual_seed(seed)
    model = kind.from_config(cfg, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim >= 2:
                p.normal_(0, 0.08)
            elif "bias" in name or "sinks" in name:
                p.normal_(0, 0.3)
            else:
                p.uniform_(0.5, 1.5)
    return model


# ---- GGUF: names by gguf-py, layouts and keys as the format asks ----

def neighbours(w, heads, n_rot=None):
    """Halves of each head's rotary rows to neighbouring pairs."""
    x = w.reshape(heads, -1, *w.shape[1:])
    n = n_rot or x.shape[1]
    turned = x[:, :n].reshape(heads, 2, n // 2, *w.shape[1:]).swapaxes(1, 2).reshape(heads, n, *w.shape[1:])
    return np.concatenate([turned, x[:, n:]], axis=1).reshape(w.shape)


def ungroup(w, groups, per, dim):
    """[groups, per q + k + v, dim] rows to all q, all k, all v."""
    x = w.reshape(groups, per + 2, dim, *w.shape[1:])
    parts = [x[:, :per], x[:, per:per + 1], x[:, per + 1:]]
    return np.concatenate([p.reshape(-1, *w.shape[1:]) for p in parts])


def first(cfg, *names, default=None):
    for n in names:
        v = getattr(cfg, n, None)
        if v is not None:
            return v
    return default


PLUS_ONE = ("gemma", "gemma2", "gemma3")
NEIGHBOURS = ("llama", "granite", "smollm3", "olmo", "granitemoe", "minicpm", "deepseek")
GROUPED = ("gptneox", "bloom", "falcon")


LATENT = ("deepseek2", "plm")


def more_keys(w, cfg, arch):
    """What mixtures, latent attention and states add."""
    if arch in LATENT:
        if cfg.q_lora_rank:
            w.add_q_lora_rank(cfg.q_lora_rank)
        w.add_kv_lora_rank(cfg.kv_lora_rank)
        if arch == "deepseek2":
            w.add_key_length_mla(cfg.qk_nope_head_dim + cfg.qk_rope_head_dim)
            w.add_value_length_mla(cfg.v_head_dim)
        rope = getattr(cfg, "rope_parameters", None) or {}
        if rope.get("mscale_all_dim"):
            w.add_rope_scaling_yarn_log_mul(0.1 * rope["mscale_all_dim"])
    if arch in ("deepseek", "deepseek2"):
        w.add_leading_dense_block_count(cfg.first_k_dense_replace)
        w.add_expert_shared_count(cfg.n_shared_experts)
        w.add_expert_weights_scale(first(cfg, "routed_scaling_factor", default=1.0))
        if getattr(cfg, "model_type", "") == "deepseek_v3":
            w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        if first(cfg, "n_group", default=1) > 1 and getattr(cfg, "topk_method", "") != "greedy":
            w.add_expert_group_count(cfg.n_group)
            w.add_expert_group_used_count(cfg.topk_group)
    if arch in ("mamba", "mamba2", "jamba"):
        two = arch == "mamba2"
        inner = first(cfg, "expand", "mamba_expand") * cfg.hidden_size
        w.add_ssm_conv_kernel(first(cfg, "conv_kernel", "mamba_d_conv"))
        w.add_ssm_inner_size(inner)
        w.add_ssm_state_size(first(cfg, "state_size", "mamba_d_state"))
        w.add_ssm_time_step_rank(cfg.num_heads if two else first(cfg, "time_step_rank", "mamba_dt_rank"))
        if two:
            w.add_ssm_group_count(cfg.n_groups)


def own_layout(w, cfg, arch, name, x):
    """Tensors that gguf-py's table has no name for, or that a GGUF keeps in another form."""
    if ".layers." not in name:
        return False
    blk = f"blk.{name.split('.layers.')[1].split('.')[0]}."
    put = lambda to, x: w.add_tensor(blk + to, np.ascontiguousarray(x, np.float32)) or True
    if name.endswith(("A_log", ".D", "dt_bias")) or "conv1d" in name:
        if name.endswith("A_log"):
            return put("ssm_a", -np.exp(x if arch != "mamba2" else x[:, None]))
        if name.endswith(".D"):
            return put("ssm_d", x if arch != "mamba2" else x[:, None])
        if name.endswith("dt_bias"):
            return put("ssm_dt.bias", x)
        return put("ssm_conv1d." + name.rsplit(".")[-1], x.squeeze(1) if x.ndim == 3 else x)
    if arch == "mamba2" and name.endswith("mixer.norm.weight"):
        return put("ssm_norm.weight", x.reshape(cfg.n_groups, -1))
    if name.endswith("kv_b_proj.weight") and arch == "deepseek2":
        x = x.reshape(cfg.num_attention_heads, -1, cfg.kv_lora_rank)
        k, v = np.split(x, [cfg.qk_nope_head_dim], 1)
        return put("attn_k_b.weight", k.transpose(0, 2, 1)) and put("attn_v_b.weight", v)
    if name.endswith("e_score_correction_bias"):
        return put("exp_probs_b.bias", x)
    if arch == "gpt-oss" and name.endswith("sinks"):
        return put("attn_sinks.weight", x)
    if arch == "gpt-oss" and "post_attention_layernorm" in name:
        return put("post_attention_norm.weight", x)
    if arch == "gpt-oss" and ".mlp." in name:
        kind = name.split(".mlp.")[1]
        if kind.startswith("router"):
            return put("ffn_gate_inp." + kind.split(".")[1], x)
        suffix = ".bias" if kind.endswith("_bias") else ".weight"
        if suffix == ".weight":
            x = x.transpose(0, 2, 1)
        if "down" in kind:
            return put("ffn_down_exps" + suffix, x)
        return put("ffn_gate_exps" + suffix, x[:, ::2]) and put("ffn_up_exps" + suffix, x[:, 1::2])
    if arch == "jamba" and ".feed_forward.router" in name:
        return put("ffn_gate_inp.weight", x)
    return False


def write_gguf(path, model, arch):
    cfg = model.config
    embd = first(cfg, "hidden_size", "n_embd", "d_model")
    heads = first(cfg, "num_attention_heads", "n_head", "n_heads", default=0)
    kv = first(cfg, "num_key_value_heads", "num_kv_heads", default=heads)
    if arch == "falcon" and not cfg.new_decoder_architecture:
        kv = 1
    layers = first(cfg, "num_hidden_layers", "n_layer", "n_layers")
    dim = getattr(cfg, "head_dim", None) or embd // (heads or 1)
    rope = getattr(cfg, "rope_parameters", None) or {}
    local = rope.get("sliding_attention", {})
    rope = rope.get("full_attention", rope)
    n_rot = getattr(cfg, "rotary_dim", None) or int(dim * rope.get("partial_rotary_factor", 1))
    context = -2 * (getattr(cfg, "model_type", "") == "roberta") + first(cfg, "max_position_embeddings", "n_positions", "max_seq_len", "model_max_length", default=2048)
    if arch in ("mamba", "mamba2"):
        heads = kv = 0
    if arch == "jamba":
        kv = [kv if t == "attention" else 0 for t in cfg.layers_block_type]
    if arch in LATENT:
        dim, n_rot = cfg.qk_nope_head_dim + cfg.qk_rope_head_dim, cfg.qk_rope_head_dim
    w = gguf.GGUFWriter(path, arch)
    w.add_context_length(context)
    w.add_embedding_length(embd)
    w.add_block_count(layers)
    w.add_feed_forward_length(first(cfg, "intermediate_size", "n_inner", "ffn_hidden_size", default=4 * embd))
    w.add_head_count(heads)
    w.add_head_count_kv(1 if arch == "deepseek2" else kv)
    if arch == "deepseek2":     # its newer form: a single key and value, of the latent row's size
        w.add_key_length(cfg.kv_lora_rank + n_rot)
        w.add_value_length(cfg.kv_lora_rank)
        w.add_rope_dimension_count(n_rot)
    elif heads:
        w.add_key_length(dim)
        w.add_value_length(cfg.v_head_dim if arch in LATENT else dim)
        w.add_rope_dimension_count(n_rot)
    if arch in ("bert", "nomic-bert"):
        w.add_causal_attention(False)
        w.add_pooling_type(gguf.PoolingType.MEAN)
    if getattr(cfg, "rms_norm_eps", None) or arch in ("mamba", "mamba2"):
        w.add_layer_norm_rms_eps(first(cfg, "rms_norm_eps", "layer_norm_epsilon"))
    else:
        w.add_layer_norm_eps(first(cfg, "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", default=1e-5))
    if "rope_theta" in rope:
        w.add_rope_freq_base(rope["rope_theta"])
    if "rope_theta" in local:
        w.add_float32(f"{arch}.rope.freq_base_swa", local["rope_theta"])
    kind = rope.get("rope_type", "default")
    if kind in ("linear", "yarn"):
        w.add_rope_scaling_type(gguf.RopeScalingType(kind))
        w.add_rope_scaling_factor(rope["factor"])
    if kind == "yarn":
        w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if kind == "longrope":
        old = rope["original_max_position_embeddings"]
        w.add_rope_scaling_orig_ctx_len(old)
        w.add_rope_scaling_attn_factors(float(np.sqrt(1 + np.log(context / old) / np.log(old))))
        w.add_tensor("rope_factors_long.weight", np.array(rope["long_factor"], np.float32))
        w.add_tensor("rope_factors_short.weight", np.array(rope["short_factor"], np.float32))
    if kind == "llama3":
        w.add_tensor("rope_freqs.weight", 1 / model.model.rotary_emb.inv_freq.float().numpy()
                     * rope["rope_theta"] ** (-np.arange(0, n_rot, 2) / n_rot).astype(np.float32))
    if getattr(cfg, "sliding_window", None) and getattr(cfg, "use_sliding_window", True):
        w.add_sliding_window(cfg.sliding_window)
    for key, names in (("attn_logit_softcapping", ("attn_logit_softcapping",)),
                       ("final_logit_softcapping", ("final_logit_softcapping",)),
                       ("embedding_scale", ("embedding_multiplier",)),
                       ("residual_scale", ("residual_multiplier",)),
                       ("attention.scale", ("attention_multiplier",)),
                       ("logit_scale", ("logits_scaling", "logit_scale"))):
        v = first(cfg, *names)
        if v is not None:
            w.add_float32(f"{arch}.{key}", v)
    if arch == "mpt":
        w.add_max_alibi_bias(8.0)
    more_keys(w, cfg, arch)
    if first(cfg, "use_parallel_residual") is not None:
        w.add_parallel_residual(cfg.use_parallel_residual)
    experts = first(cfg, "n_routed_experts", "num_experts", "num_local_experts")
    if experts:
        w.add_expert_count(experts)
        w.add_expert_used_count(cfg.num_experts_per_tok)
        w.add_expert_feed_forward_length(first(cfg, "moe_intermediate_size", "intermediate_size"))
    if first(cfg, "shared_expert_intermediate_size"):
        w.add_expert_shared_feed_forward_length(cfg.shared_expert_intermediate_size)
    if first(cfg, "norm_topk_prob") is not None:
        w.add_expert_weights_norm(cfg.norm_topk_prob)
    stacks = {}
    enum = next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == arch)
    names = gguf.get_tensor_name_map(enum, layers)
    for name, p in model.state_dict().items():
        x = p.float().numpy()
        if cfg.tie_word_embeddings and name in ("lm_head.weight", "embed_out.weight"):
            continue
        if name.endswith((".attn.bias", ".attn.masked_bias")) or name.startswith("pooler."):
            continue
        if getattr(cfg, "model_type", "") == "roberta" and "position_embeddings" in name:
            x = x[2:]
        if arch == "nomic-bert":
            for a, b in (("self_attn.o_proj", "attn.out_proj"), ("up_proj", "fc11"), ("gate_proj", "fc12"),
                         ("down_proj", "fc2"), ("post_attention_layernorm", "norm1"), ("post_mlp_layernorm", "norm2"),
                         ("embeddings.LayerNorm", "emb_ln")):
                name = name.replace(a, b)
            name = "encoder." + name if name.startswith("layers.") else name
            if ".self_attn.q_proj" in name:
                layer = name.split("layers.")[1].split(".")[0]
                at = name.replace("encoder.", "")
                w.add_tensor(f"blk.{layer}.attn_qkv.weight", np.concatenate(
                    [model.state_dict()[at.replace("q_proj", f"{c}_proj")].float().numpy() for c in "qkv"]))
                continue
            if ".self_attn." in name:
                continue
        if own_layout(w, cfg, arch, name, x):
            continue
        if arch == "gpt2" and x.ndim == 2 and ".h." in name:
            x = x.T
        if name.endswith((".wqkv.weight", ".W_pack.weight")):
            if "wqkv" in name:
                x = ungroup(x, kv, heads // kv, dim)
            layer = name.split(".layers.")[1].split(".")[0]
            for part, rows, n in zip("qkv", np.split(x, [heads * dim, (heads + kv) * dim]), (heads, kv, 0)):
                w.add_tensor(f"blk.{layer}.attn_{part}.weight",
                             np.ascontiguousarray(neighbours(rows, n) if n else rows))
            continue
        if arch == "openelm" and ".proj_1." in name:
            layer = name.split(".layers.")[1].split(".")[0]
            for part, rows in zip(("gate", "up"), np.split(x, 2)):
                w.add_tensor(f"blk.{layer}.ffn_{part}.weight", np.ascontiguousarray(rows))
            continue
        if arch in GROUPED and "query_key_value" in name:
            if arch != "falcon" or cfg.new_decoder_architecture:
                x = ungroup(x, kv, heads // kv, dim)
        if arch in NEIGHBOURS and (".q_proj." in name or ".k_proj." in name):
            x = neighbours(x, heads if ".q_proj." in name else kv)
        if arch in PLUS_ONE and name.endswith("norm.weight"):
            x = x + 1
        if arch == "deepseek" and ".experts." in name:
            layer, _, n, kind = name.split(".layers.")[1].split(".")[0], *name.split(".")[-4:-1]
            stacks.setdefault(f"blk.{layer}.ffn_{kind.split('_')[0]}_exps.weight", []).append(x)
            continue
        if ".experts." in name or "_linear." in name:
            layer = name.split(".layers.")[1].split(".")[0]
            if "gate_up_proj" in name or "input_linear" in name:
                ff = x.shape[1] // 2
                w.add_tensor(f"blk.{layer}.ffn_gate_exps.weight", np.ascontiguousarray(x[:, :ff]))
                w.add_tensor(f"blk.{layer}.ffn_up_exps.weight", np.ascontiguousarray(x[:, ff:]))
            else:
                w.add_tensor(f"blk.{layer}.ffn_down_exps.weight", np.ascontiguousarray(x))
            continue
        if experts and ".router." in name:
            w.add_tensor(f"blk.{name.split('.layers.')[1].split('.')[0]}.ffn_gate_inp.weight", x)
            continue
        if experts and (".mlp." in name or ".feed_forward." in name) and name.split(".")[-2] in ("gate_proj", "up_proj", "down_proj") \
                and "shared" not in name:     # a layer without experts: gguf-py's table has no name
            layer, kind = name.split(".layers.")[1].split(".")[0], name.split(".")[-2].split("_")[0]
            w.add_tensor(f"blk.{layer}.ffn_{kind}.weight", x)
            continue
        if name.endswith("shared_expert_gate.weight"):
            x = x[0]
        if arch == "falcon" and ".ln_mlp." in name:
            name = name.replace("ln_mlp", "input_layernorm")
        stem, _, suffix = name.rpartition(".")
        if suffix not in ("weight", "bias"):
            stem, suffix = name, ""
        to = names.get_name(stem) or names.get_name(name) or names.get_name(stem.partition(".")[2])
        if to is None:
            raise KeyError(name)
        w.add_tensor(f"{to}.{suffix}" if suffix else to, np.ascontiguousarray(x, np.float32))
    for name, parts in stacks.items():
        w.add_tensor(name, np.stack(parts))
    w.add_tokenizer_model("none")     # ids alone: llama.cpp wants to be told
    w.add_vocab_size(cfg.vocab_size)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


SIZE = dict(vocab_size=320, hidden_size=128, intermediate_size=224, num_hidden_layers=4,
            num_attention_heads=8, max_position_embeddings=512, pad_token_id=0)
KV = dict(num_key_value_heads=2)
GPT = dict(vocab_size=320, n_embd=128, n_layer=3, n_head=8, n_positions=256)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=32)
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=8.0, original_max_position_embeddings=64)
LONG = dict(rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=64,
            long_factor=[1.0 + 0.5 * i for i in range(8)], short_factor=[1.0 + 0.1 * i for i in range(8)])

SIZE27 = dict(SIZE, num_hidden_layers=27, hidden_size=64, intermediate_size=96)  # llama.cpp knows the lite by 27
MLA = dict(num_key_value_heads=8, kv_lora_rank=32, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=24,
           n_routed_experts=6, num_experts_per_tok=2, moe_intermediate_size=80, n_shared_experts=2)

CASES = [
    ("llama3 rope", "llama", "LlamaConfig", dict(SIZE, **KV, rope_parameters=LLAMA3)),
    ("llama yarn", "llama", "LlamaConfig", dict(SIZE, **KV, rope_parameters=YARN)),
    ("llama biases", "llama", "LlamaConfig", dict(SIZE, **KV, attention_bias=True, mlp_bias=True)),
    ("qwen2 yarn", "qwen2", "Qwen2Config", dict(SIZE, **KV, rope_parameters=YARN)),
    ("gemma", "gemma", "GemmaConfig", dict(SIZE, **KV, head_dim=32)),
    ("gemma2", "gemma2", "Gemma2Config", dict(SIZE, **KV, head_dim=32, sliding_window=40, query_pre_attn_scalar=32)),
    ("gemma3", "gemma3", "Gemma3TextConfig", dict(SIZE, **KV, head_dim=32, num_hidden_layers=7, sliding_window=40, query_pre_attn_scalar=32)),
    ("phi2", "phi2", "PhiConfig", dict(SIZE)),
    ("phi3", "phi3", "Phi3Config", dict(SIZE, **KV, sliding_window=40)),
    ("phi3 longrope", "phi3", "Phi3Config", dict(SIZE, **KV, original_max_position_embeddings=64, rope_parameters=LONG)),
    ("olmo", "olmo", "OlmoConfig", dict(SIZE)),
    ("olmo2", "olmo2", "Olmo2Config", dict(SIZE, **KV)),
    ("gpt2", "gpt2", "GPT2Config", dict(GPT)),
    ("starcoder", "starcoder", "GPTBigCodeConfig", dict(GPT)),
    ("gptj", "gptj", "GPTJConfig", dict(GPT, rotary_dim=8)),
    ("gptneox", "gptneox", "GPTNeoXConfig", dict(SIZE)),
    ("gptneox serial", "gptneox", "GPTNeoXConfig", dict(SIZE, use_parallel_residual=False)),
    ("falcon 7b", "falcon", "FalconConfig", dict(vocab_size=320, hidden_size=128, num_hidden_layers=3, num_attention_heads=8)),
    ("falcon 40b", "falcon", "FalconConfig", dict(vocab_size=320, hidden_size=128, num_hidden_layers=3, num_attention_heads=8, new_decoder_architecture=True, num_kv_heads=2)),
    ("mpt", "mpt", "MptConfig", dict(vocab_size=320, d_model=96, n_layers=3, n_heads=6)),
    ("bloom", "bloom", "BloomConfig", dict(vocab_size=320, hidden_size=96, n_layer=3, n_head=6)),
    ("stablelm", "stablelm", "StableLmConfig", dict(SIZE, **KV, use_qkv_bias=True)),
    ("starcoder2", "starcoder2", "Starcoder2Config", dict(SIZE, **KV, sliding_window=40)),
    ("smollm3", "smollm3", "SmolLM3Config", dict(SIZE, **KV)),
    ("granite", "granite", "GraniteConfig", dict(SIZE, **KV, embedding_multiplier=12.0, residual_multiplier=0.22, attention_multiplier=0.1, logits_scaling=8.0)),
    ("command-r", "command-r", "CohereConfig", dict(SIZE, **KV)),
    ("cohere2", "cohere2", "Cohere2Config", dict(SIZE, **KV, sliding_window=40, num_hidden_layers=5)),
    ("glm4", "glm4", "Glm4Config", dict(SIZE, **KV, head_dim=16)),
    ("mixtral", "llama", "MixtralConfig", dict(SIZE, **KV, num_local_experts=6, num_experts_per_tok=2, sliding_window=40)),
    ("qwen2moe", "qwen2moe", "Qwen2MoeConfig", dict(SIZE, **KV, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=80, shared_expert_intermediate_size=96, mlp_only_layers=[1])),
    ("qwen3moe", "qwen3moe", "Qwen3MoeConfig", dict(SIZE, **KV, head_dim=32, num_experts=6, num_experts_per_tok=2, moe_intermediate_size=80, norm_topk_prob=True)),
    ("olmoe", "olmoe", "OlmoeConfig", dict(SIZE, num_experts=6, num_experts_per_tok=3)),
    ("granitemoe", "granitemoe", "GraniteMoeConfig", dict(SIZE, **KV, num_local_experts=6, num_experts_per_tok=2, embedding_multiplier=12.0, residual_multiplier=0.22, attention_multiplier=0.1, logits_scaling=8.0)),
    ("exaone", "exaone", "ExaoneConfig", dict(SIZE, **KV, rope_parameters=LLAMA3)),
    ("internlm2", "internlm2", own.internlm2),
    ("baichuan", "baichuan", own.baichuan),
    ("baichuan alibi", "baichuan", lambda _, __, seed: own.baichuan_alibi(IDS, seed)),
    ("minicpm", "minicpm", own.minicpm),
    ("openelm", "openelm", lambda _, __, seed: own.openelm(IDS, seed)),
    ("gpt-oss", "gpt-oss", "GptOssConfig", dict(SIZE, **KV, head_dim=16, num_local_experts=6, num_experts_per_tok=2, sliding_window=40, rope_parameters=dict(YARN, original_max_position_embeddings=32, truncate=False))),
    ("gpt-oss no yarn", "gpt-oss", "GptOssConfig", dict(SIZE, **KV, head_dim=16, num_local_experts=6, num_experts_per_tok=2, sliding_window=40, rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
    ("gpt-oss mxfp4", "gpt-oss", own.gpt_oss_mxfp4),
    ("deepseek", "deepseek", lambda _, __, seed: own.deepseek(IDS, seed)),
    ("deepseek2 lite", "deepseek2", "DeepseekV2Config", dict(SIZE27, **MLA, q_lora_rank=None, topk_method="greedy", first_k_dense_replace=1, routed_scaling_factor=1.5, rope_parameters=dict(YARN, mscale=0.7, mscale_all_dim=0.7))),
    ("deepseek2", "deepseek2", "DeepseekV2Config", dict(SIZE, **MLA, q_lora_rank=48, topk_method="group_limited_greedy", n_group=3, topk_group=2, first_k_dense_replace=0, routed_scaling_factor=16.0)),
    ("deepseek2 no groups", "deepseek2", "DeepseekV2Config", dict(SIZE, **MLA, q_lora_rank=48, topk_method="greedy", first_k_dense_replace=1, routed_scaling_factor=2.0)),
    ("deepseek v3", "deepseek2", "DeepseekV3Config", dict(SIZE, **MLA, q_lora_rank=48, n_group=3, topk_group=2, first_k_dense_replace=1, routed_scaling_factor=2.5, rope_parameters=dict(YARN, mscale=1.0, mscale_all_dim=1.0))),
    ("plm", "plm", lambda _, __, seed: own.plm(IDS, seed)),
    ("mamba", "mamba", "MambaConfig", dict(vocab_size=320, hidden_size=64, state_size=16, num_hidden_layers=3, pad_token_id=0)),
    ("mamba2", "mamba2", "Mamba2Config", dict(vocab_size=320, hidden_size=64, state_size=32, head_dim=16, num_heads=8, n_groups=2, num_hidden_layers=3, chunk_size=16, pad_token_id=0)),
    ("jamba", "jamba", "JambaConfig", dict(SIZE, **KV, num_hidden_layers=6, num_experts=4, num_experts_per_tok=2, attn_layer_period=3, attn_layer_offset=1, mamba_d_state=16, use_mamba_kernels=False)),
    ("exaone4", "exaone4", "Exaone4Config", dict(dict(SIZE, num_hidden_layers=64, hidden_size=64, intermediate_size=96), **KV, sliding_window=40, sliding_window_pattern=4)),
]


def case(tmp, n, label, arch, config, more=None):
    if callable(config):
        model = config(model_of, theirs, n)
        want = model.logits
    else:
        model = model_of(getattr(tf, config)(**more), n)
        want = theirs(model)
    folder, file = os.path.join(tmp, f"m{n}"), os.path.join(tmp, f"m{n}.gguf")
    model.save_pretrained(folder)
    sources = [("folder", folder)]
    try:
        write_gguf(file, model, arch)
        sources.append(("gguf", file))
    except Exception as e:
        ok(False, f"{label}: gguf-py writes it: {e!r}")
    for source, path in sources:
        errors = [worst(ours("logits", path), want[:1]), worst(ours("steps", path), want[:1]),
                  worst(ours("pair", path), want)]
        ok(all(e < 1e-4 for e in errors), f"{label}, {source}: " + " ".join(f"{e:.1e}" for e in errors))
        table.append((label, source, *errors))
        if os.path.isfile(path):
            os.remove(path)


ENCODERS = [
    ("bert", "bert", "BertConfig", dict(SIZE)),
    ("roberta", "bert", "RobertaConfig", dict(SIZE, pad_token_id=1, max_position_embeddings=514)),
    ("nomic-bert", "nomic-bert", "NomicBertConfig", dict(SIZE)),
]


def encoder_case(tmp, n, label, arch, config, more):
    """Mean and first row of two texts in one batch."""
    model = model_of(getattr(tf, config)(**more), n, tf.AutoModel)
    with torch.no_grad():
        hidden = model(torch.tensor([IDS, IDS[::-1]])).last_hidden_state.float().numpy()
    want = np.stack([hidden.mean(1), hidden[:, 0]])
    folder, file = os.path.join(tmp, f"m{n}"), os.path.join(tmp, f"m{n}.gguf")
    model.save_pretrained(folder)
    write_gguf(file, model, arch)
    for source, path in (("folder", folder), ("gguf", file)):
        run = subprocess.run([TOOL, "embed", path, "f32", *map(str, IDS)], capture_output=True)
        if run.returncode != 0:
            print(f"# {run.stderr.decode().strip()}")
        got = np.frombuffer(run.stdout, np.float32)
        got = got.reshape(want.shape) if got.size == want.size else None
        errors = [worst(got if got is None else got[i], want[i]) for i in range(2)]
        ok(all(e < 1e-4 for e in errors), f"{label}, {source}: " + " ".join(f"{e:.1e}" for e in errors))
        table.append((label + " (mean, cls)", source, *errors))


def main():
    with tempfile.TemporaryDirectory() as tmp:
        for n, c in enumerate(CASES):
            if not ONLY or c[0] in ONLY or c[1] in ONLY:
                try:
                    case(tmp, n, *c)
                except Exception as e:
                    ok(False, f"{c[0]}: {e!r}"[:300])
        for n, c in enumerate(ENCODERS, len(CASES)):
            if not ONLY or c[0] in ONLY:
                try:
                    encoder_case(tmp, n, *c)
                except Exception as e:
                    ok(False, f"{c[0]}: {e!r}"[:300])
    print(f"1..{ran}")
    print("# architecture, source: prefill, token by token, two in a batch")
    for row in table:
        print(f"# {row[0]:16} {row[1]:6} " + " ".join(f"{e:.1e}" for e in row[2:]))
    return failed != 0


tf.logging.set_verbosity_error()
tf.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
if __name__ == "__main__":
    sys.exit(main())
