/* quant_k.c - blocks of 256 whose groups have a quantised scale and minimum: Q2_K (16 groups of
 * 16), Q4_K and Q5_K (8 groups of 32).
 *
 * Q2_K, 84 bytes: scales[16] (low nibble scale, high nibble minimum), pairs[64], d, dmin (halves).
 * Q4_K, 144 bytes: d, dmin (halves), scales[12], nibbles[128].
 * Q5_K, 176 bytes: the same with fifth bits[32] before the nibbles.
 * The value is d*sc*q - dmin*mn.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "format/quant.h"
#include "format/quant_fit.h"
#include "tensor/dtype.h"

enum { BLOCK = 256, Q2_K_BYTES = 84, Q4_K_BYTES = 144, Q5_K_BYTES = 176 };
enum { GROUP = 32, GROUPS = 8, SMALL = 16, SMALLS = 16 };

/* ---- 6-bit scales and minima: Q4_K and Q5_K ---- */

/* Of group G: groups 4..7 keep their low nibbles in bytes 8..11 and their high pairs in 0..7. */
static void scales_get(const unsigned char *s, int g, int *sc, int *mn)
{
    if (g < 4) {
        *sc = s[g] & 63;
        *mn = s[g + 4] & 63;
    } else {
        *sc = (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
        *mn = (s[g + 4] >> 4) | (s[g] >> 6) << 4;
    }
}

static void scales_put(unsigned char *s, int g, int sc, int mn)
{
    if (g < 4) {
        s[g] |= (unsigned char)sc;
        s[g + 4] |= (unsigned char)mn;
    } else {
        s[g + 4] |= (unsigned char)((sc & 15) | (mn & 15) << 4);
        s[g - 4] |= (unsigned char)((sc >> 4) << 6);
        s[g] |= (unsigned char)((mn >> 4) << 6);
    }
}

/* HIGH: the fifth bits, NULL for Q4_K. */
static void decode_block(const unsigned char *src, const unsigned char *high,
                         const unsigned char *nibbles, float *dst)
{
    float d = k_half_at(src), dmin = k_half_at(src + 2);

    for (int g = 0; g < GROUPS; g++) {
        const unsigned char *qs = nibbles + GROUP * (g / 2);
        int sc, mn, shift = 4 * (g & 1);

        scales_get(src + 4, g, &sc, &mn);
        float step = d * (float)sc, low = dmin * (float)mn;
        for (int l = 0; l < GROUP; l++) {
            int q = (qs[l] >> shift) & 15;

            if (high != NULL)
                q |= (high[l] >> g & 1) << 4;
            float v = step * (float)q;
            dst[GROUP * g + l] = v - low;
        }
    }
}

static void encode_block(const float *src, unsigned char *dst, unsigned char *high,
                         unsigned char *nibbles)
{
    const int top = high != NULL ? 31 : 15;
    struct k_line lines[GROUPS];
    float scale_max = 0, low_max = 0;

    for (int g = 0; g < GROUPS; g++) {
        lines[g] = k_fit_line(src + GROUP * g, GROUP, top);
        scale_max = fmaxf(scale_max, lines[g].scale);
        low_max = fmaxf(low_max, lines[g].low);
    }
    uint16_t d16 = spn_f16_of_f32(scale_max / 63), dmin16 = spn_f16_of_f32(low_max / 63);
    float d = spn_f32_of_f16(d16), dmin = spn_f32_of_f16(dmin16);

    spn_store_u16(dst, d16);
    spn_store_u16(dst + 2, dmin16);
    for (int g = 0; g < GROUPS; g++) {
        unsigned char *qs = nibbles + GROUP * (g / 2);
        int sc = scale_max > 0 ? k_nearest(63 / scale_max * lines[g].scale, 0, 63) : 0;
        int mn = low_max > 0 ? k_nearest(63 / low_max * lines[g].low, 0, 63) : 0;
        float step = d * (float)sc, low = dmin * (float)mn;

        scales_put(dst + 4, g, sc, mn);
        for (int l = 0; step > 0 && l < GROUP; l++) {
            int q = k_nearest((src[GROUP * g + l] + low) / step, 0, top);

            qs[l] |= (unsigned char)((q & 15) << 4 * (g & 1));
            if (high != NULL)
                high[l] |= (unsigned char)(q >> 4 << g);
        }
    }
}

static void decode_q4_k(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += Q4_K_BYTES, dst += BLOCK)
        decode_block(src, NULL, src + 16, dst);
}

static void encode_q4_k(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += Q4_K_BYTES) {
        memset(dst, 0, Q4_K_BYTES);
        encode_block(src, dst, NULL, dst + 16);
    }
}

static void decode_q5_k(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += Q5_K_BYTES, dst += BLOCK)
        decode_block(src, src + 16, src + 48, dst);
}

static void encode_q5_k(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += Q5_K_BYTES) {
        memset(dst, 0, Q5_K_BYTES);
        encode_block(src, dst, dst + 16, dst + 48);
    }
}

/* ---- 4-bit scales and minima: Q2_K ---- */

/* Two bits a value: byte 32 (e / 128) + e % 32, at shift 2 (e / 32 % 4). */
static void decode_q2_k(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += Q2_K_BYTES, dst += BLOCK) {
        float d = k_half_at(src + 80), dmin = k_half_at(src + 82);

        for (int e = 0; e < BLOCK; e++) {
            int g = e / SMALL, q = src[16 + 32 * (e / 128) + e % 32] >> 2 * (e / 32 % 4) & 3;
            float step = d * (float)(src[g] & 15), low = dmin * (float)(src[g] >> 4);

            dst[e] = step * (float)q - low;
        }
    }
}

static void encode_q2_k(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += Q2_K_BYTES) {
        struct k_line lines[SMALLS];
        float scale_max = 0, low_max = 0;

        for (int g = 0; g < SMALLS; g++) {
            lines[g] = k_fit_line(src + SMALL * g, SMALL, 3);
            scale_max = fmaxf(scale_max, lines[g].scale);
            low_max = fmaxf(low_max, lines[g].low);
        }
        uint16_t d16 = spn_f16_of_f32(scale_max / 15), dmin16 = spn_f16_of_f32(low_max / 15);
        float d = spn_f32_of_f16(d16), dmin = spn_f32_of_f16(dmin16);

        memset(dst, 0, Q2_K_BYTES);
        spn_store_u16(dst + 80, d16);
        spn_store_u16(dst + 82, dmin16);
        for (int e = 0; e < BLOCK; e++) {
            int g = e / SMALL;
            int sc = scale_max > 0 ? k_nearest(15 / scale_max * lines[g].scale, 0, 15) : 0;
            int mn = low_max > 0 ? k_nearest(15 / low_max * lines[g].low, 0, 15) : 0;
            float step = d * (float)sc, low = dmin * (float)mn;
            int q = step > 0 ? k_nearest((src[e] + low) / step, 0, 3) : 0;

            dst[g] = (unsigned char)(sc | mn << 4);
            dst[16 + 32 * (e / 128) + e % 32] |= (unsigned char)(q << 2 * (e / 32 % 4));
        }
    }
}

/* The ranges keep the block's own scale, at most (max-min)/15/63, within a half. */
const struct k_quant k_quant_q2_k = { SPN_Q2_K, decode_q2_k, encode_q2_k, 15 * 65504.0f };
const struct k_quant k_quant_q4_k = { SPN_Q4_K, decode_q4_k, encode_q4_k, 63 * 65504.0f };
const struct k_quant k_quant_q5_k = { SPN_Q5_K, decode_q5_k, encode_q5_k, 63 * 65504.0f };
