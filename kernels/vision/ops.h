/* ops.h - ops over maps: [B, H, W, C], pictures, rows, columns, channels; the channel is the
 * contiguous one, so a map is also B H W rows of C numbers.
 *
 * They belong to the core's op table (tensor/ops.h says what that means): each has a reference in
 * float and double, and a gradient where it says so.
 */
#ifndef SPN_VISION_OPS_H
#define SPN_VISION_OPS_H
#include "tensor/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a result goes through, number by number.  GELU is the exact form, x Phi(x) (Hendrycks and
   Gimpel 2016); HARD_SIGMOID is min(max(x + 3, 0), 6) / 6 (Howard and others 2019). */
enum spn_act_kind {
    SPN_ACT_NONE,
    SPN_ACT_RELU,
    SPN_ACT_GELU,
    SPN_ACT_SIGMOID,
    SPN_ACT_HARD_SIGMOID,
    SPN_ACT_KINDS
};
spn_val spn_op_act(struct spn_plan *p, spn_val x, enum spn_act_kind kind);

struct spn_conv {
    int stride, pad_h, pad_w; /* zeros around the map */
    int groups;               /* of channels; 0 and 1: one */
    int act;                  /* enum spn_act_kind */
};
/* y [B, Ho, Wo, O] = act(x * w + bias) + more: w [O, kh, kw, C / groups], bias [O] and more (of y's
   shape) may be -1; Ho = (H + 2 pad_h - kh) / stride + 1.  A weight with packed tiles (of w as
   [O, kh kw C]; one group) is multiplied by them and its own data is not read.  With an activation
   or MORE it has no gradient: those are records of their own in a plan that trains. */
spn_val spn_op_conv(struct spn_plan *p, spn_val x, spn_val w, spn_val bias, spn_val more,
                    const struct spn_conv *c);
/* The same with a filter a channel: w [kh, kw, C]; groups is not looked at. */
spn_val spn_op_depthwise(struct spn_plan *p, spn_val x, spn_val w, spn_val bias, spn_val more,
                         const struct spn_conv *c);

/* Mean of windows [B, H, W, C] -> [B, OUT_H, OUT_W, C]: window i is rows floor(i H / OUT_H) to
   ceil((i + 1) H / OUT_H) - 1, so 1 x W and H x 1 are means over strips. */
spn_val spn_op_pool(struct spn_plan *p, spn_val x, int64_t out_h, int64_t out_w);
/* Bilinear interpolation to [B, OUT_H, OUT_W, C]; pixel centres with repeated borders, or
   ALIGN_CORNERS: first and last pixels coincide. */
spn_val spn_op_resize(struct spn_plan *p, spn_val x, int64_t out_h, int64_t out_w,
                      bool align_corners);

/* Element by element with shapes aligned at their last dimension; where one has 1, or no such
   dimension, it is repeated (the smaller one's gradient is a sum). At most 4 dimensions. */
spn_val spn_op_spread_add(struct spn_plan *p, spn_val a, spn_val b);
spn_val spn_op_spread_mul(struct spn_plan *p, spn_val a, spn_val b);

/* Channels of N maps (8 at most) one after another; channels [FIRST, FIRST + N) of a map. */
spn_val spn_op_concat(struct spn_plan *p, const spn_val *x, int n);
spn_val spn_op_slice(struct spn_plan *p, spn_val x, int64_t first, int64_t n);

/* Prototypes: y [B, K, 1, C] = sum over places of softmax(s[.., k]) x, the softmax over the H W
   places of one picture; x [B, H, W, C], s [B, H, W, K]. */
spn_val spn_op_soft_pool(struct spn_plan *p, spn_val x, spn_val s);

/* Batch normalisation that trains: y = (x - mean) / sqrt(var + eps) * w + b with mean and
   (population) variance of each channel over all places; outputs 1 and 2 are these, [C] (Ioffe and
   Szegedy 2015).  No gradient flows back from them. */
spn_val spn_op_batch_norm(struct spn_plan *p, spn_val x, spn_val w, spn_val b, float eps);

/* y [H, I...] = table [H, T] at index [I...], an i32 input; an index out of the table fails the
   run. */
spn_val spn_op_gather(struct spn_plan *p, spn_val table, spn_val index);

/* Attention of maps, all places of one picture to all of another: q [B, h, w, heads * dim_k],
   k [B, h', w', heads * dim_k], v [B, h', w', heads * dim_v] -> [B, h, w, heads * dim_v].

     A = scale q k + bias [heads, Nq, Nk];  A = mix1 A;  A = softmax over keys;  A = mix2 A

   mix [heads, heads + 1]: head i becomes sum_j mix[i][j] A_j + mix[i][heads] (talking heads:
   Shazeer and others 2020).  bias and the mixes may be -1.  KEEP holds what a gradient needs: Nq Nk
   numbers a head; without it there is none. */
struct spn_attend {
    int heads, dim_k, dim_v;
    float scale;
    int keep;
};
spn_val spn_op_attend(struct spn_plan *p, spn_val q, spn_val k, spn_val v, spn_val bias,
                      spn_val mix1, spn_val mix2, const struct spn_attend *a);

/* Multiply-adds of one run of P, whose shapes are numbers. */
struct spn_macs {
    uint64_t convs;     /* of every conv, depthwise, matmul and mix of heads */
    uint64_t again;     /* the same of filters that ran before: published counts leave these out */
    uint64_t attention; /* products of queries and keys, of scores and values */
};
struct spn_macs spn_plan_macs(const struct spn_plan *p);

#ifdef __cplusplus
}
#endif
#endif
