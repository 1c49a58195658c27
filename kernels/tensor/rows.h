/* rows.h - what each row of a batch is: the run-time data that attention and positions read. */
#ifndef SPN_ROWS_H
#define SPN_ROWS_H
#include <stdint.h>

/* Without a store (training, scoring a text at once) row i attends to rows first[i]..i of this
   batch. With a store it attends to the keys of sequence seq[i] whose position is <= pos[i] (and,
   in a tree, allowed by TREE). Positions are given, none is derived from an index. */
struct spn_rows {
    int64_t n;
    const int32_t *token; /* NULL when hidden states are given */
    const int32_t *pos;
    const int32_t *seq;   /* sequence of the row (store runs) */
    const int32_t *first; /* first row of its example (runs without a store) */
    const int32_t *out;   /* rows whose output is wanted, increasing; NULL: all */
    int64_t n_out;
    /* Tree mask: parent row in this batch, -1 = the sequence's stored end; NULL = rows of a
     * sequence see each other by position. */
    const int32_t *parent;
};

#endif
