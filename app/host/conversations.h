/* conversations.h - the store of conversations: one SQLite file, opened on first use. */
#ifndef APP_HOST_CONVERSATIONS_H
#define APP_HOST_CONVERSATIONS_H
#include <stdbool.h>
#include "base/buf.h"
#include "spinney/store.h"

extern const struct spn_store_api table_store;

/* Close the file; the next use opens it again. */
void conversations_end(void);
/* Where they are kept and how many, or why they are not: a line for `doctor`. */
bool conversations_state(struct spn_buf *text);

/* ---- for tests ---- */

/* Is a file system of this kind (f_type of statfs) shared between machines? Its files are written
   without a write-ahead log, whose shared memory does not reach another machine. */
bool conversations_shared(long type);
/* At most so many pages of 4096 bytes, as on a full disk; 0: as many as fit. */
void conversations_limit(int pages);

#endif
