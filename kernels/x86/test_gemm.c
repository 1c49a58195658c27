/* test_gemm.c - spn_gemm_f32 on every instruction set here, and through the BLAS module, against
 * sums in double. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "tensor/product.h"
#include "tap.h"

struct call {
    bool ta, tb;
    int64_t m, n, k, pad;
    float alpha, beta;
};

struct data {
    float *a, *b, *c, *got;
    int64_t lda, ldb, ldc, c_elems;
};

static uint64_t seed = 88172645463325252u;

/* xorshift: a test needs numbers, not a stream with a meaning. */
static float noise(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (float)(int32_t)(seed >> 32) * 0x1p-31f;
}

static float *numbers(int64_t n)
{
    float *p = malloc((size_t)(n > 0 ? n : 1) * sizeof *p);

    if (p == NULL)
        exit(99);
    for (int64_t i = 0; i < n; i++)
        p[i] = noise();
    return p;
}

static struct data data_new(const struct call *q)
{
    struct data d;

    d.lda = (q->ta ? q->m : q->k) + q->pad;
    d.ldb = (q->tb ? q->k : q->n) + q->pad;
    d.ldc = q->n + q->pad;
    d.c_elems = q->m * d.ldc;
    d.a = numbers((q->ta ? q->k : q->m) * d.lda);
    d.b = numbers((q->tb ? q->n : q->k) * d.ldb);
    d.c = numbers(d.c_elems);
    d.got = numbers(d.c_elems);
    return d;
}

static void data_free(struct data *d)
{
    free(d->a);
    free(d->b);
    free(d->c);
    free(d->got);
}

static void run(const struct call *q, struct data *d)
{
    memcpy(d->got, d->c, (size_t)d->c_elems * sizeof *d->got);
    spn_gemm_f32(q->ta, q->tb, q->m, q->n, q->k, q->alpha, d->a, d->lda, d->b, d->ldb, q->beta,
                 d->got, d->ldc);
}

/* The largest error relative to the sum of magnitudes; NAN when a byte outside C changed. */
static double error_of(const struct call *q, const struct data *d)
{
    double worst = 0;

    for (int64_t i = 0; i < q->m; i++) {
        for (int64_t j = 0; j < d->ldc; j++) {
            double sum = 0, size = 1e-30, e;
            float got = d->got[i * d->ldc + j], before = d->c[i * d->ldc + j];

            if (j >= q->n) {
                if (memcmp(&got, &before, sizeof got) != 0)
                    return NAN;
                continue;
            }
            for (int64_t p = 0; p < q->k; p++) {
                double x = q->ta ? d->a[p * d->lda + i] : d->a[i * d->lda + p];
                double y = q->tb ? d->b[j * d->ldb + p] : d->b[p * d->ldb + j];

                sum += x * y;
                size += fabs(x * y);
            }
            sum = q->alpha * sum + (q->beta != 0 ? (double)q->beta * before : 0);
            size = fabs(q->alpha) * size + (q->beta != 0 ? fabs((double)q->beta * before) : 0);
            e = fabs(got - sum) / size;
            if (!(e <= worst))
                worst = e;
        }
    }
    return worst;
}

static void check_shapes(const char *isa)
{
    static const int64_t sizes[][3] = {
        { 1, 1, 1 },     { 1, 33, 7 },   { 2, 5, 300 },  { 13, 31, 17 },   { 12, 32, 256 },
        { 25, 65, 257 }, { 37, 50, 61 }, { 7, 545, 40 }, { 40, 128, 352 }, { 6, 16, 513 },
        { 11, 48, 8 },   { 23, 17, 1 },  { 64, 1, 100 },
    };
    double worst = 0;

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (int mode = 0; mode < 4; mode++) {
            for (int scale = 0; scale < 3; scale++) {
                struct call q = { mode & 1,
                                  mode & 2,
                                  sizes[s][0],
                                  sizes[s][1],
                                  sizes[s][2],
                                  3 * (int64_t)(s & 1),
                                  scale == 2 ? -0.5f : 1.0f,
                                  scale == 0   ? 0.0f
                                  : scale == 1 ? 1.0f
                                               : 2.0f };
                struct data d = data_new(&q);
                double e;

                run(&q, &d);
                e = error_of(&q, &d);
                if (!(e <= worst))
                    worst = e;
                data_free(&d);
            }
        }
    }
    ok(worst <= 1e-6, "%s: 13 shapes, 4 forms, 3 scalings: error %.2e", isa, worst);
}

/* What is in C when beta is 0 is never read; k of 0 scales C. */
static void check_edges(const char *isa)
{
    struct call q = { false, true, 9, 35, 20, 0, 1.0f, 0.0f };
    struct data d = data_new(&q);

    for (int64_t i = 0; i < d.c_elems; i++)
        d.c[i] = NAN;
    run(&q, &d);
    ok(error_of(&q, &d) <= 1e-6, "%s: beta 0 overwrites NaN", isa);
    q.k = 0;
    run(&q, &d);
    ok(d.got[0] == 0 && d.got[d.c_elems - 1] == 0, "%s: k 0 and beta 0 give zeros", isa);
    d.c[3] = 5.0f;
    q.beta = -2.0f;
    run(&q, &d);
    ok(d.got[3] == -10.0f, "%s: k 0 scales C", isa);
    q.m = 0;
    run(&q, &d);
    ok(d.got[3] == 5.0f, "%s: m 0 does nothing", isa);
    data_free(&d);
}

/* The same call gives the same bytes, also when memory for packing is short; a row does not depend
 * on how many there are. */
static void check_bytes(const char *isa, bool rows_too)
{
    struct call q = { false, true, 29, 200, 300, 0, 1.0f, 0.0f };
    struct data d = data_new(&q);
    float *first = numbers(d.c_elems);
    size_t bytes = (size_t)d.c_elems * sizeof *first;

    run(&q, &d);
    memcpy(first, d.got, bytes);
    run(&q, &d);
    ok(memcmp(first, d.got, bytes) == 0, "%s: twice the same bytes", isa);
    spn_fail_at(1);
    run(&q, &d);
    spn_fail_at(0);
    ok(memcmp(first, d.got, bytes) == 0, "%s: the same bytes without memory for packing", isa);
    if (rows_too) {
        q.m = 5;
        run(&q, &d);
        ok(memcmp(first, d.got, (size_t)(5 * d.ldc) * sizeof *first) == 0,
           "%s: 5 rows are the first 5 of 29", isa);
    }
    free(first);
    data_free(&d);
}

int main(void)
{
    enum spn_isa best = spn_isa_get();
    struct spn_err err = SPN_ERR_INIT;

    for (int isa = SPN_ISA_REF; isa <= (int)best; isa++) {
        spn_isa_force((enum spn_isa)isa);
        check_shapes(spn_isa_name((enum spn_isa)isa));
        check_edges(spn_isa_name((enum spn_isa)isa));
        check_bytes(spn_isa_name((enum spn_isa)isa), true);
    }
    ok(spn_blas_open("/nonexistent/spn_blas.so", &err) == SPN_ENOTFOUND &&
           strstr(err.text, "nonexistent") != NULL,
       "an absent module is a sentence: %s", err.text);
    ok(strncmp(spn_blas_name(), "none: ", 6) == 0, "its name says why: %s", spn_blas_name());
    if (best == SPN_ISA_REF || spn_blas_open(NULL, &err) != SPN_OK) {
        skip(best == SPN_ISA_REF ? "the reference instruction set never calls BLAS" : err.text);
        return done();
    }
    ok(strncmp(spn_blas_name(), "OpenBLAS", 8) == 0, "module: %s", spn_blas_name());
    check_shapes("blas");
    check_edges("blas");
    check_bytes("blas", false);
    return done();
}
