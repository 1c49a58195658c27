/* chat.c - see chat.h: messages as the template's variables, its text as ids. */
#include "config.h"

#include "text/chat.h"

#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "text/jinja.h"
#include "text/vocab.h"

#define TEXT_MAX ((size_t)1 << 30)

struct spn_chat {
    struct jinja *jinja;             /* NULL: ROW is written */
    const struct spn_template *row;  /* by the words of the source */
    bool any;                        /* there is a source */
    char *why;
};
struct rendered {
    struct spn_buf text, mark;
};

static spn_status no_memory(struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "chat: out of memory for a conversation");
}

/* ---- variables ---- */

/* A client of the usual HTTP interface writes the arguments of a call as JSON in a text; templates
 * were written for objects. */
static void open_arguments(json_t *message)
{
    json_t *calls = json_object_get(message, "tool_calls"), *call;
    size_t i;

    json_array_foreach (calls, i, call) {
        json_t *f = json_object_get(call, "function"), *args = json_object_get(f, "arguments");
        json_t *object = !json_is_string(args)
                             ? NULL
                             : json_loadb(json_string_value(args), json_string_length(args), 0,
                                          NULL);

        if (json_is_object(object))
            json_object_set(f, "arguments", object);
        json_decref(object);
    }
}

static json_t *message_object(const struct spn_message *m, size_t i, struct spn_err *err)
{
    json_t *more = m->more == NULL ? json_object() : json_loads(m->more, 0, NULL), *object;

    if (!json_is_object(more)) {
        json_decref(more);
        spn_fail(err, SPN_EUSAGE, "chat: message %zu has members that are no JSON object", i);
        return NULL;
    }
    object = json_object();
    if (object == NULL ||
        json_object_set_new(object, "role", json_string(m->role)) != 0 ||
        json_object_set_new(object, "content",
                            m->content == NULL ? json_null() : json_string(m->content)) != 0) {
        json_decref(object);
        json_decref(more);
        spn_fail(err, SPN_EUSAGE, "chat: message %zu is not UTF-8", i);
        return NULL;
    }
    json_object_update_missing(object, more);
    json_decref(more);
    open_arguments(object);
    return object;
}

/* A role stands among the template's own text, so a free one could open a turn. */
static spn_status check_roles(const struct spn_message *m, size_t n, struct spn_err *err)
{
    static const char *const roles[] = { "system", "user", "assistant", "tool", "developer" };

    for (size_t i = 0; i < n; i++) {
        bool known = false;

        if (m[i].role == NULL || (m[i].content == NULL && m[i].more == NULL))
            return spn_fail(err, SPN_EUSAGE, "chat: message %zu has no role or no content", i);
        for (size_t k = 0; k < sizeof roles / sizeof roles[0]; k++)
            known |= strcmp(m[i].role, roles[k]) == 0;
        if (!known)
            return spn_fail(err, SPN_EUSAGE,
                            "chat: message %zu has role \"%.40s\", known are system, user, "
                            "assistant, tool and developer",
                            i, m[i].role);
    }
    return SPN_OK;
}

static json_t *token_json(const struct spn_tokenizer *tok, int32_t id)
{
    const char *text = tok == NULL ? NULL : spn_token_text(tok, id, NULL);

    return json_string(text == NULL ? "" : text);
}

static spn_status variables(json_t **out, const struct spn_tokenizer *tok,
                            const struct spn_message *m, size_t n,
                            const struct spn_chat_options *o, struct spn_err *err)
{
    json_t *vars = json_object(), *list = json_array(), *tools = NULL;
    spn_status st = check_roles(m, n, err);

    if (st == SPN_OK && (vars == NULL || list == NULL))
        st = no_memory(err);
    for (size_t i = 0; i < n && st == SPN_OK; i++) {
        json_t *object = message_object(&m[i], i, err);

        if (object == NULL)
            st = SPN_EUSAGE;
        else if (json_array_append_new(list, object) != 0)
            st = no_memory(err);
    }
    if (st == SPN_OK && o->tools != NULL) {
        tools = json_loads(o->tools, 0, NULL);
        if (!json_is_array(tools))
            st = spn_fail(err, SPN_EUSAGE, "chat: tools are not a JSON array");
        else if (json_array_size(tools) > 0)
            json_object_set(vars, "tools", tools);
    }
    if (st == SPN_OK) {
        json_object_set(vars, "messages", list);
        json_object_set_new(vars, "add_generation_prompt", json_boolean(o->generate));
        json_object_set_new(vars, "bos_token",
                            token_json(tok, tok == NULL ? -1 : spn_token_bos(tok)));
        json_object_set_new(vars, "eos_token",
                            token_json(tok, tok == NULL ? -1 : spn_token_eos(tok)));
        if (o->thinking != 0)
            json_object_set_new(vars, "enable_thinking", json_boolean(o->thinking > 0));
        *out = json_incref(vars);
    }
    json_decref(tools);
    json_decref(list);
    json_decref(vars);
    return st;
}

/* ---- rendering ---- */

static void rendered_free(struct rendered *r)
{
    spn_buf_free(&r->text);
    spn_buf_free(&r->mark);
}

static spn_status render_once(const struct jinja *t, const struct spn_tokenizer *tok,
                              const struct spn_message *m, size_t n,
                              const struct spn_chat_options *o, struct rendered *r, bool *raised,
                              struct spn_err *err)
{
    struct jinja_input in = { NULL, o->now };
    json_t *vars = NULL;
    spn_status st = variables(&vars, tok, m, n, o, err);

    *raised = false;
    in.vars = vars;
    if (st == SPN_OK)
        st = jinja_render(t, &in, &r->text, &r->mark, raised, err);
    json_decref(vars);
    return st;
}

/* Messages with the system's text in front of the user's that follows it. */
static spn_status render_merged(const struct jinja *t, const struct spn_tokenizer *tok,
                                const struct spn_message *m, size_t n,
                                const struct spn_chat_options *o, struct rendered *r,
                                struct spn_err *err)
{
    struct spn_message *list = spn_calloc(n, sizeof *list);
    struct spn_buf text = SPN_BUF_INIT(TEXT_MAX);
    bool raised;
    spn_status st = SPN_OK;

    spn_buf_puts(&text, m[0].content);
    spn_buf_puts(&text, "\n\n");
    spn_buf_puts(&text, m[1].content);
    if (list == NULL || text.failed)
        st = no_memory(err);
    if (st == SPN_OK) {
        memcpy(list, m + 1, (n - 1) * sizeof *list);
        list[0].content = text.data;
        st = render_once(t, tok, list, n - 1, o, r, &raised, err);
    }
    spn_buf_free(&text);
    spn_free(list);
    return st;
}

static spn_status render(const struct jinja *t, const struct spn_tokenizer *tok,
                         const struct spn_message *m, size_t n, const struct spn_chat_options *o,
                         struct rendered *r, struct spn_err *err)
{
    struct spn_err again = SPN_ERR_INIT;
    bool raised;
    spn_status st = render_once(t, tok, m, n, o, r, &raised, err);

    if (raised && n > 1 && strcmp(m[0].role, "system") == 0 && m[0].content != NULL &&
        strcmp(m[1].role, "user") == 0 && m[1].content != NULL &&
        render_merged(t, tok, m, n, o, r, &again) == SPN_OK) {
        spn_log(SPN_LOG_DEBUG, "chat template: it refuses a system message, which now stands in "
                               "front of the first user message");
        return SPN_OK;
    }
    return st;
}

/* ---- opening ---- */

static spn_status give_up(struct spn_chat *c, const char *why, struct spn_err *err)
{
    bool none = strcmp(spn_template_name(c->row), "none") == 0;

    jinja_free(c->jinja);
    c->jinja = NULL;
    c->why = spn_strdup(why);
    if (c->why == NULL)
        return no_memory(err);
    spn_log(SPN_LOG_WARN, "%s; %s%s", why,
            none ? "messages are written plainly" : "messages are written as its words suggest: ",
            none ? "" : spn_template_name(c->row));
    return SPN_OK;
}

spn_status spn_chat_open(struct spn_chat **out, const char *source, struct spn_err *err)
{
    static const struct spn_message trial[] = { { "user", "x", NULL } };
    const struct spn_chat_options o = { .generate = true };
    struct rendered r = { SPN_BUF_INIT(TEXT_MAX), SPN_BUF_INIT(TEXT_MAX) };
    struct spn_chat *c = spn_calloc(1, sizeof *c);
    struct spn_err why = SPN_ERR_INIT;
    bool raised = false;
    spn_status st;

    if (c == NULL)
        return no_memory(err);
    c->any = source != NULL && *source != '\0';
    c->row = spn_template_detect(source);
    st = !c->any ? SPN_OK : jinja_open(&c->jinja, source, strlen(source), &why);
    if (st == SPN_OK && c->any)
        st = render_once(c->jinja, NULL, trial, 1, &o, &r, &raised, &why);
    if (raised)
        st = SPN_OK;
    if (st == SPN_ENOMEM)
        spn_fail(err, st, "%s", why.text);
    else if (st != SPN_OK)
        st = give_up(c, why.text, err);
    rendered_free(&r);
    if (st == SPN_OK)
        *out = c;
    else
        spn_chat_free(c);
    return st;
}

void spn_chat_free(struct spn_chat *c)
{
    if (c == NULL)
        return;
    jinja_free(c->jinja);
    spn_free(c->why);
    spn_free(c);
}

const char *spn_chat_name(const struct spn_chat *c)
{
    const char *name = spn_template_name(c->row);

    return c->jinja != NULL && strcmp(name, "none") == 0 ? "jinja" : name;
}

const char *spn_chat_why(const struct spn_chat *c) { return c->why; }

/* ---- ids ---- */

/* Runs of bytes of one kind: special tokens are looked for in the template's. */
static spn_status split(const struct spn_tokenizer *tok, const struct rendered *r,
                        struct vocab_spans *spans, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t at = 0, end; at < r->text.length && st == SPN_OK; at = end) {
        bool message = r->mark.data[at] != 0;

        for (end = at; end < r->text.length && (r->mark.data[end] != 0) == message; end++)
            ;
        st = vocab_split(tok, r->text.data, at, end - at, !message, spans, err);
    }
    return st;
}

spn_status spn_chat_ids(const struct spn_chat *c, const struct spn_tokenizer *tok,
                        const struct spn_message *m, size_t n, const struct spn_chat_options *o,
                        struct spn_ids *out, struct spn_err *err)
{
    struct rendered r = { SPN_BUF_INIT(TEXT_MAX), SPN_BUF_INIT(TEXT_MAX) };
    struct vocab_spans spans = { NULL, 0, 0 };
    size_t before = out->n;
    spn_status st;

    if (c->jinja == NULL)
        return spn_template_ids(c->row, tok, m, n, o->generate, out, err);
    st = render(c->jinja, tok, m, n, o, &r, err);
    if (st == SPN_OK)
        st = split(tok, &r, &spans, err);
    if (st == SPN_OK && spn_tokenizer_adds_bos(tok) &&
        (spans.n == 0 || spans.at[0].id != spn_token_bos(tok)) &&
        spn_ids_add(out, spn_token_bos(tok)) != SPN_OK)
        st = no_memory(err);
    if (st == SPN_OK)
        st = vocab_encode(tok, r.text.data, &spans, out, err);
    if (st != SPN_OK)
        out->n = before;
    spn_free(spans.at);
    rendered_free(&r);
    return st;
}

spn_status spn_chat_text(const struct spn_chat *c, const struct spn_tokenizer *tok,
                         const struct spn_message *m, size_t n, const struct spn_chat_options *o,
                         struct spn_buf *out, struct spn_err *err)
{
    struct rendered r = { SPN_BUF_INIT(TEXT_MAX), SPN_BUF_INIT(TEXT_MAX) };
    spn_status st;

    if (c->jinja == NULL)
        return spn_template_text(c->row, m, n, o->generate, out, err);
    st = render(c->jinja, tok, m, n, o, &r, err);
    if (st == SPN_OK && spn_buf_add(out, r.text.data, r.text.length) != SPN_OK)
        st = spn_fail(err, SPN_ENOMEM, "chat: no room for %zu bytes", r.text.length);
    rendered_free(&r);
    return st;
}
