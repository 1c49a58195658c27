/* remote_figures.c - what is asked outside the stream of answers: lists, log-probabilities of a
 * given text, vectors. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"
#include "engine/remote_call.h"

/* Wait for a call that was given its body; it is out of the queue then, the caller's to free. */
static spn_status finish_whole(struct spn_engine *e, struct call *c, struct spn_err *err)
{
    spn_status st = SPN_OK;

    while (!c->over && st == SPN_OK) {
        if (spn_cancelled(e->cancel))
            st = spn_fail(err, SPN_ECANCEL, "%s: stopped", e->base);
        else
            calls_work(e, REMOTE_POLL_MS);
    }
    if (st == SPN_OK && c->failed)
        st = spn_fail(err, SPN_EIO, "%s: %s", e->base,
                      c->answer.data != NULL ? c->answer.data : "no answer");
    for (struct call **at = &e->calls; *at != NULL; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    if (c->transfer != NULL)
        e->flying--;
    calls_sweep(e);
    return st;
}

spn_status remote_whole(struct spn_engine *e, const char *path, json_t *body_take,
                        struct call **out, struct spn_err *err)
{
    char *text = body_take != NULL ? json_dumps(body_take, JSON_COMPACT) : NULL;
    struct call *c = NULL;
    spn_status st = SPN_OK;

    json_decref(body_take);
    if (body_take != NULL && text == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for a request", e->base);
    if (st == SPN_OK && (c = call_new(e, NULL, err)) == NULL)
        st = SPN_ENOMEM;
    if (st == SPN_OK) {
        c->whole = true;
        c->path = path;
        c->body = text != NULL ? spn_strdup(text) : NULL;
        st = finish_whole(e, c, err);
    }
    free(text);
    if (st != SPN_OK) {
        call_free(c);
        return st;
    }
    *out = c;
    return SPN_OK;
}

/* ---- scores ---- */

/* The figures of the tokens that lie behind the first SKIP bytes of the echoed text. */
static spn_status read_scores(struct spn_engine *e, const struct spn_buf *text, size_t skip,
                              size_t *n, struct spn_err *err)
{
    json_error_t why;
    json_t *o =
        json_loadb(text->data != NULL ? text->data : "", text->length, JSON_ALLOW_NUL, &why);
    const json_t *lp =
        json_object_get(json_array_get(json_object_get(o, "choices"), 0), "logprobs");
    const json_t *value = json_object_get(lp, "token_logprobs"),
                 *offset = json_object_get(lp, "text_offset");
    size_t count = json_array_size(value), k = 0;
    spn_status st = SPN_OK;

    if (count == 0 || json_array_size(offset) != count) {
        e->caps.score = false;
        st = spn_fail(err, SPN_ENOTFOUND, "%s: gives no log-probabilities of a prompt", e->base);
    }
    spn_free(e->scores);
    e->scores = st == SPN_OK ? spn_calloc(count, sizeof *e->scores) : NULL;
    if (st == SPN_OK && e->scores == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu figures", e->base, count);
    /* The last token is the one that had to be drawn. */
    for (size_t i = 0; st == SPN_OK && i + 1 < count; i++)
        if (json_integer_value(json_array_get(offset, i)) >= (json_int_t)skip &&
            json_is_number(json_array_get(value, i)))
            e->scores[k++] = (float)json_number_value(json_array_get(value, i));
    *n = k;
    json_decref(o);
    return st;
}

spn_status remote_score(struct spn_engine *e, const char *prompt, const char *continuation,
                        const float **logprob, size_t *n, struct spn_err *err)
{
    struct spn_buf both = SPN_BUF_INIT((size_t)64 << 20);
    struct call *c = NULL;
    json_t *o;
    spn_status st;

    if (!e->caps.score)
        return spn_fail(err, SPN_ENOTFOUND, "%s: does not score texts; remote:score says it does",
                        e->base);
    spn_buf_puts(&both, prompt);
    spn_buf_puts(&both, continuation);
    o = both.failed
            ? NULL
            : json_pack("{s:s, s:s?, s:b, s:i, s:i, s:i}", "prompt", both.data, "model", e->model,
                        "echo", 1, "logprobs", 1, "max_tokens", 1, "temperature", 0);
    spn_buf_free(&both);
    if (o == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: a text to score is too long or not UTF-8", e->base);
    st = remote_whole(e, "completions", o, &c, err);
    if (st == SPN_OK)
        st = read_scores(e, &c->answer, strlen(prompt), n, err);
    call_free(c);
    *logprob = e->scores;
    return st;
}

/* ---- vectors ---- */

/* The figures of a vector into SUM [n]; false: not a list of N numbers. */
static bool add_vector(const json_t *list, float *sum, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(list, i);

        if (!json_is_number(x))
            return false;
        sum[i] += (float)json_number_value(x);
    }
    return json_array_size(list) == n;
}

/* A vector; of servers that do not pool, one a token: their mean. */
static spn_status read_vector(struct spn_engine *e, const struct spn_buf *text, size_t *n,
                              struct spn_err *err)
{
    json_error_t why;
    json_t *o = json_loadb(text->data != NULL ? text->data : "", text->length, 0, &why);
    const json_t *list =
        json_object_get(json_array_get(json_object_get(o, "data"), 0), "embedding");
    const json_t *first = json_array_get(list, 0);
    size_t rows = json_is_array(first) ? json_array_size(list) : 1;
    bool good;

    *n = json_array_size(json_is_array(first) ? first : list);
    spn_free(e->scores);
    e->scores = *n > 0 ? spn_calloc(*n, sizeof *e->scores) : NULL;
    good = e->scores != NULL;
    for (size_t i = 0; good && i < rows; i++)
        good = add_vector(json_is_array(first) ? json_array_get(list, i) : list, e->scores, *n);
    for (size_t i = 0; good && i < *n; i++)
        e->scores[i] /= (float)rows;
    json_decref(o);
    return good ? SPN_OK : spn_fail(err, SPN_ENOTFOUND, "%s: gives no vectors of texts", e->base);
}

spn_status remote_embed(struct spn_engine *e, const char *text, const float **vector, size_t *n,
                        struct spn_err *err)
{
    struct call *c = NULL;
    json_t *o =
        json_pack("{s:s, s:s?, s:s}", "input", text, "model", e->model, "encoding_format", "float");
    spn_status st;

    if (o == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: a text for a vector is not UTF-8", e->base);
    st = remote_whole(e, "embeddings", o, &c, err);
    if (st == SPN_OK)
        st = read_vector(e, &c->answer, n, err);
    call_free(c);
    /* A server without this end point is not asked twice. */
    if (st != SPN_OK && st != SPN_ECANCEL && !e->caps.lost) {
        e->caps.embed = false;
        if (strlen(e->lacks) + 8 < sizeof e->lacks)
            memcpy(e->lacks + strlen(e->lacks), " embed", sizeof " embed");
    }
    *vector = e->scores;
    return st;
}
