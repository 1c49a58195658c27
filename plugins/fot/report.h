/* report.h - a row a method, as text or JSON. */
#ifndef FOT_REPORT_H
#define FOT_REPORT_H
#include "measure.h"

/* Text only: what was asked of which model, and the names of the columns. BASELINE may be NULL. */
spn_status report_head(struct measure *m, const char *baseline, struct spn_err *err);
/* BASE: compared with, NULL: nothing. */
spn_status report_method(struct measure *m, const struct method *what, const struct method *base,
                         struct spn_err *err);
/* A claim with its figures: {"claim","holds"}, and the line "yes  TEXT" or "NO   TEXT". */
spn_status report_claim(struct measure *m, bool holds, struct spn_err *err, const char *fmt, ...)
    SPN_PRINTF(4, 5);
/* A line of text, nothing with --json. */
spn_status report_line(struct measure *m, struct spn_err *err, const char *fmt, ...)
    SPN_PRINTF(3, 4);

#endif
