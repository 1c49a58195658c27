/* quant_32.c - blocks of 32 with one half scale: Q8_0 (d, i8[32]) and Q4_0 (d, nibbles[16]).
 *
 * Rounding as files of these types are written elsewhere: with the scale before it is rounded to a
 * half, through its inverse.
 */
#include "config.h"

#include <math.h>

#include "tensor/half.h"
#include "format/quant.h"
#include "tensor/dtype.h"

enum { BLOCK = 32, Q8_0_BYTES = 34, Q4_0_BYTES = 18 };

/* 1/d, or 0 where that is not a number to multiply with: the half scale is 0 then too. */
static float inverse(float d)
{
    float r = d != 0 ? 1 / d : 0;

    return isfinite(r) ? r : 0;
}

static int clamp(int q, int lo, int hi)
{
    return q < lo ? lo : q > hi ? hi : q;
}

static void decode_q8_0(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += Q8_0_BYTES, dst += BLOCK) {
        float d = spn_f32_of_f16(spn_load_u16(src));

        for (int j = 0; j < BLOCK; j++)
            dst[j] = (float)(int8_t)src[2 + j] * d;
    }
}

static void encode_q8_0(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += Q8_0_BYTES) {
        float top = 0;

        for (int j = 0; j < BLOCK; j++)
            top = fmaxf(top, fabsf(src[j]));
        float d = top / 127, id = inverse(d);
        spn_store_u16(dst, spn_f16_of_f32(d));
        for (int j = 0; j < BLOCK; j++)
            dst[2 + j] = (unsigned char)clamp((int)roundf(src[j] * id), -127, 127);
    }
}

static void decode_q4_0(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += Q4_0_BYTES, dst += BLOCK) {
        float d = spn_f32_of_f16(spn_load_u16(src));

        for (int j = 0; j < BLOCK / 2; j++) {
            dst[j] = d * (float)((src[2 + j] & 15) - 8);
            dst[j + BLOCK / 2] = d * (float)((src[2 + j] >> 4) - 8);
        }
    }
}

/* The value of largest magnitude, whatever its sign, becomes -8, the one level that only one side
 * has. */
static void encode_q4_0(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += Q4_0_BYTES) {
        float extreme = src[0];

        for (int j = 1; j < BLOCK; j++)
            if (fabsf(src[j]) > fabsf(extreme))
                extreme = src[j];
        float d = extreme / -8, id = inverse(d);
        spn_store_u16(dst, spn_f16_of_f32(d));
        for (int j = 0; j < BLOCK / 2; j++) {
            float a = src[j] * id, b = src[j + BLOCK / 2] * id;
            int lo = clamp((int)(a + 8.5f), 0, 15), hi = clamp((int)(b + 8.5f), 0, 15);

            dst[2 + j] = (unsigned char)(lo | hi << 4);
        }
    }
}

const struct k_quant k_quant_q8_0 = { SPN_Q8_0, decode_q8_0, encode_q8_0, 127 * 65504.0f };
const struct k_quant k_quant_q4_0 = { SPN_Q4_0, decode_q4_0, encode_q4_0, 8 * 65504.0f };
