/* jinja_value.c - values as Python has them, as far as templates look. */
#include "config.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "text/jinja_parts.h"
#include "text/unicode.h"

void j_fail(struct j_run *r, spn_status st, const char *fmt, ...)
{
    char text[600];
    va_list ap;

    if (r->st != SPN_OK)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->st = spn_fail(r->err, st, "chat template, line %d: %s", r->line, text);
}

bool j_step(struct j_run *r, size_t bytes)
{
    r->steps += 1 + (int64_t)(bytes / 16);
    if (r->steps > JINJA_STEPS_MAX)
        j_fail(r, SPN_EFORMAT, "it takes more than %d steps", JINJA_STEPS_MAX);
    return r->st == SPN_OK;
}

void *j_alloc(struct j_run *r, size_t n, size_t size)
{
    void *p;
    size_t bytes;

    if (!spn_mul_size(n, size, &bytes) || !j_step(r, bytes))
        return NULL;
    p = spn_arena_alloc(r->arena, n == 0 ? 1 : n, size);
    if (p == NULL)
        j_fail(r, SPN_ENOMEM, "out of memory for %zu items of %zu bytes", n, size);
    return p;
}

/* ---- making ---- */

struct j_value j_int(int64_t i) { return (struct j_value){ .kind = J_INT, .i = i }; }

struct j_value j_bool(bool b) { return (struct j_value){ .kind = J_BOOL, .b = b }; }

struct j_value j_none(void) { return (struct j_value){ .kind = J_NONE }; }

struct j_value j_undefined(struct j_str name)
{
    return (struct j_value){ .kind = J_UNDEFINED, .s = name };
}

struct j_value j_string(struct j_str s) { return (struct j_value){ .kind = J_STR, .s = s }; }

struct j_value j_text(const char *s) { return j_string((struct j_str){ s, NULL, strlen(s) }); }

struct j_value j_new_list(struct j_run *r, size_t n, enum j_kind kind)
{
    struct j_value v = { .kind = kind };

    v.list = j_alloc(r, 1, sizeof *v.list);
    if (v.list != NULL) {
        v.list->at = j_alloc(r, n, sizeof *v.list->at);
        v.list->n = v.list->at == NULL ? 0 : n;
    }
    return r->st == SPN_OK ? v : j_none();
}

struct j_value j_new_dict(struct j_run *r)
{
    struct j_value v = { .kind = J_DICT, .dict = j_alloc(r, 1, sizeof(struct j_dict)) };

    return v.dict == NULL ? j_none() : v;
}

static struct j_value from_text(struct j_run *r, const char *s, size_t n, bool trusted)
{
    struct j_str text = { s, NULL, n };

    if (!trusted && n > 0) {
        unsigned char *mark = j_alloc(r, n, 1);

        if (mark == NULL)
            return j_none();
        memset(mark, 1, n);
        text.mark = mark;
    }
    return j_string(text);
}

struct j_value j_from_json(struct j_run *r, const json_t *v, int depth, bool trusted)
{
    struct j_value out = j_none();
    const char *key;
    json_t *item;
    size_t i, length;

    if (depth > JINJA_DEPTH_MAX) {
        j_fail(r, SPN_EUSAGE, "messages are nested more than %d deep", JINJA_DEPTH_MAX);
        return out;
    }
    if (!j_step(r, 0))
        return out;
    if (json_is_string(v))
        return from_text(r, json_string_value(v), json_string_length(v), trusted);
    if (json_is_boolean(v))
        return j_bool(json_is_true(v));
    if (json_is_integer(v))
        return j_int(json_integer_value(v));
    if (json_is_real(v))
        return (struct j_value){ .kind = J_FLOAT, .f = json_real_value(v) };
    if (json_is_array(v)) {
        out = j_new_list(r, json_array_size(v), J_LIST);
        if (out.kind == J_LIST)
            json_array_foreach (v, i, item)
                out.list->at[i] = j_from_json(r, item, depth + 1, false);
    } else if (json_is_object(v)) {
        out = j_new_dict(r);
        json_object_keylen_foreach ((json_t *)v, key, length, item) {
            bool role = depth == 0 || (length == 4 && memcmp(key, "role", 4) == 0);

            if (out.kind == J_DICT && r->st == SPN_OK)
                j_dict_set(r, out.dict, from_text(r, key, length, depth == 0),
                           j_from_json(r, item, depth + 1, role));
        }
    }
    return out;
}

/* ---- asking ---- */

bool j_is(struct j_str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.s, text, s.n) == 0;
}

bool j_same_bytes(struct j_str a, struct j_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

struct j_str j_sub(struct j_str s, size_t begin, size_t n)
{
    return (struct j_str){ s.s + begin, s.mark == NULL ? NULL : s.mark + begin, n };
}

bool j_is_number(const struct j_value *v)
{
    return v->kind == J_BOOL || v->kind == J_INT || v->kind == J_FLOAT;
}

double j_number(const struct j_value *v)
{
    return v->kind == J_FLOAT ? v->f : v->kind == J_INT ? (double)v->i : v->b;
}

bool j_truth(const struct j_value *v)
{
    switch (v->kind) {
    case J_UNDEFINED:
    case J_NONE:
        return false;
    case J_BOOL:
        return v->b;
    case J_INT:
        return v->i != 0;
    case J_FLOAT:
        return v->f != 0;
    case J_STR:
        return v->s.n > 0;
    case J_LIST:
    case J_TUPLE:
        return v->list->n > 0;
    case J_DICT:
        return v->dict->n > 0;
    default:
        return true;
    }
}

const char *j_kind_name(const struct j_value *v)
{
    static const char *const names[] = { "undefined", "none",      "bool",  "int",
                                         "float",     "str",       "list",  "tuple",
                                         "dict",      "namespace", "macro", "function",
                                         "method" };

    return names[v->kind];
}

static bool lists_equal(struct j_run *r, const struct j_list *a, const struct j_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!j_equal(r, &a->at[i], &b->at[i]))
            return false;
    return true;
}

static bool dicts_equal(struct j_run *r, struct j_dict *a, struct j_dict *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct j_value *other = j_dict_find(r, b, &a->key[i]);

        if (other == NULL || !j_equal(r, &a->value[i], other))
            return false;
    }
    return true;
}

bool j_equal(struct j_run *r, const struct j_value *a, const struct j_value *b)
{
    bool same = false;

    if (!j_step(r, 0))
        return false;
    if (j_is_number(a) && j_is_number(b))
        return a->kind == J_FLOAT || b->kind == J_FLOAT
                   ? j_number(a) == j_number(b)
                   : (a->kind == J_INT ? a->i : a->b) == (b->kind == J_INT ? b->i : b->b);
    if (a->kind != b->kind)
        return false;
    if (r->depth > JINJA_DEPTH_MAX) {
        j_fail(r, SPN_EFORMAT, "values are nested too deeply");
        return false;
    }
    r->depth++;
    if (a->kind == J_NONE || a->kind == J_UNDEFINED)
        same = true;
    else if (a->kind == J_STR)
        same = j_step(r, a->s.n) && j_same_bytes(a->s, b->s);
    else if (a->kind == J_LIST || a->kind == J_TUPLE)
        same = lists_equal(r, a->list, b->list);
    else if (a->kind == J_DICT)
        same = dicts_equal(r, a->dict, b->dict);
    else if (a->kind == J_FUNCTION)
        same = strcmp(a->function, b->function) == 0;
    else
        same = a->dict == b->dict;
    r->depth--;
    return same;
}

int j_order(struct j_run *r, const struct j_value *a, const struct j_value *b)
{
    j_step(r, 0);
    if (j_is_number(a) && j_is_number(b)) {
        if (a->kind == J_INT && b->kind == J_INT)
            return (a->i > b->i) - (a->i < b->i);
        return (j_number(a) > j_number(b)) - (j_number(a) < j_number(b));
    }
    if (a->kind == J_STR && b->kind == J_STR) { /* UTF-8 sorts as its code points do */
        size_t n = a->s.n < b->s.n ? a->s.n : b->s.n;
        int order = n == 0 ? 0 : memcmp(a->s.s, b->s.s, n);

        j_step(r, n);
        return order != 0 ? order : (a->s.n > b->s.n) - (a->s.n < b->s.n);
    }
    if ((a->kind == J_LIST || a->kind == J_TUPLE) && a->kind == b->kind) {
        for (size_t i = 0; i < a->list->n && i < b->list->n && r->st == SPN_OK; i++)
            if (!j_equal(r, &a->list->at[i], &b->list->at[i]))
                return j_order(r, &a->list->at[i], &b->list->at[i]);
        return (a->list->n > b->list->n) - (a->list->n < b->list->n);
    }
    j_fail(r, SPN_EFORMAT, "%s and %s have no order", j_kind_name(a), j_kind_name(b));
    return 0;
}

/* ---- dicts ---- */

static bool hashable(const struct j_value *key)
{
    return key->kind != J_LIST && key->kind != J_DICT && key->kind != J_UNDEFINED;
}

struct j_value *j_dict_find(struct j_run *r, struct j_dict *d, const struct j_value *key)
{
    for (size_t i = 0; i < d->n && r->st == SPN_OK; i++) {
        if (key->kind == J_STR && d->key[i].kind == J_STR) {
            r->steps += (i & 7) == 0;
            if (j_same_bytes(key->s, d->key[i].s))
                return &d->value[i];
        } else if (j_equal(r, key, &d->key[i])) {
            return &d->value[i];
        }
    }
    j_step(r, 0);
    return NULL;
}

void j_dict_set(struct j_run *r, struct j_dict *d, struct j_value key, struct j_value value)
{
    struct j_value *old;

    if (!hashable(&key)) {
        j_fail(r, SPN_EFORMAT, "%s cannot be a key", j_kind_name(&key));
        return;
    }
    old = j_dict_find(r, d, &key);
    if (r->st != SPN_OK)
        return;
    if (old != NULL) {
        *old = value;
        return;
    }
    if (d->n == d->room) {
        size_t room = d->room < 8 ? 8 : d->room * 2;
        struct j_value *keys = j_alloc(r, room, sizeof *keys),
                       *values = j_alloc(r, room, sizeof *values);

        if (keys == NULL || values == NULL)
            return;
        if (d->n > 0) {
            memcpy(keys, d->key, d->n * sizeof *keys);
            memcpy(values, d->value, d->n * sizeof *values);
        }
        d->key = keys;
        d->value = values;
        d->room = room;
    }
    d->key[d->n] = key;
    d->value[d->n++] = value;
}

/* ---- walking ---- */

struct j_value j_elements(struct j_run *r, const struct j_value *v)
{
    struct j_value out;
    size_t at = 0;

    switch (v->kind) {
    case J_LIST:
    case J_TUPLE:
        return *v;
    case J_UNDEFINED:
        return j_new_list(r, 0, J_LIST);
    case J_DICT:
        out = j_new_list(r, v->dict->n, J_LIST);
        for (size_t i = 0; r->st == SPN_OK && i < v->dict->n; i++)
            out.list->at[i] = v->dict->key[i];
        return out;
    case J_STR:
        out = j_new_list(r, j_count_chars(v->s), J_LIST);
        for (size_t i = 0; r->st == SPN_OK && i < out.list->n; i++) {
            unsigned length;

            uni_decode((const unsigned char *)v->s.s + at, v->s.n - at, &length);
            out.list->at[i] = j_string(j_sub(v->s, at, length));
            at += length;
        }
        return out;
    default:
        j_fail(r, SPN_EFORMAT, "%s cannot be walked over", j_kind_name(v));
        return j_none();
    }
}

bool j_contains(struct j_run *r, const struct j_value *in, const struct j_value *what)
{
    if (in->kind == J_STR && what->kind == J_STR)
        return j_step(r, in->s.n) && j_find(in->s, what->s, 0) != SIZE_MAX;
    if (in->kind == J_DICT)
        return hashable(what) && j_dict_find(r, in->dict, what) != NULL;
    if (in->kind == J_LIST || in->kind == J_TUPLE) {
        for (size_t i = 0; i < in->list->n && r->st == SPN_OK; i++)
            if (j_equal(r, &in->list->at[i], what))
                return true;
        return false;
    }
    if (in->kind != J_UNDEFINED)
        j_fail(r, SPN_EFORMAT, "\"in\" needs something to look in, not %s", j_kind_name(in));
    return false;
}

int64_t j_length(struct j_run *r, const struct j_value *v)
{
    switch (v->kind) {
    case J_STR:
        return j_step(r, v->s.n) ? (int64_t)j_count_chars(v->s) : 0;
    case J_LIST:
    case J_TUPLE:
        return (int64_t)v->list->n;
    case J_DICT:
        return (int64_t)v->dict->n;
    case J_UNDEFINED:
        return 0;
    default:
        j_fail(r, SPN_EFORMAT, "%s has no length", j_kind_name(v));
        return 0;
    }
}
