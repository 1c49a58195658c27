/* store.h - conversations that are kept: every turn in the user's data folder as it comes, with its
 * branches, figures and forest.
 *
 * A conversation is a tree of turns: a turn that is edited or answered again is a sibling of the
 * one before.  Functions may be called from any thread.  Strings that come back are lent for the
 * call of EACH alone. */
#ifndef SPINNEY_STORE_H
#define SPINNEY_STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spn_kept_state {
    SPN_KEPT_GROWING, /* being written; found so later: the program ended before the turn did */
    SPN_KEPT_DONE,
    SPN_KEPT_STOPPED
};
struct spn_kept_turn {
    int64_t id;     /* from 1; 0: not kept yet */
    int64_t parent; /* turn before it; 0: the first */
    const char *role, *text;
    const char *model;   /* who wrote it; NULL: a person */
    const char *figures; /* what it took, a line; NULL: none */
    const char *forest;  /* JSON of its thoughts; NULL: none */
    enum spn_kept_state state;
    int64_t at; /* seconds since 1970 */
};
struct spn_kept_chat {
    int64_t id;
    const char *title;
    const char *model;    /* last one that answered; NULL: none yet */
    const char *settings; /* of the view, as it wrote them; NULL: none */
    int64_t leaf;         /* last turn of the branch that was shown; 0: none */
    int64_t turns, at;    /* at: of the last change, seconds since 1970 */
};

/* "store/1". SPN_EIO and SPN_ENOTFOUND say why nothing is kept, with the path. */
struct spn_store_api {
    uint32_t size;
    /* A new conversation. */
    spn_status (*chat_new)(int64_t *id, const char *title, struct spn_err *err);
    /* Change what is not NULL (LEAF: not 0) of conversation ID. */
    spn_status (*chat_set)(int64_t id, const char *title, const char *model, const char *settings,
                           int64_t leaf, struct spn_err *err);
    /* Put it away (or back): it is in no list, and gone for good an hour later. */
    spn_status (*chat_remove)(int64_t id, bool removed, struct spn_err *err);
    /* The newest first; each returns false to end. */
    spn_status (*chats)(bool (*each)(void *ctx, const struct spn_kept_chat *c), void *ctx,
                        struct spn_err *err);
    /* SPN_ENOTFOUND: there is no such conversation. */
    spn_status (*chat_get)(int64_t id, bool (*each)(void *ctx, const struct spn_kept_chat *c),
                           void *ctx, struct spn_err *err);
    /* Insert T (id 0; it gets one) into CHAT, or write what a turn that is there has become: text,
       figures, forest, state. */
    spn_status (*turn_put)(int64_t chat, struct spn_kept_turn *t, struct spn_err *err);
    /* All turns of CHAT, parents first. */
    spn_status (*turns)(int64_t chat, bool (*each)(void *ctx, const struct spn_kept_turn *t),
                        void *ctx, struct spn_err *err);
    /* Turns of all conversations that hold every word of WORDS, any part of a word, letters large
       or small; those of the newest conversations first. EXCERPT: a line around the first word. */
    spn_status (*find)(const char *words,
                       bool (*each)(void *ctx, const struct spn_kept_chat *c, int64_t turn,
                                    const char *excerpt),
                       void *ctx, struct spn_err *err);
};

#ifdef __cplusplus
}
#endif
#endif
