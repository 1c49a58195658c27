/* step.h - one optimiser step over the micro-batches of a step.  Private to train/. */
#ifndef SPN_TRAIN_STEP_H
#define SPN_TRAIN_STEP_H
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"
#include "grad/tape.h"
#include "lm/model.h"
#include "train/batch.h"
#include "train/checkpoint.h"

struct train_worker { struct spn_exec *exec; };
struct train_slot {                            /* one micro-batch of the step */
    struct spn_batch batch;
    float *grad;                               /* [total] d(mean loss of this micro-batch) */
    double loss;
    spn_status st; struct spn_err err;
};

struct train_stepper {
    struct spn_lm   *lm;
    struct spn_pool *pool;
    struct spn_plan *plan;                     /* forward, loss, gradients */
    struct spn_train_param *param; int n_params;
    int64_t *start; /* [n_params + 1] where each begins among all elements */
    struct train_worker *worker; int n_workers;
    struct train_slot   *slot; int n_slots;
    float   *moments;                          /* exp_avg then exp_avg_sq of all, [2 * total] */
    double  *partial;                          /* sum of squares of each chunk */
    uint64_t bytes;
};

/* LM and POOL outlive S. SPN_ENOMEM with the figure. */
spn_status train_stepper_init(struct train_stepper *s, struct spn_lm *lm, int64_t slots,
                              int64_t batch_tokens, struct spn_pool *pool, struct spn_err *err);
void       train_stepper_free(struct train_stepper *s);
/* Forward and backward of the filled slots; *LOSS is the weighted mean, *NORM that of the whole
 * gradient, left in slot 0. */
spn_status train_stepper_gradient(struct train_stepper *s, double *loss, double *norm,
                                  struct spn_err *err);
/* AdamW on the gradient times SCALE. Vectors (norms, biases) are not decayed. STEP from 1. */
void train_stepper_update(struct train_stepper *s, const struct spn_adamw *o, double lr,
                          int64_t step, double scale);

#endif
