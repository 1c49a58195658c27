/* samples.h - chain of thought: one worked solution, or the most frequent answer of several
 * (self-consistency). */
#ifndef COT_SAMPLES_H
#define COT_SAMPLES_H
#include "../common/reason.h"

struct cot_options {
    int samples;
    double temperature;
    bool repair; /* false results of the work are put right while it comes */
};

/* Every sample is a tree of the graph; the result is the vote's, equal counts going to the earlier
   sample.  The task's check looks at the result alone: whether any sample was right can be read
   from the graph's answers. */
spn_status cot_run(const struct reason_tables *tables, const struct cot_options *o,
                   const struct spn_reason_request *r, struct spn_reason_result *out,
                   struct spn_err *err);

#endif
