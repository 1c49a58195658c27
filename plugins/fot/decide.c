/* decide.c - vote, score, chance, or the model as an expert. */
#include "config.h"

#include "decide.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define CHOOSE_TOKENS  512
#define SCORE_TOKENS   512
#define SHOWN_MAX      4 /* solutions shown to an expert */
#define PROMPT_CEILING ((size_t)1 << 20)

int decide_most(const struct decide_candidate *c, size_t n)
{
    int most = 0;

    for (size_t i = 0; i < n; i++) {
        int held = 0;

        for (size_t k = 0; k < n; k++)
            held += strcmp(c[k].same, c[i].same) == 0;
        if (held > most)
            most = held;
    }
    return most;
}

/* ---- the vote ---- */

static spn_status vote(const struct decide_candidate *c, size_t n, size_t *best, bool *tied,
                       struct spn_err *err)
{
    struct reason_ballot *b = spn_calloc(n, sizeof *b);
    int i;

    if (b == NULL)
        return spn_fail(err, SPN_ENOMEM, "fot: no memory for %zu ballots", n);
    for (size_t k = 0; k < n; k++)
        b[k] = (struct reason_ballot){ c[k].tree, c[k].same, c[k].weight };
    i = reason_vote(b, n, tied);
    *best = i >= 0 ? (size_t)i : 0;
    spn_free(b);
    return SPN_OK;
}

static double weight_of(const struct decide_candidate *c, size_t n, size_t i)
{
    double sum = 0;

    for (size_t k = 0; k < n; k++)
        if (strcmp(c[k].same, c[i].same) == 0)
            sum += c[k].weight;
    return sum;
}

static bool is_first(const struct decide_candidate *c, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(c[k].same, c[i].same) == 0)
            return false;
    return true;
}

static void put_votes(const struct reason_ground *g, const struct decide_candidate *c, size_t n,
                      const char *by)
{
    for (size_t i = 0; i < n && g->r->thoughts != NULL; i++)
        g->tables->thoughts->vote(g->r->thoughts, c[i].tree, c[i].same, c[i].weight, by);
}

/* ---- ratings ---- */

static spn_status ask_score(struct reason_ground *g, struct reason_calls *calls,
                            const struct decide_candidate *c, int64_t index, struct spn_err *err)
{
    const struct spn_place places[] = { { "question", g->r->question }, { "answer", c->text } };
    struct reason_ask a = { .owner = g,
                            .kind = REASON_SCORE,
                            .index = index,
                            .max_tokens = SCORE_TOKENS,
                            .key = reason_key(reason_tree_key(g->r->seed, c->tree), "rate", 0) };
    char *prompt = NULL;
    spn_status st = reason_words(g->r, "score", places, 2, &prompt, err);

    if (st == SPN_OK && prompt == NULL)
        st = spn_fail(err, SPN_EUSAGE, "fot: decide=score needs the section [score] of prompts");
    a.prompt = prompt;
    if (st == SPN_OK)
        st = reason_ask(calls, &a, err);
    spn_free(prompt);
    return st;
}

/* Weight of each candidate: its search's score, else a rating by the model, all asked for together.
   Only those whose weight is not finite are asked about. */
static spn_status rate(struct reason_ground *g, struct reason_calls *calls,
                       struct decide_candidate *c, size_t n, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; i < n && st == SPN_OK; i++)
        if (!isfinite(c[i].weight))
            st = ask_score(g, calls, &c[i], (int64_t)i, err);
    while (st == SPN_OK) {
        struct reason_reply reply;

        st = reason_next(calls, &reply, err);
        if (st != SPN_OK || reply.call.kind != REASON_SCORE || reply.call.owner != g)
            continue;
        c[reply.call.index].weight = reason_score(reply.text);
        if (g->r->thoughts != NULL && c[reply.call.index].node >= 0) {
            g->tables->thoughts->score(g->r->thoughts, c[reply.call.index].node,
                                       c[reply.call.index].weight);
            g->tables->thoughts->spent(g->r->thoughts, c[reply.call.index].node, reply.tokens_in,
                                       reply.tokens_out, reply.seconds);
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!isfinite(c[i].weight))
            c[i].weight = 0; /* the budget ended before its rating came */
    return st == SPN_ENOTFOUND ? SPN_OK : st;
}

/* ---- the expert ---- */

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

/* Which of the SHOWN candidates REPLY names: by its answer, else by its number; -1: none. */
static int named(const struct reason_ground *g, const struct decide_candidate *c,
                 const size_t *shown, size_t n, const char *reply)
{
    const struct spn_task *task = g->r->task;
    int64_t number = last_number(reply);
    int which = -1;

    if (task->canonical != NULL) {
        char *answer = task->extract(reply);
        char *same = answer != NULL ? task->canonical(answer) : NULL;

        for (size_t i = 0; i < n && same != NULL && which < 0; i++)
            if (strcmp(same, c[shown[i]].same) == 0)
                which = (int)i;
        spn_free(answer);
        spn_free(same);
    }
    if (which < 0 && number >= 1 && number <= (int64_t)n)
        which = (int)number - 1;
    return which;
}

/* The question and the candidates in the words of the set, or in ours. */
static spn_status expert_words(const struct reason_ground *g, const struct decide_candidate *c,
                               const size_t *shown, size_t n, char **out, struct spn_err *err)
{
    struct spn_buf list = SPN_BUF_INIT(PROMPT_CEILING), prompt = SPN_BUF_INIT(PROMPT_CEILING);
    struct spn_place places[] = { { "question", g->r->question }, { "answers", "" } };
    spn_status st = SPN_OK;

    *out = NULL;
    for (size_t i = 0; i < n; i++)
        spn_buf_printf(&list, "%s%zu:\n%s", i > 0 ? "\n" : "", i + 1, c[shown[i]].text);
    if (!list.failed) {
        places[1].text = list.data;
        st = reason_words(g->r, "choose", places, 2, out, err);
    }
    if (st == SPN_OK && *out == NULL && !list.failed) {
        spn_buf_printf(&prompt, "Question: %s\nSeveral answers were given:\n", g->r->question);
        for (size_t i = 0; i < n; i++)
            spn_buf_printf(&prompt, "%zu. %s\n", i + 1, c[shown[i]].answer);
        spn_buf_puts(
            &prompt,
            "Check each one. End with the number of the right answer, alone on the last line.");
        *out = prompt.failed ? NULL : spn_buf_steal(&prompt);
    }
    spn_buf_free(&list);
    spn_buf_free(&prompt);
    return st == SPN_OK && *out == NULL
               ? spn_fail(err, SPN_ENOMEM, "fot: no memory to ask for a choice")
               : st;
}

static void note(const struct reason_ground *g, const struct decide_candidate *c, int which,
                 const char *reply)
{
    if (g->r->thoughts == NULL)
        return;
    g->tables->thoughts->event(g->r->thoughts, "expert", reply);
    if (which >= 0)
        g->tables->thoughts->vote(g->r->thoughts, c->tree, c->same, 1, "expert");
}

/* Ask which of the most frequent answers is right; *BEST stays when the reply names none. */
static spn_status ask_expert(struct reason_ground *g, struct reason_calls *calls,
                             const struct decide_candidate *c, size_t n, size_t *best,
                             struct spn_err *err)
{
    double most = weight_of(c, n, *best);
    size_t shown[SHOWN_MAX], n_shown = 0;
    struct reason_reply reply;
    struct reason_ask a = { .owner = g,
                            .kind = REASON_CHOOSE,
                            .max_tokens = CHOOSE_TOKENS,
                            .key = reason_key(spn_key_seed(g->r->seed), "choose", 0) };
    char *prompt = NULL;
    spn_status st;

    for (size_t i = 0; i < n && n_shown < SHOWN_MAX; i++)
        if (is_first(c, i) && weight_of(c, n, i) == most)
            shown[n_shown++] = i;
    st = expert_words(g, c, shown, n_shown, &prompt, err);
    a.prompt = prompt;
    if (st == SPN_OK)
        st = reason_ask(calls, &a, err);
    spn_free(prompt);
    while (st == SPN_OK) {
        int which;

        st = reason_next(calls, &reply, err);
        if (st != SPN_OK || reply.call.kind != REASON_CHOOSE)
            continue;
        which = named(g, c, shown, n_shown, reply.text);
        if (which >= 0)
            *best = shown[which];
        note(g, &c[*best], which, reply.text);
        return SPN_OK;
    }
    /* No call under way: the budget is spent, and the vote stands. */
    return st == SPN_ENOTFOUND && calls->ended != NULL ? SPN_OK : st;
}

/* The tied answers are rated; the one whose best solution is rated highest wins. */
static spn_status rate_tied(struct reason_ground *g, struct reason_calls *calls,
                            struct decide_candidate *c, size_t n, size_t *best, struct spn_err *err)
{
    double most = weight_of(c, n, *best), highest = -1;
    double *votes = spn_calloc(n, sizeof *votes);
    spn_status st;

    if (votes == NULL)
        return spn_fail(err, SPN_ENOMEM, "fot: no memory for %zu votes", n);
    for (size_t i = 0; i < n; i++)
        votes[i] = weight_of(c, n, i);
    for (size_t i = 0; i < n; i++)
        c[i].weight = votes[i] == most ? NAN : -1;
    st = rate(g, calls, c, n, err);
    for (size_t i = 0; i < n; i++)
        if (votes[i] == most && c[i].weight > highest) {
            highest = c[i].weight;
            *best = i;
        }
    spn_free(votes);
    return st;
}

spn_status decide(struct reason_ground *g, const struct fot_options *o, struct reason_calls *expert,
                  struct decide_candidate *c, size_t n, int *tree, struct spn_err *err)
{
    bool tied = false, words = g->r->prompts != NULL;
    size_t best = 0;
    spn_status st = SPN_OK;

    for (size_t i = 0; i < n; i++)
        c[i].weight = o->decide != FOT_SCORE ? 1
                      : isfinite(c[i].score) ? c[i].score
                      : words                ? NAN
                                             : 0;
    if (o->decide == FOT_SCORE)
        st = rate(g, &g->calls, c, n, err);
    put_votes(g, c, n, o->decide == FOT_SCORE ? "score" : "vote");
    if (st == SPN_OK)
        st = vote(c, n, &best, &tied, err);
    if (o->decide == FOT_RANDOM) {
        struct spn_rng rng;

        spn_rng_init(&rng, reason_key(spn_key_seed(g->r->seed), "decide", 0));
        best = (size_t)spn_rng_below(&rng, n);
    }
    if (st == SPN_OK && o->decide == FOT_CGED && tied)
        st = o->tie_score && words ? rate_tied(g, expert, c, n, &best, err)
                                   : ask_expert(g, expert, c, n, &best, err);
    *tree = c[best].tree;
    return st;
}
