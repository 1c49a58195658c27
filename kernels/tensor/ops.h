/* ops.h - the core's op table: one builder an op.  Shapes: R rows, other letters are widths.
 *
 * Each op has a plain reference in ref/ (float and double) and, where hot, versions in x86/,
 * registered at start. Every op with a gradient is checked against central differences in double.
 */
#ifndef SPN_OPS_H
#define SPN_OPS_H
#include "tensor/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spn_rope_pairs {
    SPN_ROPE_NONE,
    SPN_ROPE_NORMAL /* (2i, 2i+1) */,
    SPN_ROPE_NEOX /* (i, i + n_rot/2) */
};

/* y [R, d] = table[token[r]]; table [vocab, d] of any type; tokens from the run's rows. */
spn_val spn_op_embed(struct spn_plan *p, spn_val table);
/* y [R, n] = x [R, k] W^T (+ bias [n]); W [n, k] of any type. bias -1: none. */
spn_val spn_op_matmul(struct spn_plan *p, spn_val x, spn_val w, spn_val bias);
/* y = x / sqrt(mean(x^2) + eps) * w, over groups of dim(w) elements of a row (whole row, or a
 * head). */
spn_val spn_op_rms_norm(struct spn_plan *p, spn_val x, spn_val w, float eps);
/* Population variance; b -1: none. */
spn_val spn_op_layer_norm(struct spn_plan *p, spn_val x, spn_val w, spn_val b, float eps);
/* Rotate the first n_rot of every head_dim elements of x [R, heads*head_dim] by pos; divisors
   [n_rot/2] or -1. angle(i, pos) = pos * freq_scale * base^(-2i/n_rot) / divisor_i. */
struct spn_rope {
    int head_dim, n_rot, pairs;
    float base, freq_scale, mscale;
};
spn_val spn_op_rope(struct spn_plan *p, spn_val x, spn_val divisors, const struct spn_rope *rope);
/* Causal attention.  q [R, H*Dk], k [R, G*Dk], v [R, G*Dv] -> [R, H*Dv]; head h reads kv head
   h/(H/G). Blocks of SPN_ATTENTION_BLOCK absolute positions are reduced from left to right (online
   softmax), so a row's bytes do not depend on what runs beside it.  With a store in the run, k and
   v rows are appended to layer LAYER first. */
#define SPN_ATTENTION_BLOCK 32
struct spn_attention {
    int heads, heads_kv, dim_k, dim_v, layer, window /* 0: all */;
    float scale, softcap /* 0: none */;
};
spn_val spn_op_attention(struct spn_plan *p, spn_val q, spn_val k, spn_val v,
                         const struct spn_attention *a);
spn_val spn_op_add(struct spn_plan *p, spn_val a, spn_val b); /* same shape */
spn_val spn_op_mul(struct spn_plan *p, spn_val a, spn_val b);
spn_val spn_op_scale(struct spn_plan *p, spn_val a, float factor);
spn_val spn_op_silu_mul(struct spn_plan *p, spn_val gate, spn_val up); /* silu(gate) * up */
spn_val spn_op_silu(struct spn_plan *p, spn_val a);
spn_val spn_op_gelu(struct spn_plan *p, spn_val a, bool tanh_form);
spn_val spn_op_softmax(struct spn_plan *p, spn_val a); /* over the last dimension */
/* The rows the run wants (rows.out): [R, d] -> [OUT, d]. */
spn_val spn_op_take_rows(struct spn_plan *p, spn_val x);
/* loss [1] = sum_r weight[r] * -log softmax(logits[r])[target[r]] / sum weight; target i32 [R],
   weight float [R]; weight 0 rows are skipped. Each row's own loss is the record's second output
   [R]. */
spn_val spn_op_cross_entropy(struct spn_plan *p, spn_val logits, spn_val target, spn_val weight);
spn_val spn_op_sum(struct spn_plan *p, spn_val a); /* -> [1] */

/* Another op, from a plugin: OP is static, its name new. */
spn_status spn_op_register(const struct spn_op *op, struct spn_err *err);
const struct spn_op *spn_op_find(const char *name); /* NULL: none */
/* Every op, in a fixed order, for the tests and `doctor`. */
const struct spn_op *spn_op_at(int i); /* NULL past the end */

#ifdef __cplusplus
}
#endif
#endif
