/* remote_body.c - requests as JSON. */
#include "config.h"

#include "engine/remote_body.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"

static const size_t text_max = (size_t)64 << 20;
enum { STOPS_MAX = 4, TOKENS_WHEN_UNKNOWN = 1024 }; /* the API takes four stop strings */

/* ---- a request kept ---- */

spn_status remote_ask_copy(struct remote_ask *a, const struct spn_prompt_request *r,
                           struct spn_err *err)
{
    bool good = true;

    *a = (struct remote_ask){ .max_tokens = r->max_tokens,
                              .sampling = r->sampling,
                              .rng_key = r->rng_key,
                              .logprobs = r->logprobs };
    if (r->messages != NULL) {
        good = (a->messages = spn_calloc(r->n_messages + 1, sizeof *a->messages)) != NULL;
        for (size_t i = 0; good && i < r->n_messages; i++) {
            struct spn_message *m = &a->messages[a->n_messages++];

            m->role = spn_strdup(r->messages[i].role);
            m->content = spn_strdup(r->messages[i].content);
            good = m->role != NULL && m->content != NULL;
        }
    } else {
        good = (a->text = spn_strdup(r->text)) != NULL;
    }
    if (good && r->prefill != NULL && r->prefill[0] != '\0')
        good = (a->prefill = spn_strdup(r->prefill)) != NULL;
    if (good && r->grammar != NULL)
        good = (a->grammar = spn_strdup(r->grammar)) != NULL;
    if (good && r->json_schema != NULL)
        good = (a->json_schema = spn_strdup(r->json_schema)) != NULL;
    if (good && r->n_stop > 0)
        good = (a->stop = spn_calloc(r->n_stop, sizeof *a->stop)) != NULL;
    for (size_t i = 0; good && i < r->n_stop; i++)
        if (r->stop[i][0] != '\0')
            good = (a->stop[a->n_stop++] = spn_strdup(r->stop[i])) != NULL;
    if (good)
        return SPN_OK;
    remote_ask_free(a);
    return spn_fail(err, SPN_ENOMEM, "no memory for a request");
}

void remote_ask_free(struct remote_ask *a)
{
    for (size_t i = 0; i < a->n_messages; i++) {
        spn_free((char *)a->messages[i].role);
        spn_free((char *)a->messages[i].content);
    }
    spn_free(a->messages);
    for (size_t i = 0; i < a->n_stop; i++)
        spn_free(a->stop[i]);
    spn_free(a->stop);
    spn_free(a->text);
    spn_free(a->prefill);
    spn_free(a->grammar);
    spn_free(a->json_schema);
    *a = (struct remote_ask){ 0 };
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool remote_ask_same(const struct remote_ask *a, const struct remote_ask *b)
{
    bool same = a->n_messages == b->n_messages && a->n_stop == b->n_stop &&
                a->max_tokens == b->max_tokens && a->logprobs == b->logprobs &&
                memcmp(&a->sampling, &b->sampling, sizeof a->sampling) == 0 &&
                same_text(a->text, b->text) && same_text(a->prefill, b->prefill) &&
                same_text(a->grammar, b->grammar) && same_text(a->json_schema, b->json_schema);

    for (size_t i = 0; same && i < a->n_messages; i++)
        same = same_text(a->messages[i].role, b->messages[i].role) &&
               same_text(a->messages[i].content, b->messages[i].content);
    for (size_t i = 0; same && i < a->n_stop; i++)
        same = same_text(a->stop[i], b->stop[i]);
    return same;
}

size_t remote_ask_bytes(const struct remote_ask *a)
{
    size_t n = a->text != NULL ? strlen(a->text) : 0;

    for (size_t i = 0; i < a->n_messages; i++)
        n += strlen(a->messages[i].content) + 16; /* the template's own words */
    return n + (a->prefill != NULL ? strlen(a->prefill) : 0);
}

/* ---- JSON ---- */

/* Bytes of the UTF-8 character at P of which LEFT are there, 0: none. */
static size_t character(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc2 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf5 ? 4
                             : 0;

    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0))) ||
        (n == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))))
        return 0;
    return n;
}

/* JSON carries UTF-8 only: other bytes become U+FFFD. */
static json_t *json_text(const char *text, size_t n)
{
    struct spn_buf b = SPN_BUF_INIT(3 * text_max);
    json_t *s = json_stringn(text, n);

    if (s != NULL)
        return s;
    for (size_t i = 0; i < n;) {
        size_t k = character((const unsigned char *)text + i, n - i);

        spn_buf_add(&b, k > 0 ? text + i : "\xef\xbf\xbd", k > 0 ? k : 3);
        i += k > 0 ? k : 1;
    }
    s = b.failed ? NULL : json_stringn_nocheck(b.data, b.length);
    spn_buf_free(&b);
    return s;
}

static json_t *message(const char *role, const char *content, size_t n)
{
    return json_pack("{s:s, s:o}", "role", role, "content", json_text(content, n));
}

bool remote_repeats_prefill(const struct remote_ask *a, const struct remote_style *s)
{
    return a->prefill != NULL && a->messages != NULL && s->chat && s->prefill == REMOTE_ASK;
}

/* The last user message asks for the beginning where the server cannot be given it. */
static json_t *messages(const struct remote_ask *a, const struct remote_style *s)
{
    json_t *list = json_array();
    size_t last = a->n_messages;

    for (size_t i = 0; i < a->n_messages; i++)
        if (strcmp(a->messages[i].role, "user") == 0)
            last = i;
    for (size_t i = 0; list != NULL && i < a->n_messages; i++) {
        struct spn_buf b = SPN_BUF_INIT(text_max);

        spn_buf_puts(&b, a->messages[i].content);
        if (i == last && remote_repeats_prefill(a, s))
            spn_buf_printf(&b,
                           "\n\nBegin your answer with exactly these words and go on from "
                           "them:\n%s",
                           a->prefill);
        if (b.failed ||
            json_array_append_new(list, message(a->messages[i].role, b.data != NULL ? b.data : "",
                                                b.length)) != 0) {
            json_decref(list);
            list = NULL;
        }
        spn_buf_free(&b);
    }
    if (list != NULL && a->prefill != NULL && s->prefill != REMOTE_ASK)
        json_array_append_new(list, message("assistant", a->prefill, strlen(a->prefill)));
    return list;
}

/* Messages as plain text, for servers that only complete: as our own models without a template. */
static json_t *plain(const struct remote_ask *a)
{
    struct spn_buf b = SPN_BUF_INIT(text_max);
    json_t *s;

    if (a->text != NULL)
        spn_buf_puts(&b, a->text);
    for (size_t i = 0; i < a->n_messages; i++)
        spn_buf_printf(&b, "%s\n\n", a->messages[i].content);
    if (a->prefill != NULL)
        spn_buf_puts(&b, a->prefill);
    s = b.failed ? NULL : json_text(b.data != NULL ? b.data : "", b.length);
    spn_buf_free(&b);
    return s;
}

static int64_t tokens_wanted(const struct remote_ask *a, const struct remote_style *s, bool chat)
{
    int64_t room = s->context - (int64_t)(remote_ask_bytes(a) / 3);

    if (a->max_tokens >= 0 || chat)
        return a->max_tokens;
    /* Completions stop after 16 tokens when nothing is said. */
    return s->context == 0 ? TOKENS_WHEN_UNKNOWN : room > 16 ? room : 16;
}

/* What numbers look like in a request: 0.8, not 0.800000011920929. */
static json_t *number(float x)
{
    char text[32];

    snprintf(text, sizeof text, "%.7g", (double)x);
    return json_real(strtod(text, NULL));
}

static void put_sampling(json_t *o, const struct remote_ask *a, unsigned features)
{
    const struct spn_sampling *s = &a->sampling;
    bool greedy = !(s->temperature > 0);

    json_object_set_new(o, "temperature", greedy ? json_integer(0) : number(s->temperature));
    if (!greedy)
        json_object_set_new(o, "top_p", number(s->top_p));
    if (s->presence_penalty != 0)
        json_object_set_new(o, "presence_penalty", number(s->presence_penalty));
    if (s->frequency_penalty != 0)
        json_object_set_new(o, "frequency_penalty", number(s->frequency_penalty));
    /* Said even when they are off: servers have defaults of their own. */
    if (features & REMOTE_EXTRA) {
        if (!greedy) {
            json_object_set_new(o, "top_k", json_integer(s->top_k > 0 ? s->top_k : 0));
            json_object_set_new(o, "min_p", number(s->min_p));
        }
        json_object_set_new(o, "repeat_penalty", number(s->repeat_penalty));
    }
    if (features & REMOTE_SEED)
        json_object_set_new(o, "seed", json_integer((json_int_t)(a->rng_key & 0x7fffffff)));
}

spn_status remote_body(struct spn_buf *b, const struct remote_ask *a, const struct remote_style *s,
                       int n, bool *chat, struct spn_err *err)
{
    bool talk = a->messages != NULL && s->chat;
    int64_t most = tokens_wanted(a, s, talk);
    json_t *o = json_object(), *stops = json_array();
    char *text = NULL;

    *chat = talk;
    if (s->model != NULL)
        json_object_set_new(o, "model", json_text(s->model, strlen(s->model)));
    json_object_set_new(o, talk ? "messages" : "prompt", talk ? messages(a, s) : plain(a));
    if (talk && a->prefill != NULL && s->prefill == REMOTE_VLLM) {
        json_object_set_new(o, "continue_final_message", json_true());
        json_object_set_new(o, "add_generation_prompt", json_false());
    }
    if (most >= 0)
        json_object_set_new(o,
                            talk && (s->features & REMOTE_MAX_NEW) ? "max_completion_tokens"
                                                                   : "max_tokens",
                            json_integer(most));
    put_sampling(o, a, s->features);
    for (size_t i = 0; i < a->n_stop && i < STOPS_MAX; i++)
        json_array_append_new(stops, json_text(a->stop[i], strlen(a->stop[i])));
    if (json_array_size(stops) > 0)
        json_object_set(o, "stop", stops);
    /* GBNF as llama.cpp's server takes it, a schema as the API does. A server that takes neither
     * refuses the request, which then fails: an answer of another form is none. */
    if (a->grammar != NULL)
        json_object_set_new(o, "grammar", json_text(a->grammar, strlen(a->grammar)));
    if (a->json_schema != NULL)
        json_object_set_new(o, "response_format",
                            json_pack("{s:s, s:{s:s, s:b, s:o}}", "type", "json_schema",
                                      "json_schema", "name", "answer", "strict", 1, "schema",
                                      json_loads(a->json_schema, 0, NULL)));
    if (n > 1)
        json_object_set_new(o, "n", json_integer(n));
    if (a->logprobs && (s->features & REMOTE_LOGPROBS))
        json_object_set_new(o, "logprobs", talk ? json_true() : json_integer(1));
    if (s->features & REMOTE_STREAM) {
        json_object_set_new(o, "stream", json_true());
        if (s->features & REMOTE_USAGE)
            json_object_set_new(o, "stream_options", json_pack("{s:b}", "include_usage", 1));
    }
    if (json_object_get(o, talk ? "messages" : "prompt") != NULL)
        text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(stops);
    json_decref(o);
    if (text == NULL || spn_buf_puts(b, text) != SPN_OK) {
        free(text);
        return spn_fail(err, SPN_ENOMEM, "no memory for a request of %zu bytes",
                        remote_ask_bytes(a));
    }
    free(text);
    return SPN_OK;
}

/* ---- what a server refuses ---- */

static const struct {
    unsigned feature;
    const char *name;
    const char *words[5]; /* any of them in the server's reason */
} features[] = {
    { REMOTE_EXTRA, "top_k, min_p and repeat_penalty", { "top_k", "min_p", "repeat_penalty" } },
    { REMOTE_SEED, "seeds", { "seed" } },
    { REMOTE_LOGPROBS, "log-probabilities", { "logprobs", "logits_all" } },
    { REMOTE_USAGE, "counts of tokens in streams", { "stream_options", "include_usage" } },
    { REMOTE_N, "more than one answer a request", { "'n'", "\"n\"", "`n`", "n > 1", "best_of" } },
    { REMOTE_MAX_NEW, "max_completion_tokens", { "max_completion_tokens" } },
    { REMOTE_STREAM, "streams", { "'stream'", "\"stream\"", "streaming" } },
};

unsigned remote_refused(const char *error, unsigned sent)
{
    unsigned refused = 0;

    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        for (size_t k = 0; k < 5 && features[i].words[k] != NULL; k++)
            if ((sent & features[i].feature) && strstr(error, features[i].words[k]) != NULL)
                refused |= features[i].feature;
    return refused;
}

const char *remote_feature_name(unsigned feature)
{
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (features[i].feature == feature)
            return features[i].name;
    return "an option";
}
