/* test_measure.c - statistics, percentiles, histograms, differences against plain loops; the same
 * bytes from every instruction set and number of threads. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "measure/measure.h"
#include "tap.h"
#include "tensor/half.h"
#include "tensor/product.h"

static struct spn_tensor tensor(int dtype, int64_t rows, int64_t cols, void *data)
{
    const int64_t dim[] = { rows, cols };
    struct spn_tensor t;

    if (spn_tensor_init(&t, dtype, 2, dim, data, NULL) != SPN_OK)
        exit(99);
    return t;
}

/* N numbers of spread SCALE around MEAN; every 37th is zero. */
static float *normal(int64_t n, float mean, float scale, uint64_t seed)
{
    float *x = spn_calloc((size_t)n + 1, sizeof *x);
    struct spn_rng rng;

    spn_rng_init(&rng, spn_key_seed(seed));
    for (int64_t i = 0; i < n; i++)
        x[i] = i % 37 == 5 ? 0 : (float)(mean + scale * spn_rng_normal(&rng));
    return x;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static const double percent[] = { 0, 0.1, 1, 25, 50, 62.5, 99, 100 };
enum { PERCENTS = sizeof percent / sizeof *percent, BINS = 37 };

/* All figures of T, whose numbers are X, against loops. */
static void against_loops(const char *what, const struct spn_tensor *t, const double *x, int64_t n)
{
    double *v = spn_calloc((size_t)n + 1, sizeof *v), value[PERCENTS], sum = 0, far = 0, sq = 0;
    int64_t m = 0, nan = 0, inf = 0, zeros = 0, count[BINS], wanted[BINS] = { 0 };
    struct spn_spread s = { percent, PERCENTS, value, BINS, NAN, NAN, count };
    struct spn_stats a, b;
    bool right = true;

    for (int64_t i = 0; i < n; i++) {
        nan += isnan(x[i]);
        inf += isinf(x[i]) != 0;
        if (isfinite(x[i])) {
            v[m++] = x[i];
            zeros += x[i] == 0;
            sum += x[i];
            sq += x[i] * x[i];
        }
    }
    for (int64_t i = 0; i < m; i++)
        far += (v[i] - sum / (double)m) * (v[i] - sum / (double)m);
    qsort(v, (size_t)m, sizeof *v, by_value);
    ok(spn_stats_run(&a, t, NULL, NULL) == SPN_OK &&
           spn_spread_run(&b, &s, t, NULL, NULL) == SPN_OK,
       "%s: measured", what);
    ok(memcmp(&a, &b, sizeof a) == 0 || m == 0, "%s: the same statistics both ways", what);
    ok(a.count == n && a.nan == nan && a.inf == inf && a.zeros == zeros, "%s: counts", what);
    if (m == 0) {
        ok(isnan(a.min) && isnan(a.mean) && isnan(value[3]), "%s: no figures of nothing", what);
        spn_free(v);
        return;
    }
    ok(a.min == v[0] && a.max == v[m - 1], "%s: range %g to %g", what, a.min, a.max);
    ok_near(a.mean, sum / (double)m, 1e-12 * (fabs(v[0]) + fabs(v[m - 1])), what);
    ok_near(a.std, sqrt(far / (double)m), 1e-9 * sqrt(far / (double)m), what);
    ok_near(a.norm, sqrt(sq), 1e-12 * sqrt(sq), what);
    for (int i = 0; i < PERCENTS; i++) {
        double at = percent[i] / 100 * (double)(m - 1), on = at - floor(at);
        int64_t p = (int64_t)at;
        double want = v[p] + (on > 0 ? (v[p + 1] - v[p]) * on : 0);

        right = right && value[i] == want;
    }
    ok(right, "%s: percentiles are exact", what);
    for (int64_t i = 0; i < m; i++) {
        int k = 0;

        while (k + 1 < BINS && v[i] >= s.lo + (s.hi - s.lo) * (k + 1) / BINS)
            k++;
        wanted[k]++;
    }
    ok(memcmp(count, wanted, sizeof count) == 0, "%s: histogram is exact", what);
    spn_free(v);
}

static void test_types(void)
{
    enum { ROWS = 210, COLS = 256, N = ROWS * COLS };
    static const int types[] = { SPN_F32, SPN_F16, SPN_BF16, SPN_Q8_0, SPN_Q6_K };
    float *x = normal(N, 0.1f, 2, 1), *y = spn_calloc(N, sizeof *y);
    double *d = spn_calloc(N, sizeof *d);
    unsigned char *bytes = spn_calloc(N, 8);
    struct spn_tensor t;

    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        spn_quant(types[k], x, bytes, N, NULL);
        spn_dequant(types[k], bytes, y, N, NULL);
        for (int i = 0; i < N; i++)
            d[i] = y[i];
        t = tensor(types[k], ROWS, COLS, bytes);
        against_loops(spn_dtype_name(types[k]), &t, d, N);
    }
    for (int i = 0; i < N; i++)
        d[i] = x[i] * 1e-200;
    t = tensor(SPN_F64, ROWS, COLS, d);
    against_loops("f64", &t, d, N);
    for (int i = 0; i < N; i++)
        d[i] = ((int8_t *)bytes)[i] = (int8_t)(i * 7);
    t = tensor(SPN_I8, ROWS, COLS, bytes);
    against_loops("i8", &t, d, N);
    /* Transposed: the numbers in the order of the view. */
    t = tensor(SPN_F32, COLS, ROWS, x);
    t.stride[0] = 1;
    t.stride[1] = COLS;
    for (int i = 0; i < N; i++)
        d[i] = x[i % ROWS * COLS + i / ROWS];
    against_loops("transposed", &t, d, N);
    memcpy(bytes + 1, x, 4 * N);
    for (int i = 0; i < N; i++)
        d[i] = x[i];
    t = tensor(SPN_F32, ROWS, COLS, bytes + 1);
    against_loops("askew in memory", &t, d, N);
    t = tensor(SPN_F32, 3, 5, x);
    against_loops("few", &t, d, 15);
    t = tensor(SPN_F32, 0, 5, x);
    against_loops("empty", &t, d, 0);
    t = tensor(SPN_IQ2_XS, 1, 256, bytes);
    ok(!spn_measurable(SPN_IQ2_XS) &&
           spn_stats_run(&(struct spn_stats){ 0 }, &t, NULL, NULL) == SPN_EFORMAT,
       "a type that is not decoded is refused");
    spn_free(x);
    spn_free(y);
    spn_free(d);
    spn_free(bytes);
}

static void test_hard(void)
{
    enum { N = 70001 };
    float *x = normal(N, 0, 1, 2);
    double *d = spn_calloc(N, sizeof *d);
    struct spn_tensor t = tensor(SPN_F32, 1, N, x);

    for (int i = 0; i < N; i++)
        if (i % 1000 == 3)
            x[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    x[17] = -0.0f;
    x[18] = 1e-42f;
    for (int i = 0; i < N; i++)
        d[i] = x[i];
    against_loops("with NaN and infinities", &t, d, N);
    for (int i = 0; i < N; i++)
        x[i] = NAN, d[i] = NAN;
    against_loops("NaN only", &t, d, N);
    for (int i = 0; i < N; i++)
        d[i] = x[i] = 1;
    against_loops("all the same", &t, d, N);
    /* Mean and deviation six digits apart: a plain difference of sums would have no digit. */
    spn_free(x);
    x = normal(N, 1e4f, 1e-2f, 3);
    t.data = x;
    for (int i = 0; i < N; i++)
        d[i] = x[i] = x[i] == 0 ? 1e4f : x[i];
    against_loops("far from zero", &t, d, N);
    for (int i = 0; i < N; i++)
        d[i] = x[i] = i % 2 == 0 ? 3e38f : -3e38f;
    against_loops("near the largest", &t, d, N);
    spn_free(x);
    spn_free(d);
}

static void test_difference(void)
{
    enum { ROWS = 77, COLS = 513, N = ROWS * COLS };
    float *a = normal(N, 0, 1, 4), *b = normal(N, 0, 1, 5);
    struct spn_tensor ta = tensor(SPN_F32, ROWS, COLS, a), tb = tensor(SPN_F32, ROWS, COLS, b);
    double dd = 0, bb = 0, aa = 0, ab = 0, far = 0;
    struct spn_difference r, total = { 0 };
    int64_t differ = 0;

    for (int i = 0; i < N; i++) {
        double x = a[i], y = b[i];

        dd += (x - y) * (x - y);
        aa += x * x;
        bb += y * y;
        ab += x * y;
        far = fmax(far, fabs(x - y));
        differ += x != y;
    }
    ok(spn_difference_run(&r, &ta, &tb, NULL, NULL, NULL) == SPN_OK, "two tensors");
    ok(r.differ == differ && r.max_abs == far, "pairs that differ, and by how much at most");
    ok_near(r.rel, sqrt(dd / bb), 1e-12, "relative error");
    ok_near(r.cosine, ab / sqrt(aa * bb), 1e-12, "cosine");
    spn_difference_run(&r, &ta, &ta, NULL, NULL, NULL);
    ok(r.differ == 0 && r.max_abs == 0 && r.rel == 0 && r.cosine > 1 - 1e-15, "with itself");
    spn_difference_add(&total, &r);
    ok(total.count == N && total.rel == 0, "a total of one");
    memcpy(b, a, N * sizeof *b);
    a[7] = NAN;
    b[7] = NAN;
    a[8] = INFINITY;
    b[9] = NAN;
    b[N - 1] += 1;
    spn_difference_run(&r, &ta, &tb, NULL, NULL, NULL);
    ok(r.nan_a == 1 && r.nan_b == 2 && r.inf_a == 1 && r.inf_b == 0 && r.lost == 2,
       "NaN and infinities are counted apart");
    ok(r.differ == 3 && r.max_abs == 1, "and figures are of the finite pairs");
    tb = tensor(SPN_F32, COLS, ROWS, b);
    ok(spn_difference_run(&r, &ta, &tb, NULL, NULL, NULL) == SPN_EUSAGE, "shapes must be the same");
    tb = tensor(SPN_F32, ROWS, COLS, b);
    memset(b, 0, N * sizeof *b);
    spn_difference_run(&r, &tb, &tb, NULL, NULL, NULL);
    ok(r.rel == 0 && r.cosine == 1, "two zero tensors are the same");
    spn_free(a);
    spn_free(b);
}

static int64_t turned(const void *ctx, int64_t r)
{
    const int64_t *rows = ctx;

    return *rows - 1 - r;
}

static void test_rows(void)
{
    enum { ROWS = 130, COLS = 256, N = ROWS * COLS };
    float *a = normal(N, 0, 1, 6), *b = spn_calloc(N, sizeof *b);
    unsigned char *q = spn_calloc(N, 2);
    int64_t rows = ROWS, zeros, first;
    struct spn_row_map map = { turned, &rows };
    struct spn_tensor ta = tensor(SPN_Q8_0, ROWS, COLS, q), tb = tensor(SPN_F32, ROWS, COLS, b);
    struct spn_difference r;

    spn_quant(SPN_Q8_0, a, q, N, NULL);
    spn_dequant(SPN_Q8_0, q, a, N, NULL);
    for (int i = 0; i < N; i++)
        b[i] = a[(ROWS - 1 - i / COLS) * COLS + i % COLS];
    ok(spn_difference_run(&r, &ta, &tb, &map, NULL, NULL) == SPN_OK && r.differ == 0,
       "rows in another order, of a quantised type");
    memset(b + 3 * COLS, 0, COLS * sizeof *b);
    memset(b + 99 * COLS, 0, COLS * sizeof *b);
    spn_zero_rows(&zeros, &first, &tb, NULL, NULL);
    ok(zeros == 2 && first == 3, "zero rows: %lld from %lld on", (long long)zeros,
       (long long)first);
    spn_free(a);
    spn_free(b);
    spn_free(q);
}

static void test_grid(void)
{
    enum { ROWS = 50, COLS = 1000, DOWN = 7, ACROSS = 13 };
    float *x = normal(ROWS * COLS, 0, 1, 7);
    struct spn_tensor t = tensor(SPN_F32, ROWS, COLS, x);
    struct spn_window w = { 3, 40, 11, 900 };
    struct spn_cell cell[DOWN * ACROSS];
    bool right = true;
    double few[5];

    x[5 * COLS + 20] = NAN;
    ok(spn_grid_run(cell, DOWN, ACROSS, &t, &w, NULL, NULL) == SPN_OK, "a picture");
    for (int i = 0; i < DOWN; i++)
        for (int j = 0; j < ACROSS; j++) {
            double sum = 0, sq = 0, peak = 0;
            int n = 0, odd = 0;

            for (int r = 40 * i / DOWN; r < 40 * (i + 1) / DOWN; r++)
                for (int c = 900 * j / ACROSS; c < 900 * (j + 1) / ACROSS; c++) {
                    double d = x[(3 + r) * COLS + 11 + c];

                    if (isnan(d)) {
                        odd++;
                        continue;
                    }
                    sum += d;
                    sq += d * d;
                    peak = fabs(d) > fabs(peak) ? d : peak;
                    n++;
                }
            right = right && cell[i * ACROSS + j].peak == (float)peak &&
                    (int)cell[i * ACROSS + j].odd == odd &&
                    fabs(cell[i * ACROSS + j].mean - sum / n) < 1e-6 &&
                    fabs(cell[i * ACROSS + j].rms - sqrt(sq / n)) < 1e-6;
        }
    ok(right, "its cells are what they cover");
    w.rows = 48;
    ok(spn_grid_run(cell, DOWN, ACROSS, &t, &w, NULL, NULL) == SPN_EUSAGE, "a window too large");
    ok(spn_numbers(few, &t, 20 * COLS - 2, 5, NULL) == SPN_OK && few[0] == x[20 * COLS - 2] &&
           few[4] == x[20 * COLS + 2],
       "single numbers");
    ok(spn_numbers(few, &t, ROWS * COLS - 2, 3, NULL) == SPN_EUSAGE, "not more than there are");
    spn_free(x);
}

/* All that is measured, as bytes: from any instruction set and any number of threads the same. */
static void all_figures(char out[2048], const struct spn_measure *how, const struct spn_tensor *a,
                        const struct spn_tensor *b)
{
    double value[PERCENTS];
    int64_t count[BINS];
    struct spn_spread s = { percent, PERCENTS, value, BINS, NAN, NAN, count };
    struct spn_stats stats;
    struct spn_difference d;

    memset(out, 0, 2048);
    spn_stats_run(&stats, a, how, NULL);
    memcpy(out, &stats, sizeof stats);
    spn_spread_run(&stats, &s, b, how, NULL);
    memcpy(out + 200, &stats, sizeof stats);
    memcpy(out + 400, value, sizeof value);
    memcpy(out + 800, count, sizeof count);
    spn_difference_run(&d, a, b, NULL, how, NULL);
    memcpy(out + 1500, &d, sizeof d);
}

static void test_same(void)
{
    enum { N = 200003 };
    float *a = normal(N, 0.3f, 1e-4f, 8), *b = normal(N, -1, 3, 9);
    uint16_t *h = spn_calloc(N, sizeof *h);
    struct spn_tensor ta = tensor(SPN_F32, 1, N, a), tb = tensor(SPN_F32, N, 1, b);
    char want[2048], got[2048];
    struct spn_pool *pool = spn_pool_new(3);
    struct spn_measure how = { .pool = pool };
    static const enum spn_isa isas[] = { SPN_ISA_REF, SPN_ISA_AVX2, SPN_ISA_AVX512 };

    tb = tensor(SPN_F32, 1, N, b);
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            b[N - 1] = b[N - 2] = INFINITY;
        if (round == 2) {
            for (int i = 0; i < N; i++)
                h[i] = spn_f16_of_f32(b[i]);
            tb = tensor(SPN_F16, 1, N, h);
        }
        for (size_t k = 0; k < sizeof isas / sizeof *isas; k++) {
            if (!spn_isa_force(isas[k])) {
                skip("this processor lacks an instruction set");
                continue;
            }
            all_figures(k == 0 ? want : got, NULL, &ta, &tb);
            ok(k == 0 || memcmp(want, got, sizeof want) == 0, "round %d: bytes of %s", round,
               spn_isa_name(isas[k]));
            all_figures(got, &how, &ta, &tb);
            ok(memcmp(want, got, sizeof want) == 0, "round %d: bytes of %s, 3 threads", round,
               spn_isa_name(isas[k]));
        }
    }
    spn_pool_free(pool);
    spn_free(a);
    spn_free(b);
    spn_free(h);
}

static void test_stopped(void)
{
    float x[64] = { 0 };
    struct spn_tensor t = tensor(SPN_F32, 1, 64, x);
    struct spn_cancel stop = { 1 };
    struct spn_measure how = { .cancel = &stop };
    struct spn_stats s;

    ok(spn_stats_run(&s, &t, &how, NULL) == SPN_ECANCEL, "stopped");
}

int main(void)
{
    test_types();
    test_hard();
    test_difference();
    test_rows();
    test_grid();
    test_same();
    test_stopped();
    return done();
}
