/* store.h - where attention finds keys and values: what an op needs to know of sequence memory (lm/
 * owns the memory). */
#ifndef SPN_STORE_H
#define SPN_STORE_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "tensor/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The keys of one sequence in one layer: blocks of SPN_ATTENTION_BLOCK keys, whoever owns them.
   Key i lies in block i / BLOCK; k[b] is [heads_kv, dim_k, BLOCK], v[b] is [heads_kv, BLOCK,
   dim_v], both of DTYPE: what one head reads of a block lies together, and a vector of keys is
   multiplied by one number of the query at a time. */
struct spn_keys {
    int64_t n;
    int dtype; /* SPN_F32 or SPN_F16 */
    bool ordered; /* positions rise from key to key */
    bool dense;   /* key i has position i */
    const void *const *k;
    const void *const *v;
    const int32_t *const *pos; /* absolute position of each key */
    const int32_t *const *
        row; /* batch row that stored it in this step, -1: earlier; for tree masks. NULL: no tree */
};

struct spn_store;
struct spn_store_ops {
    /* Store the k and v rows of this batch for LAYER; k [R, heads_kv*dim_k], v [R, heads_kv*dim_v],
     * contiguous. */
    spn_status (*append)(struct spn_store *s, int layer, const struct spn_rows *rows,
                         const float *k, const float *v);
    /* Keys of sequence SEQ, lent until the next append. */
    void (*keys)(struct spn_store *s, int layer, int32_t seq, struct spn_keys *out);
    /* The state of SEQ in LAYER, where that has one; NULL: none. */
    float *(*state)(struct spn_store *s, int layer, int32_t seq);
};
struct spn_store {
    const struct spn_store_ops *ops;
}; /* first member of the implementation; spn_run.store points to it */

#ifdef __cplusplus
}
#endif
#endif
