/* remote_reader.c - events as the HTML standard parts them (lines, "data:" fields, an empty line),
 * and the OpenAI-compatible objects in them. */
#include "config.h"

#include "engine/remote_reader.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"

static const size_t event_max = (size_t)16 << 20, body_max = (size_t)64 << 20;

void remote_reader_init(struct remote_reader *r,
                        void (*on_piece)(void *, const struct remote_piece *), void *ctx)
{
    *r = (struct remote_reader){ .on_piece = on_piece,
                                 .ctx = ctx,
                                 .line = SPN_BUF_INIT(event_max),
                                 .data = SPN_BUF_INIT(body_max) };
}

void remote_reader_free(struct remote_reader *r)
{
    spn_buf_free(&r->line);
    spn_buf_free(&r->data);
    spn_free(r->logprob);
    r->logprob = NULL;
    r->room_logprob = 0;
}

static void wrong(struct remote_reader *r, const char *what)
{
    if (r->wrong[0] == '\0')
        snprintf(r->wrong, sizeof r->wrong, "%s", what);
}

/* ---- objects ---- */

static int64_t count_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    json_int_t n = json_is_integer(v) ? json_integer_value(v) : 0;

    return n > 0 && n < (json_int_t)1 << 53 ? n : 0;
}

/* The forms that servers give a reason in: {"error": TEXT}, {"error": {"message": TEXT}},
   {"message": TEXT}, {"detail": TEXT}, {"detail": [{"loc": […], "msg": TEXT}]}. */
static const char *reason_in(const json_t *o)
{
    const json_t *e = json_object_get(o, "error"), *detail = json_object_get(o, "detail");
    const json_t *first = json_is_array(detail) ? json_array_get(detail, 0) : NULL;

    if (json_is_string(e))
        return json_string_value(e);
    if (json_is_object(e) && json_is_string(json_object_get(e, "message")))
        return json_string_value(json_object_get(e, "message"));
    if (json_is_string(detail))
        return json_string_value(detail);
    if (json_is_string(json_object_get(first, "msg")))
        return json_string_value(json_object_get(first, "msg"));
    return json_string_value(json_object_get(o, "message"));
}

static void take_error(struct remote_reader *r, const json_t *o)
{
    const char *why = reason_in(o);
    const json_t *detail = json_array_get(json_object_get(o, "detail"), 0),
                 *loc = json_object_get(detail, "loc");
    const char *field = json_string_value(json_array_get(loc, json_array_size(loc) - 1));

    snprintf(r->error, sizeof r->error, "%s%s%s", field != NULL ? field : "",
             field != NULL ? ": " : "", why != NULL ? why : "an error without a reason");
}

static bool keep_logprob(struct remote_reader *r, size_t n, double value)
{
    if (n == r->room_logprob) {
        size_t room = n < 16 ? 16 : 2 * n;
        float *more = spn_realloc(r->logprob, room, sizeof *more);

        if (more == NULL)
            return false;
        r->logprob = more;
        r->room_logprob = room;
    }
    r->logprob[n] = (float)value;
    return true;
}

/* Log-probabilities of a choice: {"content": [{"logprob": x}]} of chats, {"token_logprobs": [x]} of
 * completions (null for a first token). */
static size_t take_logprobs(struct remote_reader *r, const json_t *lp)
{
    const json_t *chat = json_object_get(lp, "content"),
                 *plain = json_object_get(lp, "token_logprobs");
    const json_t *list = json_is_array(chat) ? chat : plain;
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        double x;

        v = json_is_object(v) ? json_object_get(v, "logprob") : v;
        x = json_is_number(v) ? json_number_value(v) : NAN;
        if (x <= 0 && keep_logprob(r, n, x))
            n++;
    }
    return n;
}

/* The text of a message: a string, or an array of parts. */
static void text_of(struct spn_buf *b, const json_t *content)
{
    if (json_is_string(content))
        spn_buf_add(b, json_string_value(content), json_string_length(content));
    for (size_t i = 0; json_is_array(content) && i < json_array_size(content); i++) {
        const json_t *t = json_object_get(json_array_get(content, i), "text");

        if (json_is_string(t))
            spn_buf_add(b, json_string_value(t), json_string_length(t));
    }
}

static void take_choice(struct remote_reader *r, const json_t *c)
{
    const json_t *index = json_object_get(c, "index"), *from = json_object_get(c, "delta");
    struct spn_buf text = SPN_BUF_INIT(event_max);
    struct remote_piece p = { .finish = json_string_value(json_object_get(c, "finish_reason")) };

    p.index = json_is_integer(index) ? json_integer_value(index) : 0;
    if (!json_is_object(from))
        from = json_object_get(c, "message");
    text_of(&text, json_object_get(from, "content"));
    text_of(&text, json_object_get(c, "text"));
    p.text = text.data != NULL ? text.data : "";
    p.length = text.length;
    p.n_logprob = take_logprobs(r, json_object_get(c, "logprobs"));
    p.logprob = p.n_logprob > 0 ? r->logprob : NULL;
    if (p.length > 0)
        r->pieces++;
    if (text.failed)
        wrong(r, "a piece of text is too long");
    else
        r->on_piece(r->ctx, &p);
    spn_buf_free(&text);
}

static void take_object(struct remote_reader *r, const json_t *o)
{
    const json_t *choices = json_object_get(o, "choices"), *usage = json_object_get(o, "usage");

    if (json_is_object(usage)) {
        r->usage = json_is_integer(json_object_get(usage, "prompt_tokens"));
        r->tokens_in = count_of(usage, "prompt_tokens");
        r->tokens_out = count_of(usage, "completion_tokens");
        r->tokens_cached =
            count_of(json_object_get(usage, "prompt_tokens_details"), "cached_tokens");
    }
    if (json_object_get(o, "error") != NULL && !json_is_null(json_object_get(o, "error"))) {
        take_error(r, o);
        return;
    }
    if (!json_is_array(choices)) {
        if (!json_is_object(usage))
            r->odd = true;
        return;
    }
    for (size_t i = 0; i < json_array_size(choices); i++)
        if (json_is_object(json_array_get(choices, i)))
            take_choice(r, json_array_get(choices, i));
        else
            wrong(r, "a choice that is no object");
}

static json_t *load(struct remote_reader *r, const char *text, size_t n)
{
    json_error_t why;
    json_t *o = json_loadb(text, n, JSON_ALLOW_NUL, &why);

    if (o == NULL || !json_is_object(o)) {
        char what[256];

        snprintf(what, sizeof what, "not the JSON of an answer: %.160s",
                 o == NULL ? why.text : "no object");
        wrong(r, what);
        json_decref(o);
        return NULL;
    }
    return o;
}

/* ---- events ---- */

static void dispatch(struct remote_reader *r)
{
    const char *text = r->data.data;
    size_t n = r->data.length;
    json_t *o;

    if (n > 0 && !r->done) {
        if (n == 6 && memcmp(text, "[DONE]", 6) == 0) {
            r->done = true;
        } else if ((o = load(r, text, n)) != NULL) {
            take_object(r, o);
            json_decref(o);
        }
    }
    spn_buf_trim(&r->data, 0);
}

static void take_line(struct remote_reader *r)
{
    const char *line = r->line.data;
    size_t n = r->line.length, colon = 0, value;

    if (n == 0) {
        dispatch(r);
        return;
    }
    while (colon < n && line[colon] != ':')
        colon++;
    value = colon < n ? colon + 1 : n;
    if (value < n && line[value] == ' ')
        value++;
    /* Other fields (event, id, retry) and comments carry nothing of ours; some servers write an
     * "error" field of their own. */
    if ((colon == 4 && memcmp(line, "data", 4) == 0)) {
        if (r->data.length > 0)
            spn_buf_add(&r->data, "\n", 1);
        spn_buf_add(&r->data, line + value, n - value);
    } else if (colon == 5 && memcmp(line, "error", 5) == 0) {
        json_t *o = load(r, line + value, n - value);

        if (o != NULL)
            take_error(r, o);
        json_decref(o);
    }
    spn_buf_trim(&r->line, 0);
}

static bool feed_events(struct remote_reader *r, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t k = i;

        if (r->after_cr && bytes[i] == '\n') {
            r->after_cr = false;
            i++;
            continue;
        }
        r->after_cr = false;
        while (k < n && bytes[k] != '\n' && bytes[k] != '\r')
            k++;
        if (k > i && spn_buf_add(&r->line, bytes + i, k - i) != SPN_OK)
            return false;
        if (k < n) {
            r->after_cr = bytes[k] == '\r';
            take_line(r);
            k++;
        }
        i = k;
    }
    return !r->data.failed;
}

bool remote_reader_feed(struct remote_reader *r, const char *bytes, size_t n)
{
    while (r->form == REMOTE_UNKNOWN && n > 0 && strchr(" \t\r\n", bytes[0]) != NULL &&
           bytes[0] != '\0') {
        bytes++;
        n--;
    }
    if (n == 0)
        return true;
    if (r->form == REMOTE_UNKNOWN)
        r->form =
            (bytes[0] >= 'a' && bytes[0] <= 'z') || bytes[0] == ':' ? REMOTE_EVENTS : REMOTE_BODY;
    if (r->form == REMOTE_EVENTS)
        return feed_events(r, bytes, n);
    return spn_buf_add(&r->data, bytes, n) == SPN_OK;
}

/* An answer that is an error: JSON of some form, or a page whose first words must do. */
static void read_failure(struct remote_reader *r)
{
    const char *text = r->data.data != NULL ? r->data.data : "";
    json_error_t why;
    json_t *o = json_loadb(text, r->data.length, JSON_ALLOW_NUL, &why);

    if (json_is_object(o) && reason_in(o) != NULL) {
        take_error(r, o);
    } else {
        size_t n = strcspn(text, "\r\n");

        snprintf(r->error, sizeof r->error, "%.*s", (int)(n < 120 ? n : 120), text);
    }
    json_decref(o);
}

void remote_reader_end(struct remote_reader *r, bool failed)
{
    json_t *o;

    if (failed) {
        if (r->form == REMOTE_EVENTS && r->data.length == 0)
            spn_buf_add(&r->data, r->line.data, r->line.length);
        read_failure(r);
        return;
    }
    if (r->form == REMOTE_EVENTS) {
        /* A last event without its empty line still counts where it is whole. */
        if (r->line.length > 0)
            take_line(r);
        dispatch(r);
        return;
    }
    o = load(r, r->data.data != NULL ? r->data.data : "", r->data.length);
    if (o != NULL) {
        take_object(r, o);
        r->done = true;
    }
    json_decref(o);
}

/* ---- lists of models ---- */

void remote_models_free(struct remote_model *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        spn_free(m[i].name);
    spn_free(m);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

spn_status remote_models_read(struct remote_model **out, size_t *n, const char *text, size_t length,
                              struct spn_err *err)
{
    json_error_t why;
    json_t *o = json_loadb(text, length, 0, &why);
    const json_t *data = json_object_get(o, "data");
    struct remote_model *m = NULL;
    size_t k = 0, count = json_array_size(data);
    spn_status st = SPN_OK;

    if (!json_is_array(data))
        st = spn_fail(err, SPN_EIO, "the list of models is not one: %s",
                      o == NULL ? why.text : "no \"data\" in it");
    else if ((m = spn_calloc(count + 1, sizeof *m)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "no memory for %zu models", count);
    for (size_t i = 0; st == SPN_OK && i < count; i++) {
        const json_t *row = json_array_get(data, i), *meta = json_object_get(row, "meta");
        const char *id = json_string_value(json_object_get(row, "id"));

        if (id == NULL)
            continue;
        m[k].name = spn_strdup(id);
        m[k].context = larger(count_of(row, "max_model_len"), count_of(meta, "n_ctx_train"));
        m[k].params = count_of(meta, "n_params");
        m[k].bytes = count_of(meta, "size");
        if (m[k++].name == NULL)
            st = spn_fail(err, SPN_ENOMEM, "no memory for the name of a model");
    }
    json_decref(o);
    if (st != SPN_OK) {
        remote_models_free(m, k);
        return st;
    }
    *out = m;
    *n = k;
    return SPN_OK;
}
