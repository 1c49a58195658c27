/* health.c - NaN, infinities, zero rows, odd ones among equals, gaps, copies. */
#include "config.h"

#include "health.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "verbs.h"

#define INDEX_BYTES_MAX ((size_t)256 << 20)
#define NAME_BYTES_MAX  65536

struct item { /* a row among those of its kind */
    const struct ckpt_row *row;
    char *kind;
    bool counted;
    struct spn_stats s;
};
struct look {
    const struct ckpt *c;
    const struct spn_measure *how;
    ckpt_warn_fn *warn;
    ckpt_counted_fn *counted;
    void *ctx;
    struct item *item; /* sorted by kind, then by name */
};

static spn_status warn(const struct look *l, const char *what, const char *name,
                       struct spn_err *err, const char *fmt, ...) SPN_PRINTF(5, 6);
static spn_status warn(const struct look *l, const char *what, const char *name,
                       struct spn_err *err, const char *fmt, ...)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 20);
    va_list ap;
    spn_status st;

    va_start(ap, fmt);
    st = spn_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    if (st == SPN_OK)
        st = l->warn(l->ctx, &(struct ckpt_warning){ what, name, b.data }, err);
    else
        st = spn_fail(err, SPN_ENOMEM, "health: no memory for a warning");
    spn_buf_free(&b);
    return st;
}

static int by_kind(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = strcmp(x->kind, y->kind);

    return order != 0 ? order : ckpt_compare_names(x->row->e->name, y->row->e->name);
}

/* ---- odd ones among equals ---- */

static bool same_shape(const struct spn_tensor *a, const struct spn_tensor *b)
{
    bool same = a->ndim == b->ndim;

    for (int d = 0; same && d < a->ndim; d++)
        same = a->dim[d] == b->dim[d];
    return same;
}

/* A file quantised to mixed types gives layers of one kind different ones on purpose. */
static bool same_type(const struct spn_tensor *a, const struct spn_tensor *b)
{
    return a->dtype == b->dtype ||
           (spn_dtype_info(a->dtype)->block_elems > 1 && spn_dtype_info(b->dtype)->block_elems > 1);
}

/* The one that most others are like, of N; NULL when there is no such majority. */
static const struct spn_tensor *usual(const struct item *item, size_t n,
                                      bool (*same)(const struct spn_tensor *,
                                                   const struct spn_tensor *))
{
    const struct spn_tensor *candidate = NULL;
    size_t votes = 0, count = 0;

    for (size_t i = 0; i < n; i++) { /* a majority survives pairing with what differs */
        if (votes == 0)
            candidate = &item[i].row->e->t;
        votes += same(candidate, &item[i].row->e->t) ? 1 : (size_t)-1;
    }
    for (size_t i = 0; i < n; i++)
        count += same(candidate, &item[i].row->e->t);
    return count * 2 > n && count < n ? candidate : NULL;
}

static spn_status odd_ones(const struct look *l, const struct item *item, size_t n,
                           struct spn_err *err)
{
    const struct spn_tensor *shape = usual(item, n, same_shape), *type = usual(item, n, same_type);
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < n; i++) {
        const struct spn_entry *e = item[i].row->e;
        char got[200], want[200];

        if (shape != NULL && !same_shape(shape, &e->t))
            st = warn(l, "shape", e->name, err, "its shape is %s, that of its kind %s",
                      shape_text(got, sizeof got, &e->t), shape_text(want, sizeof want, shape));
        if (st == SPN_OK && type != NULL && !same_type(type, &e->t))
            st = warn(l, "dtype", e->name, err, "its type is %s, that of its kind %s",
                      spn_dtype_name(e->t.dtype), spn_dtype_name(type->dtype));
    }
    return st;
}

/* The last number in NAME: the layer. -1: none. */
static int64_t layer_of(const char *name)
{
    int64_t layer = -1;

    while (*name != '\0') {
        size_t n = strcspn(name, "./");

        if (n > 0 && n < 10 && strspn(name, "0123456789") == n && layer < 0)
            layer = strtoll(name, NULL, 10);
        name += n + (name[n] != '\0');
    }
    return layer;
}

static spn_status gaps(const struct look *l, const struct item *item, size_t n, int64_t layers,
                       struct spn_err *err)
{
    int64_t next = 0;
    spn_status st = SPN_OK;

    /* Kinds that only some layers have (every second one, say) are no gap. */
    if (layer_of(item[0].row->e->name) < 0 || (int64_t)n * 4 <= layers * 3)
        return SPN_OK;
    for (size_t i = 0; st == SPN_OK && i <= n; i++) {
        int64_t layer = i < n ? layer_of(item[i].row->e->name) : layers;

        for (; st == SPN_OK && next < layer; next++)
            st = warn(l, "missing", item[0].kind, err, "layer %" PRId64 " of %" PRId64 " lacks it",
                      next, layers);
        next = layer + 1;
    }
    return st;
}

/* ---- numbers ---- */

static spn_status numbers(const struct look *l, struct item *it, struct spn_err *err)
{
    const struct spn_entry *e = it->row->e;
    int64_t zero = 0, first = -1;
    struct spn_tensor t;
    void *copy = NULL;
    spn_status st = ckpt_view(&t, &copy, l->c, e, err);

    if (st != SPN_OK || !spn_measurable(t.dtype)) {
        spn_free(copy);
        return st;
    }
    st = spn_stats_run(&it->s, &t, l->how, err);
    it->counted = st == SPN_OK;
    if (st == SPN_OK && l->counted != NULL)
        st = l->counted(l->ctx, it->row, &it->s, err);
    if (st == SPN_OK && it->s.nan > 0)
        st = warn(l, "nan", e->name, err, "%" PRId64 " of %" PRId64 " are NaN", it->s.nan,
                  it->s.count);
    if (st == SPN_OK && it->s.inf > 0)
        st = warn(l, "inf", e->name, err, "%" PRId64 " of %" PRId64 " are infinite", it->s.inf,
                  it->s.count);
    if (st == SPN_OK && e->t.ndim >= 2 && it->s.zeros >= spn_matrix_cols(&t))
        st = spn_zero_rows(&zero, &first, &t, l->how, err);
    if (st == SPN_OK && zero > 0)
        st = warn(l, "zero_rows", e->name, err,
                  "%" PRId64 " of %" PRId64 " rows are zero, the first is %" PRId64, zero,
                  spn_matrix_rows(&t), first);
    spn_free(copy);
    return st;
}

/* ---- copies ---- */

/* All figures the same: worth a look at the bytes. */
static int by_figures(const void *a, const void *b)
{
    const struct item *const *p = a, *const *q = b;
    const struct item *x = *p, *y = *q;

    if (x->row->e->t.dtype != y->row->e->t.dtype)
        return x->row->e->t.dtype < y->row->e->t.dtype ? -1 : 1;
    if (x->row->bytes != y->row->bytes)
        return x->row->bytes < y->row->bytes ? -1 : 1;
    if (x->s.norm != y->s.norm)
        return x->s.norm < y->s.norm ? -1 : 1;
    if (x->s.mean != y->s.mean)
        return x->s.mean < y->s.mean ? -1 : 1;
    return ckpt_compare_names(x->row->e->name, y->row->e->name);
}

static bool same_bytes(const struct item *x, const struct item *y)
{
    const struct spn_tensor *a = &x->row->e->t, *b = &y->row->e->t;

    if (a->dtype != b->dtype || x->row->bytes != y->row->bytes || a->data == NULL ||
        b->data == NULL)
        return false;
    return a->data == b->data || memcmp(a->data, b->data, (size_t)x->row->bytes) == 0;
}

/* Matrices whose numbers are there twice; constant ones are no news. */
static spn_status copies(const struct look *l, struct spn_err *err)
{
    struct item **list = spn_calloc(l->c->n + 1, sizeof *list);
    size_t n = 0;
    spn_status st = SPN_OK;

    if (list == NULL)
        return spn_fail(err, SPN_ENOMEM, "health: no memory for %zu rows", l->c->n);
    for (size_t i = 0; i < l->c->n; i++)
        if (l->item[i].counted && l->item[i].row->e->t.ndim >= 2 && l->item[i].s.std > 0 &&
            l->item[i].row->numbers >= 16)
            list[n++] = &l->item[i];
    if (n > 1)
        qsort(list, n, sizeof *list, by_figures);
    for (size_t i = 1; st == SPN_OK && i < n; i++)
        if (same_bytes(list[i - 1], list[i]))
            st =
                warn(l, "copy", list[i]->row->e->name, err, "its %" PRIu64 " bytes are those of %s",
                     list[i]->row->bytes, list[i - 1]->row->e->name);
    spn_free(list);
    return st;
}

spn_status ckpt_health(const struct ckpt *c, const struct spn_measure *how, ckpt_warn_fn *fn,
                       ckpt_counted_fn *counted, void *ctx, struct spn_err *err)
{
    struct look l = { c, how, fn, counted, ctx, spn_calloc(c->n + 1, sizeof *l.item) };
    int64_t layers = 0;
    spn_status st = SPN_OK;

    if (l.item == NULL)
        return spn_fail(err, SPN_ENOMEM, "health: no memory for %zu rows", c->n);
    for (size_t i = 0; st == SPN_OK && i < c->n; i++) {
        struct spn_buf b = SPN_BUF_INIT(NAME_BYTES_MAX);
        int64_t layer = layer_of(c->row[i].e->name);

        layers = layer >= layers ? layer + 1 : layers;
        l.item[i].row = &c->row[i];
        if (ckpt_kind(&b, c->row[i].e->name) == SPN_OK)
            l.item[i].kind = spn_buf_steal(&b);
        if (l.item[i].kind == NULL)
            st = spn_fail(err, SPN_ENOMEM, "health: no memory for a name");
        spn_buf_free(&b);
    }
    if (st == SPN_OK && c->n > 1)
        qsort(l.item, c->n, sizeof *l.item, by_kind);
    for (size_t i = 0, end; st == SPN_OK && i < c->n; i = end) {
        for (end = i + 1; end < c->n && strcmp(l.item[i].kind, l.item[end].kind) == 0;)
            end++;
        if (end - i > 2)
            st = odd_ones(&l, l.item + i, end - i, err);
        if (st == SPN_OK)
            st = gaps(&l, l.item + i, end - i, layers, err);
    }
    for (size_t i = 0; st == SPN_OK && i < c->n; i++)
        st = numbers(&l, &l.item[i], err);
    if (st == SPN_OK)
        st = copies(&l, err);
    for (size_t i = 0; i < c->n; i++)
        spn_free(l.item[i].kind);
    spn_free(l.item);
    return st;
}

/* ---- shards ---- */

bool ckpt_missing_shards(const char *dir, ckpt_warn_fn *fn, void *ctx, size_t *n, spn_status *st,
                         struct spn_err *err)
{
    static const char *const names[] = { "model.safetensors.index.json",
                                         "pytorch_model.bin.index.json" };
    json_t *seen = json_object(), *index = NULL, *shard;
    const char *name;
    bool any = false;

    *n = 0;
    *st = SPN_OK;
    for (size_t i = 0; index == NULL && i < sizeof names / sizeof *names; i++) {
        char *path = spn_path_join(dir, names[i]), *text = NULL;
        size_t length;

        if (path != NULL && spn_file_read(&text, &length, path, INDEX_BYTES_MAX, NULL) == SPN_OK)
            index = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
        spn_free(text);
        spn_free(path);
    }
    json_object_foreach(json_object_get(index, "weight_map"), name, shard)
    {
        const char *file = json_string_value(shard);
        struct look l = { .warn = fn, .ctx = ctx };
        char *path;

        any = true;
        if (file == NULL || strchr(file, '/') != NULL || json_object_get(seen, file) != NULL)
            continue;
        json_object_set_new(seen, file, json_true());
        path = spn_path_join(dir, file);
        if (path != NULL && !spn_path_exists(path)) {
            ++*n;
            *st = warn(&l, "shard", file, err, "the index names it, it is not there");
        }
        spn_free(path);
        if (*st != SPN_OK)
            break;
    }
    json_decref(index);
    json_decref(seen);
    return any;
}

/* ---- the verb ---- */

struct report {
    struct table table;
    size_t n;
};

static spn_status put_warning(void *ctx, const struct ckpt_warning *w, struct spn_err *err)
{
    struct report *p = ctx;
    const char *cells[] = { w->what, w->name, w->text };

    p->n++;
    return table_row(&p->table,
                     json_pack("{s:s, s:o, s:o}", "what", w->what, "name", string_json(w->name),
                               "text", string_json(w->text)),
                     cells, err);
}

spn_status verb_health(struct run *r, struct spn_err *err)
{
    static const char *const heads[] = { "what", "name", "text" };
    struct report p = { .n = 0 };
    struct spn_err why = SPN_ERR_INIT;
    struct ckpt c;
    size_t shards = 0;
    char text[128];
    spn_status st = open_rows(&c, r, &why), missing = SPN_OK;

    table_begin(&p.table, r, heads, 3);
    if (st == SPN_OK)
        st = ckpt_health(&c, &r->how, put_warning, NULL, &p, err);
    else if (ckpt_missing_shards(r->argv[0], put_warning, &p, &shards, &missing, err) && shards > 0)
        st = missing;
    else if (err != NULL)
        *err = why;
    st = check_rows(&c, table_end(&p.table, st, err), err);
    if (st == SPN_OK && p.n > 0)
        st = spn_fail(err, SPN_ENO, "%s: %zu warning%s", r->argv[0], p.n, p.n == 1 ? "" : "s");
    if (st == SPN_OK && !r->api->json(r->job)) {
        snprintf(text, sizeof text, "%zu tensors, no warning", c.n);
        r->api->say(r->job, text);
    }
    ckpt_close(&c);
    return st;
}
