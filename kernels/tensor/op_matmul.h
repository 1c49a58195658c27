/* op_matmul.h - products of a plan in float: packed tiles where the weight has them, else the
 * general f32 product. */
#ifndef K_OP_MATMUL_H
#define K_OP_MATMUL_H
#include <stdbool.h>

#include "tensor/plan.h"

/* Weight rows of a type other than f32 are decoded this many at a time. */
#define K_PANEL_ROWS 64

void k_matmul_plain(
    const struct spn_op_call *c); /* reference loops, but packed weights by spn_product */
void k_matmul_fast(const struct spn_op_call *c);
void k_matmul_dx_fast(const struct spn_op_call *c);
void k_matmul_dw_fast(const struct spn_op_call *c);

/* Do both multiply activations that were prepared in the same way? */
bool k_matmul_shares(const struct spn_op_call *a, const struct spn_op_call *b);

#endif
