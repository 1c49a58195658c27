/* attention.h - the part of attention that reads sequence memory; the language runtime has it. */
#ifndef SPN_ATTENTION_H
#define SPN_ATTENTION_H
#include "tensor/plan.h"

/* Attention of a run with a store (float): append k and v of the batch to the layer's store, then
   each row attends to the keys of its sequence.  c->params is struct spn_attention; in q, k, v;
   out[0] the result, out[1] is not touched. */
void spn_attention_store_f32(const struct spn_op_call *c);

#endif
