/* quant.h - one codec a type: blocks to floats and back.  Private to kernels/format; the public
 * calls are in tensor/product.h. */
#ifndef SPN_QUANT_H
#define SPN_QUANT_H
#include <stdint.h>

struct k_quant {
    int dtype;
    /* N elements, a multiple of the block; any alignment of SRC. */
    void (*decode)(const unsigned char *src, float *dst, int64_t n);
    void (*encode)(const float *src, unsigned char *dst, int64_t n);   /* NULL: read only */
    /* Largest magnitude that a block can hold: its scale is a half. 0: any float, NaN and
     * infinities included. */
    float limit;
};

extern const struct k_quant k_quant_f32, k_quant_f16, k_quant_bf16, k_quant_q8_0, k_quant_q4_0,
    k_quant_q4_k, k_quant_q6_k, k_quant_q4_1, k_quant_q5_0, k_quant_q5_1, k_quant_iq4_nl,
    k_quant_mxfp4, k_quant_q2_k, k_quant_q3_k, k_quant_q5_k, k_quant_iq4_xs, k_quant_tq1_0,
    k_quant_tq2_0;

#endif
