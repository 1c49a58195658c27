/* screen_ask.c - the job behind the right side: figures, cells and numbers of the chosen tensor. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "screen.h"

#define HEAT_DOWN   160
#define HEAT_ACROSS 240

void inquiry_free(struct inquiry *q)
{
    if (q == NULL)
        return;
    sheet_drop(q->sheet);
    sheet_drop(q->other);
    heat_free(&q->heat);
    spn_free(q->name);
    spn_free(q->f);
    spn_free(q->vals);
    spn_free(q->cloud);
    spn_free(q);
}

/* ---- on the job's thread ---- */

/* As many as the numbers fill. */
static int bins_of(const struct spn_entry *e)
{
    double n = sqrt((double)spn_tensor_elems(&e->t));

    return n < 8 ? 8 : n > HIST_BINS ? HIST_BINS : (int)n;
}

static spn_status find_figures(struct inquiry *q, const struct spn_measure *how,
                               struct spn_err *err)
{
    static const double percent[] = { 0.1, 1, 5, 25, 50, 75, 95, 99, 99.9 };
    spn_status st;

    q->f = spn_calloc(1 + MOMENTS, sizeof *q->f);
    if (q->f == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for its figures", q->name);
    q->f[0].spread.n_percent = (int)(sizeof percent / sizeof *percent);
    memcpy(q->f[0].percent, percent, sizeof percent);
    q->f[0].spread.bins = bins_of(q->e);
    st = figures_of(&q->f[0], &q->sheet->c, q->e, how, err);
    for (int i = 0; st == SPN_OK && i < MOMENTS; i++)
        if (q->moment[i] != NULL)
            st = figures_of(&q->f[1 + i], &q->sheet->c, q->moment[i], how, err);
    return st;
}

static void whole_window(struct spn_window *w, const struct spn_tensor *t)
{
    int64_t rows = spn_matrix_rows(t), cols = spn_matrix_cols(t);

    if (w->rows <= 0 || w->row + w->rows > rows || w->col + w->cols > cols)
        *w = (struct spn_window){ 0, rows, 0, cols };
}

static spn_status find_cells(struct inquiry *q, const struct spn_tensor *t,
                             const struct spn_measure *how, struct spn_err *err)
{
    whole_window(&q->heat.w, t);
    if (q->heat.w.rows == 0 || q->heat.w.cols == 0)
        return SPN_OK;
    return heat_run(&q->heat, HEAT_DOWN, HEAT_ACROSS, t, how, err);
}

static spn_status find_numbers(struct inquiry *q, const struct spn_tensor *t, struct spn_err *err)
{
    int64_t rows = spn_matrix_rows(t), cols = spn_matrix_cols(t);
    spn_status st = SPN_OK;

    q->w.row = q->w.row < rows ? q->w.row : 0;
    q->w.col = q->w.col < cols ? q->w.col : 0;
    q->w.rows = rows - q->w.row < VALS_ROWS ? rows - q->w.row : VALS_ROWS;
    q->w.cols = cols - q->w.col < VALS_COLS ? cols - q->w.col : VALS_COLS;
    if (cols == 0)
        q->w.rows = 0;
    q->vals = spn_calloc(VALS_ROWS * VALS_COLS, sizeof *q->vals);
    if (q->vals == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for its numbers", q->name);
    for (int64_t i = 0; st == SPN_OK && i < q->w.rows; i++)
        st = spn_numbers(q->vals + i * VALS_COLS, t, (q->w.row + i) * cols + q->w.col, q->w.cols,
                         err);
    return st;
}

/* Pairs at even distances, at most two millions, as a cloud. */
static spn_status find_cloud(struct inquiry *q, const struct spn_tensor *a,
                             const struct spn_tensor *b, struct spn_err *err)
{
    enum { STRETCH = 4096, STRETCHES = 512 };
    int64_t n = spn_tensor_elems(a), stretches = (n + STRETCH - 1) / STRETCH, step = 1;
    double *x = spn_calloc(2 * STRETCH, sizeof *x), *y = x + STRETCH;
    spn_status st = SPN_OK;

    q->cloud = spn_calloc(CLOUD_SIDE * CLOUD_SIDE, sizeof *q->cloud);
    if (x == NULL || q->cloud == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for a cloud", q->name);
    if (stretches > STRETCHES)
        step = stretches / STRETCHES;
    q->lo = INFINITY;
    q->hi = -INFINITY;
    for (int pass = 0; st == SPN_OK && pass < 2; pass++)
        for (int64_t s = 0; st == SPN_OK && s < stretches; s += step) {
            int64_t some = n - s * STRETCH < STRETCH ? n - s * STRETCH : STRETCH;

            st = spn_numbers(x, a, s * STRETCH, some, err);
            if (st == SPN_OK)
                st = spn_numbers(y, b, s * STRETCH, some, err);
            for (int64_t i = 0; st == SPN_OK && i < some; i++) {
                double u, v;

                if (!isfinite(x[i]) || !isfinite(y[i]))
                    continue;
                if (pass == 0) {
                    q->lo = fmin(q->lo, fmin(x[i], y[i]));
                    q->hi = fmax(q->hi, fmax(x[i], y[i]));
                    continue;
                }
                u = q->hi > q->lo ? (x[i] - q->lo) / (q->hi - q->lo) : 0.5;
                v = q->hi > q->lo ? (y[i] - q->lo) / (q->hi - q->lo) : 0.5;
                q->cloud[(int)((1 - v) * (CLOUD_SIDE - 1)) * CLOUD_SIDE +
                         (int)(u * (CLOUD_SIDE - 1))]++;
            }
        }
    spn_free(x);
    return st;
}

/* A minus B as a tensor of its own: what a difference is looked at by. */
static spn_status subtract(struct spn_tensor *out, float **numbers, const struct spn_tensor *a,
                           const struct spn_tensor *b, struct spn_cancel *cancel,
                           struct spn_err *err)
{
    enum { STRETCH = 65536 };
    int64_t n = spn_tensor_elems(a);
    double *x = spn_calloc(2 * STRETCH, sizeof *x);
    spn_status st = SPN_OK;

    *numbers = spn_calloc((size_t)n + 1, sizeof **numbers);
    if (x == NULL || *numbers == NULL)
        st = spn_fail(err, SPN_ENOMEM, "difference: no memory for %lld numbers", (long long)n);
    for (int64_t at = 0; st == SPN_OK && at < n; at += STRETCH) {
        int64_t some = n - at < STRETCH ? n - at : STRETCH;

        st = spn_numbers(x, a, at, some, err);
        if (st == SPN_OK)
            st = spn_numbers(x + STRETCH, b, at, some, err);
        for (int64_t i = 0; st == SPN_OK && i < some; i++)
            (*numbers)[at + i] = (float)(x[i] - x[STRETCH + i]);
        if (st == SPN_OK && spn_cancelled(cancel))
            st = spn_fail(err, SPN_ECANCEL, "difference: stopped by the user");
    }
    spn_free(x);
    if (st == SPN_OK)
        st = spn_tensor_init(out, SPN_F32, a->ndim, a->dim, *numbers, err);
    return st;
}

static spn_status look_at(struct inquiry *q, const struct spn_tensor *t,
                          const struct spn_measure *how, struct spn_err *err)
{
    switch (q->tab) {
    case TAB_HEAT:
        return find_cells(q, t, how, err);
    case TAB_VALS:
        return find_numbers(q, t, err);
    default:
        return SPN_OK;
    }
}

static spn_status find_pair(struct inquiry *q, const struct spn_measure *how, struct spn_err *err)
{
    struct spn_tensor a, b, t;
    void *copy_a = NULL, *copy_b = NULL;
    float *numbers = NULL;
    spn_status st = ckpt_view(&a, &copy_a, &q->sheet->c, q->e, err);

    if (st == SPN_OK)
        st = ckpt_view(&b, &copy_b, &q->other->c, q->e_other, err);
    if (st == SPN_OK && spn_measurable(a.dtype) && spn_measurable(b.dtype) &&
        spn_tensor_elems(&a) == spn_tensor_elems(&b)) {
        if (q->tab == TAB_STAT || q->tab == TAB_PAIR)
            st = find_cloud(q, &a, &b, err);
        else
            st = subtract(&t, &numbers, &a, &b, how->cancel, err);
        if (st == SPN_OK && q->tab == TAB_HIST) {
            q->f = spn_calloc(1, sizeof *q->f);
            st = q->f == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", q->name)
                              : figures_of_tensor(q->f, bins_of(q->e), &t, how, err);
        } else if (st == SPN_OK && numbers != NULL) {
            st = look_at(q, &t, how, err);
        }
    }
    spn_free(numbers);
    spn_free(copy_a);
    spn_free(copy_b);
    return st;
}

static spn_status run(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct inquiry *q = ctx;
    struct spn_pool *pool = spn_pool_new(spn_threads_allowed());
    struct spn_measure how = { .pool = pool, .cancel = q->look->api->work_cancel(w) };
    struct spn_tensor t;
    void *copy = NULL;
    spn_status st =
        pool == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory for threads", q->name) : SPN_OK;

    stopper_begin(&q->stop, how.cancel);
    if (st == SPN_OK && q->other != NULL) {
        st = find_pair(q, &how, err);
    } else if (st == SPN_OK && (q->tab == TAB_STAT || q->tab == TAB_HIST)) {
        st = find_figures(q, &how, err);
    } else if (st == SPN_OK) {
        st = ckpt_view(&t, &copy, &q->sheet->c, q->e, err);
        if (st == SPN_OK && spn_measurable(t.dtype))
            st = look_at(q, &t, &how, err);
        spn_free(copy);
    }
    spn_pool_free(pool);
    return st == SPN_OK ? spn_reader_check(q->sheet->c.reader, err) : st;
}

/* ---- on the main thread ---- */

static void done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct inquiry *q = ctx;
    struct look *l = q->look;
    bool unwanted = q->stop.wanted != 0;

    l->inquiring = NULL;
    if (st == SPN_OK && !unwanted) {
        q->done = true;
        inquiry_free(l->answer);
        l->answer = q;
        l->window = q->heat.w.rows > 0 ? q->heat.w : l->window;
        tabs_show(l);
        return;
    }
    inquiry_free(q);
    if (unwanted)
        look_ask(l);
    else if (st != SPN_ECANCEL)
        look_fail(l, err);
}

/* NAME.exp_avg and NAME.exp_avg_sq, as trainers name them. */
static const struct spn_entry *moment_of(const struct sheet *s, const char *name, int i)
{
    static const char *const ends[MOMENTS] = { ".exp_avg", ".exp_avg_sq" };
    static const char *const leads[] = { "", "optimizer.state.", "optimizer." };
    const struct spn_entry *e = NULL;

    for (size_t k = 0; e == NULL && k < sizeof leads / sizeof *leads; k++) {
        struct spn_buf b = SPN_BUF_INIT(70000);

        spn_buf_printf(&b, "%s%s%s", leads[k], name, ends[i]);
        if (b.data != NULL)
            e = spn_reader_find(s->c.reader, b.data);
        spn_buf_free(&b);
    }
    return e;
}

static struct inquiry *new_inquiry(struct look *l, const struct ckpt_row *row)
{
    static const char *const cells[] = { "mean", "peak", "rms" };
    struct inquiry *q = spn_calloc(1, sizeof *q);

    if (q == NULL || (q->name = spn_strdup(row->e->name)) == NULL) {
        spn_free(q);
        return NULL;
    }
    q->look = l;
    q->sheet = sheet_hold(l->sheet);
    q->tab = l->tab;
    q->e = row->e;
    q->heat.w = l->window;
    q->heat.value = cells[l->cell];
    q->heat.log = l->log;
    q->w = (struct spn_window){ .row = l->vals_row, .col = l->vals_col };
    for (int i = 0; i < MOMENTS; i++)
        q->moment[i] = moment_of(l->sheet, q->name, i);
    return q;
}

/* The tensor that is meant: of the tree, or of the chosen pair on both sides. */
static struct inquiry *wanted(struct look *l)
{
    const struct ckpt_row *row = NULL, *mate = NULL;
    struct inquiry *q;

    if (l->mode == MODE_TREE) {
        row = tree_row(l);
    } else if (l->mode == MODE_DIFF && l->other != NULL) {
        row = sheet_find(l->sheet, l->chosen);
        mate = sheet_find(l->other, l->chosen);
        if (mate == NULL)
            return NULL;
    }
    q = row != NULL ? new_inquiry(l, row) : NULL;
    if (q != NULL && mate != NULL) {
        q->other = sheet_hold(l->other);
        q->e_other = mate->e;
    }
    return q;
}

void look_ask(struct look *l)
{
    struct spn_work_spec spec = { "figures", NULL, run, NULL, done };
    struct spn_err err = SPN_ERR_INIT;
    struct inquiry *q;

    if (l->inquiring != NULL) {
        stopper_stop(l->inquiring);
        return; /* when it has ended this comes again */
    }
    if (l->tab == TAB_STEPS) {
        series_start(l);
        return;
    }
    q = l->tab != TAB_META && l->tab != TAB_PICKLE && l->tab != TAB_CODEC ? wanted(l) : NULL;
    if (q == NULL) {
        inquiry_free(l->answer);
        l->answer = NULL;
        tabs_show(l);
        return;
    }
    spec.ctx = q;
    l->inquiring = &q->stop;
    if (l->api->work(l->screen, &spec, &err) != SPN_OK) {
        l->inquiring = NULL;
        l->api->fail(l->screen, &err);
        inquiry_free(q);
    }
}
