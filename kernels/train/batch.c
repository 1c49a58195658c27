/* batch.c - the mixture of sources and the packing of its examples. */
#include "config.h"

#include "train/batch.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

/* Empty examples in a row: a source that gives nothing would never fill a batch. */
#define EMPTY_MAX 1000

size_t spn_mixture_draw(const struct spn_mixture *m, uint64_t index)
{
    struct spn_rng rng;
    double sum = 0, at;
    size_t i = 0;

    for (size_t k = 0; k < m->n; k++)
        sum += m->source[k].weight;
    spn_rng_init(&rng, spn_key_int(spn_key_str(spn_key_seed(m->seed), "mixture"), index));
    at = spn_rng_unit(&rng) * sum;
    while (i + 1 < m->n && at >= m->source[i].weight)
        at -= m->source[i++].weight;
    return i;
}

spn_status spn_mixture_example(const struct spn_mixture *m, uint64_t index,
                               const struct spn_train_part **parts, size_t *n, struct spn_err *err)
{
    const struct spn_train_source *s = &m->source[spn_mixture_draw(m, index)];

    return s->example(s->ctx, index, parts, n, err);
}

spn_status spn_batch_init(struct spn_batch *b, int64_t room, struct spn_err *err)
{
    *b = (struct spn_batch){ .room = room };
    b->token = spn_calloc((size_t)room, sizeof *b->token);
    b->pos = spn_calloc((size_t)room, sizeof *b->pos);
    b->first = spn_calloc((size_t)room, sizeof *b->first);
    b->target = spn_calloc((size_t)room, sizeof *b->target);
    b->weight = spn_calloc((size_t)room, sizeof *b->weight);
    if (b->token == NULL || b->pos == NULL || b->first == NULL || b->target == NULL ||
        b->weight == NULL) {
        spn_batch_free(b);
        return spn_fail(err, SPN_ENOMEM, "train: no memory left for a micro-batch of %lld tokens",
                        (long long)room);
    }
    return SPN_OK;
}

void spn_batch_free(struct spn_batch *b)
{
    spn_free(b->token);
    spn_free(b->pos);
    spn_free(b->first);
    spn_free(b->target);
    spn_free(b->weight);
    *b = (struct spn_batch){ 0 };
}

/* The tokens of one example, and the weight of each as a target. */
struct encoded {
    struct spn_ids ids;
    float *weight; size_t room;
};

static spn_status weigh(struct encoded *e, size_t from, float weight, struct spn_err *err)
{
    if (e->ids.n > e->room) {
        float *more = spn_realloc(e->weight, e->ids.n * 2, sizeof *more);
        if (more == NULL)
            return spn_fail(err, SPN_ENOMEM, "train: no memory left for an example of %zu tokens",
                            e->ids.n);
        e->weight = more;
        e->room = e->ids.n * 2;
    }
    while (from < e->ids.n)
        e->weight[from++] = weight;
    return SPN_OK;
}

static spn_status encode(struct encoded *e, const struct spn_packing *p,
                         const struct spn_train_part *parts, size_t n, struct spn_err *err)
{
    spn_status st = SPN_OK;

    e->ids.n = 0;
    if (spn_tokenizer_adds_bos(p->tokenizer)) {
        st = spn_ids_add(&e->ids, spn_token_bos(p->tokenizer));
        if (st == SPN_OK)
            st = weigh(e, 0, 0, err);
    }
    for (size_t i = 0; st == SPN_OK && i < n; i++) {
        size_t from = e->ids.n;
        float weight = parts[i].weight;

        if (weight == 0)
            weight = (float)p->prompt_weight;
        else if (!(weight > 0))
            weight = 0;
        st = spn_tokenize(p->tokenizer, parts[i].text, parts[i].length,
                          parts[i].special ? SPN_TOK_SPECIAL : 0, &e->ids, err);
        if (st == SPN_OK)
            st = weigh(e, from, weight, err);
    }
    return st;
}

/* Append the first N tokens of E. */
static void append(struct spn_batch *b, const struct encoded *e, int64_t n)
{
    int64_t at = b->n;

    for (int64_t i = 0; i < n; i++) {
        bool last = i + 1 == n;

        b->token[at + i] = e->ids.id[i];
        b->pos[at + i] = (int32_t)i;
        b->first[at + i] = (int32_t)at;
        b->target[at + i] = last ? 0 : e->ids.id[i + 1];
        b->weight[at + i] = last ? 0 : e->weight[i + 1];
        b->weight_sum += b->weight[at + i];
        b->loss_tokens += b->weight[at + i] >= 0.5f;
    }
    b->n += n;
}

spn_status spn_batch_fill(struct spn_batch *b, const struct spn_packing *p, uint64_t *next,
                          int64_t *cut, struct spn_err *err)
{
    struct encoded e = { 0 };
    spn_status st = SPN_OK;
    int empty = 0;

    b->n = b->loss_tokens = 0;
    b->weight_sum = 0;
    while (b->n < b->room) {
        const struct spn_train_part *parts = NULL;
        size_t n_parts = 0;
        int64_t n;

        st = spn_mixture_example(p->mixture, *next, &parts, &n_parts, err);
        if (st == SPN_OK)
            st = encode(&e, p, parts, n_parts, err);
        if (st != SPN_OK)
            break;
        n = (int64_t)e.ids.n < p->context ? (int64_t)e.ids.n : p->context;
        if (n > b->room - b->n)
            break;
        append(b, &e, n);
        *cut += n < (int64_t)e.ids.n;
        (*next)++;
        empty = n == 0 ? empty + 1 : 0;
        if (empty == EMPTY_MAX) {
            st = spn_fail(err, SPN_EFORMAT,
                          "train: %d examples one after another are empty, up to example %llu",
                          EMPTY_MAX, (unsigned long long)*next);
            break;
        }
    }
    if (st == SPN_OK && !(b->weight_sum > 0))
        st = spn_fail(err, SPN_EFORMAT,
                      "train: no token of %lld carries loss, up to example %llu: parts with a "
                      "weight above 0 are wanted",
                      (long long)b->n, (unsigned long long)*next);
    b->rows = (struct spn_rows){
        .n = b->n, .token = b->token, .pos = b->pos, .first = b->first, .n_out = b->n
    };
    spn_ids_free(&e.ids);
    spn_free(e.weight);
    return st;
}
