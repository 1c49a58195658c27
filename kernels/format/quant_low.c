/* quant_low.c - decoders of further blocks of 256: Q2_K, Q3_K, Q5_K, IQ4_XS and the ternary TQ1_0,
 * TQ2_0.  Layouts: see each.
 */
#include "config.h"

#include "format/quant.h"
#include "tensor/dtype.h"
#include "tensor/half.h"

enum { BLOCK = 256 };

static float half_at(const unsigned char *p)
{
    return spn_f32_of_f16(spn_load_u16(p));
}

/* Two bits a value: byte 32 (e / 128) + e % 32, at shift 2 (e / 32 % 4). */
static int pair_at(const unsigned char *qs, int e)
{
    return qs[32 * (e / 128) + e % 32] >> 2 * (e / 32 % 4) & 3;
}

/* scales[16] (low nibble scale, high minimum), qs[64], d, dmin; 84 bytes. */
static void decode_q2_k(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += 84, dst += BLOCK) {
        float d = half_at(src + 80), dmin = half_at(src + 82);

        for (int e = 0; e < BLOCK; e++) {
            float step = d * (float)(src[e / 16] & 15), low = dmin * (float)(src[e / 16] >> 4);

            dst[e] = step * (float)pair_at(src + 16, e) - low;
        }
    }
}

/* hmask[32] (bit e / 32 of byte e % 32 clear: 4 less), qs[64], scales[12] of 6 bits, d; 110. */
static void decode_q3_k(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += 110, dst += BLOCK) {
        const unsigned char *s = src + 96;
        float d = half_at(src + 108);

        for (int e = 0; e < BLOCK; e++) {
            int k = e / 16, low = k < 8 ? s[k] & 15 : s[k - 8] >> 4;
            int scale = low | (s[8 + k % 4] >> 2 * (k / 4) & 3) << 4;
            int q = pair_at(src + 32, e) - ((src[e % 32] >> e / 32 & 1) != 0 ? 0 : 4);

            dst[e] = d * (float)(scale - 32) * (float)q;
        }
    }
}

/* d, dmin, scales[12] as Q4_K, qh[32] (bit g of byte l), qs[128]; 176. */
static void decode_q5_k(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += 176, dst += BLOCK) {
        const unsigned char *s = src + 4;
        float d = half_at(src), dmin = half_at(src + 2);

        for (int g = 0; g < 8; g++) {
            int sc = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
            int mn = g < 4 ? s[g + 4] & 63 : (s[g + 4] >> 4) | (s[g] >> 6) << 4;
            float step = d * (float)sc, low = dmin * (float)mn;

            for (int l = 0; l < 32; l++) {
                int q = (src[48 + 32 * (g / 2) + l] >> 4 * (g & 1) & 15) |
                        (src[16 + l] >> g & 1) << 4;

                dst[32 * g + l] = step * (float)q - low;
            }
        }
    }
}

/* d, u16 scales_h, scales_l[4], qs[128]: 8 groups of 32, levels as IQ4_NL; 136. */
static void decode_iq4_xs(const unsigned char *src, float *dst, int64_t n)
{
    static const int8_t levels[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                       1,    13,   25,  38,  53,  69,  89,  113 };

    for (; n > 0; n -= BLOCK, src += 136, dst += BLOCK) {
        float d = half_at(src);
        int high = spn_load_u16(src + 2);

        for (int g = 0; g < 8; g++) {
            int scale = (src[4 + g / 2] >> 4 * (g % 2) & 15) | (high >> 2 * g & 3) << 4;
            float step = d * (float)(scale - 32);

            for (int j = 0; j < 32; j++) {
                int q = src[8 + 16 * g + j % 16] >> 4 * (j / 16) & 15;

                dst[32 * g + j] = step * (float)levels[q];
            }
        }
    }
}

/* Digit K (0: highest) in base 3 of a byte: digits are stored as a fraction of 256. */
static int digit(unsigned char byte, int k)
{
    static const int power[] = { 1, 3, 9, 27, 81 };

    return (byte * power[k] % 256 * 3) >> 8;
}

/* qs[48], qh[4], d: 32 bytes of 5 digits, then 16 of 5, then 4 of 4; 54. */
static void decode_tq1_0(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += 54, dst += BLOCK) {
        float d = half_at(src + 52);

        for (int e = 0; e < 160; e++)
            dst[e] = d * (float)(digit(src[e % 32], e / 32) - 1);
        for (int e = 0; e < 80; e++)
            dst[160 + e] = d * (float)(digit(src[32 + e % 16], e / 16) - 1);
        for (int e = 0; e < 16; e++)
            dst[240 + e] = d * (float)(digit(src[48 + e % 4], e / 4) - 1);
    }
}

/* qs[64], d; 66. */
static void decode_tq2_0(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += 66, dst += BLOCK) {
        float d = half_at(src + 64);

        for (int e = 0; e < BLOCK; e++)
            dst[e] = d * (float)(pair_at(src, e) - 1);
    }
}

const struct k_quant k_quant_q2_k = { SPN_Q2_K, decode_q2_k, NULL, 0 };
const struct k_quant k_quant_q3_k = { SPN_Q3_K, decode_q3_k, NULL, 0 };
const struct k_quant k_quant_q5_k = { SPN_Q5_K, decode_q5_k, NULL, 0 };
const struct k_quant k_quant_iq4_xs = { SPN_IQ4_XS, decode_iq4_xs, NULL, 0 };
const struct k_quant k_quant_tq1_0 = { SPN_TQ1_0, decode_tq1_0, NULL, 0 };
const struct k_quant k_quant_tq2_0 = { SPN_TQ2_0, decode_tq2_0, NULL, 0 };
