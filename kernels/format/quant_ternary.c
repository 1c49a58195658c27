/* quant_ternary.c - blocks of 256 values -d, 0 or d: TQ1_0 (five a byte) and TQ2_0 (two bits). */
#include "config.h"

#include <math.h>
#include <string.h>

#include "format/quant.h"
#include "format/quant_fit.h"
#include "tensor/dtype.h"

enum { BLOCK = 256, TQ1_0_BYTES = 54, TQ2_0_BYTES = 66 };

static const int power[] = { 1, 3, 9, 27, 81 };

/* Where TQ1_0 keeps element E: byte and digit (0: highest) in base 3. 32 bytes of 5 digits come
   first, then 16 of 5, then 4 of 4. */
static int place_of(int e, int *digit)
{
    int width = e < 160 ? 32 : e < 240 ? 16 : 4, base = e < 160 ? 0 : e < 240 ? 32 : 48;

    e -= e < 160 ? 0 : e < 240 ? 160 : 240;
    *digit = e / width;
    return base + e % width;
}

/* Digits are stored as a fraction of 256. */
static void decode_tq1_0(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += TQ1_0_BYTES, dst += BLOCK) {
        float d = k_half_at(src + 52);

        for (int e = 0; e < BLOCK; e++) {
            int digit, byte = src[place_of(e, &digit)];

            dst[e] = d * (float)((byte * power[digit] % 256 * 3 >> 8) - 1);
        }
    }
}

/* 0, 1 or 2 for -d, 0, d with d the largest magnitude, written as a half to D16. */
static void round_block(const float *src, int q[BLOCK], unsigned char *d16)
{
    float d = fabsf(k_extreme(src, BLOCK)), inv = d > 0 ? 1 / d : 0;

    spn_store_u16(d16, spn_f16_of_f32(d));
    for (int e = 0; e < BLOCK; e++)
        q[e] = isfinite(inv) ? (int)roundf(src[e] * inv) + 1 : 1;
}

static void encode_tq1_0(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += TQ1_0_BYTES) {
        int q[BLOCK], sum[52] = { 0 }, digit;

        round_block(src, q, dst + 52);
        for (int e = 0; e < BLOCK; e++) {
            int at = place_of(e, &digit);

            sum[at] += q[e] * power[4 - digit];
        }
        for (int i = 0; i < 52; i++)
            dst[i] = (unsigned char)((sum[i] * 256 + 242) / 243);
    }
}

/* qs[64], d; two bits a value as in Q2_K. */
static void decode_tq2_0(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += TQ2_0_BYTES, dst += BLOCK) {
        float d = k_half_at(src + 64);

        for (int e = 0; e < BLOCK; e++)
            dst[e] = d * (float)((src[32 * (e / 128) + e % 32] >> 2 * (e / 32 % 4) & 3) - 1);
    }
}

static void encode_tq2_0(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += TQ2_0_BYTES) {
        int q[BLOCK];

        memset(dst, 0, TQ2_0_BYTES);
        round_block(src, q, dst + 64);
        for (int e = 0; e < BLOCK; e++)
            dst[32 * (e / 128) + e % 32] |= (unsigned char)(q[e] << 2 * (e / 32 % 4));
    }
}

const struct k_quant k_quant_tq1_0 = { SPN_TQ1_0, decode_tq1_0, encode_tq1_0, 65504.0f };
const struct k_quant k_quant_tq2_0 = { SPN_TQ2_0, decode_tq2_0, encode_tq2_0, 65504.0f };
