/* curves.h - the figures of training runs over their steps, as the programs that train write them,
 * read on while they are written.
 *
 * Read are: our runs (RUN/log.jsonl), trainer_state.json of the Hugging Face Trainer (its own, or
 * that of the newest RUN/checkpoint-N), event files of TensorBoard, JSON Lines and CSV.
 */
#ifndef SPN_CURVES_H
#define SPN_CURVES_H
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_curve {
    const char *name;                  /* "loss", "train/loss" */
    const double *step, *value;        /* [n], in the order written; a value may be NaN */
    size_t n;
};
struct spn_curves;

/* Open the run PATH, a file or a folder, and read what there is.  SPN_EFORMAT: it holds no curves,
 * or is broken, with the place; SPN_EIO.  Close with spn_curves_close. */
spn_status spn_curves_open(struct spn_curves **out, const char *path, struct spn_err *err);
void spn_curves_close(struct spn_curves *c); /* NULL is fine */
/* Read what was written since; *CHANGED: something was.  A file that was replaced or cut is read
 * from its beginning.  A line or record that is not whole yet is left for the next time.  After a
 * failure what was read stays. */
spn_status spn_curves_update(struct spn_curves *c, bool *changed, struct spn_err *err);
/* By name. Lent until the next update. */
size_t spn_curves_count(const struct spn_curves *c);
const struct spn_curve *spn_curves_at(const struct spn_curves *c, size_t i);
const struct spn_curve *spn_curves_find(const struct spn_curves *c, const char *name);
const char *spn_curves_kind(const struct spn_curves *c); /* "TensorBoard", static */
double spn_curves_last_step(const struct spn_curves *c); /* the largest; NaN: no point */

/* Is PATH a run, by names and first bytes alone? Its kind, static; NULL: none. */
const char *spn_curves_probe(const char *path);

/* The exponential mean of V [n] with WEIGHT in [0, 1), freed of its beginning at zero: m = w m +
   (1 - w) v, then m / (1 - w^k).  Values that are not finite are passed on and left out of the
   mean. OUT may be V. */
void spn_curve_smooth(double *out, const double *v, size_t n, double weight);

#ifdef __cplusplus
}
#endif
#endif
