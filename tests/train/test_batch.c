/* test_batch.c - the mixture of sources and the packing of examples. */
#include "config.h"

#include <string.h>

#include "tap.h"
#include "toy.h"
#include "train/batch.h"

#define ROOM 64

static void test_mixture(void)
{
    struct toy a = { .digits = 3 }, b = { .digits = 9 };
    const struct spn_train_source list[2] = { { "a", 3, toy_example, &a },
                                              { "b", 1, toy_example, &b } };
    const struct spn_mixture m = { list, 2, 5 }, other = { list, 2, 6 };
    int count = 0, same = 0, differ = 0;

    for (uint64_t i = 0; i < 4000; i++) {
        count += spn_mixture_draw(&m, i) == 0;
        same += spn_mixture_draw(&m, i) == spn_mixture_draw(&m, i);
        differ += spn_mixture_draw(&m, i) != spn_mixture_draw(&other, i);
    }
    ok(count > 2900 && count < 3100,
       "3 of 4 examples come from the source of weight 3 (%d of 4000)", count);
    ok(same == 4000, "the same index draws the same source");
    ok(differ > 1000, "another seed draws others (%d of 4000)", differ);
}

static struct spn_tokenizer *make_tokenizer(void)
{
    static const char *const specials[] = { "<|end|>" };
    const struct spn_bpe_options o = {
        .vocab = 264, .pre = "qwen2", .specials = specials, .n_specials = 1, .eos = "<|end|>"
    };
    static const char text[] = "reverse 12: reverse 345: reverse 678: reverse 90:";
    struct spn_tokenizer *t = NULL;
    struct spn_err err = SPN_ERR_INIT;

    spn_status st = spn_bpe_train(&t, text, sizeof text - 1, &o, &err);

    ok(st == SPN_OK, "a tokenizer is learnt: %s", err.text);
    return t;
}

/* Every row against its example, found again through the parts. */
static void check_batch(const struct spn_batch *b, const struct spn_tokenizer *tok, struct toy *toy,
                        uint64_t first, uint64_t next)
{
    int32_t end = spn_token_find(tok, "<|end|>");
    int64_t row = 0, targets = 0;
    double sum = 0;
    bool good = true;

    for (uint64_t i = first; i < next; i++) {
        const struct spn_train_part *parts;
        size_t n;
        struct spn_ids question = { 0 }, all = { 0 };

        toy_example(toy, i, &parts, &n, NULL);
        spn_tokenize(tok, parts[0].text, parts[0].length, 0, &question, NULL);
        spn_tokenize(tok, parts[0].text, parts[0].length, 0, &all, NULL);
        spn_tokenize(tok, parts[1].text, parts[1].length, 0, &all, NULL);
        spn_ids_add(&all, end);
        for (size_t k = 0; k < all.n; k++, row++) {
            bool last = k + 1 == all.n;
            float w = last ? 0 : k + 1 < question.n ? 0.25f : 1;

            good = good && b->token[row] == all.id[k] && b->pos[row] == (int32_t)k &&
                   b->first[row] == row - (int64_t)k && (last || b->target[row] == all.id[k + 1]) &&
                   b->weight[row] == w;
            sum += w;
            targets += w == 1;
        }
        spn_ids_free(&question);
        spn_ids_free(&all);
    }
    ok(good && row == b->n,
       "examples %d to %d: tokens, positions, targets and weights of %lld rows", (int)first,
       (int)next - 1, (long long)b->n);
    ok_near(b->weight_sum, sum, 0, "sum of the weights");
    ok_int(b->loss_tokens, targets, "targets that carry loss");
}

static spn_status no_loss(void *ctx, uint64_t index, const struct spn_train_part **parts, size_t *n,
                          struct spn_err *err)
{
    spn_status st = toy_example(ctx, index, parts, n, err);

    for (size_t i = 0; i < *n; i++)
        ((struct toy *)ctx)->part[i].weight = -1;
    return st;
}

static spn_status empty(void *ctx, uint64_t index, const struct spn_train_part **parts, size_t *n,
                        struct spn_err *err)
{
    *n = 0;
    return SPN_OK;
}

int main(void)
{
    struct toy toy = { .digits = 9 };
    struct spn_train_source list[1] = { { "toy", 1, toy_example, &toy } };
    struct spn_mixture m = { list, 1, 1 };
    struct spn_tokenizer *tok = make_tokenizer();
    struct spn_packing p = { &m, tok, 48, 0.25 };
    struct spn_batch b = { 0 };
    struct spn_err err = SPN_ERR_INIT;
    uint64_t next = 0, second;
    int64_t cut = 0;
    spn_status st;

    test_mixture();
    if (!ok(tok != NULL && spn_batch_init(&b, ROOM, &err) == SPN_OK, "a batch is made"))
        return done();
    st = spn_batch_fill(&b, &p, &next, &cut, &err);
    ok(st == SPN_OK && next > 1, "it holds several examples (%d, %lld rows)", (int)next,
       (long long)b.n);
    check_batch(&b, tok, &toy, 0, next);
    second = next;
    st = spn_batch_fill(&b, &p, &next, &cut, &err);
    ok(st == SPN_OK, "the next batch");
    check_batch(&b, tok, &toy, second, next);
    ok_int(cut, 0, "nothing was cut");
    p.context = 5;
    next = 0;
    st = spn_batch_fill(&b, &p, &next, &cut, &err);
    ok(st == SPN_OK && b.n == ROOM / 5 * 5 && cut == (int64_t)next,
       "with a context of 5 every example is cut (%lld of %d)", (long long)cut, (int)next);
    list[0].example = no_loss;
    st = spn_batch_fill(&b, &p, &next, &cut, &err);
    ok(st == SPN_EFORMAT, "no loss at all: %s", err.text);
    list[0].example = empty;
    st = spn_batch_fill(&b, &p, &next, &cut, &err);
    ok(st == SPN_EFORMAT, "only empty examples: %s", err.text);
    spn_batch_free(&b);
    spn_tokenizer_free(tok);
    return done();
}
