/* screen_tabs.c - the right side: a tensor's statistics, histogram, heat map, numbers; what else
 * the file says; what its pickles name. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen.h"
#include "verbs.h"

#define BARS_WIDE 46
#define BARS_HIGH 7

bool tabs_has(const struct look *l, enum tab tab)
{
    if (l->sheet == NULL || tab < TAB_STAT || tab > TAB_PAIR)
        return false;
    switch (tab) {
    case TAB_META:
        return l->mode == MODE_TREE;
    case TAB_PICKLE:
        return l->mode == MODE_TREE && l->sheet->pickled;
    case TAB_CODEC:
        return l->mode == MODE_TREE && l->n_step > 1 && l->at_step > 0;
    case TAB_PAIR:
        return l->mode == MODE_DIFF;
    default:
        return true;
    }
}

static void show_titles(struct look *l)
{
    static const char *const names[TABS] = { "",     "stat",   "hist", "heat", "vals",
                                             "meta", "pickle", "excp", "pair", "steps" };
    struct spn_buf b = SPN_BUF_INIT(200);

    if (l->tab == TAB_STEPS)
        spn_buf_puts(&b, "[over steps] ");
    for (int t = TAB_STAT; t <= TAB_PAIR; t++)
        if (tabs_has(l, (enum tab)t))
            spn_buf_printf(&b, t == (int)l->tab ? "[%d %s] " : "%d %s ", t, names[t]);
    spn_buf_trim(&b, b.length > 0 ? b.length - 1 : 0);
    l->api->title(l->detail, b.data != NULL ? b.data : "");
    spn_buf_free(&b);
}

/* ---- statistics ---- */

static void put_number(struct spn_buf *b, double v)
{
    char text[24];

    if (isnan(v))
        snprintf(text, sizeof text, "-");
    else
        snprintf(text, sizeof text, "%.5g", v);
    spn_buf_printf(b, " %12s", text);
}

static void put_share(struct spn_buf *b, int64_t n, int64_t of)
{
    char text[24];
    double share = of > 0 ? 100 * (double)n / (double)of : 0;

    snprintf(text, sizeof text, n > 0 && share < 0.1 ? "< 0.1 %%" : "%.3g %%", share);
    spn_buf_printf(b, " %12s", text);
}

/* Rows of '|' and '_' as a histogram: heights from the bottom. */
static void put_bars(struct spn_buf *b, const struct figures *f)
{
    double count[BARS_WIDE] = { 0 }, most = 0;

    for (int k = 0; k < BARS_WIDE; k++) { /* one bin over some cells, or some bins in one */
        int from = k * f->spread.bins / BARS_WIDE, to = (k + 1) * f->spread.bins / BARS_WIDE;

        for (int i = from; i < (to > from ? to : from + 1); i++)
            count[k] += (double)f->count[i];
    }
    for (int k = 0; k < BARS_WIDE; k++)
        most = count[k] > most ? count[k] : most;
    for (int r = BARS_HIGH; most > 0 && r > 0; r--) {
        for (int k = 0; k < BARS_WIDE; k++) {
            double high = count[k] / most * BARS_HIGH;

            spn_buf_puts(b, high >= r ? "|" : high > r - 1 ? (high > r - 0.5 ? ":" : "_") : " ");
        }
        spn_buf_puts(b, "\n");
    }
    spn_buf_printf(b, "%-*.4g%.4g\n", BARS_WIDE - 8, f->spread.lo, f->spread.hi);
}

static void show_figures(struct look *l, const struct inquiry *q)
{
    static const char *const heads[] = { "weight", "exp_avg", "exp_avg_sq" };
    static const char *const rows[] = {
        "min", "max", "mean", "std", "norm", "zeros", "nan", "inf"
    };
    struct spn_buf b = SPN_BUF_INIT(65536);
    char shape[200], size[40];
    int columns = 1;

    for (int i = 0; i < MOMENTS; i++)
        columns += q->moment[i] != NULL && columns == i + 1;
    spn_buf_printf(&b, "%s %s  %s\n\n", spn_dtype_name(q->e->t.dtype),
                   shape_text(shape, sizeof shape, &q->e->t),
                   bytes_text(size, sizeof size, spn_tensor_bytes(&q->e->t)));
    if (!q->f[0].known) {
        spn_buf_puts(&b, "numbers of this type are not decoded\n");
    } else {
        spn_buf_printf(&b, "%-8s", "");
        for (int c = 0; c < columns; c++)
            spn_buf_printf(&b, " %12s", columns > 1 ? heads[c] : "value");
        for (int r = 0; r < 8; r++) {
            spn_buf_printf(&b, "\n%-8s", rows[r]);
            for (int c = 0; c < columns; c++) {
                const struct spn_stats *s = &q->f[c].s;
                const double v[] = { s->min, s->max, s->mean, s->std, s->norm };
                const int64_t odd[] = { s->nan, s->inf };

                if (r < 5)
                    put_number(&b, v[r]);
                else if (r == 5)
                    put_share(&b, s->zeros, s->count);
                else
                    spn_buf_printf(&b, " %12" PRId64, odd[r - 6]);
            }
        }
        spn_buf_puts(&b, "\n\n");
        put_bars(&b, &q->f[0]);
        for (int i = 0; i < q->f[0].spread.n_percent; i++)
            spn_buf_printf(&b, "%sp%-5g %-11.4g", i % 2 == 0 ? "\n" : "  ", q->f[0].percent[i],
                           q->f[0].value[i]);
    }
    l->api->clear(l->detail);
    l->api->block(l->detail, 1, SPN_TEXT_PLAIN, q->name, SPN_STYLE_HEAD,
                  b.data != NULL ? b.data : "", b.length);
    spn_buf_free(&b);
}

/* ---- histogram: steps, so that both axes have their numbers ---- */

static void show_histogram(struct look *l, struct spn_pane *p, const struct inquiry *q)
{
    const struct figures *f = q->f;
    double x[2 * HIST_BINS], y[2 * HIST_BINS];
    const char *name = q->other != NULL ? "numbers by difference" : "numbers by value";
    const struct spn_series series = { name, x, y, 2 * (size_t)f->spread.bins };

    if (!f->known) {
        l->api->clear(p);
        return;
    }
    for (int k = 0; k < f->spread.bins; k++) {
        double width = (f->spread.hi - f->spread.lo) / f->spread.bins;

        x[2 * k] = f->spread.lo + width * k;
        x[2 * k + 1] = x[2 * k] + width;
        y[2 * k] = y[2 * k + 1] = (double)f->count[k];
    }
    l->api->plot(p, &(struct spn_plot){ .kind = SPN_PLOT_LINE,
                                        .series = &series,
                                        .n = 1,
                                        .log_y = l->log,
                                        .x_name = "value",
                                        .y_name = "count" });
}

/* ---- numbers ---- */

static void show_numbers(struct look *l, const struct inquiry *q)
{
    struct spn_column columns[1 + VALS_COLS] = { { "row", 0, true, 0 } };
    char heads[VALS_COLS][24], text[1 + VALS_COLS][32];

    for (int64_t c = 0; c < q->w.cols; c++) {
        snprintf(heads[c], sizeof heads[c], "%" PRId64, q->w.col + c);
        columns[1 + c] = (struct spn_column){ heads[c], 11, true, (int)c };
    }
    l->api->columns(l->detail, columns, 1 + (size_t)q->w.cols);
    l->api->begin(l->detail);
    for (int64_t i = 0; i < q->w.rows; i++) {
        struct spn_field fields[1 + VALS_COLS];

        snprintf(text[0], sizeof text[0], "%" PRId64, q->w.row + i);
        fields[0] = (struct spn_field){ text[0], (double)(q->w.row + i), SPN_STYLE_DIM };
        for (int64_t c = 0; c < q->w.cols; c++) {
            double v = q->vals[i * VALS_COLS + c];

            snprintf(text[1 + c], sizeof text[1 + c], "%.5g", v);
            fields[1 + c] =
                (struct spn_field){ text[1 + c], v,
                                    isfinite(v) ? v == 0 ? SPN_STYLE_DIM : SPN_STYLE_TEXT
                                                : SPN_STYLE_BAD };
        }
        l->api->row(l->detail, &(struct spn_row){ .id = (uint64_t)(q->w.row + i) + 1,
                                                  .warning = false,
                                                  .fields = fields,
                                                  .n = 1 + (size_t)q->w.cols });
    }
    l->api->end(l->detail);
}

/* ---- the file ---- */

static void show_meta(struct look *l)
{
    static const struct spn_column columns[] = { { "key", 30, false, 0 },
                                                 { "value", -1, false, 0 } };
    const struct spn_reader *r = l->sheet->c.reader;

    l->api->columns(l->detail, columns, 2);
    l->api->begin(l->detail);
    for (size_t i = 0; i < spn_reader_meta_count(r); i++) {
        struct spn_buf b = SPN_BUF_INIT((size_t)1 << 24);
        struct spn_meta v;
        const char *key = spn_reader_meta_at(r, i, &v);
        struct spn_field fields[2] = { { key, NAN, SPN_STYLE_KEYWORD }, { "", NAN, 0 } };

        meta_text(&b, &v);
        if (b.length > 4096)
            spn_buf_trim(&b, 4096); /* a template; `ckpt meta PATH KEY` gives all of it */
        fields[1].text = b.data != NULL ? b.data : "";
        l->api->row(l->detail, &(struct spn_row){ .id = i + 1, .fields = fields, .n = 2 });
        spn_buf_free(&b);
    }
    l->api->end(l->detail);
}

static void put_globals(struct look *l, const char *key, const char *what, uint64_t first,
                        enum spn_style style)
{
    struct spn_meta v;
    const char *s;
    size_t n;

    if (!spn_reader_meta(l->sheet->c.reader, key, &v))
        return;
    for (uint64_t i = 0; i < v.count && spn_meta_elem_str(&v, i, &s, &n); i++) {
        char *name = spn_strndup(s, n);
        const struct spn_field fields[] = { { name, NAN, style }, { what, NAN, style } };

        l->api->row(l->detail, &(struct spn_row){ .id = first + i,
                                                  .warning = style == SPN_STYLE_BAD,
                                                  .fields = fields,
                                                  .n = 2 });
        spn_free(name);
    }
}

static void show_pickle(struct look *l)
{
    static const struct spn_column columns[] = { { "name", -1, false, 0 },
                                                 { "what", 0, false, 0 } };

    l->api->columns(l->detail, columns, 2);
    l->api->begin(l->detail);
    put_globals(l, "pickle.unknown", "no part of a checkpoint; never run", 1, SPN_STYLE_BAD);
    put_globals(l, "pickle.globals", "named", (uint64_t)1 << 32, SPN_STYLE_TEXT);
    l->api->end(l->detail);
}

/* A row that stands for many. */
static void show_group(struct look *l)
{
    struct spn_buf b = SPN_BUF_INIT(4096);
    const struct ckpt_node *n;
    char size[40];

    if (l->sheet == NULL || l->node >= l->sheet->tree.n)
        return;
    n = &l->sheet->tree.node[l->node];
    spn_buf_printf(&b, "%zu tensors\n%" PRId64 " numbers\n%s\n", n->tensors, n->numbers,
                   bytes_text(size, sizeof size, n->bytes));
    l->api->clear(l->detail);
    l->api->block(l->detail, 1, SPN_TEXT_PLAIN, n->prefix, SPN_STYLE_HEAD,
                  b.data != NULL ? b.data : "", b.length);
    spn_buf_free(&b);
}

static void show_tensor(struct look *l, const struct inquiry *q)
{
    switch (q->tab) {
    case TAB_HIST:
        if (q->f != NULL)
            show_histogram(l, l->detail, q);
        break;
    case TAB_HEAT:
        heat_show(l, q, l->detail);
        break;
    case TAB_VALS:
        if (q->vals != NULL)
            show_numbers(l, q);
        break;
    case TAB_PAIR:
        cloud_show(l, q, l->detail);
        break;
    default:
        if (q->other != NULL)
            diff_figures(l);
        else
            show_figures(l, q);
        break;
    }
    if (q->tab == TAB_STAT && q->other == NULL) /* beside it, where there is room */
        show_histogram(l, l->plot, q);
    else if (q->other != NULL && q->cloud != NULL)
        cloud_show(l, q, l->plot);
}

void tabs_show(struct look *l)
{
    static const char none[] = "numbers of this type are not decoded";

    show_titles(l);
    if (l->sheet == NULL)
        return;
    if (l->tab == TAB_META) {
        show_meta(l);
    } else if (l->tab == TAB_PICKLE) {
        show_pickle(l);
    } else if (l->tab == TAB_CODEC) {
        codec_show(l, l->detail);
    } else if (l->tab == TAB_STEPS) {
        series_show(l, l->detail);
    } else if (l->answer != NULL && l->answer->tab == l->tab) {
        if ((l->tab == TAB_HEAT && l->answer->heat.cell == NULL) ||
            (l->tab == TAB_VALS && l->answer->vals == NULL) ||
            (l->tab == TAB_PAIR && l->answer->cloud == NULL)) {
            l->api->clear(l->detail);
            l->api->block(l->detail, 1, SPN_TEXT_PLAIN, l->answer->name, SPN_STYLE_HEAD, none,
                          sizeof none - 1);
            return;
        }
        show_tensor(l, l->answer);
    } else if (l->mode == MODE_DIFF) {
        diff_figures(l);
    } else if (l->inquiring == NULL) {
        show_group(l);
    }
}
