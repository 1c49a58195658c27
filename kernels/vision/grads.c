/* grads.c - the gradient rules of the vision ops. */
#include "config.h"

#include <string.h>

#include "grad/tape.h"
#include "vision/vision_impl.h"

#define EMIT(p, op, ...)                                 \
    spn_plan_op(p, op, (const spn_val[]){ __VA_ARGS__ }, \
                (int)(sizeof((spn_val[]){ __VA_ARGS__ }) / sizeof(spn_val)), NULL, 0)

static const struct spn_tensor *shape_in(struct spn_plan *p, int record, int k)
{
    return spn_plan_shape(p, spn_tape_in(p, record, k));
}

spn_status k_grad_act(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_val in[2] = { spn_tape_in(p, record, 0), spn_tape_grad_out(p, record, 0) };

    spn_tape_add(p, record, 0,
                 spn_plan_op(p, &k_op_act_grad, in, 2, spn_tape_params(p, record),
                             sizeof(struct k_act_params)));
    return SPN_OK;
}

static spn_status filter(struct spn_plan *p, int record, bool dw, const char *name,
                         struct spn_err *err)
{
    struct k_conv_params params = *(const struct k_conv_params *)spn_tape_params(p, record);
    spn_val x = spn_tape_in(p, record, 0), w = spn_tape_in(p, record, 1),
            dy = spn_tape_grad_out(p, record, 0), in[2] = { dy, -1 };
    const struct spn_tensor *wt = spn_plan_shape(p, w);

    if (params.conv.act != SPN_ACT_NONE || spn_tape_in(p, record, 3) != -1)
        return spn_fail(err, SPN_EUSAGE,
                        "%s: no gradient through an activation or a sum inside the record", name);
    params.kh = wt->dim[dw ? 0 : 1];
    params.kw = wt->dim[dw ? 1 : 2];
    params.in_h = spn_plan_shape(p, x)->dim[1];
    params.in_w = spn_plan_shape(p, x)->dim[2];
    if (spn_tape_wants(p, record, 0)) {
        in[1] = w;
        spn_tape_add(p, record, 0,
                     spn_plan_op(p, dw ? &k_op_depthwise_dx : &k_op_conv_dx, in, 2, &params,
                                 sizeof params));
    }
    if (spn_tape_wants(p, record, 1)) {
        in[1] = x;
        spn_tape_add(p, record, 1,
                     spn_plan_op(p, dw ? &k_op_depthwise_dw : &k_op_conv_dw, in, 2, &params,
                                 sizeof params));
    }
    if (spn_tape_wants(p, record, 2))
        spn_tape_add(p, record, 2, EMIT(p, &k_op_sum_like, dy, spn_tape_in(p, record, 2)));
    return SPN_OK;
}

spn_status k_grad_conv(struct spn_plan *p, int record, struct spn_err *err)
{
    return filter(p, record, false, "conv", err);
}

spn_status k_grad_depthwise(struct spn_plan *p, int record, struct spn_err *err)
{
    return filter(p, record, true, "depthwise", err);
}

/* A gradient brought back to the size of the input. */
static spn_status sized(struct spn_plan *p, int record, const struct spn_op *op)
{
    struct k_size_params params = *(const struct k_size_params *)spn_tape_params(p, record);
    spn_val dy = spn_tape_grad_out(p, record, 0);

    params.out_h = shape_in(p, record, 0)->dim[1];
    params.out_w = shape_in(p, record, 0)->dim[2];
    spn_tape_add(p, record, 0, spn_plan_op(p, op, &dy, 1, &params, sizeof params));
    return SPN_OK;
}

spn_status k_grad_pool(struct spn_plan *p, int record, struct spn_err *err)
{
    return sized(p, record, &k_op_pool_grad);
}

spn_status k_grad_resize(struct spn_plan *p, int record, struct spn_err *err)
{
    return sized(p, record, &k_op_resize_grad);
}

/* GRAD, shaped as the output, summed to the shape of input K. */
static void add_spread(struct spn_plan *p, int record, int k, spn_val grad)
{
    const struct spn_tensor *from = spn_plan_shape(p, grad), *to = shape_in(p, record, k);

    if (from == NULL)
        return; /* the plan has its error already */
    if (from->ndim != to->ndim ||
        memcmp(from->dim, to->dim, (size_t)to->ndim * sizeof to->dim[0]) != 0)
        grad = EMIT(p, &k_op_sum_like, grad, spn_tape_in(p, record, k));
    spn_tape_add(p, record, k, grad);
}

spn_status k_grad_spread_add(struct spn_plan *p, int record, struct spn_err *err)
{
    for (int k = 0; k < 2; k++)
        if (spn_tape_wants(p, record, k))
            add_spread(p, record, k, spn_tape_grad_out(p, record, 0));
    return SPN_OK;
}

spn_status k_grad_spread_mul(struct spn_plan *p, int record, struct spn_err *err)
{
    for (int k = 0; k < 2; k++)
        if (spn_tape_wants(p, record, k))
            add_spread(p, record, k,
                       EMIT(p, &k_op_spread_mul, spn_tape_grad_out(p, record, 0),
                            spn_tape_in(p, record, 1 - k)));
    return SPN_OK;
}

spn_status k_grad_concat(struct spn_plan *p, int record, struct spn_err *err)
{
    int64_t first = 0;

    for (int k = 0; k < SPN_OP_IN_MAX && spn_tape_in(p, record, k) != -1; k++) {
        int64_t n = k_cols(shape_in(p, record, k));

        if (spn_tape_wants(p, record, k))
            spn_tape_add(p, record, k, spn_op_slice(p, spn_tape_grad_out(p, record, 0), first, n));
        first += n;
    }
    return SPN_OK;
}

spn_status k_grad_slice(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_val in[2] = { spn_tape_grad_out(p, record, 0), spn_tape_in(p, record, 0) };

    spn_tape_add(p, record, 0,
                 spn_plan_op(p, &k_op_slice_grad, in, 2, spn_tape_params(p, record),
                             sizeof(struct k_slice_params)));
    return SPN_OK;
}

spn_status k_grad_soft_pool(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_val dx;

    if (spn_tape_grad_out(p, record, 1) != -1)
        return spn_fail(err, SPN_EUSAGE, "soft_pool: no gradient flows back from the weights");
    dx = EMIT(p, &k_op_soft_pool_grad, spn_tape_in(p, record, 0), spn_tape_out(p, record, 1),
              spn_tape_grad_out(p, record, 0));
    for (int k = 0; k < 2; k++)
        if (spn_tape_wants(p, record, k))
            spn_tape_add(p, record, k, spn_plan_op_out(p, dx, k));
    return SPN_OK;
}

spn_status k_grad_batch_norm(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_val in[5] = { spn_tape_in(p, record, 0), spn_tape_in(p, record, 1),
                      spn_tape_out(p, record, 1), spn_tape_out(p, record, 2),
                      spn_tape_grad_out(p, record, 0) };
    spn_val dx;

    if (spn_tape_grad_out(p, record, 1) != -1 || spn_tape_grad_out(p, record, 2) != -1)
        return spn_fail(err, SPN_EUSAGE, "batch_norm: no gradient flows back from the statistics");
    dx = spn_plan_op(p, &k_op_batch_norm_grad, in, 5, spn_tape_params(p, record),
                     sizeof(struct k_bn_params));
    for (int k = 0; k < 3; k++)
        if (spn_tape_wants(p, record, k))
            spn_tape_add(p, record, k, spn_plan_op_out(p, dx, k));
    return SPN_OK;
}

spn_status k_grad_gather(struct spn_plan *p, int record, struct spn_err *err)
{
    spn_tape_add(p, record, 0,
                 EMIT(p, &k_op_gather_grad, spn_tape_grad_out(p, record, 0),
                      spn_tape_in(p, record, 1), spn_tape_in(p, record, 0)));
    return SPN_OK;
}

spn_status k_grad_map_attend(struct spn_plan *p, int record, struct spn_err *err)
{
    const struct spn_attend *a = spn_tape_params(p, record);
    spn_val in[8], dq, dmix;

    if (!a->keep || spn_tape_grad_out(p, record, 1) != -1)
        return spn_fail(err, SPN_EUSAGE,
                        "attend: a gradient needs the softmax kept, and none flows back from it");
    for (int k = 0; k < 6; k++)
        in[k] = spn_tape_in(p, record, k);
    in[6] = spn_tape_out(p, record, 1);
    in[7] = spn_tape_grad_out(p, record, 0);
    dq = spn_plan_op(p, &k_op_map_attend_grad, in, 8, a, sizeof *a);
    for (int k = 0; k < 3; k++)
        if (spn_tape_wants(p, record, k))
            spn_tape_add(p, record, k, spn_plan_op_out(p, dq, k));
    if (spn_tape_wants(p, record, 3))
        spn_tape_add(p, record, 3, EMIT(p, &k_op_sum_like, spn_plan_op_out(p, dq, 3), in[3]));
    if (!spn_tape_wants(p, record, 4) && !spn_tape_wants(p, record, 5))
        return SPN_OK;
    dmix = spn_plan_op(p, &k_op_map_attend_mix_grad, in, 8, a, sizeof *a);
    for (int k = 0; k < 2; k++)
        if (spn_tape_wants(p, record, 4 + k))
            spn_tape_add(p, record, 4 + k, spn_plan_op_out(p, dmix, k));
    return SPN_OK;
}
