/* plot_draw.c - a plot in cells: axes, words and a legend around a body of dots, blocks or pixels.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/dots.h"
#include "screen/plot.h"
#include "screen/theme.h"

#define LEFT 9 /* cells of the y axis: a figure and the line */

/* Where and by whom. */
struct drawing {
    const struct spn_plot *plot;
    const struct picture_service *service;
    const void *key;
    const struct plot_look *look;
    struct plot_kept *kept;
    int cell_w, cell_h; /* 0: no pixels */
};

void plot_kept_free(struct plot_kept *k)
{
    picture_source_unref(k->source);
    *k = (struct plot_kept){ 0 };
}

/* ---- the body as a picture ---- */

static struct picture_source *pixels(const struct spn_plot *p, int width, int height, int rows,
                                     const struct plot_look *look)
{
    switch (p->kind) {
    case SPN_PLOT_LINE:
        return plot_pixels_lines(p, width, height, look);
    case SPN_PLOT_BAR:
        return plot_pixels_bars(p, width, height, rows, look);
    case SPN_PLOT_HISTOGRAM:
        return plot_pixels_histogram(p, width, height, look);
    case SPN_PLOT_HEAT:
        return plot_pixels_heat(p, width, height, look);
    }
    return NULL;
}

/* false: no pixels here; the caller draws cells. */
static bool body_picture(const struct drawing *d, struct area body)
{
    int width = body.columns * d->cell_w, height = body.rows * d->cell_h;
    struct plot_kept *k = d->kept, one = { 0 };

    if (d->cell_w == 0 || body.rows < 1 || body.columns < 1)
        return false;
    if (k == NULL)
        k = &one;
    if (k->source == NULL || k->width != width || k->height != height ||
        memcmp(&k->look, d->look, sizeof k->look) != 0) {
        plot_kept_free(k);
        k->source = pixels(d->plot, width, height, body.rows, d->look);
        k->width = width;
        k->height = height;
        k->look = *d->look;
    }
    if (k->source != NULL)
        d->service->draw(d->service->ctx, d->key, body, k->source, true);
    plot_kept_free(&one);
    return k == &one || k->source != NULL;
}

/* ---- axes ---- */

static void axis_y(const struct drawing *d, struct area a, const struct plot_range *y)
{
    int bottom = a.rows - 2, last = -2, n;
    double at[PLOT_TICKS_MAX];
    char text[32];

    area_line(a, 0, LEFT - 1, bottom + 1, true, ROLE_BORDER);
    n = plot_ticks(y, d->plot->log_y, bottom / 2 < 5 ? bottom / 2 : 5, at);
    for (int i = n - 1; i >= 0; i--) {
        int row = (int)lround((y->hi - at[i]) / (y->hi - y->lo) * bottom);

        if (row - last < 2 && i > 0)
            continue;
        last = row;
        plot_number(at[i], d->plot->log_y, text, sizeof text);
        area_text(a, row, LEFT - 1 - text_columns(text, sizeof text), text, sizeof text, LEFT - 1,
                  SPN_STYLE_DIM, 0);
    }
}

static void axis_x(const struct drawing *d, struct area a, const struct plot_range *x)
{
    const char *name = d->plot->x_name;
    int wide = a.columns - LEFT, row = a.rows - 1, free_from = LEFT, n, width;
    double at[PLOT_TICKS_MAX];
    char text[32];

    area_line(a, row, LEFT, wide, false, ROLE_BORDER);
    n = plot_ticks(x, d->plot->log_x, wide / 12 < 6 ? wide / 12 : 6, at);
    for (int i = 0; i < n; i++) {
        int column;

        plot_number(at[i], d->plot->log_x, text, sizeof text);
        width = text_columns(text, sizeof text);
        column = LEFT + (int)lround((at[i] - x->lo) / (x->hi - x->lo) * (wide - 1)) - width / 2;
        column = column < LEFT ? LEFT : column + width > a.columns ? a.columns - width : column;
        if (column < free_from)
            continue;
        area_puts(a, row, column, text, SPN_STYLE_DIM);
        free_from = column + width + 1;
    }
    /* The axis' name stands in the corner, where no figure is. */
    if (name != NULL)
        area_fit(a, row, 0, name, strlen(name), LEFT - 1, SPN_STYLE_DIM, 0);
}

static void legend(const struct spn_plot *p, struct area a, bool pixel)
{
    int at = LEFT;

    for (size_t i = 0; i < p->n && i < 6 && at < a.columns; i++) {
        uint8_t style = (uint8_t)(SPN_STYLE_SERIES_1 + i % 6);
        const char *name = p->series[i].name != NULL ? p->series[i].name : "";

        area_glyph(a, 0, at, pixel && !a.on->ascii ? 0x2501 : dots_mark((int)i), style, CELL_BOLD);
        at += 2 + area_fit(a, 0, at + 2, name, strlen(name), 24, style, 0) + 2;
    }
    if (p->y_name != NULL)
        area_fit(a, 0, 0, p->y_name, strlen(p->y_name), LEFT - 1, SPN_STYLE_DIM, 0);
}

/* ---- the kinds ---- */

static void dots_lines(const struct spn_plot *p, struct area body, const struct plot_range *x,
                       const struct plot_range *y)
{
    struct dots d;

    if (dots_open(&d, body) != SPN_OK)
        return;
    for (size_t i = 0; i < p->n; i++) {
        const struct spn_series *s = &p->series[i];
        int last_x = -1, last_y = -1;

        for (size_t k = 0; k < s->n; k++) {
            double u = (plot_scaled(plot_x_at(s, k), p->log_x) - x->lo) / (x->hi - x->lo);
            double v = (plot_scaled(s->y[k], p->log_y) - y->lo) / (y->hi - y->lo);
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

static void draw_lines(const struct drawing *d, struct area all)
{
    struct area a = area_part(all, 1, 0, all.rows - 1, all.columns);
    struct area body = area_part(a, 0, LEFT, a.rows - 1, a.columns - LEFT);
    struct plot_range x, y;

    if (body.rows < 1 || body.columns < 4)
        return;
    plot_ranges(d->plot, &x, &y);
    axis_y(d, a, &y);
    axis_x(d, a, &x);
    legend(d->plot, all, d->cell_w > 0);
    if (!body_picture(d, body))
        dots_lines(d->plot, body, &x, &y);
}

static void draw_bars(const struct drawing *d, struct area a)
{
    const struct spn_plot *p = d->plot;
    const struct spn_series *s = p->n > 0 ? &p->series[0] : NULL;
    double most = 0;
    int label = 6, room, rows;
    bool pixel;

    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        if (isfinite(s->y[i]) && s->y[i] > most)
            most = s->y[i];
    for (size_t i = 0; p->labels != NULL && i < s->n; i++) {
        int n = p->labels[i] != NULL ? text_columns(p->labels[i], 200) : 0;

        label = n > label ? n : label;
    }
    label = label > a.columns / 3 ? a.columns / 3 : label;
    room = a.columns - label - 12;
    room = room > 0 ? room : 1;
    rows = s->n < (size_t)a.rows ? (int)s->n : a.rows;
    pixel = body_picture(d, area_part(a, 0, label + 1, rows, room));
    for (int i = 0; i < rows; i++) {
        char text[32], index[24];
        const char *name = p->labels != NULL ? p->labels[i] : index;
        double share = most > 0 && isfinite(s->y[i]) && s->y[i] > 0 ? s->y[i] / most : 0;

        snprintf(index, sizeof index, "%d", i);
        plot_number(s->y[i], false, text, sizeof text);
        area_fit(a, i, 0, name != NULL ? name : "", SIZE_MAX, label, SPN_STYLE_TEXT, 0);
        if (!pixel)
            dots_bar(area_part(a, i, label + 1, 1, room), share, SPN_STYLE_SERIES_1);
        area_puts(a, i, label + 2 + room, text, SPN_STYLE_DIM);
    }
}

static void draw_histogram(const struct drawing *d, struct area a)
{
    struct area body = area_part(a, 0, LEFT, a.rows - 1, a.columns - LEFT);
    struct plot_range x, y;
    double *count;
    int bins;

    if (d->plot->n == 0 || body.rows < 1 || body.columns < 4)
        return;
    /* The axes say what the body shows: pixels have more bins. */
    count = plot_counts(d->plot, d->cell_w > 0 ? body.columns * d->cell_w / 4 + 1 : body.columns,
                        &bins, &x, &y);
    if (count == NULL)
        return;
    y.lo = 0;
    axis_y(d, a, &y);
    axis_x(d, a, &x);
    if (!body_picture(d, body))
        for (int k = 0; k < body.columns; k++)
            dots_column(body, k, count[(int)((int64_t)k * bins / body.columns)] / y.hi,
                        SPN_STYLE_SERIES_1);
    spn_free(count);
}

/* "0.01 ....:::---===***### 0.4", in the colours themselves. */
static void scale(struct area row, const struct plot_range *range, bool pixel)
{
    char lo[32], hi[32];
    int left, right, wide;

    plot_number(range->lo, false, lo, sizeof lo);
    plot_number(range->hi, false, hi, sizeof hi);
    left = text_columns(lo, sizeof lo);
    right = text_columns(hi, sizeof hi);
    wide = row.columns - left - right - 2;
    wide = wide > 40 ? 40 : wide;
    if (wide < 4)
        return;
    area_puts(row, 0, 0, lo, SPN_STYLE_DIM);
    for (int k = 0; k < wide; k++) {
        dots_shade(row, 0, left + 1 + k, k / (wide - 1.0));
        if (pixel) /* the map has no characters either */
            area_colours(row, 0, left + 1 + k, dots_heat_colour(k / (wide - 1.0)),
                         dots_heat_colour(k / (wide - 1.0)));
    }
    area_puts(row, 0, left + 2 + wide, hi, SPN_STYLE_DIM);
}

static void draw_heat(const struct drawing *d, struct area a)
{
    struct plot_range range;

    if (d->plot->rows == 0 || d->plot->heat == NULL)
        return;
    plot_heat_range(d->plot, &range);
    if (a.rows >= 6) {
        scale(area_part(a, a.rows - 1, 0, 1, a.columns), &range, d->cell_w > 0);
        a = area_part(a, 0, 0, a.rows - 1, a.columns);
    }
    if (body_picture(d, a))
        return;
    for (int r = 0; r < a.rows; r++)
        for (int k = 0; k < a.columns; k++)
            dots_shade(a, r, k, plot_heat_at(d->plot, &range, r, k, a.rows, a.columns));
}

void plot_draw(const struct spn_plot *p, struct area a, const struct picture_service *s,
               const void *key, const struct plot_look *look, struct plot_kept *kept)
{
    struct drawing d = { .plot = p, .service = s, .key = key, .look = look, .kept = kept };

    if (a.rows < 2 || a.columns < 12)
        return;
    if (!s->cell(s->ctx, &d.cell_w, &d.cell_h))
        d.cell_w = d.cell_h = 0;
    switch (p->kind) {
    case SPN_PLOT_LINE:
        draw_lines(&d, a);
        break;
    case SPN_PLOT_BAR:
        draw_bars(&d, a);
        break;
    case SPN_PLOT_HISTOGRAM:
        draw_histogram(&d, a);
        break;
    case SPN_PLOT_HEAT:
        draw_heat(&d, a);
        break;
    }
}
