#!/usr/bin/env python3
"""DeepSpeed ZeRO folders made by hand, as the digest of formats tells: every parameter and moment is read bit for bit.

Usage: zero_peer.py TOOL_LS. Prints TAP.
"""
import collections
import enum
import json
import math
import os
import subprocess
import sys
import tempfile

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


def ls(path):
    run = subprocess.run([TOOL, path], capture_output=True, text=True)
    if run.returncode != 0:
        return {"error": run.stderr.strip()}, {}
    lines = [json.loads(line) for line in run.stdout.split("\n") if line]
    return ({x["meta"]: x["value"] for x in lines if "meta" in x},
            {x["tensor"]: x for x in lines if "tensor" in x})


def same(got, want):
    good = set(got) == set(want)
    if not good:
        print("# only there:", sorted(set(want) - set(got))[:5], "only here:", sorted(set(got) - set(want))[:5])
    for name, t in want.items() if got else []:
        x = got.get(name, {})
        data = t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""
        if x.get("shape") != list(t.shape) or x.get("hash") != fnv(data):
            print(f"# {name}: {x} against {t.dtype} {list(t.shape)}")
            good = False
    return good


class ZeroStageEnum(enum.IntEnum):
    optimizer_states = 1
    gradients = 2
    weights = 3


def parameters(seed):
    g = torch.Generator().manual_seed(seed)
    groups = [["embed.weight", (7, 6)], ["layers.0.w", (6, 5)], ["layers.0.scale", ()], ["layers.1.w", (3, 2, 4)]], [["layers.0.b", (5,)], ["norm", (11,)]]
    return [collections.OrderedDict((n, [torch.randn(s, generator=g) for _ in range(3)]) for n, s in group) for group in groups]


def numel(shape):
    return math.prod(shape)


def write12(folder, world, stage, elastic=False, bf16=False, mp=1, tail=""):
    """Stages 1 and 2: a group is one run, padded to a multiple of 2 * world, cut in equal slices; the padding is not kept of the weights."""
    want = {}
    os.makedirs(folder, exist_ok=True)
    for m in range(mp):
        groups = parameters(3 + m)
        lead = f"mp_rank_{m:02d}." if mp > 1 else ""
        module = collections.OrderedDict((n, x[0].to(torch.bfloat16)) for g in groups for n, x in g.items())
        module["buffer"] = torch.arange(4.0)
        for g in groups:
            for n, x in g.items():
                want |= {f"{lead}{n}": module[n], f"{lead}optimizer.state.{n}.fp32": x[0],
                         f"{lead}optimizer.state.{n}.exp_avg": x[1], f"{lead}optimizer.state.{n}.exp_avg_sq": x[2]}
        want[lead + "buffer"] = module["buffer"]
        torch.save({"module": module, "buffer_names": ["buffer"], "global_steps": 12, "dp_world_size": world, "mp_world_size": mp,
                    "param_shapes": [collections.OrderedDict((n, torch.Size(x[0].shape)) for n, x in g.items()) for g in groups],
                    "shared_params": {}, "ds_config": {"train_batch_size": 8}, "ds_version": "0.16.0"},
                   f"{folder}/mp_rank_{m:02d}_model_states.pt")
        for r in range(world):
            slices, state = [], []
            for g in groups:
                runs = [torch.cat([x[k].reshape(-1) for x in g.values()]) for k in range(3)]
                size = -(-runs[0].numel() // (2 * world)) * 2
                padded = [torch.cat([x, torch.full((size * world - x.numel(),), 99.0)]) for x in runs]
                mine = [x[r * size:(r + 1) * size].clone() for x in padded]
                used = max(0, min(size, runs[0].numel() - r * size))
                slices.append(mine[0][:used].clone())
                state.append({"exp_avg": mine[1], "exp_avg_sq": mine[2]} | ({} if elastic else {"step": 12}))
            base = state if elastic else {"state": dict(enumerate(state)), "param_groups": [{"lr": 0.001, "params": [0]}, {"lr": 0.002, "params": [1]}]}
            torch.save({"optimizer_state_dict": {
                "zero_stage": ZeroStageEnum(stage), "partition_count": [world, world] if elastic else world, "loss_scaler": None,
                "single_partition_of_fp32_groups": slices, "base_optimizer_state": base, "group_paddings": [0, 0]}},
                f"{folder}/{'bf16_' if bf16 else ''}zero_pp_rank_{r}_mp_rank_{m:02d}_optim_states.pt")
    return want


def write3(folder, world, sub):
    """Stage 3: each parameter in ceil(numel / world) numbers a rank, in sub-groups of SUB numbers; the model file has placeholders."""
    groups = parameters(5)
    want, frozen = {}, {"tower.w": torch.randn(5, 3), "tower.b": torch.randn(3)}
    os.makedirs(folder, exist_ok=True)
    runs = [[[], [], []] for _ in range(world)]
    for g in groups:
        for n, x in g.items():
            want |= {n: x[0], f"optimizer.state.{n}.exp_avg": x[1], f"optimizer.state.{n}.exp_avg_sq": x[2]}
            part = -(-x[0].numel() // world)
            for k in range(3):
                flat = torch.cat([x[k].reshape(-1), torch.full((part * world - x[k].numel(),), 77.0)])
                for r in range(world):
                    runs[r][k].append(flat[r * part:(r + 1) * part])
    for n, x in frozen.items():
        want[n] = x
    want["buffer"] = torch.arange(3)
    want["head.weight"] = want["embed.weight"]
    for r in range(world):
        fragments = {}
        for n, x in frozen.items():
            part = -(-x.numel() // world)
            flat = torch.cat([x.reshape(-1), torch.zeros(part * world - x.numel())])
            fragments[n] = flat[r * part:(r + 1) * part].clone()
        module = collections.OrderedDict((n, torch.empty(0, dtype=torch.bfloat16)) for g in groups for n in g)
        module["buffer"] = want["buffer"]
        module["tower.w"] = torch.empty(0)
        torch.save({"module": module, "buffer_names": ["buffer"], "global_steps": 30,
                    "param_shapes": [collections.OrderedDict((n, torch.Size(x[0].shape)) for n, x in g.items()) for g in groups],
                    "shared_params": [["head.weight", "embed.weight"]],
                    "frozen_param_shapes": collections.OrderedDict((n, torch.Size(x.shape)) for n, x in frozen.items()),
                    "frozen_param_fragments": fragments}, f"{folder}/zero_pp_rank_{r}_mp_rank_00_model_states.pt")
        whole = [torch.cat(runs[r][k]) for k in range(3)]
        cuts = [[x[i:i + sub].clone() for i in range(0, x.numel(), sub)] for x in whole]
        torch.save({"optimizer_state_dict": {
            "zero_stage": 3, "partition_count": world, "fp32_flat_groups": cuts[0],
            "optimizer_state_dict": {"state": {i: {"step": torch.tensor(30.0), "exp_avg": a, "exp_avg_sq": b} for i, (a, b) in enumerate(zip(cuts[1], cuts[2]))},
                                     "param_groups": [{"lr": 0.5, "params": list(range(len(cuts[0])))}]}}},
            f"{folder}/zero_pp_rank_{r}_mp_rank_00_optim_states.pt")
    return want


with tempfile.TemporaryDirectory() as work:
    for stage, world, elastic, bf16 in ((1, 1, False, False), (1, 2, False, True), (2, 3, False, False), (2, 4, True, False), (2, 12, False, True)):
        folder = f"{work}/s{stage}w{world}"
        want = write12(f"{folder}/global_step12", world, stage, elastic, bf16)
        with open(f"{folder}/latest", "w") as f:
            f.write("global_step12")
        meta, got = ls(folder)
        ok(same(got, want) and meta.get("global_steps") == 12 and (elastic or meta.get("optimizer.param_groups.1.lr") == 0.002),
           f"stage {stage}, {world} ranks{', elastic' if elastic else ''}: {len(want)} tensors {meta.get('error', '')}")
    ok(same(ls(f"{work}/s2w3/global_step12")[1], write12(f"{work}/s2w3/global_step12", 3, 2)), "the step's own folder")
    want = write12(f"{work}/tp/global_step1", 2, 1, mp=2)
    meta, got = ls(f"{work}/tp/global_step1")
    ok(same(got, want) and meta.get("mp_rank_01.global_steps") == 12, f"two ranks of model parallelism {meta.get('error', '')}")
    for world, sub in ((1, 1000), (2, 16), (3, 7), (5, 1)):
        folder = f"{work}/z3w{world}"
        want = write3(f"{folder}/global_step30", world, sub)
        with open(f"{folder}/latest", "w") as f:
            f.write("global_step30\n")
        meta, got = ls(folder)
        ok(same(got, want) and meta.get("global_steps") == 30, f"stage 3, {world} ranks, sub-groups of {sub}: {len(want)} tensors, frozen and shared ones {meta.get('error', '')}")
    os.remove(f"{work}/z3w3/global_step30/zero_pp_rank_2_mp_rank_00_optim_states.pt")
    ok("files of 2 ranks" in ls(f"{work}/z3w3")[0]["error"], "a rank that is missing is said")
    os.remove(f"{work}/s2w3/global_step12/zero_pp_rank_0_mp_rank_00_optim_states.pt")
    ok("error" in ls(f"{work}/s2w3")[0], "so is the first")
    with open(f"{work}/s1w2/latest", "w") as f:
        f.write("../s1w1/global_step12")
    ok("error" in ls(f"{work}/s1w2")[0], "a tag that leads out of the folder is not followed")
print(f"1..{ran}")
sys.exit(failed != 0)
