/* generate.h - continuous batching over one model: many sequences, one batched step a token, shared
 * prefixes read once. */
#ifndef SPN_LM_GENERATE_H
#define SPN_LM_GENERATE_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "lm/model.h"
#include "text/grammar.h"
#include "text/sampler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_gen_options {
    int64_t ctx;          /* most tokens a sequence; 0: the model's, less where memory is short */
    int64_t cache_tokens; /* tokens of keys and values in all; 0: as many as sensible within free
                             memory */
    int max_rows;         /* rows of a step (prefill chunk + decodes), default 512 */
    int chunk;            /* prompt tokens a step and sequence, default 256 */
    int max_seqs;         /* sequences that decode together, default 256; more wait */
    bool prefix_cache;    /* default true */
    int kv_dtype;         /* SPN_F32 (default) or SPN_F16 */
    struct spn_pool *pool;
};
void spn_gen_options_default(struct spn_gen_options *o);

struct spn_gen;
/* O NULL: the defaults. States its memory before it takes it: SPN_ENOMEM names need and free. M
   outlives the generator. One thread at a time uses a generator. */
spn_status spn_gen_new(struct spn_gen **out, struct spn_lm *m, const struct spn_gen_options *o,
                       struct spn_err *err);
void spn_gen_free(struct spn_gen *g);             /* NULL is fine */
uint64_t spn_gen_bytes(const struct spn_gen *g);  /* arena, keys and values */
int64_t spn_gen_context(const struct spn_gen *g); /* most tokens a sequence */

struct spn_gen_request {
    const int32_t *prompt;
    int64_t n_prompt;
    int64_t max_tokens; /* -1: until the context is full */
    struct spn_sampling sampling;
    struct spn_grammar *grammar; /* what is drawn follows it; lent until done; NULL: none */
    uint64_t rng_key;  /* random stream of this sequence */
    bool logprobs;     /* of the drawn tokens */
    bool score_prompt; /* log p of every prompt token given those before: no token is generated when
                          max_tokens is 0 */
    int64_t score_from; /* prompt tokens before this one are not scored (their figures are 0) and
                           may come from the cache */
    const bool
        *stop_token; /* [n_vocab], lent until done; NULL: the tokenizer's end-of-generation set */
};
/* Queue a sequence; ids grow from 1. SPN_EUSAGE: empty prompt, an id out of range, prompt longer
 * than the context. */
spn_status spn_gen_add(struct spn_gen *g, const struct spn_gen_request *r, int64_t *id,
                       struct spn_err *err);
void spn_gen_cancel(struct spn_gen *g,
                    int64_t id); /* its pages are free at once; unknown ids are ignored */
int spn_gen_active(const struct spn_gen *g); /* sequences queued or running */

enum spn_gen_finish { SPN_GEN_RUNNING, SPN_GEN_STOP /* a stop token */, SPN_GEN_LENGTH };
struct spn_gen_event {
    int64_t id;
    int32_t token;              /* -1: no token (score finished, or max_tokens 0) */
    float logprob;              /* 0 unless asked for */
    enum spn_gen_finish finish; /* a stop token itself is reported with finish STOP */
    /* [n_prompt - 1] at the first event of a score_prompt request: entry i is of prompt token i + 1
     */
    const float *prompt_logprob;
    int64_t n_prompt_logprob;
    int64_t n_cached; /* prompt tokens whose keys came from the prefix cache */
};
/* One step: some prompt chunks and a token for every decoding sequence. Events and what they point
   to are lent until the next call. A sequence whose pages are wanted by older ones waits and is
   computed again, with the same result. SPN_EFORMAT: logits that are not numbers; the generator can
   only be freed then. */
spn_status spn_gen_step(struct spn_gen *g, const struct spn_gen_event **events, int *n_events,
                        struct spn_err *err);

struct spn_gen_stats {
    int64_t prompt_tokens, cached_tokens, generated_tokens, steps;
    int64_t pages_used, pages_shared,
        pages_total; /* of one layer each; a shared page counts once in pages_used */
    double seconds_prefill, seconds_decode; /* a step's time, shared out by rows */
};
void spn_gen_stats(const struct spn_gen *g, struct spn_gen_stats *s);

#ifdef __cplusplus
}
#endif
#endif
