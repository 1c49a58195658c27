/* op_attention.c - which attention computes a record: the store's where the run has one, else that
 * of rows among themselves. */
#include "config.h"

#include "tensor/op_attention.h"

#include "ref/ref.h"
#include "tensor/attention.h"

void k_attention_plain(const struct spn_op_call *c)
{
    if (c->run->store != NULL)
        spn_attention_store_f32(c);
    else
        k_attention_ref_f32(c);
}
