/* conversations_rows.c - "store/1": conversations and their turns, written and read. */
#include "config.h"

#include <string.h>
#include <time.h>

#include "host/conversations.h"
#include "host/conversations_inner.h"

/* ---- conversations ---- */

static spn_status chat_new(int64_t *id, const char *title, struct spn_err *err)
{
    sqlite3_stmt *s = NULL;
    sqlite3 *db;
    spn_status st = kept_enter(&db, err);

    if (st == SPN_OK)
        st = kept_prepare(db, &s, "INSERT INTO chat(title, at) VALUES(?1, ?2)", err);
    if (st == SPN_OK) {
        kept_bind(s, 1, title);
        sqlite3_bind_int64(s, 2, (int64_t)time(NULL));
        st = kept_finish(db, s, err);
    }
    if (st == SPN_OK)
        *id = sqlite3_last_insert_rowid(db);
    kept_leave();
    return st;
}

static spn_status chat_set(int64_t id, const char *title, const char *model, const char *settings,
                           int64_t leaf, struct spn_err *err)
{
    sqlite3_stmt *s = NULL;
    sqlite3 *db;
    spn_status st = kept_enter(&db, err);

    if (st == SPN_OK)
        st =
            kept_prepare(db, &s,
                         "UPDATE chat SET title = coalesce(?2, title), model = coalesce(?3, model),"
                         " settings = coalesce(?4, settings),"
                         " leaf = CASE WHEN ?5 > 0 THEN ?5 ELSE leaf END, at = ?6 WHERE id = ?1",
                         err);
    if (st == SPN_OK) {
        sqlite3_bind_int64(s, 1, id);
        kept_bind(s, 2, title);
        kept_bind(s, 3, model);
        kept_bind(s, 4, settings);
        sqlite3_bind_int64(s, 5, leaf);
        sqlite3_bind_int64(s, 6, (int64_t)time(NULL));
        st = kept_finish(db, s, err);
    }
    kept_leave();
    return st;
}

static spn_status chat_remove(int64_t id, bool removed, struct spn_err *err)
{
    sqlite3_stmt *s = NULL;
    sqlite3 *db;
    spn_status st = kept_enter(&db, err);

    if (st == SPN_OK)
        st = kept_prepare(db, &s, "UPDATE chat SET removed = ?2 WHERE id = ?1", err);
    if (st == SPN_OK) {
        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_int64(s, 2, removed ? (int64_t)time(NULL) : 0);
        st = kept_finish(db, s, err);
    }
    kept_leave();
    return st;
}

static const char *text(sqlite3_stmt *s, int column)
{
    return (const char *)sqlite3_column_text(s, column);
}

#define CHAT_COLUMNS                                                                        \
    "SELECT id, title, model, settings, leaf, at, (SELECT count(*) FROM turn WHERE chat = " \
    "chat.id)"                                                                              \
    " FROM chat"

static spn_status list(const char *sql, int64_t id,
                       bool (*each)(void *ctx, const struct spn_kept_chat *c), void *ctx, size_t *n,
                       struct spn_err *err)
{
    sqlite3_stmt *s = NULL;
    sqlite3 *db;
    bool more = true;
    int step = SQLITE_DONE;
    spn_status st = kept_enter(&db, err);

    *n = 0;
    if (st == SPN_OK)
        st = kept_prepare(db, &s, sql, err);
    if (st == SPN_OK && id != 0)
        sqlite3_bind_int64(s, 1, id);
    while (st == SPN_OK && more && (step = sqlite3_step(s)) == SQLITE_ROW) {
        struct spn_kept_chat c = { .id = sqlite3_column_int64(s, 0),
                                   .title = text(s, 1),
                                   .model = text(s, 2),
                                   .settings = text(s, 3),
                                   .leaf = sqlite3_column_int64(s, 4),
                                   .at = sqlite3_column_int64(s, 5),
                                   .turns = sqlite3_column_int64(s, 6) };

        ++*n;
        more = each(ctx, &c);
    }
    if (st == SPN_OK && more && step != SQLITE_DONE)
        st = kept_failed(db, err);
    sqlite3_finalize(s);
    kept_leave();
    return st;
}

static spn_status chats(bool (*each)(void *ctx, const struct spn_kept_chat *c), void *ctx,
                        struct spn_err *err)
{
    size_t n;

    return list(CHAT_COLUMNS " WHERE removed = 0 ORDER BY at DESC, id DESC", 0, each, ctx, &n, err);
}

static spn_status chat_get(int64_t id, bool (*each)(void *ctx, const struct spn_kept_chat *c),
                           void *ctx, struct spn_err *err)
{
    size_t n;
    spn_status st = list(CHAT_COLUMNS " WHERE removed = 0 AND id = ?1", id, each, ctx, &n, err);

    return st == SPN_OK && n == 0
               ? spn_fail(err, SPN_ENOTFOUND, "conversation %lld: there is none of that number",
                          (long long)id)
               : st;
}

/* ---- turns ---- */

static spn_status write_turn(sqlite3 *db, int64_t chat, struct spn_kept_turn *t,
                             struct spn_err *err)
{
    static const char add[] =
        "INSERT INTO turn(chat, parent, role, at, model, text, figures, forest, state)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    static const char change[] =
        "UPDATE turn SET text = ?6, figures = ?7, forest = ?8, state = ?9, model = ?5"
        " WHERE id = ?10 AND chat = ?1";
    sqlite3_stmt *s = NULL;
    spn_status st = kept_prepare(db, &s, t->id == 0 ? add : change, err);

    if (st != SPN_OK)
        return st;
    sqlite3_bind_int64(s, 1, chat);
    if (t->id == 0) {
        sqlite3_bind_int64(s, 2, t->parent);
        kept_bind(s, 3, t->role);
        sqlite3_bind_int64(s, 4, t->at);
    } else {
        sqlite3_bind_int64(s, 10, t->id);
    }
    kept_bind(s, 5, t->model);
    kept_bind(s, 6, t->text);
    kept_bind(s, 7, t->figures);
    kept_bind(s, 8, t->forest);
    sqlite3_bind_int(s, 9, (int)t->state);
    return kept_finish(db, s, err);
}

/* Words of turns under way are not indexed: they change ten times a second. */
static spn_status index_turn(sqlite3 *db, int64_t id, const char *words, struct spn_err *err)
{
    sqlite3_stmt *s = NULL;
    spn_status st =
        kept_prepare(db, &s, "INSERT OR REPLACE INTO words(rowid, text) VALUES(?1, ?2)", err);

    if (st != SPN_OK)
        return st;
    sqlite3_bind_int64(s, 1, id);
    kept_bind(s, 2, words);
    return kept_finish(db, s, err);
}

static spn_status touch(sqlite3 *db, int64_t chat, int64_t leaf, struct spn_err *err)
{
    sqlite3_stmt *s = NULL;
    spn_status st = kept_prepare(db, &s, "UPDATE chat SET at = ?2, leaf = ?3 WHERE id = ?1", err);

    if (st != SPN_OK)
        return st;
    sqlite3_bind_int64(s, 1, chat);
    sqlite3_bind_int64(s, 2, (int64_t)time(NULL));
    sqlite3_bind_int64(s, 3, leaf);
    return kept_finish(db, s, err);
}

static spn_status turn_put(int64_t chat, struct spn_kept_turn *t, struct spn_err *err)
{
    sqlite3 *db;
    int64_t id = t->id;
    spn_status st = kept_enter(&db, err);

    if (st == SPN_OK)
        st = kept_run(db, "BEGIN IMMEDIATE", err);
    if (st == SPN_OK) {
        st = write_turn(db, chat, t, err);
        if (st == SPN_OK && id == 0)
            id = sqlite3_last_insert_rowid(db);
        if (st == SPN_OK && t->id == 0)
            st = touch(db, chat, id, err);
        if (st == SPN_OK && t->state != SPN_KEPT_GROWING && kept_indexed())
            st = index_turn(db, id, t->text, err);
        st = kept_commit(db, st, err);
    }
    if (st == SPN_OK)
        t->id = id;
    kept_leave();
    return st;
}

static spn_status turns(int64_t chat, bool (*each)(void *ctx, const struct spn_kept_turn *t),
                        void *ctx, struct spn_err *err)
{
    sqlite3_stmt *s = NULL;
    sqlite3 *db;
    bool more = true;
    int step = SQLITE_DONE;
    spn_status st = kept_enter(&db, err);

    if (st == SPN_OK)
        st = kept_prepare(db, &s,
                          "SELECT id, parent, role, text, model, figures, forest, state, at"
                          " FROM turn WHERE chat = ?1 ORDER BY id",
                          err);
    if (st == SPN_OK)
        sqlite3_bind_int64(s, 1, chat);
    while (st == SPN_OK && more && (step = sqlite3_step(s)) == SQLITE_ROW) {
        int state = sqlite3_column_int(s, 7);
        struct spn_kept_turn t = { .id = sqlite3_column_int64(s, 0),
                                   .parent = sqlite3_column_int64(s, 1),
                                   .role = text(s, 2),
                                   .text = text(s, 3),
                                   .model = text(s, 4),
                                   .figures = text(s, 5),
                                   .forest = text(s, 6),
                                   .state = state == SPN_KEPT_GROWING || state == SPN_KEPT_DONE
                                                ? (enum spn_kept_state)state
                                                : SPN_KEPT_STOPPED,
                                   .at = sqlite3_column_int64(s, 8) };

        more = t.role == NULL || t.text == NULL || each(ctx, &t);
    }
    if (st == SPN_OK && more && step != SQLITE_DONE)
        st = kept_failed(db, err);
    sqlite3_finalize(s);
    kept_leave();
    return st;
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
    .find = kept_find,
};
