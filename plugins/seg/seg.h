/* seg.h - the verbs of `spinney seg`. */
#ifndef SEG_SEG_H
#define SEG_SEG_H
#include "classes.h"
#include "inputs.h"
#include "mask.h"
#include "score.h"

struct seg {
    const struct spn_host *host;
    struct spn_job *job;
    const struct spn_job_api *api;
    const struct spn_values *v;
    struct classes classes;
    enum truth_rule rule;
};

/* Pictures with their masks: what is where, agreement with the truth, files under --out. */
spn_status seg_pictures(struct seg *s, const struct inputs *in, struct spn_err *err);
/* Folders of masks against folders of truth. SPN_ENO: some pairs could not be read. */
spn_status seg_evaluate(struct seg *s, struct spn_err *err);

#endif
