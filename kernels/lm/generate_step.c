/* generate_step.c - one step of the generator: who runs, the rows, the tokens drawn.
 *
 * Whoever runs beside a sequence, its rows give the same bytes (rule 7), so the schedule may follow
 * what is cheap: decoding rows first, prompts in chunks, a prompt whose next block another sequence
 * is computing waits for it, and when pages run out the youngest sequence goes back to the queue
 * and is computed again later.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "lm/generate_impl.h"
#include "tensor/ops.h"

enum { BLOCK = SPN_ATTENTION_BLOCK };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

float lm_logprob(const float *logits, int64_t n, int32_t token)
{
    float max = logits[0];
    double sum = 0;

    for (int64_t i = 1; i < n; i++)
        if (logits[i] > max)
            max = logits[i];
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)max);
    return (float)((double)logits[token] - (double)max - log(sum));
}

/* ---- pages ---- */

static struct lm_seq *youngest_running(struct spn_gen *g)
{
    for (int i = g->n_seq - 1; i >= 0; i--)
        if (g->seq[i]->state == LM_RUNNING)
            return g->seq[i];
    return NULL;
}

static void count_rows(const struct spn_gen *g, const struct lm_seq *s, int64_t *n)
{
    *n = 0;
    for (int64_t i = 0; i < g->runner.rows.n; i++)
        *n += g->runner.seq[i] == s->kv;
}

/* Places for N tokens more of S: from free pages, else from the cache, else from the youngest
   sequence that has no row in this step yet. False: S has to wait.  A page taken has room for more
   steps: the store's tables, which another thread wrote last, are asked once a page. */
static bool find_room(struct spn_gen *g, struct lm_seq *s, int64_t n)
{
    if (s->done + n <= s->placed)
        return true;
    while (spn_kv_reserve(g->runner.kv, s->kv, -1, n, NULL) != SPN_OK) {
        struct lm_seq *y;
        int64_t rows;

        if (g->prefix != NULL && lm_prefix_evict(g->prefix))
            continue;
        y = youngest_running(g);
        count_rows(g, y, &rows);
        if (y->id <= s->id || rows > 0)
            return false;
        lm_seq_pause(g, y);
    }
    s->placed = (s->done + n + BLOCK - 1) / BLOCK * BLOCK;
    return true;
}

/* ---- admission ---- */

/* Tokens at the start of S that may come from the cache: its last one has to run, and those that
 * are scored. */
static int64_t may_be_cached(const struct lm_seq *s)
{
    int64_t last = s->n_tok - 1;

    return s->score && !s->reported && s->score_from - 1 < last ? s->score_from - 1 : last;
}

/* Is a running sequence about to compute block BLOCK_NO of S? */
static bool under_way(const struct spn_gen *g, const struct lm_seq *s, int64_t block)
{
    int64_t end = (block + 1) * BLOCK;

    for (int i = 0; i < g->n_seq; i++) {
        const struct lm_seq *o = g->seq[i];

        if (o->state == LM_RUNNING && !o->closed && o->done < end && o->n_prompt >= end &&
            memcmp(o->tok, s->tok, (size_t)end * sizeof *s->tok) == 0)
            return true;
    }
    return false;
}

/* Start S on what the cache has of it; false: it waits. */
static bool admit(struct spn_gen *g, struct lm_seq *s, bool alone)
{
    int64_t most = g->prefix != NULL ? may_be_cached(s) / BLOCK : 0, known = 0, need;
    int32_t entry = LM_PREFIX_ROOT, next;

    while (known < most &&
           (next = lm_prefix_find(g->prefix, entry, s->tok + known * BLOCK)) != LM_PREFIX_ROOT) {
        entry = next;
        known++;
    }
    if (known < most && under_way(g, s, known))
        return false;
    need = (s->n_tok + BLOCK) / BLOCK - known;
    lm_prefix_pin(g->prefix, entry);
    while (spn_kv_pages_free(g->runner.kv) < need && g->prefix != NULL &&
           lm_prefix_evict(g->prefix))
        ;
    if ((spn_kv_pages_free(g->runner.kv) < need && !alone) ||
        spn_kv_seq_new(g->runner.kv, &s->kv, NULL) != SPN_OK) {
        lm_prefix_unpin(g->prefix, entry);
        s->kv = -1;
        return false;
    }
    s->entry = LM_PREFIX_ROOT;
    for (int64_t b = 0; b < known; b++) {
        s->entry = lm_prefix_find(g->prefix, s->entry, s->tok + b * BLOCK);
        if (lm_prefix_attach(g->prefix, s->entry, s->kv, NULL) != SPN_OK) {
            lm_prefix_unpin(g->prefix, entry);
            s->entry = LM_PREFIX_ROOT;
            spn_kv_seq_free(g->runner.kv, s->kv);
            s->kv = -1;
            return false;
        }
    }
    s->blocks = known;
    s->done = s->placed = known * BLOCK;
    s->closed = g->prefix == NULL;
    s->state = LM_RUNNING;
    if (!s->started) {
        s->started = true;
        s->cached = s->done;
        g->stats.cached_tokens += s->done;
    }
    return true;
}

static void admit_waiting(struct spn_gen *g)
{
    int running = 0;

    for (int i = 0; i < g->n_seq; i++)
        running += g->seq[i]->state == LM_RUNNING;
    for (int i = 0; i < g->n_seq && running < g->o.max_seqs; i++)
        if (g->seq[i]->state == LM_WAITING && admit(g, g->seq[i], running == 0))
            running++;
}

/* ---- rows ---- */

/* Tokens of S that this request has to run: all, but of one that is only scored not the last. */
static int64_t to_run(const struct lm_seq *s)
{
    return s->score && s->limit == s->n_prompt ? s->n_prompt - 1 : s->n_tok;
}

/* Is the log probability of token I + 1 wanted from row I? */
static bool scored(const struct lm_seq *s, int64_t i)
{
    return s->score && !s->reported && i + 1 < s->n_prompt && i + 1 >= s->score_from;
}

/* W is row I of S.  Its error is not cleared: that would take longer than to draw the token. */
static void want(struct lm_wanted *w, struct lm_seq *s, int64_t i, bool draw)
{
    w->s = s;
    w->draw = draw;
    w->score = scored(s, i) ? s->tok[i + 1] : -1;
    w->score_at = i;
    w->token = -1;
    w->logprob = 0;
    w->st = SPN_OK;
}

static void add_rows(struct spn_gen *g, struct lm_seq *s, int64_t most)
{
    int64_t end = s->done + most < to_run(s) ? s->done + most : to_run(s), wanted = 0,
            last = s->done;
    bool draw;

    /* Fewer rows when the logits of all would not fit. */
    for (; last < end; last++) {
        draw = last == s->n_tok - 1;
        wanted += draw || scored(s, last);
        if (g->n_wanted + wanted > g->runner.out_max)
            break;
    }
    if (last == s->done || !find_room(g, s, last - s->done))
        return;
    for (int64_t i = s->done; i < last; i++) {
        draw = i == s->n_tok - 1;
        lm_runner_add(&g->runner, s->tok[i], i, s->kv, draw || scored(s, i));
        if (draw || scored(s, i))
            want(&g->wanted[g->n_wanted++], s, i, draw);
    }
    s->done = last;
}

/* Rows of the step: decoding sequences first, then prompts. When a step cannot take all, the next
   one begins with another sequence, so that none waits for ever. */
static void build(struct spn_gen *g, int64_t *prefill)
{
    int64_t first = g->n_seq > 0 ? g->turn % g->n_seq : 0;
    bool all = true;

    lm_runner_begin(&g->runner);
    g->n_wanted = 0;
    *prefill = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < g->n_seq; k++) {
            struct lm_seq *s = g->seq[(first + k) % g->n_seq];
            int64_t left = g->runner.rows_max - g->runner.rows.n, rows = g->runner.rows.n;
            bool decoding = s->state == LM_RUNNING && s->n_tok - s->done == 1 &&
                            s->n_tok > s->n_prompt;

            if (s->state != LM_RUNNING || decoding != (pass == 0) || s->done >= to_run(s))
                continue;
            if (left > 0)
                add_rows(g, s, left < g->o.chunk ? left : g->o.chunk);
            all = all && g->runner.rows.n > rows;
            if (pass == 1)
                *prefill += g->runner.rows.n - rows;
        }
    g->turn += !all;
}

/* ---- results ---- */

/* A token for W's sequence, and the sequence's place in its grammar behind it. */
static spn_status draw(struct spn_gen *g, struct lm_wanted *w, const float *logits, int worker)
{
    struct lm_seq *s = w->s;
    struct spn_sample_more more = { .breaker = g->breaker, .mu = &s->mu };
    uint64_t *allowed = g->allowed == NULL
                            ? NULL
                            : g->allowed + (size_t)worker * (((size_t)g->n_draw + 63) / 64);
    spn_status st = SPN_OK;

    if (s->grammar != NULL) {
        st = spn_grammar_mask(s->grammar, s->place, allowed, &w->err);
        more.allowed = allowed;
    }
    if (st == SPN_OK)
        st = spn_sample_with(g->sampler[worker], &s->sampling, &more, logits, s->tok, s->n_tok,
                             &s->rng, &w->token, NULL, &w->err);
    if (st == SPN_OK && s->grammar != NULL)
        st = spn_grammar_accept(s->grammar, &s->place, w->token, &w->err);
    return st;
}

static void finish_rows(void *ctx, int64_t first, int64_t rows, const float *logits, int worker)
{
    struct spn_gen *g = ctx;
    int64_t n = g->m->shape.n_vocab;

    for (int64_t i = 0; i < rows; i++, logits += n) {
        struct lm_wanted *w = &g->wanted[first + i];

        if (w->score >= 0) {
            float lp = lm_logprob(logits, n, w->score);

            w->s->prompt_logprob[w->score_at] = lp;
            if (!isfinite(lp) && !(lp == -INFINITY))
                w->st = spn_fail(&w->err, SPN_EFORMAT, "logits of the model are not numbers");
        }
        if (!w->draw || w->st != SPN_OK)
            continue;
        w->st = draw(g, w, logits, worker);
        if (w->st == SPN_OK && w->s->logprobs)
            w->logprob = lm_logprob(logits, n, w->token);
    }
}

static bool ends(const struct spn_gen *g, const struct lm_seq *s, int32_t token)
{
    if (s->stop_token != NULL)
        return s->stop_token[token];
    return g->m->tokenizer != NULL && token < spn_token_count(g->m->tokenizer) &&
           spn_token_ends(g->m->tokenizer, token);
}

static void emit(struct spn_gen *g, struct lm_seq *s, int32_t token, float logprob,
                 enum spn_gen_finish finish)
{
    struct spn_gen_event *e = &g->event[g->n_event++];

    *e = (struct spn_gen_event){
        .id = s->id, .token = token, .logprob = logprob, .finish = finish, .n_cached = s->cached
    };
    if (s->score && !s->reported) {
        e->prompt_logprob = s->prompt_logprob;
        e->n_prompt_logprob = s->n_prompt - 1;
        s->reported = true;
    }
    if (finish != SPN_GEN_RUNNING) {
        lm_seq_pause(g, s); /* its pages go at once, its figures at the next step */
        s->state = LM_DONE;
    }
}

/* Whole blocks that now are stored become known to the cache. */
static void remember(struct spn_gen *g, struct lm_seq *s)
{
    while (!s->closed && (s->blocks + 1) * BLOCK <= s->done) {
        int32_t e = lm_prefix_add(g->prefix, s->entry, s->tok + s->blocks * BLOCK, s->kv,
                                  s->blocks);

        if (e == LM_PREFIX_ROOT) {
            s->closed = true;
            break;
        }
        lm_prefix_pin(g->prefix, e);
        lm_prefix_unpin(g->prefix, s->entry);
        s->entry = e;
        s->blocks++;
    }
}

static spn_status take_results(struct spn_gen *g, struct spn_err *err)
{
    for (int i = 0; i < g->n_wanted; i++)
        if (g->wanted[i].st != SPN_OK) {
            if (err != NULL)
                *err = g->wanted[i].err;
            return g->wanted[i].st;
        }
    for (int i = 0; i < g->n_seq; i++)
        if (g->seq[i]->state == LM_RUNNING)
            remember(g, g->seq[i]);
    for (int i = 0; i < g->n_wanted; i++) {
        struct lm_wanted *w = &g->wanted[i];
        struct lm_seq *s = w->s;

        if (!w->draw)
            continue;
        s->tok[s->n_tok++] = w->token;
        g->stats.generated_tokens++;
        emit(g, s, w->token, w->logprob,
             ends(g, s, w->token)   ? SPN_GEN_STOP
             : s->n_tok == s->limit ? SPN_GEN_LENGTH
                                    : SPN_GEN_RUNNING);
    }
    return SPN_OK;
}

/* Requests that need no (further) row: nothing to generate, and all that is scored is known. */
static void finish_idle(struct spn_gen *g)
{
    for (int i = 0; i < g->n_seq; i++) {
        struct lm_seq *s = g->seq[i];

        if (s->state == LM_DONE || s->limit > s->n_prompt)
            continue;
        if (!s->score || s->done >= to_run(s))
            emit(g, s, -1, 0, SPN_GEN_LENGTH);
    }
}

static void sweep(struct spn_gen *g)
{
    int n = 0;

    for (int i = 0; i < g->n_seq; i++)
        if (g->seq[i]->state == LM_DONE)
            lm_seq_free(g, g->seq[i]);
        else
            g->seq[n++] = g->seq[i];
    g->n_seq = n;
}

spn_status spn_gen_step(struct spn_gen *g, const struct spn_gen_event **events, int *n_events,
                        struct spn_err *err)
{
    int64_t prefill;
    double start = now(), seconds;
    spn_status st;

    sweep(g);
    g->n_event = 0;
    *events = g->event;
    *n_events = 0;
    finish_idle(g);
    admit_waiting(g);
    build(g, &prefill);
    if (g->runner.rows.n > 0) {
        st = lm_runner_run(&g->runner, finish_rows, g, err);
        if (st == SPN_OK)
            st = take_results(g, err);
        if (st != SPN_OK)
            return st;
        g->stats.steps++;
        seconds = now() - start;
        g->stats.seconds_prefill += seconds * (double)prefill / (double)g->runner.rows.n;
        g->stats.seconds_decode += seconds * (double)(g->runner.rows.n - prefill) /
                                   (double)g->runner.rows.n;
    }
    finish_idle(g);
    *events = g->event;
    *n_events = g->n_event;
    return SPN_OK;
}
