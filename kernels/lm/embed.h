/* embed.h - vectors for texts: a model's last rows, pooled. */
#ifndef SPN_LM_EMBED_H
#define SPN_LM_EMBED_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"
#include "lm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_embedder;
/* Room for batches of ROWS tokens in TEXTS texts at most.  M outlives the embedder; one thread at a
   time uses it.  SPN_ENOMEM names need and free; SPN_EUSAGE: a layer of M cannot take part. */
spn_status spn_embedder_new(struct spn_embedder **out, struct spn_lm *m, int64_t rows, int texts,
                            struct spn_pool *pool, struct spn_err *err);
void spn_embedder_free(struct spn_embedder *e); /* NULL is fine */

struct spn_embed_text {
    const int32_t *ids;
    int64_t n;
};
/* OUT [count, n_embd]: each text's vector, pooled as POOLING says (the mean of its rows, its first
   or its last; SPN_POOL_NONE: what the model's file says, else the mean), of length 1 where UNIT.
   A text's vector does not depend on those beside it.  SPN_EUSAGE: a text without tokens, with more
   than the model takes, an id out of range, or more than the embedder has room for. */
spn_status spn_embedder_run(struct spn_embedder *e, const struct spn_embed_text *text, int count,
                            enum spn_pooling pooling, bool unit, float *out, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
