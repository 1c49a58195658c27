/* keys.h - the one table of keys: it dispatches, `?` prints it, the footer shows its best, and
 * share/doc/keys.txt is made of it.  ~/.config/spinney/keys changes it: "place key command". */
#ifndef APP_SCREEN_KEYS_H
#define APP_SCREEN_KEYS_H
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "screen/decode.h"
#include "spinney/view.h"

enum place { PLACE_LINE, PLACE_PANE, PLACE_LEAD, PLACE_PROMPT, PLACE_POPUP, PLACE_COUNT };

enum command {
    CMD_NONE,
    /* moving */
    CMD_UP,
    CMD_DOWN,
    CMD_LEFT,
    CMD_RIGHT,
    CMD_TOP,
    CMD_END,
    CMD_PAGE_UP,
    CMD_PAGE_DOWN,
    CMD_OPEN,
    CMD_FOLD,
    CMD_MARK,
    CMD_SORT,
    CMD_SORT_TURN,
    CMD_NEXT_HIT,
    CMD_LAST_HIT,
    CMD_FOLLOW,
    /* the frame */
    CMD_NEXT_PANE,
    CMD_LAST_PANE,
    CMD_TO_LINE,
    CMD_ZOOM,
    CMD_BACK,
    CMD_LEAVE,
    CMD_LEAD,
    CMD_FIND,
    CMD_COMMAND,
    CMD_HELP,
    CMD_EQUAL,
    CMD_COPY,
    CMD_COPY_JSON,
    CMD_WRITE,
    CMD_OPTIONS,
    CMD_REDRAW,
    CMD_SUSPEND,
    CMD_INTERRUPT,
    CMD_ESCAPE,
    CMD_MOUSE,
    CMD_PLACE,
    /* the line */
    CMD_SEND,
    CMD_NEWLINE,
    CMD_COMPLETE,
    CMD_EDITOR,
    CMD_CLOSE,
    CMD_OLDER,
    CMD_NEWER,
    /* dialogs */
    CMD_YES,
    CMD_NO,
    /* told to the view: the act and its number stand in the table */
    CMD_ACT,
    CMD_COUNT
};

struct binding {
    enum place place;
    struct key key;
    const char *name;  /* of the command, as the file of keys writes it */
    const char *what;  /* one to four words */
    const char *brief; /* the footer's word; NULL: not in the footer */
    enum command command;
    int n;    /* CMD_ACT: enum spn_want; CMD_PLACE: a letter */
    int rank; /* the footer takes the highest first */
};

struct keys {
    struct binding *binding;
    size_t n;
    struct key leader;
};

/* The built-in table, then FILE (NULL or missing: none). SPN_EFORMAT names its line; what was right
   before it holds. */
spn_status keys_load(struct keys *k, const char *file, struct spn_err *err);
/* TEXT as if it were the file; WHERE begins the sentences. */
spn_status keys_change(struct keys *k, const char *text, const char *where, struct spn_err *err);
void keys_free(struct keys *k);
/* NULL: not bound there. */
const struct binding *keys_find(const struct keys *k, enum place place, struct key key);
const char *place_name(enum place place); /* "line" */
/* Every key by place, aligned: share/doc/keys.txt. */
void keys_text(const struct keys *k, struct spn_buf *out);

#endif
