/* lines.h - Tree of Thoughts for tasks without steps of their own: a thought is a line of a worked
   answer, a state the lines so far. */
#ifndef TOT_LINES_H
#define TOT_LINES_H
#include "search.h"

/* Breadth first: of each kept state BRANCH next lines are drawn, each new state is rated EVAL times
   (section [score], 0..1), the BEAM best go on; finished ones stay among them. Depth first: the
   children of a state by value, each entered while its value is above THRESHOLD, backtracking
   otherwise; a finished state whose value reaches GATE ends the search. Lines that are too short or
   already there are drawn anew, up to three times. The result is the finished state of highest
   value. */
spn_status lines_run(const struct reason_tables *tables, const struct tot_options *o,
                     const struct spn_reason_request *r, struct spn_reason_result *out,
                     struct spn_err *err);

#endif
