/* verdicts.h - which plugins passed their selftest: kept at install, run again when the module's
 * file changed. */
#ifndef APP_HOST_VERDICTS_H
#define APP_HOST_VERDICTS_H
#include <stdbool.h>
#include "host/plugins.h"

/* Read what is kept: beside the modules, then the user's own over it. No file is no verdict. */
void verdicts_load(void);
void verdicts_end(void);
/* Run the selftest of P, keep and return its verdict. A plugin without a selftest has not passed
 * one: SPN_ENO. */
spn_status verdicts_run(const struct plugin *p, struct spn_err *err);
/* Did P pass?  From what is kept when its file is the same, else its selftest runs now. */
bool verdicts_passed(const struct plugin *p);
/* Write what changed: INSTALL beside the modules, else to the user's state folder. Without such a
 * folder nothing is written. */
spn_status verdicts_save(bool install, struct spn_err *err);

#endif
