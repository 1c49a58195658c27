/* runner.c - plan, arena and store of a model that generates, and the batch it runs. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "lm/runner.h"

static void layer_of(const struct spn_lm *m, struct spn_kv_layer *l)
{
    *l = (struct spn_kv_layer){ .width_k = m->shape.n_head_kv * m->shape.dim_k,
                                .width_v = m->shape.n_head_kv * m->shape.dim_v,
                                .heads = (int)m->shape.n_head_kv };
}

uint64_t lm_kv_token_bytes(const struct spn_lm *m, int kv_dtype)
{
    struct spn_kv_layer l;

    layer_of(m, &l); /* the numbers are bounded by spn_lm_shape_check */
    return (uint64_t)m->shape.n_layer * (uint64_t)(l.width_k + l.width_v) *
           (kv_dtype == SPN_F16 ? 2 : 4);
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
        layer_of(r->m, &layer[l]);
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

spn_status lm_runner_init(struct lm_runner *r, struct spn_lm *m, const struct lm_runner_options *o,
                          struct spn_err *err)
{
    const int64_t most[SPN_DIM_SYMBOLS] = { o->rows_max, o->out_max, 0 };
    int32_t *all = spn_calloc((size_t)o->rows_max, 4 * sizeof *all);
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
    spn_lm_forward(m, r->plan, SPN_LM_GENERATE);
    st = spn_plan_finish(r->plan, err);
    if (st == SPN_OK)
        st = spn_exec_new(&r->exec, r->plan, most, err);
    if (st == SPN_OK) {
        r->bytes += spn_exec_bytes(r->exec);
        st = make_kv(r, o, err);
    }
    return st;
}

void lm_runner_free(struct lm_runner *r)
{
    spn_exec_free(r->exec);
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

spn_status lm_runner_run(struct lm_runner *r, const float **logits, struct spn_err *err)
{
    struct spn_run run = { .pool = r->pool, .batch = &r->rows, .store = spn_kv_store(r->kv) };
    struct spn_tensor view;
    spn_status st;

    run.symbol[-1 - SPN_DIM_ROWS] = r->rows.n;
    run.symbol[-1 - SPN_DIM_OUT] = r->rows.n_out;
    st = spn_exec_run(r->exec, &run, -1, spn_plan_marks(r->plan), err);
    if (st == SPN_OK)
        st = spn_kv_check(r->kv, err);
    if (st == SPN_OK)
        st = spn_exec_output(r->exec, &run, "logits", &view, err);
    if (st == SPN_OK)
        *logits = view.data;
    return st;
}
