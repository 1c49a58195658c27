/* meta.c - what a checkpoint says beside its tensors; is it whole. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verbs.h"

#define FEW_ELEMENTS 8 /* of an array when all keys are listed */

/* Text of any bytes for JSON. */
static json_t *bytes_json(const char *s, size_t n)
{
    json_t *j = json_stringn(s, n);
    char *copy;

    if (j != NULL)
        return j;
    copy = spn_strndup(s, n);
    j = string_json(copy);
    spn_free(copy);
    return j;
}

static json_t *element_json(const struct spn_meta *array, uint64_t i)
{
    const char *s;
    size_t n;
    int64_t l;
    double d;

    if (spn_meta_elem_str(array, i, &s, &n))
        return bytes_json(s, n);
    if (spn_meta_elem_int(array, i, &l))
        return array->elem == SPN_META_BOOL ? json_boolean(l != 0) : json_integer(l);
    return spn_meta_elem_float(array, i, &d) ? number_json(d) : json_null();
}

/* At most MOST elements of an array. */
static json_t *value_json(const struct spn_meta *v, uint64_t most)
{
    json_t *a;

    switch (v->kind) {
    case SPN_META_INT:
        return json_integer(v->i);
    case SPN_META_UINT:
        return v->u <= INT64_MAX ? json_integer((json_int_t)v->u) : json_real((double)v->u);
    case SPN_META_FLOAT:
        return number_json(v->f);
    case SPN_META_BOOL:
        return json_boolean(v->b);
    case SPN_META_STRING:
        return bytes_json(v->s, v->s_length);
    case SPN_META_ARRAY:
        break;
    }
    a = json_array();
    for (uint64_t i = 0; a != NULL && i < v->count && i < most; i++)
        json_array_append_new(a, element_json(v, i));
    return a;
}

/* As text: a string as it is, all else as JSON. */
static void value_text(struct spn_buf *b, const json_t *j, bool shortened, uint64_t count)
{
    char *text;

    if (json_is_string(j)) {
        spn_buf_add(b, json_string_value(j), json_string_length(j));
        return;
    }
    text = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text != NULL)
        spn_buf_puts(b, text);
    free(text);
    if (shortened)
        spn_buf_printf(b, " … %" PRIu64 " in all", count);
}

void meta_text(struct spn_buf *b, const struct spn_meta *v)
{
    json_t *value = value_json(v, FEW_ELEMENTS);

    value_text(b, value, v->kind == SPN_META_ARRAY && v->count > FEW_ELEMENTS, v->count);
    json_decref(value);
}

static spn_status one_key(const struct ckpt *c, struct run *r, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT((size_t)1 << 30);
    struct spn_meta v;
    json_t *value;
    spn_status st;

    if (!spn_reader_meta(c->reader, r->argv[1], &v)) {
        const char *near = NULL;
        struct spn_meta other;
        int least = 8;

        for (size_t i = 0; i < spn_reader_meta_count(c->reader); i++) {
            const char *key = spn_reader_meta_at(c->reader, i, &other);
            int d = spn_edit_distance(r->argv[1], key, least);

            if (d < least) {
                least = d;
                near = key;
            }
        }
        st = spn_fail(err, SPN_ENOTFOUND, "%s: no key \"%.200s\" among its %zu", c->path,
                      r->argv[1], spn_reader_meta_count(c->reader));
        return near != NULL ? spn_cure(err, "spinney ckpt meta %s %s", r->argv[0], near) : st;
    }
    value = value_json(&v, UINT64_MAX);
    value_text(&b, value, false, 0);
    spn_buf_puts(&b, "\n");
    if (value == NULL || b.failed)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for the value of %s", c->path, r->argv[1]);
    else
        st = r->api->emit(r->job,
                          json_pack("{s:o, s:O}", "key", string_json(r->argv[1]), "value", value),
                          b.data, err);
    json_decref(value);
    spn_buf_free(&b);
    return st;
}

spn_status verb_meta(struct run *r, struct spn_err *err)
{
    static const char *const heads[] = { "key", "value" };
    struct ckpt c;
    struct table t;
    spn_status st = ckpt_open(&c, r->argv[0], err);

    if (st == SPN_OK && r->argc > 1) {
        st = one_key(&c, r, err);
        ckpt_close(&c);
        return st;
    }
    table_begin(&t, r, heads, 2);
    for (size_t i = 0; st == SPN_OK && i < spn_reader_meta_count(c.reader); i++) {
        struct spn_buf b = SPN_BUF_INIT((size_t)64 << 20);
        struct spn_meta v;
        const char *key = spn_reader_meta_at(c.reader, i, &v), *cells[2];
        bool shortened = v.kind == SPN_META_ARRAY && v.count > FEW_ELEMENTS;
        json_t *value = value_json(&v, FEW_ELEMENTS),
               *o = json_pack("{s:o, s:O}", "key", string_json(key), "value", value);

        value_text(&b, value, shortened, v.count);
        if (shortened && o != NULL)
            json_object_set_new(o, "count", json_integer((json_int_t)v.count));
        cells[0] = key;
        cells[1] = b.data;
        if (value == NULL || b.failed) {
            json_decref(o);
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for the value of %s", c.path, key);
        } else {
            st = table_row(&t, o, cells, err);
        }
        json_decref(value);
        spn_buf_free(&b);
    }
    st = table_end(&t, st, err);
    ckpt_close(&c);
    return st;
}

struct touching {
    const struct ckpt *c;
    struct spn_err err; /* the first failure */
    int failed;         /* atomic */
};

/* Every page of every tensor is read once. */
static void touch(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct touching *t = ctx;
    unsigned sum = 0;

    for (int64_t i = begin; i < end; i++) {
        const struct ckpt_row *row = &t->c->row[i];
        struct spn_err why = SPN_ERR_INIT;
        struct spn_tensor view;
        void *copy = NULL;
        spn_status st = spn_entry_view(t->c->reader, row->e, &view, &copy, &why);

        for (uint64_t k = 0; st == SPN_OK && k < row->bytes; k += 512)
            sum += ((const volatile unsigned char *)view.data)[k];
        if (st != SPN_OK && __atomic_exchange_n(&t->failed, 1, __ATOMIC_RELAXED) == 0)
            t->err = why;
        spn_free(copy);
    }
    (void)sum;
}

/* A string array of the pickles' reader as JSON; NULL: there is none. */
static json_t *names_json(const struct ckpt *c, const char *key)
{
    struct spn_meta v;

    return c->reader != NULL && spn_reader_meta(c->reader, key, &v) ? value_json(&v, UINT64_MAX)
                                                                    : NULL;
}

/* What the pickles name, a line each, after what was found about the file. */
static void globals_text(struct spn_buf *b, const char *lead, const json_t *names)
{
    size_t i;
    json_t *name;

    json_array_foreach(names, i, name) spn_buf_printf(b, "%s\t%s\n", lead, json_string_value(name));
}

spn_status verb_verify(struct run *r, struct spn_err *err)
{
    struct touching t = { .err = SPN_ERR_INIT };
    struct spn_buf b = SPN_BUF_INIT((size_t)16 << 20);
    struct ckpt c;
    spn_status st, put;
    json_t *o, *globals, *unknown;
    uint64_t bytes = 0;

    if (verify_store(r, &st, err))
        return st;
    st = ckpt_open(&c, r->argv[0], &t.err);
    if (st == SPN_ENOTFOUND || st == SPN_ENOMEM) { /* not about the file's inside */
        if (err != NULL)
            *err = t.err;
        return st;
    }
    for (size_t i = 0; i < c.n; i++)
        bytes += c.row[i].bytes;
    t.c = &c;
    if (st == SPN_OK)
        spn_pool_run(r->pool, (int64_t)c.n, 1, touch, &t);
    if (st == SPN_OK && t.failed)
        st = t.err.code;
    if (st == SPN_OK)
        st = spn_reader_check(c.reader, &t.err);
    globals = names_json(&c, "pickle.globals");
    unknown = names_json(&c, "pickle.unknown");
    o = json_pack("{s:o, s:b, s:s, s:I, s:I, s:o}", "path", string_json(r->argv[0]), "whole",
                  st == SPN_OK, "format", c.reader != NULL ? spn_reader_format(c.reader) : "",
                  "tensors", (json_int_t)c.n, "bytes", (json_int_t)bytes, "why",
                  st == SPN_OK ? json_null() : string_json(t.err.text));
    if (o != NULL && globals != NULL)
        json_object_set(o, "globals", globals);
    if (o != NULL && unknown != NULL)
        json_object_set(o, "unknown", unknown);
    if (st == SPN_OK) {
        spn_buf_printf(&b, "%s: whole: %zu tensors, %" PRIu64 " bytes\n",
                       spn_reader_format(c.reader), c.n, bytes);
        globals_text(&b, "global", globals);
        globals_text(&b, "unknown", unknown);
    }
    put = r->api->emit(r->job, o, b.data, err);
    /* A class or function that no checkpoint needs may be somebody's way to run code. */
    if (put != SPN_OK)
        st = put;
    else if (st != SPN_OK)
        st = spn_fail(err, SPN_ENO, "%s", t.err.text);
    else if (json_array_size(unknown) > 0)
        st = spn_fail(err, SPN_ENO,
                      "%s: its pickle names %zu classes or functions that are no part of a "
                      "checkpoint; nothing was run",
                      r->argv[0], json_array_size(unknown));
    json_decref(globals);
    json_decref(unknown);
    spn_buf_free(&b);
    ckpt_close(&c);
    return st;
}
