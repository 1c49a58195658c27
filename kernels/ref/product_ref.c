/* product_ref.c - products with weights in plain C from the file's own blocks: the judge of all
 * packed kernels.
 *
 * Every type is read as value = scale * q - min over blocks of 32 with a scale a half; int8
 * activations follow product.h to the operation, so the packed kernels give the same bytes; f32
 * activations are summed in double.
 */
#include "config.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/product.h"
#include "tensor/tiles.h"

void k_act_quantize_ref(const float *x, int64_t blocks, struct k_act *out)
{
    for (int64_t b = 0; b < blocks; b++, x += 32, out++) {
        uint32_t top = 0;

        /* Magnitudes compare as their bits do, and every NaN is above infinity. */
        for (int i = 0; i < 32; i++) {
            uint32_t size = spn_bits_of_f32(x[i]) & 0x7fffffffu;

            top = size > top ? size : top;
        }
        out->d = top >= 0x7f800000u ? NAN : spn_f32_of_bits(top) / 127.0f;
        out->sum[0] = out->sum[1] = 0;
        for (int i = 0; i < 32; i++) {
            float q = out->d >= FLT_MIN ? nearbyintf(x[i] * (1 / out->d)) : 0.0f;

            out->q[i] = (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q);
            out->sum[i / 16] += out->q[i];
        }
        out->neg_dsum = -(out->d * (float)(out->sum[0] + out->sum[1]));
    }
}

/* Element P of a row of a plain type. */
static float plain_at(int dtype, const uint8_t *row, int64_t p)
{
    uint16_t h;
    float f;

    if (dtype == SPN_F32) {
        memcpy(&f, row + 4 * p, sizeof f);
        return f;
    }
    memcpy(&h, row + 2 * p, sizeof h);
    return dtype == SPN_F16 ? spn_f32_of_f16(h) : spn_f32_of_bf16(h);
}

/* A piece of a row of W as floats, at most 256 elements from P on. */
static int64_t widen(const struct spn_tensor *w, const uint8_t *row, int64_t p, float out[256])
{
    k_block_fn fn = k_block_of(w->dtype);
    const struct spn_dtype_info *type = spn_dtype_info(w->dtype);
    int64_t n = w->dim[1] - p < 256 ? w->dim[1] - p : 256;
    struct k_block b;

    if (fn != NULL) {
        n = 32;
        fn(row, p / 32, &b);
        for (int i = 0; i < 32; i++)
            out[i] = b.scale[i / 16] * (float)b.q[i] - b.min[i / 16];
    } else if (w->dtype == SPN_F32 || w->dtype == SPN_F16 || w->dtype == SPN_BF16) {
        for (int64_t i = 0; i < n; i++)
            out[i] = plain_at(w->dtype, row, p + i);
    } else if (spn_dequant(w->dtype, row + p / type->block_elems * type->block_bytes, out, n,
                           NULL) != SPN_OK) {
        for (int64_t i = 0; i < n; i++)
            out[i] = NAN;
    }
    return n;
}

static float dot_f32(const struct spn_tensor *w, const uint8_t *row, const float *x, bool round)
{
    float piece[256];
    double sum = 0;
    int64_t n;

    for (int64_t p = 0; p < w->dim[1]; p += n) {
        n = widen(w, row, p, piece);
        for (int64_t i = 0; i < n; i++)
            sum += (double)(round ? spn_f32_of_bf16(spn_bf16_of_f32(x[p + i])) : x[p + i]) *
                   piece[i];
    }
    return (float)sum;
}

static bool two_scales(int dtype)
{
    return dtype == SPN_Q6_K || dtype == SPN_Q3_K || dtype == SPN_Q2_K;
}

static bool has_min(int dtype)
{
    return dtype == SPN_Q4_K || dtype == SPN_Q5_K || dtype == SPN_Q4_1 || dtype == SPN_Q5_1;
}

static float dot_int8(const struct spn_tensor *w, const uint8_t *row, const float *x)
{
    k_block_fn fn = k_block_of(w->dtype);
    const int halves = two_scales(w->dtype) ? 2 : 1;
    float acc = 0;

    for (int64_t b = 0; b < w->dim[1] / 32; b++) {
        struct k_act a;
        struct k_block k;

        k_act_quantize_ref(x + 32 * b, 1, &a);
        fn(row, b, &k);
        for (int h = 0; h < halves; h++) {
            int32_t dot = 0;

            for (int i = 32 / halves * h; i < 32 / halves * (h + 1); i++)
                dot += k.q[i] * a.q[i];
            acc = fmaf((float)dot, k.scale[h] * a.d, acc);
        }
        if (w->dtype == SPN_Q2_K)
            for (int h = 0; h < 2; h++)
                acc = fmaf(-(a.d * (float)a.sum[h]), k.min[h], acc);
        else if (has_min(w->dtype))
            acc = fmaf(a.neg_dsum, k.min[0], acc);
    }
    return acc;
}

void spn_product_ref(const struct spn_tensor *w, enum spn_act act, const float *x, int64_t ldx,
                     int64_t rows, const float *bias, float *y, int64_t ldy)
{
    uint64_t row_bytes = 0;

    (void)spn_dtype_row_bytes(w->dtype, w->stride[0], &row_bytes);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < w->dim[0]; i++) {
            const uint8_t *row = (const uint8_t *)w->data + (uint64_t)i * row_bytes;
            bool int8 = act == SPN_ACT_INT8 && k_block_of(w->dtype) != NULL;
            float dot =
                int8 ? dot_int8(w, row, x + r * ldx)
                     : dot_f32(w, row, x + r * ldx, act == SPN_ACT_INT8 && w->dtype == SPN_BF16);

            y[r * ldy + i] = bias != NULL ? dot + bias[i] : dot;
        }
    }
}
