/* tools.c - the tools of a run, and one call of one. */
#include "config.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "rewoo.h"

static spn_status add(struct rewoo_tools *t, const struct spn_registry_api *registry,
                      const char *part, size_t n, struct spn_err *err)
{
    const char *colon = memchr(part, ':', n);
    size_t length = colon != NULL ? (size_t)(colon - part) : n;
    struct rewoo_tool *x = &t->item[t->n];
    char *options;
    spn_status st = SPN_OK;

    if (t->n == REWOO_TOOLS)
        return spn_fail(err, SPN_EUSAGE, "tools: more than %d", REWOO_TOOLS);
    *x = (struct rewoo_tool){ .name = spn_strndup(part, length) };
    options = spn_strndup(colon != NULL ? colon + 1 : "", colon != NULL ? n - length - 1 : 0);
    if (x->name == NULL || options == NULL) {
        spn_free(x->name);
        spn_free(options);
        return spn_fail(err, SPN_ENOMEM, "tools: no memory");
    }
    t->n++;
    x->tool = registry->find(SPN_POINT_TOOL, x->name);
    if (x->tool == NULL && strcmp(x->name, "llm") != 0)
        st = spn_fail(err, SPN_EUSAGE, "tools: there is no tool \"%.40s\"", x->name);
    else if (x->tool != NULL && x->tool->options != NULL)
        st = t->values->parse(&x->options, x->tool->options, options, x->name, err);
    spn_free(options);
    return st;
}

spn_status rewoo_tools_open(struct rewoo_tools *t, const struct spn_registry_api *registry,
                            const struct spn_values_api *values, const char *list,
                            struct spn_err *err)
{
    const char *name;
    spn_status st = SPN_OK;

    *t = (struct rewoo_tools){ .values = values };
    if (list == NULL || list[0] == '\0') {
        for (size_t i = 0; st == SPN_OK && registry->at(SPN_POINT_TOOL, i, &name, NULL) != NULL;
             i++)
            st = add(t, registry, name, strlen(name), err);
        return st == SPN_OK ? add(t, registry, "llm", 3, err) : st;
    }
    while (st == SPN_OK && *list != '\0') {
        size_t n = strcspn(list, "+");

        if (n > 0)
            st = add(t, registry, list, n, err);
        list += n + (list[n] == '+');
    }
    return st;
}

void rewoo_tools_close(struct rewoo_tools *t)
{
    for (size_t i = 0; i < t->n; i++) {
        spn_free(t->item[i].name);
        if (t->item[i].options != NULL)
            t->values->free_(t->item[i].options);
    }
    t->n = 0;
}

const struct rewoo_tool *rewoo_find(const struct rewoo_tools *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcasecmp(t->item[i].name, name) == 0)
            return &t->item[i];
    return NULL;
}

char *rewoo_describe(const struct rewoo_tools *t)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 20);

    for (size_t i = 0; i < t->n; i++)
        spn_buf_printf(&b, "%s%s[input]: %s", i > 0 ? "\n" : "", t->item[i].name,
                       t->item[i].tool != NULL
                           ? t->item[i].tool->describes
                           : "a question to a language model; gives a short answer");
    spn_buf_puts(&b, "");
    if (b.failed) {
        spn_buf_free(&b);
        return NULL;
    }
    return spn_buf_steal(&b);
}

char *rewoo_call(const struct rewoo_options *o, const char *name, const char *input, char **why)
{
    const struct rewoo_tool *x = rewoo_find(o->tools, name);
    struct spn_buf b = SPN_BUF_INIT((size_t)16 << 20);
    struct spn_err err = SPN_ERR_INIT;
    spn_status st;

    *why = NULL;
    if (x == NULL || x->tool == NULL)
        st = spn_fail(&err, SPN_ENOTFOUND, "there is no tool \"%.40s\"", name);
    else
        st = x->tool->call(x->options, input, &b, &err);
    if (st == SPN_OK && b.length > (size_t)o->evidence_max) {
        size_t keep = (size_t)o->evidence_max;

        /* Not inside a character. */
        while (keep > 0 && ((unsigned char)b.data[keep] & 0xc0) == 0x80)
            keep--;
        spn_buf_trim(&b, keep);
        spn_buf_puts(&b, " [cut]");
    }
    if (st != SPN_OK || b.length == 0) {
        *why = spn_strdup(st != SPN_OK ? err.text : "it gave nothing");
        spn_buf_trim(&b, 0);
        spn_buf_puts(&b, REWOO_NOTHING);
    }
    if (b.failed) {
        spn_buf_free(&b);
        return NULL;
    }
    return spn_buf_steal(&b);
}

spn_status rewoo_ask(struct reason_calls *c, const char *prompt, const char *stop, uint64_t key,
                     struct reason_reply *reply, char **text, struct spn_err *err)
{
    struct reason_ask a = { .owner = c,
                            .kind = REASON_PLAN,
                            .prompt = prompt,
                            .max_tokens = 1024,
                            .key = key,
                            .stop = stop };
    spn_status st = reason_ask(c, &a, err);

    *text = NULL;
    if (st == SPN_OK)
        st = reason_next(c, reply, err);
    if (st == SPN_ENOTFOUND)
        return SPN_OK;
    if (st != SPN_OK)
        return st;
    *text = spn_strdup(reply->text);
    return *text != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "rewoo: no memory for a reply");
}

spn_status rewoo_answer(const struct spn_reason_request *r, const char *reply,
                        struct spn_reason_result *out, struct spn_err *err)
{
    size_t n = strlen(reply);

    while (n > 0 && isspace((unsigned char)reply[n - 1]))
        n--;
    out->text = spn_strdup(reply);
    out->answer = n == 0 || reason_refuses(reply)               ? NULL
                  : r->task != NULL && r->task->extract != NULL ? r->task->extract(reply)
                                                                : spn_strndup(reply, n);
    if (out->answer != NULL && r->task != NULL)
        out->checked = r->task->check(r->question, out->answer);
    return out->text != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "rewoo: no memory for a reply");
}
