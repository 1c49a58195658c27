/* message.h - what a person reads: error sentences, and text from outside made safe for a terminal.
 */
#ifndef APP_HOST_MESSAGE_H
#define APP_HOST_MESSAGE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/buf.h"
#include "base/err.h"

/* "spinney: PLACE: what" and "  try: COMMAND" on stderr. */
void message_error(const struct spn_err *err);
/* "spinney: TEXT" on stderr. */
void message_warn(const char *fmt, ...) SPN_PRINTF(1, 2);

/* While a screen is drawn, stderr would be written over it: sentences are kept instead, the newest
   of them. Off: what was not taken goes to stderr. Any thread. */
void message_hold(bool on);
bool message_holds(void);
/* The oldest kept sentence, without "spinney: "; free with spn_free. NULL: none. */
char *message_held(void);

/* Append N bytes with control characters, but for newline and tab, made visible ("^[", "\x9b"), and
   bytes that are not UTF-8 as "\xNN". */
spn_status message_visible(struct spn_buf *b, const char *bytes, size_t n);
/* Write bytes to F: visible when F is a terminal, as they are otherwise. False: writing failed,
 * errno says why. */
bool message_write(FILE *f, const char *bytes, size_t n);

#endif
