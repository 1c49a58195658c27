/* op_params.h - the parameters that the core's op records carry, for whoever computes them (ref/,
 * x86/). */
#ifndef K_OP_PARAMS_H
#define K_OP_PARAMS_H
#include <stdbool.h>

#include "tensor/ops.h"

struct k_norm_params {
    float eps;
};
struct k_rope_params {
    struct spn_rope rope;
    bool inverse; /* turn back: the gradient */
};
struct k_scale_params {
    float factor;
};
struct k_gelu_params {
    bool tanh_form;
};
struct k_softcap_params {
    float cap;
};
struct k_embed_pos_params {
    int offset;
};
struct k_experts_params {
    const struct spn_experts *e;
};
struct k_columns_params {
    int parts;
    int64_t from, width;
};
struct k_join_params {
    int parts, parts_b;
};
struct k_heads_params {
    const struct spn_heads *h;
};
struct k_ssm_params {
    struct spn_ssm s;
};
struct k_const_params {
    double value;
};
/* Attention's are struct spn_attention itself. */

#endif
