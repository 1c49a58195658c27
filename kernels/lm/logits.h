/* logits.h - logits of given tokens, and a vector for a text. */
#ifndef SPN_LM_LOGITS_H
#define SPN_LM_LOGITS_H
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"
#include "lm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* OUT [n, n_vocab] = the logits after each of the N tokens IDS, one sequence from position 0; the
   same bytes as the generator's. SPN_EUSAGE: no token, an id out of range, or more tokens than the
   model's context. */
spn_status spn_lm_logits(struct spn_lm *m, const int32_t *ids, int64_t n, float *out,
                         struct spn_pool *pool, struct spn_err *err);
/* OUT [n - 1 - from] = what each of IDS[from + 1 .. n) costs in nats, the negative log of its
   probability after all tokens before it; 0 <= FROM < N - 1. Logits are not kept: memory is that of
   a few rows.  Errors as above. */
spn_status spn_lm_nll(struct spn_lm *m, const int32_t *ids, int64_t n, int64_t from, double *out,
                      struct spn_pool *pool, struct spn_err *err);
/* The same a row at a time, in order: ROW [n_vocab] is lent for the call, so that a long text needs
   no more memory than a chunk of it. */
spn_status spn_lm_logits_each(struct spn_lm *m, const int32_t *ids, int64_t n,
                              void (*each)(void *ctx, int64_t position, const float *row),
                              void *ctx, struct spn_pool *pool, struct spn_err *err);
/* OUT [n_embd] = the mean over the N tokens IDS, one sequence from position 0, of what the last
 * layer gives, each row scaled to a root mean square of 1 first (a long row would speak for all).
 * Errors as above. */
spn_status spn_lm_hidden_mean(struct spn_lm *m, const int32_t *ids, int64_t n, float *out,
                              struct spn_pool *pool, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
