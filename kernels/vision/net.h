/* net.h - a vision network while it is written down: layers by the names that its weights have in a
 * checkpoint, for maps of one size.
 *
 * An architecture is a function that appends layers to a spn_vnet; all that is folded, packed or
 * laid out otherwise is made once a model and kept (model.h).  The first thing that goes wrong (a
 * key that is not there, a shape that does not fit) is kept as a sentence; the calls after it
 * return -1.
 */
#ifndef SPN_VISION_NET_H
#define SPN_VISION_NET_H
#include "vision/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_vnet;

/* "decode_head.meta.0", lent until the net goes. */
const char *spn_vnet_name(struct spn_vnet *n, const char *fmt, ...) SPN_PRINTF(2, 3);
struct spn_plan *spn_vnet_plan(struct spn_vnet *n);
/* Does the checkpoint have the tensor NAME? Its dimension I; 0: no such tensor or dimension. */
bool spn_vnet_has(const struct spn_vnet *n, const char *name);
int64_t spn_vnet_dim(const struct spn_vnet *n, const char *name, int i);
/* Dimension I of the map V (0 batch, 1 height, 2 width, 3 channels); 0 after a failure. */
int64_t spn_vnet_size(const struct spn_vnet *n, spn_val v, int i);
/* Keep a sentence; returns -1. */
spn_val spn_vnet_fail(struct spn_vnet *n, spn_status code, const char *fmt, ...) SPN_PRINTF(3, 4);

/* A convolution as checkpoints have it: CONV.weight [O, C / groups, kh, kw] or [O, C], CONV.bias
   where there is one.  A filter a channel is told by its shape.  BN, BN_BEFORE: batch norms after
   and before it (before only where nothing is padded); SCALE: a number a channel that the result is
   multiplied by; NULL: none.  CENTRE is added to the middle of each channel's filter (with 1: the
   input itself, where the filter stands). */
struct spn_vconv {
    const char *conv, *bn, *bn_before, *scale;
    int stride /* 0: 1 */, pad_h, pad_w, act;
    float centre, eps /* of the norms; 0: 1e-5 */;
};
/* act(...) + more (-1: nothing). */
spn_val spn_vnet_conv(struct spn_vnet *n, spn_val x, const struct spn_vconv *c, spn_val more);
/* Over channels; NORM.weight, NORM.bias. */
spn_val spn_vnet_layer_norm(struct spn_vnet *n, spn_val x, const char *norm, float eps);
/* Numbers of the checkpoint as they are: [n] for any shape with one side above 1. */
spn_val spn_vnet_vector(struct spn_vnet *n, const char *name);
/* [heads, heads + 1] of a 1 x 1 convolution over heads: weight and bias. */
spn_val spn_vnet_mix(struct spn_vnet *n, const char *conv);

/* Numbers made from the checkpoint: MAKE fills NDIM dimensions at TO, once for each KEY.  LASTS:
   the size of the map has no part in them, so that they are kept with the model. */
typedef spn_status (*spn_vnet_make)(struct spn_vnet *n, void *ctx, float *to, struct spn_err *err);
spn_val spn_vnet_constant(struct spn_vnet *n, const char *key, int ndim, const int64_t *dim,
                          bool lasts, spn_vnet_make make, void *ctx);
/* The tensor NAME as floats, to be freed with spn_free; WANT: how many numbers it has to have. */
spn_status spn_vnet_read(struct spn_vnet *n, const char *name, int64_t want, float **out,
                         struct spn_err *err);

/* What follows belongs to this stage, for timings; NAME is static. */
void spn_vnet_stage(struct spn_vnet *n, const char *name);
/* A map that a viewer may want to see (only kept when it asks); NAME is lent. */
void spn_vnet_show(struct spn_vnet *n, const char *name, spn_val v);

#ifdef __cplusplus
}
#endif
#endif
