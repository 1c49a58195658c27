/* vision.h - vision ops for AVX2 and AVX-512: names for the op table. */
#ifndef K_X86_VISION_H
#define K_X86_VISION_H
#include "tensor/plan.h"

#define K_X86_VISION(X) \
    X(act)              \
    X(conv) X(depthwise) X(pool) X(resize) X(spread_add) X(spread_mul) X(soft_pool) X(map_attend)

#define K_X86_VISION_DECLARE(name)                     \
    void k_##name##_avx2(const struct spn_op_call *c); \
    void k_##name##_avx512(const struct spn_op_call *c);
K_X86_VISION(K_X86_VISION_DECLARE)

/* vision/rows.h's. */
void k_row_mix_avx2(float *y, const float *a, float wa, const float *b, float wb, int64_t n);
void k_row_mix_avx512(float *y, const float *a, float wa, const float *b, float wb, int64_t n);
int64_t k_row_top_avx2(const float *x, int64_t n);
int64_t k_row_top_avx512(const float *x, int64_t n);

#endif
