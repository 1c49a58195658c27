/* jinja_text.c - texts whose bytes know where they came from: joining, cutting, str() and JSON. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "text/jinja_parts.h"
#include "text/unicode.h"

/* ---- building ---- */

static bool room_for(struct j_run *r, struct j_out *o, size_t n)
{
    size_t room = o->room < 64 ? 64 : o->room;
    char *s;
    unsigned char *mark;

    if (n > JINJA_OUTPUT_MAX - o->n) {
        j_fail(r, SPN_EFORMAT, "a text grows past %d bytes", JINJA_OUTPUT_MAX);
        return false;
    }
    if (o->n + n <= o->room)
        return j_step(r, n);
    while (room < o->n + n)
        room *= 2;
    s = j_alloc(r, room, 1);
    mark = j_alloc(r, room, 1);
    if (s == NULL || mark == NULL)
        return false;
    if (o->n > 0) {
        memcpy(s, o->s, o->n);
        memcpy(mark, o->mark, o->n);
    }
    o->s = s;
    o->mark = mark;
    o->room = room;
    return true;
}

void j_add(struct j_run *r, struct j_out *o, struct j_str s)
{
    if (s.n == 0 || !room_for(r, o, s.n))
        return;
    memcpy(o->s + o->n, s.s, s.n);
    if (s.mark != NULL)
        memcpy(o->mark + o->n, s.mark, s.n);
    else
        memset(o->mark + o->n, 0, s.n);
    o->n += s.n;
}

void j_puts(struct j_run *r, struct j_out *o, const char *s)
{
    j_add(r, o, (struct j_str){ s, NULL, strlen(s) });
}

struct j_str j_out_str(const struct j_out *o)
{
    return (struct j_str){ o->s == NULL ? "" : o->s, o->mark, o->n };
}

/* A character that stands for one of S: marked as it was. */
static void add_char(struct j_run *r, struct j_out *o, uint32_t c, bool message)
{
    static const unsigned char marks[4] = { 1, 1, 1, 1 };
    unsigned char text[4];
    unsigned n = uni_encode(c, text);

    j_add(r, o, (struct j_str){ (const char *)text, message ? marks : NULL, n });
}

static void add_marked(struct j_run *r, struct j_out *o, const char *s, bool message)
{
    for (; *s != '\0'; s++)
        add_char(r, o, (unsigned char)*s, message);
}

/* ---- numbers ---- */

/* As Python writes it: the shortest text that reads back as the same number. */
static void add_float(struct j_run *r, struct j_out *o, double f, bool json)
{
    char text[40], digits[40];
    int precision = 1, exponent;
    size_t n;

    if (!isfinite(f)) {
        j_puts(r, o, isnan(f) ? (json ? "NaN" : "nan")
                     : f > 0  ? (json ? "Infinity" : "inf")
                              : (json ? "-Infinity" : "-inf"));
        return;
    }
    do
        snprintf(text, sizeof text, "%.*e", precision - 1, f);
    while (strtod(text, NULL) != f && ++precision <= 17);
    exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent >= -4 && exponent < 16) {
        snprintf(text, sizeof text, "%.*f", precision - 1 - exponent > 0 ? precision - 1 - exponent
                                                                         : 0, f);
        j_puts(r, o, text);
        if (strchr(text, '.') == NULL)
            j_puts(r, o, ".0");
        return;
    }
    n = (size_t)(strchr(text, 'e') - text);
    memcpy(digits, text, n);
    digits[n] = '\0';
    j_puts(r, o, digits);
    snprintf(text, sizeof text, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    j_puts(r, o, text);
}

/* ---- str() and repr() ---- */

static void add_repr(struct j_run *r, struct j_out *o, const struct j_value *v);

static void add_repr_text(struct j_run *r, struct j_out *o, struct j_str s)
{
    bool single = s.n > 0 && memchr(s.s, '\'', s.n) != NULL,
         both = s.n > 0 && memchr(s.s, '"', s.n) != NULL;
    char quote = single && !both ? '"' : '\'';
    char text[16];
    unsigned length;

    add_char(r, o, (unsigned char)quote, false);
    for (size_t i = 0; i < s.n && r->st == SPN_OK; i += length) {
        int32_t c = uni_decode((const unsigned char *)s.s + i, s.n - i, &length);
        bool message = s.mark != NULL && s.mark[i] != 0;
        int category = c < 0 ? UTF8PROC_CATEGORY_CC : (int)utf8proc_category(c);

        if (c == '\\' || c == quote) {
            add_char(r, o, '\\', message);
            add_char(r, o, (uint32_t)c, message);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            add_marked(r, o, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t", message);
        } else if (c == ' ' || (category != UTF8PROC_CATEGORY_CC &&
                                category != UTF8PROC_CATEGORY_CN &&
                                category != UTF8PROC_CATEGORY_CF &&
                                category != UTF8PROC_CATEGORY_CO &&
                                category != UTF8PROC_CATEGORY_CS &&
                                category != UTF8PROC_CATEGORY_ZS &&
                                category != UTF8PROC_CATEGORY_ZL &&
                                category != UTF8PROC_CATEGORY_ZP)) {
            j_add(r, o, j_sub(s, i, length));
        } else {
            snprintf(text, sizeof text, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x"
                                                                           : "\\U%08x",
                     c < 0 ? (unsigned)(unsigned char)s.s[i] : (unsigned)c);
            add_marked(r, o, text, message);
        }
    }
    add_char(r, o, (unsigned char)quote, false);
}

static void add_list(struct j_run *r, struct j_out *o, const struct j_value *v)
{
    bool tuple = v->kind == J_TUPLE;

    j_puts(r, o, tuple ? "(" : "[");
    for (size_t i = 0; i < v->list->n && r->st == SPN_OK; i++) {
        if (i > 0)
            j_puts(r, o, ", ");
        add_repr(r, o, &v->list->at[i]);
    }
    j_puts(r, o, !tuple ? "]" : v->list->n == 1 ? ",)" : ")");
}

static void add_dict(struct j_run *r, struct j_out *o, const struct j_dict *d)
{
    j_puts(r, o, "{");
    for (size_t i = 0; i < d->n && r->st == SPN_OK; i++) {
        if (i > 0)
            j_puts(r, o, ", ");
        add_repr(r, o, &d->key[i]);
        j_puts(r, o, ": ");
        add_repr(r, o, &d->value[i]);
    }
    j_puts(r, o, "}");
}

static void add_repr(struct j_run *r, struct j_out *o, const struct j_value *v)
{
    if (v->kind == J_STR)
        add_repr_text(r, o, v->s);
    else if (v->kind == J_UNDEFINED)
        j_puts(r, o, "Undefined");
    else
        j_add_value(r, o, v);
}

void j_add_value(struct j_run *r, struct j_out *o, const struct j_value *v)
{
    char text[32];

    if (!j_step(r, 0))
        return;
    if (++r->depth > JINJA_DEPTH_MAX)
        j_fail(r, SPN_EFORMAT, "values are nested too deeply");
    switch (r->st == SPN_OK ? v->kind : J_UNDEFINED) {
    case J_UNDEFINED:
        break;
    case J_NONE:
        j_puts(r, o, "None");
        break;
    case J_BOOL:
        j_puts(r, o, v->b ? "True" : "False");
        break;
    case J_INT:
        snprintf(text, sizeof text, "%" PRId64, v->i);
        j_puts(r, o, text);
        break;
    case J_FLOAT:
        add_float(r, o, v->f, false);
        break;
    case J_STR:
        j_add(r, o, v->s);
        break;
    case J_LIST:
    case J_TUPLE:
        add_list(r, o, v);
        break;
    case J_DICT:
        add_dict(r, o, v->dict);
        break;
    default:
        j_fail(r, SPN_EFORMAT, "a %s has no text", j_kind_name(v));
    }
    r->depth--;
}

struct j_str j_str_of(struct j_run *r, const struct j_value *v)
{
    struct j_out o = { NULL, NULL, 0, 0 };

    if (v->kind == J_STR)
        return v->s;
    j_add_value(r, &o, v);
    return j_out_str(&o);
}

/* ---- JSON, as Python's json.dumps writes it ---- */

static void add_json_text(struct j_run *r, struct j_out *o, struct j_str s, bool ascii)
{
    char text[16];
    unsigned length;

    j_puts(r, o, "\"");
    for (size_t i = 0; i < s.n && r->st == SPN_OK; i += length) {
        int32_t c = uni_decode((const unsigned char *)s.s + i, s.n - i, &length);
        bool message = s.mark != NULL && s.mark[i] != 0;
        const char *at = c > 0 && c < 0x60 ? strchr("\"\\\nn\rr\tt\bb\ff", (char)c) : NULL;

        if (c == '"' || c == '\\') {
            add_char(r, o, '\\', message);
            add_char(r, o, (uint32_t)c, message);
        } else if (at != NULL && c < 0x20) {
            add_char(r, o, '\\', message);
            add_char(r, o, (unsigned char)at[1], message);
        } else if ((c >= 0 && c < 0x20) || (ascii && c > 0x7e && c < 0x10000)) {
            snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
            add_marked(r, o, text, message);
        } else if (ascii && c >= 0x10000) {
            snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd800u + ((unsigned)(c - 0x10000) >> 10),
                     0xdc00u + ((unsigned)c & 0x3ff));
            add_marked(r, o, text, message);
        } else {
            j_add(r, o, j_sub(s, i, length));
        }
    }
    j_puts(r, o, "\"");
}

static void new_line(struct j_run *r, struct j_out *o, int indent, int depth)
{
    j_puts(r, o, "\n");
    for (int64_t i = 0; i < (int64_t)indent * depth && r->st == SPN_OK; i++)
        j_puts(r, o, " ");
}

static void add_key(struct j_run *r, struct j_out *o, const struct j_value *key,
                    const struct j_json *how)
{
    struct j_out text = { NULL, NULL, 0, 0 };

    if (key->kind == J_STR) {
        add_json_text(r, o, key->s, how->ascii);
        return;
    }
    j_add_json(r, &text, key, how, 0);
    add_json_text(r, o, j_out_str(&text), how->ascii);
}

static size_t next_key(struct j_run *r, const struct j_dict *d, size_t last, bool first)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < d->n && r->st == SPN_OK; i++)
        if ((first || j_order(r, &d->key[i], &d->key[last]) > 0) &&
            (best == SIZE_MAX || j_order(r, &d->key[i], &d->key[best]) < 0))
            best = i;
    return best;
}

void j_add_json(struct j_run *r, struct j_out *o, const struct j_value *v,
                const struct j_json *how, int depth)
{
    bool dict = v->kind == J_DICT;
    int indent = how->indent;
    size_t n, last = 0;

    if (!j_step(r, 0))
        return;
    if (depth > JINJA_DEPTH_MAX) {
        j_fail(r, SPN_EFORMAT, "values are nested too deeply");
        return;
    }
    if (v->kind == J_NONE) {
        j_puts(r, o, "null");
    } else if (v->kind == J_BOOL) {
        j_puts(r, o, v->b ? "true" : "false");
    } else if (v->kind == J_INT) {
        j_add_value(r, o, v);
    } else if (v->kind == J_FLOAT) {
        add_float(r, o, v->f, true);
    } else if (v->kind == J_STR) {
        add_json_text(r, o, v->s, how->ascii);
    } else if (dict || v->kind == J_LIST || v->kind == J_TUPLE) {
        n = dict ? v->dict->n : v->list->n;
        j_puts(r, o, dict ? "{" : "[");
        for (size_t i = 0; i < n && r->st == SPN_OK; i++) {
            size_t at = dict && how->sort ? next_key(r, v->dict, last, i == 0) : i;

            last = at;
            if (at >= n)
                break;
            if (i > 0)
                j_add(r, o, how->comma);
            if (indent >= 0)
                new_line(r, o, indent, depth + 1);
            if (dict) {
                add_key(r, o, &v->dict->key[at], how);
                j_add(r, o, how->colon);
            }
            j_add_json(r, o, dict ? &v->dict->value[at] : &v->list->at[at], how, depth + 1);
        }
        if (n > 0 && indent >= 0)
            new_line(r, o, indent, depth);
        j_puts(r, o, dict ? "}" : "]");
    } else {
        j_fail(r, SPN_EFORMAT, "tojson: %s has no JSON", j_kind_name(v));
    }
}

/* ---- cutting ---- */

bool j_is_space(int32_t c)
{
    return uni_class_of(c) == UNI_SPACE || (c >= 0x1c && c <= 0x1f);
}

static bool among(int32_t c, const struct j_str *chars)
{
    unsigned length;

    if (chars == NULL)
        return j_is_space(c);
    for (size_t i = 0; i < chars->n; i += length)
        if (uni_decode((const unsigned char *)chars->s + i, chars->n - i, &length) == c)
            return true;
    return false;
}

struct j_str j_strip(struct j_str s, const struct j_str *chars, bool left, bool right)
{
    unsigned length;

    while (left && s.n > 0 &&
           among(uni_decode((const unsigned char *)s.s, s.n, &length), chars))
        s = j_sub(s, length, s.n - length);
    while (right && s.n > 0) {
        size_t at = s.n - 1;

        while (at > 0 && s.n - at < 4 && (s.s[at] & 0xc0) == 0x80)
            at--;
        if (!among(uni_decode((const unsigned char *)s.s + at, s.n - at, &length), chars) ||
            at + length != s.n)
            break;
        s.n = at;
    }
    return s;
}

size_t j_count_chars(struct j_str s)
{
    size_t n = 0;
    unsigned length;

    for (size_t i = 0; i < s.n; i += length, n++)
        uni_decode((const unsigned char *)s.s + i, s.n - i, &length);
    return n;
}

size_t j_char_offset(struct j_str s, size_t index)
{
    size_t at = 0;
    unsigned length;

    for (; index > 0 && at < s.n; index--, at += length)
        uni_decode((const unsigned char *)s.s + at, s.n - at, &length);
    return at;
}

size_t j_find(struct j_str s, struct j_str what, size_t from)
{
    const char *at;

    if (from > s.n || what.n > s.n - from)
        return SIZE_MAX;
    if (what.n == 0)
        return from;
    at = memmem(s.s + from, s.n - from, what.s, what.n);
    return at == NULL ? SIZE_MAX : (size_t)(at - s.s);
}

struct j_str j_replace(struct j_run *r, struct j_str s, struct j_str old, struct j_str by,
                       int64_t most)
{
    struct j_out o = { NULL, NULL, 0, 0 };
    size_t at = 0;

    for (; most != 0 && r->st == SPN_OK; most--) {
        size_t hit = j_find(s, old, at), next;

        if (hit == SIZE_MAX)
            break;
        j_add(r, &o, j_sub(s, at, hit - at));
        j_add(r, &o, by);
        at = hit + old.n;
        if (old.n == 0) { /* between all characters */
            if (at >= s.n) {
                at = s.n + 1;
                break;
            }
            next = at + j_char_offset(j_sub(s, at, s.n - at), 1);
            j_add(r, &o, j_sub(s, at, next - at));
            at = next;
        }
        j_step(r, 16);
    }
    if (at < s.n)
        j_add(r, &o, j_sub(s, at, s.n - at));
    return j_out_str(&o);
}

/* Is a letter with a case, for title(). */
static bool cased(int32_t c)
{
    return c >= 0 && (utf8proc_tolower(c) != c || utf8proc_toupper(c) != c);
}

struct j_str j_change_case(struct j_run *r, struct j_str s, enum j_case how)
{
    struct j_out o = { NULL, NULL, 0, 0 };
    bool inside = false;
    unsigned length;

    for (size_t i = 0; i < s.n && r->st == SPN_OK; i += length) {
        int32_t c = uni_decode((const unsigned char *)s.s + i, s.n - i, &length);
        bool up = how == J_UPPER || (how == J_CAPITALIZE && i == 0) || (how == J_TITLE && !inside);

        inside = cased(c);
        if (c < 0)
            j_add(r, &o, j_sub(s, i, length));
        else if (up && c == 0xdf)
            add_marked(r, &o, how == J_UPPER ? "SS" : "Ss", s.mark != NULL && s.mark[i] != 0);
        else
            add_char(r, &o, (uint32_t)(up ? utf8proc_toupper(c) : utf8proc_tolower(c)),
                     s.mark != NULL && s.mark[i] != 0);
    }
    return j_out_str(&o);
}
