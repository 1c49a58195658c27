/* model.h - a vision model that runs: weights of an open checkpoint, made ready once, and a plan
 * for each size of map, kept for the sizes used last.
 */
#ifndef SPN_VISION_MODEL_H
#define SPN_VISION_MODEL_H
#include "base/pool.h"
#include "format/reader.h"
#include "vision/net.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_vision;

struct spn_vision_setup {
    /* Append the forward of x [B, H, W, C] and return its result. */
    spn_val (*build)(struct spn_vnet *n, spn_val x, const void *config);
    const void *config;    /* lent as long as the model */
    int channels;          /* of the input: 3 */
    bool bf16;             /* products of bf16, sums of f32 */
    struct spn_pool *pool; /* lent; NULL: the caller's thread */
};
/* R is lent until spn_vision_close. SPN_ENOMEM. */
spn_status spn_vision_open(struct spn_vision **out, struct spn_reader *r,
                           const struct spn_vision_setup *setup, struct spn_err *err);
void spn_vision_close(struct spn_vision *v); /* NULL is fine */

/* Keep the maps that spn_vnet_show names in the runs that follow. */
void spn_vision_inside(struct spn_vision *v, bool on);
/* Make ready for maps of this size, which the first run of it does by itself. */
spn_status spn_vision_prepare(struct spn_vision *v, int64_t batch, int64_t h, int64_t w,
                              struct spn_err *err);
/* X [batch, h, w, channels] through the network; *OUT [batch, h', w', n] is lent until the next
   call. */
spn_status spn_vision_run(struct spn_vision *v, const float *x, int64_t batch, int64_t h, int64_t w,
                          struct spn_tensor *out, struct spn_err *err);

/* Of the run before: the Ith stage and its seconds (NULL: past the last), a map that was shown
   (SPN_ENOTFOUND: none of that name), the Ith name of one (NULL: past the last). */
const char *spn_vision_stage(const struct spn_vision *v, int i, double *seconds);
spn_status spn_vision_map(struct spn_vision *v, const char *name, struct spn_tensor *out,
                          struct spn_err *err);
const char *spn_vision_map_name(const struct spn_vision *v, int i);
/* Of the plan in use: its work, the bytes of its activations; bytes of weights made so far. */
struct spn_vision_cost {
    struct spn_macs macs;
    uint64_t run_bytes, weight_bytes;
};
struct spn_vision_cost spn_vision_cost(const struct spn_vision *v);

#ifdef __cplusplus
}
#endif
#endif
