/* ops.c - the vision ops: builders, and the table with their rules, references and versions. */
#include "config.h"

#include "vision/ops.h"

#include <string.h>

#include "tensor/plan_impl.h"
#include "vision/vision_impl.h"
#include "x86/vision.h"

#ifdef HAVE_X86
#define FAST(id) .fast = { NULL, k_##id##_avx2, k_##id##_avx512 }
#else
#define FAST(id) .fast = { NULL, NULL, NULL }
#endif

#define HEAD(id, outs)                                                              \
    .name = #id, .n_out = outs, .shape = k_shape_##id, .ref_f32 = k_##id##_ref_f32, \
    .ref_f64 = k_##id##_ref_f64

/* clang-format off */
const struct spn_op k_op_act = { HEAD(act, 1), FAST(act), .grad = k_grad_act };
const struct spn_op k_op_act_grad = { HEAD(act_grad, 1) };
const struct spn_op k_op_conv = {
    .name = "conv", .n_out = 1, .shape = k_shape_conv, .scratch = k_scratch_conv,
    .ref_f32 = k_conv_plain, .ref_f64 = k_conv_ref_f64, FAST(conv), .grad = k_grad_conv
};
const struct spn_op k_op_conv_dx = { HEAD(conv_dx, 1) };
const struct spn_op k_op_conv_dw = { HEAD(conv_dw, 1) };
const struct spn_op k_op_depthwise = {
    HEAD(depthwise, 1), FAST(depthwise), .grad = k_grad_depthwise
};
const struct spn_op k_op_depthwise_dx = { HEAD(depthwise_dx, 1) };
const struct spn_op k_op_depthwise_dw = { HEAD(depthwise_dw, 1) };
const struct spn_op k_op_pool = { HEAD(pool, 1), FAST(pool), .grad = k_grad_pool };
const struct spn_op k_op_pool_grad = { HEAD(pool_grad, 1) };
const struct spn_op k_op_resize = { HEAD(resize, 1), FAST(resize), .grad = k_grad_resize };
const struct spn_op k_op_resize_grad = { HEAD(resize_grad, 1) };
const struct spn_op k_op_spread_add = {
    HEAD(spread_add, 1), FAST(spread_add), .grad = k_grad_spread_add
};
const struct spn_op k_op_spread_mul = {
    HEAD(spread_mul, 1), FAST(spread_mul), .grad = k_grad_spread_mul
};
const struct spn_op k_op_sum_like = { HEAD(sum_like, 1) };
const struct spn_op k_op_concat = { HEAD(concat, 1), .grad = k_grad_concat };
const struct spn_op k_op_slice = { HEAD(slice, 1), .grad = k_grad_slice };
const struct spn_op k_op_slice_grad = { HEAD(slice_grad, 1) };
const struct spn_op k_op_soft_pool = {
    HEAD(soft_pool, 2), FAST(soft_pool), .grad = k_grad_soft_pool
};
const struct spn_op k_op_soft_pool_grad = { HEAD(soft_pool_grad, 2) };
const struct spn_op k_op_batch_norm = { HEAD(batch_norm, 3), .grad = k_grad_batch_norm };
const struct spn_op k_op_batch_norm_grad = { HEAD(batch_norm_grad, 3) };
const struct spn_op k_op_gather = {
    HEAD(gather, 1), .check = k_check_gather, .grad = k_grad_gather
};
const struct spn_op k_op_gather_grad = { HEAD(gather_grad, 1), .check = NULL };
const struct spn_op k_op_map_attend = {
    HEAD(map_attend, 2), .scratch = k_scratch_attend, FAST(map_attend), .grad = k_grad_map_attend
};
const struct spn_op k_op_map_attend_grad = {
    HEAD(map_attend_grad, 4), .scratch = k_scratch_attend
};
const struct spn_op k_op_map_attend_mix_grad = {
    HEAD(map_attend_mix_grad, 2), .scratch = k_scratch_attend
};
/* clang-format on */

spn_val spn_op_act(struct spn_plan *p, spn_val x, enum spn_act_kind kind)
{
    struct k_act_params params = { (int)kind };

    if (kind == SPN_ACT_NONE)
        return x;
    return spn_plan_op(p, &k_op_act, &x, 1, &params, sizeof params);
}

/* Parameters are compared byte by byte, so none is left unset. */
static spn_val filter(struct spn_plan *p, const struct spn_op *op, spn_val x, spn_val w,
                      spn_val bias, spn_val more, const struct spn_conv *c)
{
    spn_val in[4] = { x, w, bias, more };
    struct k_conv_params params;

    memset(&params, 0, sizeof params);
    params.conv.stride = c->stride;
    params.conv.pad_h = c->pad_h;
    params.conv.pad_w = c->pad_w;
    params.conv.groups = c->groups;
    params.conv.act = c->act;
    return spn_plan_op(p, op, in, 4, &params, sizeof params);
}

spn_val spn_op_conv(struct spn_plan *p, spn_val x, spn_val w, spn_val bias, spn_val more,
                    const struct spn_conv *c)
{
    return filter(p, &k_op_conv, x, w, bias, more, c);
}

spn_val spn_op_depthwise(struct spn_plan *p, spn_val x, spn_val w, spn_val bias, spn_val more,
                         const struct spn_conv *c)
{
    return filter(p, &k_op_depthwise, x, w, bias, more, c);
}

static spn_val sized(struct spn_plan *p, const struct spn_op *op, spn_val x, int64_t out_h,
                     int64_t out_w, bool align)
{
    struct k_size_params params;

    memset(&params, 0, sizeof params);
    params.out_h = out_h;
    params.out_w = out_w;
    params.align_corners = align;
    return spn_plan_op(p, op, &x, 1, &params, sizeof params);
}

spn_val spn_op_pool(struct spn_plan *p, spn_val x, int64_t out_h, int64_t out_w)
{
    return sized(p, &k_op_pool, x, out_h, out_w, false);
}

spn_val spn_op_resize(struct spn_plan *p, spn_val x, int64_t out_h, int64_t out_w,
                      bool align_corners)
{
    return sized(p, &k_op_resize, x, out_h, out_w, align_corners);
}

spn_val spn_op_spread_add(struct spn_plan *p, spn_val a, spn_val b)
{
    spn_val in[2] = { a, b };

    return spn_plan_op(p, &k_op_spread_add, in, 2, NULL, 0);
}

spn_val spn_op_spread_mul(struct spn_plan *p, spn_val a, spn_val b)
{
    spn_val in[2] = { a, b };

    return spn_plan_op(p, &k_op_spread_mul, in, 2, NULL, 0);
}

spn_val spn_op_concat(struct spn_plan *p, const spn_val *x, int n)
{
    return spn_plan_op(p, &k_op_concat, x, n, NULL, 0);
}

spn_val spn_op_slice(struct spn_plan *p, spn_val x, int64_t first, int64_t n)
{
    struct k_slice_params params = { first, n };

    return spn_plan_op(p, &k_op_slice, &x, 1, &params, sizeof params);
}

spn_val spn_op_soft_pool(struct spn_plan *p, spn_val x, spn_val s)
{
    spn_val in[2] = { x, s };

    return spn_plan_op(p, &k_op_soft_pool, in, 2, NULL, 0);
}

spn_val spn_op_batch_norm(struct spn_plan *p, spn_val x, spn_val w, spn_val b, float eps)
{
    struct k_bn_params params = { eps };
    spn_val in[3] = { x, w, b };

    return spn_plan_op(p, &k_op_batch_norm, in, 3, &params, sizeof params);
}

spn_val spn_op_gather(struct spn_plan *p, spn_val table, spn_val index)
{
    spn_val in[2] = { table, index };

    return spn_plan_op(p, &k_op_gather, in, 2, NULL, 0);
}

spn_val spn_op_attend(struct spn_plan *p, spn_val q, spn_val k, spn_val v, spn_val bias,
                      spn_val mix1, spn_val mix2, const struct spn_attend *a)
{
    spn_val in[6] = { q, k, v, bias, mix1, mix2 };

    return spn_plan_op(p, &k_op_map_attend, in, 6, a, sizeof *a);
}

/* The mixes of heads are 1 x 1 convolutions over the scores. */
static void count_attend(const struct spn_plan *p, const struct k_record *r, struct spn_macs *m)
{
    const struct spn_attend *a = (const void *)r->params;
    const struct spn_tensor *q = &p->value[r->in[0]]->shape, *k = &p->value[r->in[1]]->shape;
    uint64_t scores = (uint64_t)(q->dim[0] * k_places(q) * k_places(k)) * (uint64_t)a->heads;

    m->attention += scores * (uint64_t)(a->dim_k + a->dim_v);
    for (int i = 4; i < 6; i++)
        if (r->in[i] != -1)
            m->convs += scores * (uint64_t)a->heads;
}

/* Numbers that one result of R is a sum of; 0: R is no convolution. */
static uint64_t terms_of(const struct spn_plan *p, const struct k_record *r)
{
    const struct spn_tensor *w = r->n_in > 1 ? &p->value[r->in[1]]->shape : NULL;

    if (r->op == &k_op_conv)
        return (uint64_t)(w->dim[1] * w->dim[2] * w->dim[3]);
    if (r->op == &k_op_depthwise)
        return (uint64_t)(w->dim[0] * w->dim[1]);
    return r->op == &k_op_matmul ? (uint64_t)w->dim[1] : 0;
}

struct spn_macs spn_plan_macs(const struct spn_plan *p)
{
    struct spn_macs m = { 0 };

    for (int i = 0; i < p->n_record; i++) {
        const struct k_record *r = p->record[i];
        const struct spn_tensor *out = &p->value[r->out[0]]->shape;
        uint64_t n = terms_of(p, r);
        bool again = false;

        if (r->op == &k_op_map_attend)
            count_attend(p, r, &m);
        for (int k = 0; n > 0 && k < i && !again; k++)
            again = p->record[k]->op == r->op && p->record[k]->in[1] == r->in[1];
        for (int k = 0; k < out->ndim; k++)
            n *= (uint64_t)out->dim[k];
        *(again ? &m.again : &m.convs) += n;
    }
    return m;
}
