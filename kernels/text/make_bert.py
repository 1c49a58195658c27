#!/usr/bin/env python3
"""Write bert_table.h: what the tokenizers package drops, strips as an accent and parts as
punctuation (its categories are older than Unicode 14), and the lower case of Unicode 14."""
import sys
import unicodedata

from tokenizers import normalizers, pre_tokenizers


def norm(**on):
    parts = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**parts, **on}).normalize_str


clean, strip = norm(clean_text=True), norm(strip_accents=True)
split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str


def kind(c):
    s = "a" + chr(c) + "b"
    if clean(s) == "ab":
        return "BERT_DROP"
    if strip(s) == "ab":
        return "BERT_MARK"
    return "BERT_PUNCT" if len(split(s)) == 3 else None


rows, lower = [], []
for c in range(0x110000):
    k = None if 0xD800 <= c < 0xE000 else kind(c)
    if k and rows and rows[-1][1] == c - 1 and rows[-1][2] == k:
        rows[-1][1] = c
    elif k:
        rows.append([c, c, k])
    low = chr(c).lower()
    if len(low) == 1 and low != chr(c):
        d = ord(low) - c
        if lower and lower[-1][2] == d and lower[-1][1] == c - 1:
            lower[-1][1] = c
        else:
            lower.append([c, c, d])


def table(head, items):
    out, line = [head], ""
    for r in items:
        if len(line) + len(r) > 98:
            out.append(line)
            line = ""
        line += r
    return out + [line, "};"]


out = ["/* bert_table.h - written by make_bert.py; Unicode %s. */" % unicodedata.unidata_version,
       "#ifndef SPN_BERT_TABLE_H", "#define SPN_BERT_TABLE_H", "#include <stdint.h>", "",
       "enum bert_class { BERT_OTHER, BERT_DROP, BERT_MARK, BERT_PUNCT };",
       "struct bert_range { uint32_t lo, hi; int32_t value; };"]
out += table("static const struct bert_range bert_classes[] = {",
             ["{0x%x,0x%x,%s}," % tuple(r) for r in rows])
out += table("static const struct bert_range bert_lower[] = {",
             ["{0x%x,0x%x,%d}," % tuple(r) for r in lower])
sys.stdout.write("\n".join(out + ["", "#endif"]) + "\n")
