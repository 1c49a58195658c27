#!/usr/bin/env python3
"""spinney perplexity and spinney quantize against llama.cpp on the same file and text.

usage: perplexity_peer.py SPINNEY
"""
import json
import subprocess
import sys
import tempfile

import llama_cpp
import numpy as np

WINDOW = 128
TYPES = ["q8_0", "q6_k", "q5_k", "q4_k", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl", "iq4_xs", "q3_k", "q2_k", "mxfp4"]


def scores(model, ids):
    """Logits of each piece of WINDOW tokens, [pieces, WINDOW, vocabulary]."""
    llm = llama_cpp.Llama(model, n_ctx=512, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False)
    out = []
    for i in range(len(ids) // WINDOW):
        llm.reset()
        llm.eval(ids[i * WINDOW:(i + 1) * WINDOW])
        out.append(np.array(llm.scores[:WINDOW], dtype=np.float64))
    return np.array(out)


def perplexity(x, ids):
    costs = []
    for i, piece in enumerate(x):
        for k in range(WINDOW // 2, WINDOW - 1):
            top = piece[k].max()
            costs.append(np.log(np.exp(piece[k] - top).sum()) + top - piece[k][ids[i * WINDOW + k + 1]])
    return float(np.exp(np.mean(costs)))


def wide_model(spinney, work):
    """A barely trained llama whose rows are whole blocks of 256."""
    recipe = f"{work}/wide.ini"
    with open(recipe, "w") as f:
        f.write("""[model]
arch = llama
embd = 256
layers = 4
heads = 4
ff = 512
context = 512
rope_base = 10000
[tokenizer]
vocab = 512
pre = qwen2
specials = <|im_start|> <|im_end|>
eos = <|im_end|>
examples = 500
[data.words]
weight = 1
answer = 1
[train]
steps = 60
batch_tokens = 1024
lr = 2e-3
schedule = constant
warmup = 10
seed = 1
""")
    made = f"{work}/wide.gguf"
    subprocess.run([spinney, "-q", "train", recipe, "-o", f"{work}/run", "--export", made, "--type", "f32"], check=True,
                   stdout=subprocess.DEVNULL)
    return made


def main():
    spinney = sys.argv[1]
    run = 0
    failed = 0

    def ok(good, what):
        nonlocal run, failed
        run += 1
        failed += not good
        print(f"{'ok' if good else 'not ok'} {run} - {what}", flush=True)

    data = subprocess.run([spinney, "-q", "data", "words", "-n", "12", "--seed", "5"], check=True, capture_output=True).stdout
    with tempfile.NamedTemporaryFile(suffix=".txt") as text, tempfile.TemporaryDirectory() as work:
        text.write(data)
        text.flush()
        model = wide_model(spinney, work)
        llm = llama_cpp.Llama(model, n_ctx=512, verbose=False, vocab_only=True)
        ids = llm.tokenize(data, add_bos=True, special=False)
        plain = f"{work}/f32.gguf"
        subprocess.run([spinney, "-q", "quantize", model, plain, "f32"], check=True, stdout=subprocess.DEVNULL)
        base = scores(plain, ids)
        for kind in ["f32"] + TYPES:
            made = plain if kind == "f32" else f"{work}/{kind}.gguf"
            if kind != "f32":
                subprocess.run([spinney, "-q", "quantize", plain, made, kind, "--pure"], check=True, stdout=subprocess.DEVNULL)
            theirs = base if kind == "f32" else scores(made, ids)
            mine = json.loads(subprocess.run([spinney, "-q", "perplexity", "-m", made, "--window", str(WINDOW), "--json",
                                              text.name], check=True, capture_output=True).stdout)["perplexity"]
            want = perplexity(theirs, ids)
            ok(abs(mine / want - 1) <= 0.005, f"{kind}: perplexity {mine:.4f}, llama.cpp {want:.4f}")
            subprocess.run([spinney, "-q", "quantize", made, f"{work}/back.gguf", "f32"], check=True,
                           stdout=subprocess.DEVNULL)
            exact = scores(f"{work}/back.gguf", ids)
            error = float(np.linalg.norm(theirs - exact) / np.linalg.norm(exact))
            same = float(np.mean(theirs.argmax(-1) == exact.argmax(-1)))
            ok(error < 2e-2 and same >= 0.99,
               f"{kind}: llama.cpp on the file against its weights as f32: error {error:.2e}, first token {100 * same:.2f} %")
    print(f"1..{run}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
