/* plot_figures.c - what a plot shows, in numbers: ranges, ticks, counts, means. */
#include "config.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "screen/plot.h"

double plot_scaled(double v, bool log)
{
    return !log ? v : v > 0 ? log10(v) : NAN;
}

double plot_x_at(const struct spn_series *s, size_t i)
{
    return s->x != NULL ? s->x[i] : (double)i;
}

static void widen(struct plot_range *r, double v)
{
    if (!isfinite(v))
        return;
    if (!(v >= r->lo))
        r->lo = v;
    if (!(v <= r->hi))
        r->hi = v;
}

static void not_flat(struct plot_range *r)
{
    if (isnan(r->lo))
        r->lo = r->hi = 0;
    if (!(r->hi > r->lo)) {
        double pad = fabs(r->lo) > 0 ? fabs(r->lo) * 0.1 : 1;

        r->lo -= pad;
        r->hi += pad;
    }
}

void plot_ranges(const struct spn_plot *p, struct plot_range *x, struct plot_range *y)
{
    *x = *y = (struct plot_range){ NAN, NAN };
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->series[i].n; k++) {
            double v = plot_scaled(p->series[i].y[k], p->log_y);

            if (!isfinite(v))
                continue;
            widen(x, plot_scaled(plot_x_at(&p->series[i], k), p->log_x));
            widen(y, v);
        }
    not_flat(x);
    not_flat(y);
}

/* Bins that were counted already, N of them drawn as at most MOST. */
static void add_counted(double *count, int n, const struct spn_series *s, bool log,
                        struct plot_range *x)
{
    double half = s->n > 1 ? (s->x[s->n - 1] - s->x[0]) / (double)(s->n - 1) / 2 : 0.5;

    *x = (struct plot_range){ plot_scaled(s->x[0] - half, log),
                              plot_scaled(s->x[s->n - 1] + half, log) };
    for (size_t i = 0; i < s->n; i++)
        if (isfinite(s->y[i]))
            count[(size_t)i * (size_t)n / s->n] += s->y[i];
}

static void add_samples(double *count, int n, const struct spn_series *s, bool log,
                        struct plot_range *x)
{
    *x = (struct plot_range){ NAN, NAN };
    for (size_t i = 0; i < s->n; i++)
        widen(x, plot_scaled(s->y[i], log));
    not_flat(x);
    for (size_t i = 0; i < s->n; i++) {
        double u = (plot_scaled(s->y[i], log) - x->lo) / (x->hi - x->lo);

        if (isfinite(u))
            count[u >= 1 ? n - 1 : (int)(u * n)]++;
    }
}

double *plot_counts(const struct spn_plot *p, int most, int *bins, struct plot_range *x,
                    struct plot_range *y)
{
    const struct spn_series *s = &p->series[0];
    bool counted = s->x != NULL && s->n > 0;
    int n = p->bins > 0 && p->bins < most ? p->bins : most;
    double *count;

    if (counted)
        n = s->n < (size_t)most ? (int)s->n : most;
    *y = (struct plot_range){ 0, 0 };
    *bins = n;
    count = spn_calloc((size_t)n, sizeof *count);
    if (count == NULL)
        return NULL;
    if (counted)
        add_counted(count, n, s, p->log_x, x);
    else
        add_samples(count, n, s, p->log_x, x);
    not_flat(x);
    for (int k = 0; k < n; k++) {
        count[k] = p->log_y ? log10(1 + count[k]) : count[k];
        widen(y, count[k]);
    }
    not_flat(y);
    return count;
}

void plot_heat_range(const struct spn_plot *p, struct plot_range *range)
{
    *range = (struct plot_range){ NAN, NAN };
    for (size_t i = 0; i < p->rows * p->columns; i++)
        widen(range, p->heat[i]);
    not_flat(range);
}

double plot_heat_at(const struct spn_plot *p, const struct plot_range *range, int row, int column,
                    int rows, int columns)
{
    size_t r0 = (size_t)row * p->rows / (size_t)rows,
           k0 = (size_t)column * p->columns / (size_t)columns;
    size_t r1 = (size_t)(row + 1) * p->rows / (size_t)rows,
           k1 = (size_t)(column + 1) * p->columns / (size_t)columns;
    double sum = 0, n = 0;

    for (size_t y = r0; y < (r1 > r0 ? r1 : r0 + 1); y++)
        for (size_t x = k0; x < (k1 > k0 ? k1 : k0 + 1); x++)
            if (isfinite(p->heat[y * p->columns + x])) {
                sum += p->heat[y * p->columns + x];
                n++;
            }
    return n > 0 ? (sum / n - range->lo) / (range->hi - range->lo) : NAN;
}

int plot_ticks(const struct plot_range *r, bool log, int most, double at[PLOT_TICKS_MAX])
{
    double span = r->hi - r->lo, step, first;
    int n = 0;

    most = most < 2 ? 2 : most > PLOT_TICKS_MAX ? PLOT_TICKS_MAX : most;
    step = pow(10, floor(log10(span / most)));
    if (span / step > most)
        step *= span / (2 * step) <= most ? 2 : span / (5 * step) <= most ? 5 : 10;
    if (log && step < 1) /* powers of ten alone are round there */
        step = 1;
    first = ceil(r->lo / step - 1e-9);
    for (; n < most && (first + n) * step <= r->hi + 1e-9 * span; n++)
        at[n] = (first + n) * step;
    if (n < 2) { /* none inside: the ends */
        at[0] = r->lo;
        at[1] = r->hi;
        n = 2;
    }
    return n;
}

void plot_number(double v, bool log, char *out, size_t room)
{
    double shown = log ? pow(10, v) : v, a = fabs(shown);

    if (a < 1e-15 && a > 0) /* what a sum of steps leaves of zero */
        shown = a = 0;
    if (a != 0 && (a >= 1e6 || a < 1e-3))
        snprintf(out, room, "%.3g", shown);
    else
        snprintf(out, room, "%.4g", shown);
}
