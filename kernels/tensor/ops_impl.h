/* ops_impl.h - the core's ops by name: their table entries, shape rules, checks and scratch rules.
 */
#ifndef K_OPS_IMPL_H
#define K_OPS_IMPL_H
#include <stddef.h>

#include "tensor/plan.h"

/* Every op of the core, in the table's order. */
#define K_OPS(X)                                                                               \
    X(embed)                                                                                   \
    X(embed_grad) X(matmul) X(matmul_dx) X(matmul_dw) X(sum_rows) X(rms_norm) X(rms_norm_grad) \
        X(layer_norm) X(layer_norm_grad) X(rope_table) X(rope) X(attention) X(attention_grad)  \
            X(add) X(mul) X(scale) X(silu_mul) X(silu_mul_grad) X(silu) X(silu_grad) X(gelu)   \
                X(gelu_grad) X(softmax) X(softmax_grad) X(take_rows) X(take_rows_grad)         \
                    X(cross_entropy) X(cross_entropy_grad) X(sum) X(sum_grad) X(constant)      \
                        X(embed_pos) X(softcap) X(experts) X(columns) X(join)          \
                            X(add_vec) X(mul_vec) X(relu2) X(heads) X(ssm_conv) X(ssm_scan)

#define K_OP_DECLARE(name) extern const struct spn_op k_op_##name;
K_OPS(K_OP_DECLARE)

/* ---- shape rules (op_shapes.c) ---- */
#define K_OP_SHAPE(name) \
    spn_status k_shape_##name(struct spn_op_shapes *s, const void *params, struct spn_err *err);
K_OPS(K_OP_SHAPE)

/* ---- run-time data is checked before an op reads it (op_checks.c) ---- */
spn_status k_check_embed(const struct spn_op_call *c, struct spn_err *err);
spn_status k_check_embed_pos(const struct spn_op_call *c, struct spn_err *err);
spn_status k_check_embed_grad(const struct spn_op_call *c, struct spn_err *err);
spn_status k_check_rope_table(const struct spn_op_call *c, struct spn_err *err);
spn_status k_check_attention(const struct spn_op_call *c, struct spn_err *err);
spn_status k_check_attention_grad(const struct spn_op_call *c, struct spn_err *err);
spn_status k_check_take_rows(const struct spn_op_call *c, struct spn_err *err);
spn_status k_check_cross_entropy(const struct spn_op_call *c, struct spn_err *err);
spn_status k_check_matmul(const struct spn_op_call *c, struct spn_err *err);
spn_status k_check_matmul_dx(const struct spn_op_call *c, struct spn_err *err);

spn_status k_check_ssm(const struct spn_op_call *c, struct spn_err *err);

void k_experts(const struct spn_op_call *c); /* op_experts.c */
void k_heads(const struct spn_op_call *c);   /* op_heads.c */
void k_ssm_conv(const struct spn_op_call *c); /* op_state.c */
void k_ssm_scan(const struct spn_op_call *c);

/* ---- scratch rules (op_scratch.c) ---- */
size_t k_scratch_embed(const struct spn_op_call *c);
size_t k_scratch_matmul(const struct spn_op_call *c);
size_t k_scratch_experts(const struct spn_op_call *c);
size_t k_scratch_heads(const struct spn_op_call *c);
size_t k_scratch_ssm_conv(const struct spn_op_call *c);
size_t k_scratch_ssm_scan(const struct spn_op_call *c);
size_t k_scratch_sum_rows(const struct spn_op_call *c);
size_t k_scratch_norm_grad(const struct spn_op_call *c);
size_t k_scratch_rope_table(const struct spn_op_call *c);
size_t k_scratch_attention(const struct spn_op_call *c);

/* Sums over rows are made in blocks of this many groups or rows and then added, so they do not
 * depend on the threads. */
#define K_ROW_BLOCK 64

/* Rows of a tensor: the product of all dims but the last. */
static inline int64_t k_rows(const struct spn_tensor *t)
{
    int64_t n = 1;

    for (int i = 0; i + 1 < t->ndim; i++)
        n *= t->dim[i];
    return n;
}

/* Its last dimension; 1 for a scalar. */
static inline int64_t k_cols(const struct spn_tensor *t)
{
    return t->ndim > 0 ? t->dim[t->ndim - 1] : 1;
}

#endif
