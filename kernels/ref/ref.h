/* ref.h - the plain version of every op, compiled for float and for double from one source: the
 * judge of all others. */
#ifndef K_REF_H
#define K_REF_H
#include "tensor/ops_impl.h"

#define K_REF_DECLARE(name)                               \
    void k_##name##_ref_f32(const struct spn_op_call *c); \
    void k_##name##_ref_f64(const struct spn_op_call *c);
K_OPS(K_REF_DECLARE)

#endif
