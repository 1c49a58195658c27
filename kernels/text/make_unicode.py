#!/usr/bin/env python3
"""Write unicode_table.h: the letters (category L) and numbers (category N) of this Python's Unicode version, as ranges."""
import sys
import unicodedata


def kind(c):
    k = unicodedata.category(chr(c))[0]
    return {"L": "L", "N": "N"}.get(k)


rows, start, prev = [], None, None
for c in range(0x110000 + 1):
    k = kind(c) if c < 0x110000 else None
    if k != prev:
        if prev is not None:
            rows.append("{0x%x,0x%x,%s}," % (start, c - 1, prev))
        start, prev = c, k

out = [
    "/* unicode_table.h - written by make_unicode.py from Unicode %s: letters (L) and numbers (N). */"
    % unicodedata.unidata_version,
    "#ifndef SPN_UNICODE_TABLE_H",
    "#define SPN_UNICODE_TABLE_H",
    "#include <stdint.h>",
    "",
    "struct uni_range { uint32_t lo, hi; uint8_t kind; };",
    "enum { L = 1, N = 2 };",
    "static const struct uni_range uni_ranges[] = {",
]
line = ""
for r in rows:
    if len(line) + len(r) > 98:
        out.append(line)
        line = ""
    line += r
out += [line, "};", "", "#endif"]
sys.stdout.write("\n".join(out) + "\n")
