/* rules.c - the gradient rules of the core's ops.  A builder that fails keeps its error in the
 * plan, so the rules do not look: spn_grad does, after each. */
#include "config.h"

#include "grad/rules.h"

#include <stddef.h>

#include "grad/tape.h"
#include "tensor/op_params.h"
#include "tensor/ops_impl.h"

/* A record of OP over N inputs, with no parameters. */
#define EMIT(p, op, ...)                                 \
    spn_plan_op(p, op, (const spn_val[]){ __VA_ARGS__ }, \
                (int)(sizeof((spn_val[]){ __VA_ARGS__ }) / sizeof(spn_val)), NULL, 0)

spn_status k_grad_embed(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_tape_add(p, record, 0,
                 EMIT(p, &k_op_embed_grad, spn_tape_grad_out(p, record, 0),
                      spn_tape_in(p, record, 0)));
    return SPN_OK;
}

spn_status k_grad_matmul(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_val x = spn_tape_in(p, record, 0), w = spn_tape_in(p, record, 1),
            dy = spn_tape_grad_out(p, record, 0);

    if (spn_tape_wants(p, record, 0))
        spn_tape_add(p, record, 0, EMIT(p, &k_op_matmul_dx, dy, w));
    if (spn_tape_wants(p, record, 1))
        spn_tape_add(p, record, 1, EMIT(p, &k_op_matmul_dw, dy, x));
    if (spn_tape_wants(p, record, 2))
        spn_tape_add(p, record, 2, EMIT(p, &k_op_sum_rows, dy));
    return SPN_OK;
}

/* x, w (, b): one record gives all of them. */
static void norm(struct spn_plan *p, int record, const struct spn_op *op)
{
    spn_val in[3] = { spn_tape_in(p, record, 0), spn_tape_in(p, record, 1),
                      spn_tape_grad_out(p, record, 0) };
    spn_val dx =
        spn_plan_op(p, op, in, 3, spn_tape_params(p, record), sizeof(struct k_norm_params));

    for (int k = 0; k < op->n_out; k++)
        if (spn_tape_wants(p, record, k))
            spn_tape_add(p, record, k, spn_plan_op_out(p, dx, k));
}

spn_status k_grad_rms_norm(struct spn_plan *p, int record, struct spn_err *err)
{
    norm(p, record, &k_op_rms_norm_grad);
    return SPN_OK;
}

spn_status k_grad_layer_norm(struct spn_plan *p, int record, struct spn_err *err)
{
    norm(p, record, &k_op_layer_norm_grad);
    return SPN_OK;
}

/* The transpose of a rotation turns back. */
spn_status k_grad_rope(struct spn_plan *p, int record, struct spn_err *err)
{
    struct k_rope_params back = *(const struct k_rope_params *)spn_tape_params(p, record);
    spn_val in[2] = { spn_tape_grad_out(p, record, 0), spn_tape_in(p, record, 1) };

    if (spn_tape_wants(p, record, 1))
        return spn_fail(err, SPN_EUSAGE, "rope: there is no gradient for the divisors");
    back.inverse = !back.inverse;
    spn_tape_add(p, record, 0, spn_plan_op(p, &k_op_rope, in, 2, &back, sizeof back));
    return SPN_OK;
}

spn_status k_grad_attention(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_val in[6], dq;

    if (spn_tape_grad_out(p, record, 1) != -1)
        return spn_fail(err, SPN_EUSAGE, "attention: no gradient flows back from the log-sum");
    if (spn_tape_in(p, record, 3) != -1)
        return spn_fail(err, SPN_EUSAGE, "attention: with sinks it has no gradient");
    for (int k = 0; k < 3; k++)
        in[k] = spn_tape_in(p, record, k);
    in[3] = spn_tape_out(p, record, 0);
    in[4] = spn_tape_out(p, record, 1);
    in[5] = spn_tape_grad_out(p, record, 0);
    dq = spn_plan_op(p, &k_op_attention_grad, in, 6, spn_tape_params(p, record),
                     sizeof(struct spn_attention));
    for (int k = 0; k < 3; k++)
        if (spn_tape_wants(p, record, k))
            spn_tape_add(p, record, k, spn_plan_op_out(p, dq, k));
    return SPN_OK;
}

spn_status k_grad_add(struct spn_plan *p, int record, struct spn_err *err)
{
    for (int k = 0; k < 2; k++)
        if (spn_tape_wants(p, record, k))
            spn_tape_add(p, record, k, spn_tape_grad_out(p, record, 0));
    return SPN_OK;
}

spn_status k_grad_mul(struct spn_plan *p, int record, struct spn_err *err)
{
    for (int k = 0; k < 2; k++)
        if (spn_tape_wants(p, record, k))
            spn_tape_add(p, record, k,
                         EMIT(p, &k_op_mul, spn_tape_grad_out(p, record, 0),
                              spn_tape_in(p, record, 1 - k)));
    return SPN_OK;
}

spn_status k_grad_scale(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_val dy = spn_tape_grad_out(p, record, 0);

    spn_tape_add(p, record, 0,
                 spn_plan_op(p, &k_op_scale, &dy, 1, spn_tape_params(p, record),
                             sizeof(struct k_scale_params)));
    return SPN_OK;
}

spn_status k_grad_silu_mul(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_val dgate = EMIT(p, &k_op_silu_mul_grad, spn_tape_in(p, record, 0),
                         spn_tape_in(p, record, 1), spn_tape_grad_out(p, record, 0));

    for (int k = 0; k < 2; k++)
        if (spn_tape_wants(p, record, k))
            spn_tape_add(p, record, k, spn_plan_op_out(p, dgate, k));
    return SPN_OK;
}

spn_status k_grad_silu(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_tape_add(p, record, 0,
                 EMIT(p, &k_op_silu_grad, spn_tape_in(p, record, 0),
                      spn_tape_grad_out(p, record, 0)));
    return SPN_OK;
}

spn_status k_grad_gelu(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_val in[2] = { spn_tape_in(p, record, 0), spn_tape_grad_out(p, record, 0) };

    spn_tape_add(p, record, 0,
                 spn_plan_op(p, &k_op_gelu_grad, in, 2, spn_tape_params(p, record),
                             sizeof(struct k_gelu_params)));
    return SPN_OK;
}

spn_status k_grad_softmax(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_tape_add(p, record, 0,
                 EMIT(p, &k_op_softmax_grad, spn_tape_out(p, record, 0),
                      spn_tape_grad_out(p, record, 0)));
    return SPN_OK;
}

spn_status k_grad_take_rows(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_tape_add(p, record, 0, EMIT(p, &k_op_take_rows_grad, spn_tape_grad_out(p, record, 0)));
    return SPN_OK;
}

spn_status k_grad_cross_entropy(struct spn_plan *p, int record, struct spn_err *err)
{
    if (spn_tape_wants(p, record, 2) || spn_tape_grad_out(p, record, 2) != -1)
        return spn_fail(
            err, SPN_EUSAGE,
            "cross_entropy: there is no gradient for the weights, and none from the log-sum");
    spn_tape_add(p, record, 0,
                 EMIT(p, &k_op_cross_entropy_grad, spn_tape_in(p, record, 0),
                      spn_tape_in(p, record, 1), spn_tape_in(p, record, 2),
                      spn_tape_out(p, record, 2), spn_tape_grad_out(p, record, 0),
                      spn_tape_grad_out(p, record, 1)));
    return SPN_OK;
}

spn_status k_grad_sum(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_tape_add(p, record, 0,
                 EMIT(p, &k_op_sum_grad, spn_tape_grad_out(p, record, 0),
                      spn_tape_in(p, record, 0)));
    return SPN_OK;
}
