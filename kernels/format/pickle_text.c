/* pickle_text.c - operands of protocol 0, which are lines of text; and looking into values. */
#include "config.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "format/pickle.h"

/* ---- numbers ---- */

bool k_text_int(const char *text, size_t n, struct k_value *v, unsigned char *big, size_t room)
{
    bool minus = n > 0 && text[0] == '-';
    unsigned __int128 sum = 0;
    size_t i = minus || (n > 0 && text[0] == '+');

    if (n > 0 && text[n - 1] == 'L')
        n--;
    if (i >= n)
        return false;
    for (; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' ||
            __builtin_mul_overflow(sum, (unsigned __int128)10, &sum) ||
            __builtin_add_overflow(sum, (unsigned __int128)(text[i] - '0'), &sum))
            return false;
    }
    if (sum <= INT64_MAX) {
        v->kind = KV_INT;
        v->u.i = minus ? -(int64_t)sum : (int64_t)sum;
        return true;
    }
    if (sum >> 127 != 0 || room < 16)
        return false;
    if (minus)
        sum = -sum;
    for (i = 0; i < 16; i++)
        big[i] = (unsigned char)(sum >> 8 * i);
    v->kind = KV_BIG;
    v->u.s = big;
    v->n = 16;
    return true;
}

bool k_text_float(const char *text, size_t n, double *out)
{
    const struct lconv *here = localeconv();
    char copy[64], *end = NULL;

    if (n == 0 || n >= sizeof copy)
        return false;
    for (size_t i = 0; i < n; i++)
        copy[i] = text[i] == '.' ? here->decimal_point[0] : text[i];
    copy[n] = '\0';
    *out = strtod(copy, &end);
    return end == copy + n;
}

/* ---- texts ---- */

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hex(const unsigned char *s, const unsigned char *end, int digits, uint32_t *out)
{
    uint32_t v = 0;

    for (int i = 0; i < digits; i++) {
        int d = s + i < end ? hex_digit(s[i]) : -1;

        if (d < 0)
            return false;
        v = v << 4 | (uint32_t)d;
    }
    *out = v;
    return true;
}

static size_t put_utf8(unsigned char *p, uint32_t c)
{
    if (c < 0x80) {
        p[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        p[0] = (unsigned char)(0xc0 | c >> 6);
        p[1] = (unsigned char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        p[0] = (unsigned char)(0xe0 | c >> 12);
        p[1] = (unsigned char)(0x80 | (c >> 6 & 63));
        p[2] = (unsigned char)(0x80 | (c & 63));
        return 3;
    }
    p[0] = (unsigned char)(0xf0 | c >> 18);
    p[1] = (unsigned char)(0x80 | (c >> 12 & 63));
    p[2] = (unsigned char)(0x80 | (c >> 6 & 63));
    p[3] = (unsigned char)(0x80 | (c & 63));
    return 4;
}

/* Latin-1 with \uXXXX and \UXXXXXXXX: a character takes at most twice its bytes here. */
static bool unescape_raw(const unsigned char *s, size_t n, unsigned char *dst, size_t *length)
{
    const unsigned char *end = s + n;
    unsigned char *p = dst;
    uint32_t c;

    while (s < end) {
        int digits = 0;

        c = *s++;
        if (c == '\\' && s < end)
            digits = *s == 'u' ? 4 : *s == 'U' ? 8 : 0;
        if (digits > 0) {
            if (!hex(s + 1, end, digits, &c) || c > 0x10ffff)
                return false;
            s += 1 + digits;
        }
        p += put_utf8(p, c);
    }
    *length = (size_t)(p - dst);
    return true;
}

static bool unescape_quoted(const unsigned char *s, size_t n, unsigned char *dst, size_t *length)
{
    static const char from[] = "\\'\"nrtabfv0", to[] = "\\'\"\n\r\t\a\b\f\v";
    const unsigned char *end = s + n - 1;
    unsigned char *p = dst;
    uint32_t c;

    if (n < 2 || (s[0] != '\'' && s[0] != '"') || s[n - 1] != s[0])
        return false;
    for (s++; s < end; s++) {
        const char *at;

        if (*s != '\\') {
            *p++ = *s;
            continue;
        }
        s++;
        if (s < end && *s == 'x') {
            if (!hex(s + 1, end, 2, &c))
                return false;
            *p++ = (unsigned char)c;
            s += 2;
            continue;
        }
        at = s < end && *s != '\0' ? strchr(from, *s) : NULL;
        if (at == NULL)
            return false;
        *p++ = (unsigned char)to[at - from];
    }
    *length = (size_t)(p - dst);
    return true;
}

bool k_text_unescape(const unsigned char *text, size_t n, bool raw, unsigned char *dst,
                     size_t *length)
{
    return raw ? unescape_raw(text, n, dst, length) : unescape_quoted(text, n, dst, length);
}

/* ---- looking into values ---- */

bool k_is_text(const struct k_value *v, const char *text)
{
    size_t n = strlen(text);

    return v != NULL && (v->kind == KV_TEXT || v->kind == KV_GLOBAL) && v->n == n &&
           memcmp(v->u.s, text, n) == 0;
}

const char *k_callee(const struct k_value *v)
{
    if (v == NULL || v->kind != KV_OBJECT || v->u.o->callable->kind != KV_GLOBAL)
        return "";
    return (const char *)v->u.o->callable->u.s;
}

const struct k_value *k_item(const struct k_value *v, uint64_t i)
{
    if (v == NULL || (v->kind != KV_TUPLE && v->kind != KV_LIST) || i >= v->n)
        return NULL;
    return v->u.items[i];
}

const struct k_value *k_dict(const struct k_value *v)
{
    if (v == NULL)
        return NULL;
    if (v->kind == KV_DICT)
        return v;
    return v->kind == KV_OBJECT && (v->u.o->pairs.n > 0 || v->u.o->args->n == 0) ? &v->u.o->pairs
                                                                                : NULL;
}

const struct k_value *k_lookup(const struct k_value *v, const char *key)
{
    const struct k_value *d = k_dict(v);

    for (uint64_t i = 0; d != NULL && i + 1 < d->n; i += 2)
        if (d->u.items[i]->kind == KV_TEXT && k_is_text(d->u.items[i], key))
            return d->u.items[i + 1];
    return NULL;
}

bool k_int(const struct k_value *v, int64_t *out)
{
    if (v == NULL || (v->kind != KV_INT && v->kind != KV_BOOL))
        return false;
    *out = v->u.i;
    return true;
}
