/* recode.c - stretch by stretch: read, decode, encode.  A stretch is a whole number of blocks of
 * every type. */
#include "config.h"

#include "format/recode.h"

#include <string.h>

#include "base/mem.h"
#include "tensor/product.h"

enum { STRETCH = 1 << 14 };

struct item {
    struct item *next;
    struct spn_recoder *owner;
    const struct spn_entry *e;
    int to;
};

struct outcome {
    spn_status st;
    struct spn_err why;
};

struct spn_recoder {
    const struct spn_reader *reader;
    struct spn_pool *pool;
    struct item *items;
    unsigned char *raw; /* a worker: STRETCH numbers as they are in the file, at most 16 bytes */
    float *x;           /* the same as floats */
    struct outcome *outcome;
    size_t workers;
    uint64_t done;
    spn_status (*watch)(void *ctx, uint64_t done);
    void *watch_ctx;
};

spn_status spn_recoder_new(struct spn_recoder **out, const struct spn_reader *r,
                           struct spn_pool *pool, struct spn_err *err)
{
    struct spn_recoder *c = spn_calloc(1, sizeof *c);
    size_t workers = (size_t)spn_pool_threads(pool);

    if (c != NULL) {
        c->reader = r;
        c->pool = pool;
        c->workers = workers;
        c->outcome = spn_calloc(workers, sizeof *c->outcome);
        c->raw = spn_calloc(workers * STRETCH, 16);
        c->x = spn_calloc(workers * STRETCH, sizeof *c->x);
    }
    if (c == NULL || c->raw == NULL || c->x == NULL || c->outcome == NULL) {
        spn_recoder_free(c);
        return spn_fail(err, SPN_ENOMEM, "no memory to convert numbers");
    }
    *out = c;
    return SPN_OK;
}

void spn_recoder_free(struct spn_recoder *c)
{
    if (c == NULL)
        return;
    while (c->items != NULL) {
        struct item *i = c->items;

        c->items = i->next;
        spn_free(i);
    }
    spn_free(c->raw);
    spn_free(c->x);
    spn_free(c->outcome);
    spn_free(c);
}

/* One call of a writer: numbers [first, first + n) at DST, cut at multiples of STRETCH. */
struct part {
    const struct item *item;
    int64_t first, n;
    char *dst;
};

static spn_status recode_stretch(const struct part *p, int64_t begin, int worker,
                                 struct spn_err *err)
{
    const struct spn_recoder *c = p->item->owner;
    const struct spn_entry *e = p->item->e;
    unsigned char *raw = c->raw + (size_t)worker * STRETCH * 16;
    float *x = c->x + (size_t)worker * STRETCH;
    int64_t left = spn_tensor_elems(&e->t) - begin, some = left < STRETCH ? left : STRETCH;
    int64_t from = begin > p->first ? begin : p->first;
    int64_t end = begin + some < p->first + p->n ? begin + some : p->first + p->n;
    uint64_t before = 0;
    spn_status st = spn_entry_read(c->reader, e, begin, some, raw, err);

    if (st == SPN_OK)
        st = spn_dequant(e->t.dtype, raw, x, some, err);
    if (st == SPN_OK && !spn_dtype_row_bytes(p->item->to, from - p->first, &before))
        st = spn_fail(err, SPN_EINTERNAL, "a part begins inside a block");
    if (st == SPN_OK)
        st = spn_quant(p->item->to, x + (from - begin), p->dst + before, end - from, err);
    if (st != SPN_OK && st != SPN_EIO && err != NULL) {
        struct spn_err why = *err;

        spn_fail(err, st, "%s: %s", e->name, why.text);
    }
    return st;
}

static void recode_stretches(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct part *p = ctx;
    struct outcome *o = &p->item->owner->outcome[worker];

    for (int64_t i = begin; i < end && o->st == SPN_OK; i++)
        o->st = recode_stretch(p, (p->first / STRETCH + i) * STRETCH, worker, &o->why);
}

static spn_status fill(void *ctx, int64_t first, int64_t n, void *dst, struct spn_err *err)
{
    const struct item *i = ctx;
    struct spn_recoder *c = i->owner;
    struct part p = { .item = i, .first = first, .n = n, .dst = dst };
    int64_t count = (first + n + STRETCH - 1) / STRETCH - first / STRETCH;
    spn_status st = SPN_OK;

    memset(c->outcome, 0, c->workers * sizeof *c->outcome);
    spn_pool_run(c->pool, count, 1, recode_stretches, &p);
    for (size_t w = 0; w < c->workers && st == SPN_OK; w++) {
        st = c->outcome[w].st;
        if (st != SPN_OK && err != NULL)
            *err = c->outcome[w].why;
    }
    c->done += (uint64_t)n;
    return st == SPN_OK && c->watch != NULL ? c->watch(c->watch_ctx, c->done) : st;
}

spn_status spn_recoder_add(struct spn_recoder *c, struct spn_writer *w, const struct spn_entry *e,
                           int dtype, struct spn_err *err)
{
    struct spn_tensor shape;
    struct item *i;
    spn_status st;

    if (dtype == e->t.dtype) {
        (void)spn_writer_entry(w, e->name, c->reader, e);
        return SPN_OK;
    }
    st = spn_tensor_init(&shape, dtype, e->t.ndim, e->t.dim, NULL, err);
    if (st != SPN_OK)
        return st;
    i = spn_calloc(1, sizeof *i);
    if (i == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to convert it", e->name);
    *i = (struct item){ c->items, c, e, dtype };
    c->items = i;
    (void)spn_writer_stream(w, e->name, &shape, fill, i);
    return SPN_OK;
}

void spn_recoder_watch(struct spn_recoder *c, spn_status (*watch)(void *ctx, uint64_t done),
                       void *ctx)
{
    c->watch = watch;
    c->watch_ctx = ctx;
}

/* An array of strings, integers of 32 bits or floats, which is what a GGUF's tokenizer has. */
static spn_status add_array(struct spn_writer *w, const char *key, const struct spn_meta *v,
                            struct spn_err *err)
{
    size_t n = (size_t)v->count;
    const char **s = spn_calloc(n + 1, sizeof *s);
    size_t *length = spn_calloc(n + 1, sizeof *length);
    int32_t *whole = spn_calloc(n + 1, sizeof *whole);
    float *f = spn_calloc(n + 1, sizeof *f);
    bool there = s != NULL && length != NULL && whole != NULL && f != NULL, strings = true,
         integers = true, floats = true;

    for (size_t i = 0; there && i < n; i++) {
        int64_t l = 0;
        double d = 0;

        strings = strings && spn_meta_elem_str(v, i, &s[i], &length[i]);
        integers = integers && spn_meta_elem_int(v, i, &l) && l == (int32_t)l;
        floats = floats && spn_meta_elem_float(v, i, &d);
        whole[i] = integers ? (int32_t)l : 0;
        f[i] = (float)d;
    }
    if (there && strings && n > 0)
        (void)spn_writer_strs(w, key, s, length, n);
    else if (there && integers)
        (void)spn_writer_i32s(w, key, whole, n);
    else if (there && floats)
        (void)spn_writer_f32s(w, key, f, n);
    spn_free(s);
    spn_free(length);
    spn_free(whole);
    spn_free(f);
    return there ? SPN_OK : spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu elements", key, n);
}

static bool skipped(const char *key, const char *const *skip)
{
    for (; skip != NULL && *skip != NULL; skip++)
        if (strcmp(key, *skip) == 0)
            return true;
    return false;
}

/* The writer keeps its first failure and the commit says it. */
spn_status spn_recode_keys(struct spn_writer *w, const struct spn_reader *r, bool numbers,
                           const char *const *skip, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < spn_reader_meta_count(r); i++) {
        struct spn_meta v;
        const char *key = spn_reader_meta_at(r, i, &v);

        if (skipped(key, skip))
            continue;
        if (v.kind == SPN_META_STRING)
            (void)spn_writer_str(w, key, v.s, v.s_length);
        else if (!numbers)
            continue;
        else if (v.kind == SPN_META_BOOL)
            (void)spn_writer_bool(w, key, v.b);
        else if (v.kind == SPN_META_FLOAT && (double)(float)v.f == v.f)
            (void)spn_writer_f32(w, key, (float)v.f);
        else if (v.kind == SPN_META_FLOAT)
            (void)spn_writer_f64(w, key, v.f);
        else if (v.kind == SPN_META_ARRAY)
            st = add_array(w, key, &v, err);
        else if (v.kind == SPN_META_INT)
            (void)spn_writer_i64(w, key, v.i);
        else if (v.kind == SPN_META_UINT && v.u <= UINT32_MAX)
            (void)spn_writer_u32(w, key, (uint32_t)v.u);
    }
    return st;
}
