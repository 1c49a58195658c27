/* heat.h - a window of a matrix as cells with a scale. */
#ifndef CKPT_HEAT_H
#define CKPT_HEAT_H
#include "measure/measure.h"

struct heat {
    struct spn_window w;
    const char *value; /* what a cell shows: "mean", "peak", "rms" */
    bool log;          /* four decades instead of a straight scale */
    struct spn_cell *cell; /* [down][across] */
    int down, across;
    double most; /* largest magnitude shown */
};
/* Count the cells of window W, VALUE and LOG set: at most DOWN x ACROSS, no more than numbers. */
spn_status heat_run(struct heat *p, int down, int across, const struct spn_tensor *t,
                    const struct spn_measure *how, struct spn_err *err);
void heat_scale(struct heat *p); /* `most` again, after a change of VALUE */
void heat_free(struct heat *p);  /* twice is fine */
/* What cell (I, J) shows. */
double heat_value(const struct heat *p, int i, int j);
/* 0 to 1 by magnitude, on the scale asked for. */
double heat_height(const struct heat *p, double v);

#endif
