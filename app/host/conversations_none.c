/* conversations_none.c - "store/1" of a build without SQLite: nothing is kept, and it says so. */
#include "config.h"

#include "host/conversations.h"

static const char why[] = "conversations: this build has no SQLite";

static spn_status no(struct spn_err *err)
{
    return spn_fail(err, SPN_ENOTFOUND, "%s", why);
}

static spn_status chat_new(int64_t *id, const char *title, struct spn_err *err)
{
    return no(err);
}

static spn_status chat_set(int64_t id, const char *title, const char *model, const char *settings,
                           int64_t leaf, struct spn_err *err)
{
    return no(err);
}

static spn_status chat_remove(int64_t id, bool removed, struct spn_err *err)
{
    return no(err);
}

static spn_status chats(bool (*each)(void *ctx, const struct spn_kept_chat *c), void *ctx,
                        struct spn_err *err)
{
    return no(err);
}

static spn_status chat_get(int64_t id, bool (*each)(void *ctx, const struct spn_kept_chat *c),
                           void *ctx, struct spn_err *err)
{
    return no(err);
}

static spn_status turn_put(int64_t chat, struct spn_kept_turn *t, struct spn_err *err)
{
    return no(err);
}

static spn_status turns(int64_t chat, bool (*each)(void *ctx, const struct spn_kept_turn *t),
                        void *ctx, struct spn_err *err)
{
    return no(err);
}

static spn_status find(const char *words,
                       bool (*each)(void *ctx, const struct spn_kept_chat *c, int64_t turn,
                                    const char *excerpt),
                       void *ctx, struct spn_err *err)
{
    return no(err);
}

const struct spn_store_api table_store = {
    .size = sizeof table_store,
    .chat_new = chat_new,
    .chat_set = chat_set,
    .chat_remove = chat_remove,
    .chats = chats,
    .chat_get = chat_get,
    .turn_put = turn_put,
    .turns = turns,
    .find = find,
};

void conversations_end(void)
{
}

bool conversations_state(struct spn_buf *text)
{
    spn_buf_puts(text, why);
    return false;
}
