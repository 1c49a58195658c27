/* loop.h - a training run: from a recipe and sources of examples to weights, checkpoints, a log and
 * a model file.
 *
 * Micro-batches of a step are shared out over the threads of the pool; their gradients are added in
 * the order of the micro-batches, so any number of threads gives the same bytes.
 */
#ifndef SPN_TRAIN_LOOP_H
#define SPN_TRAIN_LOOP_H
#include <stdbool.h>
#include <stdint.h>
#include "base/cancel.h"
#include "base/err.h"
#include "base/pool.h"
#include "train/batch.h"
#include "train/recipe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One step, as log.jsonl has it. */
struct spn_train_step {
    int64_t step, total;                       /* steps done, steps in all */
    double loss; /* weighted mean over the step's targets, nats a token */
    double  lr, grad_norm;                     /* norm before clipping */
    int64_t loss_tokens, tokens;               /* of the whole run so far */
    double  tokens_per_s;                      /* loss tokens a second since the last logged step */
    bool    logged;                            /* a line of log.jsonl */
};

struct spn_train_options {
    const char *run; /* folder RUN of checkpoints and log; NULL: nothing is written */
    bool resume;     /* go on from RUN's newest checkpoint; none there: start */
    const char *from; /* folder of another run: begin with its tokenizer and its newest weights
                         instead of random ones, moments at 0; NULL: from scratch */
    int64_t     steps;                         /* instead of the recipe's; 0: the recipe's */
    int64_t     until; /* save and stop after this step, whatever the schedule's end; 0: its end */
    int64_t     seed;                          /* the recipe's unless the user gave another */
    struct spn_pool   *pool;                   /* NULL: one thread */
    struct spn_cancel *cancel;                 /* NULL: never */
    void (*on_step)(void *ctx, const struct spn_train_step *s);      /* NULL: none */
    void *ctx;
};

struct spn_train_info {
    int64_t  params, vocab;
    int64_t  step, total;                      /* steps done when it was opened, steps in all */
    uint64_t bytes; /* weights, moments, gradients and the arenas of the workers */
    int      workers;                          /* at most one a thread and micro-batch */
};

struct spn_train;
/* Learn or read the tokenizer, make the model, plan the step; with RESUME read the newest
   checkpoint. R, SOURCES and what O points to outlive *OUT. SPN_EUSAGE: RUN holds a run already, or
   another recipe or seed. SPN_EIO: RUN cannot be written, or another process trains in it. */
spn_status spn_train_open(struct spn_train **out, const struct spn_recipe *r,
                          const struct spn_train_source *source, size_t n_sources,
                          const struct spn_train_options *o, struct spn_err *err);
void       spn_train_close(struct spn_train *t);         /* NULL is fine */
void       spn_train_info_get(const struct spn_train *t, struct spn_train_info *info);
/* Train to the last step (of UNTIL, where given), saving checkpoints; cancelled, it saves one and
   returns SPN_ECANCEL. A loss or gradient that is not finite is SPN_EFORMAT and saves nothing: the
   last checkpoint stays. */
spn_status spn_train_run(struct spn_train *t, struct spn_err *err);
/* The model as it is now; lent. */
const struct spn_lm        *spn_train_model(const struct spn_train *t);
const struct spn_tokenizer *spn_train_tokenizer(const struct spn_train *t);
/* Write it as GGUF with tokenizer and chat template, matrices as DTYPE. */
spn_status spn_train_export(const struct spn_train *t, const char *path, int dtype,
                            struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
