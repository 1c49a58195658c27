#!/usr/bin/env python3
"""Random-weight GGUFs of every architecture in llama.cpp and here: logits, and greedy text.

The files are those of arch_peer.py (written by gguf-py), so names and permutations are judged by
the other program.  Keys and values in f32 there, activations in f32 here.  Greedy text of five
models: 100 prompts each, 128 tokens; a first difference must be a near tie (margin under 0.01).
Usage: llama_peer.py TOOL_LM [NAME... | --greedy].  Prints TAP, then a table.
"""
import os
import subprocess
import sys
import tempfile

import llama_cpp
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import arch_peer as ap

# llama.cpp looks up GELU in a table of halves: differences near 1e-3 (more through the caps of gemma).
LIMIT = {"gemma": 5e-3, "gemma2": 5e-3, "gemma3": 2e-2}
# Where llama.cpp computes something else than transformers does, which is followed here.
WINDOW = 40
NO_WINDOW = ("phi3", "starcoder2", "mixtral")   # it reads their window as 0: positions before it agree
GROUPS_BY_TWO = ("deepseek2",)    # it scores a group by two experts where the model takes the best
YARN_ROUNDED = ("gpt-oss", "gpt-oss mxfp4")     # it rounds YaRN's bounds, `"truncate": false` or not
NOT_THERE = {"gptj": "has no such model", "qwen2moe": "wants experts in every layer"}


def open_llama(path, ctx=256):
    return llama_cpp.Llama(path, n_ctx=ctx, n_batch=ctx, n_ubatch=ctx, logits_all=True, verbose=False,
                           n_threads=1, n_threads_batch=1, type_k=0, type_v=0, flash_attn=False, swa_full=True)


def logits(path):
    llm = open_llama(path)
    llm.eval(ap.IDS)
    out = np.array(llm.scores[:len(ap.IDS)], np.float32)[None]
    llm.close()
    return out


def case(tmp, n, label, arch, config, more=None):
    path = os.path.join(tmp, f"m{n}.gguf")
    if callable(config):
        model = config(ap.model_of, ap.theirs, n)
        want = model.logits
    else:
        model = ap.model_of(getattr(ap.tf, config)(**more), n)
        want = ap.theirs(model)
    ap.write_gguf(path, model, arch)
    ours = ap.ours("logits", path)
    try:
        other = logits(path)
    except Exception as e:
        if label in NOT_THERE:
            print(f"# {label}: llama.cpp {NOT_THERE[label]}")
            return
        ap.ok(False, f"{label}: llama.cpp opens it: {e!r}"[:200])
        return
    e = ap.worst(ours, other), ap.worst(ours, want[:1]), ap.worst(other, want[:1])
    near, more = e[0], ""
    if label in NO_WINDOW:
        near, more = ap.worst(ours[:, :WINDOW], other[:, :WINDOW]), f", {WINDOW} positions: "
    if label in GROUPS_BY_TWO:
        near, more = 0, ", which computes something else"
    elif label in YARN_ROUNDED:
        near, more = ap.worst(ours[:, :1], other[:, :1]), ", one position: "
    ap.ok(near < LIMIT.get(label, 1e-3) and e[1] < 1e-4,
          f"{label}: {e[0]:.1e} from llama.cpp{more + format(near, '.1e') if near != e[0] and near else more}, from "
          f"transformers {e[1]:.1e} here and {e[2]:.1e} there")
    ap.table.append((label, "gguf", *e))


GREEDY = ("llama3 rope", "qwen2 yarn", "qwen3moe", "deepseek", "mamba2")
PROMPTS, TOKENS, MARGIN = 100, 128, 0.01


def their_text(llm, prompt):
    llm.reset()
    llm.eval(prompt)
    out = []
    for i in range(TOKENS):
        out.append(int(np.argmax(llm.scores[llm.n_tokens - 1])))
        if i + 1 < TOKENS:
            llm.eval(out[-1:])
    return out


def margin(path, ids):
    run = subprocess.run([ap.TOOL, "logits", path, "f32", *map(str, ids)], capture_output=True)
    last = np.sort(np.frombuffer(run.stdout, np.float32).reshape(len(ids), -1)[-1])
    return float(last[-1] - last[-2])


def greedy(tmp, n, label, arch, config, more=None):
    path = os.path.join(tmp, f"g{n}.gguf")
    model = config(ap.model_of, ap.theirs, n) if callable(config) else \
        ap.model_of(getattr(ap.tf, config)(**more), n)
    ap.write_gguf(path, model, arch)
    rng = np.random.default_rng(n)
    prompts = [rng.integers(0, 320, rng.integers(8, 32)).tolist() for _ in range(PROMPTS)]
    text = "\n".join(" ".join(map(str, p)) for p in prompts) + "\n"
    run = subprocess.run([ap.TOOL, "greedy", path, "f32", str(TOKENS)], input=text.encode(), capture_output=True)
    ours = [list(map(int, line.split())) for line in run.stdout.decode().splitlines()]
    if len(ours) != PROMPTS:
        ap.ok(False, f"{label}: {run.stderr.decode().strip()}")
        return
    llm = open_llama(path)
    same, wide = 0, 0.0
    for prompt, mine in zip(prompts, ours):
        other = their_text(llm, prompt)
        same += mine == other
        if mine != other:
            at = next(i for i in range(TOKENS) if mine[i] != other[i])
            wide = max(wide, margin(path, prompt + mine[:at]))
    llm.close()
    ap.ok(same >= 0.95 * PROMPTS and wide < MARGIN,
          f"{label}: greedy text of {same} of {PROMPTS} prompts is llama.cpp's for {TOKENS} tokens, "
          f"margin at a first difference at most {wide:.4f}")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        for n, c in enumerate(ap.CASES):
            if ap.ONLY and c[0] not in ap.ONLY:
                continue
            try:
                case(tmp, n, *c)
            except Exception as e:
                ap.ok(False, f"{c[0]}: {e!r}"[:300])
        for n, c in enumerate(ap.CASES):
            if c[0] in GREEDY and (not ap.ONLY or "--greedy" in ap.ONLY):
                try:
                    greedy(tmp, n, *c)
                except Exception as e:
                    ap.ok(False, f"{c[0]}, greedy: {e!r}"[:300])
    print(f"1..{ap.ran}")
    print("# architecture: here and llama.cpp, here and transformers, llama.cpp and transformers")
    for row in ap.table:
        print(f"# {row[0]:16} " + " ".join(f"{e:.1e}" for e in row[2:]))
    return ap.failed != 0


if __name__ == "__main__":
    sys.exit(main())
