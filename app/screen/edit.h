/* edit.h - a small line editor of our own: prompts, form fields, and the whole line where readline
 * is not built in. */
#ifndef APP_SCREEN_EDIT_H
#define APP_SCREEN_EDIT_H
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "screen/decode.h"

#define EDIT_HISTORY_MAX 1000
struct edit {
    struct spn_buf text;             /* NUL-terminated or empty */
    size_t cursor;                   /* byte, at a character's start */
    struct spn_buf kill;             /* what C-k, C-u and C-w took */
    char *history[EDIT_HISTORY_MAX]; /* oldest first */
    size_t n_history, at;            /* at == n_history: the line being written */
    char *draft;                     /* that line, while history is shown */
};

void edit_init(struct edit *e);
void edit_free(struct edit *e);
const char *edit_text(const struct edit *e);
void edit_set(struct edit *e, const char *text);
void edit_insert(struct edit *e, const char *text, size_t n);
/* true: the key was an edit. Enter, Tab and Escape are not. */
bool edit_key(struct edit *e, struct key k);
void edit_remember(struct edit *e, const char *text);
void edit_history(struct edit *e, int step); /* -1: older */

#endif
