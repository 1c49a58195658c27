/* said.c - the tree of turns: branches, versions, titles, Markdown and JSON. */
#include "config.h"

#include "said.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"

#define TITLE_CHARACTERS 60

bool said_set(char **old, const char *text)
{
    char *copy = text != NULL ? spn_strdup(text) : NULL;

    if (text != NULL && copy == NULL)
        return false;
    spn_free(*old);
    *old = copy;
    return true;
}

void sayings_clear(struct sayings *s)
{
    for (size_t i = 0; i < s->n; i++) {
        spn_free(s->item[i].text);
        spn_free(s->item[i].model);
        spn_free(s->item[i].figures);
        json_decref(s->item[i].forest);
    }
    spn_free(s->item);
    *s = (struct sayings){ .leaf = SAID_NONE };
}

size_t sayings_add(struct sayings *s, size_t parent, bool user, const char *text)
{
    char *copy = spn_strdup(text);

    if (copy != NULL && s->n == s->room) {
        size_t room = s->room > 0 ? 2 * s->room : 16;
        struct said *more = spn_realloc(s->item, room, sizeof *more);

        if (more == NULL) {
            spn_free(copy);
            return SAID_NONE;
        }
        s->item = more;
        s->room = room;
    }
    if (copy == NULL)
        return SAID_NONE;
    s->item[s->n] = (struct said){ .parent = parent,
                                   .user = user,
                                   .text = copy,
                                   .state = SPN_KEPT_DONE,
                                   .at = (int64_t)time(NULL),
                                   .unkept = true };
    return s->n++;
}

/* ---- branches ---- */

size_t sayings_path(const struct sayings *s, size_t leaf, size_t *path)
{
    size_t n = 0, i = leaf;

    for (; i != SAID_NONE && n < s->n; i = s->item[i].parent)
        path[n++] = i;
    for (size_t k = 0; k < n / 2; k++) {
        i = path[k];
        path[k] = path[n - 1 - k];
        path[n - 1 - k] = i;
    }
    return n;
}

static bool versions_of(const struct sayings *s, size_t a, size_t b)
{
    return s->item[a].parent == s->item[b].parent && s->item[a].user == s->item[b].user;
}

void sayings_versions(const struct sayings *s, size_t i, int *which, int *of)
{
    *which = *of = 0;
    for (size_t k = 0; k < s->n; k++)
        if (versions_of(s, k, i)) {
            ++*of;
            if (k <= i)
                ++*which;
        }
}

size_t sayings_version(const struct sayings *s, size_t i, int way)
{
    for (size_t k = i; way < 0 ? k > 0 : k + 1 < s->n;) {
        k = way < 0 ? k - 1 : k + 1;
        if (versions_of(s, k, i))
            return k;
    }
    return SAID_NONE;
}

size_t sayings_end(const struct sayings *s, size_t i)
{
    /* A child comes after its parent: one pass over those that follow. */
    for (;;) {
        size_t last = SAID_NONE;

        for (size_t k = i + 1; k < s->n; k++)
            if (s->item[k].parent == i)
                last = k;
        if (last == SAID_NONE)
            return i;
        i = last;
    }
}

size_t sayings_find(const struct sayings *s, int64_t id)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->item[i].id == id && id != 0)
            return i;
    return SAID_NONE;
}

/* ---- texts ---- */

size_t said_thinking(const char *text, bool *open)
{
    static const char *const tags[][2] = { { "<think>", "</think>" },
                                           { "<thinking>", "</thinking>" } };
    const char *start = text + strspn(text, " \n");

    *open = false;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        const char *end;

        if (strncmp(start, tags[i][0], strlen(tags[i][0])) != 0)
            continue;
        end = strstr(start, tags[i][1]);
        *open = end == NULL;
        if (end == NULL)
            return strlen(text);
        end += strlen(tags[i][1]);
        return (size_t)(end - text) + strspn(end, " \n");
    }
    return 0;
}

void said_title(struct spn_buf *out, const char *question)
{
    size_t n = 0, characters = 0;

    question += strspn(question, " \t\n");
    while (question[n] != '\0' && question[n] != '\n' && characters < TITLE_CHARACTERS) {
        n++;
        while (((unsigned char)question[n] & 0xc0) == 0x80)
            n++;
        characters++;
    }
    spn_buf_add(out, question, n);
    if (question[n] != '\0' && question[n] != '\n')
        spn_buf_puts(out, "...");
}

void sayings_markdown(const struct sayings *s, const char *title, struct spn_buf *out)
{
    size_t *path = spn_calloc(s->n + 1, sizeof *path), n;

    if (path == NULL) {
        out->failed = true;
        return;
    }
    n = sayings_path(s, s->leaf, path);
    if (title != NULL && title[0] != '\0')
        spn_buf_printf(out, "# %s\n\n", title);
    for (size_t i = 0; i < n; i++) {
        const struct said *t = &s->item[path[i]];

        spn_buf_printf(out, "## %s\n\n%s\n\n", t->user ? "user" : "assistant", t->text);
        if (t->figures != NULL)
            spn_buf_printf(out, "*%s%s%s*\n\n", t->model != NULL ? t->model : "",
                           t->model != NULL ? ": " : "", t->figures);
    }
    spn_free(path);
}

static json_t *text_json(const char *text)
{
    json_t *j = text != NULL ? json_string(text) : json_null();

    return j != NULL ? j : json_string("(no UTF-8)");
}

json_t *sayings_json(const struct sayings *s, const char *title)
{
    json_t *o = json_object(), *turns = json_array();

    json_object_set_new(o, "title", text_json(title));
    json_object_set_new(o, "leaf",
                        s->leaf != SAID_NONE ? json_integer((json_int_t)s->leaf) : json_null());
    for (size_t i = 0; i < s->n; i++) {
        const struct said *t = &s->item[i];
        json_t *j = json_object();

        json_object_set_new(j, "index", json_integer((json_int_t)i));
        json_object_set_new(j, "parent",
                            t->parent != SAID_NONE ? json_integer((json_int_t)t->parent)
                                                   : json_null());
        json_object_set_new(j, "role", json_string(t->user ? "user" : "assistant"));
        json_object_set_new(j, "content", text_json(t->text));
        json_object_set_new(j, "at", json_integer(t->at));
        if (t->model != NULL)
            json_object_set_new(j, "model", text_json(t->model));
        if (t->figures != NULL)
            json_object_set_new(j, "figures", text_json(t->figures));
        if (t->forest != NULL)
            json_object_set(j, "thoughts", t->forest);
        json_array_append_new(turns, j);
    }
    json_object_set_new(o, "turns", turns);
    return o;
}
