/* forward.h - what the parts of the forward share (inside the library). */
#ifndef LM_FORWARD_H
#define LM_FORWARD_H
#include "lm/model.h"

struct lm_pass {
    struct spn_lm *m;
    struct spn_plan *p;
    spn_val divisors;
};

/* W as a value, -1 where the model has none. */
spn_val lm_value(struct lm_pass *s, struct spn_weight *w);
/* x W^T + bias (NULL or absent: none), with what adapters add to it. */
spn_val lm_linear(struct lm_pass *s, spn_val x, struct spn_weight *w, struct spn_weight *bias);
/* HEAD_DIM numbers a head rotated by the row's position, as layer W has it. */
spn_val lm_rotate(struct lm_pass *s, spn_val x, int64_t head_dim, const struct spn_lm_layer *w);
/* What layer number LAYER mixes rows by, where that is not plain attention (forward_mix.c). */
spn_val lm_latent(struct lm_pass *s, spn_val x, struct spn_lm_layer *w, int layer);
spn_val lm_mamba(struct lm_pass *s, spn_val x, struct spn_lm_layer *w, int layer);
/* The states of layer LAYER; 0 where it has none. */
struct spn_ssm lm_ssm_of(const struct spn_lm *m, int64_t layer);

#endif
