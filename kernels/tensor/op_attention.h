/* op_attention.h - attention in float: the store's where the run has one, else that of rows among
 * themselves. */
#ifndef K_OP_ATTENTION_H
#define K_OP_ATTENTION_H
#include <stdbool.h>
#include <stdint.h>

#include "tensor/plan.h"

void k_attention_plain(const struct spn_op_call *c);
void k_attention_grad_plain(const struct spn_op_call *c);

/* A run of rows that attend among themselves, at consecutive positions from POS. */
struct k_example {
    int64_t row, rows, pos;
};
struct k_examples {
    struct k_example *item;
    int64_t n;
};

/* Widest key or value that the row kernels take: a block of them lies on the stack. */
#define K_ATTEND_WIDTH_MAX 256

/* Split the rows of C into examples (in its scratch, rows of them at most; the numbers behind them
   are free for the kernel: one a row and head).  False when the row kernels cannot do this call: a
   store, a tree, a softcap, widths that are not whole vectors of LANES, positions with gaps, rows
   that begin inside another's example. */
bool k_attention_examples(const struct spn_op_call *c, int lanes, struct k_examples *out);

#endif
