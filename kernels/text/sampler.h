/* sampler.h - from logits to a token: the usual truncations in llama.cpp's order. */
#ifndef SPN_SAMPLER_H
#define SPN_SAMPLER_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/rng.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_sampling {
    float   temperature;         /* <= 0: greedy */
    int     top_k;               /* <= 0: off */
    float   top_p, min_p;        /* 1, 0: off */
    float   repeat_penalty, presence_penalty, frequency_penalty;         /* 1, 0, 0: off */
    int     penalty_last_n;      /* tokens looked back, prompt included; 0: none, -1: all */
    /* Zeros are off from here on. */
    float   typical_p;           /* 1 off too: keep what is about as surprising as is usual */
    float   top_n_sigma;         /* keep logits within so many deviations of the best */
    float   xtc_probability, xtc_threshold;      /* with that chance, only the least likely of the
                                                    tokens above the threshold is kept */
    float   dry_multiplier, dry_base;            /* against repeats: multiplier * base^(length - */
    int     dry_allowed_length, dry_last_n;      /* allowed); last_n -1: all tokens */
    int     mirostat;            /* 2: Mirostat 2 in the place of all truncations */
    float   mirostat_tau, mirostat_eta;
    const struct spn_logit_bias *bias;           /* added to logits before anything; lent */
    int     n_bias;
};
struct spn_logit_bias { int32_t token; float bias; };
/* llama.cpp's: temperature 0.8, top_k 40, top_p 0.95, min_p 0.05, penalties off over the last 64;
   the others off, with threshold 0.1, base 1.75, allowed length 2, last_n -1, tau 5, eta 0.1. */
void spn_sampling_default(struct spn_sampling *s);
/* SPN_EUSAGE: a number out of its range, or NaN. */
spn_status spn_sampling_check(const struct spn_sampling *s, struct spn_err *err);

struct spn_sampler;              /* scratch for one vocabulary size; one a thread */
struct spn_sampler *spn_sampler_new(int n_vocab);        /* NULL: no memory, or n_vocab < 1 */
void spn_sampler_free(struct spn_sampler *s);                    /* NULL is fine */
/* Draw from LOGITS [n_vocab] (not changed). RECENT: tokens so far, oldest first. Order: penalties,
   top_k, top_p, min_p, temperature, draw (one number from RNG, none when greedy).
   *LOGPROB: log probability of the drawn token under the model's own distribution (temperature 1,
   no penalty, no truncation); NULL: not wanted.
   At least one token always survives; equal logits are taken by the lowest id. A logit of -inf is
   never drawn. NaN or +inf among the logits, or -inf in all: SPN_EFORMAT. */
spn_status spn_sample(struct spn_sampler *s, const struct spn_sampling *o, const float *logits,
                      const int32_t *recent, int64_t n_recent, struct spn_rng *rng, int32_t *token,
                      float *logprob, struct spn_err *err);

/* What else a draw may look at; all zeros: the same as spn_sample. */
struct spn_sample_more {
    const uint64_t *allowed;     /* bit id % 64 of word id / 64: may be drawn; NULL: all may */
    const bool     *breaker;     /* [n_vocab] repeats do not run across these; NULL: none */
    float          *mu;          /* Mirostat's state of this sequence, 0 at its begin; NULL: none,
                                    each draw is a first one */
};
/* The whole order: bias, allowed, penalties, dry, top_n_sigma, top_k, typical, top_p, min_p, xtc,
   temperature, draw; with Mirostat: …, dry, temperature, Mirostat. SPN_EFORMAT also when nothing
   is allowed. */
spn_status spn_sample_with(struct spn_sampler *s, const struct spn_sampling *o,
                           const struct spn_sample_more *more, const float *logits,
                           const int32_t *recent, int64_t n_recent, struct spn_rng *rng,
                           int32_t *token, float *logprob, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
