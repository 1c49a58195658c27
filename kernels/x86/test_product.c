/* test_product.c - packed products of every type on every instruction set here: against the plain
 * reference of the same arithmetic, the same bytes for a row alone and among others and for any
 * threads, inputs chosen to hurt, refusals. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "tensor/product.h"
#include "tap.h"

#define ROWS      40
#define TYPE_ROWS 13

static const int types[] = { SPN_F32, SPN_F16, SPN_BF16, SPN_Q8_0, SPN_Q4_0, SPN_Q4_K, SPN_Q6_K,
                             SPN_Q4_1, SPN_Q5_0, SPN_Q5_1,  SPN_Q2_K, SPN_Q3_K, SPN_Q5_K,
                             SPN_IQ4_NL, SPN_IQ4_XS, SPN_MXFP4, SPN_TQ1_0, SPN_TQ2_0 };
#define TYPES ((int)(sizeof types / sizeof *types))

static uint64_t seed = 88172645463325252u;

/* xorshift: a test needs numbers, not a stream with a meaning. */
static uint32_t noise_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32);
}

/* Close to normal, variance 1. */
static float noise(void)
{
    float sum = 0;

    for (int i = 0; i < 6; i++)
        sum += (float)(int32_t)noise_bits() * 0x1p-31f;
    return sum * 0.7071f;
}

static void *take(size_t bytes)
{
    void *p = calloc(1, bytes > 0 ? bytes : 1);

    if (p == NULL)
        exit(99);
    return p;
}

static bool quantised(int type)
{
    return spn_dtype_info(type)->block_elems > 1;
}

/* W [n, k] of TYPE from normal numbers; free its data. */
static struct spn_tensor weight(int type, int64_t n, int64_t k)
{
    struct spn_tensor t;
    struct spn_err err = SPN_ERR_INIT;
    uint64_t row_bytes = 0;
    int64_t dim[2] = { n, k };
    float *row = take((size_t)k * sizeof *row);

    spn_dtype_row_bytes(type, k, &row_bytes);
    if (spn_tensor_init(&t, type, 2, dim, take((size_t)n * row_bytes), &err) != SPN_OK)
        exit(98);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t p = 0; p < k; p++)
            row[p] = noise();
        if (spn_quant(type, row, (char *)t.data + (uint64_t)i * row_bytes, k, &err) != SPN_OK)
            exit(97);
    }
    free(row);
    return t;
}

struct run {
    struct spn_tensor w;
    enum spn_act act;
    const float *x;
    int64_t rows, n, k;
    const float *bias;
};

/* y [rows, n] from the packed kernels. */
static void packed(const struct run *r, struct spn_pool *pool, float *y)
{
    struct spn_pack *p = NULL;
    struct spn_err err = SPN_ERR_INIT;
    void *scratch;

    if (spn_pack_new(&p, &r->w, r->act, pool, &err) != SPN_OK) {
        ok(false, "pack: %s", err.text);
        return;
    }
    scratch = take(spn_product_scratch(p, r->rows));
    spn_product(p, r->x, r->k, r->rows, r->bias, y, r->n, scratch, pool);
    free(scratch);
    spn_pack_free(p);
}

/* Relative error of the worst row; NaN counts.  A single result may be small by chance: then it is
   relative to what such a sum of K products with weights of variance 1 is usually. */
static double error_of(const struct run *r, const float *a, const float *b, int64_t rows)
{
    const int64_t n = r->n;
    double worst = 0;

    for (int64_t row = 0; row < rows; row++) {
        double diff = 0, size = 0, e;

        for (int64_t i = 0; i < n; i++) {
            double d = (double)a[row * n + i] - b[row * n + i];

            diff += d * d;
            size += (double)b[row * n + i] * b[row * n + i];
        }
        for (int64_t p = 0; n == 1 && p < r->k; p++)
            size += (double)r->x[row * r->k + p] * r->x[row * r->k + p];
        e = size > 0 ? sqrt(diff / size) : diff > 0 ? 1 : 0;
        if (!(e <= worst))
            worst = e;
    }
    return worst;
}

enum input { NORMAL, HUGE_ONES, TINY, CONSTANT, OUTLIER, ZERO_ROWS, EXTREME, INPUTS };

static float *input_new(enum input kind, int64_t rows, int64_t k)
{
    float *x = take((size_t)(rows * k) * sizeof *x);

    for (int64_t r = 0; r < rows; r++) {
        for (int64_t p = 0; p < k; p++) {
            float v = noise();

            switch (kind) {
            case HUGE_ONES:
                v *= 1e30f;
                break;
            case TINY:
                v *= 1e-30f;
                break;
            case CONSTANT:
                v = 0.7f;
                break;
            case OUTLIER:
                v = p == (r * 37) % k ? 1e4f : v * 1e-2f;
                break;
            case ZERO_ROWS:
                v = r % 3 == 0 ? 0.0f : v;
                break;
            case EXTREME:
                v = (noise_bits() & 1) != 0 ? 1.0f : -1.0f;
                break;
            default:
                break;
            }
            x[r * k + p] = v;
        }
    }
    return x;
}

static void check_type(int type, enum spn_act act, enum spn_isa best)
{
    static const int64_t shapes[][2] = { { 1, 256 }, { 33, 512 }, { 70, 256 }, { 100, 768 } };
    const char *name = spn_dtype_name(type), *how = act == SPN_ACT_F32 ? "f32" : "int8";
    double worst[3] = { 0 }, against_f32 = 0;
    bool same = true;

    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct run r = { .act = act, .rows = TYPE_ROWS, .n = shapes[s][0], .k = shapes[s][1] };
        float *want, *got, *bias;

        /* The plain types take any k. */
        if (!quantised(type))
            r.k -= s == 1 ? 1 : s == 2 ? 219 : 0;
        r.w = weight(type, r.n, r.k);
        want = take((size_t)(TYPE_ROWS * r.n) * sizeof *want);
        got = take((size_t)(TYPE_ROWS * r.n) * sizeof *got);
        bias = take((size_t)r.n * sizeof *bias);
        for (int64_t i = 0; i < r.n; i++)
            bias[i] = noise();
        for (int kind = 0; kind < INPUTS; kind++) {
            float *x = input_new((enum input)kind, TYPE_ROWS, r.k);

            r.x = x;
            r.bias = kind == NORMAL ? bias : NULL;
            spn_product_ref(&r.w, act, x, r.k, TYPE_ROWS, r.bias, want, r.n);
            for (int isa = SPN_ISA_REF; isa <= (int)best; isa++) {
                double e;

                spn_isa_force((enum spn_isa)isa);
                packed(&r, NULL, got);
                e = error_of(&r, got, want, TYPE_ROWS);
                if (!(e <= worst[isa]))
                    worst[isa] = e;
                same = same && memcmp(got, want, (size_t)(TYPE_ROWS * r.n) * sizeof *got) == 0;
            }
            if (act == SPN_ACT_INT8 && (kind == NORMAL || kind == TINY)) {
                double e;

                spn_product_ref(&r.w, SPN_ACT_F32, x, r.k, TYPE_ROWS, r.bias, got, r.n);
                e = error_of(&r, want, got, TYPE_ROWS);
                if (r.n > 1 && !(e <= against_f32))
                    against_f32 = e;
            }
            free(x);
        }
        free(r.w.data);
        free(want);
        free(got);
        free(bias);
    }
    for (int isa = SPN_ISA_REF; isa <= (int)best; isa++)
        ok(worst[isa] <= 1e-5, "%s, %s activations, %s: error %.2e", name, how,
           spn_isa_name((enum spn_isa)isa), worst[isa]);
    if (act == SPN_ACT_INT8) {
        if (quantised(type))
            ok(same, "%s, int8 activations: all instruction sets give the bytes of the reference",
               name);
        ok(against_f32 <= 2e-2, "%s: int8 against f32 activations %.2e", name, against_f32);
    }
}

/* Rule 7: any number of rows, any threads, and a row alone. */
static void check_rows(int type, enum spn_act act, enum spn_isa isa, struct spn_pool *pool)
{
    struct run r = { .act = act, .n = 263, .k = quantised(type) ? 512 : 509 };
    float *x = input_new(NORMAL, ROWS, r.k), *all = take((size_t)(ROWS * r.n) * sizeof *all),
          *got = take((size_t)(ROWS * r.n) * sizeof *got);
    bool counts = true, alone = true, threads = true;

    r.w = weight(type, r.n, r.k);
    r.x = x;
    r.rows = ROWS;
    packed(&r, NULL, all);
    for (r.rows = 1; r.rows <= ROWS; r.rows += r.rows < 17 ? 1 : 5) {
        size_t bytes = (size_t)(r.rows * r.n) * sizeof *all;

        packed(&r, NULL, got);
        counts = counts && memcmp(got, all, bytes) == 0;
        packed(&r, pool, got);
        threads = threads && memcmp(got, all, bytes) == 0;
    }
    r.rows = 1;
    for (int i = 0; i < ROWS; i += 7) {
        r.x = x + i * r.k;
        packed(&r, pool, got);
        alone = alone && memcmp(got, all + i * r.n, (size_t)r.n * sizeof *all) == 0;
    }
    ok(counts && alone && threads,
       "%s, %s activations, %s: a row is the same bytes among 1 to 40%s, alone%s, with 3 threads%s",
       spn_dtype_name(type), act == SPN_ACT_F32 ? "f32" : "int8", spn_isa_name(isa),
       counts ? "" : " (NOT)", alone ? "" : " (NOT)", threads ? "" : " (NOT)");
    free(r.w.data);
    free(x);
    free(all);
    free(got);
}

/* Few panels and many rows: threads share rows, too. */
static void check_row_parts(int type, enum spn_act act, enum spn_isa isa, struct spn_pool *pool)
{
    struct run r = { .act = act, .rows = 130, .n = 40, .k = 256 };
    float *x = input_new(NORMAL, r.rows, r.k);
    size_t bytes = (size_t)(r.rows * r.n) * sizeof *x;
    float *one = take(bytes), *three = take(bytes);

    r.w = weight(type, r.n, r.k);
    r.x = x;
    packed(&r, NULL, one);
    packed(&r, pool, three);
    ok(memcmp(one, three, bytes) == 0, "%s, %s activations, %s: 3 threads share 130 rows",
       spn_dtype_name(type), act == SPN_ACT_F32 ? "f32" : "int8", spn_isa_name(isa));
    free(r.w.data);
    free(x);
    free(one);
    free(three);
}

/* Overwrite the quants of a row of 256 and keep its scales. */
static void fill_quants(int type, uint8_t *row, uint8_t byte)
{
    static const struct {
        int type, first, end;
    } places[] = {
        { SPN_Q8_0, 2, 34 },   { SPN_Q4_0, 2, 18 },   { SPN_Q4_1, 4, 20 },   { SPN_Q5_0, 2, 22 },
        { SPN_Q5_1, 4, 24 },   { SPN_Q2_K, 16, 80 },  { SPN_Q3_K, 0, 96 },   { SPN_Q4_K, 16, 144 },
        { SPN_Q5_K, 16, 176 }, { SPN_Q6_K, 0, 192 },  { SPN_IQ4_NL, 2, 18 }, { SPN_IQ4_XS, 8, 136 },
        { SPN_MXFP4, 1, 17 },  { SPN_TQ1_0, 0, 52 },  { SPN_TQ2_0, 0, 64 },
    };
    const struct spn_dtype_info *info = spn_dtype_info(type);

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (int b = 0; places[i].type == type && b < 256 / info->block_elems; b++)
            memset(row + b * info->block_bytes + places[i].first, byte,
                   (size_t)(places[i].end - places[i].first));
}

/* Weights of the smallest or largest byte against activations of one sign: where 16-bit sums would
 * saturate. */
static void check_saturation(enum spn_isa isa)
{
    for (int t = 0; t < TYPES; t++) {
        struct run r = { .act = SPN_ACT_INT8, .rows = 3, .n = 40, .k = 256 };
        float x[3 * 256], want[3 * 40], got[3 * 40];
        uint64_t row_bytes = 0;
        bool same = true;

        if (!quantised(types[t]))
            continue;
        r.w = weight(types[t], r.n, r.k);
        spn_dtype_row_bytes(types[t], r.k, &row_bytes);
        for (int fill = 0; fill < 4; fill++) {
            static const uint8_t bytes[] = { 0x80, 0x7f, 0xff, 0x00 };
            uint8_t *data = r.w.data;

            for (int i = 0; i < r.n; i++, data += row_bytes)
                fill_quants(types[t], data, bytes[fill]);
            for (int i = 0; i < 3 * 256; i++)
                x[i] = i < 256 ? 1.0f : i < 512 ? -1.0f : i % 2 == 0 ? 1.0f : -1.0f;
            r.x = x;
            spn_product_ref(&r.w, r.act, x, r.k, r.rows, NULL, want, r.n);
            packed(&r, NULL, got);
            same = same && memcmp(got, want, sizeof got) == 0;
        }
        ok(same, "%s, %s: bytes at their limits do not saturate", spn_dtype_name(types[t]),
           spn_isa_name(isa));
        free(r.w.data);
    }
}

/* A NaN or an infinity spoils its own row alone. */
static void check_not_finite(int type, enum spn_act act, enum spn_isa isa)
{
    struct run r = { .act = act, .rows = 5, .n = 35, .k = 256 };
    float *x = input_new(NORMAL, 5, 256), clean[5 * 35], got[5 * 35];
    bool others = true, bad = true;

    r.w = weight(type, r.n, r.k);
    r.x = x;
    packed(&r, NULL, clean);
    x[1 * 256 + 3] = NAN;
    x[3 * 256 + 200] = INFINITY;
    packed(&r, NULL, got);
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 35; j++) {
            if (i == 1 || (i == 3 && act == SPN_ACT_INT8 && quantised(type)))
                bad = bad && isnan(got[i * 35 + j]);
            else if (i == 3)
                bad = bad && !isfinite(got[i * 35 + j]);
        }
        if (i % 2 == 0)
            others = others && memcmp(got + i * 35, clean + i * 35, 35 * sizeof *got) == 0;
    }
    ok(bad && others, "%s, %s activations, %s: NaN and infinity show in their own rows only",
       spn_dtype_name(type), act == SPN_ACT_F32 ? "f32" : "int8", spn_isa_name(isa));
    free(r.w.data);
    free(x);
}

/* Strides of x and y, and a view of every second row of W. */
static void check_strides(enum spn_isa isa)
{
    struct spn_tensor w = weight(SPN_Q8_0, 90, 64), view = w;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_pack *p = NULL;
    float x[4 * 70], y[4 * 50], want[4 * 50];
    bool outside = true;
    void *scratch;

    view.dim[0] = 45;
    view.stride[0] = 128;
    for (int i = 0; i < 4 * 70; i++)
        x[i] = noise();
    for (int i = 0; i < 4 * 50; i++)
        y[i] = want[i] = 77.0f;
    spn_product_ref(&view, SPN_ACT_INT8, x, 70, 4, NULL, want, 50);
    ok(spn_pack_new(&p, &view, SPN_ACT_INT8, NULL, &err) == SPN_OK && spn_pack_rows(p) == 45 &&
           spn_pack_cols(p) == 64,
       "%s: a view of every second row is packed", spn_isa_name(isa));
    scratch = take(spn_product_scratch(p, 4));
    spn_product(p, x, 70, 4, NULL, y, 50, scratch, NULL);
    for (int i = 0; i < 4 * 50; i++)
        outside = outside && (i % 50 < 45 || y[i] == 77.0f);
    ok(memcmp(y, want, sizeof y) == 0 && outside,
       "%s: row strides of x and y, nothing written past a row", spn_isa_name(isa));
    free(scratch);
    spn_pack_free(p);
    free(w.data);
}

static void check_refusals(void)
{
    struct spn_tensor w = weight(SPN_Q4_0, 33, 64);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_pack *p = NULL;
    uint64_t n = 0;
    spn_status st;

    ok(spn_pack_new(&p, &w, SPN_ACT_INT8, NULL, &err) == SPN_OK &&
           spn_pack_bytes(p) == 2 * 2 * (64 + 512),
       "a pack of q4_0 takes 18 bytes a block, rows padded to 32");
    spn_pack_free(p);
    p = NULL;
    w.dim[1] = 40;
    st = spn_pack_new(&p, &w, SPN_ACT_INT8, NULL, &err);
    ok(st == SPN_EFORMAT && p == NULL && strstr(err.text, "40") != NULL,
       "rows of 40 in blocks of 32: %s", err.text);
    w.dim[1] = 64;
    w.dtype = 77;
    st = spn_pack_new(&p, &w, SPN_ACT_INT8, NULL, &err);
    ok(st == SPN_EFORMAT && p == NULL, "an unknown type: %s", err.text);
    w.dtype = SPN_Q4_0;
    w.ndim = 1;
    st = spn_pack_new(&p, &w, SPN_ACT_INT8, NULL, &err);
    ok(st != SPN_OK && p == NULL, "a vector: %s", err.text);
    w.ndim = 2;
    w.dim[0] = INT64_MAX / 64;
    w.dim[1] = INT64_MAX / 64 * 32;
    st = spn_pack_new(&p, &w, SPN_ACT_INT8, NULL, &err);
    ok(st != SPN_OK && p == NULL, "absurd sizes: %s", err.text);
    w.dim[0] = 33;
    w.dim[1] = 64;
    do {
        spn_fail_at(++n);
        st = spn_pack_new(&p, &w, SPN_ACT_INT8, NULL, &err);
        spn_fail_at(0);
        if (st != SPN_OK && (st != SPN_ENOMEM || p != NULL))
            break;
    } while (st != SPN_OK && n < 100);
    ok(st == SPN_OK && n > 2, "each allocation that fails (%d) is SPN_ENOMEM", (int)n - 1);
    spn_pack_free(p);
    spn_pack_free(NULL);
    free(w.data);
}

int main(void)
{
    enum spn_isa best = spn_isa_get();
    struct spn_pool *pool = spn_pool_new(3);

    for (int t = 0; t < TYPES; t++)
        for (int act = 0; act < 2; act++)
            check_type(types[t], (enum spn_act)act, best);
    for (int isa = SPN_ISA_REF; isa <= (int)best; isa++) {
        spn_isa_force((enum spn_isa)isa);
        for (int t = 0; t < TYPES; t++) {
            for (int act = 0; act < 2; act++) {
                check_rows(types[t], (enum spn_act)act, (enum spn_isa)isa, pool);
                check_row_parts(types[t], (enum spn_act)act, (enum spn_isa)isa, pool);
                check_not_finite(types[t], (enum spn_act)act, (enum spn_isa)isa);
            }
        }
        check_saturation((enum spn_isa)isa);
        check_strides((enum spn_isa)isa);
    }
    check_refusals();
    spn_pool_free(pool);
    return done();
}
