#!/usr/bin/env python3
"""Checkpoints that torch and numpy write: every tensor is read bit for bit.

Usage: torch_peer.py TOOL_LS. Prints TAP.
"""
import collections
import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
import zipfile

import numpy as np
import torch

warnings.filterwarnings("ignore")
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
    run = subprocess.run([TOOL, path, *copy], capture_output=True, text=True)
    if run.returncode != 0:
        print(f"# {run.stderr.strip()}")
        return {}, {}
    lines = [json.loads(line) for line in run.stdout.split("\n") if line]
    return ({x["meta"]: x["value"] for x in lines if "meta" in x},
            {x["tensor"]: x for x in lines if "tensor" in x})


def data_of(t):
    """Row-major bytes of a tensor or an array."""
    if isinstance(t, np.ndarray):
        return np.ascontiguousarray(t).astype(t.dtype.newbyteorder("<")).tobytes()
    t = t.detach().resolve_conj().resolve_neg().contiguous()
    if t.is_quantized:
        t = t.int_repr()
    return t.reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""


def same(got, want):
    """All of WANT is in GOT, bit for bit."""
    good = set(got) == set(want)
    if not good:
        print("# only there:", sorted(set(want) - set(got))[:5], "only here:", sorted(set(got) - set(want))[:5])
    for name, t in want.items() if got else []:
        x = got.get(name, {})
        if x.get("shape") != list(t.shape) or x.get("hash") != fnv(data_of(t)):
            print(f"# {name}: {x} against {t.dtype} {list(t.shape)}")
            good = False
    return good


def tensors():
    torch.manual_seed(4)
    base = torch.randn(6, 5)
    big = torch.randn(3, 4, 2, 5, 2)
    x = {
        "f64": torch.randn(2, 3, dtype=torch.float64), "f32": base, "f16": torch.randn(7).half(),
        "bf16": torch.randn(3, 5).bfloat16(), "i64": torch.tensor(-7), "i32": torch.arange(4).int(),
        "i16": torch.arange(3).short(), "i8": torch.arange(-5, 5).to(torch.int8), "u8": torch.arange(9).to(torch.uint8),
        "bool": torch.tensor([True, False, True]), "c64": torch.randn(2, 2, dtype=torch.complex64),
        "c128": torch.randn(3, dtype=torch.complex128), "empty": torch.zeros(0, 3), "none": torch.zeros(0),
        "scalar": torch.tensor(2.5), "transposed": base.t(), "slice": base[1:4, 1:3], "step": base[::2, ::3],
        "tied": base, "row": base[2], "expanded": torch.tensor([1.0, 2.0]).expand(3, 2), "five": big,
        "permuted": big.permute(4, 2, 0, 3, 1), "parameter": torch.nn.Parameter(torch.randn(3)),
        "one": torch.randn(1, 1, 1).transpose(0, 2),
    }
    return x


def check_save(folder):
    want = tensors()
    new = {"u16": torch.arange(5).to(torch.uint16), "u32": torch.arange(5).to(torch.uint32),
           "u64": torch.arange(5).to(torch.uint64), "f8": torch.randn(9).to(torch.float8_e4m3fn),
           "f8_5": torch.randn(9).to(torch.float8_e5m2)}
    path = os.path.join(folder, "a.pt")
    for protocol in range(1, 6):
        for zipped in (True, False):
            torch.save(want | (new if protocol > 1 else {}), path, pickle_protocol=protocol,
                       _use_new_zipfile_serialization=zipped)
            ok(same(ls(path)[1], want | (new if protocol > 1 else {})),
               f"torch.save, {'zip' if zipped else 'legacy'}, protocol {protocol}: {len(want)} tensors")


def check_nested(folder):
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2, bias=False))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95))
    model(torch.randn(5, 4)).sum().backward()
    optimizer.step()
    path = os.path.join(folder, "b.pt")
    for zipped in (True, False):
        torch.save({"epoch": 3, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
                    "loss": 0.5, "name": "häus", "history": [1.5, 2, -3], "words": ["a", "b"], "deep": {"x": [{"y": torch.ones(2)}]}},
                   path, _use_new_zipfile_serialization=zipped)
        meta, got = ls(path)
        want = dict(model.state_dict())
        for i, s in optimizer.state_dict()["state"].items():
            for k, t in s.items():
                want[f"optimizer.state.{i}.{k}"] = t
        want["deep.x.0.y"] = torch.ones(2)
        ok(same(got, want), f"model and optimizer in one file, {'zip' if zipped else 'legacy'}")
        ok(meta.get("epoch") == 3 and meta.get("loss") == 0.5 and meta.get("name") == "häus"
           and meta.get("history") == [1.5, 2, -3] and meta.get("words") == ["a", "b"]
           and meta.get("optimizer.param_groups.0.lr") == 1e-3
           and meta.get("optimizer.param_groups.0.betas") == [0.9, 0.95]
           and "pickle.unknown" not in meta, "numbers and texts beside them")
    torch.save(model, path)
    meta, got = ls(path)
    ok(same(got, dict(model.state_dict())), "a pickled module: its state dict")
    ok("torch.nn.modules.linear.Linear" in meta["pickle.globals"]
       and "torch.nn.modules.linear.Linear" in meta["pickle.unknown"], "its classes are listed")
    torch.save(torch.arange(3), path)
    ok(same(ls(path)[1], {"tensor": torch.arange(3)}), "one tensor")
    torch.save([torch.ones(1), {"a": torch.zeros(2)}], path)
    ok(same(ls(path)[1], {"0": torch.ones(1), "1.a": torch.zeros(2)}), "a list")
    torch.save(collections.OrderedDict(a=np.arange(6.0).reshape(2, 3), b=np.float32(1.5), c=np.asfortranarray(
        np.arange(6, dtype=">i4").reshape(2, 3)), d=torch.sparse_coo_tensor([[0, 2]], [1.0, 2.0], (3,))), path)
    meta, got = ls(path)
    ok(same({k: got.get(k, {}) for k in "ac"}, {"a": np.arange(6.0).reshape(2, 3), "c": np.arange(6, dtype="<i4").reshape(2, 3)})
       and meta.get("b") == 1.5, "numpy arrays and scalars")
    ok({"d.indices", "d.values"} <= set(got), "a sparse tensor's indices and values")
    q = torch.quantize_per_tensor(torch.randn(3, 2), 0.1, 2, torch.qint8)
    torch.save({"q": q}, path)
    ok(same(ls(path)[1], {"q": q}), "a quantised tensor's integers")


class Storages(pickle.Unpickler):
    """Element type of each storage, by its key; nothing is rebuilt."""
    def __init__(self, data):
        super().__init__(io.BytesIO(data))
        self.types = {}

    def persistent_load(self, pid):
        self.types[pid[2]] = pid[1]

    def find_class(self, module, name):
        return name if name.endswith("Storage") else collections.OrderedDict if name == "OrderedDict" else lambda *_: None


def check_big(folder):
    """A file as a machine with the other byte order writes it."""
    little, path = os.path.join(folder, "little.pt"), os.path.join(folder, "big.pt")
    want = tensors()
    width = {"DoubleStorage": 8, "LongStorage": 8, "FloatStorage": 4, "IntStorage": 4, "HalfStorage": 2,
             "BFloat16Storage": 2, "ShortStorage": 2, "ComplexFloatStorage": 4, "ComplexDoubleStorage": 8}
    torch.save(want, little)
    with zipfile.ZipFile(little) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        storages = Storages(source.read("little/data.pkl"))
        storages.load()
        for name in source.namelist():
            data = source.read(name)
            unit = width.get(storages.types.get(name.split("/")[-1]))
            if "/data/" in name and unit:
                data = np.frombuffer(data, f"<u{unit}").byteswap().tobytes()
            z.writestr(name.replace("little/", "big/"), b"big" if name.endswith("byteorder") else data)
    loaded = torch.load(path, weights_only=True)
    ok(all(torch.equal(loaded[k], v) for k, v in want.items()), "torch reads the big-endian copy")
    ok(same(ls(path)[1], want), "big-endian storages")


def check_partial(folder):
    """A file that torch is still writing: what is seen of it is right."""
    want, path, cut = tensors(), os.path.join(folder, "grow.pt"), os.path.join(folder, "cut.pt")
    want["big"] = torch.randn(300, 300)
    for zipped in (True, False):
        torch.save(want, path, _use_new_zipfile_serialization=zipped)
        with open(path, "rb") as f:
            data = f.read()
        good, most, opened = True, 0, 0
        for at in sorted({len(data) * i // 40 for i in range(40)} | {len(data) - i for i in (1, 22, 100, 1000)}):
            with open(cut, "wb") as f:
                f.write(data[:at])
            got = ls("partial:" + cut)[1]
            opened += len(got) > 0
            most = max(most, len(got))
            good = good and same(got, {k: want[k] for k in got})
        ok(good and opened > 10 and most >= len(want) - 1, f"cut at 44 places, {'zip' if zipped else 'legacy'}: {opened} open, {most} of {len(want)} tensors at most")


class Sparse:
    """A file in which zeros are holes: torch's own zip64 without its gigabytes."""
    def __init__(self, path):
        self.f = open(path, "wb")

    def write(self, data):
        x = np.frombuffer(data, np.uint8)
        for at in range(0, len(x), 1 << 22):
            part = x[at:at + (1 << 22)]
            if part.any():
                self.f.write(part)
            else:
                self.f.seek(len(part), 1)
        return len(x)

    def flush(self):
        self.f.flush()


def check_zip64(folder):
    path = os.path.join(folder, "wide.pt")
    big, small = torch.zeros((5 << 30) // 4), torch.arange(7.0)
    big[5], big[-1] = 3, 7
    torch.save({"big": big, "small": small}, Sparse(path))
    got = ls(path)[1]
    where = got["big"]["offset"]
    x = np.memmap(path, "<f4", "r", offset=where, shape=big.shape)
    ok(os.path.getsize(path) > 5 << 30 and got["big"]["shape"] == [big.numel()] and x[5] == 3 and x[-1] == 7 and x[0] == 0,
       f"zip64, a file of {os.path.getsize(path)} bytes: the tensor of 5 GiB")
    ok(got["small"]["offset"] > 5 << 30 and same({"small": got["small"]}, {"small": small}), "and the one behind it")
    os.remove(path)


def check_numpy(folder):
    rng = np.random.default_rng(3)
    x = {"f4": rng.standard_normal((3, 4)).astype("f4"), "f8": rng.standard_normal(5), "f2": np.ones((2, 2), "f2"),
         "big": np.arange(6, dtype=">i4").reshape(2, 3), "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
         "bool": np.array([True, False]), "i1": np.arange(-3, 3, dtype="i1"), "u8": np.arange(4, dtype="u8"),
         "u2": np.arange(4, dtype="u2"), "c8": np.ones(3, "c8"), "c16": np.full((2, 1), 1j), "scalar": np.array(3),
         "empty": np.zeros((0, 4)), "five": rng.standard_normal((2, 3, 1, 4, 2)),
         "smooth": np.tile(np.arange(3000) // 7, 40).reshape(40, 3000), "noise": rng.integers(0, 256, 100000, dtype="u1"),
         "both": np.asfortranarray(np.arange(24, dtype=">f8").reshape(4, 6))}
    path = os.path.join(folder, "a.npz")
    for save in (np.savez, np.savez_compressed):
        save(path, **x)
        ok(same(ls(path)[1], x), f"{save.__name__}: {len(x)} arrays")
    good = True
    for name, a in x.items():
        np.save(os.path.join(folder, "a.npy"), a)
        good = good and same(ls(os.path.join(folder, "a.npy"))[1], {"array": a})
    ok(good, "npy files")
    path = os.path.join(folder, "a.pkl")
    for protocol in range(6):
        with open(path, "wb") as f:
            pickle.dump({"a": x, "n": 3, "f": 0.1, "t": "\u00e4\n'", "big": 1 << 80, "neg": -5, "yes": True}, f, protocol)
        meta, got = ls(path)
        ok(same(got, {"a." + k: v for k, v in x.items()}) and meta["n"] == 3 and meta["f"] == 0.1
           and meta["t"] == "\u00e4\n'" and meta["neg"] == -5 and meta["yes"] is True, f"numpy in a pickle of protocol {protocol}")


def check_written(folder):
    """What we write, they read: .pt with weights_only, optimizer.pt, NPZ."""
    want = tensors()
    path, copy = os.path.join(folder, "w.pt"), os.path.join(folder, "copy.pt")
    torch.save(want | {"u16": torch.arange(5).to(torch.uint16), "f8": torch.randn(9).to(torch.float8_e4m3fn)}, path)
    want = torch.load(path, weights_only=True)
    ls(path, "pt", copy)
    got = torch.load(copy, weights_only=True)
    ok(list(got) == list(want) and all(g.dtype == want[k].dtype and g.shape == want[k].shape and data_of(g) == data_of(want[k])
                                       for k, g in got.items()), f"a state dict of {len(want)} tensors, weights_only=True")
    with zipfile.ZipFile(copy) as z:
        ok(z.testzip() is None and all(i.compress_type == 0 for i in z.infolist()), "its checksums")
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    for _ in range(3):
        model(torch.randn(5, 4)).sum().backward()
        optimizer.step()
    torch.save(optimizer.state_dict(), path)
    ls(path, "optimizer", copy)
    got = torch.load(copy, weights_only=True)
    want = optimizer.state_dict()
    ok(got["state"].keys() == want["state"].keys() and all(
        torch.equal(got["state"][i][k], t) for i, s in want["state"].items() for k, t in s.items()), "optimizer.pt: its moments")
    group = want["param_groups"][0]
    ok(len(got["param_groups"]) == 1 and all(got["param_groups"][0][k] == v for k, v in group.items() if v is not None),
       f"optimizer.pt: its group {got['param_groups']}")
    other = torch.optim.AdamW(model.parameters())
    other.load_state_dict(got)
    other.step()
    ok(other.state_dict()["state"][0]["step"] == 4, "and torch goes on with it")
    arrays = {k: v for k, v in tensors().items() if k != "bf16"}
    torch.save(arrays, path)
    ls(path, "npz", os.path.join(folder, "copy.npz"))
    with np.load(os.path.join(folder, "copy.npz")) as z:
        ok(set(z.files) == set(arrays) and all(z[k].shape == tuple(v.shape) and z[k].tobytes() == data_of(v)
                                               for k, v in arrays.items()), f"an NPZ of {len(arrays)} arrays")


def check_trainer(folder):
    """Moments by the parameters' names where the weights are safetensors, which sorts them: each kind of model whose order is known."""
    import transformers as T

    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 11, "num_attention_heads": 4, "num_key_value_heads": 4,
             "vocab_size": 60, "max_position_embeddings": 32}
    kinds = {"Llama": {}, "Mistral": {}, "Qwen2": {}, "Qwen3": {"head_dim": 8}, "Gemma": {"head_dim": 8}, "Gemma2": {"head_dim": 8}, "Phi3": {"pad_token_id": 0},
             "Olmo2": {}, "Granite": {}, "GPTNeoX": {}, "Phi": {}, "OPT": {"ffn_dim": 32, "word_embed_proj_dim": 32},
             "GPT2": {"n_embd": 32, "n_layer": 11, "n_head": 4, "n_inner": 32, "n_positions": 32}, "Bert": {}}
    for kind, more in kinds.items():
        torch.manual_seed(3)
        config = getattr(T, kind + "Config")(**(small | more))
        model = getattr(T, kind + ("ForMaskedLM" if kind == "Bert" else "LMHeadModel" if kind == "GPT2" else "ForCausalLM"))(config)
        path = os.path.join(folder, "trainer-" + kind)
        model.save_pretrained(path)
        named = [(n.replace("lm_head", "embed_out") if kind == "GPTNeoX" else n, p) for n, p in model.named_parameters()]
        plain = [n for n, p in named if not any(w in n for w in ("bias", "norm", "Norm", "ln_"))]
        groups = [[p for n, p in named if n in plain], [p for n, p in named if n not in plain]]
        for two in (True, False):
            optimizer = torch.optim.AdamW([{"params": groups[0]}, {"params": groups[1], "weight_decay": 0.0}] if two else [p for _, p in named])
            for p in model.parameters():
                p.grad = torch.randn_like(p)
            optimizer.step()
            torch.save(optimizer.state_dict(), os.path.join(path, "optimizer.pt"))
            names = [n for n, p in named if n in plain] + [n for n, p in named if n not in plain] if two else [n for n, _ in named]
            want = {f"optimizer.state.{names[i]}.{k}": t for i, s in optimizer.state_dict()["state"].items() for k, t in s.items()}
            got = {k: v for k, v in ls(path)[1].items() if k.startswith("optimizer.state.")}
            ok(len(want) > 100 and same(got, want), f"safetensors and optimizer.pt of {kind}, {'decaying first' if two else 'in order'}: {len(names)} names")


def check_folders(folder):
    import argparse

    import torch.distributed.checkpoint as dcp
    import transformers

    want = {"model.w": torch.randn(3, 4), "model.t": torch.randn(4, 3).t(), "model.b": torch.ones(2).bfloat16(),
            "model.s": torch.tensor(3)}
    path = os.path.join(folder, "dcp")
    dcp.save({"model": {k[6:]: v for k, v in want.items()}, "step": 5, "words": ["a", "b"]}, checkpoint_id=path)
    meta, got = ls(path)
    ok(same(got, want) and meta.get("step") == 5 and meta.get("words") == ["a", "b"] and "pickle.unknown" not in meta,
       "torch.distributed.checkpoint")
    with open(os.path.join(path, ".metadata"), "rb") as f:
        m = pickle.load(f)
    # The same tensor in pieces, as two ranks write it: a [3, 4] in rows 0..1 and row 2.
    key = [k for k in m.storage_data if k.fqn == "model.w"][0]
    info, data = m.storage_data.pop(key), b""
    chunk = m.state_dict_metadata["model.w"].chunks[0]
    for i, (a, b) in enumerate(((0, 2), (2, 3))):
        buffer = io.BytesIO()
        torch.save(want["model.w"][a:b].clone(), buffer)
        index = type(key)("model.w", torch.Size([a, 0]), i)
        m.storage_data[index] = type(info)("__1_0.distcp", len(data), len(buffer.getvalue()))
        data += buffer.getvalue()
    del chunk
    with open(os.path.join(path, "__1_0.distcp"), "wb") as f:
        f.write(data)
    with open(os.path.join(path, ".metadata"), "wb") as f:
        pickle.dump(m, f)
    ok(same(ls(path)[1], want), "its tensors in pieces of several files")

    config = transformers.LlamaConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                                      num_key_value_heads=2, vocab_size=60)
    model = transformers.LlamaForCausalLM(config)
    path = os.path.join(folder, "bin")
    config.save_pretrained(path)
    state = model.state_dict()
    torch.save(state, os.path.join(path, "pytorch_model.bin"))
    ok(same(ls(path)[1], state), "a folder with pytorch_model.bin")
    optimizer = torch.optim.AdamW([{"params": [p for n, p in model.named_parameters() if "norm" not in n], "weight_decay": 0.1},
                                   {"params": [p for n, p in model.named_parameters() if "norm" in n], "weight_decay": 0.0}])
    model(input_ids=torch.arange(8)[None], labels=torch.arange(8)[None]).loss.backward()
    optimizer.step()
    torch.save(state, os.path.join(path, "pytorch_model.bin"))
    torch.save(optimizer.state_dict(), os.path.join(path, "optimizer.pt"))
    with open(os.path.join(path, "trainer_state.json"), "w") as f:
        json.dump({"global_step": 7, "log_history": [{"loss": 1.5}]}, f)
    names = [n for n, _ in model.named_parameters() if "norm" not in n] + [n for n, _ in model.named_parameters() if "norm" in n]
    want = dict(state)
    for i, s in optimizer.state_dict()["state"].items():
        for k, t in s.items():
            want[f"optimizer.state.{names[i]}.{k}"] = t
    meta, got = ls(path)
    ok(same(got, want) and meta.get("trainer_state.global_step") == 7, "a Trainer's checkpoint: moments by parameter")
    keys = list(state)
    for i in range(2):
        torch.save({k: state[k] for k in keys[i::2]}, os.path.join(path, f"pytorch_model-0000{i + 1}-of-00002.bin"))
    os.remove(os.path.join(path, "pytorch_model.bin"))
    os.remove(os.path.join(path, "optimizer.pt"))
    with open(os.path.join(path, "pytorch_model.bin.index.json"), "w") as f:
        json.dump({"metadata": {}, "weight_map": {k: f"pytorch_model-0000{i % 2 + 1}-of-00002.bin" for i, k in enumerate(keys)}}, f)
    ok(same(ls(path)[1], state), "shards of pytorch_model.bin")

    path = os.path.join(folder, "megatron")
    part = {"language_model": {"embedding": {"word_embeddings": {"weight": torch.randn(8, 4)}}}}
    for rank in range(2):
        os.makedirs(os.path.join(path, f"iter_0000030/mp_rank_0{rank}"))
        torch.save({"args": argparse.Namespace(hidden_size=4), "checkpoint_version": 3.0, "iteration": 30, "model": part,
                    "optimizer": {"optimizer": optimizer.state_dict(), "fp32_from_fp16_params": [[torch.ones(rank + 1)]]}},
                   os.path.join(path, f"iter_0000030/mp_rank_0{rank}/model_optim_rng.pt"))
    with open(os.path.join(path, "latest_checkpointed_iteration.txt"), "w") as f:
        f.write("30\n")
    meta, got = ls(path)
    key = "mp_rank_01.language_model.embedding.word_embeddings.weight"
    ok(meta.get("mp_rank_00.args.hidden_size") == 4 and same({key: got.get(key, {})}, {key: torch.load(os.path.join(
        path, "iter_0000030/mp_rank_01/model_optim_rng.pt"), weights_only=False)["model"]["language_model"]["embedding"][
            "word_embeddings"]["weight"]}) and "mp_rank_01.optimizer.fp32_from_fp16_params.0.0" in got, "Megatron, two ranks")


with tempfile.TemporaryDirectory() as work:
    check_trainer(work)
    check_folders(work)
    check_written(work)
    check_numpy(work)
    check_save(work)
    check_nested(work)
    check_big(work)
    check_partial(work)
    check_zip64(work)
print(f"1..{ran}")
sys.exit(failed != 0)
