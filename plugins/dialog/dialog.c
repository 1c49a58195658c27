#include "config.h"

#include "dialog.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define FILE_MAX   (1u << 20)
#define LIST_MAX   256 /* wordings of a question, words of a name */
#define NAMES_MAX  64
#define WEIGHT_MAX 1000

struct list {
    char *item[LIST_MAX];
    size_t n;
};
struct name {
    char *name;
    struct list words;
};
struct pair {
    struct list wording;
    char *answer;
    int weight;
};

struct dialog {
    char *text; /* the file; everything below points into it */
    struct name *names;
    size_t n_names;
    struct pair *pairs;
    size_t n_pairs, room;
    int weight;
};

static char *trim(char *s)
{
    char *end = s + strlen(s);

    while (isspace((unsigned char)*s))
        s++;
    while (end > s && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return s;
}

static spn_status split(struct list *l, char *text, const char *path, int line, struct spn_err *err)
{
    for (char *item = text, *bar; item != NULL; item = bar) {
        bar = strchr(item, '|');
        if (bar != NULL)
            *bar++ = '\0';
        item = trim(item);
        if (*item == '\0')
            return spn_fail(err, SPN_EFORMAT, "%s:%d: an empty wording", path, line);
        if (l->n == LIST_MAX)
            return spn_fail(err, SPN_EFORMAT, "%s:%d: more than %d wordings", path, line, LIST_MAX);
        l->item[l->n++] = item;
    }
    return SPN_OK;
}

static struct name *find_name(const struct dialog *d, const char *name, size_t n)
{
    for (size_t i = 0; i < d->n_names; i++)
        if (strlen(d->names[i].name) == n && memcmp(d->names[i].name, name, n) == 0)
            return &d->names[i];
    return NULL;
}

static struct pair *new_pair(struct dialog *d)
{
    if (d->n_pairs == d->room) {
        size_t room = d->room == 0 ? 16 : d->room * 2;
        struct pair *more = spn_realloc(d->pairs, room, sizeof *more);

        if (more == NULL)
            return NULL;
        d->pairs = more;
        d->room = room;
    }
    memset(&d->pairs[d->n_pairs], 0, sizeof *d->pairs);
    d->pairs[d->n_pairs].weight = d->weight;
    return &d->pairs[d->n_pairs++];
}

/* One line; OPEN is the pair whose answer has not come yet. */
static spn_status take_line(struct dialog *d, struct pair **open, char *line, const char *path,
                            int number, struct spn_err *err)
{
    char *rest = trim(line + 1), *space, *end;

    switch (line[0]) {
    case '@':
        space = rest + strcspn(rest, " \t");
        if (*space == '\0' || d->n_names == NAMES_MAX)
            return spn_fail(err, SPN_EFORMAT, "%s:%d: @name and its words, %d names at most", path,
                            number, NAMES_MAX);
        *space++ = '\0';
        d->names[d->n_names].name = rest;
        return split(&d->names[d->n_names++].words, space, path, number, err);
    case '*': {
        long w = strtol(rest, &end, 10);

        if (end == rest || *end != '\0' || w < 1 || w > WEIGHT_MAX)
            return spn_fail(err, SPN_EFORMAT, "%s:%d: '%.20s' is not a weight from 1 to %d", path,
                            number, rest, WEIGHT_MAX);
        d->weight = (int)w;
        return SPN_OK;
    }
    case '?':
        if (*open == NULL && (*open = new_pair(d)) == NULL)
            return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu pairs", path, d->n_pairs + 1);
        return split(&(*open)->wording, rest, path, number, err);
    case '=':
        if (*open == NULL)
            return spn_fail(err, SPN_EFORMAT, "%s:%d: an answer without a question", path, number);
        (*open)->answer = rest;
        *open = NULL;
        return SPN_OK;
    default:
        return spn_fail(err, SPN_EFORMAT, "%s:%d: a line begins with @, ?, =, * or #, not '%.20s'",
                        path, number, line);
    }
}

spn_status dialog_load(struct dialog **out, const char *path, struct spn_err *err)
{
    struct dialog *d = spn_calloc(1, sizeof *d);
    struct pair *open = NULL;
    int number = 0;
    spn_status st;

    if (d == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    d->weight = 1;
    d->names = spn_calloc(NAMES_MAX, sizeof *d->names);
    st = d->names == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", path)
                          : spn_file_read(&d->text, NULL, path, FILE_MAX, err);
    for (char *line = d->text, *next; st == SPN_OK && line != NULL; line = next) {
        number++;
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        line = trim(line);
        if (*line != '\0' && *line != '#')
            st = take_line(d, &open, line, path, number, err);
    }
    if (st == SPN_OK && (open != NULL || d->n_pairs == 0))
        st = spn_fail(err, SPN_EFORMAT, "%s:%d: %s", path, number,
                      open != NULL ? "the last question has no answer" : "no questions");
    if (st != SPN_OK) {
        dialog_free(d);
        return st;
    }
    *out = d;
    return SPN_OK;
}

void dialog_free(struct dialog *d)
{
    if (d == NULL)
        return;
    spn_free(d->text);
    spn_free(d->names);
    spn_free(d->pairs);
    spn_free(d);
}

size_t dialog_pairs(const struct dialog *d)
{
    return d->n_pairs;
}

/* Appends TEXT with each {name} replaced by its word of this example. */
static void fill(const struct dialog *d, const char *text, const size_t *choice,
                 struct spn_buf *out)
{
    for (const char *p = text; *p != '\0';) {
        size_t plain = strcspn(p, "{"), n;
        const struct name *name;

        spn_buf_add(out, p, plain);
        p += plain;
        if (*p == '\0')
            break;
        n = strcspn(p + 1, "}");
        name = find_name(d, p + 1, n);
        if (name == NULL || p[1 + n] == '\0') {
            spn_buf_add(out, p++, 1);
            continue;
        }
        spn_buf_puts(out, name->words.item[choice[name - d->names]]);
        p += n + 2;
    }
}

spn_status dialog_draw(const struct dialog *d, struct spn_rng *r, struct spn_buf *question,
                       struct spn_buf *answer)
{
    const struct pair *p = d->pairs;
    size_t choice[NAMES_MAX];
    int sum = 0, at;
    double u;

    for (size_t i = 0; i < d->n_pairs; i++)
        sum += d->pairs[i].weight;
    at = (int)spn_rng_below(r, (uint64_t)sum);
    while (at >= p->weight)
        at -= p++->weight;
    for (size_t i = 0; i < d->n_names; i++)
        choice[i] = (size_t)spn_rng_below(r, d->names[i].words.n);
    spn_buf_trim(question, 0);
    spn_buf_trim(answer, 0);
    fill(d, p->wording.item[spn_rng_below(r, p->wording.n)], choice, question);
    fill(d, p->answer, choice, answer);
    if (question->failed || answer->failed)
        return SPN_ENOMEM;
    /* People type as they like. */
    u = spn_rng_unit(r);
    if (u < 0.3 && question->length > 0)
        question->data[0] = (char)(u < 0.15 ? tolower((unsigned char)question->data[0])
                                            : toupper((unsigned char)question->data[0]));
    if (spn_rng_unit(r) < 0.25 && question->length > 1 &&
        strchr("?.!", question->data[question->length - 1]) != NULL)
        spn_buf_trim(question, question->length - 1);
    return SPN_OK;
}
