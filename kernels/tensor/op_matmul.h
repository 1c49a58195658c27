/* op_matmul.h - products of a plan in float: packed tiles where the weight has them, else the
 * general f32 product. */
#ifndef K_OP_MATMUL_H
#define K_OP_MATMUL_H
#include "tensor/plan.h"

/* Weight rows of a type other than f32 are decoded this many at a time. */
#define K_PANEL_ROWS 64

void k_matmul_plain(
    const struct spn_op_call *c); /* reference loops, but packed weights by spn_product */
void k_matmul_fast(const struct spn_op_call *c);
void k_matmul_dx_fast(const struct spn_op_call *c);
void k_matmul_dw_fast(const struct spn_op_call *c);

#endif
