/* test_sampler_more.c - the truncations that are off by default: which tokens each keeps, judged by
 * plain sums over a handful of probabilities. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tap.h"
#include "text/sampler.h"

enum { N = 6, DRAWS = 4000 };
static const double p[N] = { 0.4, 0.25, 0.15, 0.1, 0.07, 0.03 };
static const struct spn_sampling plain = { .temperature = 1, .top_p = 1, .repeat_penalty = 1 };

/* Which of the tokens are drawn at all, as a set; -1: an error. */
static int drawn(const struct spn_sampling *o, const struct spn_sample_more *more,
                 const int32_t *recent, int64_t n_recent, double share[N])
{
    struct spn_sampler *s = spn_sampler_new(N);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_rng rng;
    float logits[N];
    int set = 0, count[N] = { 0 };

    for (int i = 0; i < N; i++)
        logits[i] = (float)log(p[i]);
    spn_rng_init(&rng, 5);
    for (int i = 0; i < DRAWS && set >= 0; i++) {
        int32_t id = 0;

        if (spn_sample_with(s, o, more, logits, recent, n_recent, &rng, &id, NULL, &err) != SPN_OK)
            set = -1;
        else {
            set |= 1 << id;
            count[id]++;
        }
    }
    for (int i = 0; share != NULL && i < N; i++)
        share[i] = count[i] / (double)DRAWS;
    spn_sampler_free(s);
    return set;
}

static void keeps(struct spn_sampling o, int want, const char *what)
{
    const struct spn_sample_more none = { .allowed = NULL };

    ok_int(drawn(&o, &none, NULL, 0, NULL), want, what);
}

static void test_truncations(void)
{
    struct spn_sampling o = plain;

    keeps(o, 63, "nothing is cut");
    /* H = 1.53 nats; |-ln p - H| is 0.15 (1), 0.37 (2), 0.61 (0), 0.77 (3): 0.25 + 0.15 + 0.4. */
    o.typical_p = 0.3f;
    keeps(o, 2 | 4, "typical 0.3");
    o.typical_p = 0.5f;
    keeps(o, 1 | 2 | 4, "typical 0.5");
    o = plain;
    /* The deviation of the logits is 0.88: the least is ln 0.4 - 0.88 = ln 0.166. */
    o.top_n_sigma = 1;
    keeps(o, 1 | 2, "top_n_sigma 1");
    o = plain;
    o.xtc_probability = 1;
    o.xtc_threshold = 0.12f;
    keeps(o, 4 | 8 | 16 | 32, "xtc keeps the least likely of those above");
    o.xtc_threshold = 0.3f;
    keeps(o, 63, "xtc needs two");
    o.xtc_threshold = 0.6f;
    keeps(o, 63, "xtc is off above a half");
    o.xtc_threshold = 0.12f;
    o.top_k = 2;
    keeps(o, 2, "top_k comes before xtc");
    o = plain;
    o.mirostat = 2;
    o.mirostat_tau = 0.7f; /* mu 1.4 bits: p >= 0.379 */
    keeps(o, 1, "mirostat's first draw");
}

static void test_bias_and_mask(void)
{
    static const struct spn_logit_bias bias[] = { { 0, -INFINITY }, { 5, 2 } };
    const uint64_t allowed = 1 | 2 | 32, nothing = 0;
    struct spn_sample_more more = { .allowed = &allowed };
    struct spn_sampling o = plain;
    double share[N], want = 0.03 * exp(2) / (0.25 + 0.03 * exp(2));

    o.bias = bias;
    o.n_bias = 2;
    ok_int(drawn(&o, &more, NULL, 0, share), 2 | 32, "a bias forbids, a mask too");
    ok_near(share[5], want, 0.03, "and one raises");
    more.allowed = &nothing;
    ok_int(drawn(&o, &more, NULL, 0, NULL), -1, "nothing is allowed");
    more.allowed = &allowed;
    o.temperature = 0;
    ok_int(drawn(&o, &more, NULL, 0, NULL), 2, "greedy among what is left");
}

static void test_dry(void)
{
    static const int32_t recent[] = { 3, 4, 0, 5, 3, 4 };
    static const bool breaker[N] = { [4] = true };
    struct spn_sample_more more = { .breaker = NULL };
    struct spn_sampling o = plain;
    double share[N], less = exp(-2.0), rest = 0.6;

    o.dry_multiplier = 2;
    o.dry_base = 3;
    o.dry_allowed_length = 2;
    o.dry_last_n = -1;
    drawn(&o, &more, recent, 6, share); /* 3 4 0 was seen: 0 would make it a repeat of two */
    ok_near(share[0], 0.4 * less / (0.4 * less + rest), 0.03, "a repeat of two costs 2 * 3^0");
    o.dry_allowed_length = 1;
    less = exp(-6.0);
    drawn(&o, &more, recent, 6, share);
    ok_near(share[0], 0.4 * less / (0.4 * less + rest), 0.03, "with one free, 2 * 3^1");
    o.dry_allowed_length = 3;
    drawn(&o, &more, recent, 6, share);
    ok_near(share[0], 0.4, 0.03, "shorter repeats are free");
    o.dry_allowed_length = 2;
    more.breaker = breaker;
    drawn(&o, &more, recent, 6, share);
    ok_near(share[0], 0.4, 0.03, "and no repeat runs across a breaker");
    more.breaker = NULL;
    o.dry_last_n = 3;
    drawn(&o, &more, recent, 6, share);
    ok_near(share[0], 0.4, 0.03, "nor is more looked at than asked for");
}

/* The mean surprise of what is drawn comes to tau. */
static void test_mirostat(void)
{
    enum { WORDS = 400 };
    struct spn_sampler *s = spn_sampler_new(WORDS);
    struct spn_sampling o = plain;
    struct spn_err err = SPN_ERR_INIT;
    float logits[WORDS], mu = 0;
    struct spn_sample_more more = { .mu = &mu };
    double mass = 0, bits = 0;
    struct spn_rng rng;

    spn_rng_init(&rng, 11);
    for (int i = 0; i < WORDS; i++) {
        logits[i] = -1.1f * logf((float)(i + 1));
        mass += exp(logits[i]);
    }
    o.mirostat = 2;
    o.mirostat_tau = 3;
    o.mirostat_eta = 0.1f;
    for (int i = 0; i < 3000; i++) {
        int32_t id = 0;

        if (spn_sample_with(s, &o, &more, logits, NULL, 0, &rng, &id, NULL, &err) != SPN_OK)
            break;
        if (i >= 1000)
            bits -= log2(exp(logits[id]) / mass) / 2000;
    }
    ok(bits > 2 && bits < 4 && mu > 0, "mirostat holds %.2f bits a token near 3, mu %.2f", bits,
       (double)mu);
    spn_sampler_free(s);
}

static void refused(struct spn_sampling o, const char *words)
{
    struct spn_err err = SPN_ERR_INIT;

    ok(spn_sampling_check(&o, &err) == SPN_EUSAGE && strstr(err.text, words) != NULL, "%s",
       err.text);
}

int main(void)
{
    struct spn_sampling o = plain;

    test_truncations();
    test_bias_and_mask();
    test_dry();
    test_mirostat();
    o.typical_p = NAN;
    refused(o, "typical_p");
    o = plain;
    o.mirostat = 1;
    refused(o, "mirostat 1");
    o = plain;
    o.dry_multiplier = 1;
    refused(o, "dry_base");
    return done();
}
