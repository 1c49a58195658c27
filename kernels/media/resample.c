#include "config.h"

#include "media/resample.h"

#include <math.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"

/* ---- taps: which input samples an output sample is made of ---- */

struct taps {       /* of one axis */
    int n, width;   /* outputs; taps of one output at most */
    int *first;     /* [n] */
    int *count;     /* [n] */
    double *weight; /* [n][width] */
};

static void taps_free(struct taps *t)
{
    spn_free(t->first);
    spn_free(t->count);
    spn_free(t->weight);
}

static bool taps_new(struct taps *t, int n, int width)
{
    size_t all;

    memset(t, 0, sizeof *t);
    t->n = n;
    t->width = width;
    if (spn_mul_size((size_t)n, (size_t)width, &all)) {
        t->first = spn_calloc((size_t)n, sizeof *t->first);
        t->count = spn_calloc((size_t)n, sizeof *t->count);
        t->weight = spn_calloc(all, sizeof *t->weight);
    }
    if (t->first != NULL && t->count != NULL && t->weight != NULL)
        return true;
    taps_free(t);
    return false;
}

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* Keys' cubic convolution kernel. */
static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static double pillow_kernel(enum spn_filter filter, double x)
{
    if (filter == SPN_FILTER_BICUBIC)
        return cubic(x, -0.5);
    return fabs(x) < 1 ? 1 - fabs(x) : 0;
}

/* The window of an output reaches over the kernel's support times the scale, cut at the borders;
 * weights sum to 1. */
static bool pillow_taps(struct taps *t, int in, int out, enum spn_filter filter)
{
    double scale = (double)in / out, wide = scale < 1 ? 1 : scale,
           support = (filter == SPN_FILTER_BICUBIC ? 2.0 : 1.0) * wide;

    if (!taps_new(t, out, (int)ceil(support) * 2 + 1))
        return false;
    for (int i = 0; i < out; i++) {
        double centre = (i + 0.5) * scale, sum = 0, *w = t->weight + (size_t)i * (size_t)t->width;
        int first = clamp((int)(centre - support + 0.5), 0, in);
        int end = clamp((int)(centre + support + 0.5), 0, in);

        t->first[i] = first;
        t->count[i] = end - first;
        for (int k = 0; k < end - first; k++)
            sum += w[k] = pillow_kernel(filter, (k + first - centre + 0.5) / wide);
        for (int k = 0; k < end - first && sum != 0; k++)
            w[k] /= sum;
    }
    return true;
}

/* ---- Pillow: 22-bit fixed point, each pass rounded to 8 bits ---- */

#define PILLOW_BITS 22

static uint8_t pillow_clip(int64_t sum)
{
    sum >>= PILLOW_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static int32_t *pillow_fixed(const struct taps *t)
{
    size_t n = (size_t)t->n * (size_t)t->width;
    int32_t *k = spn_calloc(n, sizeof *k);

    for (size_t i = 0; k != NULL && i < n; i++)
        k[i] = (int32_t)(t->weight[i] * (1 << PILLOW_BITS) + (t->weight[i] < 0 ? -0.5 : 0.5));
    return k;
}

/* One pass: each of ROWS rows of INPUT has T's input samples CHANNELS * STEP apart. */
static void pillow_line(uint8_t *out, const uint8_t *in, const struct taps *t, const int32_t *k,
                        size_t step, size_t out_step)
{
    for (int i = 0; i < t->n; i++) {
        const int32_t *w = k + (size_t)i * (size_t)t->width;
        const uint8_t *from = in + (size_t)t->first[i] * step;
        int64_t sum = 1 << (PILLOW_BITS - 1);

        for (int j = 0; j < t->count[i]; j++)
            sum += (int64_t)w[j] * from[(size_t)j * step];
        out[(size_t)i * out_step] = pillow_clip(sum);
    }
}

static spn_status pillow_axis(struct spn_image *out, const struct spn_image *in, int size,
                              bool columns, enum spn_filter filter, struct spn_err *err)
{
    size_t c = (size_t)in->channels, in_line = (size_t)in->width * c, out_line;
    int from = columns ? in->width : in->height;
    struct taps t = { 0 };
    int32_t *k = NULL;
    spn_status st;

    st = spn_image_new(out, columns ? size : in->width, columns ? in->height : size, in->channels,
                       err);
    if (st != SPN_OK)
        return st;
    if (!pillow_taps(&t, from, size, filter) || (k = pillow_fixed(&t)) == NULL) {
        taps_free(&t);
        spn_image_free(out);
        return spn_fail(err, SPN_ENOMEM, "no memory to scale to %d pixels", size);
    }
    out_line = (size_t)out->width * c;
    if (columns) {
        for (size_t y = 0; y < (size_t)in->height; y++)
            for (size_t b = 0; b < c; b++)
                pillow_line(out->pixels + y * out_line + b, in->pixels + y * in_line + b, &t, k, c,
                            c);
    } else {
        for (size_t x = 0; x < in_line; x++)
            pillow_line(out->pixels + x, in->pixels + x, &t, k, in_line, out_line);
    }
    spn_free(k);
    taps_free(&t);
    return SPN_OK;
}

static spn_status copy(struct spn_image *out, const struct spn_image *in, struct spn_err *err)
{
    spn_status st = spn_image_new(out, in->width, in->height, in->channels, err);

    if (st == SPN_OK)
        memcpy(out->pixels, in->pixels,
               (size_t)in->width * (size_t)in->height * (size_t)in->channels);
    return st;
}

spn_status spn_resize_pillow(struct spn_image *out, const struct spn_image *in, int width,
                             int height, enum spn_filter filter, struct spn_err *err)
{
    struct spn_image across = { 0 };
    spn_status st;

    /* An axis that keeps its size is not filtered. */
    st = width != in->width ? pillow_axis(&across, in, width, true, filter, err)
                            : copy(&across, in, err);
    if (st != SPN_OK || height == in->height) {
        *out = across;
        return st;
    }
    st = pillow_axis(out, &across, height, false, filter, err);
    spn_image_free(&across);
    return st;
}

/* ---- OpenCV: 11-bit weights along x, the sums along y in 22 bits, 4 of them dropped first ---- */

#define OPENCV_ONE 2048

struct pair { /* two neighbours and their weights */
    int a, b, wa, wb;
};

/* Past a border, columns take the border pixel whole, rows take it twice with both weights: the
 * sums are cut separately, so that is another value. */
static struct pair *opencv_pairs(int in, int out, bool rows)
{
    struct pair *p = spn_calloc((size_t)out, sizeof *p);
    double scale = (double)in / out;

    for (int i = 0; p != NULL && i < out; i++) {
        float f = (float)((i + 0.5) * scale - 0.5);
        int at = (int)floorf(f);

        f -= (float)at;
        if (!rows && (at < 0 || at >= in - 1))
            f = 0;
        p[i] = (struct pair){ clamp(at, 0, in - 1), clamp(at + 1, 0, in - 1),
                              (int)lrintf((1 - f) * OPENCV_ONE), (int)lrintf(f * OPENCV_ONE) };
    }
    return p;
}

static void opencv_row(int32_t *out, const uint8_t *row, const struct pair *x, int width,
                       int channels)
{
    for (int i = 0; i < width; i++)
        for (int c = 0; c < channels; c++)
            *out++ = row[x[i].a * channels + c] * x[i].wa + row[x[i].b * channels + c] * x[i].wb;
}

spn_status spn_resize_opencv_linear(struct spn_image *out, const struct spn_image *in, int width,
                                    int height, struct spn_err *err)
{
    size_t line = (size_t)width * (size_t)in->channels, in_line;
    struct pair *x = opencv_pairs(in->width, width, false),
                *y = opencv_pairs(in->height, height, true);
    int32_t *rows = spn_calloc(line, 2 * sizeof *rows), *up = rows, *down = rows + line;
    spn_status st = SPN_ENOMEM;

    in_line = (size_t)in->width * (size_t)in->channels;
    if (x != NULL && y != NULL && rows != NULL)
        st = spn_image_new(out, width, height, in->channels, err);
    else
        spn_fail(err, st, "no memory to scale to %d x %d pixels", width, height);
    for (int i = 0; st == SPN_OK && i < height; i++) {
        uint8_t *to = out->pixels + (size_t)i * line;

        opencv_row(up, in->pixels + (size_t)y[i].a * in_line, x, width, in->channels);
        opencv_row(down, in->pixels + (size_t)y[i].b * in_line, x, width, in->channels);
        for (size_t k = 0; k < line; k++)
            to[k] = (uint8_t)((((y[i].wa * (up[k] >> 4)) >> 16) +
                               ((y[i].wb * (down[k] >> 4)) >> 16) + 2) >>
                              2);
    }
    spn_free(x);
    spn_free(y);
    spn_free(rows);
    return st;
}

spn_status spn_resize_nearest(struct spn_image *out, const struct spn_image *in, int width,
                              int height, struct spn_err *err)
{
    size_t c = (size_t)in->channels;
    spn_status st = spn_image_new(out, width, height, in->channels, err);

    for (int y = 0; st == SPN_OK && y < height; y++) {
        size_t from = (size_t)((int64_t)y * in->height / height) * (size_t)in->width;

        for (int x = 0; x < width; x++)
            memcpy(out->pixels + ((size_t)y * (size_t)width + (size_t)x) * c,
                   in->pixels + (from + (size_t)((int64_t)x * in->width / width)) * c, c);
    }
    return st;
}

/* ---- f32 planes ---- */

/* Two or four neighbours around the centre; positions past a border repeat it. */
static bool plane_taps(struct taps *t, int in, int out, enum spn_filter filter)
{
    int n = filter == SPN_FILTER_BICUBIC ? 4 : 2;

    if (!taps_new(t, out, n))
        return false;
    for (int i = 0; i < out; i++) {
        double at = (i + 0.5) * in / out - 0.5, f;
        double *w = t->weight + (size_t)i * (size_t)n;

        if (filter == SPN_FILTER_BILINEAR && at < 0)
            at = 0;
        t->first[i] = (int)floor(at) - (n / 2 - 1);
        t->count[i] = n;
        f = at - floor(at);
        for (int k = 0; k < n; k++)
            w[k] = n == 2 ? (k == 0 ? 1 - f : f) : cubic(k - 1 - f, -0.75);
    }
    return true;
}

spn_status spn_resize_f32(float *out, int64_t out_h, int64_t out_w, const float *in, int64_t h,
                          int64_t w, enum spn_filter filter, struct spn_err *err)
{
    struct taps tx = { 0 }, ty = { 0 };
    int ih, iw, oh, ow;

    if (out_h < 1 || out_w < 1 || h < 1 || w < 1 || !spn_int_of_i64(out_h, &oh) ||
        !spn_int_of_i64(out_w, &ow) || !spn_int_of_i64(h, &ih) || !spn_int_of_i64(w, &iw) ||
        !plane_taps(&tx, iw, ow, filter) || !plane_taps(&ty, ih, oh, filter)) {
        taps_free(&tx);
        return spn_fail(err, SPN_ENOMEM, "no memory to scale to %lld x %lld values",
                        (long long)out_w, (long long)out_h);
    }
    for (int y = 0; y < oh; y++) {
        const double *wy = ty.weight + (size_t)y * (size_t)ty.width;

        for (int x = 0; x < ow; x++) {
            const double *wx = tx.weight + (size_t)x * (size_t)tx.width;
            double sum = 0;

            for (int j = 0; j < ty.width; j++) {
                const float *row = in + (int64_t)clamp(ty.first[y] + j, 0, ih - 1) * w;
                double line = 0;

                for (int i = 0; i < tx.width; i++)
                    line += wx[i] * (double)row[clamp(tx.first[x] + i, 0, iw - 1)];
                sum += wy[j] * line;
            }
            out[(int64_t)y * out_w + x] = (float)sum;
        }
    }
    taps_free(&tx);
    taps_free(&ty);
    return SPN_OK;
}
