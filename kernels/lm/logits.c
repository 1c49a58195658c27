/* logits.c - logits of given tokens, chunk by chunk over a store as the generator runs them. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "lm/logits.h"
#include "lm/runner.h"

enum { CHUNK = 128 };

static spn_status check(const struct spn_lm *m, const int32_t *ids, int64_t n, struct spn_err *err)
{
    if (n < 1 || n > m->shape.context)
        return spn_fail(err, SPN_EUSAGE, "%" PRId64 " tokens: the model takes 1 to %" PRId64, n,
                        m->shape.context);
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= m->shape.n_vocab)
            return spn_fail(err, SPN_EUSAGE, "token %" PRId64 " is %d, the vocabulary has %" PRId64,
                            i, (int)ids[i], m->shape.n_vocab);
    return SPN_OK;
}

spn_status spn_lm_logits(struct spn_lm *m, const int32_t *ids, int64_t n, float *out,
                         struct spn_pool *pool, struct spn_err *err)
{
    struct lm_runner r = { 0 };
    const struct lm_runner_options o = {
        .rows_max = CHUNK,
        .out_max = CHUNK,
        .tokens = n,
        .max_seqs = 1,
        .kv_dtype = SPN_F32,
        .pool = pool,
    };
    const float *logits;
    int32_t seq = 0;
    spn_status st = check(m, ids, n, err);

    if (st != SPN_OK)
        return st;
    st = lm_runner_init(&r, m, &o, err);
    if (st == SPN_OK)
        st = spn_kv_seq_new(r.kv, &seq, err);
    if (st == SPN_OK)
        st = spn_kv_reserve(r.kv, seq, -1, n, err);
    for (int64_t i = 0; i < n && st == SPN_OK; i += CHUNK) {
        int64_t rows = n - i < CHUNK ? n - i : CHUNK;

        lm_runner_begin(&r);
        for (int64_t k = 0; k < rows; k++)
            lm_runner_add(&r, ids[i + k], i + k, seq, true);
        st = lm_runner_run(&r, &logits, err);
        if (st == SPN_OK)
            memcpy(out + i * m->shape.n_vocab, logits,
                   (size_t)(rows * m->shape.n_vocab) * sizeof *out);
    }
    lm_runner_free(&r);
    return st;
}
