/* conversations_inner.h - the open file and its statements, for the files of the store alone. */
#ifndef APP_HOST_CONVERSATIONS_INNER_H
#define APP_HOST_CONVERSATIONS_INNER_H
#include <sqlite3.h>
#include <stdbool.h>

#include "spinney/store.h"

/* The file, opened when it is not yet, and locked for this thread until kept_leave, which has to be
   called after an error too. */
spn_status kept_enter(sqlite3 **db, struct spn_err *err);
void kept_leave(void);
/* What SQLite said last, as a sentence. */
spn_status kept_failed(sqlite3 *db, struct spn_err *err);
spn_status kept_run(sqlite3 *db, const char *sql, struct spn_err *err);
spn_status kept_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, struct spn_err *err);
/* Step a statement that gives no row, and end it. */
spn_status kept_finish(sqlite3 *db, sqlite3_stmt *s, struct spn_err *err);
/* END: commit, else roll back; the status that goes on. */
spn_status kept_commit(sqlite3 *db, spn_status st, struct spn_err *err);
/* Are words found by an index? */
bool kept_indexed(void);
void kept_bind(sqlite3_stmt *s, int column, const char *text); /* NULL: null */

spn_status kept_find(const char *words,
                     bool (*each)(void *ctx, const struct spn_kept_chat *c, int64_t turn,
                                  const char *excerpt),
                     void *ctx, struct spn_err *err);

#endif
