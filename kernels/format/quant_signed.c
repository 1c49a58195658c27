/* quant_signed.c - blocks of 256 in 16 groups of 16 signed values with a quantised scale each: Q3_K
 * and Q6_K.
 *
 * Q3_K, 110 bytes: hmask[32] (bit e / 32 of byte e % 32 clear: 4 less), pairs[64], scales[12] of 6
 * bits, d (half); value d*(sc-32)*(q-4).
 * Q6_K, 210 bytes: low nibbles[128], high pairs[64], i8 scales[16], d (half); value d*sc*(q-32).
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "format/quant.h"
#include "format/quant_fit.h"
#include "tensor/dtype.h"

enum { BLOCK = 256, GROUP = 16, GROUPS = 16, Q3_K_BYTES = 110, Q6_K_BYTES = 210 };

/* Scales of the groups, for q in -HALF..HALF - 1; returns the one of largest magnitude. */
static float fit_block(const float *src, int half, float scales[GROUPS])
{
    for (int g = 0; g < GROUPS; g++)
        scales[g] = k_fit_scale(src + GROUP * g, GROUP, half);
    return k_extreme(scales, GROUPS);
}

/* ---- Q3_K ---- */

static int q3_scale(const unsigned char *s, int g)
{
    int low = g < 8 ? s[g] & 15 : s[g - 8] >> 4;

    return low | (s[8 + g % 4] >> 2 * (g / 4) & 3) << 4;
}

static void decode_q3_k(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += Q3_K_BYTES, dst += BLOCK) {
        float d = k_half_at(src + 108);

        for (int e = 0; e < BLOCK; e++) {
            int q = src[32 + 32 * (e / 128) + e % 32] >> 2 * (e / 32 % 4) & 3;

            if ((src[e % 32] >> e / 32 & 1) == 0)
                q -= 4;
            dst[e] = d * (float)(q3_scale(src + 96, e / GROUP) - 32) * (float)q;
        }
    }
}

static void encode_q3_k(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += Q3_K_BYTES) {
        unsigned char *s = dst + 96;
        float scales[GROUPS], extreme = fit_block(src, 4, scales);
        uint16_t d16 = spn_f16_of_f32(extreme / -32);
        float d = spn_f32_of_f16(d16);

        memset(dst, 0, Q3_K_BYTES);
        spn_store_u16(dst + 108, d16);
        for (int g = 0; g < GROUPS; g++) {
            int sc = extreme != 0 ? k_nearest(-32 / extreme * scales[g], -32, 31) : 0;
            float step = d * (float)sc;

            sc += 32;
            s[g % 8] |= (unsigned char)((sc & 15) << 4 * (g / 8));
            s[8 + g % 4] |= (unsigned char)(sc >> 4 << 2 * (g / 4));
            for (int e = GROUP * g; e < GROUP * (g + 1); e++) {
                int q = step != 0 ? k_nearest(src[e] / step, -4, 3) + 4 : 4;

                dst[32 + 32 * (e / 128) + e % 32] |= (unsigned char)((q & 3) << 2 * (e / 32 % 4));
                dst[e % 32] |= (unsigned char)(q >> 2 << e / 32);
            }
        }
    }
}

/* ---- Q6_K ---- */

static void decode_q6_k(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += Q6_K_BYTES, dst += BLOCK) {
        float d = k_half_at(src + 208);

        for (int g = 0; g < GROUPS; g++) {
            int half = g / 8, quarter = g % 8 / 2, first = 16 * (g & 1);
            const unsigned char *ql = src + 64 * half + 32 * (quarter & 1) + first,
                                *qh = src + 128 + 32 * half + first;
            float step = d * (float)(int8_t)src[192 + g];

            for (int l = 0; l < GROUP; l++) {
                int q = ((ql[l] >> 4 * (quarter >> 1)) & 15) | ((qh[l] >> 2 * quarter) & 3) << 4;

                dst[GROUP * g + l] = step * (float)(q - 32);
            }
        }
    }
}

static void encode_q6_k(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += Q6_K_BYTES) {
        float scales[GROUPS], extreme = fit_block(src, 32, scales);
        uint16_t d16 = spn_f16_of_f32(extreme / -128);
        float d = spn_f32_of_f16(d16);

        memset(dst, 0, Q6_K_BYTES);
        spn_store_u16(dst + 208, d16);
        for (int g = 0; g < GROUPS; g++) {
            int half = g / 8, quarter = g % 8 / 2, first = 16 * (g & 1);
            unsigned char *ql = dst + 64 * half + 32 * (quarter & 1) + first,
                          *qh = dst + 128 + 32 * half + first;
            int sc = extreme != 0 ? k_nearest(-128 / extreme * scales[g], -128, 127) : 0;
            float step = d * (float)sc;

            dst[192 + g] = (unsigned char)sc;
            for (int l = 0; l < GROUP; l++) {
                int q = step != 0 ? k_nearest(src[GROUP * g + l] / step, -32, 31) + 32 : 32;

                ql[l] |= (unsigned char)((q & 15) << 4 * (quarter >> 1));
                qh[l] |= (unsigned char)((q >> 4) << 2 * quarter);
            }
        }
    }
}

/* The ranges keep the block's own scale, at most max/3/32 or max/31/128, within a half. */
const struct k_quant k_quant_q3_k = { SPN_Q3_K, decode_q3_k, encode_q3_k, 3 * 32 * 65504.0f };
const struct k_quant k_quant_q6_k = { SPN_Q6_K, decode_q6_k, encode_q6_k, 30 * 128 * 65504.0f };
