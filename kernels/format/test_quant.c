/* test_quant.c - halves, blocks against those of gguf-py bit for bit, and how much encoding loses.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/half.h"
#include "format/source.h"
#include "tap.h"
#include "tensor/product.h"

/* What a half is worth, by its definition. */
static double half_value(unsigned h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? INFINITY : e == 0 ? ldexp(m, -24) : ldexp(1024 + m, e - 25);

    return h >> 15 ? -v : v;
}

static void test_half(void)
{
    int wrong = 0, back = 0, middle = 0, bf16 = 0;

    for (unsigned h = 0; h < 65536; h++) {
        bool nan = (h & 0x7fff) > 0x7c00;
        float f = spn_f32_of_f16((uint16_t)h);

        wrong +=
            nan ? !isnan(f) : !((double)f == half_value(h) && (signbit(f) != 0) == (h >> 15 != 0));
        back += nan ? !isnan(spn_f32_of_f16(spn_f16_of_f32(f))) : spn_f16_of_f32(f) != h;
        if ((h & 0x7fff) < 0x7bff) {
            /* Exactly between two halves: the even one; next to the middle: the nearer one. */
            float mid = (float)((half_value(h) + half_value(h + 1)) / 2);
            unsigned even = h & 1 ? h + 1 : h;

            middle += spn_f16_of_f32(mid) != even || spn_f16_of_f32(nextafterf(mid, 0)) != h ||
                      spn_f16_of_f32(nextafterf(mid, mid * 2)) != h + 1;
        }
    }
    ok_int(wrong, 0, "halves that are not their value");
    ok_int(back, 0, "halves that do not come back");
    ok_int(middle, 0, "middles rounded wrongly");
    ok(spn_f16_of_f32(65519.996f) == 0x7bff && spn_f16_of_f32(65520) == 0x7c00 &&
       spn_f16_of_f32(-1e30f) == 0xfc00 && isnan(spn_f32_of_f16(spn_f16_of_f32(NAN))),
       "the largest half, infinity, NaN");
    ok(spn_f16_of_f32(0x1p-25f) == 0 && spn_f16_of_f32(nextafterf(0x1p-25f, 1)) == 1 &&
       spn_f16_of_f32(1e-42f) == 0, "below the smallest half");
    for (unsigned h = 0; h < 65536; h++) {
        float f = spn_f32_of_bf16((uint16_t)h);

        bf16 += isnan(f) ? !isnan(spn_f32_of_bf16(spn_bf16_of_f32(f))) : spn_bf16_of_f32(f) != h;
    }
    ok_int(bf16, 0, "bfloat16 that do not come back");
    ok(spn_bf16_of_f32(0x1.01p0f) == 0x3f80 && spn_bf16_of_f32(0x1.03p0f) == 0x3f82 &&
       spn_bf16_of_f32(0x1.010002p0f) == 0x3f81 && spn_bf16_of_f32(3.4e38f) == 0x7f80,
       "bfloat16 rounds to even");
}

/* One record of the golden file; advances *P. */
static void check_record(const unsigned char **p)
{
    int type = (int)k_load_u32(*p), encoder = (int)k_load_u32(*p + 12);
    uint32_t n = k_load_u32(*p + 4), bytes = k_load_u32(*p + 8), wrong = 0;
    const unsigned char *blocks = *p + 16, *floats = blocks + bytes;
    unsigned char *made = spn_calloc(bytes, 1);
    float *values = spn_calloc(n, sizeof *values);
    struct spn_err err = SPN_ERR_INIT;
    spn_status st = made == NULL || values == NULL ? SPN_ENOMEM : SPN_OK;

    if (st == SPN_OK && encoder) {
        for (uint32_t i = 0; i < n; i++)
            values[i] = spn_f32_of_bits(k_load_u32(floats + 4 * i));
        st = spn_quant(type, values, made, n, &err);
        for (uint32_t i = 0; i < bytes; i++)
            wrong += made[i] != blocks[i];
    } else if (st == SPN_OK) {
        st = spn_dequant(type, blocks, values, n, &err);
        for (uint32_t i = 0; i < n; i++)
            wrong += spn_bits_of_f32(values[i]) != k_load_u32(floats + 4 * i);
    }
    ok(st == SPN_OK && wrong == 0, "%s %s: %u of %u differ %s", spn_dtype_name(type),
       encoder ? "encoded" : "decoded", wrong, encoder ? bytes : n, err.text);
    spn_free(made);
    spn_free(values);
    *p = floats + 4 * (size_t)n;
}

static void test_golden(void)
{
    struct spn_err err = SPN_ERR_INIT;
    const char *src = getenv("SPINNEY_SRCDIR");
    char path[1024], *data = NULL;
    const unsigned char *p;
    size_t length = 0;
    int records = 0;

    snprintf(path, sizeof path, "%s/tests/peer/quant_golden.bin", src != NULL ? src : ".");
    if (!ok(spn_file_read(&data, &length, path, 1 << 20, &err) == SPN_OK, "%s %s", path, err.text))
        return;
    for (p = (const unsigned char *)data; p < (const unsigned char *)data + length; records++)
        check_record(&p);
    ok_int(records, 27, "golden records");
    spn_free(data);
}

/* ||decode(encode(x)) - x|| / ||x|| of N values. */
static double loss(int type, const float *x, int64_t n)
{
    uint64_t bytes = 0;
    double error = 0, square = 0;
    unsigned char *blocks;
    float *y = spn_calloc((size_t)n, sizeof *y);

    spn_dtype_row_bytes(type, n, &bytes);
    blocks = spn_calloc((size_t)bytes, 1);
    if (y == NULL || blocks == NULL || spn_quant(type, x, blocks, n, NULL) != SPN_OK ||
        spn_dequant(type, blocks, y, n, NULL) != SPN_OK)
        error = NAN;
    else
        for (int64_t i = 0; i < n; i++) {
            error += pow((double)y[i] - x[i], 2);
            square += pow(x[i], 2);
        }
    spn_free(blocks);
    spn_free(y);
    return sqrt(error / square);
}

/* Errors of the reference encoders on Gaussian weights; ours may be 3 % away, or better. */
static void test_losses(void)
{
    static const struct { int type; double error; } table[] = {
        { SPN_Q8_0, 0.0054 }, { SPN_Q6_K, 0.0177 }, { SPN_Q4_K, 0.0713 }, { SPN_Q4_0, 0.0859 },
        { SPN_Q4_1, 0.0781 }, { SPN_Q5_0, 0.0427 }, { SPN_Q5_1, 0.0378 },
        { SPN_Q5_K, 0.0360 }, { SPN_Q3_K, 0.151 },  { SPN_Q2_K, 0.297 },  { SPN_IQ4_NL, 0.0761 },
        { SPN_IQ4_XS, 0.0767 },
    };
    enum { N = 1 << 17 };
    float *x = spn_calloc(N, sizeof *x);
    struct spn_rng rng;

    if (x == NULL)
        return;
    spn_rng_init(&rng, spn_key_seed(3));
    for (int i = 0; i < N; i++)
        x[i] = (float)(0.02 * spn_rng_normal(&rng));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double e = loss(table[i].type, x, N);

        ok(e <= 1.03 * table[i].error, "%s loses %.4f of a Gaussian, the reference %.4f",
           spn_dtype_name(table[i].type), e, table[i].error);
    }
    ok(loss(SPN_F32, x, N) == 0, "f32 loses nothing");
    ok(loss(SPN_F16, x, N) <= 0x1p-11, "f16 loses less than 2^-11");
    ok(loss(SPN_BF16, x, N) <= 0x1p-8, "bf16 loses less than 2^-8");
    spn_free(x);
}

static bool same(const float *x, const float *y, int n)
{
    for (int i = 0; i < n; i++)
        if (!(x[i] == y[i]))
            return false;
    return true;
}

/* Rows that are no Gaussian: constant, one-sided, tiny, huge, with one outlier. */
static void test_odd_rows(void)
{
    static const int types[] = { SPN_Q8_0, SPN_Q4_0, SPN_Q4_K,   SPN_Q6_K,   SPN_Q5_K,
                                 SPN_Q3_K, SPN_Q2_K, SPN_IQ4_NL, SPN_IQ4_XS, SPN_MXFP4 };
    static const double worst[] = { 0.01, 0.13, 0.09, 0.04, 0.04, 0.2, 0.3, 0.13, 0.13, 0.26 };
    float x[256];
    unsigned char blocks[512];
    float y[256];

    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        for (int i = 0; i < 256; i++)
            x[i] = 3;
        ok(loss(types[t], x, 256) <= worst[t], "%s: a constant loses %.4f",
           spn_dtype_name(types[t]), loss(types[t], x, 256));
        for (int i = 0; i < 256; i++)
            x[i] = -1 - (float)(i % 7);
        ok(loss(types[t], x, 256) <= worst[t], "%s: negative values lose %.4f",
           spn_dtype_name(types[t]), loss(types[t], x, 256));
        for (int i = 0; i < 256; i++)
            x[i] = (float)(i % 13 - 6) * 1e4f;
        ok(loss(types[t], x, 256) <= worst[t], "%s: large values lose %.4f",
           spn_dtype_name(types[t]), loss(types[t], x, 256));
        memset(x, 0, sizeof x);
        ok(spn_quant(types[t], x, blocks, 256, NULL) == SPN_OK &&
           spn_dequant(types[t], blocks, y, 256, NULL) == SPN_OK && same(x, y, 256),
           "%s: zeros stay zeros", spn_dtype_name(types[t]));
        for (int i = 0; i < 256; i++)
            x[i] = i % 3 ? 1e-44f : -1e-40f;
        ok(spn_quant(types[t], x, blocks, 256, NULL) == SPN_OK &&
           spn_dequant(types[t], blocks, y, 256, NULL) == SPN_OK && fabsf(y[9]) <= 1e-7f,
           "%s: subnormal values", spn_dtype_name(types[t]));
    }
}

static void test_refusals(void)
{
    struct spn_err err = SPN_ERR_INIT;
    float x[256] = { 0 };
    unsigned char b[1024] = { 0 };

    ok(spn_dequant(SPN_Q8_0, b, x, 33, &err) == SPN_EFORMAT, "half a block: %s", err.text);
    ok(spn_quant(SPN_Q4_K, x, b, 128, &err) == SPN_EFORMAT, "half a block: %s", err.text);
    ok(spn_dequant(SPN_Q8_0, b, x, -32, &err) == SPN_EFORMAT, "a negative row: %s", err.text);
    ok(spn_dequant(SPN_IQ1_S, b, x, 256, &err) == SPN_EFORMAT, "no decoder: %s", err.text);
    ok(spn_dequant(4, b, x, 256, &err) == SPN_EFORMAT, "no such type: %s", err.text);
    x[77] = NAN;
    ok(spn_quant(SPN_Q8_0, x, b, 256, &err) == SPN_EFORMAT, "NaN: %s", err.text);
    ok(spn_quant(SPN_BF16, x, b, 256, &err) == SPN_OK, "NaN has a place in bf16");
    x[77] = -INFINITY;
    ok(spn_quant(SPN_Q6_K, x, b, 256, &err) == SPN_EFORMAT, "infinity: %s", err.text);
    x[77] = 1e9f;
    ok(spn_quant(SPN_Q4_0, x, b, 256, &err) == SPN_EFORMAT, "too large: %s", err.text);
}

/* What the table of types promises is kept. */
static void test_table(void)
{
    int wrong = 0;

    for (int t = 0; t < SPN_DTYPE_COUNT; t++) {
        const struct spn_dtype_info *info = spn_dtype_info(t);
        unsigned char b[512] = { 0 };
        float x[256] = { 0 };

        if (info == NULL)
            continue;
        wrong += (spn_dequant(t, b, x, info->block_elems, NULL) == SPN_OK) != info->decode;
        wrong += (spn_quant(t, x, b, info->block_elems, NULL) == SPN_OK) != info->encode;
    }
    ok_int(wrong, 0, "types whose entry and codec differ");
}

int main(void)
{
    test_half();
    test_golden();
    test_losses();
    test_odd_rows();
    test_refusals();
    test_table();
    return done();
}
