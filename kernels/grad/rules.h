/* rules.h - the gradient rule of each op: appends the records that carry gradients from its outputs
 * to its inputs. */
#ifndef K_GRAD_RULES_H
#define K_GRAD_RULES_H
#include "tensor/plan.h"

#define K_GRAD_RULES(X)                                                                         \
    X(embed)                                                                                    \
    X(matmul) X(rms_norm) X(layer_norm) X(rope) X(attention) X(add) X(mul) X(scale) X(silu_mul) \
        X(silu) X(gelu) X(softmax) X(take_rows) X(cross_entropy) X(sum)

#define K_GRAD_DECLARE(name) \
    spn_status k_grad_##name(struct spn_plan *p, int record, struct spn_err *err);
K_GRAD_RULES(K_GRAD_DECLARE)

#endif
