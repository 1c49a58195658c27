/* chats.c - earlier conversations: the list, and words looked for in all of them. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "spinney/plugin.h"
#include "view.h"

struct chats {
    const struct spn_pane_api *api;
    const struct spn_store_api *store;
    struct spn_screen *screen;
    struct spn_pane *list, *detail;
    bool finds; /* words in all of them, else the list */
    char *words;
    size_t rows;
    int64_t removed; /* last one that was put away; 0: none */
};

/* "12:04", "Mon 12:04" or a date. */
static void put_when(char *out, size_t room, int64_t at)
{
    time_t then = (time_t)at, now = time(NULL);
    struct tm parts;

    out[0] = '\0';
    if (localtime_r(&then, &parts) != NULL)
        strftime(out, room,
                 now - then < 43200    ? "%H:%M"
                 : now - then < 500000 ? "%a %H:%M"
                                       : "%Y-%m-%d",
                 &parts);
}

static void fail(struct chats *c, const struct spn_err *err)
{
    c->api->fail(c->screen, err);
}

/* ---- the list ---- */

static bool add_chat(void *ctx, const struct spn_kept_chat *k)
{
    struct chats *c = ctx;
    char when[32], turns[24];
    struct spn_field f[4] = { { k->title, NAN, SPN_STYLE_STRONG },
                              { k->model, NAN, SPN_STYLE_DIM },
                              { turns, (double)k->turns, SPN_STYLE_DIM },
                              { when, (double)k->at, SPN_STYLE_TEXT } };
    struct spn_row r = { .id = (uint64_t)k->id, .fields = f, .n = 4 };

    put_when(when, sizeof when, k->at);
    snprintf(turns, sizeof turns, "%lld", (long long)k->turns);
    c->api->row(c->list, &r);
    c->rows++;
    return c->rows < 5000;
}

static bool add_hit(void *ctx, const struct spn_kept_chat *k, int64_t turn, const char *excerpt)
{
    struct chats *c = ctx;
    char when[32];
    struct spn_field f[3] = { { k->title, NAN, SPN_STYLE_STRONG },
                              { excerpt, NAN, SPN_STYLE_TEXT },
                              { when, (double)k->at, SPN_STYLE_DIM } };
    /* The row names conversation and turn: numbers of turns are unique by themselves. */
    struct spn_row r = { .id = (uint64_t)turn, .fields = f, .n = 3 };

    put_when(when, sizeof when, k->at);
    c->api->row(c->list, &r);
    c->rows++;
    return true;
}

static void fill(struct chats *c)
{
    static const struct spn_column list[] = { { "conversation", -1, false, 0 },
                                              { "model", 20, false, 2 },
                                              { "turns", 5, true, 3 },
                                              { "last", 12, true, 1 } };
    static const struct spn_column hits[] = { { "conversation", 28, false, 1 },
                                              { "where", -1, false, 0 },
                                              { "last", 12, true, 2 } };
    struct spn_err err = SPN_ERR_INIT;
    spn_status st;
    char state[64];

    c->rows = 0;
    c->api->columns(c->list, c->finds ? hits : list, c->finds ? 3 : 4);
    c->api->begin(c->list);
    st = !c->finds          ? c->store->chats(add_chat, c, &err)
         : c->words != NULL ? c->store->find(c->words, add_hit, c, &err)
                            : SPN_OK;
    c->api->end(c->list);
    if (st != SPN_OK)
        fail(c, &err);
    snprintf(state, sizeof state, "%zu %s%s", c->rows, c->finds ? "place" : "conversation",
             c->rows == 1 ? "" : "s");
    c->api->state(c->screen, state);
}

/* ---- one of them ---- */

struct peek {
    struct spn_buf text;
    size_t n;
};

static bool peek_turn(void *ctx, const struct spn_kept_turn *t)
{
    struct peek *p = ctx;

    spn_buf_printf(&p->text, "**%s**\n\n%.400s%s\n\n",
                   strcmp(t->role, "user") == 0 ? "you"
                   : t->model != NULL           ? t->model
                                                : "answer",
                   t->text, strlen(t->text) > 400 ? "..." : "");
    return ++p->n < 12;
}

/* Conversation of a turn that was found. */
struct owner {
    int64_t turn, chat;
};

static bool take_owner(void *ctx, const struct spn_kept_chat *k, int64_t turn, const char *excerpt)
{
    struct owner *o = ctx;

    if (turn != o->turn)
        return true;
    o->chat = k->id;
    return false;
}

static int64_t chat_of(struct chats *c)
{
    struct owner o = { 0 };
    uint64_t id;

    if (!c->api->choice(c->list, &id))
        return 0;
    if (!c->finds)
        return (int64_t)id;
    o.turn = (int64_t)id;
    if (c->words != NULL)
        c->store->find(c->words, take_owner, &o, NULL);
    return o.chat;
}

static void chosen(void *view, struct spn_pane *p, uint64_t id)
{
    struct chats *c = view;
    struct peek peek = { .text = SPN_BUF_INIT(1 << 16) };
    int64_t chat = chat_of(c);

    if (p != c->list || chat == 0)
        return;
    c->store->turns(chat, peek_turn, &peek, NULL);
    c->api->block(c->detail, 1, SPN_TEXT_MARKDOWN, NULL, SPN_STYLE_TEXT,
                  peek.text.data != NULL ? peek.text.data : "", peek.text.length);
    spn_buf_free(&peek.text);
}

static void open_chat(struct chats *c)
{
    int64_t id = chat_of(c);
    char number[24];
    char *argv[2] = { (char *)"--continue", number };

    if (id == 0)
        return;
    snprintf(number, sizeof number, "%lld", (long long)id);
    c->api->go(c->screen, "chat", 2, argv);
}

static void removed(void *ctx, bool yes)
{
    struct chats *c = ctx;
    struct spn_err err = SPN_ERR_INIT;
    int64_t id = chat_of(c);

    if (!yes || id == 0)
        return;
    if (c->store->chat_remove(id, true, &err) != SPN_OK) {
        fail(c, &err);
        return;
    }
    c->removed = id;
    fill(c);
    c->api->say(c->screen, "removed; u brings it back, for an hour");
}

static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    struct chats *c = view;
    struct spn_err err = SPN_ERR_INIT;

    switch (a) {
    case SPN_WANT_OPEN:
        open_chat(c);
        return true;
    case SPN_WANT_REMOVE:
        if (chat_of(c) != 0)
            c->api->ask(c->screen, "Remove this conversation?", removed, c);
        return true;
    case SPN_WANT_UNDO:
        if (c->removed == 0) {
            c->api->say(c->screen, "nothing was removed here");
        } else if (c->store->chat_remove(c->removed, false, &err) != SPN_OK) {
            fail(c, &err);
        } else {
            c->removed = 0;
            fill(c);
        }
        return true;
    case SPN_WANT_RUN_AGAIN:
        fill(c);
        return true;
    default:
        return false;
    }
}

static bool slash(void *view, const char *name, const char *args, struct spn_err *err)
{
    struct chats *c = view;
    int64_t id = chat_of(c);
    bool good =
        id != 0 && args[0] != '\0' && c->store->chat_set(id, args, NULL, NULL, 0, err) == SPN_OK;

    if (id == 0 || args[0] == '\0')
        spn_fail(err, SPN_EUSAGE, "rename: %s",
                 id == 0 ? "no conversation is chosen" : "a title is needed");
    fill(c);
    return good;
}

static void send(void *view, const char *text)
{
    struct chats *c = view;

    spn_free(c->words);
    c->words = spn_strdup(text);
    fill(c);
    if (c->rows > 0)
        c->api->focus(c->list);
    else
        c->api->say(c->screen, "found nowhere");
}

static void close_view(void *view)
{
    struct chats *c = view;

    spn_free(c->words);
    spn_free(c);
}

static spn_status open_either(const struct spn_host *h, struct spn_screen *s, bool finds,
                              void **out, struct spn_err *err)
{
    struct chats *c = spn_calloc(1, sizeof *c);

    if (c == NULL)
        return spn_fail(err, SPN_ENOMEM, "chats: no memory");
    c->api = h->query("pane", 1);
    c->store = h->query("store", 1);
    if (c->store == NULL) {
        spn_free(c);
        return spn_fail(err, SPN_ENOTFOUND, "chats: this host keeps no conversations");
    }
    c->screen = s;
    c->finds = finds;
    c->list = c->api->pane(s, "list");
    c->detail = c->api->pane(s, "detail");
    c->api->heading(s, finds ? "all chats: find" : "earlier chats");
    *out = c;
    fill(c);
    if (c->rows > 0)
        chosen(c, c->list, 0);
    return SPN_OK;
}

static spn_status open_list(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                            void **out, struct spn_err *err)
{
    return open_either(h, s, false, out, err);
}

static spn_status open_find(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                            void **out, struct spn_err *err)
{
    return open_either(h, s, true, out, err);
}

static const struct spn_want_help acts[] = {
    { SPN_WANT_OPEN, "list", "go on with it", 0 },
    { SPN_WANT_REMOVE, "list", "remove", 0 },
    { SPN_WANT_UNDO, "list", "bring back", 0 },
    { SPN_WANT_RUN_AGAIN, "", "look again", 0 },
    { 0 },
};
static const struct spn_slash slashes[] = {
    { "rename", "TITLE", "what the chosen conversation is called" },
    { 0 },
};

const struct spn_view chats_view = {
    .summary = "earlier conversations, to go on with",
    .layout = "list 58 | detail",
    .place = 'r',
    .acts = acts,
    .slashes = slashes,
    .open = open_list,
    .close = close_view,
    .act = act,
    .chosen = chosen,
    .slash = slash,
};

const struct spn_view find_view = {
    .summary = "words in all conversations",
    .layout = "list 62 | detail",
    .place = '/',
    .prompt = "words that are looked for in all conversations",
    .acts = acts,
    .slashes = slashes,
    .open = open_find,
    .close = close_view,
    .act = act,
    .chosen = chosen,
    .send = send,
    .slash = slash,
};
