#!/usr/bin/env python3
"""Logits of random-weight llama, qwen2 and qwen3 against transformers in float32.

Folders by transformers (one file and shards, tied and untied, three rotary settings), GGUF files
by gguf-py, quantised files against a transformers model that holds their dequantised weights.
Relative error of the worst position, |a - b| / |b|.   Usage: lm_peer.py TOOL_LM.  Prints TAP.
"""
import os
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
import transformers as tf

TOOL = os.path.abspath(sys.argv[1])
ran = failed = 0
IDS = [(i * i * 31 + 7) % 384 for i in range(150)]


def ok(good, what):
    global ran, failed
    ran += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {ran} - {what}", flush=True)


def ours(path, act="f32"):
    run = subprocess.run([TOOL, "logits", path, act, *map(str, IDS)], capture_output=True)
    if run.returncode != 0:
        print(f"# {run.stderr.decode().strip()}")
        return None
    return np.frombuffer(run.stdout, np.float32).reshape(len(IDS), -1)


def theirs(model):
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0].float().numpy()


def worst(got, want):
    if got is None or got.shape != want.shape:
        return float("nan")
    return float((np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1)).max())


def compare(got, want, limit, what):
    e = worst(got, want)
    ok(e < limit, f"{what}: {e:.2e}")


def config(kind, tied, **more):
    size = dict(vocab_size=384, hidden_size=256, intermediate_size=512, num_hidden_layers=3,
                num_attention_heads=8, num_key_value_heads=2, max_position_embeddings=4096,
                tie_word_embeddings=tied)
    size.update(more)
    return {"llama": tf.LlamaConfig, "mistral": tf.MistralConfig, "qwen2": tf.Qwen2Config,
            "qwen3": tf.Qwen3Config}[kind](**size)


def model_of(cfg, seed=0):
    torch.manual_seed(seed)
    model = tf.AutoModelForCausalLM.from_config(cfg, attn_implementation="eager")
    model = model.float().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():     # away from the calm of initialisation
            if p.ndim == 2:
                p.normal_(0, 0.08)
            elif "bias" in name:
                p.normal_(0, 0.5)
            else:
                p.uniform_(0.5, 1.5)
    return model


def permute(w, heads):
    """Halves of each head to neighbouring pairs, as files of architecture llama have them."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def gguf_name(name):
    parts = name.split(".")
    if parts[0] == "lm_head":
        return "output.weight"
    if parts[1] == "embed_tokens":
        return "token_embd.weight"
    if parts[1] == "norm":
        return "output_norm.weight"
    table = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
             "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
             "q_norm": "attn_q_norm", "k_norm": "attn_k_norm", "gate_proj": "ffn_gate",
             "up_proj": "ffn_up", "down_proj": "ffn_down"}
    return f"blk.{parts[2]}.{table[parts[-2]]}.{parts[-1]}"


def tensors_of(model, arch):
    """The tensors of a GGUF, by name, in float32."""
    cfg, out = model.config, {}
    for name, p in model.state_dict().items():
        w = p.float().numpy()
        if name == "lm_head.weight" and cfg.tie_word_embeddings:
            continue
        if arch == "llama" and (".q_proj." in name or ".k_proj." in name):
            w = permute(w, cfg.num_attention_heads if ".q_proj." in name else cfg.num_key_value_heads)
        out[gguf_name(name)] = w
    return out


def write_gguf(path, model, arch, kind=None):
    """Matrices as KIND (a gguf type that gguf-py can encode; None: f32)."""
    cfg = model.config
    w = gguf.GGUFWriter(path, arch)
    w.add_context_length(cfg.max_position_embeddings)
    w.add_embedding_length(cfg.hidden_size)
    w.add_block_count(cfg.num_hidden_layers)
    w.add_feed_forward_length(cfg.intermediate_size)
    w.add_head_count(cfg.num_attention_heads)
    w.add_head_count_kv(cfg.num_key_value_heads)
    head = getattr(cfg, "head_dim", None) or cfg.hidden_size // cfg.num_attention_heads
    w.add_key_length(head)
    w.add_value_length(head)
    w.add_rope_dimension_count(head)
    w.add_layer_norm_rms_eps(cfg.rms_norm_eps)
    w.add_rope_freq_base(cfg.rope_parameters["rope_theta"])
    for name, x in tensors_of(model, arch).items():
        if kind is None or x.ndim == 1:
            w.add_tensor(name, np.ascontiguousarray(x, np.float32))
        else:
            w.add_tensor(name, gguf.quants.quantize(x, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def load_dequantised(model, path, arch):
    """The weights of MODEL become those of the GGUF, dequantised by gguf-py."""
    read = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(path).tensors}
    cfg = model.config
    with torch.no_grad():
        for name, p in model.named_parameters():
            x = read[gguf_name(name)].reshape(tuple(p.shape))
            if arch == "llama" and (".q_proj." in name or ".k_proj." in name):
                heads = cfg.num_attention_heads if ".q_proj." in name else cfg.num_key_value_heads
                x = x.reshape(heads, x.shape[0] // heads // 2, 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)
            p.copy_(torch.from_numpy(np.array(x)))


def folders(tmp):
    llama3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
                  high_freq_factor=4.0, original_max_position_embeddings=64)
    cases = [
        ("llama", True, {}, "5GB"), ("llama", False, {}, "300KB"),
        ("llama", True, dict(rope_parameters=llama3), "5GB"),
        ("llama", True, dict(rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0)), "5GB"),
        ("llama", False, dict(attention_bias=True, head_dim=48), "5GB"),
        ("mistral", False, dict(sliding_window=40), "5GB"),
        ("qwen2", True, {}, "5GB"), ("qwen2", False, {}, "300KB"),
        ("qwen3", True, dict(head_dim=64), "5GB"), ("qwen3", False, dict(head_dim=64), "300KB"),
    ]
    for n, (kind, tied, more, shard) in enumerate(cases):
        model = model_of(config(kind, tied, **more), n)
        path = os.path.join(tmp, f"hf{n}")
        model.save_pretrained(path, max_shard_size=shard)
        shards = len([f for f in os.listdir(path) if f.endswith(".safetensors")])
        compare(ours(path), theirs(model), 1e-4,
                f"folder {kind} {'tied' if tied else 'untied'}, {shards} shard(s), {', '.join(more) or 'plain'}")
        # Written as GGUF (permuted where the architecture asks for it) it is still the same model.
        out = os.path.join(tmp, f"hf{n}.gguf")
        if subprocess.run([TOOL, "write", path, out, "f32"]).returncode == 0:
            compare(ours(out), theirs(model), 1e-4, "and written as GGUF")
        else:
            ok(False, "written as GGUF")
    model = model_of(config("qwen2", True), 3).to(torch.bfloat16)
    path = os.path.join(tmp, "bf16")
    model.save_pretrained(path)
    model = tf.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    compare(ours(path), theirs(model), 1e-4, "folder qwen2 in bf16, one shard")


def files(tmp):
    for kind, more in (("llama", {}), ("qwen2", {}), ("qwen3", dict(head_dim=64))):
        for tied in (True, False):
            model = model_of(config(kind, tied, **more), 5)
            path = os.path.join(tmp, f"{kind}.gguf")
            write_gguf(path, model, kind)
            compare(ours(path), theirs(model), 1e-4, f"gguf-py {kind} {'tied' if tied else 'untied'} f32")
    for kind, more in (("llama", {}), ("qwen2", {}), ("qwen3", dict(head_dim=64))):
        source = model_of(config(kind, True, **more), 9)
        plain = os.path.join(tmp, f"{kind}-plain.gguf")
        write_gguf(plain, source, kind)
        for name in ("f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k"):
            path = os.path.join(tmp, f"{kind}-{name}.gguf")
            by = "gguf-py"
            if name in ("q8_0", "q4_0", "bf16"):
                write_gguf(path, source, kind, gguf.GGMLQuantizationType[name.upper()])
            else:
                by = "ours"
                subprocess.run([TOOL, "write", plain, path, name], check=True)
            model = model_of(config(kind, True, **more), 9)
            load_dequantised(model, path, kind)
            want = theirs(model)
            compare(ours(path), want, 1e-4, f"{kind} {name} (by {by}), f32 activations")
            print(f"# int8 or own activations: {worst(ours(path, 'int8'), want):.2e}")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        folders(tmp)
        files(tmp)
    print(f"1..{ran}")
    return failed != 0


tf.logging.set_verbosity_error()
tf.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
sys.exit(main())
