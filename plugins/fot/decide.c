/* decide.c - vote, score, chance, or the model as an expert. */
#include "config.h"

#include "decide.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"

#define CHOOSE_TOKENS  512
#define PROMPT_CEILING ((size_t)1 << 20)

int decide_most(const struct reason_ballot *b, size_t n)
{
    int most = 0;

    for (size_t i = 0; i < n; i++) {
        int held = 0;

        for (size_t k = 0; k < n; k++)
            held += strcmp(b[k].answer, b[i].answer) == 0;
        if (held > most)
            most = held;
    }
    return most;
}

/* The last whole number in TEXT, 0: none (or one too large to name a candidate). */
static int64_t last_number(const char *text)
{
    int64_t value = 0;

    for (const char *s = text; *s != '\0';) {
        if (!isdigit((unsigned char)*s)) {
            s++;
            continue;
        }
        for (value = 0; isdigit((unsigned char)*s); s++)
            value = value < 1000000 ? value * 10 + (*s - '0') : value;
    }
    return value;
}

/* Ask which of the candidates is right; *TREE stays when the reply names none. */
static spn_status ask_expert(struct reason_ground *g, const struct reason_ballot *b, size_t n,
                             int *tree, struct spn_err *err)
{
    struct spn_buf prompt = SPN_BUF_INIT(PROMPT_CEILING);
    struct reason_reply reply;
    spn_status st;

    spn_buf_printf(&prompt, "Question: %s\nSeveral answers were given:\n", g->r->question);
    for (size_t i = 0; i < n; i++)
        spn_buf_printf(&prompt, "%zu. %s\n", i + 1, b[i].answer);
    spn_buf_puts(
        &prompt,
        "Check each one. End with the number of the right answer, alone on the last line.");
    if (prompt.failed) {
        spn_buf_free(&prompt);
        return spn_fail(err, SPN_ENOMEM, "fot: no memory to ask for a choice");
    }
    struct reason_ask a = {
        g,           REASON_CHOOSE, 0,
        prompt.data, CHOOSE_TOKENS, reason_key(spn_key_seed(g->r->seed), "choose", 0),
        false
    };

    st = reason_ask(&g->calls, &a, err);
    spn_buf_free(&prompt);
    while (st == SPN_OK) {
        st = reason_next(&g->calls, &reply, err);
        if (st != SPN_OK || reply.call.kind != REASON_CHOOSE)
            continue;
        int64_t named = last_number(reply.text);

        if (named >= 1 && named <= (int64_t)n)
            *tree = b[named - 1].tree;
        if (g->r->thoughts != NULL) {
            g->tables->thoughts->event(g->r->thoughts, "expert", reply.text);
            if (named >= 1 && named <= (int64_t)n)
                g->tables->thoughts->vote(g->r->thoughts, *tree, b[named - 1].answer, 1, "expert");
        }
        return SPN_OK;
    }
    /* No call under way: the budget is spent, and the vote stands. */
    return st == SPN_ENOTFOUND && g->calls.ended != NULL ? SPN_OK : st;
}

spn_status decide(struct reason_ground *g, enum fot_decide how, const struct reason_ballot *b,
                  size_t n, int *tree, struct spn_err *err)
{
    bool tied = false;
    int best = reason_vote(b, n, &tied);

    if (best < 0)
        return SPN_OK;
    *tree = b[best].tree;
    if (how == FOT_RANDOM) {
        struct spn_rng rng;

        spn_rng_init(&rng, reason_key(spn_key_seed(g->r->seed), "decide", 0));
        *tree = b[spn_rng_below(&rng, n)].tree;
    }
    return how == FOT_CGED && tied ? ask_expert(g, b, n, tree, err) : SPN_OK;
}
