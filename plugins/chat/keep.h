/* keep.h - a conversation in memory and the store: what was said is written as it comes. */
#ifndef CHAT_KEEP_H
#define CHAT_KEEP_H
#include "said.h"

struct keep {
    const struct spn_store_api *api; /* NULL: this host has no store */
    int64_t chat;                    /* 0: not in the store yet */
    bool private;                    /* nothing goes to the disk */
    bool off;                        /* the last write failed: what there is stays in memory */
    char *title;                     /* NULL: from the first question */
};

/* Write turn I with all it hangs on, and what an earlier failure left out. When it fails, K is off
   and the conversation stays in memory; SPN_OK from there on, until a write succeeds again: a
   failure is told once. */
spn_status keep_turn(struct keep *k, struct sayings *s, size_t i, struct spn_err *err);
/* The branch that is shown, the model and the settings. */
void keep_place(struct keep *k, const struct sayings *s, const char *model, const char *settings);
spn_status keep_rename(struct keep *k, const char *title, struct spn_err *err);
/* Conversation ID (0: the last one) into S and K. *SETTINGS, *MODEL (NULL: none) to free. */
spn_status keep_load(struct keep *k, struct sayings *s, int64_t id, char **model, char **settings,
                     struct spn_err *err);
void keep_free(struct keep *k);

#endif
