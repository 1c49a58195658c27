/* attention_block.h - one block of keys against the query heads of one row: the step of the online
 * softmax (inside the library). */
#ifndef LM_ATTENTION_BLOCK_H
#define LM_ATTENTION_BLOCK_H
#include <stdint.h>
#include "tensor/ops.h"

/* The running state of HEADS query heads that read one kv head.  y is both accumulator and result.
 */
struct k_attend {
    int heads, dim_k, dim_v, half; /* half: keys and values are F16 */
    float scale, softcap;
    const float *q;   /* [heads, dim_k] */
    float *y;         /* [heads, dim_v], 0 before the first block */
    float *max, *sum; /* [heads]: largest score so far (-inf), sum of exp(score - max) (0) */
};

/* K [BLOCK, dim_k] and V [BLOCK, dim_v]: lane j holds the key whose position is j modulo
   SPN_ATTENTION_BLOCK, whichever page it comes from.  All lanes may be read, only those of MASK
   (not 0) count.  Order of arithmetic: a score is one fixed sum over dim_k; the maximum; a fixed
   tree over the 32 lanes for the sum; values lane by lane into a fixed number of sums.  A lane
   outside MASK leaves no trace, so a row's bytes depend on the keys it sees alone. */
typedef void (*k_attend_fn)(const struct k_attend *a, const void *k, const void *v, uint32_t mask);

void k_attend_ref(const struct k_attend *a, const void *k, const void *v, uint32_t mask);
void k_attend_avx2(const struct k_attend *a, const void *k, const void *v, uint32_t mask);
void k_attend_avx512(const struct k_attend *a, const void *k, const void *v, uint32_t mask);

#endif
