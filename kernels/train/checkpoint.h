/* checkpoint.h - RUN/checkpoint-N: what a training run needs to go on exactly, complete or not
 * there at all.
 *
 * config.json            the model's sizes
 * model.safetensors      every weight, f32, by canonical name
 * optimizer.safetensors  NAME.exp_avg and NAME.exp_avg_sq of each
 * state.json             step, next example, seed, counts
 */
#ifndef SPN_TRAIN_CHECKPOINT_H
#define SPN_TRAIN_CHECKPOINT_H
#include <stdint.h>
#include "base/err.h"
#include "lm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_train_param {
    struct spn_weight *weight;                 /* lent by the model */
    int64_t n;                                 /* elements */
    float  *exp_avg, *exp_avg_sq;              /* [n] */
};

/* All else that a step depends on. Random streams are keyed by the seed and an example's index, so
 * they need no state. */
struct spn_train_state {
    int64_t step;                              /* steps done */
    int64_t total;                             /* steps of the schedule */
    int64_t seed;
    int64_t next_example;
    int64_t tokens, loss_tokens;               /* so far */
    int64_t cut;                               /* examples cut to the context so far */
};

/* Write RUN/checkpoint-STEP: beside, synced, then renamed as a whole. On failure (full disk, no
   permission) nothing of it stays and older checkpoints are untouched. */
spn_status spn_checkpoint_save(const char *run, const struct spn_lm *lm,
                               const struct spn_train_param *param, int n_params,
                               const struct spn_train_state *state, struct spn_err *err);
/* Fill weights, moments and *STATE from DIR; each tensor's type and shape is checked. SPN_EFORMAT:
 * not a checkpoint of this model. */
spn_status spn_checkpoint_load(const char *dir, const struct spn_train_param *param, int n_params,
                               struct spn_train_state *state, struct spn_err *err);
/* Fill the weights alone, checked the same way. */
spn_status spn_checkpoint_weights(const char *dir, const struct spn_train_param *param,
                                  int n_params, struct spn_err *err);
/* Highest N of the complete checkpoints in RUN; *STEP -1: none, or no such folder. */
spn_status spn_checkpoint_last(const char *run, int64_t *step, struct spn_err *err);
/* Keep the newest KEEP (0: all), and remove what a killed process left half written or half
 * removed. */
spn_status spn_checkpoint_prune(const char *run, int64_t keep, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
