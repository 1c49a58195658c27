/* keep.c - between a conversation and the store. */
#include "config.h"

#include "keep.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static spn_status put_turn(struct keep *k, struct sayings *s, size_t i, struct spn_err *err)
{
    struct said *t = &s->item[i];
    char *forest = t->forest != NULL ? json_dumps(t->forest, JSON_COMPACT) : NULL;
    struct spn_kept_turn kept = { .id = t->id,
                                  .parent = t->parent != SAID_NONE ? s->item[t->parent].id : 0,
                                  .role = t->user ? "user" : "assistant",
                                  .text = t->text,
                                  .model = t->model,
                                  .figures = t->figures,
                                  .forest = forest,
                                  .state = t->state,
                                  .at = t->at };
    spn_status st = k->api->turn_put(k->chat, &kept, err);

    free(forest);
    if (st == SPN_OK) {
        t->id = kept.id;
        t->unkept = false;
    }
    return st;
}

static spn_status make_chat(struct keep *k, const struct sayings *s, struct spn_err *err)
{
    struct spn_buf title = SPN_BUF_INIT(1000);
    spn_status st;

    if (k->title == NULL) {
        said_title(&title, s->item[0].text);
        said_set(&k->title, title.data != NULL ? title.data : "");
        spn_buf_free(&title);
    }
    st = k->api->chat_new(&k->chat, k->title != NULL ? k->title : "", err);
    return st;
}

spn_status keep_turn(struct keep *k, struct sayings *s, size_t i, struct spn_err *err)
{
    struct spn_err why = SPN_ERR_INIT;
    bool was_off = k->off;
    spn_status st = SPN_OK;

    s->item[i].unkept = true;
    if (k->api == NULL || k->private)
        return SPN_OK;
    if (k->chat == 0)
        st = make_chat(k, s, &why);
    for (size_t t = 0; t < s->n && st == SPN_OK; t++) /* parents stand before their children */
        if (s->item[t].unkept)
            st = put_turn(k, s, t, &why);
    k->off = st != SPN_OK;
    if (st == SPN_OK || was_off)
        return SPN_OK;
    return spn_fail(err, st, "%s; this conversation stays in memory", why.text);
}

void keep_place(struct keep *k, const struct sayings *s, const char *model, const char *settings)
{
    if (k->api == NULL || k->private || k->chat == 0 || k->off || s->leaf == SAID_NONE)
        return;
    k->off = k->api->chat_set(k->chat, NULL, model, settings, s->item[s->leaf].id, NULL) != SPN_OK;
}

spn_status keep_rename(struct keep *k, const char *title, struct spn_err *err)
{
    if (!said_set(&k->title, title))
        return spn_fail(err, SPN_ENOMEM, "no memory for a title");
    return k->api != NULL && k->chat != 0 ? k->api->chat_set(k->chat, title, NULL, NULL, 0, err)
                                          : SPN_OK;
}

/* ---- reading ---- */

struct loading {
    struct keep *keep;
    struct sayings *sayings;
    int64_t leaf;
    char **model, **settings;
    bool short_of_memory;
};

static bool take_chat(void *ctx, const struct spn_kept_chat *c)
{
    struct loading *l = ctx;

    l->keep->chat = c->id;
    l->leaf = c->leaf;
    l->short_of_memory |= !said_set(&l->keep->title, c->title) || !said_set(l->model, c->model) ||
                          !said_set(l->settings, c->settings);
    return false;
}

static bool take_turn(void *ctx, const struct spn_kept_turn *t)
{
    struct loading *l = ctx;
    size_t i = sayings_add(l->sayings, sayings_find(l->sayings, t->parent),
                           strcmp(t->role, "user") == 0, t->text);
    struct said *s;

    if (i == SAID_NONE) {
        l->short_of_memory = true;
        return false;
    }
    s = &l->sayings->item[i];
    s->id = t->id;
    s->at = t->at;
    s->state = t->state == SPN_KEPT_GROWING ? SPN_KEPT_STOPPED : t->state;
    s->unkept = false;
    said_set(&s->model, t->model);
    said_set(&s->figures, t->state == SPN_KEPT_GROWING ? "the program ended before this answer did"
                                                       : t->figures);
    s->forest = t->forest != NULL ? json_loads(t->forest, 0, NULL) : NULL;
    return true;
}

spn_status keep_load(struct keep *k, struct sayings *s, int64_t id, char **model, char **settings,
                     struct spn_err *err)
{
    struct loading l = { .keep = k, .sayings = s, .model = model, .settings = settings };
    spn_status st;

    if (k->api == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "chat: this host keeps no conversations");
    k->chat = 0;
    sayings_clear(s);
    st = id != 0 ? k->api->chat_get(id, take_chat, &l, err) : k->api->chats(take_chat, &l, err);
    if (st == SPN_OK && k->chat == 0)
        st = spn_fail(err, SPN_ENOTFOUND, "chat: no conversation is kept yet");
    if (st == SPN_OK)
        st = k->api->turns(k->chat, take_turn, &l, err);
    if (st == SPN_OK && l.short_of_memory)
        st = spn_fail(err, SPN_ENOMEM, "chat: no memory for conversation %lld", (long long)k->chat);
    if (st != SPN_OK)
        return st;
    s->leaf = sayings_find(s, l.leaf);
    if (s->leaf == SAID_NONE && s->n > 0)
        s->leaf = s->n - 1;
    return SPN_OK;
}

void keep_free(struct keep *k)
{
    spn_free(k->title);
    k->title = NULL;
}
