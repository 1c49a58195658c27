/* scripted.c - the scripted proposer. */
#include "config.h"

#include "scripted.h"

#include <stdlib.h>

#include "base/mem.h"

#define MOVES_MAX 64

struct move {
    int64_t a, b, c;
    char op;
    int64_t rest[2];
    int n_rest;
};

static struct spn_task task;

/* The text, or NULL when memory was short: half a text is none. */
static char *whole(struct spn_buf *b)
{
    char *out = b->failed ? NULL : spn_buf_steal(b);

    spn_buf_free(b);
    return out;
}

static char *prompt(const char *what, int level, const char *state)
{
    struct spn_buf b = SPN_BUF_INIT(4096);

    spn_buf_printf(&b, "%s%d %s", what, level, state);
    return whole(&b);
}

static char *propose_prompt(const char *state, int level)
{
    return prompt("P", level, state);
}

static char *value_prompt(const char *state)
{
    return prompt("V", 0, state);
}

static char *solve_prompt(const char *question)
{
    return prompt("S", 0, question);
}

const struct spn_task *scripted_task(const struct spn_task *real)
{
    task = *real;
    task.propose_prompt = propose_prompt;
    task.value_prompt = value_prompt;
    task.solve_prompt = solve_prompt;
    return &task;
}

static int numbers(const char *s, int64_t v[4])
{
    int n = 0;

    while (n < 4) {
        char *end;

        v[n] = strtoll(s, &end, 10);
        if (end == s)
            break;
        s = end;
        n++;
    }
    return n;
}

static int result(int64_t a, char op, int64_t b, int64_t *c)
{
    if (op == '/' && (b == 0 || a % b != 0))
        return 0;
    *c = op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
    return 1;
}

/* Distinct operations with whole results; sums and products once a pair. */
static int moves(const int64_t *v, int n, struct move *m)
{
    int count = 0;

    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            for (const char *op = "+*-/"; *op != '\0' && i != j; op++) {
                struct move x = { v[i], v[j], 0, *op, { 0, 0 }, 0 };
                int known = ((*op == '+' || *op == '*') && i > j) || !result(v[i], *op, v[j], &x.c);

                for (int k = 0; k < n; k++)
                    if (k != i && k != j)
                        x.rest[x.n_rest++] = v[k];
                for (int k = 0; k < count && !known; k++)
                    known = m[k].a == x.a && m[k].b == x.b && m[k].op == x.op;
                if (!known && count < MOVES_MAX)
                    m[count++] = x;
            }
    return count;
}

/* Can whole-number operations make 24 of them? */
static int reaches(const int64_t *v, int n)
{
    struct move m[MOVES_MAX];
    int count;

    if (n == 1)
        return v[0] == 24;
    count = moves(v, n, m);
    for (int i = 0; i < count; i++) {
        int64_t next[4] = { m[i].c, m[i].rest[0], m[i].rest[1] };

        if (reaches(next, n - 1))
            return 1;
    }
    return 0;
}

static void propose(struct spn_buf *b, const int64_t *v, int n,
                    const struct scripted_faults *faults, struct spn_rng *rng)
{
    struct move m[MOVES_MAX];
    int order[MOVES_MAX], count = moves(v, n, m), lines = faults->all ? MOVES_MAX : n == 4 ? 10 : 6;

    for (int i = 0; i < count; i++)
        order[i] = i;
    spn_rng_shuffle(rng, order, (size_t)count);
    for (int i = 0; i < count && i < lines; i++) {
        struct move *x = &m[order[i]];

        if (x->n_rest > 0 && spn_rng_unit(rng) < faults->corrupt)
            x->rest[spn_rng_below(rng, (uint64_t)x->n_rest)] = 1 + (int64_t)spn_rng_below(rng, 13);
        spn_buf_printf(b,
                       x->b < 0 ? "%lld %c (%lld) = %lld (left: %lld"
                                : "%lld %c %lld = %lld (left: %lld",
                       (long long)x->a, x->op, (long long)x->b, (long long)x->c, (long long)x->c);
        for (int k = 0; k < x->n_rest; k++)
            spn_buf_printf(b, " %lld", (long long)x->rest[k]);
        spn_buf_puts(b, ")\n");
    }
}

/* The operation on two numbers that makes 24, as the first line of a judgement. */
static void show_last(struct spn_buf *b, const int64_t *v)
{
    struct move m[MOVES_MAX];
    int count = moves(v, 2, m);

    for (int i = 0; i < count; i++)
        if (m[i].c == 24) {
            spn_buf_printf(b, m[i].b < 0 ? "%lld %c (%lld) = 24\n" : "%lld %c %lld = 24\n",
                           (long long)m[i].a, m[i].op, (long long)m[i].b);
            return;
        }
}

char *scripted_reply(void *ctx, const char *asked, uint64_t key)
{
    static const struct scripted_faults digest = { 0.5, 0.6, false };
    static const char *const words[] = { "sure", "likely", "impossible" };
    const struct scripted_faults *faults = ctx != NULL ? ctx : &digest;
    struct spn_buf b = SPN_BUF_INIT(65536);
    struct spn_rng rng;
    int64_t v[4] = { 0 };
    int n = numbers(asked + 2, v);

    spn_rng_init(&rng, key);
    if (asked[0] == 'P') {
        propose(&b, v, n, faults, &rng);
    } else if (asked[0] == 'S') {
        spn_buf_puts(&b, spn_rng_unit(&rng) < 0.6 ? "Answer: (10 - 4) * 5 - 6 = 24"
                                                  : "Answer: 4 + 5 + 6 + 10 = 24");
    } else if (spn_rng_unit(&rng) < faults->truth) {
        if (n == 2)
            show_last(&b, v);
        spn_buf_puts(&b, reaches(v, n) ? "sure" : "impossible");
    } else {
        spn_buf_puts(&b, words[spn_rng_below(&rng, 3)]);
    }
    return whole(&b);
}
