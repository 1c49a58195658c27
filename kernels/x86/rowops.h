/* rowops.h - ops over rows for AVX2 and AVX-512: names for the op table. */
#ifndef K_X86_ROWOPS_H
#define K_X86_ROWOPS_H
#include "tensor/plan.h"

#define K_ROWOPS(X)                                                                               \
    X(add)                                                                                        \
    X(mul) X(scale) X(silu_mul) X(silu_mul_grad) X(sum_rows) X(rms_norm) X(rms_norm_grad) X(rope) \
        X(softmax) X(softmax_grad) X(cross_entropy) X(cross_entropy_grad) X(attention_rows)       \
            X(attention_rows_grad)

#define K_ROWOP_DECLARE(name)                          \
    void k_##name##_avx2(const struct spn_op_call *c); \
    void k_##name##_avx512(const struct spn_op_call *c);
K_ROWOPS(K_ROWOP_DECLARE)

/* One AdamW step over N numbers (grad/adamw.c has the factors). */
struct k_adamw_factors {
    float beta1, beta2, take1, take2, keep, rate, root, eps;
};
void k_adamw_avx2(const struct k_adamw_factors *f, int64_t n, float *param, const float *grad,
                  float *exp_avg, float *exp_avg_sq);
void k_adamw_avx512(const struct k_adamw_factors *f, int64_t n, float *param, const float *grad,
                    float *exp_avg, float *exp_avg_sq);

#endif
