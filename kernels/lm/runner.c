/* runner.c - plan, arena and store of a model that generates, and the batch it runs. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "lm/forward.h"
#include "lm/runner.h"

#define LANE_PARAMS_MAX 16000000 /* above, an op is worth sharing */
#define LANE_ROWS_MIN   2        /* rows that are worth waking a thread for */

void spn_lm_kv_layer(const struct spn_lm *m, int64_t l, struct spn_kv_layer *out)
{
    int64_t heads = m->layer[l].n_head_kv;
    struct spn_ssm ssm = lm_ssm_of(m, l);

    if (m->layer[l].mix == SPN_MIX_LATENT && !m->shape.expand)
        *out = (struct spn_kv_layer){ .width_k = m->shape.kv_rank + m->shape.n_rot, .heads = 1 };
    else if (ssm.heads > 0)
        *out = (struct spn_kv_layer){ .state = spn_ssm_state(&ssm) };
    else
        *out = (struct spn_kv_layer){ .width_k = heads * m->shape.dim_k,
                                      .width_v = heads * m->shape.dim_v,
                                      .heads = (int)heads };
}

uint64_t spn_lm_kv_token_bytes(const struct spn_lm *m, int kv_dtype)
{
    struct spn_kv_layer k;
    uint64_t n = 0;

    for (int64_t l = 0; l < m->shape.n_layer; l++) {
        spn_lm_kv_layer(m, l, &k); /* the numbers are bounded by spn_lm_shape_check */
        n += (uint64_t)(k.width_k + k.width_v);
    }
    return n * (kv_dtype == SPN_F16 ? 2 : 4);
}

uint64_t spn_lm_state_bytes(const struct spn_lm *m)
{
    struct spn_kv_layer k;
    uint64_t n = 0;

    for (int64_t l = 0; l < m->shape.n_layer; l++) {
        spn_lm_kv_layer(m, l, &k);
        n += (uint64_t)k.state;
    }
    return n * sizeof(float);
}

static spn_status make_kv(struct lm_runner *r, const struct lm_runner_options *o,
                          struct spn_err *err)
{
    struct spn_kv_options kv = {
        .n_layer = (int)r->m->shape.n_layer,
        .dtype = o->kv_dtype,
        .n_tiers = 1,
        .tokens = { o->tokens },
        .max_seqs = o->max_seqs,
    };
    struct spn_kv_layer *layer = spn_calloc((size_t)kv.n_layer, sizeof *layer);
    uint64_t need, left = spn_memory_free_bytes();
    spn_status st;

    if (layer == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for %d layers", kv.n_layer);
    for (int l = 0; l < kv.n_layer; l++)
        spn_lm_kv_layer(r->m, l, &layer[l]);
    kv.layer = layer;
    need = spn_kv_bytes_for(&kv);
    if (need > left)
        st = spn_fail(err, SPN_ENOMEM,
                      "keys and values of %" PRId64 " tokens need %.2f GB, %.2f GB are free",
                      o->tokens, (double)need / 1e9, (double)left / 1e9);
    else
        st = spn_kv_new(&r->kv, &kv, err);
    if (st == SPN_OK)
        r->bytes += need;
    spn_free(layer);
    return st;
}

static spn_status make_lanes(struct lm_runner *r, const int64_t most[SPN_DIM_SYMBOLS],
                             struct spn_err *err)
{
    int threads = spn_pool_threads(r->pool), lanes = r->m->params <= LANE_PARAMS_MAX ? threads : 1;
    spn_status st = SPN_OK;

    if (lanes > LM_LANES_MAX)
        lanes = LM_LANES_MAX;
    for (; st == SPN_OK && r->n_lanes < lanes; r->n_lanes++) {
        st = spn_exec_new(&r->lane[r->n_lanes], r->plan, most, err);
        if (st == SPN_OK)
            r->bytes += spn_exec_bytes(r->lane[r->n_lanes]);
    }
    return st;
}

spn_status lm_runner_init(struct lm_runner *r, struct spn_lm *m, const struct lm_runner_options *o,
                          struct spn_err *err)
{
    const int64_t most[SPN_DIM_SYMBOLS] = { o->rows_max, o->out_max, 0 };
    int32_t *all = spn_calloc((size_t)o->rows_max, 5 * sizeof *all);
    spn_status st;

    r->m = m;
    r->pool = o->pool;
    r->rows_max = o->rows_max;
    r->out_max = o->out_max;
    r->token = all;
    if (all == NULL || (r->plan = spn_plan_new(SPN_F32)) == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for a batch of %" PRId64 " rows", o->rows_max);
    r->pos = all + o->rows_max;
    r->seq = all + 2 * o->rows_max;
    r->out = all + 3 * o->rows_max;
    r->lane_out = all + 4 * o->rows_max;
    spn_lm_forward(m, r->plan, SPN_LM_GENERATE);
    st = spn_plan_finish(r->plan, err);
    if (st == SPN_OK)
        st = make_lanes(r, most, err);
    return st == SPN_OK ? make_kv(r, o, err) : st;
}

void lm_runner_free(struct lm_runner *r)
{
    for (int i = 0; i < r->n_lanes; i++)
        spn_exec_free(r->lane[i]);
    spn_plan_free(r->plan);
    spn_kv_free(r->kv);
    spn_free(r->token);
    memset(r, 0, sizeof *r);
}

void lm_runner_begin(struct lm_runner *r)
{
    r->rows = (struct spn_rows){ .token = r->token, .pos = r->pos, .seq = r->seq, .out = r->out };
}

void lm_runner_add(struct lm_runner *r, int32_t token, int64_t pos, int32_t seq, bool wanted)
{
    int64_t i = r->rows.n++;

    r->token[i] = token;
    r->pos[i] = (int32_t)pos;
    r->seq[i] = seq;
    if (wanted)
        r->out[r->rows.n_out++] = (int32_t)i;
}

/* ROWS through one lane; *VIEW is lent by its arena. */
static spn_status run_rows(struct lm_runner *r, int lane, const struct spn_rows *rows,
                           struct spn_pool *pool, struct spn_tensor *view, struct spn_err *err)
{
    struct spn_run run = { .pool = pool, .batch = rows, .store = spn_kv_store(r->kv) };
    spn_status st;

    run.symbol[-1 - SPN_DIM_ROWS] = rows->n;
    run.symbol[-1 - SPN_DIM_OUT] = rows->n_out;
    st = spn_exec_run(r->lane[lane], &run, -1, spn_plan_marks(r->plan), err);
    return st == SPN_OK ? spn_exec_output(r->lane[lane], &run, "logits", view, err) : st;
}

struct part {
    struct spn_rows rows;
    int64_t first_out;
    spn_status st;
    struct spn_err err;
};
struct cut {
    struct lm_runner *r;
    lm_take_fn take;
    void *ctx;
    const float *logits; /* of all, where one lane ran them */
    struct part part[LM_LANES_MAX];
};

/* A lane's rows are taken by the thread that made them: they lie in its cache, and no thread waits
   for the others between. */
static void run_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct cut *c = ctx;

    for (int64_t i = begin; i < end; i++) {
        struct part *p = &c->part[i];
        struct spn_tensor view;

        p->st = run_rows(c->r, (int)i, &p->rows, NULL, &view, &p->err);
        if (p->st == SPN_OK && p->rows.n_out > 0)
            c->take(c->ctx, p->first_out, p->rows.n_out, view.data, worker);
    }
}

static void take_rows(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct cut *c = ctx;

    c->take(c->ctx, begin, end - begin, c->logits + begin * c->r->m->shape.n_vocab, worker);
}

/* The batch as parts of about equal size, none of which shares a sequence; returns how many. */
static int cut_rows(struct lm_runner *r, struct cut *c)
{
    const struct spn_rows *all = &r->rows;
    int64_t begin = 0, out = 0;
    int n = 0;

    for (int lane = 1; lane <= r->n_lanes && begin < all->n; lane++) {
        struct part *p = &c->part[n];
        int64_t end = all->n * lane / r->n_lanes;

        if (end < begin + LANE_ROWS_MIN && lane < r->n_lanes)
            continue;
        while (end < all->n && end > 0 && all->seq[end] == all->seq[end - 1])
            end++;
        *p = (struct part){ .first_out = out, .err = SPN_ERR_INIT };
        p->rows = (struct spn_rows){ .n = end - begin,
                                     .token = all->token + begin,
                                     .pos = all->pos + begin,
                                     .seq = all->seq + begin,
                                     .out = r->lane_out + out };
        for (; out < all->n_out && all->out[out] < end; out++)
            r->lane_out[out] = all->out[out] - (int32_t)begin;
        p->rows.n_out = out - p->first_out;
        begin = end;
        n++;
    }
    return n;
}

spn_status lm_runner_run(struct lm_runner *r, lm_take_fn take, void *ctx, struct spn_err *err)
{
    struct spn_tensor view;
    struct cut cut;
    int parts;
    spn_status st = SPN_OK;

    cut.r = r;
    cut.take = take;
    cut.ctx = ctx;
    parts = r->n_lanes > 1 ? cut_rows(r, &cut) : 1;
    if (parts <= 1) {
        st = run_rows(r, 0, &r->rows, r->pool, &view, err);
        if (st == SPN_OK) {
            cut.logits = view.data;
            spn_pool_run(r->pool, r->rows.n_out, 1, take_rows, &cut);
        }
    } else {
        spn_pool_run(r->pool, parts, 1, run_part, &cut);
        for (int i = 0; i < parts && st == SPN_OK; i++)
            if (cut.part[i].st != SPN_OK) {
                st = cut.part[i].st;
                if (err != NULL)
                    *err = cut.part[i].err;
            }
    }
    return st == SPN_OK ? spn_kv_check(r->kv, err) : st;
}
