/* start.h - what a person sees who names no command: what there is and how to go on. */
#ifndef APP_HOST_START_H
#define APP_HOST_START_H
#include "base/buf.h"

/* `spinney` on a terminal. */
spn_status start_screen(struct spn_buf *b, struct spn_err *err);

#endif
