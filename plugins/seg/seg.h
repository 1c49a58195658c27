/* seg.h - the verbs of `spinney seg`. */
#ifndef SEG_SEG_H
#define SEG_SEG_H
#include "classes.h"
#include "inputs.h"
#include "mask.h"
#include "score.h"
#include "segment.h"

struct seg {
    const struct spn_host *host;
    struct spn_job *job;
    const struct spn_job_api *api;
    const struct spn_values *v;
    struct classes classes;
    enum truth_rule rule;
    struct segment_net net; /* model NULL: masks are read */
    const char *net_path;
    struct segment_options how;
    struct segment_times times; /* of the last picture */
};

/* The model of -m, and how it is run; the classes are its own unless --classes says others. */
spn_status seg_model_open(struct seg *s, const struct spn_host *h, struct spn_err *err);
void seg_model_close(struct seg *s);
/* Labels of PICTURE by the model; free MASK with spn_image_free. */
spn_status seg_model_labels(struct seg *s, const struct spn_image *picture, struct spn_image *mask,
                            struct spn_err *err);
/* What the model did, as members of the result O. */
void seg_model_tell(const struct seg *s, json_t *o);

/* Pictures with their masks: what is where, agreement with the truth, files under --out. */
spn_status seg_pictures(struct seg *s, const struct inputs *in, struct spn_err *err);
/* Folders of masks against folders of truth. SPN_ENO: some pairs could not be read. */
spn_status seg_evaluate(struct seg *s, struct spn_err *err);

#endif
