/* diff.h - two checkpoints, tensor by tensor. */
#ifndef CKPT_DIFF_H
#define CKPT_DIFF_H
#include "checkpoint.h"
#include "lm/model.h"
#include "measure/measure.h"

/* A side: its tensors by a name that both sides share. */
struct diff_item {
    const char *name;
    const struct spn_tensor *t;      /* type and shape */
    const struct spn_entry *entry;   /* NULL: of a model */
    const struct spn_weight *weight; /* NULL: as it stands in the file */
};
struct diff_side {
    struct ckpt c;
    struct spn_lm *lm;      /* NULL: names are the file's */
    struct diff_item *item; /* sorted by name */
    size_t n;
};
struct diff_pair {
    const char *status; /* same, close, differs, renamed, shape, missing_in_a, missing_in_b,
                           unread */
    const struct diff_item *a, *b; /* NULL: missing */
    struct spn_difference d;       /* of same, close, differs, renamed */
};
typedef spn_status diff_pair_fn(void *ctx, const struct diff_pair *p, struct spn_err *err);

/* Open both.  A GGUF against a model folder is taken by meaning where both are models that are
   known here; else *PLAIN says why names are taken as they stand. */
spn_status diff_open(struct diff_side *a, struct diff_side *b, const char *path_a,
                     const char *path_b, char *const *pattern, size_t n_patterns,
                     struct spn_err *plain, struct spn_err *err);
void diff_close(struct diff_side *s);

/* Compare; PAIR gets each result in the order of names, what is only on one side last.  *WRONG:
   how many are beyond TOL or have no partner. */
spn_status diff_run(const struct diff_side *a, const struct diff_side *b, double tol,
                    const struct spn_measure *how, diff_pair_fn *pair, void *ctx,
                    struct spn_difference *total, size_t *wrong, struct spn_err *err);

#endif
