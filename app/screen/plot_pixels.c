/* plot_pixels.c - the body of a plot as pixels: palettes of a ground, a grid and fifteen steps from
 * the ground to the colour of each series, so that edges are smooth and the ground is exact. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "screen/dots.h"
#include "screen/plot.h"

#define STEPS 15
enum { GROUND, GRID, FIRST }; /* then STEPS a series */
#define HEAT_FIRST 2
#define HEAT_STEPS 254

struct canvas {
    uint8_t *at; /* [height][width] */
    int width, height;
    uint8_t palette[768];
};

static void entry(struct canvas *c, int i, int32_t rgb)
{
    c->palette[3 * i] = (uint8_t)(rgb >> 16);
    c->palette[3 * i + 1] = (uint8_t)(rgb >> 8);
    c->palette[3 * i + 2] = (uint8_t)rgb;
}

static int32_t mix(int32_t a, int32_t b, double share)
{
    int32_t c = 0;

    for (int k = 16; k >= 0; k -= 8)
        c |= (int32_t)lround((a >> k & 255) + ((b >> k & 255) - (a >> k & 255)) * share) << k;
    return c;
}

static bool open_canvas(struct canvas *c, int width, int height, const struct plot_look *look)
{
    *c = (struct canvas){ .width = width, .height = height };
    c->at = width > 0 && height > 0 ? spn_calloc((size_t)width * (size_t)height, 1) : NULL;
    if (c->at == NULL)
        return false;
    entry(c, GROUND, look->ground);
    entry(c, GRID, look->grid);
    for (int s = 0; s < 6; s++)
        for (int i = 0; i < STEPS; i++)
            entry(c, FIRST + s * STEPS + i,
                  mix(look->ground, look->series[s], (double)(i + 1) / STEPS));
    return true;
}

static struct picture_source *close_canvas(struct canvas *c)
{
    const struct spn_pixels p = { SPN_PIXELS_PALETTE, c->width, c->height, NULL,
                                  c->palette,         "a plot" };

    return picture_source_take(&p, c->at);
}

/* COVERAGE of a pixel by series S; what covers it more already stays, an older series does not. */
static void cover(struct canvas *c, int x, int y, int s, double coverage)
{
    int step = (int)lround(coverage * STEPS);
    uint8_t *at, now = (uint8_t)(FIRST + s * STEPS + step - 1);

    if (step < 1 || x < 0 || y < 0 || x >= c->width || y >= c->height)
        return;
    step = step > STEPS ? STEPS : step;
    now = (uint8_t)(FIRST + s * STEPS + step - 1);
    at = &c->at[(size_t)y * (size_t)c->width + (size_t)x];
    if (*at >= FIRST && (*at - FIRST) / STEPS == s ? *at < now : *at < FIRST || 2 * step > STEPS)
        *at = now;
}

/* A stroke of half width HALF: coverage falls off over a pixel beside it. */
static void stroke(struct canvas *c, double x0, double y0, double x1, double y1, double half, int s)
{
    double dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy, reach = half + 1;
    int left = (int)floor(fmin(x0, x1) - reach), right = (int)ceil(fmax(x0, x1) + reach);
    int top = (int)floor(fmin(y0, y1) - reach), bottom = (int)ceil(fmax(y0, y1) + reach);

    left = left < 0 ? 0 : left;
    right = right >= c->width ? c->width - 1 : right;
    top = top < 0 ? 0 : top;
    bottom = bottom >= c->height ? c->height - 1 : bottom;
    for (int x = left; x <= right; x++) {
        int from = top, to = bottom;

        if (fabs(dx) > 1) { /* only what lies near the stroke in this column */
            double lo = y0 + dy * (x - reach - x0) / dx, hi = y0 + dy * (x + reach - x0) / dx;
            double near = reach * sqrt(length) / fabs(dx);
            int a = (int)floor(fmin(lo, hi) - near), b = (int)ceil(fmax(lo, hi) + near);

            from = a > top ? a : top;
            to = b < bottom ? b : bottom;
        }
        for (int y = from; y <= to; y++) {
            double u = length > 0 ? ((x - x0) * dx + (y - y0) * dy) / length : 0;
            double ex, ey, coverage;

            u = u < 0 ? 0 : u > 1 ? 1 : u;
            ex = x - (x0 + u * dx);
            ey = y - (y0 + u * dy);
            coverage = half + 0.5 - sqrt(ex * ex + ey * ey);
            cover(c, x, y, s, coverage > 1 ? 1 : coverage);
        }
    }
}

static void grid(struct canvas *c, const struct plot_range *x, const struct plot_range *y,
                 const struct spn_plot *p)
{
    double at[PLOT_TICKS_MAX];
    int n = plot_ticks(y, p->log_y, 5, at), k, i;

    for (i = 0; i < n; i++) {
        k = (int)lround((y->hi - at[i]) / (y->hi - y->lo) * (c->height - 1));
        if (k >= 0 && k < c->height)
            memset(c->at + (size_t)k * (size_t)c->width, GRID, (size_t)c->width);
    }
    n = plot_ticks(x, p->log_x, 6, at);
    for (i = 0; i < n; i++) {
        k = (int)lround((at[i] - x->lo) / (x->hi - x->lo) * (c->width - 1));
        for (int r = 0; k >= 0 && k < c->width && r < c->height; r++)
            c->at[(size_t)r * (size_t)c->width + (size_t)k] = GRID;
    }
}

/* One series. Points of one column of pixels are one upright stroke: a million cost no more than a
 * thousand. */
static void series(struct canvas *c, const struct spn_plot *p, int i, const struct plot_range *x,
                   const struct plot_range *y)
{
    const struct spn_series *s = &p->series[i];
    double half = c->height > 500 ? 1.2 : 0.8, last_x = NAN, last_y = NAN, low = 0, high = 0;

    for (size_t k = 0; k <= s->n; k++) {
        double u = NAN, v = NAN;

        if (k < s->n) {
            u = (plot_scaled(plot_x_at(s, k), p->log_x) - x->lo) / (x->hi - x->lo) * (c->width - 1);
            v = (y->hi - plot_scaled(s->y[k], p->log_y)) / (y->hi - y->lo) * (c->height - 1);
        }
        if (isfinite(u) && isfinite(v) && isfinite(last_x) && fabs(u - last_x) < 0.25) {
            low = fmin(low, v);
            high = fmax(high, v);
            last_y = v;
            continue;
        }
        if (isfinite(last_x)) /* a point alone is a dot */
            stroke(c, last_x, low, last_x, high, half, i % 6);
        if (isfinite(u) && isfinite(v)) {
            if (isfinite(last_x))
                stroke(c, last_x, last_y, u, v, half, i % 6);
            last_x = u;
            last_y = low = high = v;
        } else {
            last_x = NAN;
        }
    }
}

struct picture_source *plot_pixels_lines(const struct spn_plot *p, int width, int height,
                                         const struct plot_look *look)
{
    struct plot_range x, y;
    struct canvas c;

    if (!open_canvas(&c, width, height, look))
        return NULL;
    plot_ranges(p, &x, &y);
    grid(&c, &x, &y, p);
    for (size_t i = 0; i < p->n; i++)
        series(&c, p, (int)i, &x, &y);
    return close_canvas(&c);
}

/* From (X0, Y0) to (X1, Y1) in fractions of pixels, edges by what they cover. */
static void box(struct canvas *c, double x0, double y0, double x1, double y1, int s)
{
    for (int y = (int)floor(y0); y < (int)ceil(y1); y++)
        for (int x = (int)floor(x0); x < (int)ceil(x1); x++)
            cover(c, x, y, s, (fmin(x + 1, x1) - fmax(x, x0)) * (fmin(y + 1, y1) - fmax(y, y0)));
}

struct picture_source *plot_pixels_bars(const struct spn_plot *p, int width, int height, int rows,
                                        const struct plot_look *look)
{
    const struct spn_series *s = &p->series[0];
    double most = 0, row = (double)height / rows;
    struct canvas c;

    if (!open_canvas(&c, width, height, look))
        return NULL;
    for (size_t i = 0; i < s->n; i++)
        if (isfinite(s->y[i]) && s->y[i] > most)
            most = s->y[i];
    for (size_t i = 0; i < s->n && (int)i < rows; i++)
        if (isfinite(s->y[i]) && s->y[i] > 0 && most > 0)
            box(&c, 0, (double)i * row + row * 0.15, s->y[i] / most * width,
                (double)(i + 1) * row - row * 0.15, 0);
    return close_canvas(&c);
}

struct picture_source *plot_pixels_histogram(const struct spn_plot *p, int width, int height,
                                             const struct plot_look *look)
{
    struct plot_range x, y;
    struct canvas c;
    int bins;
    double *count, wide;

    if (!open_canvas(&c, width, height, look))
        return NULL;
    count = plot_counts(p, width / 4 > 0 ? width / 4 : 1, &bins, &x, &y);
    if (count == NULL) {
        spn_free(c.at);
        return NULL;
    }
    grid(&c, &x, &(struct plot_range){ 0, y.hi }, p);
    wide = (double)width / bins;
    for (int k = 0; k < bins; k++) {
        double top = height - count[k] / y.hi * height;

        if (count[k] > 0) /* few is not none */
            box(&c, k * wide, top > height - 1 ? height - 1 : top,
                (k + 1) * wide - (wide > 5 ? 1 : 0), height, 0);
    }
    spn_free(count);
    return close_canvas(&c);
}

struct picture_source *plot_pixels_heat(const struct spn_plot *p, int width, int height,
                                        const struct plot_look *look)
{
    struct plot_range range;
    struct canvas c;
    uint8_t *at;

    if (!open_canvas(&c, width, height, look))
        return NULL;
    for (int i = 0; i < HEAT_STEPS; i++)
        entry(&c, HEAT_FIRST + i, dots_heat_colour(i / (HEAT_STEPS - 1.0)));
    plot_heat_range(p, &range);
    at = c.at;
    for (int r = 0; r < height; r++)
        for (int k = 0; k < width; k++) {
            double v = plot_heat_at(p, &range, r, k, height, width);

            *at++ = isnan(v)
                        ? GRID
                        : (uint8_t)(HEAT_FIRST + (v <= 0   ? 0
                                                  : v >= 1 ? HEAT_STEPS - 1
                                                           : (int)(v * (HEAT_STEPS - 1) + 0.5)));
        }
    return close_canvas(&c);
}
