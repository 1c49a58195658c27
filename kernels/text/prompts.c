#include "config.h"

#include "text/prompts.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define FILE_MAX     ((size_t)1 << 20)
#define SECTIONS_MAX 64
#define NAME_LENGTH  32

struct section {
    char name[NAME_LENGTH + 1];
    struct spn_buf body;
};

struct spn_prompts {
    struct section section[SECTIONS_MAX];
    size_t n;
};

static struct section *find(struct spn_prompts *p, const char *name, size_t length)
{
    for (size_t i = 0; i < p->n; i++)
        if (strlen(p->section[i].name) == length && memcmp(p->section[i].name, name, length) == 0)
            return &p->section[i];
    return NULL;
}

/* Length of the name when LINE[0..n) is `[name]`; 0: it is not. */
static size_t header(const char *line, size_t n)
{
    while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == ' '))
        n--;
    if (n < 3 || n - 2 > NAME_LENGTH || line[0] != '[' || line[n - 1] != ']')
        return 0;
    for (size_t i = 1; i < n - 1; i++)
        if (!(line[i] >= 'a' && line[i] <= 'z') && line[i] != '_')
            return 0;
    return n - 2;
}

static spn_status begin(struct spn_prompts *p, const char *place, int number, const char *name,
                        size_t length, struct spn_err *err)
{
    struct section *s = &p->section[p->n];

    if (find(p, name, length) != NULL)
        return spn_fail(err, SPN_EFORMAT, "%s:%d: section [%.*s] comes twice", place, number,
                        (int)length, name);
    if (p->n == SECTIONS_MAX)
        return spn_fail(err, SPN_EFORMAT, "%s:%d: more than %d sections", place, number,
                        SECTIONS_MAX);
    memcpy(s->name, name, length);
    s->body = (struct spn_buf)SPN_BUF_INIT(FILE_MAX);
    p->n++;
    return SPN_OK;
}

static spn_status check(struct spn_prompts *p, const char *place, struct spn_err *err)
{
    if (p->n == 0)
        return spn_fail(err, SPN_EFORMAT, "%s: no section: a line like [answer] begins one", place);
    for (size_t i = 0; i < p->n; i++) {
        struct spn_buf *b = &p->section[i].body;

        if (b->failed)
            return spn_fail(err, SPN_ENOMEM, "%s: no memory for section [%s]", place,
                            p->section[i].name);
        while (b->length > 0 && (b->data[b->length - 1] == '\n' || b->data[b->length - 1] == '\r'))
            spn_buf_trim(b, b->length - 1);
        if (b->length == 0)
            return spn_fail(err, SPN_EFORMAT, "%s: section [%s] is empty", place,
                            p->section[i].name);
    }
    return SPN_OK;
}

spn_status spn_prompts_parse(struct spn_prompts **out, const char *place, const char *text,
                             size_t n, struct spn_err *err)
{
    struct spn_prompts *p;
    int number = 0;
    spn_status st = SPN_OK;

    if (n > FILE_MAX || memchr(text, '\0', n) != NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: %s", place,
                        n > FILE_MAX ? "longer than 1 MiB" : "a NUL byte in a text");
    p = spn_calloc(1, sizeof *p);
    if (p == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", place);
    for (size_t at = 0; at < n && st == SPN_OK;) {
        const char *line = text + at, *end = memchr(line, '\n', n - at);
        size_t length = end != NULL ? (size_t)(end - line) : n - at, name = header(line, length);

        number++;
        at += length + 1;
        if (length > 0 && line[length - 1] == '\r')
            length--;
        if (name > 0) {
            st = begin(p, place, number, line + 1, name, err);
        } else if (p->n > 0) {
            struct spn_buf *body = &p->section[p->n - 1].body;
            size_t skip = length > 1 && line[0] == '\\' && line[1] == '[';

            spn_buf_add(body, line + skip, length - skip);
            spn_buf_add(body, "\n", 1);
        }
    }
    if (st == SPN_OK)
        st = check(p, place, err);
    if (st != SPN_OK) {
        spn_prompts_free(p);
        return st;
    }
    *out = p;
    return SPN_OK;
}

spn_status spn_prompts_load(struct spn_prompts **out, const char *path, struct spn_err *err)
{
    char *text = NULL;
    size_t n = 0;
    spn_status st = spn_file_read(&text, &n, path, FILE_MAX, err);

    if (st == SPN_OK)
        st = spn_prompts_parse(out, path, text, n, err);
    spn_free(text);
    return st;
}

void spn_prompts_free(struct spn_prompts *p)
{
    for (size_t i = 0; p != NULL && i < p->n; i++)
        spn_buf_free(&p->section[i].body);
    spn_free(p);
}

const char *spn_prompts_get(const struct spn_prompts *p, const char *section)
{
    struct section *s = find((struct spn_prompts *)p, section, strlen(section));

    return s != NULL ? s->body.data : NULL;
}

spn_status spn_prompts_fill(struct spn_buf *out, const char *body, const struct spn_place *list,
                            size_t n)
{
    for (const char *s = body; *s != '\0';) {
        size_t plain = strcspn(s, "{"), length, i = 0;

        spn_buf_add(out, s, plain);
        s += plain;
        if (*s == '\0')
            break;
        length = strcspn(s + 1, "}");
        while (i < n && !(s[1 + length] == '}' && strlen(list[i].name) == length &&
                          memcmp(list[i].name, s + 1, length) == 0))
            i++;
        if (i == n) {
            spn_buf_add(out, s++, 1);
            continue;
        }
        spn_buf_puts(out, list[i].text);
        s += length + 2;
    }
    return out->failed ? SPN_ENOMEM : SPN_OK;
}
