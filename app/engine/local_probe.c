/* local_probe.c - one pass over prompt and answer: each token's probability and its rivals. */
#include "config.h"

#include "engine/local_probe.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "lm/logits.h"

#define BYTES_CEILING ((size_t)256 << 20)

struct found { /* ids of one token's rivals, until their texts are known */
    int32_t other[SPN_PROBE_OTHERS];
};
struct pass {
    struct spn_probe *probe;
    struct found *found;
    const struct spn_ids *ids;
    size_t from;
    int64_t n_vocab;
};

/* The logits after POSITION are about the token that follows. */
static void take_row(void *ctx, int64_t position, const float *row)
{
    struct pass *p = ctx;
    size_t i = (size_t)position + 1;
    struct spn_probe_token *t;
    int32_t *best;
    double largest = -INFINITY, sum = 0, mean = 0;
    int n = 0;

    if (i < p->from || i >= p->ids->n)
        return;
    t = &p->probe->token[i - p->from];
    best = p->found[i - p->from].other;
    for (int32_t v = 0; v < p->n_vocab; v++) {
        int k = n;

        largest = fmax(largest, row[v]);
        for (; k > 0 && row[v] > row[best[k - 1]]; k--)
            if (k < SPN_PROBE_OTHERS)
                best[k] = best[k - 1];
        if (k < SPN_PROBE_OTHERS) {
            best[k] = v;
            n += n < SPN_PROBE_OTHERS;
        }
    }
    for (int32_t v = 0; v < p->n_vocab; v++) {
        double e = exp(row[v] - largest);

        sum += e;
        mean += e * (row[v] - largest);
    }
    t->logprob = (float)(row[p->ids->id[i]] - largest - log(sum));
    t->entropy = (float)(log(sum) - mean / sum);
    t->n_others = n;
    for (int k = 0; k < n; k++)
        t->other[k].logprob = (float)(row[best[k]] - largest - log(sum));
}

/* Texts of all tokens into one piece of memory. First pass: lengths, second: places. */
static spn_status add_texts(const struct pass *p, const struct spn_tokenizer *t,
                            struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(BYTES_CEILING);
    spn_status st = SPN_OK;
    size_t at = 0;

    for (size_t i = 0; i < p->probe->n && st == SPN_OK; i++) {
        struct spn_probe_token *x = &p->probe->token[i];
        size_t before = b.length;

        st = spn_detokenize(t, &p->ids->id[p->from + i], 1, true, &b, err);
        x->length = b.length - before;
        for (int k = 0; k < x->n_others && st == SPN_OK; k++) {
            before = b.length;
            st = spn_detokenize(t, &p->found[i].other[k], 1, true, &b, err);
            x->other[k].length = b.length - before;
        }
    }
    if (st == SPN_OK && b.failed)
        st = spn_fail(err, SPN_ENOMEM, "no memory for the texts of %zu tokens", p->probe->n);
    if (st != SPN_OK) {
        spn_buf_free(&b);
        return st;
    }
    p->probe->bytes = spn_buf_steal(&b);
    for (size_t i = 0; i < p->probe->n; i++) {
        struct spn_probe_token *x = &p->probe->token[i];

        x->text = p->probe->bytes + at;
        at += x->length;
        for (int k = 0; k < x->n_others; k++) {
            x->other[k].text = p->probe->bytes + at;
            at += x->other[k].length;
        }
    }
    return SPN_OK;
}

void local_probe_free(struct spn_probe *p)
{
    if (p == NULL)
        return;
    spn_free(p->token);
    spn_free(p->bytes);
    spn_free(p);
}

spn_status local_probe(struct spn_probe **out, struct spn_lm *m, struct spn_pool *pool,
                       struct spn_ids *prompt, const char *answer, struct spn_err *err)
{
    size_t from = prompt->n;
    struct pass p = { .ids = prompt, .from = from, .n_vocab = m->shape.n_vocab };
    spn_status st = spn_tokenize(m->tokenizer, answer, strlen(answer), 0, prompt, err);
    const struct spn_ids *ids = prompt;

    if (st != SPN_OK)
        return st;
    if (from < 1 || from >= ids->n)
        return spn_fail(err, SPN_EUSAGE, "no token to look at");
    p.probe = spn_calloc(1, sizeof *p.probe);
    p.found = spn_calloc(ids->n - from, sizeof *p.found);
    if (p.probe != NULL)
        p.probe->token = spn_calloc(ids->n - from, sizeof *p.probe->token);
    if (p.probe == NULL || p.found == NULL || p.probe->token == NULL)
        st = spn_fail(err, SPN_ENOMEM, "no memory to look at %zu tokens", ids->n - from);
    if (st == SPN_OK) {
        p.probe->n = ids->n - from;
        st = spn_lm_logits_each(m, ids->id, (int64_t)ids->n, take_row, &p, pool, err);
    }
    if (st == SPN_OK)
        st = add_texts(&p, m->tokenizer, err);
    spn_free(p.found);
    if (st != SPN_OK)
        local_probe_free(p.probe);
    else
        *out = p.probe;
    return st;
}
