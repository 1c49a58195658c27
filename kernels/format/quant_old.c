/* quant_old.c - more blocks of 32: Q4_1 and Q5_1 (scale and minimum), Q5_0 (fifth bits apart).
 *
 * Element j < 16 is the low nibble of byte j, element j + 16 its high nibble.
 */
#include "config.h"

#include <math.h>

#include "format/quant.h"
#include "format/quant_fit.h"
#include "format/source.h"
#include "tensor/dtype.h"

enum { BLOCK = 32, HALF = 16 };

static float inverse(float d)
{
    float r = d != 0 ? 1 / d : 0;

    return isfinite(r) ? r : 0;
}

static int clamp(int q, int lo, int hi)
{
    return q < lo ? lo : q > hi ? hi : q;
}

static void range(const float *x, float *lo, float *hi)
{
    *lo = *hi = x[0];
    for (int j = 1; j < BLOCK; j++) {
        *lo = fminf(*lo, x[j]);
        *hi = fmaxf(*hi, x[j]);
    }
    *lo += 0.0f; /* of zeros the ones without a sign */
    *hi += 0.0f;
}

static void decode_q4_1(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += 20, dst += BLOCK) {
        float d = k_half_at(src), m = k_half_at(src + 2);

        for (int j = 0; j < HALF; j++) {
            dst[j] = d * (float)(src[4 + j] & 15) + m;
            dst[j + HALF] = d * (float)(src[4 + j] >> 4) + m;
        }
    }
}

static void encode_q4_1(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += 20) {
        float lo, hi;

        range(src, &lo, &hi);
        float d = (hi - lo) / 15, id = inverse(d);
        spn_store_u16(dst, spn_f16_of_f32(d));
        spn_store_u16(dst + 2, spn_f16_of_f32(lo));
        for (int j = 0; j < HALF; j++) {
            int a = clamp((int)((src[j] - lo) * id + 0.5f), 0, 15);
            int b = clamp((int)((src[j + HALF] - lo) * id + 0.5f), 0, 15);

            dst[4 + j] = (unsigned char)(a | b << 4);
        }
    }
}

/* 5-bit levels: nibbles at NIBBLES, bit j of HIGH is bit 4 of element j. */
static void put_fives(const int q[BLOCK], unsigned char *high, unsigned char *nibbles)
{
    uint32_t bits = 0;

    for (int j = 0; j < BLOCK; j++)
        bits |= (uint32_t)(q[j] >> 4) << j;
    for (int i = 0; i < 4; i++)
        high[i] = (unsigned char)(bits >> 8 * i);
    for (int j = 0; j < HALF; j++)
        nibbles[j] = (unsigned char)((q[j] & 15) | (q[j + HALF] & 15) << 4);
}

static int five_at(const unsigned char *high, const unsigned char *nibbles, int j)
{
    int low = j < HALF ? nibbles[j] & 15 : nibbles[j - HALF] >> 4;

    return low | (int)(k_load_u32(high) >> j & 1) << 4;
}

static void decode_q5_0(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += 22, dst += BLOCK) {
        float d = k_half_at(src);

        for (int j = 0; j < BLOCK; j++)
            dst[j] = d * (float)(five_at(src + 2, src + 6, j) - 16);
    }
}

static void encode_q5_0(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += 22) {
        float d = k_extreme(src, BLOCK) / -16, id = inverse(d);
        int q[BLOCK];

        spn_store_u16(dst, spn_f16_of_f32(d));
        for (int j = 0; j < BLOCK; j++)
            q[j] = clamp((int)(src[j] * id + 16.5f), 0, 31);
        put_fives(q, dst + 2, dst + 6);
    }
}

static void decode_q5_1(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += 24, dst += BLOCK) {
        float d = k_half_at(src), m = k_half_at(src + 2);

        for (int j = 0; j < BLOCK; j++)
            dst[j] = d * (float)five_at(src + 4, src + 8, j) + m;
    }
}

static void encode_q5_1(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += 24) {
        float lo, hi;
        int q[BLOCK];

        range(src, &lo, &hi);
        float d = (hi - lo) / 31, id = inverse(d);
        spn_store_u16(dst, spn_f16_of_f32(d));
        spn_store_u16(dst + 2, spn_f16_of_f32(lo));
        for (int j = 0; j < BLOCK; j++)
            q[j] = clamp((int)((src[j] - lo) * id + 0.5f), 0, 31);
        put_fives(q, dst + 4, dst + 8);
    }
}

const struct k_quant k_quant_q4_1 = { SPN_Q4_1, decode_q4_1, encode_q4_1, 32752.0f };
const struct k_quant k_quant_q5_0 = { SPN_Q5_0, decode_q5_0, encode_q5_0, 16 * 65504.0f };
const struct k_quant k_quant_q5_1 = { SPN_Q5_1, decode_q5_1, encode_q5_1, 32752.0f };
