/* vision_impl.h - the plain vision ops; included once with `real` as float and once as double:
 * R(exp) is the C library's function of that type. */
#include <math.h>
#include <string.h>

#include "vision/vision_impl.h"

static inline real *out_data(const struct spn_op_call *c, int k)
{
    return c->out[k]->data;
}

static inline const real *in_data(const struct spn_op_call *c, int k)
{
    return c->in[k] != NULL ? c->in[k]->data : NULL;
}

static void zero_out(const struct spn_op_call *c, int k)
{
    memset(c->out[k]->data, 0, (size_t)spn_tensor_elems(c->out[k]) * sizeof(real));
}

#define ROOT_HALF ((real)0.70710678118654752440)
#define GAUSS_0   ((real)0.39894228040143267794) /* 1 / sqrt(2 pi) */

static real act_of(int kind, real x)
{
    switch (kind) {
    case SPN_ACT_RELU:
        return x > 0 ? x : 0 * x; /* a NaN stays */
    case SPN_ACT_GELU:
        return x * (R(erfc)(-x * ROOT_HALF) / 2);
    case SPN_ACT_SIGMOID:
        return 1 / (1 + R(exp)(-x));
    case SPN_ACT_HARD_SIGMOID:
        return x <= -3 ? 0 : x >= 3 ? 1 : (x + 3) / 6;
    default:
        return x;
    }
}

static real act_slope(int kind, real x)
{
    real s;

    switch (kind) {
    case SPN_ACT_RELU:
        return x > 0;
    case SPN_ACT_GELU:
        return R(erfc)(-x * ROOT_HALF) / 2 + x * GAUSS_0 * R(exp)(-x * x / 2);
    case SPN_ACT_SIGMOID:
        s = 1 / (1 + R(exp)(-x));
        return s * (1 - s);
    case SPN_ACT_HARD_SIGMOID:
        return x > -3 && x < 3 ? (real)1 / 6 : 0;
    default:
        return 1;
    }
}

void REF(act)(const struct spn_op_call *c)
{
    int kind = ((const struct k_act_params *)c->params)->kind;
    const real *x = in_data(c, 0);
    real *y = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        y[i] = act_of(kind, x[i]);
}

void REF(act_grad)(const struct spn_op_call *c)
{
    int kind = ((const struct k_act_params *)c->params)->kind;
    const real *x = in_data(c, 0), *dy = in_data(c, 1);
    real *dx = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        dx[i] = dy[i] * act_slope(kind, x[i]);
}

/* ---- convolutions ---- */

/* A filter at work: where output (oy, ox) reads, and the numbers of a filter. DW: a filter a
   channel, [kh][kw][C], else [O][kh][kw][C / groups]. */
struct taps {
    int64_t batch, h, w, c, oh, ow, o, kh, kw;
    int64_t group_in, group_out; /* channels of one group */
    const struct spn_conv *p;
};

static struct taps taps_of(const struct spn_op_call *c, const struct spn_tensor *x,
                           const struct spn_tensor *y, int64_t kh, int64_t kw, bool dw)
{
    const struct spn_conv *p = &((const struct k_conv_params *)c->params)->conv;
    int64_t groups = dw ? x->dim[3] : p->groups > 1 ? p->groups : 1;

    return (struct taps){ .batch = x->dim[0],
                          .h = x->dim[1],
                          .w = x->dim[2],
                          .c = x->dim[3],
                          .oh = y->dim[1],
                          .ow = y->dim[2],
                          .o = y->dim[3],
                          .kh = kh,
                          .kw = kw,
                          .group_in = x->dim[3] / groups,
                          .group_out = y->dim[3] / groups,
                          .p = p };
}

static inline int64_t weight_at(const struct taps *t, int64_t o, int64_t ky, int64_t kx, int64_t ci,
                                bool dw)
{
    return dw ? (ky * t->kw + kx) * t->c + o : ((o * t->kh + ky) * t->kw + kx) * t->group_in + ci;
}

/* The one walk over a convolution: X and Y are read or written as what is asked for.
   forward: y[o] += x w;  dx += dy w;  dw += dy x. */
enum walk { FORWARD, TO_X, TO_W };

static void walk(const struct taps *t, enum walk what, bool dw, real *x, real *w, real *y)
{
    for (int64_t b = 0; b < t->batch; b++)
        for (int64_t oy = 0; oy < t->oh; oy++)
            for (int64_t ox = 0; ox < t->ow; ox++)
                for (int64_t o = 0; o < t->o; o++) {
                    real *at = y + ((b * t->oh + oy) * t->ow + ox) * t->o + o, sum = 0;
                    int64_t first = o / t->group_out * t->group_in;

                    for (int64_t ky = 0; ky < t->kh; ky++)
                        for (int64_t kx = 0; kx < t->kw; kx++) {
                            int64_t iy = oy * t->p->stride + ky - t->p->pad_h,
                                    ix = ox * t->p->stride + kx - t->p->pad_w;
                            real *from;

                            if (iy < 0 || iy >= t->h || ix < 0 || ix >= t->w)
                                continue;
                            from = x + ((b * t->h + iy) * t->w + ix) * t->c + first;
                            for (int64_t ci = 0; ci < t->group_in; ci++) {
                                real *wt = w + weight_at(t, o, ky, kx, ci, dw);

                                if (what == FORWARD)
                                    sum += from[ci] * *wt;
                                else if (what == TO_X)
                                    from[ci] += *at * *wt;
                                else
                                    *wt += *at * from[ci];
                            }
                        }
                    if (what == FORWARD)
                        *at = sum;
                }
}

static void forward(const struct spn_op_call *c, bool dw)
{
    const struct spn_tensor *w = c->in[1];
    struct taps t = taps_of(c, c->in[0], c->out[0], w->dim[dw ? 0 : 1], w->dim[dw ? 1 : 2], dw);
    const real *bias = in_data(c, 2), *more = in_data(c, 3);
    real *y = out_data(c, 0);

    walk(&t, FORWARD, dw, c->in[0]->data, w->data, y);
    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        y[i] = act_of(t.p->act, y[i] + (bias != NULL ? bias[i % t.o] : 0)) +
               (more != NULL ? more[i] : 0);
}

void REF(conv)(const struct spn_op_call *c)
{
    forward(c, false);
}

void REF(depthwise)(const struct spn_op_call *c)
{
    forward(c, true);
}

/* dy, w -> dx. */
static void to_x(const struct spn_op_call *c, bool dw)
{
    const struct spn_tensor *w = c->in[1];
    struct taps t = taps_of(c, c->out[0], c->in[0], w->dim[dw ? 0 : 1], w->dim[dw ? 1 : 2], dw);

    zero_out(c, 0);
    walk(&t, TO_X, dw, out_data(c, 0), w->data, c->in[0]->data);
}

/* dy, x -> dw. */
static void to_w(const struct spn_op_call *c, bool dw)
{
    const struct spn_tensor *w = c->out[0];
    struct taps t = taps_of(c, c->in[1], c->in[0], w->dim[dw ? 0 : 1], w->dim[dw ? 1 : 2], dw);

    zero_out(c, 0);
    walk(&t, TO_W, dw, c->in[1]->data, out_data(c, 0), c->in[0]->data);
}

void REF(conv_dx)(const struct spn_op_call *c)
{
    to_x(c, false);
}

void REF(conv_dw)(const struct spn_op_call *c)
{
    to_w(c, false);
}

void REF(depthwise_dx)(const struct spn_op_call *c)
{
    to_x(c, true);
}

void REF(depthwise_dw)(const struct spn_op_call *c)
{
    to_w(c, true);
}

#include "ref/vision_maps_impl.h"
#include "ref/vision_attend_impl.h"
