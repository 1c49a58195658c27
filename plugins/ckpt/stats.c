/* stats.c - statistics and histograms of every tensor, and the numbers of one. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "figures.h"
#include "verbs.h"

#define BAR_CELLS 50
#define SHOWN_MAX 65536 /* numbers that `show` writes at most */

static json_t *histogram_json(const struct figures *f)
{
    json_t *counts = json_array();

    for (int k = 0; k < f->spread.bins; k++)
        json_array_append_new(counts, json_integer(f->count[k]));
    return json_pack("{s:o, s:o, s:o}", "lo", number_json(f->spread.lo), "hi",
                     number_json(f->spread.hi), "counts", counts);
}

static json_t *figures_json(const struct ckpt_row *row, const struct figures *f)
{
    json_t *o = json_pack("{s:o, s:s, s:o}", "name", string_json(row->e->name), "dtype",
                          spn_dtype_name(row->e->t.dtype), "shape", shape_json(&row->e->t));
    static const char *const keys[] = { "min", "max", "mean", "std", "norm" };
    double v[] = { f->s.min, f->s.max, f->s.mean, f->s.std, f->s.norm };
    const struct {
        const char *key;
        int64_t n;
    } counts[] = {
        { "count", f->s.count }, { "zeros", f->s.zeros }, { "nan", f->s.nan }, { "inf", f->s.inf }
    };

    if (o == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        json_object_set_new(o, keys[i], f->known ? number_json(v[i]) : json_null());
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        json_object_set_new(o, counts[i].key, f->known ? json_integer(counts[i].n) : json_null());
    if (f->spread.n_percent > 0) {
        json_t *p = json_object();

        for (int i = 0; p != NULL && i < f->spread.n_percent; i++) {
            char key[NUMBER_BYTES];

            json_object_set_new(p, number_text(key, f->percent[i]),
                                f->known ? number_json(f->value[i]) : json_null());
        }
        json_object_set_new(o, "percentiles", p);
    } else {
        json_object_set_new(o, "percentiles", json_null());
    }
    if (f->spread.bins > 0 && f->known)
        json_object_set_new(o, "histogram", histogram_json(f));
    return o;
}

/* The columns of the text form: fixed ones, then the percentiles. */
struct columns {
    const char *head[12 + SPN_PERCENTILES_MAX];
    char name[SPN_PERCENTILES_MAX][NUMBER_BYTES + 1];
    size_t n;
};

static void columns_of(struct columns *c, const struct figures *f)
{
    static const char *const fixed[] = { "name", "dtype", "min",   "max", "mean",
                                         "std",  "norm",  "zeros", "nan", "inf" };

    c->n = 0;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        c->head[c->n++] = fixed[i];
    for (int i = 0; i < f->spread.n_percent && c->n < TABLE_COLUMNS_MAX; i++) {
        char text[NUMBER_BYTES];

        snprintf(c->name[i], sizeof c->name[i], "p%s", number_text(text, f->percent[i]));
        c->head[c->n++] = c->name[i];
    }
}

static spn_status put_row(struct table *t, const struct ckpt_row *row, const struct figures *f,
                          struct spn_err *err)
{
    char text[TABLE_COLUMNS_MAX][NUMBER_BYTES];
    const char *cells[TABLE_COLUMNS_MAX];
    double v[] = { f->s.min, f->s.max, f->s.mean, f->s.std, f->s.norm };
    int64_t counts[] = { f->s.zeros, f->s.nan, f->s.inf };

    cells[0] = row->e->name;
    cells[1] = spn_dtype_name(row->e->t.dtype);
    for (size_t i = 2; i < t->columns; i++) {
        cells[i] = text[i];
        if (!f->known)
            number_text(text[i], NAN);
        else if (i < 7)
            number_text(text[i], v[i - 2]);
        else if (i < 10)
            snprintf(text[i], sizeof text[i], "%" PRId64, counts[i - 7]);
        else
            number_text(text[i], f->value[i - 10]);
    }
    return table_row(t, figures_json(row, f), cells, err);
}

spn_status verb_stats(struct run *r, struct spn_err *err)
{
    struct figures *f = spn_calloc(1, sizeof *f);
    struct columns columns;
    struct table t;
    struct ckpt c = { .step = -1 };
    spn_status st = f == NULL ? spn_fail(err, SPN_ENOMEM, "ckpt: no memory")
                              : read_percents(f->percent, &f->spread.n_percent, r, err);

    if (st != SPN_OK) {
        spn_free(f);
        return st;
    }
    f->spread.bins = (int)spn_value_int(r->v, "bins");
    columns_of(&columns, f);
    table_begin(&t, r, columns.head, columns.n);
    st = open_rows_partial(&c, r, err);
    for (size_t i = 0; st == SPN_OK && i < c.n; i++) {
        st = figures_of(f, &c, c.row[i].e, &r->how, err);
        if (st == SPN_OK)
            st = put_row(&t, &c.row[i], f, err);
    }
    st = check_rows(&c, table_end(&t, st, err), err);
    ckpt_close(&c);
    spn_free(f);
    return st;
}

/* ---- histograms as bars ---- */

static void bars(struct spn_buf *b, const struct figures *f)
{
    int64_t most = 1;

    for (int k = 0; k < f->spread.bins; k++)
        most = f->count[k] > most ? f->count[k] : most;
    for (int k = 0; k < f->spread.bins; k++) {
        double edge = f->spread.lo + (f->spread.hi - f->spread.lo) * k / f->spread.bins;
        int cells = (int)((double)f->count[k] / (double)most * BAR_CELLS + 0.5);

        cells += cells == 0 && f->count[k] > 0; /* few is not none */
        spn_buf_printf(b, "%13.6g %12" PRId64 " ", edge, f->count[k]);
        for (int i = 0; i < cells; i++)
            spn_buf_puts(b, "#");
        spn_buf_puts(b, "\n");
    }
    spn_buf_printf(b, "%13.6g\n", f->spread.hi);
}

/* The same as a picture. */
static spn_status as_plot(struct run *r, const struct figures *f, struct spn_err *err)
{
    const struct spn_picture_api *pictures = r->host->query("picture", 1);
    double x[SPN_BINS_MAX], y[SPN_BINS_MAX], width = (f->spread.hi - f->spread.lo) / f->spread.bins;
    struct spn_series series = { "numbers", x, y, (size_t)f->spread.bins };

    for (int k = 0; k < f->spread.bins; k++) {
        x[k] = f->spread.lo + (k + 0.5) * width;
        y[k] = (double)f->count[k];
    }
    return pictures->plot(
        r->job, &(struct spn_plot){ .kind = SPN_PLOT_HISTOGRAM, .series = &series, .n = 1 }, 16, 0,
        err);
}

spn_status verb_hist(struct run *r, struct spn_err *err)
{
    const struct spn_picture_api *pictures = r->host->query("picture", 1);
    bool picture = pictures != NULL && pictures->wanted(r->job);
    int64_t bins = spn_value_int(r->v, "bins");
    struct figures *f = spn_calloc(1, sizeof *f);
    struct ckpt c = { .step = -1 };
    spn_status st =
        f == NULL ? spn_fail(err, SPN_ENOMEM, "ckpt: no memory") : open_rows_partial(&c, r, err);

    if (f != NULL)
        f->spread.bins = bins > 0 ? (int)bins : picture ? 100 : 40;
    for (size_t i = 0; st == SPN_OK && i < c.n; i++) {
        struct spn_buf b = SPN_BUF_INIT(1 << 20);
        const struct ckpt_row *row = &c.row[i];
        char shape[200];

        st = figures_of(f, &c, row->e, &r->how, err);
        if (st == SPN_OK && !r->api->json(r->job)) {
            spn_buf_printf(&b, "%s %s %s", row->e->name, spn_dtype_name(row->e->t.dtype),
                           shape_text(shape, sizeof shape, &row->e->t));
            if (f->known) {
                spn_buf_printf(&b, ": %" PRId64 " numbers, %" PRId64 " NaN, %" PRId64 " infinite\n",
                               f->s.count, f->s.nan, f->s.inf);
                if (!picture || !isfinite(f->spread.lo))
                    bars(&b, f);
            } else {
                spn_buf_puts(&b, ": numbers of this type are not decoded\n");
            }
            spn_buf_puts(&b, i + 1 < c.n && !picture ? "\n" : "");
        }
        if (st == SPN_OK && b.failed)
            st = spn_fail(err, SPN_ENOMEM, "ckpt: no memory for a histogram");
        if (st == SPN_OK)
            st = r->api->emit(r->job, figures_json(row, f), b.data, err);
        if (st == SPN_OK && picture && f->known && isfinite(f->spread.lo))
            st = as_plot(r, f, err);
        spn_buf_free(&b);
    }
    st = check_rows(&c, st, err);
    ckpt_close(&c);
    spn_free(f);
    return st;
}

/* ---- one tensor ---- */

struct slice {
    int64_t from[SPN_DIMS_MAX], to[SPN_DIMS_MAX];
};

/* "0:4,7" by dimension; what is not said is all of it. Negative numbers count from the end. */
static spn_status read_slice(struct slice *s, const char *text, const struct spn_tensor *t,
                             struct spn_err *err)
{
    const char *p = text;

    for (int d = 0; d < t->ndim; d++) {
        s->from[d] = 0;
        s->to[d] = t->dim[d];
    }
    for (int d = 0; p != NULL && *p != '\0'; d++) {
        char *end = (char *)(uintptr_t)p;
        long long a = strtoll(p, &end, 10), b;
        bool given = end != p, range = *end == ':';

        if (d == t->ndim)
            return spn_fail(err, SPN_EUSAGE,
                            "--slice: \"%.100s\" has more ranges than the %d "
                            "dimensions",
                            text, t->ndim);
        a = given ? (a < 0 ? a + t->dim[d] : a) : 0;
        b = range ? t->dim[d] : a + 1;
        if (range) {
            const char *q = end + 1;
            long long v = strtoll(q, &end, 10);

            if (end != q)
                b = v < 0 ? v + t->dim[d] : v;
        }
        if ((*end != ',' && *end != '\0') || (!given && !range) || a < 0 || b > t->dim[d] || a > b)
            return spn_fail(err, SPN_EUSAGE,
                            "--slice: range %d of \"%.100s\" is not within 0:%" PRId64, d + 1, text,
                            t->dim[d]);
        s->from[d] = a;
        s->to[d] = b;
        p = *end == ',' ? end + 1 : end;
    }
    return SPN_OK;
}

/* The few numbers shown of a large tensor when no slice is given: corners of each dimension. */
static void some_of(struct slice *s, const struct spn_tensor *t)
{
    for (int d = 0; d < t->ndim; d++) {
        int64_t most = d == t->ndim - 1 ? 8 : d == t->ndim - 2 ? 8 : 1;

        s->from[d] = 0;
        s->to[d] = t->dim[d] < most ? t->dim[d] : most;
    }
}

/* Lines of the last dimension; OUT gets text and JSON rows get arrays. */
static spn_status put_numbers(struct spn_buf *b, json_t *values, const struct spn_tensor *t,
                              const struct slice *s, struct spn_err *err)
{
    int64_t at[SPN_DIMS_MAX] = { 0 },
            wide = t->ndim > 0 ? s->to[t->ndim - 1] - s->from[t->ndim - 1] : 1, total = 1;
    double *x;
    spn_status st = SPN_OK;

    for (int d = 0; d < t->ndim; d++) {
        at[d] = s->from[d];
        if (s->to[d] == s->from[d])
            return SPN_OK;
        if (s->to[d] - s->from[d] > SHOWN_MAX / total)
            return spn_fail(err, SPN_EUSAGE, "--slice: more than the %d numbers that are shown",
                            SHOWN_MAX);
        total *= s->to[d] - s->from[d];
    }
    x = spn_calloc((size_t)wide, sizeof *x);
    if (x == NULL)
        return spn_fail(err, SPN_ENOMEM, "ckpt: no memory for %" PRId64 " numbers", wide);
    for (int64_t line = 0; st == SPN_OK && line < total / wide; line++) {
        json_t *row = json_array();
        int64_t begin = 0;
        int d;

        for (d = 0; d < t->ndim; d++)
            begin = begin * t->dim[d] + at[d];
        st = spn_numbers(x, t, begin, wide, err);
        for (int64_t i = 0; st == SPN_OK && i < wide; i++) {
            spn_buf_printf(b, "%s%.9g", i > 0 ? "\t" : "", x[i]);
            json_array_append_new(row, number_json(x[i]));
        }
        spn_buf_puts(b, "\n");
        json_array_append_new(values, row);
        for (d = t->ndim - 2; d >= 0 && ++at[d] == s->to[d]; d--)
            at[d] = s->from[d];
    }
    spn_free(x);
    return st;
}

spn_status verb_show(struct run *r, struct spn_err *err)
{
    struct figures *f = spn_calloc(1, sizeof *f);
    struct spn_buf b = SPN_BUF_INIT(16 << 20);
    const char *text = spn_value_str(r->v, "slice");
    const struct spn_entry *e = NULL;
    struct ckpt c = { .step = -1 };
    struct spn_tensor whole;
    void *copy = NULL;
    struct slice s;
    json_t *values = json_array(), *o = NULL;
    spn_status st = f == NULL || values == NULL
                        ? spn_fail(err, SPN_ENOMEM, "ckpt: no memory")
                        : read_percents(f->percent, &f->spread.n_percent, r, err);

    if (st == SPN_OK)
        st = ckpt_open(&c, r->argv[0], err);
    if (st == SPN_OK && (e = spn_reader_find(c.reader, r->argv[1])) == NULL) {
        st = ckpt_select(&c, r->argv + 1, 1, err); /* a pattern may name one */
        if (st == SPN_OK && c.n > 1)
            st = spn_fail(err, SPN_EUSAGE, "%s: %zu tensors match \"%.200s\"", c.path, c.n,
                          r->argv[1]);
        e = st == SPN_OK ? c.row[0].e : NULL;
    }
    if (st == SPN_OK) {
        struct ckpt_row row = { e, spn_tensor_bytes(&e->t), spn_tensor_elems(&e->t) };
        char shape[200];

        st = figures_of(f, &c, e, &r->how, err);
        o = figures_json(&row, f);
        spn_buf_printf(&b, "%s %s %s, %" PRIu64 " bytes at %" PRIu64 " of %s\n", e->name,
                       spn_dtype_name(e->t.dtype), shape_text(shape, sizeof shape, &e->t),
                       row.bytes, e->offset, file_text(&c, e));
    }
    if (st == SPN_OK && f->known) {
        spn_buf_printf(&b, "min %.9g  max %.9g  mean %.9g  std %.9g  norm %.9g\n", f->s.min,
                       f->s.max, f->s.mean, f->s.std, f->s.norm);
        spn_buf_printf(&b, "zeros %" PRId64 "  NaN %" PRId64 "  infinite %" PRId64 "\n", f->s.zeros,
                       f->s.nan, f->s.inf);
        for (int i = 0; i < f->spread.n_percent; i++)
            spn_buf_printf(&b, "p%g %.9g%s", f->percent[i], f->value[i],
                           i + 1 < f->spread.n_percent ? "  " : "\n");
        st = ckpt_view(&whole, &copy, &c, e, err);
        if (st == SPN_OK && text == NULL)
            some_of(&s, &whole);
        else if (st == SPN_OK)
            st = read_slice(&s, text, &whole, err);
        if (st == SPN_OK)
            st = put_numbers(&b, values, &whole, &s, err);
    } else if (st == SPN_OK) {
        spn_buf_puts(&b, "numbers of this type are not decoded\n");
    }
    st = check_rows(&c, st, err);
    if (st == SPN_OK && (b.failed || o == NULL))
        st = spn_fail(err, SPN_ENOMEM, "ckpt: no memory for a tensor's numbers");
    if (st == SPN_OK) {
        json_object_set(o, "values", values);
        st = r->api->emit(r->job, json_incref(o), b.data, err);
    }
    json_decref(o);
    json_decref(values);
    spn_free(copy);
    spn_buf_free(&b);
    ckpt_close(&c);
    spn_free(f);
    return st;
}
