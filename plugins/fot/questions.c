/* questions.c - reads questions. */
#include "config.h"

#include "questions.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define FILE_CEILING ((size_t)256 << 20)

static const char *const names[] = { "puzzles", "question", "prompt", "problem" };

spn_status questions_add(struct questions *q, const char *text, const char *gold,
                         struct spn_err *err)
{
    if (q->n == q->room) {
        size_t room = q->room == 0 ? 128 : 2 * q->room;
        char **item = spn_realloc(q->item, room, sizeof *item), **golds;

        if (item != NULL)
            q->item = item;
        golds = spn_realloc(q->gold, room, sizeof *golds);
        if (golds != NULL)
            q->gold = golds;
        if (item == NULL || golds == NULL)
            return spn_fail(err, SPN_ENOMEM, "questions: no memory for %zu", room);
        q->room = room;
    }
    q->item[q->n] = spn_strdup(text);
    q->gold[q->n] = gold != NULL ? spn_strdup(gold) : NULL;
    if (q->item[q->n++] == NULL || (gold != NULL && q->gold[q->n - 1] == NULL))
        return spn_fail(err, SPN_ENOMEM, "questions: no memory");
    return SPN_OK;
}

static spn_status add(struct questions *q, const char *text, struct spn_err *err)
{
    return questions_add(q, text, NULL, err);
}

/* The true answer of a record: text or a number; free with spn_free; NULL: none. */
static char *gold_of(const json_t *o)
{
    const json_t *g = json_object_get(o, "answer");
    struct spn_buf b = SPN_BUF_INIT(64);

    if (g == NULL)
        g = json_object_get(o, "Answer");
    if (json_is_string(g))
        return spn_strdup(json_string_value(g));
    if (!json_is_number(g))
        return NULL;
    spn_buf_printf(&b, "%.17g", json_number_value(g));
    return b.failed ? NULL : spn_buf_steal(&b);
}

/* Field COLUMN of the CSV row at *AT into B, without its quotes; *AT moves behind the row. */
static bool csv_field(const char **at, int column, struct spn_buf *b)
{
    const char *s = *at;
    bool found = false;

    spn_buf_trim(b, 0);
    for (int i = 0;; i++) {
        bool quoted = *s == '"';

        s += quoted;
        while (*s != '\0' && (quoted || (*s != ',' && *s != '\n'))) {
            if (quoted && *s == '"' && *++s != '"')
                break;
            if (i == column)
                spn_buf_add(b, s, 1);
            s++;
        }
        found |= i == column;
        while (*s != '\0' && *s != ',' && *s != '\n')
            s++;
        if (*s != ',')
            break;
        s++;
    }
    *at = *s == '\n' ? s + 1 : s;
    while (b->length > 0 && b->data[b->length - 1] == '\r')
        spn_buf_trim(b, b->length - 1);
    return found && b->length > 0;
}

/* Which column of the first line is a question; -1: this is no CSV of questions. */
static int csv_column(const char *text)
{
    struct spn_buf b = SPN_BUF_INIT(4096);
    int column = -1;
    size_t line = strcspn(text, "\n");

    for (int i = 0; column < 0 && i < 64 && memchr(text, ',', line) != NULL; i++) {
        const char *at = text;

        if (!csv_field(&at, i, &b))
            continue;
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (strcasecmp(b.data, names[k]) == 0)
                column = i;
    }
    spn_buf_free(&b);
    return column;
}

static spn_status read_csv(struct questions *q, const char *text, int column, size_t limit,
                           struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 20);
    spn_status st = SPN_OK;

    csv_field(&text, column, &b);
    while (st == SPN_OK && *text != '\0' && (limit == 0 || q->n < limit))
        if (csv_field(&text, column, &b))
            st = add(q, b.data, err);
    spn_buf_free(&b);
    return st;
}

/* One line of JSON Lines. */
static spn_status read_object(struct questions *q, const char *line, size_t n, const char *path,
                              int number, struct spn_err *err)
{
    json_error_t why;
    json_t *o = json_loadb(line, n, 0, &why);
    const char *text = NULL;
    char *gold = NULL;
    spn_status st;

    for (size_t k = 0; k < sizeof names / sizeof *names && text == NULL; k++)
        text = json_string_value(json_object_get(o, names[k]));
    if (text == NULL)
        text = json_string_value(json_object_get(o, "Problem"));
    if (text == NULL)
        st = spn_fail(err, SPN_EFORMAT, "%s:%d: %s", path, number,
                      o == NULL ? why.text : "no question, prompt or problem in it");
    else
        st = questions_add(q, text, gold = gold_of(o), err);
    spn_free(gold);
    json_decref(o);
    return st;
}

static spn_status read_lines(struct questions *q, const char *text, size_t limit, const char *path,
                             struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (int number = 1; st == SPN_OK && *text != '\0' && (limit == 0 || q->n < limit); number++) {
        size_t n = strcspn(text, "\n"), keep = n;
        char *line;

        while (keep > 0 && (text[keep - 1] == '\r' || text[keep - 1] == ' '))
            keep--;
        line = keep > 0 ? spn_strndup(text, keep) : NULL;
        if (keep > 0 && line == NULL)
            st = spn_fail(err, SPN_ENOMEM, "questions: no memory");
        else if (keep > 0 && line[0] == '{')
            st = read_object(q, line, keep, path, number, err);
        else if (keep > 0)
            st = add(q, line, err);
        spn_free(line);
        text += text[n] == '\n' ? n + 1 : n;
    }
    return st;
}

spn_status questions_read(struct questions *q, const char *path, size_t limit, struct spn_err *err)
{
    char *text = NULL;
    size_t length = 0;
    int column;
    spn_status st = spn_file_read(&text, &length, path, FILE_CEILING, err);

    *q = (struct questions){ NULL, NULL, 0, 0 };
    if (st != SPN_OK)
        return st;
    column = csv_column(text);
    st =
        column >= 0 ? read_csv(q, text, column, limit, err) : read_lines(q, text, limit, path, err);
    if (st == SPN_OK && q->n == 0)
        st = spn_fail(err, SPN_EFORMAT, "%s: no question in %zu bytes", path, length);
    if (st != SPN_OK)
        questions_free(q);
    spn_free(text);
    return st;
}

void questions_free(struct questions *q)
{
    for (size_t i = 0; i < q->n; i++) {
        spn_free(q->item[i]);
        spn_free(q->gold[i]);
    }
    spn_free(q->item);
    spn_free(q->gold);
    *q = (struct questions){ NULL, NULL, 0, 0 };
}
