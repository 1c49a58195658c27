/* generate.c - a generator's life, its requests and its figures; the steps are in generate_step.c.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "lm/generate_impl.h"
#include "tensor/ops.h"

enum { BLOCK = SPN_ATTENTION_BLOCK };

/* Logits of a step take at most this; more rows wait for the next step. */
static const int64_t logits_bytes_max = 64 << 20;
static const int64_t sensible_tokens = 65536;

void spn_gen_options_default(struct spn_gen_options *o)
{
    *o = (struct spn_gen_options){
        .max_rows = 512, .chunk = 256, .max_seqs = 256, .prefix_cache = true, .kv_dtype = SPN_F32
    };
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* How many tokens of keys and values, and how long a sequence may get. */
static spn_status plan_memory(struct spn_gen *g, int64_t *tokens, struct spn_err *err)
{
    const struct spn_gen_options *o = &g->o;
    int64_t ctx = o->ctx > 0 ? least(o->ctx, g->m->shape.context) : g->m->shape.context;
    uint64_t per_token = spn_lm_kv_token_bytes(g->m, o->kv_dtype);
    uint64_t left = spn_memory_free_bytes() / 2;
    int64_t fits = per_token > 0 ? (int64_t)(left / per_token / BLOCK * BLOCK) : INT32_MAX / BLOCK;
    int64_t want = o->cache_tokens;

    if (spn_lm_state_bytes(g->m) > 0) {
        uint64_t seqs = left / 2 / spn_lm_state_bytes(g->m);

        if (seqs < 1)
            return spn_fail(err, SPN_ENOMEM,
                            "the state of a sequence needs %.3f GB, %.3f GB of memory are free",
                            (double)spn_lm_state_bytes(g->m) / 1e9, 2 * (double)left / 1e9);
        g->o.max_seqs = seqs < (uint64_t)o->max_seqs ? (int)seqs : o->max_seqs;
    }
    if (want == 0) {
        want = sensible_tokens > ctx ? sensible_tokens : ctx;
        if (ctx <= want / o->max_seqs)
            want = ctx * o->max_seqs;
        want = least(want, fits);
    }
    if (want < (o->ctx > 0 ? ctx : BLOCK))
        return spn_fail(err, SPN_ENOMEM,
                        "a context of %" PRId64
                        " tokens needs %.3f GB of keys and values, there is room for %" PRId64
                        " tokens (%.3f GB of memory are free)",
                        o->ctx > 0 ? ctx : BLOCK,
                        (double)per_token * (double)(o->ctx > 0 ? ctx : BLOCK) / 1e9, want,
                        2 * (double)left / 1e9);
    *tokens = want;
    g->ctx = least(ctx, want);
    return SPN_OK;
}

static spn_status make_samplers(struct spn_gen *g, struct spn_err *err)
{
    g->n_samplers = spn_pool_threads(g->o.pool);
    g->sampler = spn_calloc((size_t)g->n_samplers, sizeof *g->sampler);
    for (int i = 0; g->sampler != NULL && i < g->n_samplers; i++)
        if ((g->sampler[i] = spn_sampler_new(g->n_draw)) == NULL)
            return spn_fail(err, SPN_ENOMEM, "no memory for a sampler over %d tokens", g->n_draw);
    return g->sampler != NULL
               ? SPN_OK
               : spn_fail(err, SPN_ENOMEM, "no memory for %d samplers", g->n_samplers);
}

static spn_status check_options(const struct spn_gen_options *o, struct spn_err *err)
{
    if (o->ctx < 0 || o->cache_tokens < 0 || o->max_rows < 1 || o->chunk < 1 || o->max_seqs < 1)
        return spn_fail(err, SPN_EUSAGE,
                        "a generator with context %" PRId64 ", cache %" PRId64
                        ", %d rows, chunks of %d and %d sequences "
                        "cannot be",
                        o->ctx, o->cache_tokens, o->max_rows, o->chunk, o->max_seqs);
    return SPN_OK;
}

spn_status spn_gen_new(struct spn_gen **out, struct spn_lm *m, const struct spn_gen_options *o,
                       struct spn_err *err)
{
    struct lm_runner_options ro = { 0 };
    struct spn_gen *g;
    spn_status st;

    if (m->arch->encoder)
        return spn_fail(err, SPN_EUSAGE,
                        "%s makes vectors for texts, it writes none: `spinney embed` uses it",
                        m->reader != NULL ? spn_reader_path(m->reader) : m->arch->name);
    g = spn_calloc(1, sizeof *g);
    if (g == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for a generator");
    if (o != NULL)
        g->o = *o;
    else
        spn_gen_options_default(&g->o);
    g->m = m;
    g->next_id = 1;
    g->n_draw = (int)m->shape.n_vocab;
    if (m->tokenizer != NULL && spn_token_count(m->tokenizer) < g->n_draw)
        g->n_draw = spn_token_count(m->tokenizer);
    st = check_options(&g->o, err);
    if (st == SPN_OK)
        st = plan_memory(g, &ro.tokens, err);
    if (st == SPN_OK) {
        ro.rows_max = g->o.max_rows;
        ro.out_max = least(ro.rows_max, logits_bytes_max / (4 * m->shape.n_vocab) + 1);
        ro.max_seqs = g->o.max_seqs;
        ro.kv_dtype = g->o.kv_dtype;
        ro.pool = g->o.pool;
        st = lm_runner_init(&g->runner, m, &ro, err);
    }
    if (st == SPN_OK)
        st = make_samplers(g, err);
    if (st == SPN_OK && g->o.prefix_cache) {
        g->prefix = lm_prefix_new(g->runner.kv, (int)m->shape.n_layer,
                                  (int32_t)(ro.tokens / BLOCK + 1));
        if (g->prefix == NULL)
            st = spn_fail(err, SPN_ENOMEM, "no memory for a prefix cache of %" PRId64 " tokens",
                          ro.tokens);
    }
    if (st == SPN_OK && (g->wanted = spn_calloc((size_t)ro.out_max, sizeof *g->wanted)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "no memory for %" PRId64 " results of a step", ro.out_max);
    if (st != SPN_OK) {
        spn_gen_free(g);
        return st;
    }
    *out = g;
    return SPN_OK;
}

void lm_seq_pause(struct spn_gen *g, struct lm_seq *s)
{
    if (s->kv >= 0) {
        spn_kv_seq_free(g->runner.kv, s->kv);
        lm_prefix_unpin(g->prefix, s->entry);
    }
    s->kv = -1;
    s->entry = LM_PREFIX_ROOT;
    s->done = s->blocks = s->placed = 0;
    s->state = LM_WAITING;
}

void lm_seq_free(struct spn_gen *g, struct lm_seq *s)
{
    lm_seq_pause(g, s);
    spn_free(s->tok);
    spn_free(s->prompt_logprob);
    spn_free(s);
}

void spn_gen_free(struct spn_gen *g)
{
    if (g == NULL)
        return;
    for (int i = 0; i < g->n_seq; i++)
        lm_seq_free(g, g->seq[i]);
    for (int i = 0; g->sampler != NULL && i < g->n_samplers; i++)
        spn_sampler_free(g->sampler[i]);
    lm_prefix_free(g->prefix);
    lm_runner_free(&g->runner);
    spn_free(g->sampler);
    spn_free(g->allowed);
    spn_free(g->breaker);
    spn_free(g->seq);
    spn_free(g->wanted);
    spn_free(g->event);
    spn_free(g);
}

uint64_t spn_gen_bytes(const struct spn_gen *g) { return g->runner.bytes; }

int64_t spn_gen_context(const struct spn_gen *g) { return g->ctx; }

static spn_status check_request(const struct spn_gen *g, const struct spn_gen_request *r,
                                struct spn_err *err)
{
    if (r->n_prompt < 1)
        return spn_fail(err, SPN_EUSAGE, "the prompt is empty");
    if (r->n_prompt > g->ctx)
        return spn_fail(err, SPN_EUSAGE,
                        "the prompt has %" PRId64 " tokens, the context only %" PRId64, r->n_prompt,
                        g->ctx);
    for (int64_t i = 0; i < r->n_prompt; i++)
        if (r->prompt[i] < 0 || r->prompt[i] >= g->m->shape.n_vocab)
            return spn_fail(err, SPN_EUSAGE,
                            "token %" PRId64 " of the prompt is %d, the vocabulary has %" PRId64, i,
                            (int)r->prompt[i], g->m->shape.n_vocab);
    return r->max_tokens == 0 ? SPN_OK : spn_sampling_check(&r->sampling, err);
}

/* What only some requests need: masks of grammars, and the tokens that no repeat runs across (DRY's
 * usual ones hold a line end, a colon, a quote or a star). */
static spn_status make_extras(struct spn_gen *g, const struct spn_gen_request *r,
                              struct spn_err *err)
{
    size_t words = ((size_t)g->n_draw + 63) / 64;

    if (r->grammar != NULL && g->allowed == NULL) {
        g->allowed = spn_calloc((size_t)g->n_samplers * words, sizeof *g->allowed);
        if (g->allowed == NULL)
            return spn_fail(err, SPN_ENOMEM, "no memory for masks over %d tokens", g->n_draw);
    }
    if (r->sampling.dry_multiplier > 0 && g->breaker == NULL && g->m->tokenizer != NULL) {
        g->breaker = spn_calloc((size_t)g->n_draw, sizeof *g->breaker);
        if (g->breaker == NULL)
            return spn_fail(err, SPN_ENOMEM, "no memory for the breakers of %d tokens", g->n_draw);
        for (int32_t id = 0; id < g->n_draw; id++) {
            struct spn_buf text = SPN_BUF_INIT(1 << 16);

            if (spn_detokenize(g->m->tokenizer, &id, 1, false, &text, NULL) == SPN_OK &&
                text.length > 0)
                g->breaker[id] = strpbrk(text.data, "\n:\"*") != NULL;
            spn_buf_free(&text);
        }
    }
    return SPN_OK;
}

static bool grow(struct spn_gen *g)
{
    int room = g->room < 16 ? 16 : g->room * 2;
    struct lm_seq **seq;
    struct spn_gen_event *event;

    if (g->n_seq < g->room)
        return true;
    seq = spn_realloc(g->seq, (size_t)room, sizeof *seq);
    g->seq = seq != NULL ? seq : g->seq;
    event = spn_realloc(g->event, (size_t)room, sizeof *event);
    g->event = event != NULL ? event : g->event;
    if (seq == NULL || event == NULL)
        return false;
    g->room = room;
    return true;
}

spn_status spn_gen_add(struct spn_gen *g, const struct spn_gen_request *r, int64_t *id,
                       struct spn_err *err)
{
    struct lm_seq *s;
    int64_t limit = g->ctx;
    spn_status st = check_request(g, r, err);

    if (st == SPN_OK)
        st = make_extras(g, r, err);
    if (st != SPN_OK)
        return st;
    if (r->max_tokens >= 0 && r->max_tokens < g->ctx - r->n_prompt)
        limit = r->n_prompt + r->max_tokens;
    s = grow(g) ? spn_calloc(1, sizeof *s) : NULL;
    if (s == NULL || (s->tok = spn_calloc((size_t)limit, sizeof *s->tok)) == NULL ||
        (r->score_prompt &&
         (s->prompt_logprob = spn_calloc((size_t)r->n_prompt, sizeof(float))) == NULL)) {
        if (s != NULL)
            spn_free(s->tok);
        spn_free(s);
        return spn_fail(err, SPN_ENOMEM, "no memory for a sequence of %" PRId64 " tokens", limit);
    }
    memcpy(s->tok, r->prompt, (size_t)r->n_prompt * sizeof *s->tok);
    s->id = g->next_id++;
    s->n_tok = s->n_prompt = r->n_prompt;
    s->limit = limit;
    s->kv = -1;
    s->entry = LM_PREFIX_ROOT;
    s->sampling = r->sampling;
    s->grammar = r->grammar;
    s->place = SPN_GRAMMAR_START;
    spn_rng_init(&s->rng, r->rng_key);
    s->stop_token = r->stop_token;
    s->logprobs = r->logprobs;
    s->score = r->score_prompt;
    s->score_from = r->score_from > 1 ? least(r->score_from, r->n_prompt) : 1;
    g->seq[g->n_seq++] = s;
    g->stats.prompt_tokens += r->n_prompt;
    *id = s->id;
    return SPN_OK;
}

void spn_gen_cancel(struct spn_gen *g, int64_t id)
{
    for (int i = 0; i < g->n_seq; i++)
        if (g->seq[i]->id == id && g->seq[i]->state != LM_DONE) {
            lm_seq_free(g, g->seq[i]);
            memmove(g->seq + i, g->seq + i + 1, (size_t)(g->n_seq - i - 1) * sizeof *g->seq);
            g->n_seq--;
            return;
        }
}

int spn_gen_active(const struct spn_gen *g)
{
    int n = 0;

    for (int i = 0; i < g->n_seq; i++)
        n += g->seq[i]->state != LM_DONE;
    return n;
}

void spn_gen_stats(const struct spn_gen *g, struct spn_gen_stats *s)
{
    struct spn_kv_stats kv;

    *s = g->stats;
    spn_kv_stats(g->runner.kv, &kv);
    s->pages_used = kv.pages_used;
    s->pages_shared = kv.pages_shared;
    s->pages_total = kv.pages_total;
}
