/* logits.c - logits of given tokens, chunk by chunk over a store as the generator runs them. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "lm/logits.h"
#include "lm/runner.h"

enum { CHUNK = 128 };

static spn_status check(const struct spn_lm *m, const int32_t *ids, int64_t n, struct spn_err *err)
{
    if (m->arch->encoder)
        return spn_fail(err, SPN_EUSAGE,
                        "%s makes vectors for texts, it writes none: `spinney embed` uses it",
                        m->reader != NULL ? spn_reader_path(m->reader) : m->arch->name);
    if (n < 1 || n > m->shape.context)
        return spn_fail(err, SPN_EUSAGE, "%" PRId64 " tokens: the model takes 1 to %" PRId64, n,
                        m->shape.context);
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= m->shape.n_vocab)
            return spn_fail(err, SPN_EUSAGE, "token %" PRId64 " is %d, the vocabulary has %" PRId64,
                            i, (int)ids[i], m->shape.n_vocab);
    return SPN_OK;
}

/* A runner with room for one sequence of N tokens, OUT of a chunk's rows wanted. */
static spn_status start(struct lm_runner *r, struct spn_lm *m, int64_t n, int64_t out,
                        struct spn_pool *pool, int32_t *seq, struct spn_err *err)
{
    const struct lm_runner_options o = {
        .rows_max = CHUNK,
        .out_max = out,
        .tokens = n,
        .max_seqs = 1,
        .kv_dtype = SPN_F32,
        .pool = pool,
    };
    spn_status st = lm_runner_init(r, m, &o, err);

    if (st == SPN_OK)
        st = spn_kv_seq_new(r->kv, seq, err);
    return st == SPN_OK ? spn_kv_reserve(r->kv, *seq, -1, n, err) : st;
}

/* Where the wanted rows begin: those of one sequence lie together until the next run. */
static void first_row(void *ctx, int64_t first, int64_t n, const float *logits, int worker)
{
    (void)n;
    (void)worker;
    if (first == 0)
        *(const float **)ctx = logits;
}

spn_status spn_lm_logits_each(struct spn_lm *m, const int32_t *ids, int64_t n,
                              void (*each)(void *ctx, int64_t position, const float *row),
                              void *ctx, struct spn_pool *pool, struct spn_err *err)
{
    struct lm_runner r = { 0 };
    const float *logits;
    int32_t seq = 0;
    spn_status st = check(m, ids, n, err);

    if (st != SPN_OK)
        return st;
    st = start(&r, m, n, CHUNK, pool, &seq, err);
    for (int64_t i = 0; i < n && st == SPN_OK; i += CHUNK) {
        int64_t rows = n - i < CHUNK ? n - i : CHUNK;

        lm_runner_begin(&r);
        for (int64_t k = 0; k < rows; k++)
            lm_runner_add(&r, ids[i + k], i + k, seq, true);
        st = lm_runner_run(&r, first_row, &logits, err);
        for (int64_t k = 0; k < rows && st == SPN_OK; k++)
            each(ctx, i + k, logits + k * m->shape.n_vocab);
    }
    lm_runner_free(&r);
    return st;
}

/* -ln of the softmax of X [N] at ID. */
static double nll(const float *x, int64_t n, int32_t id)
{
    double largest = -INFINITY, sum = 0;

    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, x[i]);
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - largest);
    return log(sum) + largest - x[id];
}

spn_status spn_lm_nll(struct spn_lm *m, const int32_t *ids, int64_t n, int64_t from, double *out,
                      struct spn_pool *pool, struct spn_err *err)
{
    struct lm_runner r = { 0 };
    const float *logits;
    int32_t seq = 0;
    spn_status st = check(m, ids, n, err);

    if (st == SPN_OK && (from < 0 || from >= n - 1))
        st = spn_fail(err, SPN_EUSAGE, "%" PRId64 " tokens: none follows token %" PRId64, n, from);
    if (st != SPN_OK)
        return st;
    st = start(&r, m, n, CHUNK, pool, &seq, err);
    for (int64_t i = 0; i < n - 1 && st == SPN_OK; i += CHUNK) {
        int64_t rows = n - 1 - i < CHUNK ? n - 1 - i : CHUNK;
        int64_t first = i < from ? (from - i < rows ? from - i : rows) : 0;

        lm_runner_begin(&r);
        for (int64_t k = 0; k < rows; k++)
            lm_runner_add(&r, ids[i + k], i + k, seq, k >= first);
        st = lm_runner_run(&r, first_row, &logits, err);
        for (int64_t k = first; k < rows && st == SPN_OK; k++)
            out[i + k - from] = nll(logits + (k - first) * m->shape.n_vocab, m->shape.n_vocab,
                                    ids[i + k + 1]);
    }
    lm_runner_free(&r);
    return st;
}

struct rows {
    float *out;
    size_t width;
};

static void copy_row(void *ctx, int64_t position, const float *row)
{
    const struct rows *r = ctx;

    memcpy(r->out + (size_t)position * r->width, row, r->width * sizeof *row);
}

spn_status spn_lm_logits(struct spn_lm *m, const int32_t *ids, int64_t n, float *out,
                         struct spn_pool *pool, struct spn_err *err)
{
    struct rows r = { out, (size_t)m->shape.n_vocab };

    return spn_lm_logits_each(m, ids, n, copy_row, &r, pool, err);
}

/* Add ROWS rows of WIDTH numbers to SUM, each divided by its root mean square. */
static void add_rows(const float *x, int64_t rows, int64_t width, double *sum)
{
    for (int64_t i = 0; i < rows; i++, x += width) {
        double squares = 0, scale;

        for (int64_t k = 0; k < width; k++)
            squares += (double)x[k] * x[k];
        scale = squares > 0 ? 1 / sqrt(squares / (double)width) : 0;
        for (int64_t k = 0; k < width; k++)
            sum[k] += scale * x[k];
    }
}

spn_status spn_lm_hidden_mean(struct spn_lm *m, const int32_t *ids, int64_t n, float *out,
                              struct spn_pool *pool, struct spn_err *err)
{
    int64_t width = m->shape.n_embd;
    double *sum = spn_calloc((size_t)width, sizeof *sum);
    struct lm_runner r = { 0 };
    int32_t seq = 0;
    spn_status st = check(m, ids, n, err);

    if (sum == NULL && st == SPN_OK)
        st = spn_fail(err, SPN_ENOMEM, "no memory for %" PRId64 " sums", width);
    if (st != SPN_OK) {
        spn_free(sum);
        return st;
    }
    st = start(&r, m, n, 1, pool, &seq, err);
    for (int64_t i = 0; i < n && st == SPN_OK; i += CHUNK) {
        int64_t rows = n - i < CHUNK ? n - i : CHUNK;
        struct spn_run run = { .pool = pool, .batch = &r.rows, .store = spn_kv_store(r.kv) };
        struct spn_tensor stream;

        lm_runner_begin(&r);
        for (int64_t k = 0; k < rows; k++)
            lm_runner_add(&r, ids[i + k], i + k, seq, false);
        run.symbol[-1 - SPN_DIM_ROWS] = rows;
        st = spn_exec_run(r.lane[0], &run, -1, (int)m->shape.n_layer, err);
        if (st == SPN_OK)
            st = spn_exec_stream(r.lane[0], &run, (int)m->shape.n_layer, &stream, err);
        if (st == SPN_OK)
            add_rows(stream.data, rows, width, sum);
    }
    for (int64_t k = 0; k < width && st == SPN_OK; k++)
        out[k] = (float)(sum[k] / (double)n);
    lm_runner_free(&r);
    spn_free(sum);
    return st;
}
