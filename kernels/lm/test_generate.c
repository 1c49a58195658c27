/* test_generate.c - rule 7 of the generator for six types, scoring, the prefix cache, memory that
 * runs out, requests that are wrong. */
#include "config.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "lm/generate.h"
#include "lm/test_model.h"

#include "tap.h"

enum { MOST = 512, SEQS = 24 };

/* What one request gave. */
struct answer {
    int64_t id;
    int32_t token[MOST];
    float logprob[MOST];
    int n;
    enum spn_gen_finish finish;
    float prompt_logprob[MOST];
    int64_t n_prompt_logprob, n_cached;
};

static struct answer answers[SEQS];
static bool never[320];

static struct spn_gen *gen_new(struct spn_lm *m, int chunk, int64_t cache, bool prefix,
                               struct spn_pool *pool)
{
    struct spn_gen_options o;
    struct spn_gen *g = NULL;
    struct spn_err err = SPN_ERR_INIT;

    spn_gen_options_default(&o);
    o.max_rows = 64;
    o.chunk = chunk;
    o.ctx = 256;
    o.cache_tokens = cache;
    o.prefix_cache = prefix;
    o.pool = pool;
    if (spn_gen_new(&g, m, &o, &err) != SPN_OK)
        printf("# %s\n", err.text);
    return g;
}

static void prompt_of(int which, int n, int32_t *ids)
{
    for (int i = 0; i < n; i++)
        ids[i] = (which * 61 + i * i * 7 + i) % 320;
}

static struct spn_gen_request request(const int32_t *ids, int n, int tokens)
{
    return (struct spn_gen_request){
        .prompt = ids,
        .n_prompt = n,
        .max_tokens = tokens,
        .logprobs = true,
        .stop_token = never,
        .sampling = { .top_p = 1, .repeat_penalty = 1 },
    };
}

/* Run everything queued in G; the answers by the order in which requests were added. */
static bool drain(struct spn_gen *g, int64_t first_id)
{
    const struct spn_gen_event *ev;
    struct spn_err err = SPN_ERR_INIT;
    int n;

    memset(answers, 0, sizeof answers);
    while (spn_gen_active(g) > 0) {
        if (spn_gen_step(g, &ev, &n, &err) != SPN_OK) {
            printf("# %s\n", err.text);
            return false;
        }
        for (int i = 0; i < n; i++) {
            struct answer *a = &answers[ev[i].id - first_id];

            a->id = ev[i].id;
            if (ev[i].token >= 0) {
                a->token[a->n] = ev[i].token;
                a->logprob[a->n++] = ev[i].logprob;
            }
            a->finish = ev[i].finish;
            a->n_cached = ev[i].n_cached;
            if (ev[i].prompt_logprob != NULL) {
                a->n_prompt_logprob = ev[i].n_prompt_logprob;
                memcpy(a->prompt_logprob, ev[i].prompt_logprob,
                       (size_t)ev[i].n_prompt_logprob * sizeof(float));
            }
        }
    }
    return true;
}

/* Request R among OTHERS of other lengths, as the WHERE-th; its answer. */
static struct answer run(struct spn_gen *g, const struct spn_gen_request *r, int others, int where)
{
    int64_t id, first = 0;
    int32_t ids[200];

    for (int i = 0; i <= others; i++) {
        struct spn_gen_request o = *r;

        if (i != where) {
            prompt_of(i + 3, 20 + 9 * i, ids);
            o = request(ids, 20 + 9 * i, 3 + 5 * i);
            o.rng_key = (uint64_t)i;
            o.sampling.temperature = i % 2 == 0 ? 0 : 1;
        }
        if (spn_gen_add(g, &o, &id, NULL) != SPN_OK)
            printf("# not added\n");
        first = i == 0 ? id : first;
    }
    drain(g, first);
    return answers[where];
}

static bool same(const struct answer *a, const struct answer *b)
{
    return a->n == b->n && a->n > 0 &&
           memcmp(a->token, b->token, (size_t)a->n * sizeof *a->token) == 0 &&
           memcmp(a->logprob, b->logprob, (size_t)a->n * sizeof *a->logprob) == 0;
}

static void test_rule_7(int dtype, enum spn_act act, const char *name)
{
    static struct answer want, got;
    struct spn_lm *m = tiny_open("llama", &tiny_shape, dtype, act, "test_generate-a.gguf");
    struct spn_pool *two = spn_pool_new(2);
    struct spn_gen *g = gen_new(m, 64, 8192, false, NULL);
    int32_t ids[101];
    struct spn_gen_request r = request(ids, 101, 40);

    prompt_of(1, 101, ids);
    want = run(g, &r, 0, 0);
    got = run(g, &r, 15, 9);
    ok(same(&want, &got), "%s: alone and in a batch of 16", name);
    got = run(g, &r, 15, 0);
    ok(same(&want, &got), "%s: whatever the order of arrival", name);
    spn_gen_free(g);
    g = gen_new(m, 7, 8192, true, two);
    got = run(g, &r, 5, 2);
    ok(same(&want, &got), "%s: 2 threads, the prompt in chunks of 7, beside others", name);
    got = run(g, &r, 0, 0);
    ok(same(&want, &got) && got.n_cached == 96, "%s: prefix from the cache (%d tokens)", name,
       (int)got.n_cached);
    spn_gen_free(g);
    /* So few pages that sequences are put back and computed again. */
    g = gen_new(m, 64, 416, true, two);
    got = run(g, &r, 15, 15);
    ok(same(&want, &got), "%s: with memory for few of them", name);
    spn_gen_free(g);
    spn_lm_close(m);
    spn_pool_free(two);
}

static void test_score(struct spn_lm *m)
{
    static struct answer drawn, scored;
    struct spn_gen *g = gen_new(m, 20, 8192, true, NULL);
    int32_t ids[240];
    struct spn_gen_request r = request(ids, 70, 30), s;
    bool zero = true;

    prompt_of(2, 70, ids);
    drawn = run(g, &r, 0, 0);
    memcpy(ids + 70, drawn.token, 30 * sizeof *ids);
    s = request(ids, 100, 0);
    s.score_prompt = true;
    scored = run(g, &s, 3, 1);
    ok(scored.n == 0 && scored.n_prompt_logprob == 99 && scored.finish == SPN_GEN_LENGTH,
       "a request that only scores");
    ok(memcmp(scored.prompt_logprob + 69, drawn.logprob, 30 * sizeof(float)) == 0,
       "scores equal the log probabilities when drawn, to the byte");
    s.score_from = 70;
    scored = run(g, &s, 0, 0);
    for (int i = 0; i < 69; i++)
        zero = zero && scored.prompt_logprob[i] == 0;
    ok(zero && memcmp(scored.prompt_logprob + 69, drawn.logprob, 30 * sizeof(float)) == 0 &&
           scored.n_cached == 64,
       "from token 70 on, the first %d from the cache", (int)scored.n_cached);
    s.max_tokens = 3;
    scored = run(g, &s, 0, 0);
    ok(scored.n == 3 && scored.n_prompt_logprob == 99 &&
           memcmp(scored.prompt_logprob + 69, drawn.logprob, 30 * sizeof(float)) == 0,
       "scored, then generated");
    spn_gen_free(g);
}

static void test_streams(struct spn_lm *m)
{
    static struct answer a, b, c;
    struct spn_gen *g = gen_new(m, 64, 8192, true, NULL);
    int32_t ids[40];
    struct spn_gen_request r = request(ids, 40, 30);

    prompt_of(4, 40, ids);
    r.sampling.temperature = 1;
    r.rng_key = 77;
    a = run(g, &r, 0, 0);
    b = run(g, &r, 7, 3);
    ok(same(&a, &b), "a random stream belongs to its key, not to the order of draws");
    r.rng_key = 78;
    c = run(g, &r, 0, 0);
    ok(!same(&a, &c), "another key draws other tokens");
    spn_gen_free(g);
}

static void test_shared_pages(struct spn_lm *m)
{
    struct spn_gen *g = gen_new(m, 256, 8192, true, NULL);
    const struct spn_gen_event *ev;
    struct spn_gen_stats st;
    int32_t ids[100];
    struct spn_gen_request r = request(ids, 100, 40);
    int64_t id;
    int n;

    prompt_of(5, 100, ids);
    for (int i = 0; i < 8; i++)
        spn_gen_add(g, &r, &id, NULL);
    for (int i = 0; i < 10; i++)
        spn_gen_step(g, &ev, &n, NULL);
    spn_gen_stats(g, &st);
    ok_int(st.pages_used, 3 * (3 + 8),
           "8 sequences of one prompt hold its 3 pages once and a page each, in 3 layers");
    ok_int(st.pages_shared, 3 * 3, "shared pages");
    ok_int(st.cached_tokens, 7 * 96, "seven of the eight waited for the first one's blocks");
    ok(n == 8, "and all eight decode together");
    for (int64_t i = 1; i <= id; i++)
        spn_gen_cancel(g, i);
    spn_gen_cancel(g, 99);
    spn_gen_stats(g, &st);
    ok(st.pages_used == 3 * 3 && spn_gen_active(g) == 0,
       "cancelled sequences give their pages back at once, the cache keeps the prompt");
    spn_gen_free(g);
}

static void test_ends(struct spn_lm *m)
{
    static struct answer a, b;
    static bool stop[320];
    struct spn_gen *g = gen_new(m, 64, 8192, true, NULL);
    int32_t ids[256];
    struct spn_gen_request r = request(ids, 30, 20);
    struct spn_err err = SPN_ERR_INIT;
    int64_t id;

    prompt_of(6, 256, ids);
    a = run(g, &r, 0, 0);
    ok(a.n == 20 && a.finish == SPN_GEN_LENGTH, "ends at its length");
    stop[a.token[5]] = true;
    r.stop_token = stop;
    b = run(g, &r, 0, 0);
    ok(b.finish == SPN_GEN_STOP && b.n <= 6 && stop[b.token[b.n - 1]],
       "ends at a stop token, which is reported");
    r.stop_token = never;
    r.max_tokens = -1;
    b = run(g, &r, 0, 0);
    ok(b.n == 226 && b.finish == SPN_GEN_LENGTH, "-1: until the context is full");
    r = request(ids, 256, 5);
    b = run(g, &r, 0, 0);
    ok(b.n == 0 && b.finish == SPN_GEN_LENGTH, "a prompt that fills the context");
    r = request(ids, 0, 5);
    ok(spn_gen_add(g, &r, &id, &err) == SPN_EUSAGE, "refused: %s", err.text);
    r = request(ids, 257, 5);
    ok(spn_gen_add(g, &r, &id, &err) == SPN_EUSAGE, "refused: %s", err.text);
    ids[3] = 320;
    r = request(ids, 10, 5);
    ok(spn_gen_add(g, &r, &id, &err) == SPN_EUSAGE, "refused: %s", err.text);
    spn_gen_free(g);
}

static void test_many(struct spn_lm *m)
{
    struct spn_gen_options o;
    struct spn_gen *g = NULL;
    struct spn_err err = SPN_ERR_INIT;
    int32_t ids[60];
    int64_t id;
    bool all = true;

    spn_gen_options_default(&o);
    o.max_seqs = 3;
    o.max_rows = 5;
    spn_gen_new(&g, m, &o, NULL);
    for (int i = 0; i < SEQS; i++) {
        struct spn_gen_request r = request(ids, 10 + i, 5);

        prompt_of(i, 10 + i, ids);
        spn_gen_add(g, &r, &id, NULL);
    }
    drain(g, 1);
    for (int i = 0; i < SEQS; i++)
        all = all && answers[i].n == 5;
    ok(all, "%d requests through 3 places and 5 rows a step", SEQS);
    spn_gen_free(g);
    g = NULL;
    o.ctx = 512;
    o.cache_tokens = 64;
    ok(spn_gen_new(&g, m, &o, &err) == SPN_ENOMEM && g == NULL, "refused: %s", err.text);
    o.chunk = 0;
    ok(spn_gen_new(&g, m, &o, &err) == SPN_EUSAGE && g == NULL, "refused: %s", err.text);
}

static void test_nan(void)
{
    struct spn_lm *m = tiny_new("llama", &tiny_shape);
    struct spn_gen *g;
    struct spn_gen_request r;
    const struct spn_gen_event *ev;
    struct spn_err err = SPN_ERR_INIT;
    int32_t ids[10];
    int64_t id;
    int n;

    ((float *)m->layer[1].q.t.data)[5] = NAN;
    g = gen_new(m, 64, 1024, true, NULL);
    prompt_of(1, 10, ids);
    r = request(ids, 10, 5);
    spn_gen_add(g, &r, &id, NULL);
    ok(spn_gen_step(g, &ev, &n, &err) == SPN_EFORMAT, "weights that are not numbers: %s", err.text);
    spn_gen_free(g);
    spn_lm_close(m);
}

int main(void)
{
    struct spn_lm *m;

    test_rule_7(SPN_F32, SPN_ACT_F32, "f32");
    test_rule_7(SPN_BF16, SPN_ACT_INT8, "bf16");
    test_rule_7(SPN_Q8_0, SPN_ACT_INT8, "q8_0");
    test_rule_7(SPN_Q4_0, SPN_ACT_INT8, "q4_0");
    test_rule_7(SPN_Q4_K, SPN_ACT_INT8, "q4_K");
    test_rule_7(SPN_Q6_K, SPN_ACT_INT8, "q6_K");
    test_rule_7(SPN_Q4_0, SPN_ACT_F32, "q4_0, f32 activations");
    m = tiny_open("qwen2", &tiny_shape, SPN_Q8_0, SPN_ACT_INT8, "test_generate-b.gguf");
    test_score(m);
    test_streams(m);
    test_shared_pages(m);
    test_ends(m);
    test_many(m);
    spn_lm_close(m);
    test_nan();
    return done();
}
