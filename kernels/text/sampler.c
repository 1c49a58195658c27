/* sampler.c - see sampler.h.
 *
 * Candidates are (logit, id) pairs in the order higher logit, then lower id. Nothing sorts the
 * whole vocabulary: top_k keeps a heap of k, top_p first drops what cannot lie in the nucleus and
 * then takes from a heap until the mass is reached.
 */
#include "config.h"

#include "text/sampler.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/weigh.h"
#include "text/sampler_impl.h"

void spn_sampling_default(struct spn_sampling *s)
{
    *s = (struct spn_sampling){ .temperature = 0.8f,
                                .top_k = 40,
                                .top_p = 0.95f,
                                .min_p = 0.05f,
                                .repeat_penalty = 1,
                                .penalty_last_n = 64,
                                .typical_p = 1,
                                .xtc_threshold = 0.1f,
                                .dry_base = 1.75f,
                                .dry_allowed_length = 2,
                                .dry_last_n = -1,
                                .mirostat_tau = 5,
                                .mirostat_eta = 0.1f };
}

static bool within(float x, float lo, float hi)
{
    return x >= lo && x <= hi; /* false for NaN */
}

spn_status spn_sampling_check(const struct spn_sampling *s, struct spn_err *err)
{
    if (!within(s->temperature, -FLT_MAX, 1000))
        return spn_fail(err, SPN_EUSAGE, "sampling: temperature %g, at most 1000 is possible",
                        (double)s->temperature);
    if (!within(s->top_p, 0, 1))
        return spn_fail(err, SPN_EUSAGE, "sampling: top_p %g is not in 0..1", (double)s->top_p);
    if (!within(s->min_p, 0, 1))
        return spn_fail(err, SPN_EUSAGE, "sampling: min_p %g is not in 0..1", (double)s->min_p);
    if (!within(s->repeat_penalty, 0.01f, 100))
        return spn_fail(err, SPN_EUSAGE, "sampling: repeat_penalty %g is not in 0.01..100",
                        (double)s->repeat_penalty);
    if (!within(s->presence_penalty, -100, 100))
        return spn_fail(err, SPN_EUSAGE, "sampling: presence_penalty %g is not in -100..100",
                        (double)s->presence_penalty);
    if (!within(s->frequency_penalty, -100, 100))
        return spn_fail(err, SPN_EUSAGE, "sampling: frequency_penalty %g is not in -100..100",
                        (double)s->frequency_penalty);
    if (s->penalty_last_n < -1)
        return spn_fail(err, SPN_EUSAGE, "sampling: penalty_last_n %d, -1 (all) is the least",
                        s->penalty_last_n);
    return k_sampling_check_more(s, err);
}

struct spn_sampler *spn_sampler_new(int n_vocab)
{
    struct spn_sampler *s = n_vocab < 1 ? NULL : spn_calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->n_vocab = n_vocab;
    s->logit = spn_calloc((size_t)n_vocab, sizeof *s->logit);
    s->count = spn_calloc((size_t)n_vocab, sizeof *s->count);
    s->kept = spn_calloc((size_t)n_vocab, sizeof *s->kept);
    s->weight = spn_calloc((size_t)n_vocab, sizeof *s->weight);
    s->part = spn_calloc((size_t)n_vocab / K_WEIGH_PART + 1, sizeof *s->part);
    if (s->logit == NULL || s->count == NULL || s->kept == NULL || s->weight == NULL ||
        s->part == NULL) {
        spn_sampler_free(s);
        return NULL;
    }
    return s;
}

void spn_sampler_free(struct spn_sampler *s)
{
    if (s == NULL)
        return;
    spn_free(s->logit);
    spn_free(s->count);
    spn_free(s->kept);
    spn_free(s->bent);
    spn_free(s->weight);
    spn_free(s->part);
    spn_free(s);
}

/* ---- candidates ---- */

static bool better(struct candidate a, struct candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

/* Heap H[N] with the best on top (BEST) or the worst: put X at I and let it sink. */
static void sink(struct candidate *h, size_t n, size_t i, struct candidate x, bool best)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= n)
            break;
        if (child + 1 < n && better(h[child + 1], h[child]) == best)
            child++;
        if (better(x, h[child]) == best)
            break;
        h[i] = h[child];
        i = child;
    }
    h[i] = x;
}

static void make_heap(struct candidate *h, size_t n, bool best)
{
    for (size_t i = n / 2; i-- > 0;)
        sink(h, n, i, h[i], best);
}

/* The K best of LOGIT[N] into OUT[K], in no order. */
void k_select_best(struct candidate *out, size_t k, const float *logit, size_t n)
{
    for (size_t i = 0; i < k; i++)
        out[i] = (struct candidate){ logit[i], (int32_t)i };
    make_heap(out, k, false);
    for (size_t i = k; i < n; i++)
        if (logit[i] > out[0].logit) /* an equal one has a higher id and loses */
            sink(out, k, 0, (struct candidate){ logit[i], (int32_t)i }, false);
}

/* Keep the smallest prefix, best first, whose share of the mass is at least P. The kept ones stand
 * in front. */
size_t k_keep_nucleus(struct candidate *c, size_t n, float p, float max)
{
    double mass = 0, taken = 0;
    float least = max;
    size_t left = 0, k = 0;

    for (size_t i = 0; i < n; i++)
        mass += expf(c[i].logit - max);
    /* Those below (1 - p) / n of the mass sum to less than 1 - p, so the nucleus is reached without
       them. The factor covers rounding of the sums. */
    if (p > 0)
        least = max + logf((float)(0.5 * (1 - (double)p) * mass / (double)n));
    for (size_t i = 0; i < n; i++)
        if (c[i].logit >= least)
            c[left++] = c[i];
    make_heap(c, left, true);
    /* The best is moved behind the shrinking heap, so the prefix grows from the end. */
    while (k < left) {
        struct candidate top = c[0], last = c[left - 1 - k];

        if (left - 1 - k > 0)
            sink(c, left - 1 - k, 0, last, true);
        c[left - 1 - k] = top;
        k++;
        taken += expf(top.logit - max);
        if (taken >= (double)p * mass)
            break;
    }
    for (size_t i = 0; i < k / 2; i++) {
        struct candidate swap = c[left - 1 - i];

        c[left - 1 - i] = c[left - k + i];
        c[left - k + i] = swap;
    }
    memmove(c, c + left - k, k * sizeof *c);
    return k;
}

size_t k_keep_min_p(struct candidate *c, size_t n, float p, float max)
{
    float least = max + logf(p);
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        if (c[i].logit >= least)
            c[k++] = c[i];
    return k;
}

/* A place in the mass of N weights, UNIT of the way; PART has their sums (spn_row_weigh). */
static size_t find_place(const float *w, const float *part, size_t n, double unit)
{
    size_t parts = (n + K_WEIGH_PART - 1) / K_WEIGH_PART, i = 0;
    double mass = 0, at, sum = 0;

    for (size_t k = 0; k < parts; k++)
        mass += (double)part[k];
    at = unit * mass;
    for (size_t k = 0; k < parts && sum + (double)part[k] <= at; k++) {
        sum += (double)part[k];
        i += K_WEIGH_PART;
    }
    for (; i < n; i++) {
        sum += (double)w[i];
        if (at < sum)
            return i;
    }
    for (i = n - 1; i > 0 && !(w[i] > 0);) /* rounding: the last one that has any mass */
        i--;
    return i;
}

static size_t draw(struct spn_sampler *s, const float *logit, size_t n, float temperature,
                   float max, struct spn_rng *rng)
{
    spn_row_weigh(logit, (int64_t)n, max, temperature, s->weight, s->part);
    return find_place(s->weight, s->part, n, spn_rng_unit(rng));
}

int32_t k_draw_kept(struct spn_sampler *s, size_t n, float temperature, float max,
                         struct spn_rng *rng)
{
    for (size_t i = 0; i < n; i++)
        s->weight[i] = s->kept[i].logit;
    return s->kept[draw(s, s->weight, n, temperature, max, rng)].id;
}

/* ---- penalties ---- */

static bool has_penalties(const struct spn_sampling *o, int64_t n_recent)
{
    return n_recent > 0 && o->penalty_last_n != 0 &&
           (o->repeat_penalty != 1 || o->presence_penalty != 0 || o->frequency_penalty != 0);
}

static float bounded(float x)
{
    return x > FLT_MAX ? FLT_MAX : x < -FLT_MAX ? -FLT_MAX : x;
}

static spn_status apply_penalties(struct spn_sampler *s, const struct spn_sampling *o,
                                  const float *logits, const int32_t *recent, int64_t n_recent,
                                  struct spn_err *err)
{
    int64_t begin =
        o->penalty_last_n > 0 && n_recent > o->penalty_last_n ? n_recent - o->penalty_last_n : 0;

    for (int64_t i = begin; i < n_recent; i++)
        if (recent[i] < 0 || recent[i] >= s->n_vocab)
            return spn_fail(err, SPN_EUSAGE, "sampling: recent token %lld is %d, outside 0..%d",
                            (long long)i, (int)recent[i], s->n_vocab - 1);
    memcpy(s->logit, logits, (size_t)s->n_vocab * sizeof *logits);
    for (int64_t i = begin; i < n_recent; i++)
        s->count[recent[i]]++;
    for (int64_t i = begin; i < n_recent; i++) {
        float *l = &s->logit[recent[i]];
        int32_t count = s->count[recent[i]];

        s->count[recent[i]] = 0;
        if (count == 0 || isinf(*l)) /* done at an earlier place; or masked */
            continue;
        *l = *l > 0 ? *l / o->repeat_penalty : *l * o->repeat_penalty;
        *l = bounded(*l - ((float)count * o->frequency_penalty + o->presence_penalty));
    }
    return SPN_OK;
}

/* ---- the whole ---- */

/* *MAX is the highest logit. */
static spn_status check_logits(const float *logits, int n, float *max, struct spn_err *err)
{
    bool wrong;

    *max = spn_row_highest(logits, n, &wrong);
    for (int i = 0; wrong && i < n; i++)
        if (!(logits[i] <= FLT_MAX))
            return spn_fail(err, SPN_EFORMAT, "sampling: the logit of token %d is %g", i,
                            (double)logits[i]);
    return *max >= -FLT_MAX ? SPN_OK
                            : spn_fail(err, SPN_EFORMAT, "sampling: all %d logits are -inf", n);
}

static float log_probability(const float *logits, size_t n, float max, int32_t id)
{
    double mass = 0;

    for (size_t i = 0; i < n; i++)
        mass += expf(logits[i] - max);
    return (float)((double)logits[id] - max - log(mass));
}

static int32_t pick(struct spn_sampler *s, const struct spn_sampling *o, const float *logit,
                    float max, struct spn_rng *rng)
{
    size_t n = (size_t)s->n_vocab;

    if (o->temperature <= 0) {
        size_t i = 0;

        while (logit[i] != max)
            i++;
        return (int32_t)i;
    }
    if ((o->top_k <= 0 || (size_t)o->top_k >= n) && o->top_p >= 1 && o->min_p <= 0)
        return (int32_t)draw(s, logit, n, o->temperature, max, rng);
    if (o->top_k > 0 && (size_t)o->top_k < n) {
        k_select_best(s->kept, (size_t)o->top_k, logit, n);
        n = (size_t)o->top_k;
    } else {
        for (size_t i = 0; i < n; i++)
            s->kept[i] = (struct candidate){ logit[i], (int32_t)i };
    }
    if (o->top_p < 1)
        n = k_keep_nucleus(s->kept, n, o->top_p, max);
    if (o->min_p > 0)
        n = k_keep_min_p(s->kept, n, o->min_p, max);
    return k_draw_kept(s, n, o->temperature, max, rng);
}

spn_status spn_sample_with(struct spn_sampler *s, const struct spn_sampling *o,
                           const struct spn_sample_more *more, const float *logits,
                           const int32_t *recent, int64_t n_recent, struct spn_rng *rng,
                           int32_t *token, float *logprob, struct spn_err *err)
{
    const float *logit = logits;
    float model_max, max;
    bool wrong;
    spn_status st = check_logits(logits, s->n_vocab, &model_max, err);

    if (st == SPN_OK)
        st = spn_sampling_check(o, err);
    if (st == SPN_OK && (o->n_bias > 0 || more->allowed != NULL)) {
        st = k_bend(s, o, more->allowed, logits, err);
        logit = s->bent;
    }
    if (st == SPN_OK && has_penalties(o, n_recent)) {
        st = apply_penalties(s, o, logit, recent, n_recent, err);
        logit = s->logit;
    }
    if (st == SPN_OK && o->dry_multiplier > 0 && n_recent > 0) {
        st = k_dry(s, o, more->breaker, logit, recent, n_recent, err);
        logit = s->bent;
    }
    if (st != SPN_OK)
        return st;
    max = logit == logits ? model_max : spn_row_highest(logit, s->n_vocab, &wrong);
    *token = k_needs_more(o) && o->temperature > 0 ? k_pick_more(s, o, logit, max, more->mu, rng)
                                                   : pick(s, o, logit, max, rng);
    if (logprob != NULL)
        *logprob = log_probability(logits, (size_t)s->n_vocab, model_max, *token);
    return SPN_OK;
}

spn_status spn_sample(struct spn_sampler *s, const struct spn_sampling *o, const float *logits,
                      const int32_t *recent, int64_t n_recent, struct spn_rng *rng, int32_t *token,
                      float *logprob, struct spn_err *err)
{
    const struct spn_sample_more none = { .allowed = NULL };

    return spn_sample_with(s, o, &none, logits, recent, n_recent, rng, token, logprob, err);
}
