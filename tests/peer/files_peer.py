#!/usr/bin/env python3
"""files_peer.py TOOL TEXT: tokenizers of older folders against the programs that wrote them, on 2,000 texts each. TAP.

tokenizer.model is trained by SentencePiece (BPE, byte fallback), vocab.json with merges.txt by tokenizers."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers


def folder(path, kind):
    os.makedirs(path)
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    with open(os.path.join(path, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header + bytes(4))
    with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as f:
        json.dump({"model_type": kind}, f)


def texts(source, seed):
    rng = random.Random(seed)
    chars = [chr(c) for c in range(0x20, 0x20000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co", "Cc")]
    for i in range(2000):
        at = rng.randrange(len(source) - 60)
        yield source[at:at + rng.randrange(1, 60)] if i % 2 else "".join(
            rng.choice(chars if rng.random() < 0.5 else " abe12'") for _ in range(rng.randrange(1, 40)))


def compare(number, what, tool, path, rows, encode):
    run = subprocess.run([tool, "ids", path, "0"], input="".join(json.dumps(r) + "\n" for r in rows).encode(),
                         capture_output=True, check=False)
    got = [[int(x) for x in line.split()] for line in run.stdout.decode().splitlines()]
    good = sum(g == encode(r) for g, r in zip(got, rows))
    print("%sok %d - %s: the ids of %d of %d texts" % ("" if good == len(rows) else "not ", number, what, good, len(rows)))
    return good != len(rows)


def main():
    tool, corpus = sys.argv[1:3]
    with open(corpus, encoding="utf-8") as f:
        source = f.read()
    with tempfile.TemporaryDirectory() as d:
        spm, bpe = os.path.join(d, "spm"), os.path.join(d, "bpe")
        folder(spm, "llama")
        folder(bpe, "gpt2")
        sentencepiece.SentencePieceTrainer.train(
            input=corpus, model_prefix=os.path.join(spm, "tokenizer"), vocab_size=900, model_type="bpe", byte_fallback=True,
            normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.99, minloglevel=2)
        sp = sentencepiece.SentencePieceProcessor(model_file=os.path.join(spm, "tokenizer.model"))
        t = Tokenizer(models.BPE())
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        t.train([corpus], trainers.BpeTrainer(vocab_size=800, special_tokens=["<|endoftext|>"], show_progress=False,
                                              initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        t.model.save(bpe)
        bad = compare(1, "tokenizer.model", tool, spm, list(texts(source, 3)), sp.encode)
        bad |= compare(2, "vocab.json and merges.txt", tool, bpe, list(texts(source, 4)),
                       lambda s: t.encode(s, add_special_tokens=False).ids)
    print("1..2")
    return bad


sys.exit(main())
