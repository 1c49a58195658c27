/* reason.h - what the reasoners share: calls over an engine with a budget, random streams by path,
   verdicts kept by state, votes.  Linked into each reasoner as a convenience library; no state
   outside its structs. */
#ifndef PLUGINS_COMMON_REASON_H
#define PLUGINS_COMMON_REASON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "spinney/engine.h"
#include "spinney/plugin.h"
#include "spinney/thoughts.h"

/* The host's tables that a reasoner needs. */
struct reason_tables {
    const struct spn_engine_api *engine;
    const struct spn_thoughts_api *thoughts;
};
/* What every reasoner's declare does: find the tables, register REASONER as NAME. */
spn_status reason_declare(struct reason_tables *t, const struct spn_host *host, const char *name,
                          const struct spn_reasoner *reasoner, struct spn_err *err);

/* ---- calls: many under way at once, answers in any order ---- */
enum reason_kind {
    REASON_PROPOSE,
    REASON_VALUE,
    REASON_SOLVE,
    REASON_CHOOSE,
    REASON_SCORE,
    REASON_CRITIQUE,
    REASON_PLAN,
    REASON_TOOL
};

struct reason_call { /* one call under way */
    int64_t ticket;
    void *owner; /* who asked: a tree, a verdict */
    enum reason_kind kind;
    int64_t index;                /* the owner's: which state, which sample */
    bool dropped;                 /* cancelled by us; its answer still has to be counted */
    bool unasked; /* its prompt does not fit the context: an empty reply, no ticket */
    struct reason_stream *stream; /* NULL: nobody looks at its text while it comes */
};

struct reason_ask {
    void *owner;
    enum reason_kind kind;
    int64_t index;
    const char *prompt; /* a user message; copied */
    int64_t max_tokens;
    uint64_t key; /* random stream of this call */
    bool logprobs;
    /* What the reply begins with, not part of it; NULL: nothing. */
    const char *prefill;
    /* A worked example before the prompt; NULL: none. */
    const char *example_question, *example_answer;
    const char *stop; /* a string that ends the reply; NULL: none */
    /* Asked when a line of the reply is complete (its text so far, from its beginning): true ends
       the call here, and what came is its reply. */
    bool (*enough)(void *ctx, const char *text);
    void *enough_ctx;
};

struct reason_reply {
    struct reason_call call;
    const char *text; /* lent until the next reason_next */
    int64_t tokens_in, tokens_out;
    double seconds;
    double mean_logprob; /* of its tokens; NaN: not asked for, or none */
    bool cut;            /* it hit max_tokens */
};

struct reason_calls {
    const struct spn_engine_api *api;
    const struct spn_reason_request *r;
    struct spn_engine *engine; /* the request's, or another one */
    struct spn_sampling sampling;
    double started; /* seconds on the monotonic clock */
    struct reason_call *open;
    size_t n_open, room;
    struct spn_buf text;
    int64_t calls, tokens_in, tokens_cached, tokens_out;
    int64_t streamed;  /* pieces of text that came, with a budget: tokens drawn, also by calls under
                          way */
    bool full;         /* the budget of calls is asked for: those under way are still waited for */
    const char *ended; /* NULL, or "budget" or "user": nothing more is asked or waited for */
};

/* TEMPERATURE replaces the request's. R is lent for the whole run. */
void reason_calls_init(struct reason_calls *c, const struct spn_engine_api *api,
                       const struct spn_reason_request *r, double temperature);
/* Cancels what is open, counts it, frees. Twice is fine. */
void reason_calls_end(struct reason_calls *c);
void reason_calls_free(struct reason_calls *c);
/* Queue a call. With the budget spent, or the user gone, nothing is queued, reason_open says so:
   still SPN_OK. */
spn_status reason_ask(struct reason_calls *c, const struct reason_ask *a, struct spn_err *err);
/* May anything still be asked? */
bool reason_open(const struct reason_calls *c);
/* Wait for any answer that is still wanted. SPN_ENOTFOUND: none is under way, or c->ended was just
 * set. */
spn_status reason_next(struct reason_calls *c, struct reason_reply *out, struct spn_err *err);
/* Stop the calls of OWNER; INDEX_FROM and above alone. */
void reason_drop(struct reason_calls *c, const void *owner, int64_t index_from);
bool reason_waits(const struct reason_calls *c, const void *owner);
double reason_now(void); /* monotonic seconds */
/* Calls, tokens and seconds of the run so far into OUT. */
void reason_calls_totals(const struct reason_calls *c, struct spn_reason_result *out);

/* ---- what is said ---- */

/* The words of SECTION of the request's prompts, filled in; free with spn_free. NULL with SPN_OK:
   the set has no such section. */
spn_status reason_words(const struct spn_reason_request *r, const char *section,
                        const struct spn_place *places, size_t n, char **out, struct spn_err *err);
/* The call for a worked answer to INPUT: section [answer], else the task's own words. */
spn_status reason_answer_words(const struct spn_reason_request *r, const char *input, char **out,
                               struct spn_err *err);
/* Does TEXT decline to answer? Such a reply never wins a vote. */
bool reason_refuses(const char *text);
/* Number after the last "Score" of a reply, 0..100; 0 when there is none. */
double reason_score(const char *reply);

/* ---- random streams: by what they are for, never by order ---- */
uint64_t reason_key(uint64_t path, const char *kind, int64_t sample);
uint64_t reason_tree_key(uint64_t seed, int tree);

/* ---- verdicts: values of states, kept within one run by the task's value key ---- */
struct reason_verdict {
    char *key;
    int have, refs; /* replies so far; trees that wait or use it */
    bool asked, done;
    double value; /* once done: the sum over the samples, in their order */
    double *each; /* [samples] */
    char **reply; /* [samples] */
    int64_t node; /* thought that pays for it; -1: none */
};
struct reason_verdicts {
    struct reason_calls *calls; /* all lent */
    const struct reason_tables *tables;
    const struct spn_reason_request *r;
    int samples; /* value calls a state */
    struct reason_verdict **item;
    size_t n, room;
    int64_t spared; /* states whose verdict was already there or on its way */
};
void reason_verdicts_free(struct reason_verdicts *v);
/* The verdict on STATE, asked for when it is new; paid for by thought NODE. Give it back with
 * reason_verdict_drop. */
spn_status reason_verdict_want(struct reason_verdicts *v, const char *state, int64_t node,
                               struct reason_verdict **out, struct spn_err *err);
spn_status reason_verdict_reply(struct reason_verdicts *v, struct reason_verdict *d,
                                const struct reason_reply *reply, struct spn_err *err);
/* One user less; the last one stops calls that nobody waits for. */
void reason_verdict_drop(struct reason_verdicts *v, struct reason_verdict *d);

/* ---- votes ---- */
struct reason_ballot {
    int tree;
    const char *answer;
    double weight;
}; /* lent */
/* Index of the ballot that wins: the answer with most weight in all, the earliest ballot of it;
   equal weights: the answer that was given first. *TIED: another answer weighs as much. -1: no
   ballot has an answer. */
int reason_vote(const struct reason_ballot *b, size_t n, bool *tied);

/* ---- text ---- */
/* The next line of *TEXT that is not blank, trimmed, as a copy in *LINE (free with spn_free); false
 *at the end. LINE is NULL with true when memory is short. */
bool reason_line(const char **text, char **line);

#endif
