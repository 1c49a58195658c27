/* said.h - a conversation in memory: a tree of turns, of which one branch is shown. */
#ifndef CHAT_SAID_H
#define CHAT_SAID_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "spinney/store.h"

#define SAID_NONE SIZE_MAX

struct said {
    int64_t id; /* in the store; 0: not kept yet */
    size_t parent;
    bool user; /* else a model's */
    char *text;
    char *model, *figures; /* NULL: none */
    json_t *forest;        /* NULL: none */
    enum spn_kept_state state;
    int64_t at;
    bool unfolded; /* its thinking is shown */
    bool unkept;   /* the store has not what it has become */
};
struct sayings {
    struct said *item;
    size_t n, room;
    size_t leaf; /* last turn of the branch that is shown; SAID_NONE: nothing was said */
};

void sayings_clear(struct sayings *s);
/* A turn after PARENT (SAID_NONE: the first); TEXT is copied. Its index, SAID_NONE: no memory. */
size_t sayings_add(struct sayings *s, size_t parent, bool user, const char *text);
/* *OLD becomes a copy of TEXT (NULL: nothing); false: no memory, nothing changed. */
bool said_set(char **old, const char *text);

/* Turns from the first to LEAF, into PATH (room for s->n); their number. */
size_t sayings_path(const struct sayings *s, size_t leaf, size_t *path);
/* Which of how many versions turn I is: those with the same parent by the same side. From 1. */
void sayings_versions(const struct sayings *s, size_t i, int *which, int *of);
/* The version before (WAY -1) or after I; SAID_NONE: it is the first, the last. */
size_t sayings_version(const struct sayings *s, size_t i, int way);
/* The end of the branch below I that was written last. */
size_t sayings_end(const struct sayings *s, size_t i);
/* Index of the turn that the store calls ID; SAID_NONE: none. */
size_t sayings_find(const struct sayings *s, int64_t id);

/* Where the thinking of TEXT ends: bytes of it, its tags with it; 0: it has none. *OPEN: it is not
   closed. */
size_t said_thinking(const char *text, bool *open);
/* A title from the first question: its first line, 60 characters at most. */
void said_title(struct spn_buf *out, const char *question);

/* The shown branch as Markdown, the whole tree as JSON. */
void sayings_markdown(const struct sayings *s, const char *title, struct spn_buf *out);
json_t *sayings_json(const struct sayings *s, const char *title);

#endif
