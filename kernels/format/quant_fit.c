/* quant_fit.c - least squares over a few trials of a step. */
#include "config.h"

#include "format/quant_fit.h"

#include <math.h>

enum { GROUP_MAX = 32 };

int k_nearest(float v, int lo, int hi)
{
    return v <= (float)lo ? lo : v >= (float)hi ? hi : (int)lrintf(v);
}

float k_extreme(const float *x, int n)
{
    float v = x[0];

    for (int i = 1; i < n; i++)
        if (fabsf(x[i]) > fabsf(v))
            v = x[i];
    return v;
}

/* Least-squares line through the levels that INV gives, and its error. false: none that can be
   stored. A positive offset cannot be: it is fitted again as 0. */
static int line_of(const float *x, const float *w, int n, int top, float lo, float inv,
                   struct k_line *line, double *error)
{
    double sw = 0, sq = 0, sqq = 0, sx = 0, sqx = 0;

    for (int i = 0; i < n; i++) {
        double q = k_nearest(inv * (x[i] - lo), 0, top);

        sw += w[i];
        sq += w[i] * q;
        sqq += w[i] * q * q;
        sx += (double)w[i] * x[i];
        sqx += w[i] * q * x[i];
    }
    if (!(sqq > 0))
        return 0;
    /* One level for all values makes a line of any slope: then the one through 0, too. */
    double det = sw * sqq - sq * sq, scale = sqx / sqq, offset = 0;
    if (det > 1e-9 * sw * sqq && sqq * sx - sq * sqx < 0) {
        scale = (sw * sqx - sx * sq) / det;
        offset = (sqq * sx - sq * sqx) / det;
    }
    *error = 0;
    for (int i = 0; i < n; i++) {
        double e = scale * k_nearest(inv * (x[i] - lo), 0, top) + offset - x[i];

        *error += w[i] * e * e;
    }
    *line = (struct k_line){ (float)scale, (float)-offset };
    return scale > 0;
}

struct k_line k_fit_line(const float *x, int n, int top)
{
    float w[GROUP_MAX], lo = 0, hi = x[0], square = 0;
    struct k_line best = { 0, 0 }, line;
    double least = INFINITY, error;

    for (int i = 0; i < n; i++) {
        lo = fminf(lo, x[i]);
        hi = fmaxf(hi, x[i]);
        square += x[i] * x[i];
    }
    if (!(hi > lo)) {
        best.low = -lo;
        return best;
    }
    float mean = sqrtf(square / (float)n);
    for (int i = 0; i < n; i++)
        w[i] = mean + fabsf(x[i]);
    for (int k = -1; k <= 20; k++) {
        float inv =
            k < 0 ? (float)top / (hi - lo) : ((float)(top - 1) + 0.1f * (float)k) / (hi - lo);

        if (line_of(x, w, n, top, lo, inv, &line, &error) && error < least) {
            least = error;
            best = line;
        }
    }
    return best;
}

/* The least-squares scale of a trial lowers the error by (sum w x q)^2 / (sum w q^2), so the
   largest of these wins; trials put the value of largest magnitude near level -HALF. */
float k_fit_scale(const float *x, int n, int half)
{
    float extreme = k_extreme(x, n), best = 0;
    double gain = 0;

    if (!(fabsf(extreme) >= 1e-15f))
        return 0;
    for (int k = -9; k <= 9; k++) {
        float inv = -((float)half + 0.1f * (float)k) / extreme;
        double xq = 0, qq = 0;

        for (int i = 0; i < n; i++) {
            double q = k_nearest(inv * x[i], -half, half - 1), w = (double)x[i] * x[i];

            xq += w * x[i] * q;
            qq += w * q * q;
        }
        if (qq > 0 && xq * xq > gain * qq) {
            gain = xq * xq / qq;
            best = (float)(xq / qq);
        }
    }
    return best;
}

int k_nearest_level(float v, const int8_t levels[16])
{
    int lo = 0, hi = 15;

    if (v <= (float)levels[0])
        return 0;
    if (v >= (float)levels[15])
        return 15;
    while (hi - lo > 1) {
        int middle = (lo + hi) / 2;

        if (v < (float)levels[middle])
            hi = middle;
        else
            lo = middle;
    }
    return v - (float)levels[lo] < (float)levels[hi] - v ? lo : hi;
}

float k_fit_levels(const float *x, int n, const int8_t levels[16])
{
    float extreme = k_extreme(x, n), best = 0;
    double gain = 0;

    if (!(fabsf(extreme) >= 1e-15f))
        return 0;
    for (int k = -7; k <= 7; k++) {
        float inv = ((float)levels[0] + (float)k) / extreme;
        double xq = 0, qq = 0;

        for (int i = 0; i < n; i++) {
            double q = levels[k_nearest_level(inv * x[i], levels)], w = (double)x[i] * x[i];

            xq += w * x[i] * q;
            qq += w * q * q;
        }
        if (qq > 0 && xq * xq > gain * qq) {
            gain = xq * xq / qq;
            best = (float)(xq / qq);
        }
    }
    return best;
}
