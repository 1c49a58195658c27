/* ops.c - builders of the core's ops, and the list of all ops. */
#include "config.h"

#include "tensor/ops.h"

#include <string.h>

#include "tensor/op_params.h"
#include "tensor/ops_impl.h"
#include "tensor/plan_impl.h"
#include "vision/vision_impl.h"

#define REGISTERED_MAX 256

#define ENTRY(name) &k_op_##name,
static const struct spn_op *const own[] = { K_OPS(ENTRY) K_VISION_OPS(ENTRY) };
#define OWN_COUNT ((int)(sizeof own / sizeof *own))

/* Written at start only: plugins are loaded on the main thread before any plan is built. */
static const struct spn_op *registered[REGISTERED_MAX];
static int n_registered;

const struct spn_op *spn_op_at(int i)
{
    if (i < 0 || i >= OWN_COUNT + n_registered)
        return NULL;
    return i < OWN_COUNT ? own[i] : registered[i - OWN_COUNT];
}

const struct spn_op *spn_op_find(const char *name)
{
    const struct spn_op *op;

    for (int i = 0; (op = spn_op_at(i)) != NULL; i++)
        if (strcmp(op->name, name) == 0)
            return op;
    return NULL;
}

static bool name_ok(const char *name)
{
    if (name == NULL || name[0] < 'a' || name[0] > 'z')
        return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

spn_status spn_op_register(const struct spn_op *op, struct spn_err *err)
{
    if (!name_ok(op->name))
        return spn_fail(err, SPN_EUSAGE, "op: the name \"%s\" is not of the form [a-z][a-z0-9_]*",
                        op->name ? op->name : "");
    if (spn_op_find(op->name) != NULL)
        return spn_fail(err, SPN_EUSAGE, "op: %s is there already", op->name);
    if (op->shape == NULL || op->ref_f32 == NULL || op->ref_f64 == NULL || op->n_out < 1 ||
        op->n_out > SPN_OP_OUT_MAX)
        return spn_fail(
            err, SPN_EUSAGE,
            "op: %s needs a shape rule, a reference in float and double, and 1 to %d outputs",
            op->name, SPN_OP_OUT_MAX);
    if (n_registered == REGISTERED_MAX)
        return spn_fail(err, SPN_ENOMEM, "op: %s is one more than the %d that can be added",
                        op->name, REGISTERED_MAX);
    registered[n_registered++] = op;
    return SPN_OK;
}

/* ---- builders ---- */

static spn_val op1(struct spn_plan *p, const struct spn_op *op, spn_val a, const void *params,
                   size_t bytes)
{
    return spn_plan_op(p, op, &a, 1, params, bytes);
}

static spn_val op2(struct spn_plan *p, const struct spn_op *op, spn_val a, spn_val b,
                   const void *params, size_t bytes)
{
    spn_val in[2] = { a, b };

    return spn_plan_op(p, op, in, 2, params, bytes);
}

spn_val spn_op_embed(struct spn_plan *p, spn_val table)
{
    return op1(p, &k_op_embed, table, NULL, 0);
}

spn_val spn_op_embed_pos(struct spn_plan *p, spn_val table, int offset)
{
    struct k_embed_pos_params params = { offset };

    return op1(p, &k_op_embed_pos, table, &params, sizeof params);
}

spn_val spn_op_softcap(struct spn_plan *p, spn_val a, float cap)
{
    struct k_softcap_params params = { cap };

    return op1(p, &k_op_softcap, a, &params, sizeof params);
}

spn_val spn_op_matmul(struct spn_plan *p, spn_val x, spn_val w, spn_val bias)
{
    spn_val in[3] = { x, w, bias };

    return spn_plan_op(p, &k_op_matmul, in, 3, NULL, 0);
}

spn_val spn_op_rms_norm(struct spn_plan *p, spn_val x, spn_val w, float eps)
{
    struct k_norm_params params = { eps };

    return op2(p, &k_op_rms_norm, x, w, &params, sizeof params);
}

spn_val spn_op_layer_norm(struct spn_plan *p, spn_val x, spn_val w, spn_val b, float eps)
{
    struct k_norm_params params = { eps };
    spn_val in[3] = { x, w, b };

    return spn_plan_op(p, &k_op_layer_norm, in, 3, &params, sizeof params);
}

/* The table of angles that a record of this layer made already: a layer is what lies between two
   marks, and a run may start at a mark, so no table is taken from before one. */
static spn_val angles(struct spn_plan *p, spn_val divisors, const struct k_rope_params *params)
{
    int begin = p->n_mark > 0 ? p->mark[p->n_mark - 1].record : 0;

    for (int i = begin; i < p->n_record; i++) {
        const struct k_record *r = p->record[i];

        if (r->op == &k_op_rope_table && r->in[0] == divisors &&
            memcmp(r->params, params, sizeof *params) == 0)
            return r->out[0];
    }
    return op1(p, &k_op_rope_table, divisors, params, sizeof *params);
}

spn_val spn_op_rope(struct spn_plan *p, spn_val x, spn_val divisors, const struct spn_rope *rope)
{
    struct k_rope_params params, table;

    if (rope->pairs == SPN_ROPE_NONE)
        return x;
    memset(&params, 0, sizeof params); /* params are compared byte by byte */
    params.rope.head_dim = rope->head_dim;
    params.rope.n_rot = rope->n_rot;
    params.rope.pairs = rope->pairs;
    params.rope.base = rope->base;
    params.rope.freq_scale = rope->freq_scale;
    params.rope.mscale = rope->mscale;
    table = params;
    table.rope.pairs = SPN_ROPE_NONE; /* both kinds of pairs read one table */
    return op2(p, &k_op_rope, x, angles(p, divisors, &table), &params, sizeof params);
}

spn_val spn_op_attention(struct spn_plan *p, spn_val q, spn_val k, spn_val v,
                         const struct spn_attention *a)
{
    spn_val in[3] = { q, k, v };

    return spn_plan_op(p, &k_op_attention, in, 3, a, sizeof *a);
}

spn_val spn_op_attention_sinks(struct spn_plan *p, spn_val q, spn_val k, spn_val v, spn_val sinks,
                               const struct spn_attention *a)
{
    spn_val in[4] = { q, k, v, sinks };

    return spn_plan_op(p, &k_op_attention, in, 4, a, sizeof *a);
}

spn_val spn_op_add(struct spn_plan *p, spn_val a, spn_val b)
{
    return op2(p, &k_op_add, a, b, NULL, 0);
}

spn_val spn_op_mul(struct spn_plan *p, spn_val a, spn_val b)
{
    return op2(p, &k_op_mul, a, b, NULL, 0);
}

spn_val spn_op_scale(struct spn_plan *p, spn_val a, float factor)
{
    struct k_scale_params params = { factor };

    return op1(p, &k_op_scale, a, &params, sizeof params);
}

spn_val spn_op_silu_mul(struct spn_plan *p, spn_val gate, spn_val up)
{
    return op2(p, &k_op_silu_mul, gate, up, NULL, 0);
}

spn_val spn_op_silu(struct spn_plan *p, spn_val a)
{
    return op1(p, &k_op_silu, a, NULL, 0);
}

spn_val spn_op_gelu(struct spn_plan *p, spn_val a, bool tanh_form)
{
    struct k_gelu_params params = { tanh_form };

    return op1(p, &k_op_gelu, a, &params, sizeof params);
}

spn_val spn_op_softmax(struct spn_plan *p, spn_val a)
{
    return op1(p, &k_op_softmax, a, NULL, 0);
}

spn_val spn_op_experts(struct spn_plan *p, spn_val x, spn_val router, spn_val shared,
                       spn_val shared_gate, const struct spn_experts *e)
{
    struct k_experts_params params = { e };
    spn_val in[4] = { x, router, shared, shared_gate };

    return spn_plan_op(p, &k_op_experts, in, 4, &params, sizeof params);
}

spn_val spn_op_take_rows(struct spn_plan *p, spn_val x)
{
    return op1(p, &k_op_take_rows, x, NULL, 0);
}

spn_val spn_op_cross_entropy(struct spn_plan *p, spn_val logits, spn_val target, spn_val weight)
{
    spn_val in[3] = { logits, target, weight };

    return spn_plan_op(p, &k_op_cross_entropy, in, 3, NULL, 0);
}

spn_val spn_op_sum(struct spn_plan *p, spn_val a)
{
    return op1(p, &k_op_sum, a, NULL, 0);
}

spn_val spn_op_columns(struct spn_plan *p, spn_val x, int parts, int64_t from, int64_t width)
{
    struct k_columns_params params;

    memset(&params, 0, sizeof params);
    params.parts = parts;
    params.from = from;
    params.width = width;
    return op1(p, &k_op_columns, x, &params, sizeof params);
}

spn_val spn_op_join(struct spn_plan *p, spn_val a, spn_val b, int parts, int parts_b)
{
    struct k_join_params params = { parts, parts_b };

    return op2(p, &k_op_join, a, b, &params, sizeof params);
}

spn_val spn_op_add_vec(struct spn_plan *p, spn_val x, spn_val v)
{
    return op2(p, &k_op_add_vec, x, v, NULL, 0);
}

spn_val spn_op_mul_vec(struct spn_plan *p, spn_val x, spn_val v)
{
    return op2(p, &k_op_mul_vec, x, v, NULL, 0);
}

spn_val spn_op_relu2(struct spn_plan *p, spn_val x)
{
    return op1(p, &k_op_relu2, x, NULL, 0);
}

spn_val spn_op_heads(struct spn_plan *p, spn_val x, const struct spn_heads *h)
{
    struct k_heads_params params = { h };

    return op1(p, &k_op_heads, x, &params, sizeof params);
}

spn_val spn_op_ssm_conv(struct spn_plan *p, spn_val x, spn_val w, spn_val bias,
                        const struct spn_ssm *s)
{
    struct k_ssm_params params = { *s };
    spn_val in[3] = { x, w, bias };

    return spn_plan_op(p, &k_op_ssm_conv, in, 3, &params, sizeof params);
}

spn_val spn_op_ssm_scan(struct spn_plan *p, spn_val x, spn_val dt, spn_val b, spn_val c, spn_val a,
                        spn_val skip, const struct spn_ssm *s)
{
    struct k_ssm_params params = { *s };
    spn_val in[6] = { x, dt, b, c, a, skip };

    return spn_plan_op(p, &k_op_ssm_scan, in, 6, &params, sizeof params);
}
