/* health.h - what looks wrong in a checkpoint. */
#ifndef CKPT_HEALTH_H
#define CKPT_HEALTH_H
#include "checkpoint.h"
#include "measure/measure.h"

struct ckpt_warning {
    const char *what; /* "nan", "inf", "zero_rows", "shape", "dtype", "missing", "copy", "shard" */
    const char *name; /* of the tensor, or of what is missing */
    const char *text; /* a sentence */
};
/* SPN_OK goes on. */
typedef spn_status ckpt_warn_fn(void *ctx, const struct ckpt_warning *w, struct spn_err *err);

/* The statistics of row ROW of C, as soon as they are counted. */
typedef spn_status ckpt_counted_fn(void *ctx, const struct ckpt_row *row, const struct spn_stats *s,
                                   struct spn_err *err);
/* Look at every row of C; WARN gets what is found, names first, then numbers as they are counted;
   COUNTED (NULL: nobody) gets those numbers. */
spn_status ckpt_health(const struct ckpt *c, const struct spn_measure *how, ckpt_warn_fn *warn,
                       ckpt_counted_fn *counted, void *ctx, struct spn_err *err);
/* Shards that the index of folder DIR names and that are not there; false when DIR has no index. */
bool ckpt_missing_shards(const char *dir, ckpt_warn_fn *warn, void *ctx, size_t *n, spn_status *st,
                         struct spn_err *err);

#endif
