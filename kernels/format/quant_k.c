/* quant_k.c - blocks of 256 with quantised group scales: Q4_K (8 groups of 32, scale and minimum)
 * and Q6_K (16 groups of 16).
 *
 * Q4_K, 144 bytes: d, dmin (halves), scales[12], nibbles[128]; value d*sc*q - dmin*mn.
 * Q6_K, 210 bytes: low nibbles[128], high pairs[64], i8 scales[16], d (half); value d*sc*(q-32).
 * The encoders choose each group's scale among a few candidates by a weighted least-squares fit.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "tensor/half.h"
#include "format/quant.h"
#include "tensor/dtype.h"

enum { BLOCK = 256, Q4_K_BYTES = 144, Q6_K_BYTES = 210 };
enum { Q4_GROUP = 32, Q4_GROUPS = 8, Q6_GROUP = 16, Q6_GROUPS = 16 };

static int nearest(float v, int lo, int hi)
{
    return v <= (float)lo ? lo : v >= (float)hi ? hi : (int)lrintf(v);
}

/* ---- Q4_K ---- */

/* 6-bit scale and minimum of group G: groups 4..7 keep their low nibbles in bytes 8..11 and their
 * high pairs in 0..7. */
static void q4_scales(const unsigned char *s, int g, int *sc, int *mn)
{
    if (g < 4) {
        *sc = s[g] & 63;
        *mn = s[g + 4] & 63;
    } else {
        *sc = (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
        *mn = (s[g + 4] >> 4) | (s[g] >> 6) << 4;
    }
}

static void q4_scales_put(unsigned char *s, int g, int sc, int mn)
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

static void decode_q4_k(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += Q4_K_BYTES, dst += BLOCK) {
        float d = spn_f32_of_f16(spn_load_u16(src)), dmin = spn_f32_of_f16(spn_load_u16(src + 2));

        for (int g = 0; g < Q4_GROUPS; g++) {
            const unsigned char *qs = src + 16 + Q4_GROUP * (g / 2);
            int sc, mn, shift = 4 * (g & 1);

            q4_scales(src + 4, g, &sc, &mn);
            float step = d * (float)sc, low = dmin * (float)mn;
            for (int l = 0; l < Q4_GROUP; l++) {
                float v = step * (float)((qs[l] >> shift) & 15);
                dst[Q4_GROUP * g + l] = v - low;
            }
        }
    }
}

struct line { float scale, low; };         /* x is about scale*q - low; both >= 0 */

/* Best line through one group for q in 0..15: the inverse step is tried around 15/(max-min); each
   trial's levels give a least-squares line (w-weighted), whose error decides. A positive offset
   cannot be stored: it is fitted again as 0. */
static struct line fit_line(const float *x)
{
    float w[Q4_GROUP], lo = 0, hi = x[0], square = 0;
    struct line best = { 0, 0 };

    for (int i = 0; i < Q4_GROUP; i++) {
        lo = fminf(lo, x[i]);
        hi = fmaxf(hi, x[i]);
        square += x[i] * x[i];
    }
    if (!(hi > lo)) {
        best.low = -lo;
        return best;
    }
    float mean = sqrtf(square / Q4_GROUP);
    for (int i = 0; i < Q4_GROUP; i++)
        w[i] = mean + fabsf(x[i]);
    double least = INFINITY;
    for (int k = -1; k <= 20; k++) {
        float inv = k < 0 ? 15 / (hi - lo) : (14 + 0.1f * (float)k) / (hi - lo);
        double sw = 0, sq = 0, sqq = 0, sx = 0, sqx = 0, error = 0;

        for (int i = 0; i < Q4_GROUP; i++) {
            double q = nearest(inv * (x[i] - lo), 0, 15);
            sw += w[i];
            sq += w[i] * q;
            sqq += w[i] * q * q;
            sx += (double)w[i] * x[i];
            sqx += w[i] * q * x[i];
        }
        if (!(sqq > 0))
            continue;
        /* One level for all values makes a line of any slope: then the one through 0, too. */
        double det = sw * sqq - sq * sq, scale = sqx / sqq, offset = 0;
        if (det > 1e-9 * sw * sqq && sqq * sx - sq * sqx < 0) {
            scale = (sw * sqx - sx * sq) / det;
            offset = (sqq * sx - sq * sqx) / det;
        }
        for (int i = 0; i < Q4_GROUP; i++) {
            double e = scale * nearest(inv * (x[i] - lo), 0, 15) + offset - x[i];
            error += w[i] * e * e;
        }
        if (scale > 0 && error < least) {
            least = error;
            best.scale = (float)scale;
            best.low = (float)-offset;
        }
    }
    return best;
}

static void encode_q4_k(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += Q4_K_BYTES) {
        struct line lines[Q4_GROUPS];
        float scale_max = 0, low_max = 0;

        for (int g = 0; g < Q4_GROUPS; g++) {
            lines[g] = fit_line(src + Q4_GROUP * g);
            scale_max = fmaxf(scale_max, lines[g].scale);
            low_max = fmaxf(low_max, lines[g].low);
        }
        uint16_t d16 = spn_f16_of_f32(scale_max / 63), dmin16 = spn_f16_of_f32(low_max / 63);
        float d = spn_f32_of_f16(d16), dmin = spn_f32_of_f16(dmin16);

        memset(dst, 0, Q4_K_BYTES);
        spn_store_u16(dst, d16);
        spn_store_u16(dst + 2, dmin16);
        for (int g = 0; g < Q4_GROUPS; g++) {
            unsigned char *qs = dst + 16 + Q4_GROUP * (g / 2);
            int sc = scale_max > 0 ? nearest(63 / scale_max * lines[g].scale, 0, 63) : 0;
            int mn = low_max > 0 ? nearest(63 / low_max * lines[g].low, 0, 63) : 0;
            float step = d * (float)sc, low = dmin * (float)mn;

            q4_scales_put(dst + 4, g, sc, mn);
            for (int l = 0; step > 0 && l < Q4_GROUP; l++) {
                int q = nearest((src[Q4_GROUP * g + l] + low) / step, 0, 15);
                qs[l] |= (unsigned char)(q << 4 * (g & 1));
            }
        }
    }
}

/* ---- Q6_K ---- */

static void decode_q6_k(const unsigned char *src, float *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += Q6_K_BYTES, dst += BLOCK) {
        float d = spn_f32_of_f16(spn_load_u16(src + 208));

        for (int g = 0; g < Q6_GROUPS; g++) {
            int half = g / 8, quarter = g % 8 / 2, first = 16 * (g & 1);
            const unsigned char *ql = src + 64 * half + 32 * (quarter & 1) + first,
                                *qh = src + 128 + 32 * half + first;
            float step = d * (float)(int8_t)src[192 + g];

            for (int l = 0; l < Q6_GROUP; l++) {
                int q = ((ql[l] >> 4 * (quarter >> 1)) & 15) | ((qh[l] >> 2 * quarter) & 3) << 4;
                dst[Q6_GROUP * g + l] = step * (float)(q - 32);
            }
        }
    }
}

/* Best scale of one group for q in -32..31, weight x^2: trials put the value of largest magnitude
   near level -32; the least-squares scale of a trial lowers the error by (sum w x q)^2 / (sum w
   q^2), so the largest of these wins. */
static float fit_scale(const float *x)
{
    float extreme = 0, best = 0;
    double gain = 0;

    for (int i = 0; i < Q6_GROUP; i++)
        if (fabsf(x[i]) > fabsf(extreme))
            extreme = x[i];
    if (!(fabsf(extreme) >= 1e-15f))
        return 0;
    for (int k = -9; k <= 9; k++) {
        float inv = -(32 + 0.1f * (float)k) / extreme;
        double xq = 0, qq = 0;

        for (int i = 0; i < Q6_GROUP; i++) {
            double q = nearest(inv * x[i], -32, 31), w = (double)x[i] * x[i];
            xq += w * x[i] * q;
            qq += w * q * q;
        }
        if (qq > 0 && xq * xq > gain * qq) {
            gain = xq * xq / qq;
            best = (float)(xq / qq);
        }
    }
    return best;
}

static void encode_q6_k(const float *src, unsigned char *dst, int64_t n)
{
    for (; n > 0; n -= BLOCK, src += BLOCK, dst += Q6_K_BYTES) {
        float scales[Q6_GROUPS], extreme = 0;

        for (int g = 0; g < Q6_GROUPS; g++) {
            scales[g] = fit_scale(src + Q6_GROUP * g);
            if (fabsf(scales[g]) > fabsf(extreme))
                extreme = scales[g];
        }
        uint16_t d16 = spn_f16_of_f32(extreme / -128);
        float d = spn_f32_of_f16(d16);

        memset(dst, 0, Q6_K_BYTES);
        spn_store_u16(dst + 208, d16);
        for (int g = 0; g < Q6_GROUPS; g++) {
            int half = g / 8, quarter = g % 8 / 2, first = 16 * (g & 1);
            unsigned char *ql = dst + 64 * half + 32 * (quarter & 1) + first,
                          *qh = dst + 128 + 32 * half + first;
            int sc = extreme != 0 ? nearest(-128 / extreme * scales[g], -128, 127) : 0;
            float step = d * (float)sc;

            dst[192 + g] = (unsigned char)sc;
            for (int l = 0; l < Q6_GROUP; l++) {
                int q = step != 0 ? nearest(src[Q6_GROUP * g + l] / step, -32, 31) + 32 : 32;
                ql[l] |= (unsigned char)((q & 15) << 4 * (quarter >> 1));
                qh[l] |= (unsigned char)((q >> 4) << 2 * quarter);
            }
        }
    }
}

/* The ranges keep the block's own scale, at most (max-min)/15/63 or max/31/128, within a half. */
const struct k_quant k_quant_q4_k = { SPN_Q4_K, decode_q4_k, encode_q4_k, 63 * 65504.0f };
const struct k_quant k_quant_q6_k = { SPN_Q6_K, decode_q6_k, encode_q6_k, 30 * 128 * 65504.0f };
