/* line.h - the line a person types messages in: readline's (line_readline.c), or our own small one
 * (line_plain.c) in a build without it.  There is one, as readline has one. */
#ifndef APP_SCREEN_LINE_H
#define APP_SCREEN_LINE_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "screen/decode.h"

/* "readline 8.2", or "own": for doctor. */
const char *line_kind(void);
spn_status line_start(int columns, struct spn_err *err);
void line_end(void);
void line_resize(int rows, int columns);

const char *line_text(size_t *cursor);
void line_set(const char *text, size_t cursor); /* past the end: at the end */
void line_insert(const char *text, size_t n);
/* One key that the key table left over. *SENT (free with spn_free): the line was ended by it. */
void line_key(struct key k, char **sent);
void line_history(int step); /* -1: older */
void line_remember(const char *text);
void line_interrupt(void); /* C-c: ends a search or a key's beginning, empties the line */
/* What stands before the text while the editor asks something itself, as in a search; NULL: it does
 * not. */
const char *line_prompt(void);
bool line_takes_escape(void); /* vi mode, inserting */

/* The list NAME of past lines (a file of the state folder, 0600), read when first chosen; each
 * screen has its own. */
void line_history_use(const char *name);
spn_status line_history_save(struct spn_err *err);

#endif
