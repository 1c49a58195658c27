/* bench.c - speed of a model on this machine, by the generator that serves requests. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "lm/bench.h"
#include "lm/generate.h"

void spn_lm_bench_default(struct spn_lm_bench_options *o)
{
    *o = (struct spn_lm_bench_options){
        .prompt = 512, .generate = 128, .batch = 8, .repeat = 3, .kv_dtype = SPN_F32
    };
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- memory ---- */

enum { READ_BYTES = 256 << 20, READ_PIECE = 1 << 20 };

struct reading {
    const uint64_t *data;
    uint64_t sum[64];
};

static void read_piece(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct reading *r = ctx;
    const uint64_t *p = r->data + begin * (READ_PIECE / 8),
                   *last = r->data + end * (READ_PIECE / 8);
    uint64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;

    for (; p < last; p += 8) {
        a += p[0];
        b += p[1];
        c += p[2];
        d += p[3];
        e += p[4];
        f += p[5];
        g += p[6];
        h += p[7];
    }
    r->sum[worker % 64] += a + b + c + d + e + f + g + h;
}

static spn_status measure_read(struct spn_pool *pool, int repeat, double *gbps, struct spn_err *err)
{
    struct reading r = { 0 };
    unsigned char *data = spn_aligned_alloc(64, READ_BYTES);
    volatile uint64_t keep = 0;

    if (data == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory to measure reading (%d MB)", READ_BYTES >> 20);
    memset(data, 1, READ_BYTES);
    r.data = (const uint64_t *)data;
    *gbps = 0;
    for (int i = 0; i < repeat; i++) {
        double start = now(), rate;

        spn_pool_run(pool, READ_BYTES / READ_PIECE, 1, read_piece, &r);
        rate = READ_BYTES / (now() - start) / 1e9;
        *gbps = rate > *gbps ? rate : *gbps;
        keep += r.sum[0];
    }
    (void)keep;
    spn_free(data);
    return SPN_OK;
}

/* ---- the generator ---- */

struct timing {
    double prefill;             /* seconds to the first token */
    double step;                /* of a step in which every sequence drew one: the middle of all */
    struct spn_gen_stats stats; /* while all sequences ran */
};

struct load {
    struct spn_gen *g;
    const int32_t *prompt;
    int64_t n_prompt, generate;
    int seqs;
    const bool *never; /* no token ends a sequence */
    double *took;      /* [generate] seconds of each step */
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static spn_status run(const struct load *l, struct timing *t, struct spn_err *err)
{
    const struct spn_gen_request r = {
        .prompt = l->prompt,
        .n_prompt = l->n_prompt,
        .max_tokens = l->generate,
        .stop_token = l->never,
        .sampling = { .top_p = 1, .repeat_penalty = 1 },
    };
    const struct spn_gen_event *ev;
    double start = now(), before;
    int64_t id, steps = 0;
    int n, last = 0;
    spn_status st = SPN_OK;

    for (int i = 0; i < l->seqs && st == SPN_OK; i++)
        st = spn_gen_add(l->g, &r, &id, err);
    t->prefill = t->step = 0;
    while (st == SPN_OK && spn_gen_active(l->g) > 0) {
        before = now();
        st = spn_gen_step(l->g, &ev, &n, err);
        if (n > 0 && t->prefill == 0)
            t->prefill = now() - start;
        /* All drew a token in the step before, so this one is nothing but decoding. */
        if (n == l->seqs && last == l->seqs) {
            if (steps == 0)
                spn_gen_stats(l->g, &t->stats);
            if (steps < l->generate)
                l->took[steps++] = now() - before;
        }
        last = n;
    }
    /* The middle one: another program's turn on this core is not ours. */
    qsort(l->took, (size_t)steps, sizeof *l->took, by_size);
    t->step = steps > 0 ? l->took[steps / 2] : 0;
    return st;
}

/* The fastest of REPEAT runs, each with a cold cache. */
static spn_status measure(struct spn_lm *m, const struct spn_lm_bench_options *o, struct load *l,
                          struct timing *best, struct spn_err *err)
{
    struct spn_gen_options go;
    spn_status st = SPN_OK;

    spn_gen_options_default(&go);
    go.pool = o->pool;
    go.max_seqs = l->seqs;
    go.kv_dtype = o->kv_dtype;
    go.cache_tokens = (l->n_prompt + l->generate + 64) * l->seqs;
    for (int i = 0; i < o->repeat && st == SPN_OK; i++) {
        struct timing t = { 0 };

        st = spn_gen_new(&l->g, m, &go, err);
        if (st == SPN_OK)
            st = run(l, &t, err);
        spn_gen_free(l->g);
        l->g = NULL;
        if (i == 0 || t.prefill < best->prefill)
            best->prefill = t.prefill;
        if (i == 0 || t.step < best->step)
            best->step = t.step;
        best->stats = t.stats;
    }
    return st;
}

/* Bytes of the weights that a step reads: all but the embedding table, whose product (when tied)
 * counts. */
static uint64_t step_bytes(const struct spn_lm *m)
{
    uint64_t bytes = m->bytes_packed;

    for (int i = 0; i < m->n_list; i++)
        if (m->list[i]->pack == NULL && m->list[i] != &m->embed)
            bytes += spn_tensor_bytes(&m->list[i]->t);
    return bytes;
}

static spn_status check(const struct spn_lm_bench_options *o, struct spn_err *err)
{
    if (o->prompt >= 1 && o->generate >= 1 && o->batch >= 1 && o->repeat >= 1)
        return SPN_OK;
    return spn_fail(err, SPN_EUSAGE,
                    "a bench of %" PRId64 " prompt tokens, %" PRId64
                    " generated ones, %d sequences and %d runs cannot be",
                    o->prompt, o->generate, o->batch, o->repeat);
}

spn_status spn_lm_bench(struct spn_lm *m, const struct spn_lm_bench_options *o,
                        struct spn_lm_bench *out, struct spn_err *err)
{
    struct load l = { .n_prompt = o->prompt, .generate = o->generate, .seqs = 1 };
    int32_t *prompt = NULL;
    bool *never = NULL;
    struct timing one = { 0 }, many = { 0 };
    spn_status st = check(o, err);

    if (st != SPN_OK)
        return st;
    if (l.n_prompt > m->shape.context / 2)
        l.n_prompt = m->shape.context > 1 ? m->shape.context / 2 : 1;
    if (l.generate > m->shape.context - l.n_prompt)
        l.generate = m->shape.context - l.n_prompt;
    prompt = spn_calloc((size_t)l.n_prompt, sizeof *prompt);
    never = spn_calloc((size_t)m->shape.n_vocab, sizeof *never);
    l.took = spn_calloc((size_t)l.generate, sizeof *l.took);
    if (prompt == NULL || never == NULL || l.took == NULL)
        st = spn_fail(err, SPN_ENOMEM, "no memory for a prompt of %" PRId64 " tokens", l.n_prompt);
    for (int64_t i = 0; i < l.n_prompt && st == SPN_OK; i++)
        prompt[i] = (int32_t)(i * 7919 % m->shape.n_vocab);
    l.prompt = prompt;
    l.never = never;
    memset(out, 0, sizeof *out);
    if (st == SPN_OK)
        st = measure(m, o, &l, &one, err);
    l.seqs = o->batch;
    if (st == SPN_OK)
        st = measure(m, o, &l, &many, err);
    if (st == SPN_OK)
        st = measure_read(o->pool, o->repeat, &out->read_gbps_measured, err);
    if (st == SPN_OK) {
        out->prefill_tps = one.prefill > 0 ? (double)l.n_prompt / one.prefill : 0;
        out->decode_tps = one.step > 0 ? 1 / one.step : 0;
        out->batch_decode_tps = many.step > 0 ? o->batch / many.step : 0;
        out->step_ms = 1e3 * one.step;
        out->batch_step_ms = 1e3 * many.step;
        out->batch_step_ratio = one.step > 0 ? many.step / one.step : 0;
        out->bytes_per_token = step_bytes(m);
        out->pages_used = many.stats.pages_used;
        out->pages_shared = many.stats.pages_shared;
        out->prompt = l.n_prompt;
        out->generate = l.generate;
        out->batch = o->batch;
        out->threads = spn_pool_threads(o->pool);
    }
    spn_free(prompt);
    spn_free(never);
    spn_free(l.took);
    return st;
}
