/* unicode.c - see unicode.h; the ranges are in unicode_table.h. */
#include "config.h"

#include "text/unicode.h"

#include "text/unicode_table.h"

unsigned uni_lead_length(unsigned char b)
{
    if (b >= 0xc2 && b <= 0xdf)
        return 2;
    if (b >= 0xe0 && b <= 0xef)
        return 3;
    if (b >= 0xf0 && b <= 0xf4)
        return 4;
    return 1;
}

/* The second byte carries the bounds that rule out overlong forms, surrogates and code points past
 * U+10FFFF. */
static bool second_fits(unsigned char lead, unsigned char b)
{
    unsigned char lo = 0x80, hi = 0xbf;

    if (lead == 0xe0)
        lo = 0xa0;
    else if (lead == 0xed)
        hi = 0x9f;
    else if (lead == 0xf0)
        lo = 0x90;
    else if (lead == 0xf4)
        hi = 0x8f;
    return b >= lo && b <= hi;
}

int32_t uni_decode(const unsigned char *s, size_t n, unsigned *length)
{
    unsigned want = uni_lead_length(s[0]);
    int32_t c;

    *length = 1;
    if (want == 1)
        return s[0] < 0x80 ? s[0] : -1;
    if (n < want || !second_fits(s[0], s[1]))
        return -1;
    c = s[0] & (0xff >> (want + 1));
    c = c << 6 | (s[1] & 0x3f);
    for (unsigned i = 2; i < want; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return -1;
        c = c << 6 | (s[i] & 0x3f);
    }
    *length = want;
    return c;
}

unsigned uni_encode(uint32_t c, unsigned char *s)
{
    if (c < 0x80) {
        s[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        s[0] = (unsigned char)(0xc0 | c >> 6);
        s[1] = (unsigned char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        s[0] = (unsigned char)(0xe0 | c >> 12);
        s[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        s[2] = (unsigned char)(0x80 | (c & 0x3f));
        return 3;
    }
    s[0] = (unsigned char)(0xf0 | c >> 18);
    s[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
    s[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
    s[3] = (unsigned char)(0x80 | (c & 0x3f));
    return 4;
}

bool uni_is_prefix(const unsigned char *s, size_t n)
{
    if (n == 0 || n >= uni_lead_length(s[0]))
        return false;
    if (n >= 2 && !second_fits(s[0], s[1]))
        return false;
    return n < 3 || (s[2] & 0xc0) == 0x80;
}

static bool is_space(int32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 0x09 && c <= 0x0d);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

enum uni_class uni_class_of(int32_t c)
{
    size_t lo = 0, hi = sizeof uni_ranges / sizeof uni_ranges[0];

    if (c < 0)
        return UNI_OTHER;
    if (c < 0x80) {
        int32_t low = c | 0x20;

        if (low >= 'a' && low <= 'z')
            return UNI_LETTER;
        if (c >= '0' && c <= '9')
            return UNI_NUMBER;
        return is_space(c) ? UNI_SPACE : UNI_OTHER;
    }
    if (is_space(c))
        return UNI_SPACE;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if ((uint32_t)c > uni_ranges[mid].hi)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == sizeof uni_ranges / sizeof uni_ranges[0] || (uint32_t)c < uni_ranges[lo].lo)
        return UNI_OTHER;
    return uni_ranges[lo].kind == L ? UNI_LETTER : UNI_NUMBER;
}
