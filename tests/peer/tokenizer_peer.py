#!/usr/bin/env python3
"""The same ids, texts and merges as the tokenizers package, on vocabularies trained here.

Usage: tokenizer_peer.py TOOL_TOKENS SOURCES. Prints TAP.
"""
import glob
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import trainers

TOOL = os.path.abspath(sys.argv[1])
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
SHORTS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
BEFORE = r"[^\r\n\p{L}\p{N}]?"
OTHERS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
SPLIT = {
    "gpt-2": None,
    "qwen2": SHORTS + "|" + BEFORE + r"\p{L}+|\p{N}|" + OTHERS + "|" + SPACES,
    "llama-bpe": SHORTS + "|" + BEFORE + r"\p{L}+|\p{N}{1,3}|" + OTHERS + "|" + SPACES,
}
SCRIPTS = [(97, 122), (97, 122), (32, 126), (0xA1, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x5D0, 0x5EA),
           (0x620, 0x64A), (0x905, 0x939), (0x3041, 0x30FE), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3),
           (0x1F300, 0x1F64F), (1, 31), (48, 57), (0x2000, 0x206F)]
ENDS = [" ", " ", "  ", "\n", "\r\n", "\t", "", ". ", "'s ", "'LL ", "!?", "\n\n  "]
ran = failed = 0


def ok(good, what):
    global ran, failed
    ran += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {ran} - {what}", flush=True)


def tool(arguments, data):
    run = subprocess.run([TOOL, *map(str, arguments)], input=data, capture_output=True)
    if run.returncode != 0:
        print(f"# {run.stderr.decode().strip()}")
    return run.stdout


def our_ids(path, texts, flags):
    lines = "".join(json.dumps(t) + "\n" for t in texts).encode()
    return [[int(x) for x in line.split()] for line in tool(["ids", path, flags], lines).decode().split("\n")[:-1]]


def our_texts(path, ids):
    lines = "".join(" ".join(map(str, i)) + "\n" for i in ids).encode()
    return [json.loads(line) for line in tool(["text", path], lines).decode().split("\n")[:-1]]


def words(rng, n):
    out = []
    for _ in range(n):
        lo, hi = rng.choice(SCRIPTS)
        out.append("".join(chr(rng.randint(lo, hi)) for _ in range(rng.randint(1, 8))) + rng.choice(ENDS))
    return "".join(out)


def corpus(sources):
    parts = []
    for path in sorted(glob.glob(os.path.join(sources, "kernels", "*", "*.[ch]"))):
        with open(path, encoding="utf-8") as f:
            parts.append(f.read())
    return "".join(parts)[:600000]


def differing(ours, theirs, texts):
    bad = [i for i in range(len(texts)) if i >= len(ours) or ours[i] != theirs[i]]
    for i in bad[:3]:
        print(f"# {texts[i]!r}\n#   ours   {ours[i] if i < len(ours) else None}\n#   theirs {theirs[i]}")
    return len(bad)


def splitter(pre):
    if SPLIT[pre] is None:
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SPLIT[pre]), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_level(pre, text, texts, folder):
    t = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
    t.pre_tokenizer = splitter(pre)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator([text], trainers.BpeTrainer(
        vocab_size=3000, min_frequency=2, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    path = os.path.join(folder, pre + ".json")
    plain = json.loads(t.to_str())
    # Our trainer on the same text: the same merges in the same order.
    made = os.path.join(folder, pre + ".gguf")
    tool(["train", 3000, pre, made], text.encode())
    fields = gguf.GGUFReader(made).fields
    ours = [bytes(fields["tokenizer.ggml.merges"].parts[i]).decode() for i in fields["tokenizer.ggml.merges"].data]
    theirs = [m if isinstance(m, str) else " ".join(m) for m in plain["model"]["merges"]]
    same = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    ok(ours == theirs, f"{pre}: {same} of {len(theirs)} merges learnt alike")
    t.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    t.add_tokens([AddedToken("<user>", normalized=False), AddedToken("<left>", lstrip=True, normalized=False)])
    t.save(path)
    theirs = [t.encode(x, add_special_tokens=False).ids for x in texts]
    ours = our_ids(path, texts, 2)
    bad = differing(ours, theirs, texts)
    ok(bad == 0, f"{pre}: {len(texts) - bad} of {len(texts)} texts have the same ids")
    plain_texts = [x for x in texts if "<" not in x]
    back = our_texts(path, our_ids(path, plain_texts, 0))
    ok(back == plain_texts, f"{pre}: {len(plain_texts)} texts come back")


def marked(name, normalizer, pre, text, texts, folder):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    t.train_from_iterator([text], trainers.BpeTrainer(
        vocab_size=3000, min_frequency=2, show_progress=False, special_tokens=specials, limit_alphabet=200))
    plain = json.loads(t.to_str())
    plain["added_tokens"] = plain["added_tokens"][:3]
    t = Tokenizer.from_str(json.dumps(plain))
    if normalizer is not None:
        t.normalizer = normalizer
    if pre is None:
        plain = json.loads(t.to_str())
        plain["pre_tokenizer"] = None
        t = Tokenizer.from_str(json.dumps(plain))
    else:
        t.pre_tokenizer = pre
    path = os.path.join(folder, name + ".json")
    t.save(path)
    theirs = [t.encode(x, add_special_tokens=False).ids for x in texts]
    bad = differing(our_ids(path, texts, 2), theirs, texts)
    ok(bad == 0, f"{name}: {len(texts) - bad} of {len(texts)} texts have the same ids")


def wordpiece(lower, text, folder):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator([text], trainers.WordPieceTrainer(
        vocab_size=4000, show_progress=False, special_tokens=["[UNK]", "[CLS]", "[SEP]"]))
    path = os.path.join(folder, f"wordpiece-{lower}.json")
    t.save(path)
    rng = random.Random(2)
    known = [c for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    usual = sorted(set(text))
    texts = ["".join(rng.choice(usual) if rng.random() < 0.7 else chr(rng.choice(known))
                     for _ in range(rng.randint(1, 40))) for _ in range(2000)]
    # Every character between letters, so that none is met by chance alone.
    texts += ["".join("a" + chr(c) + "b " for c in known[i:i + 500]) for i in range(0, len(known), 500)]
    theirs = [t.encode(x, add_special_tokens=False).ids for x in texts]
    bad = differing(our_ids(path, texts, 2), theirs, texts)
    ok(bad == 0, f"wordpiece, lower {lower}: {len(texts) - bad} of {len(texts)} texts have the same ids")


def main():
    rng = random.Random(1)
    text = corpus(sys.argv[2]) + words(rng, 20000)
    texts = [words(rng, rng.randint(1, 12)) for _ in range(1500)]
    lines = text.split("\n")
    texts += [rng.choice(lines) + "\n" + rng.choice(lines) for _ in range(500)]
    chat = ["<|im_start|>user\nhi<|im_end|>\n", "a <left> b", "x<user>y", "<|im_start|><|im_end|>", ""]
    ends = ["<s>Hello</s> world", "a</s>b", " a", "  a  b ", "</s>", ""]
    replace = normalizers.Replace(" ", "\u2581")
    prepend = normalizers.Sequence([normalizers.Prepend("\u2581"), replace])
    with tempfile.TemporaryDirectory() as folder:
        for pre in SPLIT:
            byte_level(pre, text, texts + chat, folder)
        for lower in (True, False):
            wordpiece(lower, text, folder)
        some = texts[::4] + ends
        marked("prepend", prepend, None, text, some, folder)
        marked("replace", replace, None, text, some, folder)
        for scheme in ("always", "first", "never"):
            for split in (False, True):
                marked(f"metaspace-{scheme}-{split}", None,
                       pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split), text, some, folder)
    print(f"1..{ran}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
