/* search.h - Tree of Thoughts (arXiv 2305.10601) by breadth-first search: the baseline of the
 * forest. */
#ifndef TOT_SEARCH_H
#define TOT_SEARCH_H
#include "../common/reason.h"

struct tot_options {
    int beam, eval;
    bool sample_select;
    double temperature;
    /* Tasks without steps of their own (lines.h). */
    bool depth_first;
    int branch, depth;
    double threshold, gate;
};

/* One tree, no rules beyond reading a line: what the model writes is kept as written.  Each level
   proposes on the kept states, judges every distinct new one EVAL times and keeps BEAM.  A state of
   the last level is closed by the operation that its own judgement names.  The result is the first
   of the answers; the graph holds all of them ("answer" nodes), so that "any of b right" can be
   told from "the first right". */
spn_status tot_run(const struct reason_tables *tables, const struct tot_options *o,
                   const struct spn_reason_request *r, struct spn_reason_result *out,
                   struct spn_err *err);

#endif
