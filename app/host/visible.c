#include "config.h"

#include "host/visible.h"

#include <stdio.h>

size_t visible_utf8(const char *text, size_t left, uint32_t *code)
{
    const unsigned char *p = (const unsigned char *)text;
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
               : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;
    uint32_t c;
    size_t i;

    if (n == 0 || n > left)
        return 0;
    c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *code = c;
    return n;
}

size_t visible_put_utf8(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Characters that change how others are laid out, or that no font shows: a name made of them reads
 * as another. */
static bool reorders(uint32_t c)
{
    return c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

struct visible visible_next(const char *p, size_t n)
{
    struct visible v = { .bytes = 1 };
    uint32_t c = 0;
    size_t k = visible_utf8(p, n, &c);

    if (k == 2 && c < 0xa0) /* C1: its bytes one by one, as they came */
        k = 0;
    /* The joiner and the variation selectors belong to letters and emoji of honest text. */
    if (k == 0) {
        snprintf(v.text, sizeof v.text, "\\x%02x", (unsigned)(unsigned char)p[0]);
    } else if (c < 0x20 || c == 0x7f) {
        snprintf(v.text, sizeof v.text, "^%c", (int)(c ^ 0x40));
    } else if (reorders(c) && c != 0x200d) {
        snprintf(v.text, sizeof v.text, "\\u%04x", (unsigned)c);
    } else {
        v.code = c;
    }
    if (k > 0)
        v.bytes = k;
    return v;
}
