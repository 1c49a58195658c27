#include "config.h"

#include "command/selftest_core.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "tensor/product.h"

/* Odd on purpose: a panel that is not full, a last row alone. */
#define OUT       45
#define K         512
#define ROWS      5
#define TOLERANCE 1e-5

static const int types[] = { SPN_F32, SPN_F16, SPN_BF16, SPN_Q8_0, SPN_Q4_0, SPN_Q4_K, SPN_Q6_K };
#define TYPES (sizeof types / sizeof *types)
#define ISAS  3

struct product {
    unsigned char weights[OUT * K * sizeof(float)];
    float x[ROWS * K], fast[ROWS * OUT], plain[ROWS * OUT], alone[OUT], threads[ROWS * OUT];
    struct spn_tensor w;
};

static spn_status make(struct product *p, int type, struct spn_err *err)
{
    const int64_t dim[2] = { OUT, K };
    struct spn_rng rng;
    uint64_t row_bytes = 0;
    spn_status st = SPN_OK;
    float row[K];
    int i, k;

    spn_rng_init(&rng, spn_key_int(spn_key_seed(1), (uint64_t)type));
    if (!spn_dtype_row_bytes(type, K, &row_bytes))
        return spn_fail(err, SPN_EINTERNAL, "%s: a row of %d has no size", spn_dtype_name(type), K);
    for (i = 0; st == SPN_OK && i < OUT; i++) {
        for (k = 0; k < K; k++)
            row[k] = (float)spn_rng_normal(&rng);
        st = spn_quant(type, row, p->weights + (size_t)i * row_bytes, K, err);
    }
    for (i = 0; i < ROWS * K; i++)
        p->x[i] = (float)spn_rng_normal(&rng);
    return st == SPN_OK ? spn_tensor_init(&p->w, type, 2, dim, p->weights, err) : st;
}

/* Relative error of the worst row; NaN when one is not finite. */
static double worst(const float *got, const float *want)
{
    double bad = 0;
    int r, i;

    for (r = 0; r < ROWS; r++) {
        double difference = 0, size = 0, e;

        for (i = 0; i < OUT; i++) {
            double d = (double)got[r * OUT + i] - want[r * OUT + i];

            difference += d * d;
            size += (double)want[r * OUT + i] * want[r * OUT + i];
        }
        e = sqrt(difference / size);
        if (!(e <= bad))
            bad = e;
    }
    return bad;
}

static spn_status compare(struct product *p, const struct spn_pack *pack, struct spn_pool *pool,
                          enum spn_act act, struct spn_err *err)
{
    size_t bytes = spn_product_scratch(pack, ROWS);
    void *scratch = spn_aligned_alloc(64, bytes > 0 ? bytes : 64);
    double e;

    if (scratch == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for %zu bytes of scratch", bytes);
    spn_product(pack, p->x, K, ROWS, NULL, p->fast, OUT, scratch, NULL);
    spn_product(pack, p->x, K, 1, NULL, p->alone, OUT, scratch, NULL);
    spn_product(pack, p->x, K, ROWS, NULL, p->threads, OUT, scratch, pool);
    spn_free(scratch);
    spn_product_ref(&p->w, act, p->x, K, ROWS, NULL, p->plain, OUT);
    e = worst(p->fast, p->plain);
    if (!(e <= TOLERANCE))
        return spn_fail(err, SPN_ENO, "relative error %.3g against the plain version, %.0e allowed",
                        e, TOLERANCE);
    if (memcmp(p->fast, p->alone, sizeof p->alone) != 0)
        return spn_fail(err, SPN_ENO, "a row alone differs from the same row among %d", ROWS);
    if (memcmp(p->fast, p->threads, sizeof p->fast) != 0)
        return spn_fail(err, SPN_ENO, "two threads give other bytes than one");
    return SPN_OK;
}

static spn_status product(int type, enum spn_act act, enum spn_isa isa, struct spn_err *err)
{
    enum spn_isa before = spn_isa_get();
    struct product *p = spn_calloc(1, sizeof *p);
    struct spn_pool *pool = spn_pool_new(2);
    struct spn_pack *pack = NULL;
    spn_status st = SPN_OK;

    if (p == NULL || pool == NULL)
        st = spn_fail(err, SPN_ENOMEM, "no memory for %zu bytes", sizeof *p);
    if (st == SPN_OK && !spn_isa_force(isa))
        st = spn_fail(err, SPN_EINTERNAL, "%s cannot be chosen", spn_isa_name(isa));
    if (st == SPN_OK)
        st = make(p, type, err);
    if (st == SPN_OK)
        st = spn_pack_new(&pack, &p->w, act, NULL, err);
    if (st == SPN_OK)
        st = compare(p, pack, pool, act, err);
    spn_isa_force(before);
    spn_pack_free(pack);
    spn_pool_free(pool);
    spn_free(p);
    return st;
}

static bool has(enum spn_isa isa)
{
    const struct spn_cpu *cpu = spn_cpu_get();

    return isa == SPN_ISA_REF ||
           (isa == SPN_ISA_AVX2 ? cpu->avx2 && cpu->fma && cpu->f16c : cpu->avx512);
}

/* C = A B by spn_gemm_f32 against sums in double. */
static spn_status gemm(struct spn_err *err)
{
    enum { M = 33, N = 29, L = 70 };
    static float a[M * L], b[L * N], c[M * N];
    struct spn_rng rng;
    double difference = 0, size = 0;
    int i, j, k;

    spn_rng_init(&rng, spn_key_seed(2));
    for (i = 0; i < M * L; i++)
        a[i] = (float)spn_rng_normal(&rng);
    for (i = 0; i < L * N; i++)
        b[i] = (float)spn_rng_normal(&rng);
    spn_gemm_f32(false, false, M, N, L, 1, a, L, b, N, 0, c, N);
    for (i = 0; i < M; i++)
        for (j = 0; j < N; j++) {
            double sum = 0;

            for (k = 0; k < L; k++)
                sum += (double)a[i * L + k] * b[k * N + j];
            difference += (sum - c[i * N + j]) * (sum - c[i * N + j]);
            size += sum * sum;
        }
    if (!(sqrt(difference / size) <= TOLERANCE))
        return spn_fail(err, SPN_ENO, "relative error %.3g, %.0e allowed", sqrt(difference / size),
                        TOLERANCE);
    return SPN_OK;
}

/* Checks are numbered: the instruction set, GEMM, then type by type, activations f32 and int8, each
   on each instruction set that is here. */
spn_status selftest_core(size_t i, char *name, size_t room, struct spn_err *err)
{
    size_t t, a, s, at = 2;

    if (i == 0) {
        snprintf(name, room, "core: the instruction set in use (%s) is one this processor has",
                 spn_isa_name(spn_isa_get()));
        return spn_isa_check(err);
    }
    if (i == 1) {
        snprintf(name, room, "core: training products (%s)", spn_isa_name(spn_isa_get()));
        return gemm(err);
    }
    for (t = 0; t < TYPES; t++)
        for (a = 0; a < 2; a++)
            for (s = 0; s < ISAS; s++)
                if (has((enum spn_isa)s) && at++ == i) {
                    enum spn_act act = a == 0 ? SPN_ACT_F32 : SPN_ACT_INT8;

                    snprintf(name, room, "core: %s weights, %s activations, %s",
                             spn_dtype_name(types[t]), a == 0 ? "f32" : "int8",
                             spn_isa_name((enum spn_isa)s));
                    return product(types[t], act, (enum spn_isa)s, err);
                }
    return SPN_ENOTFOUND;
}
