/* calls.c - calls under way: who asked, what they cost, when to stop asking. */
#include "config.h"

#include "reason.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/arith.h"
#include "base/mem.h"

#define TEMPLATE_TOKENS 64 /* of a chat template around a message, at most */
#define REPLY_CEILING ((size_t)16 << 20)
#define SHOTS_MAX     8 /* worked examples of a set of prompts */

/* The text of a call as it comes. */
struct reason_stream {
    struct reason_calls *calls;
    int64_t ticket;
    struct spn_buf text;
    bool (*enough)(void *ctx, const char *text);
    void *ctx;
    bool ended; /* by `enough` */
};

spn_status reason_declare(struct reason_tables *t, const struct spn_host *host, const char *name,
                          const struct spn_reasoner *reasoner, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "%s: this host has no table \"registry\" 1", name);
    t->engine = host->query("engine", 1);
    t->thoughts = host->query("thoughts", 1);
    return registry->add(host, SPN_POINT_REASONER, name, reasoner, err);
}

double reason_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void reason_calls_init(struct reason_calls *c, const struct spn_engine_api *api,
                       const struct spn_reason_request *r, double temperature)
{
    struct reason_calls fresh = { .api = api,
                                  .r = r,
                                  .engine = r->engine,
                                  .sampling = r->sampling,
                                  .text = SPN_BUF_INIT(REPLY_CEILING) };

    *c = fresh;
    c->sampling.temperature = (float)temperature;
    c->started = reason_now();
}

static void look_at_limits(struct reason_calls *c)
{
    const struct spn_budget *b = &c->r->budget;

    if (c->ended != NULL)
        return;
    if (spn_cancelled(c->r->cancel))
        c->ended = "user";
    else if ((b->tokens > 0 && c->tokens_out >= b->tokens) ||
             (b->seconds > 0 && reason_now() - c->started >= b->seconds))
        c->ended = "budget";
}

/* Between two tokens of any reply: a budget, and a person who watches, end long replies too,
   whoever they belong to. */
static void watch(void *ctx, const char *bytes, size_t n)
{
    struct reason_calls *c = ctx;
    const struct spn_budget *b = &c->r->budget;

    if (b->seconds <= 0 && b->tokens <= 0 && c->r->steer == NULL)
        return;
    c->streamed++;
    if (c->ended != NULL)
        return;
    if (c->r->steer != NULL && spn_cancelled(c->r->cancel))
        c->ended = "user";
    else if ((b->seconds > 0 && reason_now() - c->started >= b->seconds) ||
        (b->tokens > 0 && c->streamed >= b->tokens))
        c->ended = "budget";
    for (size_t i = 0; i < c->n_open && c->ended != NULL; i++)
        c->api->cancel(c->engine, c->open[i].ticket);
}

/* A piece of a reply that somebody looks at. */
static void look(void *ctx, const char *bytes, size_t n)
{
    struct reason_stream *s = ctx;

    watch(s->calls, bytes, n);
    if (s->ended || s->enough == NULL || spn_buf_add(&s->text, bytes, n) != SPN_OK ||
        memchr(bytes, '\n', n) == NULL || !s->enough(s->ctx, s->text.data))
        return;
    s->ended = true;
    s->calls->api->cancel(s->calls->engine, s->ticket);
}

static void free_stream(struct reason_call *call)
{
    if (call->stream != NULL)
        spn_buf_free(&call->stream->text);
    spn_free(call->stream);
    call->stream = NULL;
}

bool reason_open(const struct reason_calls *c)
{
    return c->ended == NULL && !c->full;
}

/* ---- asking ---- */

/* The messages of a call: the set's system message, its shots, an example, the prompt. Texts are
   lent but the copies in HELD. */
struct talk {
    struct spn_message message[2 * SHOTS_MAX + 4];
    size_t n;
    char *held[2 * SHOTS_MAX];
    size_t n_held;
};

static void say(struct talk *t, const char *role, const char *text)
{
    t->message[t->n++] = (struct spn_message){ role, text, NULL };
}

/* One part of [shots], "question, a line =>, answer"; the question is asked as the real one is. */
static spn_status add_shot(struct talk *t, const struct spn_reason_request *r, const char *part,
                           size_t n, struct spn_err *err)
{
    const char *arrow = memmem(part, n, "\n=>\n", 4);
    char *question, *answer, *asked = NULL;
    spn_status st = SPN_OK;

    if (arrow == NULL)
        return spn_fail(err, SPN_EFORMAT, "prompts: a shot has no line \"=>\": %.40s", part);
    question = spn_strndup(part, (size_t)(arrow - part));
    answer = spn_strndup(arrow + 4, n - (size_t)(arrow + 4 - part));
    if (question != NULL && answer != NULL)
        st = reason_answer_words(r, question, &asked, err);
    spn_free(question);
    if (st == SPN_OK && (answer == NULL || asked == NULL))
        st = spn_fail(err, SPN_ENOMEM, "prompts: no memory for a shot");
    if (st != SPN_OK) {
        spn_free(answer);
        spn_free(asked);
        return st;
    }
    say(t, "user", t->held[t->n_held++] = asked);
    say(t, "assistant", t->held[t->n_held++] = answer);
    return SPN_OK;
}

static spn_status make_talk(struct talk *t, const struct reason_calls *c,
                            const struct reason_ask *a, struct spn_err *err)
{
    const struct spn_prompts *p = c->r->prompts;
    const char *system = p != NULL ? spn_prompts_get(p, "system") : NULL;
    const char *shots = p != NULL && a->kind == REASON_SOLVE ? spn_prompts_get(p, "shots") : NULL;
    spn_status st = SPN_OK;

    *t = (struct talk){ .n = 0 };
    if (system != NULL)
        say(t, "system", system);
    while (shots != NULL && st == SPN_OK && t->n_held < 2 * SHOTS_MAX) {
        const char *end = strstr(shots, "\n---\n");

        st = add_shot(t, c->r, shots, end != NULL ? (size_t)(end - shots) : strlen(shots), err);
        shots = end != NULL ? end + 5 : NULL;
    }
    if (a->example_question != NULL) {
        say(t, "user", a->example_question);
        say(t, "assistant", a->example_answer);
    }
    say(t, "user", a->prompt);
    return st;
}

static void free_talk(struct talk *t)
{
    for (size_t i = 0; i < t->n_held; i++)
        spn_free(t->held[i]);
}

static spn_status make_room(struct reason_calls *c, struct spn_err *err)
{
    size_t room = c->room == 0 ? 64 : 2 * c->room;
    struct reason_call *bigger;

    if (c->n_open < c->room)
        return SPN_OK;
    bigger = spn_realloc(c->open, room, sizeof *bigger);
    if (bigger == NULL)
        return spn_fail(err, SPN_ENOMEM, "reasoner: no memory for %zu calls", room);
    c->open = bigger;
    c->room = room;
    return SPN_OK;
}

/* Is PROMPT no shorter than the context, or within a template's few tokens of it? */
static bool too_long(const struct reason_calls *c, const char *prompt)
{
    const struct spn_caps *caps = c->api->caps(c->engine);

    return caps != NULL && caps->context > 0 &&
           c->api->count_tokens(c->engine, prompt) >= caps->context - TEMPLATE_TOKENS;
}

spn_status reason_ask(struct reason_calls *c, const struct reason_ask *a, struct spn_err *err)
{
    struct spn_prompt_request q = { .max_tokens = a->max_tokens,
                                    .prefill = a->prefill,
                                    .sampling = c->sampling,
                                    .rng_key = a->key,
                                    .logprobs = a->logprobs };
    const struct spn_budget *b = &c->r->budget;
    const struct spn_caps *caps = c->api->caps(c->engine);
    struct reason_call call = { .owner = a->owner, .kind = a->kind, .index = a->index };
    /* A model without a template goes on with examples of its own: cut where the next one begins.
     */
    const char *stops[2] = { "\nInput:" };
    struct spn_err why = SPN_ERR_INIT;
    struct talk talk;
    spn_status st;

    look_at_limits(c);
    c->full |= b->calls > 0 && c->calls >= b->calls;
    if (!reason_open(c))
        return SPN_OK;
    if (b->tokens > 0 && (q.max_tokens < 0 || q.max_tokens > b->tokens - c->tokens_out))
        q.max_tokens = b->tokens - c->tokens_out;
    q.n_stop = caps != NULL && !caps->templates;
    if (a->stop != NULL)
        stops[q.n_stop++] = a->stop;
    q.stop = stops;
    st = make_room(c, err);
    if (st == SPN_OK)
        st = make_talk(&talk, c, a, err);
    if (st != SPN_OK)
        return st;
    q.messages = talk.message;
    q.n_messages = talk.n;
    if (a->enough != NULL) {
        call.stream = spn_calloc(1, sizeof *call.stream);
        if (call.stream == NULL)
            st = spn_fail(err, SPN_ENOMEM, "reasoner: no memory for a call");
        else
            *call.stream = (struct reason_stream){ .calls = c,
                                                   .text = SPN_BUF_INIT(REPLY_CEILING),
                                                   .enough = a->enough,
                                                   .ctx = a->enough_ctx };
        q.on_text = look;
        q.on_text_ctx = call.stream;
    } else if (b->seconds > 0 || b->tokens > 0 || c->r->steer != NULL) {
        q.on_text = watch;
        q.on_text_ctx = c;
    }
    if (st == SPN_OK)
        st = c->api->submit(c->engine, &q, &call.ticket, &why);
    free_talk(&talk);
    if (st != SPN_OK) {
        free_stream(&call);
        /* Answers that ran on are too long to be shown again: no reply, as one that says nothing.
           The question itself has to fit. */
        call.unasked = st == SPN_EUSAGE && c->calls > 0 && too_long(c, a->prompt);
        if (!call.unasked) {
            if (err != NULL && why.code == st)
                *err = why;
            return st;
        }
        c->open[c->n_open++] = call;
        return SPN_OK;
    }
    if (call.stream != NULL)
        call.stream->ticket = call.ticket;
    c->open[c->n_open++] = call;
    c->calls++;
    return SPN_OK;
}

/* Take the call of TICKET out of the open ones, keeping their order; false: not ours. */
static bool take(struct reason_calls *c, int64_t ticket, struct reason_call *out)
{
    for (size_t i = 0; i < c->n_open; i++) {
        if (c->open[i].ticket != ticket)
            continue;
        *out = c->open[i];
        memmove(&c->open[i], &c->open[i + 1], (c->n_open - i - 1) * sizeof *c->open);
        c->n_open--;
        return true;
    }
    return false;
}

static void count(struct reason_calls *c, const struct spn_answer *a)
{
    c->tokens_in += a->tokens_in;
    c->tokens_cached += a->tokens_cached;
    c->tokens_out += a->tokens_out;
}

static double mean(const float *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : NAN;
}

/* Bytes of the well-formed UTF-8 sequence at S; 0: it is none. */
static size_t sequence(const unsigned char *s, size_t n)
{
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (length == 0 || length > n || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong, a surrogate, past U+10FFFF. */
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

/* A model may draw half a character; what is said to it again has to be text. */
static void mend(struct spn_buf *b)
{
    for (size_t i = 0, step; i < b->length; i += step) {
        step = sequence((const unsigned char *)b->data + i, b->length - i);
        if (step == 0) {
            b->data[i] = '?';
            step = 1;
        }
    }
}

/* The text of the answer A into c->text. */
static spn_status take_text(struct reason_calls *c, const struct spn_answer *a,
                            struct reason_reply *out, struct spn_err *err)
{
    const struct reason_stream *s = out->call.stream;
    bool mine = a->finish == SPN_FINISH_CANCEL; /* `enough` ended it: what came is the reply */
    const char *text = mine ? s->text.data : a->text;
    size_t n = mine ? s->text.length : a->length;

    spn_buf_trim(&c->text, 0);
    if (spn_buf_add(&c->text, text, n) != SPN_OK)
        return spn_fail(err, SPN_ENOMEM, "reasoner: no memory for a reply of %zu bytes", n);
    mend(&c->text);
    out->text = c->text.data != NULL ? c->text.data : "";
    out->tokens_in = a->tokens_in;
    out->tokens_out = a->tokens_out;
    out->seconds = a->seconds;
    out->mean_logprob = mean(a->logprob, a->n_logprob);
    out->cut = a->finish == SPN_FINISH_LENGTH;
    return SPN_OK;
}

/* Take the first call that could not be asked; false: there is none. */
static bool take_unasked(struct reason_calls *c, struct reason_reply *out)
{
    for (size_t i = 0; i < c->n_open; i++)
        if (c->open[i].unasked) {
            *out = (struct reason_reply){
                .call = c->open[i], .text = "", .mean_logprob = NAN, .cut = true
            };
            memmove(&c->open[i], &c->open[i + 1], (c->n_open - i - 1) * sizeof *c->open);
            c->n_open--;
            return true;
        }
    return false;
}

spn_status reason_next(struct reason_calls *c, struct reason_reply *out, struct spn_err *err)
{
    look_at_limits(c);
    while (c->ended == NULL && take_unasked(c, out))
        if (!out->call.dropped)
            return SPN_OK;
    while (c->n_open > 0 && c->ended == NULL) {
        const struct spn_answer *a = NULL;
        bool enough;
        spn_status st = c->api->next(c->engine, &a, err);

        if (st == SPN_ECANCEL) {
            c->ended = "user";
            break;
        }
        if (st != SPN_OK)
            return st == SPN_ENOTFOUND
                       ? spn_fail(err, SPN_EINTERNAL, "engine: lost %zu calls", c->n_open)
                       : st;
        if (!take(c, a->ticket, &out->call))
            continue;
        count(c, a);
        look_at_limits(c);
        enough = out->call.stream != NULL && out->call.stream->ended;
        if (a->finish == SPN_FINISH_ERROR)
            st = spn_fail(err, a->status != SPN_OK ? a->status : SPN_EIO, "%s",
                          a->error != NULL ? a->error : "engine: a call failed");
        else if (out->call.dropped || (a->finish == SPN_FINISH_CANCEL && !enough))
            st = SPN_ENOTFOUND;
        else
            st = take_text(c, a, out, err);
        free_stream(&out->call);
        if (st != SPN_ENOTFOUND)
            return st;
    }
    if (c->full && c->ended == NULL)
        c->ended = "budget";
    return SPN_ENOTFOUND;
}

void reason_drop(struct reason_calls *c, const void *owner, int64_t index_from)
{
    for (size_t i = 0; i < c->n_open; i++) {
        struct reason_call *call = &c->open[i];

        if (call->owner != owner || call->index < index_from || call->dropped)
            continue;
        call->dropped = true;
        if (!call->unasked)
            c->api->cancel(c->engine, call->ticket);
    }
}

bool reason_waits(const struct reason_calls *c, const void *owner)
{
    for (size_t i = 0; i < c->n_open; i++)
        if (c->open[i].owner == owner && !c->open[i].dropped)
            return true;
    return false;
}

void reason_calls_end(struct reason_calls *c)
{
    struct reason_call call;

    for (size_t i = 0; i < c->n_open; i++)
        if (!c->open[i].dropped && !c->open[i].unasked)
            c->api->cancel(c->engine, c->open[i].ticket);
    /* What was cancelled is still reported, with the tokens it cost. */
    while (c->n_open > 0) {
        const struct spn_answer *a = NULL;

        if (c->api->next(c->engine, &a, NULL) != SPN_OK)
            break;
        if (take(c, a->ticket, &call)) {
            count(c, a);
            free_stream(&call);
        }
    }
    for (size_t i = 0; i < c->n_open; i++)
        free_stream(&c->open[i]);
    c->n_open = 0;
}

void reason_calls_free(struct reason_calls *c)
{
    spn_free(c->open);
    c->open = NULL;
    c->room = 0;
    spn_buf_free(&c->text);
}

void reason_calls_totals(const struct reason_calls *c, struct spn_reason_result *out)
{
    out->calls = c->calls;
    out->tokens_in = c->tokens_in;
    out->tokens_cached = c->tokens_cached;
    out->tokens_out = c->tokens_out;
    out->seconds = reason_now() - c->started;
}

uint64_t reason_tree_key(uint64_t seed, int tree)
{
    return spn_key_int(spn_key_seed(seed), (uint64_t)tree);
}

uint64_t reason_key(uint64_t path, const char *kind, int64_t sample)
{
    return spn_key_int(spn_key_str(path, kind), (uint64_t)sample);
}

bool reason_line(const char **text, char **line)
{
    const char *s = *text;

    while (*s == '\n' || *s == '\r' || *s == ' ' || *s == '\t')
        s++;
    if (*s == '\0') {
        *text = s;
        return false;
    }
    size_t n = strcspn(s, "\n"), keep = n;

    while (keep > 0 && (s[keep - 1] == ' ' || s[keep - 1] == '\r' || s[keep - 1] == '\t'))
        keep--;
    *line = spn_strndup(s, keep);
    *text = s + n;
    return true;
}
