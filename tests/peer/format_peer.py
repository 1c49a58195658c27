#!/usr/bin/env python3
"""They read what we write, we read what they write: gguf-py, safetensors, torch, transformers.

Usage: format_peer.py TOOL_LS. Prints TAP.
"""
import json
import os
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import safetensors
import safetensors.torch
import torch

TOOL = os.path.abspath(sys.argv[1])
ran = failed = 0


def ok(good, what):
    global ran, failed
    ran += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {ran} - {what}", flush=True)


def fnv(data):
    h = 0xCBF29CE484222325
    for byte in bytes(data):
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def ls(path, *copy):
    """What our reader sees: metadata and tensors by name."""
    run = subprocess.run([TOOL, path, *copy], capture_output=True, text=True)
    if run.returncode != 0:
        print(f"# {run.stderr.strip()}")
        return {}, {}
    lines = [json.loads(line) for line in run.stdout.split("\n") if line]
    return ({x["meta"]: x["value"] for x in lines if "meta" in x},
            {x["tensor"]: x for x in lines if "tensor" in x})


VALUES = {
    "u8": 200, "i8": -3, "u16": 60000, "i16": -300, "u32": 4000000000, "i32": -70000,
    "u64": 1 << 40, "i64": -5, "f32": 0.5, "f64": 0.1, "bool": True, "str": "häus\n\u2028",
    "strs": ["a", "", "\u00e9\u00e8"], "ints": [1, -2, 3], "floats": [0.25, -8.0], "bools": [True, False],
}


def write_gguf(path, alignment):
    rng = np.random.default_rng(alignment)
    w = gguf.GGUFWriter(path, "llama")
    if alignment != 32:
        w.add_custom_alignment(alignment)
    for name, add in (("u8", w.add_uint8), ("i8", w.add_int8), ("u16", w.add_uint16), ("i16", w.add_int16),
                      ("u32", w.add_uint32), ("i32", w.add_int32), ("u64", w.add_uint64),
                      ("i64", w.add_int64), ("f32", w.add_float32), ("f64", w.add_float64),
                      ("bool", w.add_bool), ("str", w.add_string), ("strs", w.add_array),
                      ("ints", w.add_array), ("floats", w.add_array), ("bools", w.add_array)):
        add(name, VALUES[name])
    x = (0.1 * rng.standard_normal((3, 2, 512))).astype(np.float32)
    want = {}
    for name in ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"):
        q = gguf.GGMLQuantizationType[name]
        elems, size = gguf.GGML_QUANT_SIZES[q]
        try:
            data = gguf.quantize(x, q)
        except NotImplementedError:
            data = rng.integers(0, 256, (3, 2, 512 // elems * size), dtype=np.uint8)
            for at in ([0, 2] if name == "Q4_K" else [208]):
                scale = np.abs(rng.standard_normal((3, 2, 512 // elems))).astype(np.float16)
                data.reshape(3, 2, -1, size)[..., at:at + 2] = scale[..., None].view(np.uint8)
        w.add_tensor(name, data, raw_dtype=q)
        want[name] = (data.tobytes(), gguf.dequantize(data, q).astype("<f4").tobytes())
    w.add_tensor("odd", np.arange(5, dtype=np.int32))
    want["odd"] = (np.arange(5, dtype="<i4").tobytes(), None)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return want


def check_gguf(folder, alignment):
    path, copy = os.path.join(folder, "their.gguf"), os.path.join(folder, "ours.gguf")
    want = write_gguf(path, alignment)
    meta, tensors = ls(path, "gguf", copy)
    ok(all(meta.get(k) == v for k, v in VALUES.items()), f"gguf, alignment {alignment}: metadata")
    for name, (data, floats) in want.items():
        t = tensors.get(name, {})
        ok(t.get("shape") == ([5] if name == "odd" else [3, 2, 512]) and t.get("hash") == fnv(data)
           and (floats is None or t.get("floats") == fnv(floats)) and t["offset"] % alignment == 0,
           f"gguf, alignment {alignment}: {name}, its bytes and its floats")
    ours, theirs = gguf.GGUFReader(copy), gguf.GGUFReader(path)
    same = [t.name for t in ours.tensors] == [t.name for t in theirs.tensors]
    for a, b in zip(ours.tensors, theirs.tensors):
        same = same and a.tensor_type == b.tensor_type and list(a.shape) == list(b.shape)
        same = same and np.array_equal(a.data, b.data)
    ok(same, f"gguf, alignment {alignment}: gguf-py reads our copy, {len(ours.tensors)} tensors")
    fields = [k for k in ours.fields if not k.startswith("GGUF.")]
    kept = all(ours.fields[k].contents() == theirs.fields[k].contents()
               for k in ("str", "strs", "ints", "floats", "f32", "bool", "u32", "general.architecture"))
    ok(kept and fields == [k for k in theirs.fields if not k.startswith("GGUF.")],
       f"gguf, alignment {alignment}: and our metadata")


def check_safetensors(folder):
    path, copy = os.path.join(folder, "their.safetensors"), os.path.join(folder, "ours.safetensors")
    torch.manual_seed(1)
    want = {
        "f64": torch.randn(2, 3, dtype=torch.float64), "f32": torch.randn(4, 1, 2), "f16": torch.randn(7).half(),
        "bf16": torch.randn(3, 5).bfloat16(), "i64": torch.tensor(-7), "i32": torch.arange(4).int(),
        "i16": torch.arange(3).short(), "i8": torch.arange(5).to(torch.int8), "u8": torch.arange(9).to(torch.uint8),
        "bool": torch.tensor([True, False]), "none": torch.zeros(0, 3), "näme \"q\"": torch.ones(1),
    }
    safetensors.torch.save_file(want, path, metadata={"format": "pt", "note": "tab\t\u00e9"})
    meta, tensors = ls(path, "safetensors", copy)
    ok(meta == {"format": "pt", "note": "tab\t\u00e9"}, "safetensors: metadata")
    good = set(tensors) == set(want)
    for name, t in want.items():
        data = t.contiguous().view(torch.uint8) if t.dim() > 0 and t.numel() > 0 else t.reshape(-1).view(torch.uint8)
        x = tensors.get(name, {})
        good = good and x["shape"] == list(t.shape) and x["hash"] == fnv(data.numpy().tobytes())
    ok(good, f"safetensors: {len(want)} tensors of every type")
    ours = safetensors.torch.load_file(copy)
    ok(set(ours) == set(want) and all(ours[k].dtype == v.dtype and torch.equal(ours[k], v)
                                      for k, v in want.items()), "safetensors: they read our copy")
    with safetensors.safe_open(copy, "pt") as f:
        ok(f.metadata() == {"format": "pt", "note": "tab\t\u00e9"}, "safetensors: and our metadata")
    safetensors.torch.save_file(want, path, metadata={"format": "pt"})    # their order of two keys varies
    ls(path, "safetensors", copy)
    with open(path, "rb") as a, open(copy, "rb") as b:
        ok(a.read() == b.read(), "safetensors: the copy is the same bytes")


def check_folder(folder):
    import transformers

    config = transformers.LlamaConfig(hidden_size=64, intermediate_size=96, num_hidden_layers=3,
                                      num_attention_heads=4, num_key_value_heads=2, vocab_size=100,
                                      rms_norm_eps=1e-6, tie_word_embeddings=False)
    model = transformers.LlamaForCausalLM(config)
    for shards, limit in (("one file", "1GB"), ("shards", "60KB")):
        path = os.path.join(folder, shards)
        model.save_pretrained(path, max_shard_size=limit)
        meta, tensors = ls(path)
        want = model.state_dict()
        ok(set(tensors) == set(want) and all(
            tensors[k]["shape"] == list(v.shape) and tensors[k]["floats"] == fnv(v.float().numpy().tobytes())
            for k, v in want.items()), f"folder of {shards}: {len(want)} tensors")
        files = {t["file"] for t in tensors.values()}
        ok(len(files) > 1 if shards == "shards" else len(files) == 1, f"folder of {shards}: {len(files)} files")
        with open(os.path.join(path, "config.json")) as f:
            plain = {k: v for k, v in json.load(f).items() if isinstance(v, (int, float, str, bool))}
        ok(all(meta.get("config." + k) == v for k, v in plain.items()),
           f"folder of {shards}: {len(plain)} values of config.json")


with tempfile.TemporaryDirectory() as work:
    for align in (32, 64, 8):
        check_gguf(work, align)
    check_safetensors(work)
    check_folder(work)
print(f"1..{ran}")
sys.exit(failed != 0)
