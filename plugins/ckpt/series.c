/* series.c - norms, sizes of updates and dead units over the steps of a run. */
#include "config.h"

#include "series.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "verbs.h"

#define BAR_CELLS 40

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool of_optimiser(const char *name)
{
    return ends_with(name, ".exp_avg") || ends_with(name, ".exp_avg_sq") ||
           ends_with(name, ".momentum_buffer") || ends_with(name, ".step") ||
           strncmp(name, "optimizer", 9) == 0;
}

struct totals {
    double squares, squares_d, squares_before;
    struct series_point p;
};

static bool same_shape(const struct spn_tensor *a, const struct spn_tensor *b)
{
    bool same = a->ndim == b->ndim;

    for (int d = 0; same && d < a->ndim; d++)
        same = a->dim[d] == b->dim[d];
    return same;
}

/* One tensor, against BEFORE's of the same name. */
static spn_status one(struct series_point *p, struct totals *all, const struct ckpt *now,
                      const struct ckpt *before, const struct spn_entry *e,
                      const struct spn_measure *how, struct spn_err *err)
{
    const struct spn_entry *old =
        before->reader != NULL ? spn_reader_find(before->reader, e->name) : NULL;
    struct spn_difference d = { 0 };
    struct spn_tensor t, u;
    void *copy = NULL, *copy_old = NULL;
    int64_t first;
    spn_status st = ckpt_view(&t, &copy, now, e, err);

    if (st == SPN_OK && spn_measurable(t.dtype) && old != NULL && same_shape(&old->t, &e->t))
        st = ckpt_view(&u, &copy_old, before, old, err);
    else
        old = NULL;
    *p = (struct series_point){ .step = now->step, .name = e->name, .norm = NAN, .update = NAN };
    if (st == SPN_OK && spn_measurable(t.dtype)) {
        /* Against itself where there is nothing before: its own sums are the same. */
        st = spn_difference_run(&d, &t, old != NULL ? &u : &t, NULL, how, err);
        if (st == SPN_OK && t.ndim >= 2)
            st = spn_zero_rows(&p->zero_rows, &first, &t, how, err);
        p->tensors = 1;
        p->norm = sqrt(d.squares_a);
        p->update = old != NULL ? d.rel : NAN;
        p->rows = t.ndim >= 2 ? spn_matrix_rows(&t) : 0;
        p->nan = d.nan_a;
        p->inf = d.inf_a;
        all->squares += d.squares_a;
        all->squares_d += old != NULL ? d.squares_d : 0;
        all->squares_before += old != NULL ? d.squares_b : 0;
        all->p.tensors++;
        all->p.rows += p->rows;
        all->p.zero_rows += p->zero_rows;
        all->p.nan += p->nan;
        all->p.inf += p->inf;
    }
    spn_free(copy);
    spn_free(copy_old);
    return st;
}

static bool wanted(const char *name, char *const *pattern, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (ckpt_matches(pattern[k], name))
            return true;
    return false;
}

static spn_status one_step(const struct ckpt *now, const struct ckpt *before, char *const *pattern,
                           size_t n, const struct spn_measure *how, series_point_fn *point,
                           void *ctx, struct spn_err *err)
{
    struct totals all = { .p = { .step = now->step, .update = NAN } };
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < now->n; i++) {
        const struct spn_entry *e = now->row[i].e;
        struct series_point p;
        bool named = wanted(e->name, pattern, n);

        if (n > 0 ? !named : of_optimiser(e->name))
            continue;
        st = one(&p, &all, now, before, e, how, err);
        if (st == SPN_OK && named)
            st = point(ctx, &p, err);
    }
    all.p.norm = sqrt(all.squares);
    if (before->reader != NULL)
        all.p.update = all.squares_d == 0 ? 0 : sqrt(all.squares_d / all.squares_before);
    return st == SPN_OK ? point(ctx, &all.p, err) : st;
}

spn_status series_run(const char *dir, char *const *pattern, size_t n_patterns,
                      const struct spn_measure *how, series_point_fn *point, void *ctx,
                      struct spn_err *err)
{
    struct ckpt now = { .step = -1 }, before = { .step = -1 };
    struct ckpt_step *step = NULL;
    size_t n = 0;
    spn_status st = ckpt_steps(&step, &n, dir, err);

    if (st == SPN_OK && n == 0)
        st = spn_fail(err, SPN_ENOTFOUND,
                      "%s: no steps there (checkpoint-N, global_stepN, iter_N, step-N, epoch-N, "
                      "ckpt-N)",
                      dir);
    for (size_t i = 0; st == SPN_OK && i < n; i++) {
        st = ckpt_open(&now, step[i].path, err);
        now.step = step[i].step;
        if (st == SPN_OK)
            st = one_step(&now, &before, pattern, n_patterns, how, point, ctx, err);
        if (st == SPN_OK)
            st = spn_reader_check(now.reader, err);
        ckpt_close(&before);
        before = now;
        now = (struct ckpt){ .step = -1 };
    }
    ckpt_close(&before);
    ckpt_steps_free(step, n);
    return st;
}

/* ---- the verb ---- */

struct report {
    struct table table;
    struct run *run;
    struct series_point *total; /* of each step, for the plots */
    size_t n, room;
};

static json_t *point_json(const struct series_point *p)
{
    return json_pack("{s:I, s:o, s:I, s:o, s:o, s:I, s:I, s:I, s:I}", "step", (json_int_t)p->step,
                     "name", string_json(p->name), "tensors", (json_int_t)p->tensors, "norm",
                     number_json(p->norm), "update", number_json(p->update), "rows",
                     (json_int_t)p->rows, "zero_rows", (json_int_t)p->zero_rows, "nan",
                     (json_int_t)p->nan, "inf", (json_int_t)p->inf);
}

static spn_status keep_total(struct report *o, const struct series_point *p, struct spn_err *err)
{
    if (o->n == o->room) {
        size_t want = o->room * 2 + 64;
        struct series_point *grown = spn_realloc(o->total, want, sizeof *grown);

        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "series: no memory for %zu steps", want);
        o->total = grown;
        o->room = want;
    }
    o->total[o->n++] = *p;
    return SPN_OK;
}

static spn_status put_point(void *ctx, const struct series_point *p, struct spn_err *err)
{
    struct report *o = ctx;
    char step[24], tensors[24], norm[NUMBER_BYTES], update[NUMBER_BYTES], rows[24], zero[24],
        nan[24], inf[24];
    const char *cells[] = {
        step, p->name != NULL ? p->name : "(all)", tensors, norm, update, rows, zero, nan, inf
    };
    spn_status st = p->name == NULL ? keep_total(o, p, err) : SPN_OK;

    snprintf(step, sizeof step, "%" PRId64, p->step);
    snprintf(tensors, sizeof tensors, "%zu", p->tensors);
    number_text(norm, p->norm);
    number_text(update, p->update);
    snprintf(rows, sizeof rows, "%" PRId64, p->rows);
    snprintf(zero, sizeof zero, "%" PRId64, p->zero_rows);
    snprintf(nan, sizeof nan, "%" PRId64, p->nan);
    snprintf(inf, sizeof inf, "%" PRId64, p->inf);
    return st == SPN_OK ? table_row(&o->table, point_json(p), cells, err) : st;
}

/* A bar a step, from zero. */
static void plot(struct spn_buf *b, const struct report *o, const char *what,
                 double (*get)(const struct series_point *))
{
    double most = 0;

    for (size_t i = 0; i < o->n; i++)
        most = get(&o->total[i]) > most ? get(&o->total[i]) : most;
    spn_buf_printf(b, "\n%s, 0 to %.6g\n", what, most);
    for (size_t i = 0; i < o->n; i++) {
        double v = get(&o->total[i]);
        int cells = most > 0 && v > 0 ? (int)(v / most * BAR_CELLS + 0.5) : 0;

        spn_buf_printf(b, "%10" PRId64 " ", o->total[i].step);
        for (int k = 0; k < cells; k++)
            spn_buf_puts(b, "#");
        spn_buf_puts(b, isnan(v) ? "-\n" : "\n");
    }
}

static double get_norm(const struct series_point *p)
{
    return p->norm;
}

static double get_update(const struct series_point *p)
{
    return p->update;
}

spn_status verb_series(struct run *r, struct spn_err *err)
{
    static const char *const heads[] = { "step", "name",      "tensors", "norm", "update",
                                         "rows", "zero_rows", "nan",     "inf" };
    struct report o = { .run = r };
    struct spn_buf b = SPN_BUF_INIT(16 << 20);
    spn_status st;

    table_begin(&o.table, r, heads, sizeof heads / sizeof *heads);
    st = series_run(r->argv[0], r->argv + 1, (size_t)r->argc - 1, &r->how, put_point, &o, err);
    st = table_end(&o.table, st, err);
    if (st == SPN_OK && spn_value_flag(r->v, "plot")) {
        plot(&b, &o, "norm", get_norm);
        plot(&b, &o, "update", get_update);
        if (b.failed)
            st = spn_fail(err, SPN_ENOMEM, "series: no memory for the plots");
        else
            r->api->write(r->job, b.data, b.length);
    }
    spn_buf_free(&b);
    spn_free(o.total);
    return st;
}
