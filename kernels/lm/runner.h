/* runner.h - a model with its plan, its arena and a store: rows in, logits out (inside the
 * library). */
#ifndef LM_RUNNER_H
#define LM_RUNNER_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "lm/model.h"
#include "lm/store.h"
#include "tensor/rows.h"

struct lm_runner_options {
    int64_t rows_max, out_max; /* rows and wanted rows of a step */
    int64_t tokens;            /* of keys and values */
    int max_seqs, kv_dtype;
    struct spn_pool *pool;
};

#define LM_LANES_MAX 16

struct lm_runner {
    struct spn_lm *m;
    struct spn_plan *plan;
    /* The ops of a small model are too short to share among threads: its batch is cut at sequences
       and each lane runs its part of the plan in an arena of its own.  Rows do not depend on each
       other, so the bytes are the same.  One lane: the ops share. */
    int n_lanes;
    struct spn_exec *lane[LM_LANES_MAX];
    int32_t *lane_out; /* [rows_max], wanted rows counted from their lane's first */
    struct spn_kv *kv;
    struct spn_pool *pool;
    int64_t rows_max, out_max;
    int32_t *token, *pos, *seq, *out; /* the batch under way */
    struct spn_rows rows;
    uint64_t bytes;
};

/* R is all zero. SPN_ENOMEM names need and free. On failure lm_runner_free still has to be called.
 */
spn_status lm_runner_init(struct lm_runner *r, struct spn_lm *m, const struct lm_runner_options *o,
                          struct spn_err *err);
void lm_runner_free(struct lm_runner *r);
/* Start a batch; add a row, whose place is reserved in the store; rows of a sequence come together.
 * WANTED rows have logits, in the order they were added. */
void lm_runner_begin(struct lm_runner *r);
void lm_runner_add(struct lm_runner *r, int32_t token, int64_t pos, int32_t seq, bool wanted);
/* What becomes of the wanted rows FIRST to FIRST + N, in the order they were added: LOGITS [n,
   n_vocab] are lent until the next run, those of one sequence lie together.  Different WORKERs of
   the pool may take rows at once. */
typedef void (*lm_take_fn)(void *ctx, int64_t first, int64_t n, const float *logits, int worker);
/* Run the batch and give all wanted rows to TAKE; on failure some may be missing. */
spn_status lm_runner_run(struct lm_runner *r, lm_take_fn take, void *ctx, struct spn_err *err);

#endif
