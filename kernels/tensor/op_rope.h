/* op_rope.h - the table of angles, each position of a batch computed once. */
#ifndef K_OP_ROPE_H
#define K_OP_ROPE_H
#include "tensor/plan.h"

/* Places that remember the last row of a position. */
#define K_ROPE_SLOTS 1024

void k_rope_table_fast(const struct spn_op_call *c);

#endif
