/* generate_impl.h - what the two halves of the generator share (inside the library). */
#ifndef LM_GENERATE_IMPL_H
#define LM_GENERATE_IMPL_H
#include "base/rng.h"
#include "lm/generate.h"
#include "lm/prefix.h"
#include "lm/runner.h"

enum lm_state {
    LM_WAITING,
    LM_RUNNING,
    LM_DONE /* freed at the next step: its event lends from it */
};

struct lm_seq {
    int64_t id;
    enum lm_state state;
    int32_t *tok;                   /* prompt, then what was drawn */
    int64_t n_tok, n_prompt, limit; /* limit: tokens at which it ends */
    int64_t done;                   /* tokens whose keys are stored */
    int64_t placed;                 /* tokens that have places of its own in the store */
    int32_t kv;                     /* sequence of the store, -1 while it waits */
    int32_t entry;                  /* last block of its own in the prefix cache, pinned */
    int64_t cached;                 /* prompt tokens that came from the cache at its first start */
    bool started;
    int64_t blocks; /* blocks known to the cache up to ENTRY */
    bool closed;    /* the cache took no more of its blocks */
    struct spn_sampling sampling;
    struct spn_grammar *grammar; /* NULL: none */
    int32_t place;               /* in it */
    float mu;                    /* of Mirostat */
    struct spn_rng rng;
    const bool *stop_token;
    bool logprobs, score, reported; /* reported: the prompt's figures went out */
    int64_t score_from;
    float *prompt_logprob; /* [n_prompt - 1] */
};

/* What to do with one row of logits. */
struct lm_wanted {
    struct lm_seq *s;
    int32_t score; /* token whose log probability is wanted, -1 none */
    int64_t score_at;
    bool draw;
    int32_t token; /* results */
    float logprob;
    spn_status st;
    struct spn_err err;
};

struct spn_gen {
    struct spn_lm *m;
    struct spn_gen_options o;
    struct lm_runner runner;
    struct lm_prefix *prefix;     /* NULL: off */
    struct spn_sampler **sampler; /* one a thread */
    int n_samplers, n_draw;       /* n_draw: ids that may be drawn */
    uint64_t *allowed;            /* [n_samplers][(n_draw + 63) / 64] */
    bool *breaker;                /* [n_draw] tokens that no repeat runs across; NULL: not made */
    struct lm_seq **seq;          /* by id */
    int n_seq, room;
    int64_t next_id, ctx;
    struct lm_wanted *wanted; /* [out_max] */
    int n_wanted;
    struct spn_gen_event *event; /* [max_seqs + finished without a run] */
    int n_event, event_room;
    int64_t turn; /* where the next step begins to deal out rows */
    struct spn_gen_stats stats;
};

/* Back to the queue: its pages go, what it has drawn stays. */
void lm_seq_pause(struct spn_gen *g, struct lm_seq *s);
void lm_seq_free(struct spn_gen *g, struct lm_seq *s);
/* log softmax(LOGITS [n])[token], summed in double. */
float lm_logprob(const float *logits, int64_t n, int32_t token);

#endif
