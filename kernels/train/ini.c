/* ini.c - the text of a recipe as sections and pairs. */
#include "config.h"

#include "train/ini.h"

#include <stdbool.h>
#include <string.h>

struct span { const char *s; size_t n; };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span a)
{
    while (a.n > 0 && is_blank(a.s[0])) {
        a.s++;
        a.n--;
    }
    while (a.n > 0 && is_blank(a.s[a.n - 1]))
        a.n--;
    return a;
}

/* Names of sections and keys: letters, digits, dot, dash, underscore. */
static bool is_name(struct span a)
{
    for (size_t i = 0; i < a.n; i++) {
        char c = a.s[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '_'))
            return false;
    }
    return a.n > 0;
}

static spn_status no_memory(const char *name, int line, struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "%s:%d: no memory left to keep the recipe", name, line);
}

static spn_status add_section(struct train_ini_section ***tail, struct train_ini_section *all,
                              struct spn_arena *arena, const char *name, int line,
                              struct span title, struct spn_err *err)
{
    struct train_ini_section *s;

    title.s++;
    title.n -= 2;
    title = trim(title);
    if (!is_name(title))
        return spn_fail(err, SPN_EFORMAT,
                        "%s:%d: a section is [NAME] of letters, digits, dot, dash or underscore",
                        name, line);
    for (s = all; s != NULL; s = s->next)
        if (strlen(s->name) == title.n && memcmp(s->name, title.s, title.n) == 0)
            return spn_fail(err, SPN_EFORMAT,
                            "%s:%d: section [%s] is given twice, first in line %d", name, line,
                            s->name, s->line);
    s = spn_arena_alloc(arena, 1, sizeof *s);
    if (s == NULL)
        return no_memory(name, line, err);
    s->line = line;
    s->name = spn_arena_strndup(arena, title.s, title.n);
    if (s->name == NULL)
        return no_memory(name, line, err);
    **tail = s;
    *tail = &s->next;
    return SPN_OK;
}

static spn_status add_pair(struct train_ini_section *s, struct spn_arena *arena, const char *name,
                           int line, struct span key, struct span value, struct spn_err *err)
{
    struct train_ini_pair *p;

    for (p = s->first; p != NULL; p = p->next)
        if (strlen(p->key) == key.n && memcmp(p->key, key.s, key.n) == 0)
            return spn_fail(err, SPN_EFORMAT, "%s:%d: %s is given twice in [%s], first in line %d",
                            name, line, p->key, s->name, p->line);
    p = spn_arena_alloc(arena, 1, sizeof *p);
    if (p == NULL)
        return no_memory(name, line, err);
    p->line = line;
    p->key = spn_arena_strndup(arena, key.s, key.n);
    p->value = spn_arena_strndup(arena, value.s, value.n);
    if (p->key == NULL || p->value == NULL)
        return no_memory(name, line, err);
    if (s->last != NULL)
        s->last->next = p;
    else
        s->first = p;
    s->last = p;
    return SPN_OK;
}

spn_status train_ini_parse(struct train_ini_section **out, struct spn_arena *arena,
                           const char *name, const char *text, size_t n, struct spn_err *err)
{
    struct train_ini_section *all = NULL, **tail = &all, *now = NULL;
    size_t at = 0;

    for (int line = 1; at < n; line++) {
        const char *end = memchr(text + at, '\n', n - at);
        struct span l = { text + at, end != NULL ? (size_t)(end - (text + at)) : n - at };
        spn_status st = SPN_OK;

        at += l.n + (end != NULL);
        if (memchr(l.s, '\0', l.n) != NULL)
            return spn_fail(err, SPN_EFORMAT, "%s:%d: a zero byte: this is not a recipe", name,
                            line);
        l = trim(l);
        if (l.n == 0 || l.s[0] == '#' || l.s[0] == ';')
            continue;
        if (l.s[0] == '[' && l.n > 2 && l.s[l.n - 1] == ']') {
            st = add_section(&tail, all, arena, name, line, l, err);
            if (st == SPN_OK)
                for (now = all; now->next != NULL; now = now->next)
                    ;
        } else {
            const char *eq = memchr(l.s, '=', l.n);
            struct span key, value;

            if (eq == NULL)
                return spn_fail(err, SPN_EFORMAT,
                                "%s:%d: neither [section] nor key = value nor a comment", name,
                                line);
            key = trim((struct span){ l.s, (size_t)(eq - l.s) });
            value = trim((struct span){ eq + 1, l.n - (size_t)(eq - l.s) - 1 });
            if (!is_name(key))
                return spn_fail(
                    err, SPN_EFORMAT,
                    "%s:%d: a key is a name of letters, digits, dot, dash or underscore", name,
                    line);
            if (now == NULL)
                return spn_fail(err, SPN_EFORMAT, "%s:%d: %.*s stands before the first [section]",
                                name, line, (int)key.n, key.s);
            st = add_pair(now, arena, name, line, key, value, err);
        }
        if (st != SPN_OK)
            return st;
    }
    *out = all;
    return SPN_OK;
}
