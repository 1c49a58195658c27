/* test_sampler.c - samplers against a slow evaluation of the same rules that sorts everything, in
 * double. */
#include "config.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "tap.h"
#include "tensor/weigh.h"
#include "text/sampler.h"

#define DRAWS 4000

struct slow {
    double logit;
    int id;
    bool kept;
    double p;
};

static int by_logit(const void *a, const void *b)
{
    const struct slow *x = a, *y = b;

    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return x->id - y->id;
}

/* The distribution that the rules of sampler.h define, into P[N]. Nothing here is shared with
 * sampler.c. */
static void evaluate(const struct spn_sampling *o, const float *logits, int n,
                     const int32_t *recent, int n_recent, double *p)
{
    struct slow *s = calloc((size_t)n, sizeof *s);
    int from = o->penalty_last_n < 0 || n_recent < o->penalty_last_n ? 0
                                                                     : n_recent - o->penalty_last_n,
        k = n;
    double mass = 0, taken = 0, best;

    for (int i = 0; i < n; i++) {
        int count = 0;

        for (int j = from; j < n_recent; j++)
            count += recent[j] == i;
        s[i] = (struct slow){ logits[i], i, false, 0 };
        if (count > 0 && o->penalty_last_n != 0) {
            s[i].logit =
                s[i].logit > 0 ? s[i].logit / o->repeat_penalty : s[i].logit * o->repeat_penalty;
            s[i].logit =
                (float)((float)s[i].logit - (count * o->frequency_penalty + o->presence_penalty));
        }
    }
    qsort(s, (size_t)n, sizeof *s, by_logit);
    if (o->top_k > 0 && o->top_k < k)
        k = o->top_k;
    best = s[0].logit;
    for (int i = 0; i < k; i++)
        mass += exp(s[i].logit - best);
    if (o->top_p < 1) {
        int keep = 0;

        while (keep < k && (keep == 0 || taken < o->top_p * mass))
            taken += exp(s[keep++].logit - best);
        k = keep;
    }
    if (o->min_p > 0) {
        int keep = 0;

        while (keep < k && exp(s[keep].logit - best) >= o->min_p * (1 - 1e-6))
            keep++;
        k = keep;
    }
    if (o->temperature <= 0)
        k = 1;
    mass = 0;
    for (int i = 0; i < k; i++)
        mass += exp((s[i].logit - best) / (o->temperature <= 0 ? 1 : o->temperature));
    for (int i = 0; i < n; i++)
        p[s[i].id] =
            i < k ? exp((s[i].logit - best) / (o->temperature <= 0 ? 1 : o->temperature)) / mass
                  : 0;
    free(s);
}

/* Chi-square of DRAWS draws, rare tokens pooled; false when a token of probability 0 came or the
   sum is beyond six deviations. */
static bool agrees(struct spn_sampler *s, const struct spn_sampling *o, const float *logits, int n,
                   const int32_t *recent, int n_recent, uint64_t seed)
{
    double *p = calloc((size_t)n, sizeof *p), chi = 0, rare = 0, cells = -1;
    int *count = calloc((size_t)n, sizeof *count), rare_count = 0;
    struct spn_rng rng;
    struct spn_err err = SPN_ERR_INIT;
    bool fine = true;

    evaluate(o, logits, n, recent, n_recent, p);
    spn_rng_init(&rng, spn_key_seed(seed));
    for (int i = 0; i < DRAWS; i++) {
        int32_t token = -1;

        if (spn_sample(s, o, logits, recent, n_recent, &rng, &token, NULL, &err) != SPN_OK ||
            token < 0 || token >= n)
            fine = false;
        else
            count[token]++;
    }
    for (int i = 0; i < n; i++) {
        double want = p[i] * DRAWS;

        if (p[i] <= 0 && count[i] > 0)
            fine = false;
        if (want >= 5) {
            chi += (count[i] - want) * (count[i] - want) / want;
            cells++;
        } else {
            rare += want;
            rare_count += count[i];
        }
    }
    if (rare >= 5) {
        chi += (rare_count - rare) * (rare_count - rare) / rare;
        cells++;
    } else if (rare_count > 5 * rare + 12) {
        fine = false;
    }
    if (!(chi <= cells + 6 * sqrt(2 * (cells < 1 ? 1 : cells)) + 12))
        fine = false;
    if (!fine)
        printf("# chi %g with %g degrees of freedom\n", chi, cells);
    free(p);
    free(count);
    return fine;
}

static void random_logits(float *l, int n, struct spn_rng *rng, bool ties)
{
    for (int i = 0; i < n; i++) {
        l[i] = (float)(spn_rng_normal(rng) * 3);
        if (ties)
            l[i] = (float)floor(l[i]);
    }
}

static void test_distribution(void)
{
    static const int sizes[] = { 1, 2, 12, 500 };
    struct spn_rng rng;
    int bad = 0, run = 0;

    spn_rng_init(&rng, spn_key_seed(7));
    for (int k = 0; k < 240; k++) {
        int n = sizes[k % 4], n_recent = (int)spn_rng_below(&rng, 20);
        struct spn_sampler *s = spn_sampler_new(n);
        struct spn_sampling o;
        float logits[500];
        int32_t recent[20];

        random_logits(logits, n, &rng, k % 3 == 0);
        for (int i = 0; i < n_recent; i++)
            recent[i] = (int32_t)spn_rng_below(&rng, (uint64_t)n);
        spn_sampling_default(&o);
        o.temperature = k % 7 == 6 ? 0 : 0.3f + (float)spn_rng_unit(&rng) * 1.5f;
        o.top_k = k % 5 == 0 ? 0 : 1 + (int)spn_rng_below(&rng, (uint64_t)n + 2);
        o.top_p = k % 5 == 1 ? 1 : (float)spn_rng_unit(&rng);
        o.min_p = k % 5 == 2 ? 0 : (float)(spn_rng_unit(&rng) * 0.3);
        if (k % 2 == 1) {
            o.repeat_penalty = 0.7f + (float)spn_rng_unit(&rng);
            o.presence_penalty = (float)spn_rng_unit(&rng);
            o.frequency_penalty = (float)spn_rng_unit(&rng) - 0.3f;
            o.penalty_last_n = (int)spn_rng_below(&rng, 22) - 1;
        }
        run++;
        if (!agrees(s, &o, logits, n, recent, n_recent, (uint64_t)k + 100)) {
            printf("# case %d: n %d T %g k %d p %g m %g pen %g %g %g last %d\n", k, n,
                   (double)o.temperature, o.top_k, (double)o.top_p, (double)o.min_p,
                   (double)o.repeat_penalty, (double)o.presence_penalty,
                   (double)o.frequency_penalty, o.penalty_last_n);
            bad++;
        }
        spn_sampler_free(s);
    }
    ok(bad == 0, "%d distributions of %d agree with the slow evaluation (chi-square)", run - bad,
       run);
}

static int32_t draw(struct spn_sampler *s, const struct spn_sampling *o, const float *logits,
                    const int32_t *recent, int n, uint64_t seed, float *logprob)
{
    struct spn_rng rng;
    struct spn_err err = SPN_ERR_INIT;
    int32_t token = -1;

    spn_rng_init(&rng, spn_key_seed(seed));
    return spn_sample(s, o, logits, recent, n, &rng, &token, logprob, &err) == SPN_OK
               ? token
               : -1 - err.code;
}

static const struct spn_sampling off = { .temperature = 1, .top_p = 1, .repeat_penalty = 1 };

static void test_properties(void)
{
    struct spn_sampler *s = spn_sampler_new(6);
    const float flat[6] = { 1, 1, 1, 1, 1, 1 }, mixed[6] = { -1, 2, 0.5f, 2, -3, 1 };
    const int32_t recent[5] = { 1, 3, 3, 1, 1 };
    struct spn_sampling o = off;
    float logprob = 0;
    bool same = true, one = true;
    double mass = 0;

    ok(agrees(s, &off, mixed, 6, NULL, 0, 3), "all off leaves the distribution unchanged");
    for (int i = 0; i < 6; i++)
        mass += exp(mixed[i]);
    o.temperature = 0;
    ok_int(draw(s, &o, mixed, NULL, 0, 1, &logprob), 1, "greedy takes the lowest of equal ids");
    ok_near(logprob, 2 - log(mass), 1e-6, "log probability of the model itself");
    o = off;
    o.top_k = 1;
    for (uint64_t i = 0; i < 50; i++)
        one &= draw(s, &o, flat, NULL, 0, i, NULL) == 0;
    o = off;
    o.top_p = 0;
    for (uint64_t i = 0; i < 50; i++)
        one &= draw(s, &o, flat, NULL, 0, i, NULL) == 0;
    o = off;
    o.min_p = 1;
    for (uint64_t i = 0; i < 50; i++)
        one &= draw(s, &o, mixed, NULL, 0, i, NULL) % 2 == 1;
    ok(one, "top_k 1, top_p 0 and min_p 1 keep what is best, the lowest ids of equal ones");
    for (uint64_t i = 0; i < 50; i++)
        same &= draw(s, &off, mixed, NULL, 0, i, NULL) == draw(s, &off, mixed, NULL, 0, i, NULL);
    ok(same, "the same seed draws the same token");
    o = off;
    o.temperature = 0;
    o.presence_penalty = 3;
    o.penalty_last_n = -1;
    ok_int(draw(s, &o, mixed, recent, 5, 1, NULL), 5,
           "penalties count every token given, the prompt's too");
    o.penalty_last_n = 2;
    ok_int(draw(s, &o, mixed, recent, 5, 1, NULL), 3, "penalty_last_n looks back that far");
    o.penalty_last_n = 0;
    ok_int(draw(s, &o, mixed, recent, 5, 1, NULL), 1, "penalty_last_n 0 is off");
    o = off;
    o.temperature = 0;
    o.repeat_penalty = 2.5f;
    o.penalty_last_n = -1;
    draw(s, &o, mixed, recent, 5, 1, &logprob);
    ok_near(logprob, 1 - log(mass), 1e-6, "penalties do not touch the log probability");
    spn_sampler_free(s);
}

static void test_refusals(void)
{
    struct spn_sampler *s = spn_sampler_new(4);
    const float good[4] = { 0, 1, 2, 3 }, with_nan[4] = { 0, NAN, 2, 3 },
                with_inf[4] = { 0, INFINITY, 2, 3 };
    const float masked[4] = { -INFINITY, -INFINITY, -5, -INFINITY };
    const float none[4] = { -INFINITY, -INFINITY, -INFINITY, -INFINITY };
    const int32_t outside[2] = { 1, 4 }, below[2] = { -1, 1 };
    struct spn_sampling o = off;
    bool fine = true;

    ok_int(draw(s, &off, with_nan, NULL, 0, 1, NULL), -1 - SPN_EFORMAT,
           "NaN among the logits is refused");
    o.temperature = 0;
    ok_int(draw(s, &o, with_nan, NULL, 0, 1, NULL), -1 - SPN_EFORMAT, "and by greedy too");
    ok_int(draw(s, &off, with_inf, NULL, 0, 1, NULL), -1 - SPN_EFORMAT, "+inf is refused");
    ok_int(draw(s, &off, none, NULL, 0, 1, NULL), -1 - SPN_EFORMAT, "nothing but -inf is refused");
    for (uint64_t i = 0; i < 100; i++)
        fine &= draw(s, &off, masked, NULL, 0, i, NULL) == 2;
    ok(fine, "-inf is never drawn");
    o = off;
    o.presence_penalty = 1;
    o.penalty_last_n = -1;
    ok_int(draw(s, &o, good, outside, 2, 1, NULL), -1 - SPN_EUSAGE,
           "a recent token past the vocabulary is refused");
    ok_int(draw(s, &o, good, below, 2, 1, NULL), -1 - SPN_EUSAGE, "a negative one too");
    spn_sampler_free(s);
    ok(spn_sampler_new(0) == NULL && spn_sampler_new(-3) == NULL,
       "no sampler for an empty vocabulary");
}

static void test_ranges(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_sampling o;
    bool refused = true;

    spn_sampling_default(&o);
    ok(spn_sampling_check(&o, &err) == SPN_OK && o.top_k == 40 && o.temperature == 0.8f,
       "the defaults are in range");
#define REFUSED(field, value)                                  \
    do {                                                       \
        spn_sampling_default(&o);                              \
        o.field = value;                                       \
        refused &= spn_sampling_check(&o, &err) == SPN_EUSAGE; \
    } while (0)
    REFUSED(temperature, NAN);
    REFUSED(temperature, INFINITY);
    REFUSED(top_p, -0.1f);
    REFUSED(top_p, 1.1f);
    REFUSED(top_p, NAN);
    REFUSED(min_p, NAN);
    REFUSED(min_p, 2);
    REFUSED(repeat_penalty, 0);
    REFUSED(repeat_penalty, NAN);
    REFUSED(presence_penalty, INFINITY);
    REFUSED(frequency_penalty, NAN);
    REFUSED(penalty_last_n, -2);
    ok(refused, "numbers out of range and NaN are refused");
}

/* Extreme logits: no step may turn them into NaN. */
static void test_extremes(void)
{
    struct spn_sampler *s = spn_sampler_new(4);
    const float huge[4] = { FLT_MAX, -FLT_MAX, FLT_MAX, 0 };
    const int32_t recent[2] = { 0, 1 };
    struct spn_sampling o;
    float logprob = NAN;
    bool fine = true;

    spn_sampling_default(&o);
    for (uint64_t i = 0; i < 50; i++)
        fine &= draw(s, &o, huge, NULL, 0, i, &logprob) % 2 == 0 && logprob <= 0;
    o.repeat_penalty = 0.01f;
    o.penalty_last_n = -1;
    for (uint64_t i = 0; i < 50; i++)
        fine &= draw(s, &o, huge, recent, 2, i, &logprob) % 2 == 0 && logprob <= 0;
    ok(fine, "logits at the ends of float stay numbers");
    spn_sampler_free(s);
}

/* A large vocabulary takes the paths that a small one does not: the heap of k and the nucleus that
 * drops the tail. */
static void test_large(void)
{
    enum { N = 150000 };
    struct spn_sampler *s = spn_sampler_new(N);
    float *logits = malloc(N * sizeof *logits);
    struct spn_sampling o;
    struct spn_rng rng;
    bool fine = true;

    spn_rng_init(&rng, spn_key_seed(11));
    random_logits(logits, N, &rng, false);
    for (int i = 0; i < 8; i++)
        logits[spn_rng_below(&rng, N)] = 12 + (float)i / 4;
    spn_sampling_default(&o);
    for (int k = 0; k < 4; k++) {
        double *p = calloc(N, sizeof *p);

        o.top_k = k % 2 == 0 ? 0 : 40;
        o.top_p = k / 2 == 0 ? 0.9f : 0.4f;
        o.min_p = 0.001f;
        o.temperature = 2;
        evaluate(&o, logits, N, NULL, 0, p);
        for (uint64_t i = 0; i < 20; i++) {
            int32_t token = draw(s, &o, logits, NULL, 0, i, NULL);

            fine &= token >= 0 && p[token] > 0;
        }
        free(p);
    }
    ok(fine, "a vocabulary of %d draws from the same support", N);
    free(logits);
    spn_sampler_free(s);
}

/* Weights to draw by, of each instruction set, against the C library in double. */
static void test_weigh(void)
{
    enum { MOST = 300 };
    float x[MOST], w[MOST], part[MOST / K_WEIGH_PART + 1];

    for (int isa = SPN_ISA_REF; isa <= SPN_ISA_AVX512; isa++) {
        double worst = 0;
        bool sums = true, top = true;

        if (!spn_isa_force((enum spn_isa)isa))
            continue;
        for (int n = 1; n <= MOST; n += n < 40 ? 1 : 37) {
            double sum = 0;
            bool wrong = true;

            for (int i = 0; i < n; i++)
                x[i] = i % 7 == 3 ? -INFINITY : -0.37f * (float)(i * 7919 % 211);
            x[n / 2] = 3;
            top &= spn_row_highest(x, n, &wrong) == 3 && !wrong;
            spn_row_weigh(x, n, 3, 0.7f, w, part);
            for (int i = 0; i < n; i++) {
                double want = exp((double)((x[i] - 3) / 0.7f)), away = fabs((double)w[i] - want);

                if (want > 1e-35 && !(away / want <= worst))
                    worst = away / want;
                sums &= want > 1e-35 || w[i] <= 2e-35f;
                sums &= x[i] > -INFINITY || w[i] == 0;
                sum += (double)w[i];
                if (i % K_WEIGH_PART == K_WEIGH_PART - 1 || i == n - 1) {
                    sums &= fabs((double)part[i / K_WEIGH_PART] - sum) <= 1e-5 * sum;
                    sum = 0;
                }
            }
            x[n - 1] = NAN;
            spn_row_highest(x, n, &wrong);
            top &= wrong;
            x[n - 1] = INFINITY;
            spn_row_highest(x, n, &wrong);
            top &= wrong;
        }
        ok(worst <= 1e-6 && sums && top, "%s: weights within %.1e, their sums, the highest",
           spn_isa_name(spn_isa_get()), worst);
    }
}

static void test_memory(void)
{
    bool fine = true;

    for (uint64_t i = 1; i < 8; i++) {
        struct spn_sampler *s;

        spn_fail_at(i);
        s = spn_sampler_new(100);
        fine &= (s == NULL) == (i <= 6);
        spn_fail_at(0);
        spn_sampler_free(s);
    }
    ok(fine, "each allocation may fail");
}

int main(void)
{
    test_distribution();
    test_properties();
    test_refusals();
    test_ranges();
    test_extremes();
    test_large();
    test_weigh();
    test_memory();
    return done();
}
