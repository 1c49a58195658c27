/* ops.h - the core's op table: one builder an op.  Shapes: R rows, other letters are widths.
 *
 * Each op has a plain reference in ref/ (float and double) and, where hot, versions in x86/. Every
 * gradient is checked against central differences and against torch in double, every fast version
 * against double.  A builder appends one record to P and returns its first output, or -1 when a
 * shape or type does not fit: the sentence, with both shapes, comes from spn_plan_finish.  Values
 * are of the plan's float type unless said otherwise; x may have more than two dimensions where
 * only its last one is named.
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

/* y [R, d] = table[token[r]]; table [vocab, d] of any type that is decoded; tokens from the run's
   rows: one that is not in the table fails the run (SPN_EFORMAT). */
spn_val spn_op_embed(struct spn_plan *p, spn_val table);
/* y [R, d] = table[pos[r] + offset], of the run's positions; one past the table fails the run
   (SPN_EUSAGE).  No gradient. */
spn_val spn_op_embed_pos(struct spn_plan *p, spn_val table, int offset);
/* y [R, n] = x [R, k] W^T (+ bias [n]); W [n, k] of any type that is decoded. bias -1: none.  A
   weight with packed tiles is multiplied by them, so rows do not depend on each other; without, by
   the general f32 product.  The input's gradient goes through any type, the weight's is dense. */
spn_val spn_op_matmul(struct spn_plan *p, spn_val x, spn_val w, spn_val bias);
/* y = x / sqrt(mean(x^2) + eps) * w, over groups of dim(w) elements of a row (whole row, or a
   head); w [d] is f32 or of the plan's type (Zhang and Sennrich 2019). */
spn_val spn_op_rms_norm(struct spn_plan *p, spn_val x, spn_val w, float eps);
/* y = (x - mean) / sqrt(variance + eps) * w + b over the same groups, population variance; b -1:
   none (Ba, Kiros and Hinton 2016). */
spn_val spn_op_layer_norm(struct spn_plan *p, spn_val x, spn_val w, spn_val b, float eps);
/* Rotate the first n_rot of every head_dim elements of x [R, heads*head_dim] by pos; divisors
   [n_rot/2] or -1. angle(i, pos) = pos * freq_scale * base^(-2i/n_rot) / divisor_i, taken in
   double; cosine and sine are multiplied by mscale (Su et al. 2021).  The table of angles is a
   record of its own that the ops of one layer share.  Divisors have no gradient. */
struct spn_rope {
    int head_dim, n_rot, pairs;
    float base, freq_scale, mscale;
};
spn_val spn_op_rope(struct spn_plan *p, spn_val x, spn_val divisors, const struct spn_rope *rope);
/* Causal attention.  q [R, H*Dk], k [R, G*Dk], v [R, G*Dv] -> [R, H*Dv]; head h reads kv head
   h/(H/G). score = scale q k, or softcap tanh(scale q k / softcap). A window of n sees the last n
   positions, the row's own among them. Blocks of SPN_ATTENTION_BLOCK absolute positions are reduced
   from left to right (online softmax), so a row's bytes do not depend on what runs beside it.  With
   a store in the run, k and v rows are appended to layer LAYER first, and there is no gradient.
   With alibi > 0, slope_h (key's position - row's) is added to the score, the slopes falling from
   head to head to 2^-alibi (Press, Smith and Lewis 2022).
   The second output [R, H] is the log of each sum of exponents (not set in a run with a store). */
#define SPN_ATTENTION_BLOCK 32
struct spn_attention {
    int heads, heads_kv, dim_k, dim_v, layer, window /* 0: all */;
    float scale, softcap /* 0: none */;
    float alibi /* 0: none */;
    bool whole;  /* rows see all rows of their sequence, later ones too: they run together */
    bool latent; /* a store keeps no values: they are the first dim_v numbers of the keys, which V
                    has to be; one kv head, no softcap, no ALiBi */
};
/* Slope of HEAD of HEADS: powers of 2^(-alibi / n), n the power of two that is at most HEADS; heads
   past n take the odd powers of its root. */
float spn_alibi_slope(float alibi, int heads, int head);
spn_val spn_op_attention(struct spn_plan *p, spn_val q, spn_val k, spn_val v,
                         const struct spn_attention *a);
/* The same with a number more under each softmax, whose weight goes nowhere: exp(sinks[h]) (Xiao
   and others 2023; as gpt-oss learns it). sinks [H], or -1: none.  No gradient then. */
spn_val spn_op_attention_sinks(struct spn_plan *p, spn_val q, spn_val k, spn_val v, spn_val sinks,
                               const struct spn_attention *a);
/* Element by element; a and b, gate and up have one shape. */
spn_val spn_op_add(struct spn_plan *p, spn_val a, spn_val b);
spn_val spn_op_mul(struct spn_plan *p, spn_val a, spn_val b);
spn_val spn_op_scale(struct spn_plan *p, spn_val a, float factor);
spn_val spn_op_softcap(struct spn_plan *p, spn_val a,
                       float cap); /* cap tanh(a / cap); no gradient */
spn_val spn_op_silu_mul(struct spn_plan *p, spn_val gate, spn_val up); /* silu(gate) * up */
spn_val spn_op_silu(struct spn_plan *p, spn_val a);                    /* a / (1 + exp(-a)) */
/* a Phi(a), or its tanh form (Hendrycks and Gimpel 2016). */
spn_val spn_op_gelu(struct spn_plan *p, spn_val a, bool tanh_form);
spn_val spn_op_softmax(struct spn_plan *p, spn_val a); /* over the last dimension */
/* The rows the run wants (rows.out): [R, d] -> [OUT, d]. */
spn_val spn_op_take_rows(struct spn_plan *p, spn_val x);
/* loss [1] = sum_r weight[r] * -log softmax(logits[r])[target[r]] / sum weight; target i32 [R],
   weight [R]. Rows of weight 0 are skipped, whatever their target; the loss is 0 when the weights
   add to 0; another row's target that is no class fails the run (SPN_EFORMAT). Each row's own loss
   is the record's second output [R], the log of its sum of exponents the third. The weights have no
   gradient. */
spn_val spn_op_cross_entropy(struct spn_plan *p, spn_val logits, spn_val target, spn_val weight);
spn_val spn_op_sum(struct spn_plan *p, spn_val a); /* of all elements -> [1] */

/* ---- columns of rows; no gradient ---- */
/* x [R, PARTS * n] -> [R, PARTS * WIDTH]: of each part the numbers FROM to FROM + WIDTH. */
spn_val spn_op_columns(struct spn_plan *p, spn_val x, int parts, int64_t from, int64_t width);
/* a [R, PARTS * m], b [R, PARTS_B * n] -> [R, PARTS * (m + n)]: part by part, a's before b's; of
   one part of b every part of a gets the same (PARTS_B is PARTS or 1). */
spn_val spn_op_join(struct spn_plan *p, spn_val a, spn_val b, int parts, int parts_b);
/* x [R, n] + v, x [R, n] * v; v [n] is f32 or of the plan's type. */
spn_val spn_op_add_vec(struct spn_plan *p, spn_val x, spn_val v);
spn_val spn_op_mul_vec(struct spn_plan *p, spn_val x, spn_val v);
spn_val spn_op_relu2(struct spn_plan *p, spn_val x); /* max(0, x)^2 */
/* y [R, n * rows] = each of N heads' part of x [R, n * cols] times a matrix of its own.  H is lent
   until the plan goes, its weights are no values of the plan; f32 plans only. */
struct spn_heads {
    int n;
    int64_t rows, cols;
    struct spn_weight *w; /* [n]: [rows, cols] */
};
spn_val spn_op_heads(struct spn_plan *p, spn_val x, const struct spn_heads *h);

/* ---- layers with a state (Gu and Dao 2023; Dao and Gu 2024); f32 plans only, no gradient ----
   The state of a sequence is layer LAYER's in the run's store, or begins at 0 with each example of
   a run without one; the rows of a sequence come in order.  It is [conv - 1, channels] last inputs
   of the convolution and then [heads, dim, state]. */
struct spn_ssm {
    int layer, heads, dim, state, groups, conv;
    bool own_decay; /* a [heads, state] (Mamba), else [heads] (Mamba 2) */
    int64_t channels;
};
int64_t spn_ssm_state(const struct spn_ssm *s); /* floats of a sequence's state */
/* silu(sum over the last CONV inputs of w [channels, conv] * x, + bias), x [R, channels]. */
spn_val spn_op_ssm_conv(struct spn_plan *p, spn_val x, spn_val w, spn_val bias,
                        const struct spn_ssm *s);
/* With d = softplus(dt [R, heads]) (itself above 20): S = S exp(d a) + x d b, y = S c + skip x; x,
   y [R, heads * dim], b, c [R, groups * state], skip [heads]. */
spn_val spn_op_ssm_scan(struct spn_plan *p, spn_val x, spn_val dt, spn_val b, spn_val c, spn_val a,
                        spn_val skip, const struct spn_ssm *s);

/* A mixture of experts (Shazeer and others 2017), each a SwiGLU of its own: of a row's softmax over
   router [R, n] the USED largest (of equal ones the lower number) choose and weigh, divided by
   their sum where NORMED.  y [R, d] = sum of weight * down(silu(gate x) * (up x)), in the order of
   the choice, then shared [R, d] (or -1), times sigmoid(shared_gate [R, 1]) where that is not -1.
   What DeepSeek's and OpenAI's mixtures have besides is 0 or NULL elsewhere: see the fields.
   E is lent until the plan goes, its weights are no values of the plan; f32 plans only, no
   gradient. */
struct spn_experts {
    int n, used;
    bool normed;
    int64_t embd, ff;
    struct spn_weight *gate, *up, *down; /* [n]: [ff, embd], [ff, embd], [embd, ff] */
    bool sigmoid;             /* scores are sigmoids of the router's rows, not their softmax */
    const float *choice_bias; /* [n] added to scores for the choice alone */
    /* Experts in GROUPS equal groups, of which the GROUPS_USED with the largest member (with
       choice_bias: the largest sum of two) take part. */
    int groups, groups_used;
    float scale; /* of all weights; 0: 1 */
    /* > 0: with g = min(gate, limit), u = max(-limit, min(up, limit)) the hidden layer is
       g sigmoid(1.702 g) (u + 1). */
    float limit;
    const float *gate_bias, *up_bias, *down_bias; /* [n, ff], [n, ff], [n, embd]; NULL: none */
};
spn_val spn_op_experts(struct spn_plan *p, spn_val x, spn_val router, spn_val shared,
                       spn_val shared_gate, const struct spn_experts *e);

/* Another op, from a plugin: OP is static, with a shape rule and both references.  Call it before
   any plan is built, from one thread.  SPN_EUSAGE: its name is not [a-z][a-z0-9_]* or taken, or a
   part is missing; SPN_ENOMEM: too many. */
spn_status spn_op_register(const struct spn_op *op, struct spn_err *err);
const struct spn_op *spn_op_find(const char *name); /* NULL: none */
/* Every op, in a fixed order, for the tests and `doctor`. */
const struct spn_op *spn_op_at(int i); /* NULL past the end */

#ifdef __cplusplus
}
#endif
#endif
