/* stdin.h - all of standard input, for commands that take one text. */
#ifndef APP_COMMAND_STDIN_H
#define APP_COMMAND_STDIN_H
#include "base/buf.h"
#include "spinney/plugin.h"

#define STDIN_MAX ((size_t)1 << 30)

/* Append it to B, whose ceiling is STDIN_MAX. SPN_ECANCEL when the job is stopped. */
spn_status stdin_read(struct spn_buf *b, struct spn_job *job, struct spn_err *err);

#endif
