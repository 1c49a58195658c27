/* embed.c - vectors for texts: a batch of whole texts through the model, their rows pooled. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "lm/embed.h"
#include "lm/store.h"
#include "tensor/rows.h"

struct spn_embedder {
    struct spn_lm *m;
    struct spn_plan *plan;
    struct spn_exec *exec;
    struct spn_kv *kv;
    struct spn_pool *pool;
    int64_t rows;
    int texts;
    int32_t *token, *pos, *seq; /* [rows] */
};

static spn_status make_store(struct spn_embedder *e, struct spn_err *err)
{
    int n = (int)e->m->shape.n_layer;
    struct spn_kv_layer *layer = spn_calloc((size_t)n, sizeof *layer);
    struct spn_kv_options o = {
        .n_layer = n,
        .layer = layer,
        .dtype = SPN_F32,
        .n_tiers = 1,
        /* Each text begins a page of its own. */
        .tokens = { e->rows + (int64_t)e->texts * SPN_ATTENTION_BLOCK },
        .max_seqs = e->texts,
    };
    uint64_t need;
    spn_status st;

    if (layer == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for %d layers", n);
    for (int l = 0; l < n; l++)
        spn_lm_kv_layer(e->m, l, &layer[l]);
    need = spn_kv_bytes_for(&o);
    if (need > spn_memory_free_bytes())
        st = spn_fail(err, SPN_ENOMEM,
                      "keys and values of %" PRId64 " tokens need %.2f GB, %.2f GB are free",
                      e->rows, (double)need / 1e9, (double)spn_memory_free_bytes() / 1e9);
    else
        st = spn_kv_new(&e->kv, &o, err);
    spn_free(layer);
    return st;
}

spn_status spn_embedder_new(struct spn_embedder **out, struct spn_lm *m, int64_t rows, int texts,
                            struct spn_pool *pool, struct spn_err *err)
{
    const int64_t most[SPN_DIM_SYMBOLS] = { rows, 0, 0 };
    struct spn_embedder *e = spn_calloc(1, sizeof *e);
    spn_status st = SPN_OK;

    if (rows < 1 || texts < 1 || rows > 1 << 24 || texts > 1 << 16) {
        spn_free(e);
        return spn_fail(err, SPN_EUSAGE, "an embedder for %d texts of %" PRId64 " tokens cannot be",
                        texts, rows);
    }
    if (e == NULL || (e->token = spn_calloc((size_t)rows, 3 * sizeof *e->token)) == NULL ||
        (e->plan = spn_plan_new(SPN_F32)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "no memory for a batch of %" PRId64 " tokens", rows);
    if (st == SPN_OK) {
        e->m = m;
        e->pool = pool;
        e->rows = rows;
        e->texts = texts;
        e->pos = e->token + rows;
        e->seq = e->token + 2 * rows;
        spn_lm_forward(m, e->plan, SPN_LM_EMBED);
        st = spn_plan_finish(e->plan, err);
    }
    if (st == SPN_OK)
        st = spn_exec_new(&e->exec, e->plan, most, err);
    if (st == SPN_OK)
        st = make_store(e, err);
    if (st != SPN_OK) {
        spn_embedder_free(e);
        return st;
    }
    *out = e;
    return SPN_OK;
}

void spn_embedder_free(struct spn_embedder *e)
{
    if (e == NULL)
        return;
    spn_exec_free(e->exec);
    spn_plan_free(e->plan);
    spn_kv_free(e->kv);
    spn_free(e->token);
    spn_free(e);
}

static spn_status check(const struct spn_embedder *e, const struct spn_embed_text *text, int count,
                        struct spn_err *err)
{
    int64_t rows = 0;

    if (count < 1 || count > e->texts)
        return spn_fail(err, SPN_EUSAGE, "%d texts: the embedder takes 1 to %d", count, e->texts);
    for (int t = 0; t < count; t++) {
        if (text[t].n < 1 || text[t].n > e->m->shape.context)
            return spn_fail(err, SPN_EUSAGE,
                            "text %d has %" PRId64 " tokens, the model takes 1 to %" PRId64, t,
                            text[t].n, e->m->shape.context);
        for (int64_t i = 0; i < text[t].n; i++)
            if (text[t].ids[i] < 0 || text[t].ids[i] >= e->m->shape.n_vocab)
                return spn_fail(err, SPN_EUSAGE,
                                "token %" PRId64 " of text %d is %d, the vocabulary has %" PRId64,
                                i, t, (int)text[t].ids[i], e->m->shape.n_vocab);
        rows += text[t].n;
    }
    if (rows > e->rows)
        return spn_fail(err, SPN_EUSAGE, "%" PRId64 " tokens: the embedder has room for %" PRId64,
                        rows, e->rows);
    return SPN_OK;
}

/* The vector of N rows of WIDTH numbers. */
static void pool_rows(const float *x, int64_t n, int64_t width, enum spn_pooling pooling, bool unit,
                      float *out)
{
    double squares = 0, scale;

    for (int64_t k = 0; k < width; k++) {
        double sum = 0;

        if (pooling == SPN_POOL_CLS)
            sum = (double)x[k];
        else if (pooling == SPN_POOL_LAST)
            sum = (double)x[(n - 1) * width + k];
        else
            for (int64_t i = 0; i < n; i++)
                sum += (double)x[i * width + k] / (double)n;
        out[k] = (float)sum;
        squares += sum * sum;
    }
    scale = squares > 0 ? 1 / sqrt(squares) : 0;
    for (int64_t k = 0; k < width && unit; k++)
        out[k] = (float)((double)out[k] * scale);
}

spn_status spn_embedder_run(struct spn_embedder *e, const struct spn_embed_text *text, int count,
                            enum spn_pooling pooling, bool unit, float *out, struct spn_err *err)
{
    struct spn_rows rows = { .token = e->token, .pos = e->pos, .seq = e->seq };
    struct spn_run run = { .pool = e->pool, .batch = &rows, .store = spn_kv_store(e->kv) };
    int64_t width = e->m->shape.n_embd, row = 0;
    struct spn_tensor hidden;
    int32_t *seq = spn_calloc((size_t)e->texts, sizeof *seq);
    int begun = 0;
    spn_status st = check(e, text, count, err);

    if (seq == NULL && st == SPN_OK)
        st = spn_fail(err, SPN_ENOMEM, "no memory for %d texts", count);
    for (; begun < count && st == SPN_OK; begun++) {
        st = spn_kv_seq_new(e->kv, &seq[begun], err);
        if (st != SPN_OK)
            break;
        st = spn_kv_reserve(e->kv, seq[begun], -1, text[begun].n, err);
        for (int64_t i = 0; i < text[begun].n; i++, rows.n++) {
            e->token[rows.n] = text[begun].ids[i];
            e->pos[rows.n] = (int32_t)i;
            e->seq[rows.n] = seq[begun];
        }
    }
    run.symbol[-1 - SPN_DIM_ROWS] = rows.n;
    if (st == SPN_OK)
        st = spn_exec_run(e->exec, &run, -1, spn_plan_marks(e->plan), err);
    if (st == SPN_OK)
        st = spn_kv_check(e->kv, err);
    if (st == SPN_OK)
        st = spn_exec_output(e->exec, &run, "hidden", &hidden, err);
    if (pooling == SPN_POOL_NONE)
        pooling = e->m->shape.pooling;
    for (int t = 0; t < count && st == SPN_OK; row += text[t++].n)
        pool_rows((const float *)hidden.data + row * width, text[t].n, width, pooling, unit,
                  out + (int64_t)t * width);
    for (int t = 0; t < begun; t++)
        spn_kv_seq_free(e->kv, seq[t]);
    spn_free(seq);
    return st;
}
