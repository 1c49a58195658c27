/* batch.h - examples of a mixture of sources, as tokens packed into micro-batches. */
#ifndef SPN_TRAIN_BATCH_H
#define SPN_TRAIN_BATCH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "tensor/rows.h"
#include "text/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A piece of an example: WEIGHT of its tokens in the loss (0: a prompt, which gets the recipe's
   prompt_weight; below 0: none at all).  special: control tokens spelled in the text become
   themselves. */
struct spn_train_part { const char *text; size_t length; float weight; bool special; };

/* Where examples come from.  The same INDEX always gives the same example; parts are lent until the
   next call. Called from one thread at a time. */
struct spn_train_source {
    const char *name;                          /* for messages */
    double weight; /* share of the examples, relative to the other sources; > 0 */
    spn_status (*example)(void *ctx, uint64_t index, const struct spn_train_part **parts, size_t *n,
                          struct spn_err *err);
    void       *ctx;
};

/* Example I of a run is a pure function of (seed, i): the source is drawn by a stream keyed with
 * both, and asked for its example I. */
struct spn_mixture { const struct spn_train_source *source; size_t n; uint64_t seed; };
size_t spn_mixture_draw(const struct spn_mixture *m, uint64_t index); /* number of the source */
spn_status spn_mixture_example(const struct spn_mixture *m, uint64_t index,
                               const struct spn_train_part **parts, size_t *n, struct spn_err *err);

/* One micro-batch: whole examples one after another, at most ROOM tokens.  Row r predicts target[r]
   with weight[r]; the last row of an example predicts nothing (weight 0).  Attention stays inside
   an example (rows.first), positions start at 0 in each. */
struct spn_batch {
    int64_t n, room;
    int32_t *token, *pos, *first, *target;     /* [room] */
    float   *weight;                           /* [room] */
    double   weight_sum;
    int64_t  loss_tokens;                      /* targets with at least half the full weight 1 */
    struct spn_rows rows;                      /* lends token, pos, first */
};
spn_status spn_batch_init(struct spn_batch *b, int64_t room, struct spn_err *err);
void       spn_batch_free(struct spn_batch *b);          /* twice is fine */

struct spn_packing {
    const struct spn_mixture   *mixture;
    const struct spn_tokenizer *tokenizer;
    int64_t context;                           /* a longer example is cut to this many tokens */
    double  prompt_weight;
};
/* Fill B from example *NEXT on, until one does not fit; *NEXT is then that one, *CUT grows by the
   examples cut to the context. SPN_EFORMAT: no token of the whole batch carries loss. */
spn_status spn_batch_fill(struct spn_batch *b, const struct spn_packing *p, uint64_t *next,
                          int64_t *cut, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
