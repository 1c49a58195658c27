/* shapes.c - what shapes each vision op takes and gives; a mismatch is a sentence with the shapes.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vision/vision_impl.h"

#define TEXT     160
#define SIDE_MAX (INT64_C(1) << 24) /* of a map or a filter: sums of them cannot overflow */

static spn_status bad(struct spn_err *err, const char *op, const char *name,
                      const struct spn_tensor *t, const char *want)
{
    char text[TEXT];

    spn_tensor_shape_text(t, text, sizeof text);
    return spn_fail(err, SPN_EFORMAT, "%s: %s is %s %s, wanted %s", op, name,
                    spn_dtype_name(t->dtype), text, want);
}

static spn_status differ(struct spn_err *err, const char *op, const char *name_a,
                         const struct spn_tensor *a, const char *name_b, const struct spn_tensor *b)
{
    char text_a[TEXT], text_b[TEXT];

    spn_tensor_shape_text(a, text_a, sizeof text_a);
    spn_tensor_shape_text(b, text_b, sizeof text_b);
    return spn_fail(err, SPN_EFORMAT, "%s: %s is %s, %s is %s: they do not fit", op, name_a, text_a,
                    name_b, text_b);
}

static bool has(const struct spn_op_shapes *s, int k)
{
    return k < s->n_in && s->has_in[k];
}

/* Input K is there, of the plan's type, with numbers of 1 to SIDE_MAX in its NDIM dimensions; NDIM
   0: any number of them. */
static spn_status need(const struct spn_op_shapes *s, int k, int ndim, const char *op,
                       const char *name, struct spn_err *err)
{
    const struct spn_tensor *t = &s->in[k];
    char want[64];

    if (!has(s, k))
        return spn_fail(err, SPN_EINTERNAL, "%s: %s is missing", op, name);
    if (t->dtype != s->float_dtype)
        return bad(err, op, name, t, s->float_dtype == SPN_F64 ? "f64" : "f32");
    if (t->ndim < 1 || (ndim > 0 && t->ndim != ndim)) {
        snprintf(want, sizeof want, "%d dimensions", ndim);
        return bad(err, op, name, t, want);
    }
    for (int i = 0; i < t->ndim; i++)
        if (t->dim[i] < 1 || t->dim[i] > SIDE_MAX)
            return bad(err, op, name, t, "sides of 1 to 2^24");
    return SPN_OK;
}

static bool same_dims(const struct spn_tensor *a, const struct spn_tensor *b)
{
    return a->ndim == b->ndim && memcmp(a->dim, b->dim, (size_t)a->ndim * sizeof a->dim[0]) == 0;
}

static void set_out(struct spn_op_shapes *s, int k, int ndim, int64_t d0, int64_t d1, int64_t d2,
                    int64_t d3)
{
    s->out[k] =
        (struct spn_tensor){ .dtype = s->float_dtype, .ndim = ndim, .dim = { d0, d1, d2, d3 } };
}

/* Inputs 0 and 1 of one shape (N 2), output 0 too. */
static spn_status alike(struct spn_op_shapes *s, int n, const char *op, struct spn_err *err)
{
    spn_status st = need(s, 0, 0, op, "x", err);

    if (st == SPN_OK && n > 1)
        st = need(s, 1, 0, op, "the gradient", err);
    if (st == SPN_OK && n > 1 && !same_dims(&s->in[0], &s->in[1]))
        st = differ(err, op, "x", &s->in[0], "the gradient", &s->in[1]);
    if (st == SPN_OK)
        s->out[0] = s->in[0];
    return st;
}

spn_status k_shape_act(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 1, "act", err);
}

spn_status k_shape_act_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return alike(s, 2, "act_grad", err);
}

/* One output side of a filter, or an error. */
static spn_status side(int64_t in, int64_t pad, int64_t k, int stride, int64_t *out, const char *op,
                       struct spn_err *err)
{
    if (pad < 0 || pad > SIDE_MAX || stride < 1 || in + 2 * pad < k)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: a filter of %" PRId64 " with stride %d on %" PRId64
                        " numbers and 2 x %" PRId64 " zeros",
                        op, k, stride, in, pad);
    *out = (in + 2 * pad - k) / stride + 1;
    return SPN_OK;
}

/* What a bias and a map that is added have to be. */
static spn_status extras(struct spn_op_shapes *s, const char *op, struct spn_err *err)
{
    spn_status st = SPN_OK;

    if (has(s, 2))
        st = need(s, 2, 1, op, "the bias", err);
    if (st == SPN_OK && has(s, 2) && s->in[2].dim[0] != s->out[0].dim[3])
        st = differ(err, op, "the bias", &s->in[2], "the result", &s->out[0]);
    if (st == SPN_OK && has(s, 3))
        st = need(s, 3, 4, op, "the map to add", err);
    if (st == SPN_OK && has(s, 3) && !same_dims(&s->in[3], &s->out[0]))
        st = differ(err, op, "the map to add", &s->in[3], "the result", &s->out[0]);
    return st;
}

static int groups_of(const struct spn_conv *c)
{
    return c->groups > 1 ? c->groups : 1;
}

spn_status k_shape_conv(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_conv *c = &((const struct k_conv_params *)params)->conv;
    const struct spn_tensor *x = &s->in[0], *w = &s->in[1];
    int64_t h = 0, wide = 0, groups = groups_of(c);
    spn_status st = need(s, 0, 4, "conv", "x", err);

    if (st == SPN_OK)
        st = need(s, 1, 4, "conv", "the filter", err);
    if (st == SPN_OK && (w->dim[3] * groups != x->dim[3] || w->dim[0] % groups != 0))
        st = differ(err, "conv", "x", x, "the filter", w);
    if (st == SPN_OK)
        st = side(x->dim[1], c->pad_h, w->dim[1], c->stride, &h, "conv", err);
    if (st == SPN_OK)
        st = side(x->dim[2], c->pad_w, w->dim[2], c->stride, &wide, "conv", err);
    if (st != SPN_OK)
        return st;
    set_out(s, 0, 4, x->dim[0], h, wide, w->dim[0]);
    return extras(s, "conv", err);
}

spn_status k_shape_depthwise(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_conv *c = &((const struct k_conv_params *)params)->conv;
    const struct spn_tensor *x = &s->in[0], *w = &s->in[1];
    int64_t h = 0, wide = 0;
    spn_status st = need(s, 0, 4, "depthwise", "x", err);

    if (st == SPN_OK)
        st = need(s, 1, 3, "depthwise", "the filter", err);
    if (st == SPN_OK && w->dim[2] != x->dim[3])
        st = differ(err, "depthwise", "x", x, "the filter", w);
    if (st == SPN_OK)
        st = side(x->dim[1], c->pad_h, w->dim[0], c->stride, &h, "depthwise", err);
    if (st == SPN_OK)
        st = side(x->dim[2], c->pad_w, w->dim[1], c->stride, &wide, "depthwise", err);
    if (st != SPN_OK)
        return st;
    set_out(s, 0, 4, x->dim[0], h, wide, x->dim[3]);
    return extras(s, "depthwise", err);
}

/* The rules of gradients' records: shapes come from the forward record, which was checked. */

spn_status k_shape_conv_dx(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct k_conv_params *c = params;

    set_out(s, 0, 4, s->in[0].dim[0], c->in_h, c->in_w, s->in[1].dim[3] * groups_of(&c->conv));
    return SPN_OK;
}

spn_status k_shape_conv_dw(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct k_conv_params *c = params;

    set_out(s, 0, 4, s->in[0].dim[3], c->kh, c->kw, s->in[1].dim[3] / groups_of(&c->conv));
    return SPN_OK;
}

spn_status k_shape_depthwise_dx(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct k_conv_params *c = params;

    set_out(s, 0, 4, s->in[0].dim[0], c->in_h, c->in_w, s->in[0].dim[3]);
    return SPN_OK;
}

spn_status k_shape_depthwise_dw(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct k_conv_params *c = params;

    set_out(s, 0, 3, c->kh, c->kw, s->in[0].dim[3], 0);
    return SPN_OK;
}

static spn_status sized(struct spn_op_shapes *s, const void *params, const char *op,
                        struct spn_err *err)
{
    const struct k_size_params *c = params;
    spn_status st = need(s, 0, 4, op, "x", err);

    if (st == SPN_OK &&
        (c->out_h < 1 || c->out_w < 1 || c->out_h > SIDE_MAX || c->out_w > SIDE_MAX))
        st = spn_fail(err, SPN_EFORMAT, "%s: to %" PRId64 " x %" PRId64, op, c->out_h, c->out_w);
    if (st == SPN_OK)
        set_out(s, 0, 4, s->in[0].dim[0], c->out_h, c->out_w, s->in[0].dim[3]);
    return st;
}

spn_status k_shape_pool(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return sized(s, params, "pool", err);
}

spn_status k_shape_pool_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return sized(s, params, "pool_grad", err);
}

spn_status k_shape_resize(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return sized(s, params, "resize", err);
}

spn_status k_shape_resize_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return sized(s, params, "resize_grad", err);
}

static spn_status spread(struct spn_op_shapes *s, const char *op, struct spn_err *err)
{
    const struct spn_tensor *a = &s->in[0], *b = &s->in[1];
    spn_status st = need(s, 0, 0, op, "the first input", err);
    int n;

    if (st == SPN_OK)
        st = need(s, 1, 0, op, "the second input", err);
    if (st != SPN_OK)
        return st;
    n = a->ndim > b->ndim ? a->ndim : b->ndim;
    set_out(s, 0, n, 0, 0, 0, 0);
    for (int i = 1; i <= n; i++) {
        int64_t da = i <= a->ndim ? a->dim[a->ndim - i] : 1,
                db = i <= b->ndim ? b->dim[b->ndim - i] : 1;

        if (n > 4 || (da != db && da != 1 && db != 1))
            return differ(err, op, "the first input", a, "the second input", b);
        s->out[0].dim[n - i] = da > db ? da : db;
    }
    return SPN_OK;
}

spn_status k_shape_spread_add(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return spread(s, "spread_add", err);
}

spn_status k_shape_spread_mul(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    return spread(s, "spread_mul", err);
}

/* x, like: x summed where LIKE has 1. */
spn_status k_shape_sum_like(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    s->out[0] = s->in[1];
    s->out[0].dtype = s->float_dtype;
    return SPN_OK;
}

spn_status k_shape_concat(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    int64_t sum = 0;
    spn_status st = SPN_OK;

    for (int k = 0; st == SPN_OK && k < s->n_in; k++) {
        struct spn_tensor t = s->in[k];

        st = need(s, k, 0, "concat", "an input", err);
        if (st != SPN_OK)
            break;
        sum += t.dim[t.ndim - 1];
        t.dim[t.ndim - 1] = s->in[0].dim[s->in[0].ndim - 1];
        if (!same_dims(&t, &s->in[0]))
            st = differ(err, "concat", "the first map", &s->in[0], "another", &s->in[k]);
    }
    if (st == SPN_OK) {
        s->out[0] = s->in[0];
        s->out[0].dim[s->in[0].ndim - 1] = sum;
    }
    return st;
}

spn_status k_shape_slice(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct k_slice_params *c = params;
    spn_status st = need(s, 0, 0, "slice", "x", err);

    if (st == SPN_OK && (c->first < 0 || c->n < 1 || c->first > k_cols(&s->in[0]) - c->n)) {
        char text[TEXT];

        spn_tensor_shape_text(&s->in[0], text, sizeof text);
        st = spn_fail(err, SPN_EFORMAT, "slice: channels %" PRId64 " to %" PRId64 " of %s",
                      c->first, c->first + c->n - 1, text);
    }
    if (st == SPN_OK) {
        s->out[0] = s->in[0];
        s->out[0].dim[s->in[0].ndim - 1] = c->n;
    }
    return st;
}

/* dy, x: dy among zeros, shaped as x. */
spn_status k_shape_slice_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    s->out[0] = s->in[1];
    return SPN_OK;
}

spn_status k_shape_soft_pool(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_tensor *x = &s->in[0], *w = &s->in[1];
    spn_status st = need(s, 0, 4, "soft_pool", "x", err);

    if (st == SPN_OK)
        st = need(s, 1, 4, "soft_pool", "the scores", err);
    if (st == SPN_OK && memcmp(x->dim, w->dim, 3 * sizeof x->dim[0]) != 0)
        st = differ(err, "soft_pool", "x", x, "the scores are", w);
    if (st != SPN_OK)
        return st;
    set_out(s, 0, 4, x->dim[0], w->dim[3], 1, x->dim[3]);
    s->out[1] = *w;
    return SPN_OK;
}

/* x, weights (soft_pool's second output), dy. */
spn_status k_shape_soft_pool_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    s->out[0] = s->in[0];
    s->out[1] = s->in[1];
    return SPN_OK;
}

spn_status k_shape_batch_norm(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need(s, 0, 0, "batch_norm", "x", err);

    for (int k = 1; k < 3 && st == SPN_OK; k++) {
        st = need(s, k, 1, "batch_norm", k == 1 ? "the weight" : "the bias", err);
        if (st == SPN_OK && s->in[k].dim[0] != k_cols(&s->in[0]))
            st = differ(err, "batch_norm", "x", &s->in[0], "a weight", &s->in[k]);
    }
    if (st != SPN_OK)
        return st;
    s->out[0] = s->in[0];
    s->out[1] = s->out[2] = s->in[1];
    return SPN_OK;
}

/* x, w, mean, variance, dy -> dx, dw, db. */
spn_status k_shape_batch_norm_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    s->out[0] = s->in[0];
    s->out[1] = s->out[2] = s->in[1];
    return SPN_OK;
}

spn_status k_shape_gather(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need(s, 0, 2, "gather", "the table", err);

    if (st == SPN_OK && (!has(s, 1) || s->in[1].dtype != SPN_I32 || s->in[1].ndim > 3))
        st = spn_fail(err, SPN_EFORMAT, "gather: the index is not i32 of at most 3 dimensions");
    if (st != SPN_OK)
        return st;
    set_out(s, 0, s->in[1].ndim + 1, s->in[0].dim[0], s->in[1].dim[0], s->in[1].dim[1],
            s->in[1].dim[2]);
    return SPN_OK;
}

/* dy, index, table. */
spn_status k_shape_gather_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    s->out[0] = s->in[2];
    return SPN_OK;
}

static spn_status need_mix(const struct spn_op_shapes *s, int k, int heads, struct spn_err *err)
{
    spn_status st = has(s, k) ? need(s, k, 2, "attend", "a mix of heads", err) : SPN_OK;

    if (st == SPN_OK && has(s, k) && (s->in[k].dim[0] != heads || s->in[k].dim[1] != heads + 1))
        st = bad(err, "attend", "a mix of heads", &s->in[k], "[heads, heads + 1]");
    return st;
}

spn_status k_shape_map_attend(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_attend *a = params;
    const struct spn_tensor *q = &s->in[0], *k = &s->in[1], *v = &s->in[2];
    int64_t nq, nk;
    spn_status st = need(s, 0, 4, "attend", "q", err);

    if (st == SPN_OK)
        st = need(s, 1, 4, "attend", "k", err);
    if (st == SPN_OK)
        st = need(s, 2, 4, "attend", "v", err);
    if (st == SPN_OK && (a->heads < 1 || a->heads > 64 || a->dim_k < 1 || a->dim_v < 1))
        st = spn_fail(err, SPN_EFORMAT, "attend: %d heads of %d and %d", a->heads, a->dim_k,
                      a->dim_v);
    if (st == SPN_OK && (q->dim[3] != (int64_t)a->heads * a->dim_k || k->dim[3] != q->dim[3] ||
                         k->dim[0] != q->dim[0]))
        st = differ(err, "attend", "q", q, "k", k);
    if (st == SPN_OK && (v->dim[3] != (int64_t)a->heads * a->dim_v ||
                         memcmp(v->dim, k->dim, 3 * sizeof v->dim[0]) != 0))
        st = differ(err, "attend", "k", k, "v", v);
    if (st == SPN_OK && has(s, 3))
        st = need(s, 3, 3, "attend", "the bias", err);
    if (st == SPN_OK)
        st = need_mix(s, 4, a->heads, err);
    if (st == SPN_OK)
        st = need_mix(s, 5, a->heads, err);
    if (st != SPN_OK)
        return st;
    nq = k_places(q);
    nk = k_places(k);
    if (has(s, 3) &&
        (s->in[3].dim[0] != a->heads || s->in[3].dim[1] != nq || s->in[3].dim[2] != nk))
        return bad(err, "attend", "the bias", &s->in[3], "[heads, places of q, places of k]");
    set_out(s, 0, 4, q->dim[0], q->dim[1], q->dim[2], v->dim[3]);
    if (a->keep)
        set_out(s, 1, 4, q->dim[0], a->heads, nq, nk);
    else
        set_out(s, 1, 1, 1, 0, 0, 0);
    return SPN_OK;
}

/* q, k, v, bias, mix1, mix2, the softmax kept, dy -> dq, dk, dv, d(q k + bias). */
spn_status k_shape_map_attend_grad(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    for (int k = 0; k < 3; k++)
        s->out[k] = s->in[k];
    s->out[3] = s->in[6];
    return SPN_OK;
}

/* The same inputs -> d mix1, d mix2. */
spn_status k_shape_map_attend_mix_grad(struct spn_op_shapes *s, const void *params,
                                       struct spn_err *err)
{
    int64_t heads = ((const struct spn_attend *)params)->heads;

    for (int k = 0; k < 2; k++)
        set_out(s, k, 2, heads, heads + 1, 0, 0);
    return SPN_OK;
}

spn_status k_check_gather(const struct spn_op_call *c, struct spn_err *err)
{
    const int32_t *index = c->in[1]->data;
    int64_t n = spn_tensor_elems(c->in[1]), size = c->in[0]->dim[1];

    for (int64_t i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= size)
            return spn_fail(err, SPN_EFORMAT,
                            "gather: index %" PRId32 ", the table has %" PRId64 " columns",
                            index[i], size);
    return SPN_OK;
}
