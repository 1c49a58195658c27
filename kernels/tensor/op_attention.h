/* op_attention.h - attention in float: the store's where the run has one, else that of rows among
 * themselves. */
#ifndef K_OP_ATTENTION_H
#define K_OP_ATTENTION_H
#include "tensor/plan.h"

void k_attention_plain(const struct spn_op_call *c);

#endif
