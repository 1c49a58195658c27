/* history.h - files of past lines: read, and written whole beside. One line each, newlines as \n.
 */
#ifndef APP_SCREEN_HISTORY_H
#define APP_SCREEN_HISTORY_H
#include <stddef.h>
#include "base/err.h"

/* Call TAKE for each line of the list NAME, oldest first; no file is no lines. */
void history_read(const char *name, void (*take)(void *ctx, const char *text), void *ctx);
/* Lines from AT(ctx, 0) on until it gives NULL; mode 0600. Those that begin with a blank are left
 * out. */
spn_status history_write(const char *name, const char *(*at)(void *ctx, size_t i), void *ctx,
                         struct spn_err *err);

#endif
