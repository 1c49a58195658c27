/* local.c - the local engine: requests in text over one model's generator; opened once a path,
 * shared and counted. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/pool.h"
#include "engine/adapters.h"
#include "engine/constraint.h"
#include "engine/engine.h"
#include "engine/local_probe.h"
#include "engine/local_request.h"
#include "lm/logits.h"
#include "lm/model.h"

struct list {
    struct request *first, **end;
};

struct spn_engine {
    struct spn_engine *next;
    int count;
    char *path, *lora; /* lora: of the settings */
    struct engine_settings settings;
    struct spn_pool *pool;
    struct spn_lm *m;
    struct spn_gen *gen;
    struct spn_chat *chat;
    struct constraints *constraints;
    struct spn_caps caps;
    char model[128], device[32];
    int64_t next_ticket;
    struct list open, done;
    struct request *lent; /* whose answer the caller has */
    struct spn_answer answer;
    float *scores;
    size_t n_scores; /* lent by score() */
};

static struct engine_settings settings = { .kv_dtype = SPN_F32 };
static struct spn_engine *engines;

static char *adapters; /* settings.lora */

spn_status engine_local_configure(const struct engine_settings *s, struct spn_err *err)
{
    char *lora = s->lora != NULL ? spn_strdup(s->lora) : NULL;

    if (s->lora != NULL && lora == NULL)
        return spn_fail(err, SPN_ENOMEM, "--lora: no memory");
    spn_free(adapters);
    adapters = lora;
    settings = *s;
    settings.lora = adapters;
    return SPN_OK;
}

/* ---- lists ---- */

static void push(struct list *l, struct request *q)
{
    q->next = NULL;
    if (l->first == NULL)
        l->end = &l->first;
    *l->end = q;
    l->end = &q->next;
}

static struct request *take(struct list *l, struct request **at)
{
    struct request *q = *at;

    *at = q->next;
    if (q->next == NULL)
        l->end = at;
    q->next = NULL;
    return q;
}

static struct request **find(struct list *l, int64_t ticket)
{
    struct request **at = &l->first;

    while (*at != NULL && (*at)->ticket != ticket)
        at = &(*at)->next;
    return at;
}

static void free_list(struct list *l)
{
    while (l->first != NULL)
        request_free(take(l, &l->first));
}

/* ---- opening ---- */

static void engine_free(struct spn_engine *e)
{
    request_free(e->lent);
    free_list(&e->open);
    free_list(&e->done);
    spn_gen_free(e->gen);
    spn_chat_free(e->chat);
    constraints_free(e->constraints);
    spn_lm_close(e->m);
    spn_pool_free(e->pool);
    spn_free(e->scores);
    spn_free(e->lora);
    spn_free(e->path);
    spn_free(e);
}

static void describe(struct spn_engine *e, int threads)
{
    const char *base = strrchr(e->path, '/');

    snprintf(e->model, sizeof e->model, "%s",
             e->m->name != NULL ? e->m->name
             : base != NULL     ? base + 1
                                : e->path);
    snprintf(e->device, sizeof e->device, "cpu %dt", threads);
    e->caps = (struct spn_caps){
        .model = e->model,
        .type = spn_dtype_name(e->m->layer[0].q.t.dtype),
        .device = e->device,
        .context = spn_gen_context(e->gen),
        .logprobs = true,
        .score = true,
        .batch = true,
        .templates = strcmp(spn_chat_name(e->chat), "none") != 0,
        .seeds = true,
        .grammar = true,
        .prefill = true,
        .template_name = spn_chat_name(e->chat),
        .embed = true,
        .prompts = spn_meta_str(e->m->reader, "spinney.prompts"),
    };
}

static spn_status start(struct spn_engine *e, struct spn_err *err)
{
    int threads = e->settings.threads > 0 ? e->settings.threads : spn_threads_allowed();
    struct spn_lm_adapter *list = NULL;
    struct spn_lm_options lo;
    struct spn_gen_options go;
    spn_status st;

    e->pool = spn_pool_new(threads);
    if (e->pool == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for %d threads", threads);
    spn_lm_options_default(&lo);
    lo.act = e->settings.act_f32 ? SPN_ACT_F32 : SPN_ACT_INT8;
    lo.pool = e->pool;
    spn_gen_options_default(&go);
    go.ctx = e->settings.ctx;
    go.kv_dtype = e->settings.kv_dtype;
    go.pool = e->pool;
    st = adapters_list(&list, &lo.n_adapter, e->lora, err);
    lo.adapter = list;
    if (st == SPN_OK)
        st = spn_lm_open(&e->m, e->path, &lo, err);
    spn_free(list);
    if (st == SPN_OK)
        st = spn_gen_new(&e->gen, e->m, &go, err);
    if (st == SPN_OK)
        st = spn_chat_open(&e->chat, e->m->chat_template, err);
    if (st == SPN_OK)
        describe(e, threads);
    return st;
}

static bool same_settings(const struct engine_settings *a, const struct engine_settings *b)
{
    return a->ctx == b->ctx && a->threads == b->threads && a->act_f32 == b->act_f32 &&
           a->kv_dtype == b->kv_dtype &&
           strcmp(a->lora != NULL ? a->lora : "", b->lora != NULL ? b->lora : "") == 0;
}

static spn_status local_open(struct spn_engine **out, const char *spec, struct spn_err *err)
{
    char *real;
    struct spn_engine *e;
    spn_status st;

    if (spec == NULL)
        return spn_fail(err, SPN_EUSAGE, "the local engine needs the path of a model");
    real = realpath(spec, NULL);
    for (e = engines; e != NULL; e = e->next)
        if (strcmp(e->path, real != NULL ? real : spec) == 0 &&
            same_settings(&e->settings, &settings)) {
            free(real);
            e->count++;
            *out = e;
            return SPN_OK;
        }
    e = spn_calloc(1, sizeof *e);
    if (e == NULL || (e->path = spn_strdup(real != NULL ? real : spec)) == NULL) {
        free(real);
        spn_free(e);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for an engine", spec);
    }
    free(real);
    e->settings = settings;
    e->count = 1;
    e->lora = settings.lora != NULL ? spn_strdup(settings.lora) : NULL;
    e->settings.lora = e->lora;
    st = settings.lora != NULL && e->lora == NULL
             ? spn_fail(err, SPN_ENOMEM, "%s: no memory for an engine", spec)
             : start(e, err);
    if (st != SPN_OK) {
        engine_free(e);
        return st;
    }
    e->next = engines;
    engines = e;
    *out = e;
    return SPN_OK;
}

static void local_close(struct spn_engine *e)
{
    struct spn_engine **at = &engines;

    if (e == NULL || --e->count > 0)
        return;
    while (*at != NULL && *at != e)
        at = &(*at)->next;
    if (*at == e)
        *at = e->next;
    engine_free(e);
}

void engine_local_end(void)
{
    while (engines != NULL) {
        struct spn_engine *e = engines;

        engines = e->next;
        engine_free(e);
    }
    spn_free(adapters);
    adapters = NULL;
}

static const struct spn_caps *local_caps(struct spn_engine *e)
{
    return &e->caps;
}

/* ---- requests ---- */

static spn_status local_submit(struct spn_engine *e, const struct spn_prompt_request *r,
                               int64_t *ticket, struct spn_err *err)
{
    struct spn_gen_request gr = { .max_tokens = r->max_tokens,
                                  .sampling = r->sampling,
                                  .rng_key = r->rng_key,
                                  .logprobs = r->logprobs };
    struct request *q;
    spn_status st;

    if (r->messages == NULL && r->text == NULL)
        return spn_fail(err, SPN_EUSAGE, "a request needs messages or text");
    st = request_new(&q, e->m, e->chat, r, err);
    if (st != SPN_OK)
        return st;
    gr.prompt = q->prompt.id;
    gr.n_prompt = (int64_t)q->prompt.n;
    st = constraints_find(&e->constraints, e->m->tokenizer, r->grammar, r->json_schema, &q->hold,
                          &gr.grammar, err);
    if (st == SPN_OK && r->logprobs && (q->logprob = spn_calloc(64, sizeof *q->logprob)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "no memory for log probabilities");
    q->room_logprob = r->logprobs ? 64 : 0;
    if (st == SPN_OK)
        st = spn_gen_add(e->gen, &gr, &q->gen_id, err);
    if (st != SPN_OK) {
        request_free(q);
        return st;
    }
    q->ticket = *ticket = ++e->next_ticket;
    push(&e->open, q);
    return SPN_OK;
}

static void finish(struct spn_engine *e, struct request **at, enum spn_finish how)
{
    struct request *q = take(&e->open, at);

    q->over = true;
    request_end(q, how);
    push(&e->done, q);
}

static void take_scores(struct request *q, const struct spn_gen_event *ev)
{
    for (int64_t i = 0; i < ev->n_prompt_logprob && q->status == SPN_OK; i++)
        if (!request_keep_logprob(q, ev->prompt_logprob[i]))
            q->status = spn_fail(&q->err, SPN_ENOMEM, "no memory for %" PRId64 " log probabilities",
                                 ev->n_prompt_logprob);
}

static void take_event(struct spn_engine *e, const struct spn_gen_event *ev)
{
    struct request **at = &e->open.first, *q;
    bool stopped = false;

    while (*at != NULL && (*at)->gen_id != ev->id)
        at = &(*at)->next;
    if (*at == NULL)
        return;
    q = *at;
    q->tokens_cached = ev->n_cached;
    if (q->scoring)
        take_scores(q, ev);
    else if (ev->token >= 0)
        q->status = request_token(q, ev->token, ev->logprob, ev->finish == SPN_GEN_STOP, &stopped);
    if (q->over)
        return;
    if (q->status != SPN_OK || stopped)
        spn_gen_cancel(e->gen, q->gen_id);
    if (q->status != SPN_OK)
        finish(e, at, SPN_FINISH_ERROR);
    else if (stopped || ev->finish == SPN_GEN_STOP)
        finish(e, at, SPN_FINISH_STOP);
    else if (ev->finish == SPN_GEN_LENGTH)
        finish(e, at, SPN_FINISH_LENGTH);
}

/* A step that failed ends every request with its sentence. */
static void fail_all(struct spn_engine *e, const struct spn_err *why)
{
    while (e->open.first != NULL) {
        struct request *q = e->open.first;

        q->status = why->code;
        q->err = *why;
        spn_gen_cancel(e->gen, q->gen_id);
        finish(e, &e->open.first, SPN_FINISH_ERROR);
    }
}

static spn_status step(struct spn_engine *e, struct spn_err *err)
{
    const struct spn_gen_event *ev;
    struct spn_err why = SPN_ERR_INIT;
    int n;

    if (spn_cancelled(e->settings.cancel))
        return spn_fail(err, SPN_ECANCEL, "%s: stopped", e->model);
    if (spn_gen_step(e->gen, &ev, &n, &why) != SPN_OK) {
        fail_all(e, &why);
        return SPN_OK;
    }
    for (int i = 0; i < n; i++)
        take_event(e, &ev[i]);
    return SPN_OK;
}

static struct request **first_done(struct spn_engine *e)
{
    struct request **at = &e->done.first;

    while (*at != NULL && (*at)->scoring)
        at = &(*at)->next;
    return at;
}

static spn_status local_next(struct spn_engine *e, const struct spn_answer **out,
                             struct spn_err *err)
{
    struct request **at, *q;
    spn_status st;

    request_free(e->lent);
    e->lent = NULL;
    while (*(at = first_done(e)) == NULL) {
        if (e->open.first == NULL)
            return spn_fail(err, SPN_ENOTFOUND, "%s: no request is queued", e->model);
        st = step(e, err);
        if (st != SPN_OK)
            return st;
    }
    e->lent = q = take(&e->done, at);
    e->answer = (struct spn_answer){
        .ticket = q->ticket,
        .text = q->reply.text.data != NULL ? q->reply.text.data : "",
        .length = q->reply.text.length,
        .finish = q->finish,
        .tokens_in = (int64_t)q->prompt.n,
        .tokens_cached = q->tokens_cached,
        .tokens_out = q->tokens_out,
        .seconds = q->seconds,
        .logprob = q->logprob,
        .n_logprob = q->n_logprob,
        .status = q->status,
        .error = q->status != SPN_OK ? q->err.text : NULL,
    };
    *out = &e->answer;
    return SPN_OK;
}

static void local_cancel(struct spn_engine *e, int64_t ticket)
{
    struct request **at = ticket == 0 ? &e->open.first : find(&e->open, ticket);

    request_free(e->lent);
    e->lent = NULL;
    while (*at != NULL) {
        spn_gen_cancel(e->gen, (*at)->gen_id);
        finish(e, at, SPN_FINISH_CANCEL);
        if (ticket != 0)
            break;
    }
}

/* Ids of PROMPT then CONTINUATION: tokenised as one text where that leaves the prompt's own ids
 * alone, else one after the other. */
static spn_status score_ids(struct spn_engine *e, const char *prompt, const char *continuation,
                            struct request *q, size_t *n_prompt, struct spn_err *err)
{
    struct spn_buf both = SPN_BUF_INIT((size_t)64 << 20);
    struct spn_ids head = { 0 };
    const struct spn_tokenizer *t = e->m->tokenizer;
    spn_status st;

    spn_buf_puts(&both, prompt);
    spn_buf_puts(&both, continuation);
    st = both.failed ? spn_fail(err, SPN_ENOMEM, "no memory for a text to score") : SPN_OK;
    if (st == SPN_OK)
        st = spn_tokenize(t, prompt, strlen(prompt), SPN_TOK_BOS, &head, err);
    if (st == SPN_OK)
        st = spn_tokenize(t, both.data, both.length, SPN_TOK_BOS, &q->prompt, err);
    if (st == SPN_OK &&
        (q->prompt.n <= head.n || memcmp(q->prompt.id, head.id, head.n * sizeof *head.id) != 0)) {
        q->prompt.n = 0;
        for (size_t i = 0; i < head.n && st == SPN_OK; i++)
            st = spn_ids_add(&q->prompt, head.id[i]);
        if (st == SPN_OK)
            st = spn_tokenize(t, continuation, strlen(continuation), 0, &q->prompt, err);
    }
    *n_prompt = head.n;
    if (st == SPN_OK && (head.n == 0 || q->prompt.n <= head.n))
        st = spn_fail(err, SPN_EUSAGE,
                      "nothing to score: the prompt has %zu tokens, the continuation %zu", head.n,
                      q->prompt.n - head.n);
    spn_ids_free(&head);
    spn_buf_free(&both);
    return st;
}

static spn_status local_score(struct spn_engine *e, const char *prompt, const char *continuation,
                              const float **logprob, size_t *n, struct spn_err *err)
{
    struct spn_gen_request gr = { .max_tokens = 0, .score_prompt = true };
    struct request *q = spn_calloc(1, sizeof *q), **at;
    size_t n_prompt = 0;
    spn_status st;

    if (q == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for a request");
    st = score_ids(e, prompt, continuation, q, &n_prompt, err);
    gr.prompt = q->prompt.id;
    gr.n_prompt = (int64_t)q->prompt.n;
    gr.score_from = (int64_t)n_prompt;
    if (st == SPN_OK)
        st = spn_gen_add(e->gen, &gr, &q->gen_id, err);
    if (st != SPN_OK) {
        request_free(q);
        return st;
    }
    q->scoring = true;
    q->ticket = ++e->next_ticket;
    push(&e->open, q);
    while (*(at = find(&e->done, q->ticket)) == NULL && st == SPN_OK)
        st = step(e, err);
    if (st != SPN_OK) {
        spn_gen_cancel(e->gen, q->gen_id);
        request_free(take(&e->open, find(&e->open, q->ticket)));
        return st;
    }
    take(&e->done, at);
    if (q->status != SPN_OK && err != NULL)
        *err = q->err;
    st = q->status;
    if (st == SPN_OK) {
        spn_free(e->scores);
        e->scores = q->logprob;
        q->logprob = NULL;
        /* Entry i of the figures is of token i + 1. */
        *logprob = e->scores + n_prompt - 1;
        *n = e->n_scores = q->prompt.n - n_prompt;
    }
    request_free(q);
    return st;
}

static int64_t local_count_tokens(struct spn_engine *e, const char *text)
{
    struct spn_ids ids = { 0 };
    int64_t n = 0;

    if (spn_tokenize(e->m->tokenizer, text, strlen(text), 0, &ids, NULL) == SPN_OK)
        n = (int64_t)ids.n;
    spn_ids_free(&ids);
    return n;
}

/* Texts longer than the context go in parts; the mean is over all tokens. */
static spn_status local_embed(struct spn_engine *e, const char *text, const float **vector,
                              size_t *n, struct spn_err *err)
{
    size_t width = (size_t)e->m->shape.n_embd;
    struct spn_ids ids = { 0 };
    float *part = spn_calloc(2 * width, sizeof *part);
    spn_status st = part != NULL
                        ? spn_tokenize(e->m->tokenizer, text, strlen(text), SPN_TOK_BOS, &ids, err)
                        : spn_fail(err, SPN_ENOMEM, "no memory for a vector of %zu numbers", width);

    if (st == SPN_OK && ids.n == 0)
        st = spn_fail(err, SPN_EUSAGE, "%s: no token to embed", e->model);
    for (size_t at = 0; at < ids.n && st == SPN_OK;) {
        size_t most = (size_t)e->m->shape.context;
        size_t length = ids.n - at < most ? ids.n - at : most;

        st = spn_lm_hidden_mean(e->m, ids.id + at, (int64_t)length, part + width, e->pool, err);
        for (size_t k = 0; k < width && st == SPN_OK; k++)
            part[k] += part[width + k] * (float)length / (float)ids.n;
        at += length;
    }
    spn_ids_free(&ids);
    if (st != SPN_OK) {
        spn_free(part);
        return st;
    }
    spn_free(e->scores);
    e->scores = part;
    *vector = part;
    *n = e->n_scores = width;
    return SPN_OK;
}

static void local_stats(struct spn_engine *e, struct spn_engine_stats *out)
{
    struct spn_gen_stats s;

    spn_gen_stats(e->gen, &s);
    *out = (struct spn_engine_stats){
        .prompt_tokens = s.prompt_tokens,
        .cached_tokens = s.cached_tokens,
        .generated_tokens = s.generated_tokens,
        .steps = s.steps,
        .pages_used = s.pages_used,
        .pages_shared = s.pages_shared,
        .pages_total = s.pages_total,
        .seconds_prefill = s.seconds_prefill,
        .seconds_decode = s.seconds_decode,
    };
}

static spn_status probe(struct spn_engine *e, const struct spn_prompt_request *r,
                              const char *answer, struct spn_probe **out, struct spn_err *err)
{
    struct request *q = NULL;
    spn_status st = request_new(&q, e->m, e->chat, r, err);

    if (st == SPN_OK)
        st = local_probe(out, e->m, e->pool, &q->prompt, answer, err);
    request_free(q);
    return st;
}

const struct spn_engine_api *engine_local(void)
{
    static const struct spn_engine_api api = {
        .size = sizeof api,
        .open = local_open,
        .close = local_close,
        .caps = local_caps,
        .submit = local_submit,
        .next = local_next,
        .cancel = local_cancel,
        .score = local_score,
        .count_tokens = local_count_tokens,
        .stats = local_stats,
        .embed = local_embed,
        .probe = probe,
        .probe_free = local_probe_free,
    };

    return &api;
}
