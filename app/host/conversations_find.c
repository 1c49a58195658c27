/* conversations_find.c - words looked for in all conversations. */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "host/conversations_inner.h"

#define WORDS_MAX 16
#define BEFORE    30 /* bytes of an excerpt before the word, and after it */
#define AFTER     80

/* Where WHAT is in TEXT, ASCII letters large or small alike; -1: nowhere. */
static ptrdiff_t place_of(const char *text, const char *what, size_t n)
{
    const char *p;
    size_t i;

    for (p = text; *p != '\0'; p++) {
        for (i = 0; i < n && tolower((unsigned char)p[i]) == tolower((unsigned char)what[i]); i++)
            continue;
        if (i == n)
            return p - text;
    }
    return -1;
}

/* A line of TEXT around byte AT, cut between characters. */
static void excerpt(struct spn_buf *b, const char *text, size_t at)
{
    size_t from = at > BEFORE ? at - BEFORE : 0, to = at, end = strlen(text), i;

    to = at + AFTER < end ? at + AFTER : end;
    while (from > 0 && ((unsigned char)text[from] & 0xc0) == 0x80)
        from--;
    while (to < end && ((unsigned char)text[to] & 0xc0) == 0x80)
        to++;
    spn_buf_trim(b, 0);
    if (from > 0)
        spn_buf_puts(b, "...");
    for (i = from; i < to; i++)
        spn_buf_add(b, text[i] == '\n' || text[i] == '\t' ? " " : text + i, 1);
    if (to < end)
        spn_buf_puts(b, "...");
}

struct words {
    const char *at[WORDS_MAX];
    size_t length[WORDS_MAX];
    size_t n;
    bool short_one; /* too short for the index */
};

static size_t characters(const char *s, size_t n)
{
    size_t count = 0, i;

    for (i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

static void split(struct words *w, const char *text)
{
    *w = (struct words){ .n = 0 };
    while (w->n < WORDS_MAX) {
        text += strspn(text, " \t");
        if (*text == '\0')
            return;
        w->at[w->n] = text;
        w->length[w->n] = strcspn(text, " \t");
        w->short_one |= characters(text, w->length[w->n]) < 3;
        text += w->length[w->n++];
    }
}

/* "one" AND "two" for the index. */
static void index_query(struct spn_buf *b, const struct words *w)
{
    size_t i, k;

    for (i = 0; i < w->n; i++) {
        spn_buf_puts(b, i > 0 ? " AND \"" : "\"");
        for (k = 0; k < w->length[i]; k++)
            spn_buf_add(b, w->at[i][k] == '"' ? "\"\"" : w->at[i] + k, w->at[i][k] == '"' ? 2 : 1);
        spn_buf_puts(b, "\"");
    }
}

/* %word% for each, its own % and _ taken literally. */
static void like_pattern(struct spn_buf *b, const char *word, size_t n)
{
    size_t k;

    spn_buf_trim(b, 0);
    spn_buf_puts(b, "%");
    for (k = 0; k < n; k++) {
        if (word[k] == '%' || word[k] == '_' || word[k] == '\\')
            spn_buf_puts(b, "\\");
        spn_buf_add(b, word + k, 1);
    }
    spn_buf_puts(b, "%");
}

#define HIT_COLUMNS                                                                            \
    "SELECT turn.id, turn.text, chat.id, chat.title, chat.model, chat.leaf, chat.at FROM turn" \
    " JOIN chat ON chat.id = turn.chat WHERE chat.removed = 0"
#define HIT_ORDER " ORDER BY chat.at DESC, chat.id DESC, turn.id LIMIT 500"

static spn_status by_index(sqlite3 *db, sqlite3_stmt **s, const struct words *w,
                           struct spn_err *err)
{
    struct spn_buf query = SPN_BUF_INIT(1 << 16);
    spn_status st =
        kept_prepare(db, s,
                     HIT_COLUMNS
                     " AND turn.id IN (SELECT rowid FROM words WHERE words MATCH ?1)" HIT_ORDER,
                     err);

    if (st == SPN_OK) {
        index_query(&query, w);
        sqlite3_bind_text(*s, 1, query.data != NULL ? query.data : "\"\"", -1, SQLITE_TRANSIENT);
    }
    spn_buf_free(&query);
    return st;
}

static spn_status by_reading(sqlite3 *db, sqlite3_stmt **s, const struct words *w,
                             struct spn_err *err)
{
    struct spn_buf sql = SPN_BUF_INIT(1 << 14), pattern = SPN_BUF_INIT(1 << 16);
    spn_status st;
    size_t i;

    spn_buf_puts(&sql, HIT_COLUMNS);
    for (i = 0; i < w->n; i++)
        spn_buf_printf(&sql, " AND turn.text LIKE ?%zu ESCAPE '\\'", i + 1);
    spn_buf_puts(&sql, HIT_ORDER);
    st = sql.failed ? spn_fail(err, SPN_ENOMEM, "find: no memory")
                    : kept_prepare(db, s, sql.data, err);
    for (i = 0; i < w->n && st == SPN_OK; i++) {
        like_pattern(&pattern, w->at[i], w->length[i]);
        sqlite3_bind_text(*s, (int)i + 1, pattern.data != NULL ? pattern.data : "%", -1,
                          SQLITE_TRANSIENT);
    }
    spn_buf_free(&sql);
    spn_buf_free(&pattern);
    return st;
}

spn_status kept_find(const char *words,
                     bool (*each)(void *ctx, const struct spn_kept_chat *c, int64_t turn,
                                  const char *excerpt),
                     void *ctx, struct spn_err *err)
{
    struct spn_buf line = SPN_BUF_INIT(1 << 16);
    struct words w;
    sqlite3_stmt *s = NULL;
    sqlite3 *db;
    bool more = true;
    int step = SQLITE_DONE;
    spn_status st;

    split(&w, words);
    if (w.n == 0)
        return SPN_OK;
    st = kept_enter(&db, err);
    if (st == SPN_OK)
        st = kept_indexed() && !w.short_one ? by_index(db, &s, &w, err)
                                            : by_reading(db, &s, &w, err);
    while (st == SPN_OK && more && (step = sqlite3_step(s)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 1);
        ptrdiff_t at = text != NULL ? place_of(text, w.at[0], w.length[0]) : -1;
        struct spn_kept_chat c = { .id = sqlite3_column_int64(s, 2),
                                   .title = (const char *)sqlite3_column_text(s, 3),
                                   .model = (const char *)sqlite3_column_text(s, 4),
                                   .leaf = sqlite3_column_int64(s, 5),
                                   .at = sqlite3_column_int64(s, 6) };

        if (text == NULL)
            continue;
        excerpt(&line, text, at >= 0 ? (size_t)at : 0);
        more = each(ctx, &c, sqlite3_column_int64(s, 0), line.data != NULL ? line.data : "");
    }
    if (st == SPN_OK && more && step != SQLITE_DONE)
        st = kept_failed(db, err);
    sqlite3_finalize(s);
    kept_leave();
    spn_buf_free(&line);
    return st;
}
