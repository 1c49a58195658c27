/* screens.h - the interactive program: on a terminal, or a script of keys without one. */
#ifndef APP_SCREEN_SCREENS_H
#define APP_SCREEN_SCREENS_H
#include "base/err.h"

/* Run on the terminal of stdin and stdout, beginning with VIEW (NULL: start). SPN_ECANCEL when a
   signal ended it. Comes back with the terminal as it was. */
spn_status screens_run(const char *view, int argc, char **argv, struct spn_err *err);
/* Run the keys of FILE ("-": stdin) on cells alone; ":save-display FILE" writes them. SIZE is
   "80x24"; NULL: that. */
spn_status screens_script(const char *file, const char *size, const char *view, int argc,
                          char **argv, struct spn_err *err);
/* The signal that ended screens_run; 0: none. */
int screens_signal(void);

#endif
