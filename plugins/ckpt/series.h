/* series.h - a run: its tensors from step to step. */
#ifndef CKPT_SERIES_H
#define CKPT_SERIES_H
#include "checkpoint.h"
#include "measure/measure.h"

struct series_point {
    int64_t step;
    const char *name; /* NULL: all tensors of the step together */
    size_t tensors;
    double norm;
    double update; /* norm of the change since the step before, over that step's norm; NaN: none */
    int64_t rows, zero_rows; /* of matrices: units, and those that are dead */
    int64_t nan, inf;
};
typedef spn_status series_point_fn(void *ctx, const struct series_point *p, struct spn_err *err);

/* Walk the steps of folder DIR: POINT gets the tensors of a step that one of the patterns matches
   (without patterns, none), then the step as a whole.  Moments of an optimiser count only when a
   pattern names them.  SPN_ENOTFOUND: there are no steps. */
spn_status series_run(const char *dir, char *const *pattern, size_t n_patterns,
                      const struct spn_measure *how, series_point_fn *point, void *ctx,
                      struct spn_err *err);

#endif
