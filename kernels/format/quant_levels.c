/* quant_levels.c - 4 bits that choose from a table of levels: IQ4_NL and MXFP4 (blocks of 32),
 * IQ4_XS (8 groups of 32).  Element j < 16 is the low nibble of byte j, j + 16 the
 * high one.
 *
 * IQ4_NL, 18 bytes: d (half), nibbles[16]; value d*T[q].
 * IQ4_XS, 136 bytes: d (half), scales_h (u16, pairs), scales_l[4] (nibbles), nibbles[128]; value
 * d*(ls-32)*T[q].
 * MXFP4, 17 bytes: e, nibbles[16]; value 2^(e-128)*F[q], twice a 4-bit float (OCP Microscaling).
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "format/quant.h"
#include "format/quant_fit.h"
#include "tensor/blocks.h"
#include "tensor/dtype.h"

enum { BLOCK = 256, GROUP = 32, HALF = 16 };
enum { IQ4_NL_BYTES = 18, IQ4_XS_BYTES = 136, MXFP4_BYTES = 17 };

static void decode_nibbles(const unsigned char *qs, float d, const int8_t table[16], float *dst)
{
    for (int j = 0; j < HALF; j++) {
        dst[j] = d * (float)table[qs[j] & 15];
        dst[j + HALF] = d * (float)table[qs[j] >> 4];
    }
}

static void encode_nibbles(const float *x, float d, unsigned char *qs)
{
    float inv = d != 0 ? 1 / d : 0;

    for (int j = 0; j < HALF; j++) {
        int lo = k_nearest_level(inv * x[j], k_levels_iq4);
        int hi = k_nearest_level(inv * x[j + HALF], k_levels_iq4);

        qs[j] = (unsigned char)(lo | hi << 4);
    }
}

static void decode_iq4_nl(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= GROUP, src += IQ4_NL_BYTES, dst += GROUP)
        decode_nibbles(src + 2, k_half_at(src), k_levels_iq4, dst);
}

static void encode_iq4_nl(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= GROUP, src += GROUP, dst += IQ4_NL_BYTES) {
        uint16_t d16 = spn_f16_of_f32(k_fit_levels(src, GROUP, k_levels_iq4));

        spn_store_u16(dst, d16);
        encode_nibbles(src, spn_f32_of_f16(d16), dst + 2);
    }
}

static void decode_iq4_xs(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += IQ4_XS_BYTES, dst += BLOCK) {
        float d = k_half_at(src);
        int high = spn_load_u16(src + 2);

        for (int g = 0; g < BLOCK / GROUP; g++) {
            int scale = (src[4 + g / 2] >> 4 * (g % 2) & 15) | (high >> 2 * g & 3) << 4;

            decode_nibbles(src + 8 + HALF * g, d * (float)(scale - 32), k_levels_iq4,
                           dst + GROUP * g);
        }
    }
}

static void encode_iq4_xs(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += IQ4_XS_BYTES) {
        float scales[BLOCK / GROUP], extreme;
        unsigned high = 0;

        for (int g = 0; g < BLOCK / GROUP; g++)
            scales[g] = k_fit_levels(src + GROUP * g, GROUP, k_levels_iq4);
        extreme = k_extreme(scales, BLOCK / GROUP);
        uint16_t d16 = spn_f16_of_f32(extreme / -32);
        float d = spn_f32_of_f16(d16);

        memset(dst, 0, IQ4_XS_BYTES);
        spn_store_u16(dst, d16);
        for (int g = 0; g < BLOCK / GROUP; g++) {
            int sc = extreme != 0 ? k_nearest(-32 / extreme * scales[g], -32, 31) : 0;

            encode_nibbles(src + GROUP * g, d * (float)sc, dst + 8 + HALF * g);
            sc += 32;
            dst[4 + g / 2] |= (unsigned char)((sc & 15) << 4 * (g % 2));
            high |= (unsigned)(sc >> 4) << 2 * g;
        }
        spn_store_u16(dst + 2, (uint16_t)high);
    }
}

static void decode_mxfp4(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= GROUP, src += MXFP4_BYTES, dst += GROUP)
        decode_nibbles(src + 1, ldexpf(1, src[0] - 128), k_levels_mx4, dst);
}

/* The nearest 4-bit float to V, the first of two. */
static int nearest_float(float v, float d)
{
    int best = 0;

    for (int q = 1; q < 16; q++)
        if (fabsf(d * (float)k_levels_mx4[q] - v) < fabsf(d * (float)k_levels_mx4[best] - v))
            best = q;
    return best;
}

/* The exponent of the largest magnitude is that of the largest 4-bit float, 6. */
static void encode_mxfp4(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= GROUP, src += GROUP, dst += MXFP4_BYTES) {
        float top = fabsf(k_extreme(src, GROUP)), d;
        int e = top > 0 ? ilogbf(top) - 2 + 127 : 0;

        dst[0] = (unsigned char)(e < 0 ? 0 : e);
        d = ldexpf(1, dst[0] - 128);
        for (int j = 0; j < HALF; j++)
            dst[1 + j] =
                (unsigned char)(nearest_float(src[j], d) | nearest_float(src[j + HALF], d) << 4);
    }
}

const struct k_quant k_quant_iq4_nl = { SPN_IQ4_NL, decode_iq4_nl, encode_iq4_nl, 100 * 65504.0f };
const struct k_quant k_quant_iq4_xs = { SPN_IQ4_XS, decode_iq4_xs, encode_iq4_xs,
                                        32 * 100 * 65504.0f };
const struct k_quant k_quant_mxfp4 = { SPN_MXFP4, decode_mxfp4, encode_mxfp4, 3.4e38f };
