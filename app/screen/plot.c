/* plot.c - a pane with a plot: lines, bars, histograms and heat maps in braille dots, blocks or
 * ASCII. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "screen/dots.h"
#include "screen/pane.h"
#include "screen/theme.h"

#define POINTS_MAX ((size_t)1 << 24)
#define SERIES_MAX 64

struct plot {
    enum spn_plot_kind kind;
    struct spn_arena *memory; /* every copied array and name */
    struct spn_series *series;
    size_t n;
    const char **labels;
    double *heat;
    size_t rows, columns;
    int bins;
    bool log_x, log_y;
    const char *x_name, *y_name;
};

static void free_plot(struct spn_pane *p)
{
    struct plot *t = p->content;

    spn_arena_free(t->memory);
    spn_free(t);
}

static double *dup_doubles(struct plot *t, const double *from, size_t n)
{
    double *to = from != NULL ? spn_arena_alloc(t->memory, n > 0 ? n : 1, sizeof *to) : NULL;

    if (to != NULL)
        memcpy(to, from, n * sizeof *to);
    return to;
}

static char *dup_text(struct plot *t, const char *s)
{
    return s != NULL ? spn_arena_strndup(t->memory, s, strlen(s)) : NULL;
}

void plot_set(struct spn_pane *p, const struct spn_plot *plot)
{
    struct plot *t = pane_content(p, &pane_plot, sizeof *t);
    size_t i, k;

    if (t == NULL)
        return;
    spn_arena_free(t->memory);
    *t = (struct plot){ .kind = plot->kind,
                        .memory = spn_arena_new((size_t)1 << 30),
                        .bins = plot->bins,
                        .log_x = plot->log_x,
                        .log_y = plot->log_y };
    if (t->memory == NULL)
        return;
    t->x_name = dup_text(t, plot->x_name);
    t->y_name = dup_text(t, plot->y_name);
    t->series = spn_arena_alloc(t->memory, plot->n + 1, sizeof *t->series);
    for (i = 0; t->series != NULL && i < plot->n && i < SERIES_MAX; i++) {
        const struct spn_series *s = &plot->series[i];
        size_t n = s->n < POINTS_MAX ? s->n : POINTS_MAX;

        t->series[i] = (struct spn_series){ dup_text(t, s->name), dup_doubles(t, s->x, n),
                                            dup_doubles(t, s->y, n), n };
        if (t->series[i].y == NULL || (s->x != NULL && t->series[i].x == NULL))
            break;
        t->n = i + 1;
    }
    if (plot->labels != NULL && t->n > 0) {
        t->labels = spn_arena_alloc(t->memory, t->series[0].n + 1, sizeof *t->labels);
        for (k = 0; t->labels != NULL && k < t->series[0].n; k++)
            t->labels[k] = dup_text(t, plot->labels[k]);
    }
    if (plot->kind == SPN_PLOT_HEAT && plot->heat != NULL && plot->columns > 0 &&
        plot->rows <= POINTS_MAX / plot->columns) {
        t->heat = dup_doubles(t, plot->heat, plot->rows * plot->columns);
        t->rows = t->heat != NULL ? plot->rows : 0;
        t->columns = plot->columns;
    }
}

/* ---- ranges ---- */

static double scaled(double v, bool log)
{
    return !log ? v : v > 0 ? log10(v) : NAN;
}

static double x_at(const struct spn_series *s, size_t i)
{
    return s->x != NULL ? s->x[i] : (double)i;
}

struct range {
    double lo, hi;
};

static void widen(struct range *r, double v)
{
    if (!isfinite(v))
        return;
    if (!(v >= r->lo))
        r->lo = v;
    if (!(v <= r->hi))
        r->hi = v;
}

static void not_flat(struct range *r)
{
    if (isnan(r->lo))
        r->lo = r->hi = 0;
    if (!(r->hi > r->lo)) {
        double pad = fabs(r->lo) > 0 ? fabs(r->lo) * 0.1 : 1;

        r->lo -= pad;
        r->hi += pad;
    }
}

static void ranges(const struct plot *t, struct range *x, struct range *y)
{
    size_t i, k;

    *x = *y = (struct range){ NAN, NAN };
    for (i = 0; i < t->n; i++)
        for (k = 0; k < t->series[i].n; k++) {
            double v = scaled(t->series[i].y[k], t->log_y);

            if (!isfinite(v))
                continue;
            widen(x, scaled(x_at(&t->series[i], k), t->log_x));
            widen(y, v);
        }
    not_flat(x);
    not_flat(y);
}

/* ---- axes ---- */

static void number(double v, bool log, char *out, size_t room)
{
    double shown = log ? pow(10, v) : v, a = fabs(shown);

    if (a != 0 && (a >= 1e6 || a < 1e-3))
        snprintf(out, room, "%.2e", shown);
    else
        snprintf(out, room, "%.4g", shown);
}

#define LEFT 9 /* cells of the y axis: a figure and the line */

static void axes(const struct plot *t, struct area a, const struct range *x, const struct range *y)
{
    int bottom = a.rows - 2, row, step = bottom > 8 ? bottom / 4 : bottom > 1 ? bottom : 1;
    char text[32];

    area_line(a, 0, LEFT - 1, bottom + 1, true, ROLE_BORDER);
    area_line(a, a.rows - 1, LEFT, a.columns - LEFT, false, ROLE_BORDER);
    for (row = 0; row <= bottom; row += step) {
        double v = y->hi - (y->hi - y->lo) * row / (bottom > 0 ? bottom : 1);

        number(v, t->log_y, text, sizeof text);
        area_text(a, row, LEFT - 1 - text_columns(text, sizeof text), text, sizeof text, LEFT - 1,
                  SPN_STYLE_DIM, 0);
    }
    number(x->lo, t->log_x, text, sizeof text);
    area_puts(a, a.rows - 1, LEFT, text, SPN_STYLE_DIM);
    number(x->hi, t->log_x, text, sizeof text);
    area_puts(a, a.rows - 1, a.columns - text_columns(text, sizeof text), text, SPN_STYLE_DIM);
    if (t->x_name != NULL) {
        int n = text_columns(t->x_name, 64), at = LEFT + (a.columns - LEFT - n) / 2;

        area_puts(a, a.rows - 1, at, " ", SPN_STYLE_DIM);
        area_puts(a, a.rows - 1, at + 1, t->x_name, SPN_STYLE_DIM);
        area_puts(a, a.rows - 1, at + 1 + n, " ", SPN_STYLE_DIM);
    }
}

static void legend(const struct plot *t, struct area a)
{
    int at = LEFT;
    size_t i;

    for (i = 0; i < t->n && i < 6 && at < a.columns; i++) {
        uint8_t style = (uint8_t)(SPN_STYLE_SERIES_1 + i % 6);
        const char *name = t->series[i].name != NULL ? t->series[i].name : "";

        area_glyph(a, 0, at, dots_mark((int)i), style, CELL_BOLD);
        at += 2 + area_fit(a, 0, at + 2, name, strlen(name), 24, style, 0) + 2;
    }
    if (t->y_name != NULL)
        area_fit(a, 0, 0, t->y_name, strlen(t->y_name), LEFT - 1, SPN_STYLE_DIM, 0);
}

/* ---- the kinds ---- */

static void draw_lines(const struct plot *t, struct area all)
{
    struct area a = area_part(all, 1, 0, all.rows - 1, all.columns);
    struct area body = area_part(a, 0, LEFT, a.rows - 1, a.columns - LEFT);
    struct range x, y;
    struct dots d;
    size_t i, k;

    if (body.rows < 1 || body.columns < 4 || dots_open(&d, body) != SPN_OK)
        return;
    ranges(t, &x, &y);
    axes(t, a, &x, &y);
    legend(t, all);
    for (i = 0; i < t->n; i++) {
        const struct spn_series *s = &t->series[i];
        int last_x = -1, last_y = -1;

        for (k = 0; k < s->n; k++) {
            double u = (scaled(x_at(s, k), t->log_x) - x.lo) / (x.hi - x.lo);
            double v = (scaled(s->y[k], t->log_y) - y.lo) / (y.hi - y.lo);
            int px, py;

            if (!isfinite(u) || !isfinite(v)) {
                last_x = -1;
                continue;
            }
            px = (int)lround(u * (d.width - 1));
            py = (int)lround((1 - v) * (d.height - 1));
            if (last_x < 0)
                dots_set(&d, px, py, (int)i);
            else
                dots_line(&d, last_x, last_y, px, py, (int)i);
            last_x = px;
            last_y = py;
        }
    }
    dots_close(&d);
}

static void draw_bars(const struct plot *t, struct area a)
{
    const struct spn_series *s = t->n > 0 ? &t->series[0] : NULL;
    struct range y = { 0, 0 };
    int label = 6, room;
    size_t i;

    if (s == NULL)
        return;
    for (i = 0; i < s->n; i++)
        widen(&y, s->y[i]);
    for (i = 0; t->labels != NULL && i < s->n; i++) {
        int n = t->labels[i] != NULL ? text_columns(t->labels[i], 200) : 0;

        label = n > label ? n : label;
    }
    label = label > a.columns / 3 ? a.columns / 3 : label;
    room = a.columns - label - 12;
    for (i = 0; i < s->n && (int)i < a.rows; i++) {
        char text[32], index[24];
        const char *name = t->labels != NULL ? t->labels[i] : index;
        double share = y.hi > 0 && isfinite(s->y[i]) && s->y[i] > 0 ? s->y[i] / y.hi : 0;

        snprintf(index, sizeof index, "%zu", i);
        number(s->y[i], false, text, sizeof text);
        area_fit(a, (int)i, 0, name != NULL ? name : "", SIZE_MAX, label, SPN_STYLE_TEXT, 0);
        dots_bar(area_part(a, (int)i, label + 1, 1, room > 0 ? room : 1), share,
                 SPN_STYLE_SERIES_1);
        area_puts(a, (int)i, label + 2 + (room > 0 ? room : 1), text, SPN_STYLE_DIM);
    }
}

static void draw_histogram(const struct plot *t, struct area a)
{
    const struct spn_series *s = t->n > 0 ? &t->series[0] : NULL;
    struct area body = area_part(a, 0, LEFT, a.rows - 1, a.columns - LEFT);
    struct range x = { NAN, NAN }, y = { 0, 0 };
    int bins = t->bins > 0 && t->bins < body.columns ? t->bins : body.columns, k;
    double *count;
    size_t i;

    if (s == NULL || body.rows < 1 || body.columns < 4)
        return;
    count = spn_calloc((size_t)bins, sizeof *count);
    if (count == NULL)
        return;
    for (i = 0; i < s->n; i++)
        widen(&x, scaled(s->y[i], t->log_x));
    not_flat(&x);
    for (i = 0; i < s->n; i++) {
        double u = (scaled(s->y[i], t->log_x) - x.lo) / (x.hi - x.lo);

        if (isfinite(u))
            count[u >= 1 ? bins - 1 : (int)(u * bins)]++;
    }
    for (k = 0; k < bins; k++) {
        count[k] = t->log_y ? log10(1 + count[k]) : count[k];
        widen(&y, count[k]);
    }
    not_flat(&y);
    axes(t, a, &x, &y);
    for (k = 0; k < body.columns; k++)
        dots_column(body, k, count[(int)((int64_t)k * bins / body.columns)] / y.hi,
                    SPN_STYLE_SERIES_1);
    spn_free(count);
}

static void draw_heat(const struct plot *t, struct area a)
{
    struct range v = { NAN, NAN };
    size_t i;
    int r, k;

    if (t->rows == 0)
        return;
    for (i = 0; i < t->rows * t->columns; i++)
        widen(&v, t->heat[i]);
    not_flat(&v);
    for (r = 0; r < a.rows; r++)
        for (k = 0; k < a.columns; k++) {
            /* The mean of what falls into the cell. */
            size_t r0 = (size_t)r * t->rows / (size_t)a.rows,
                   k0 = (size_t)k * t->columns / (size_t)a.columns;
            size_t r1 = (size_t)(r + 1) * t->rows / (size_t)a.rows;
            size_t k1 = (size_t)(k + 1) * t->columns / (size_t)a.columns, y, x;
            double sum = 0, n = 0;

            for (y = r0; y < (r1 > r0 ? r1 : r0 + 1); y++)
                for (x = k0; x < (k1 > k0 ? k1 : k0 + 1); x++)
                    if (isfinite(t->heat[y * t->columns + x])) {
                        sum += t->heat[y * t->columns + x];
                        n++;
                    }
            dots_shade(a, r, k, n > 0 ? (sum / n - v.lo) / (v.hi - v.lo) : NAN);
        }
}

static void draw(struct spn_pane *p, struct area a, bool focused)
{
    const struct plot *t = p->content;

    if (a.rows < 2 || a.columns < 12)
        return;
    switch (t->kind) {
    case SPN_PLOT_LINE:
        draw_lines(t, a);
        break;
    case SPN_PLOT_BAR:
        draw_bars(t, a);
        break;
    case SPN_PLOT_HISTOGRAM:
        draw_histogram(t, a);
        break;
    case SPN_PLOT_HEAT:
        draw_heat(t, a);
        break;
    }
}

/* The figures behind it, tab-separated. */
static bool write_plot(struct spn_pane *p, struct spn_buf *out, bool json)
{
    const struct plot *t = p->content;
    size_t i, k;

    if (json)
        return false;
    for (i = 0; i < t->n; i++)
        for (k = 0; k < t->series[i].n; k++)
            spn_buf_printf(out, "%s\t%.9g\t%.9g\n",
                           t->series[i].name != NULL ? t->series[i].name : "",
                           x_at(&t->series[i], k), t->series[i].y[k]);
    for (i = 0; i < t->rows; i++)
        for (k = 0; k < t->columns; k++)
            spn_buf_printf(out, "%.9g%s", t->heat[i * t->columns + k],
                           k + 1 < t->columns ? "\t" : "\n");
    return true;
}

static enum pane_told command(struct spn_pane *p, enum command c, int n)
{
    return PANE_NOT_MINE;
}

const struct pane_kind pane_plot = {
    .free_ = free_plot, .draw = draw, .command = command, .write = write_plot
};
