/* attention_block.h - some blocks of keys against the query heads of one row: a step of the online
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
    const float *slope; /* [heads] ALiBi's slopes; NULL: none */
    int32_t pos;        /* of the row */
    const float *q;     /* [heads, dim_k] */
    float *y;           /* [heads, dim_v], 0 before the first block */
    float *max, *sum;   /* [heads]: largest score so far (-inf), sum of exp(score - max) (0) */
};

/* Up to K_SPAN blocks of keys whose positions have the same pos / (K_SPAN * SPN_ATTENTION_BLOCK),
   in the order of their positions: one step of the online softmax, so that there is one maximum and
   one rescaling for all of them.  Lane j of a block is the key at position j modulo
   SPN_ATTENTION_BLOCK, whichever page it comes from; only lanes of MASK (not 0) count. */
enum { K_SPAN = 4 };
struct k_span {
    int n;
    int32_t first[K_SPAN]; /* position of lane 0 */
    uint32_t mask[K_SPAN];
    /* Keys [dim, BLOCK] and values [BLOCK, dim], every lane may be read; NULL where the lanes lie
       here and there: LANE_K is the first number of a key, whose others follow at a distance of
       BLOCK, LANE_V a whole value. */
    const void *k[K_SPAN], *v[K_SPAN];
    const void *lane_k[K_SPAN][SPN_ATTENTION_BLOCK], *lane_v[K_SPAN][SPN_ATTENTION_BLOCK];
};

/* Order of arithmetic: a score is two chains over dim_k, of the even and of the odd places, and
   their sum; the maximum; weights summed a lane over
   the blocks, then over the lanes by a fixed tree; values lane by lane into a fixed number of sums.
   A lane outside MASK leaves no trace, so a row's bytes depend on the keys it sees alone.

   A sees the keys of S.  B, where it is not NULL, is another row, equal to A in heads, widths and
   types, that sees those of T, which has as many blocks: what both read is loaded once. */
typedef void (*k_attend_fn)(const struct k_attend *a, const struct k_span *s,
                            const struct k_attend *b, const struct k_span *t);

void k_attend_ref(const struct k_attend *a, const struct k_span *s, const struct k_attend *b,
                  const struct k_span *t);
void k_attend_avx2(const struct k_attend *a, const struct k_span *s, const struct k_attend *b,
                   const struct k_span *t);
void k_attend_avx512(const struct k_attend *a, const struct k_span *s, const struct k_attend *b,
                     const struct k_span *t);
/* Values are the first dim_v numbers of the keys: neither V nor LANE_V is read. */
void k_attend_latent(const struct k_attend *a, const struct k_span *s, const struct k_attend *b,
                     const struct k_span *t);

/* X as F16 into Y: to nearest, ties to even; a NaN stays a NaN.  All versions give the same. */
void lm_halve(const float *x, int64_t n, uint16_t *y);
void k_halve_avx2(const float *x, int64_t n, uint16_t *y);
void k_halve_avx512(const float *x, int64_t n, uint16_t *y);

#endif
