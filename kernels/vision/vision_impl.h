/* vision_impl.h - the vision ops by name, their parameters and rules. Private. */
#ifndef K_VISION_IMPL_H
#define K_VISION_IMPL_H
#include "tensor/ops_impl.h"
#include "vision/ops.h"

#define K_VISION_OPS(X)                                                                     \
    X(act)                                                                                  \
    X(act_grad)                                                                             \
    X(conv)                                                                                 \
    X(conv_dx) X(conv_dw) X(depthwise) X(depthwise_dx) X(depthwise_dw) X(pool) X(pool_grad) \
        X(resize) X(resize_grad) X(spread_add) X(spread_mul) X(sum_like) X(concat) X(slice) \
            X(slice_grad) X(soft_pool) X(soft_pool_grad) X(batch_norm) X(batch_norm_grad)   \
                X(gather) X(gather_grad) X(map_attend) X(map_attend_grad) X(map_attend_mix_grad)

#define K_VISION_DECLARE(name)                                                                   \
    extern const struct spn_op k_op_##name;                                                      \
    spn_status k_shape_##name(struct spn_op_shapes *s, const void *params, struct spn_err *err); \
    void k_##name##_ref_f32(const struct spn_op_call *c);                                        \
    void k_##name##_ref_f64(const struct spn_op_call *c);
K_VISION_OPS(K_VISION_DECLARE)

struct k_act_params {
    int kind;
};
/* A convolution and the height and width of its filter, or of its input (for dx). */
struct k_conv_params {
    struct spn_conv conv;
    int64_t kh, kw, in_h, in_w;
};
struct k_size_params {
    int64_t out_h, out_w;
    bool align_corners;
};
struct k_slice_params {
    int64_t first, n;
};
struct k_bn_params {
    float eps;
};

/* Rows and columns of a map seen as pictures of places: [B, ..., C] has B pictures of N places. */
static inline int64_t k_places(const struct spn_tensor *t)
{
    int64_t n = 1;

    for (int i = 1; i + 1 < t->ndim; i++)
        n *= t->dim[i];
    return n;
}

/* Window I of OUT over IN numbers. */
static inline int64_t k_window_begin(int64_t i, int64_t in, int64_t out)
{
    return i * in / out;
}
static inline int64_t k_window_end(int64_t i, int64_t in, int64_t out)
{
    return ((i + 1) * in + out - 1) / out;
}

/* Where output I of OUT lies between two of IN: weights 1 - *T at *LO and *T at *HI. */
static inline void k_between(int64_t i, int64_t in, int64_t out, bool align, int64_t *lo,
                             int64_t *hi, double *t)
{
    double at = align ? (out > 1 ? (double)i * (double)(in - 1) / (double)(out - 1) : 0)
                      : ((double)i + 0.5) * (double)in / (double)out - 0.5;

    if (at < 0)
        at = 0;
    *lo = (int64_t)at;
    if (*lo > in - 1)
        *lo = in - 1;
    *hi = *lo + 1 < in ? *lo + 1 : *lo;
    *t = at - (double)*lo;
}

/* ---- scratch rules ---- */
size_t k_scratch_conv(const struct spn_op_call *c);
size_t k_scratch_conv_dx(const struct spn_op_call *c);
size_t k_scratch_conv_dw(const struct spn_op_call *c);
size_t k_scratch_attend(const struct spn_op_call *c);
size_t k_scratch_attend_grad(const struct spn_op_call *c);
size_t k_scratch_soft_pool_grad(const struct spn_op_call *c);
size_t k_scratch_depthwise_dw(const struct spn_op_call *c);

/* ---- gradients (vision/grads.c) ---- */
#define K_VISION_GRADS(X)                                                                       \
    X(act)                                                                                      \
    X(conv)                                                                                     \
    X(depthwise)                                                                                \
    X(pool) X(resize) X(spread_add) X(spread_mul) X(concat) X(slice) X(soft_pool) X(batch_norm) \
        X(gather) X(map_attend)
#define K_VISION_GRAD_DECLARE(name) \
    spn_status k_grad_##name(struct spn_plan *p, int record, struct spn_err *err);
K_VISION_GRADS(K_VISION_GRAD_DECLARE)

spn_status k_check_gather(const struct spn_op_call *c, struct spn_err *err);

/* ---- versions that are written for speed (vision/fast_*.c): they split the work over the pool and
   leave the loops to the instruction set's kernels ---- */
void k_conv_plain(const struct spn_op_call *c);

#endif
