/* blocks.c - 32 weights of each quantised type, from the file's own bytes (layouts: kernels/format,
 * quant_*.c). */
#include "config.h"

#include "tensor/blocks.h"

#include <math.h>
#include <stddef.h>

#include "tensor/dtype.h"
#include "tensor/half.h"

static float half_at(const uint8_t *p)
{
    return spn_f32_of_f16((uint16_t)(p[0] | p[1] << 8));
}

static void one_scale(struct k_block *out, float scale, float min)
{
    out->scale[0] = out->scale[1] = scale;
    out->min[0] = out->min[1] = min;
}

/* Element I < 16 is the low half of byte I, else the high half of byte I - 16. */
static int nibble(const uint8_t *qs, int i)
{
    return i < 16 ? qs[i] & 15 : qs[i - 16] >> 4;
}

/* Bit I of four bytes, as bit 4. */
static int fifth(const uint8_t *high, int i)
{
    return (high[i / 8] >> i % 8 & 1) << 4;
}

static void block_q8_0(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 34 * b;

    for (int i = 0; i < 32; i++)
        out->q[i] = (int8_t)src[2 + i];
    one_scale(out, half_at(src), 0);
}

static void block_q4_0(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 18 * b;

    for (int i = 0; i < 32; i++)
        out->q[i] = nibble(src + 2, i) - 8;
    one_scale(out, half_at(src), 0);
}

static void block_q4_1(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 20 * b;

    for (int i = 0; i < 32; i++)
        out->q[i] = nibble(src + 4, i);
    one_scale(out, half_at(src), -half_at(src + 2));
}

static void block_q5_0(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 22 * b;

    for (int i = 0; i < 32; i++)
        out->q[i] = (nibble(src + 6, i) | fifth(src + 2, i)) - 16;
    one_scale(out, half_at(src), 0);
}

static void block_q5_1(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 24 * b;

    for (int i = 0; i < 32; i++)
        out->q[i] = nibble(src + 8, i) | fifth(src + 4, i);
    one_scale(out, half_at(src), -half_at(src + 2));
}

/* Pair of bits I of block J of 256 values at QS. */
static int pair(const uint8_t *qs, int j, int i)
{
    return qs[32 * (j / 4) + i] >> 2 * (j % 4) & 3;
}

static void block_q2_k(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 84 * (b / 8);
    const int j = (int)(b % 8);

    for (int i = 0; i < 32; i++)
        out->q[i] = pair(src + 16, j, i);
    for (int h = 0; h < 2; h++) {
        out->scale[h] = half_at(src + 80) * (float)(src[2 * j + h] & 15);
        out->min[h] = half_at(src + 82) * (float)(src[2 * j + h] >> 4);
    }
}

static void block_q3_k(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 110 * (b / 8), *s = src + 96;
    const int j = (int)(b % 8);

    for (int i = 0; i < 32; i++)
        out->q[i] = pair(src + 32, j, i) - ((src[i] >> j & 1) != 0 ? 0 : 4);
    for (int h = 0; h < 2; h++) {
        int g = 2 * j + h, low = g < 8 ? s[g] & 15 : s[g - 8] >> 4;
        int sc = low | (s[8 + g % 4] >> 2 * (g / 4) & 3) << 4;

        out->scale[h] = half_at(src + 108) * (float)(sc - 32);
        out->min[h] = 0;
    }
}

/* Scale and minimum of block J of a Q4_K or Q5_K block of 256 at SRC. */
static void scale_k(const uint8_t *src, int j, struct k_block *out)
{
    const uint8_t *s = src + 4;
    int sc = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    int mn = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;

    one_scale(out, half_at(src) * (float)sc, half_at(src + 2) * (float)mn);
}

static void block_q4_k(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 144 * (b / 8);
    const int j = (int)(b % 8);

    for (int i = 0; i < 32; i++)
        out->q[i] = src[16 + 32 * (j / 2) + i] >> 4 * (j % 2) & 15;
    scale_k(src, j, out);
}

static void block_q5_k(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 176 * (b / 8);
    const int j = (int)(b % 8);

    for (int i = 0; i < 32; i++)
        out->q[i] = (src[48 + 32 * (j / 2) + i] >> 4 * (j % 2) & 15) | (src[16 + i] >> j & 1) << 4;
    scale_k(src, j, out);
}

static void block_q6_k(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 210 * (b / 8);
    const int j = (int)(b % 8), h = j / 4, q = j % 4;

    for (int i = 0; i < 32; i++) {
        int low = src[64 * h + 32 * (q % 2) + i] >> 4 * (q / 2) & 15;
        int high = src[128 + 32 * h + i] >> 2 * q & 3;

        out->q[i] = (low | high << 4) - 32;
    }
    for (int i = 0; i < 2; i++) {
        out->scale[i] = half_at(src + 208) * (float)(int8_t)src[192 + 2 * j + i];
        out->min[i] = 0;
    }
}

static void block_iq4_nl(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 18 * b;

    for (int i = 0; i < 32; i++)
        out->q[i] = k_levels_iq4[nibble(src + 2, i)];
    one_scale(out, half_at(src), 0);
}

static void block_iq4_xs(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 136 * (b / 8);
    const int j = (int)(b % 8);
    int sc = (src[4 + j / 2] >> 4 * (j % 2) & 15) | ((src[2] | src[3] << 8) >> 2 * j & 3) << 4;

    for (int i = 0; i < 32; i++)
        out->q[i] = k_levels_iq4[nibble(src + 8 + 16 * j, i)];
    one_scale(out, half_at(src) * (float)(sc - 32), 0);
}

static void block_mxfp4(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 17 * b;

    for (int i = 0; i < 32; i++)
        out->q[i] = k_levels_mx4[nibble(src + 1, i)];
    one_scale(out, ldexpf(1, src[0] - 128), 0);
}

/* Five digits in base 3 a byte, as a fraction of 256: 32 bytes of 5, then 16 of 5, then 4 of 4. */
static void block_tq1_0(const uint8_t *row, int64_t b, struct k_block *out)
{
    static const int power[] = { 1, 3, 9, 27, 81 };
    const uint8_t *src = row + 54 * (b / 8);

    for (int i = 0; i < 32; i++) {
        int e = (int)(b % 8) * 32 + i, width = e < 160 ? 32 : e < 240 ? 16 : 4;
        int at = e - (e < 160 ? 0 : e < 240 ? 160 : 240);
        int byte = src[(e < 160 ? 0 : e < 240 ? 32 : 48) + at % width];

        out->q[i] = (byte * power[at / width] % 256 * 3 >> 8) - 1;
    }
    one_scale(out, half_at(src + 52), 0);
}

static void block_tq2_0(const uint8_t *row, int64_t b, struct k_block *out)
{
    const uint8_t *src = row + 66 * (b / 8);

    for (int i = 0; i < 32; i++)
        out->q[i] = pair(src, (int)(b % 8), i) - 1;
    one_scale(out, half_at(src + 64), 0);
}

k_block_fn k_block_of(int dtype)
{
    static const k_block_fn table[SPN_DTYPE_COUNT] = {
        [SPN_Q8_0] = block_q8_0,   [SPN_Q4_0] = block_q4_0,     [SPN_Q4_1] = block_q4_1,
        [SPN_Q5_0] = block_q5_0,   [SPN_Q5_1] = block_q5_1,     [SPN_Q2_K] = block_q2_k,
        [SPN_Q3_K] = block_q3_k,   [SPN_Q4_K] = block_q4_k,     [SPN_Q5_K] = block_q5_k,
        [SPN_Q6_K] = block_q6_k,   [SPN_IQ4_NL] = block_iq4_nl, [SPN_IQ4_XS] = block_iq4_xs,
        [SPN_MXFP4] = block_mxfp4, [SPN_TQ1_0] = block_tq1_0,   [SPN_TQ2_0] = block_tq2_0,
    };

    return dtype >= 0 && dtype < SPN_DTYPE_COUNT ? table[dtype] : NULL;
}
