/* ops_table.c - the op table: for each op its rules, its reference, its fast versions and its
 * gradient. Pointers only. */
#include "config.h"

#include "grad/rules.h"
#include "ref/ref.h"
#include "tensor/op_attention.h"
#include "tensor/op_matmul.h"
#include "tensor/op_rope.h"
#include "tensor/ops_impl.h"
#include "x86/rowops.h"

/* Fast versions: in x86/ where that is built. */
#ifdef HAVE_X86
#define FAST(id) .fast = { NULL, k_##id##_avx2, k_##id##_avx512 }
#else
#define FAST(id) .fast = { NULL, NULL, NULL }
#endif
/* Written for no instruction set, but for speed. */
#define QUICK(fn) .fast = { NULL, fn, fn }

/* Name, outputs, shape rule and references, as every op has them. */
#define HEAD(id, outs)                                                              \
    .name = #id, .n_out = outs, .shape = k_shape_##id, .ref_f32 = k_##id##_ref_f32, \
    .ref_f64 = k_##id##_ref_f64

/* clang-format off */
const struct spn_op k_op_embed = {
    HEAD(embed, 1), .scratch = k_scratch_embed, .check = k_check_embed, .grad = k_grad_embed
};
const struct spn_op k_op_embed_grad = { HEAD(embed_grad, 1), .check = k_check_embed_grad };

const struct spn_op k_op_matmul = {
    .name = "matmul", .n_out = 1, .shape = k_shape_matmul, .scratch = k_scratch_matmul,
    .ref_f32 = k_matmul_plain, .ref_f64 = k_matmul_ref_f64, QUICK(k_matmul_fast),
    .check = k_check_matmul, .grad = k_grad_matmul, .shares = k_matmul_shares
};
const struct spn_op k_op_matmul_dx = {
    HEAD(matmul_dx, 1), .scratch = k_scratch_matmul, QUICK(k_matmul_dx_fast),
    .check = k_check_matmul_dx
};
const struct spn_op k_op_matmul_dw = { HEAD(matmul_dw, 1), QUICK(k_matmul_dw_fast) };
const struct spn_op k_op_sum_rows = {
    HEAD(sum_rows, 1), .scratch = k_scratch_sum_rows, FAST(sum_rows)
};

const struct spn_op k_op_rms_norm = { HEAD(rms_norm, 1), FAST(rms_norm), .grad = k_grad_rms_norm };
const struct spn_op k_op_rms_norm_grad = {
    HEAD(rms_norm_grad, 2), .scratch = k_scratch_norm_grad, FAST(rms_norm_grad)
};
const struct spn_op k_op_layer_norm = { HEAD(layer_norm, 1), .grad = k_grad_layer_norm };
const struct spn_op k_op_layer_norm_grad = { HEAD(layer_norm_grad, 3) };

const struct spn_op k_op_rope_table = {
    HEAD(rope_table, 1), .scratch = k_scratch_rope_table, QUICK(k_rope_table_fast),
    .check = k_check_rope_table, .once = true
};
const struct spn_op k_op_rope = { HEAD(rope, 1), FAST(rope), .grad = k_grad_rope };

const struct spn_op k_op_attention = {
    .name = "attention", .n_out = 2, .shape = k_shape_attention, .scratch = k_scratch_attention,
    .ref_f32 = k_attention_plain, .ref_f64 = k_attention_ref_f64, FAST(attention_rows),
    .check = k_check_attention, .grad = k_grad_attention
};
const struct spn_op k_op_attention_grad = {
    HEAD(attention_grad, 3), .scratch = k_scratch_attention, FAST(attention_rows_grad),
    .check = k_check_attention_grad
};

const struct spn_op k_op_add = { HEAD(add, 1), FAST(add), .grad = k_grad_add };
const struct spn_op k_op_mul = { HEAD(mul, 1), FAST(mul), .grad = k_grad_mul };
const struct spn_op k_op_scale = { HEAD(scale, 1), FAST(scale), .grad = k_grad_scale };
const struct spn_op k_op_silu_mul = { HEAD(silu_mul, 1), FAST(silu_mul), .grad = k_grad_silu_mul };
const struct spn_op k_op_silu_mul_grad = { HEAD(silu_mul_grad, 2), FAST(silu_mul_grad) };
const struct spn_op k_op_silu = { HEAD(silu, 1), .grad = k_grad_silu };
const struct spn_op k_op_silu_grad = { HEAD(silu_grad, 1) };
const struct spn_op k_op_gelu = { HEAD(gelu, 1), .grad = k_grad_gelu };
const struct spn_op k_op_gelu_grad = { HEAD(gelu_grad, 1) };
const struct spn_op k_op_softmax = { HEAD(softmax, 1), FAST(softmax), .grad = k_grad_softmax };
const struct spn_op k_op_softmax_grad = { HEAD(softmax_grad, 1), FAST(softmax_grad) };

const struct spn_op k_op_take_rows = {
    HEAD(take_rows, 1), .check = k_check_take_rows, .grad = k_grad_take_rows
};
const struct spn_op k_op_take_rows_grad = { HEAD(take_rows_grad, 1), .check = k_check_take_rows };
const struct spn_op k_op_cross_entropy = {
    HEAD(cross_entropy, 3), FAST(cross_entropy), .check = k_check_cross_entropy,
    .grad = k_grad_cross_entropy
};
const struct spn_op k_op_cross_entropy_grad = {
    HEAD(cross_entropy_grad, 1), FAST(cross_entropy_grad), .check = k_check_cross_entropy
};
const struct spn_op k_op_sum = { HEAD(sum, 1), .grad = k_grad_sum };
const struct spn_op k_op_sum_grad = { HEAD(sum_grad, 1) };
const struct spn_op k_op_constant = { HEAD(constant, 1) };
const struct spn_op k_op_embed_pos = {
    HEAD(embed_pos, 1), .scratch = k_scratch_embed, .check = k_check_embed_pos
};
const struct spn_op k_op_softcap = { HEAD(softcap, 1) };
const struct spn_op k_op_experts = { /* products by packs or by reference, in float alone */
    .name = "experts", .n_out = 1, .shape = k_shape_experts, .scratch = k_scratch_experts,
    .ref_f32 = k_experts, .ref_f64 = k_experts
};
const struct spn_op k_op_columns = { HEAD(columns, 1) };
const struct spn_op k_op_join = { HEAD(join, 1) };
const struct spn_op k_op_add_vec = { HEAD(add_vec, 1) };
const struct spn_op k_op_mul_vec = { HEAD(mul_vec, 1) };
const struct spn_op k_op_relu2 = { HEAD(relu2, 1) };
const struct spn_op k_op_heads = {
    .name = "heads", .n_out = 1, .shape = k_shape_heads, .scratch = k_scratch_heads,
    .ref_f32 = k_heads, .ref_f64 = k_heads
};
const struct spn_op k_op_ssm_conv = {
    .name = "ssm_conv", .n_out = 1, .shape = k_shape_ssm_conv, .scratch = k_scratch_ssm_conv,
    .ref_f32 = k_ssm_conv, .ref_f64 = k_ssm_conv, .check = k_check_ssm
};
const struct spn_op k_op_ssm_scan = {
    .name = "ssm_scan", .n_out = 1, .shape = k_shape_ssm_scan, .scratch = k_scratch_ssm_scan,
    .ref_f32 = k_ssm_scan, .ref_f64 = k_ssm_scan, .check = k_check_ssm
};
