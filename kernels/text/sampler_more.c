/* sampler_more.c - bias, masks, DRY, and the truncations that are off unless asked for. */
#include "config.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/sampler_impl.h"

static spn_status in_range(float x, float lo, float hi, const char *name, struct spn_err *err)
{
    return x >= lo && x <= hi ? SPN_OK /* not so for NaN */
                              : spn_fail(err, SPN_EUSAGE, "sampling: %s %g is not in %g..%g", name,
                                         (double)x, (double)lo, (double)hi);
}

spn_status k_sampling_check_more(const struct spn_sampling *o, struct spn_err *err)
{
    spn_status st = in_range(o->typical_p, 0, 1, "typical_p", err);

    if (st == SPN_OK)
        st = in_range(o->top_n_sigma, -1, 1000, "top_n_sigma", err);
    if (st == SPN_OK)
        st = in_range(o->xtc_probability, 0, 1, "xtc_probability", err);
    if (st == SPN_OK)
        st = in_range(o->xtc_threshold, 0, 1, "xtc_threshold", err);
    if (st == SPN_OK)
        st = in_range(o->dry_multiplier, 0, 100, "dry_multiplier", err);
    if (st == SPN_OK && o->dry_multiplier > 0)
        st = in_range(o->dry_base, 1, 100, "dry_base", err);
    if (st == SPN_OK && o->mirostat != 0 && o->mirostat != 2)
        st = spn_fail(err, SPN_EUSAGE, "sampling: mirostat %d, known are 0 (off) and 2",
                      o->mirostat);
    if (st == SPN_OK && o->mirostat == 2)
        st = in_range(o->mirostat_tau, 0, 100, "mirostat_tau", err);
    if (st == SPN_OK && o->mirostat == 2)
        st = in_range(o->mirostat_eta, 0, 10, "mirostat_eta", err);
    if (st == SPN_OK && (o->dry_last_n < -1 || o->dry_allowed_length < 0 || o->n_bias < 0))
        st = spn_fail(err, SPN_EUSAGE, "sampling: dry_last_n %d, dry_allowed_length %d",
                      o->dry_last_n, o->dry_allowed_length);
    return st;
}

static spn_status make_bent(struct spn_sampler *s, struct spn_err *err)
{
    if (s->bent == NULL)
        s->bent = spn_calloc((size_t)s->n_vocab, sizeof *s->bent);
    return s->bent != NULL ? SPN_OK
                           : spn_fail(err, SPN_ENOMEM, "sampling: out of memory for %d logits",
                                      s->n_vocab);
}

spn_status k_bend(struct spn_sampler *s, const struct spn_sampling *o, const uint64_t *allowed,
                  const float *logits, struct spn_err *err)
{
    bool any = false;
    spn_status st = make_bent(s, err);

    if (st != SPN_OK)
        return st;
    memcpy(s->bent, logits, (size_t)s->n_vocab * sizeof *logits);
    for (int i = 0; i < o->n_bias; i++) {
        const struct spn_logit_bias *b = &o->bias[i];

        if (b->token < 0 || b->token >= s->n_vocab || isnan(b->bias))
            return spn_fail(err, SPN_EUSAGE, "sampling: a bias of %g for token %d of %d",
                            (double)b->bias, (int)b->token, s->n_vocab);
        s->bent[b->token] = b->bias <= -FLT_MAX ? -INFINITY : s->bent[b->token] + b->bias;
        if (s->bent[b->token] > FLT_MAX)
            s->bent[b->token] = FLT_MAX;
    }
    for (int i = 0; i < s->n_vocab; i++) {
        if (allowed != NULL && (allowed[i / 64] >> (i % 64) & 1) == 0)
            s->bent[i] = -INFINITY;
        any |= s->bent[i] >= -FLT_MAX;
    }
    return any ? SPN_OK
               : spn_fail(err, SPN_EFORMAT, "sampling: no token is allowed that can be drawn");
}

/* How many of RECENT's last tokens, up to the latest breaker, stand before place I too. */
static int64_t repeat_before(const int32_t *recent, int64_t begin, int64_t n, int64_t most,
                             int64_t i)
{
    int64_t length = 0;

    while (length < most && i - 1 - length >= begin &&
           recent[i - 1 - length] == recent[n - 1 - length])
        length++;
    return length;
}

spn_status k_dry(struct spn_sampler *s, const struct spn_sampling *o, const bool *breaker,
                 const float *logit, const int32_t *recent, int64_t n_recent, struct spn_err *err)
{
    enum { REPEAT_MAX = 512 };
    int64_t begin = o->dry_last_n >= 0 && n_recent > o->dry_last_n ? n_recent - o->dry_last_n : 0,
            most = 0;
    spn_status st = make_bent(s, err);

    for (int64_t i = begin; i < n_recent && st == SPN_OK; i++)
        if (recent[i] < 0 || recent[i] >= s->n_vocab)
            st = spn_fail(err, SPN_EUSAGE, "sampling: recent token %lld is %d, outside 0..%d",
                          (long long)i, (int)recent[i], s->n_vocab - 1);
    if (st != SPN_OK)
        return st;
    if (logit != s->bent)
        memcpy(s->bent, logit, (size_t)s->n_vocab * sizeof *logit);
    while (most < REPEAT_MAX && n_recent - 1 - most >= begin &&
           (breaker == NULL || !breaker[recent[n_recent - 1 - most]]))
        most++;
    /* The longest repeat that each token would go on with; counts are zero again at the end. */
    for (int64_t i = begin + 1; i < n_recent; i++) {
        int64_t length = repeat_before(recent, begin, n_recent, most, i);

        if (length >= o->dry_allowed_length && length > 0 && length > s->count[recent[i]])
            s->count[recent[i]] = (int32_t)length;
    }
    for (int64_t i = begin + 1; i < n_recent; i++) {
        int32_t id = recent[i], length = s->count[id];
        float less;

        s->count[id] = 0;
        if (length == 0 || (breaker != NULL && breaker[id]) || isinf(s->bent[id]))
            continue;
        less = o->dry_multiplier * powf(o->dry_base, (float)(length - o->dry_allowed_length));
        s->bent[id] -= less < 1e30f ? less : 1e30f;
    }
    return SPN_OK;
}

/* ---- truncations ---- */

bool k_needs_more(const struct spn_sampling *o)
{
    return (o->typical_p > 0 && o->typical_p < 1) || o->top_n_sigma > 0 ||
           (o->xtc_probability > 0 && o->xtc_threshold <= 0.5f) || o->mirostat == 2;
}

static double mass_of(const struct candidate *c, size_t n, float max)
{
    double mass = 0;

    for (size_t i = 0; i < n; i++)
        mass += exp((double)c[i].logit - max);
    return mass;
}

static size_t keep_sigma(struct candidate *c, size_t n, float sigmas, float max)
{
    double sum = 0, squares = 0, mean;
    size_t finite = 0, k = 0;
    float least;

    for (size_t i = 0; i < n; i++)
        if (c[i].logit >= -FLT_MAX) {
            sum += c[i].logit;
            finite++;
        }
    mean = sum / (double)finite;
    for (size_t i = 0; i < n; i++)
        if (c[i].logit >= -FLT_MAX)
            squares += (c[i].logit - mean) * (c[i].logit - mean);
    least = max - sigmas * (float)sqrt(squares / (double)finite);
    for (size_t i = 0; i < n; i++)
        if (c[i].logit >= least)
            c[k++] = c[i];
    return k;
}

/* By key, then by id: KEY is the distance from the usual surprise, or minus the logit. */
struct keyed {
    double key;
    struct candidate c;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;

    return x->key < y->key ? -1 : x->key > y->key ? 1 : (x->c.id > y->c.id) - (x->c.id < y->c.id);
}

/* C[N] in the order of KEY(candidate); false when memory is short, C is as it was then. */
static bool sort_by(struct candidate *c, size_t n, float max, double mass, double usual)
{
    struct keyed *k = spn_calloc(n, sizeof *k);

    if (k == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        double surprise = log(mass) - ((double)c[i].logit - max);

        k[i] = (struct keyed){ usual < 0 ? surprise : fabs(surprise - usual), c[i] };
    }
    qsort(k, n, sizeof *k, by_key);
    for (size_t i = 0; i < n; i++)
        c[i] = k[i].c;
    spn_free(k);
    return true;
}

static size_t keep_typical(struct candidate *c, size_t n, float p, float max)
{
    double mass = mass_of(c, n, max), entropy = 0, taken = 0;
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        double share = exp((double)c[i].logit - max) / mass;

        if (share > 0)
            entropy -= share * log(share);
    }
    if (!sort_by(c, n, max, mass, entropy))
        return n;
    while (k < n && taken <= p)
        taken += exp((double)c[k++].logit - max) / mass;
    return k > 0 ? k : 1;
}

/* Of the tokens above the threshold only the least likely stays, if there are two. */
static size_t keep_xtc(struct candidate *c, size_t n, float threshold, float max)
{
    double mass = mass_of(c, n, max);
    size_t above = 0, least = 0, k = 0;

    for (size_t i = 0; i < n; i++) {
        if (exp((double)c[i].logit - max) / mass < threshold)
            continue;
        if (above++ == 0 || c[i].logit < c[least].logit ||
            (c[i].logit == c[least].logit && c[i].id > c[least].id))
            least = i;
    }
    if (above < 2)
        return n;
    for (size_t i = 0; i < n; i++)
        if (i == least || exp((double)c[i].logit - max) / mass < threshold)
            c[k++] = c[i];
    return k;
}

static float best_of(const struct candidate *c, size_t n)
{
    float max = c[0].logit;

    for (size_t i = 1; i < n; i++)
        max = c[i].logit > max ? c[i].logit : max;
    return max;
}

/* Tokens more surprising than mu bits are cut; mu then follows the surprise of what was drawn. */
static int32_t mirostat(struct spn_sampler *s, const struct spn_sampling *o, size_t n, float max,
                        float *mu, struct spn_rng *rng)
{
    struct candidate *c = s->kept;
    float start = 2 * o->mirostat_tau, *m = mu != NULL ? mu : &start;
    double mass, kept_mass = 0, drawn = 0;
    size_t k = 0;
    int32_t id;

    if (*m == 0)
        *m = 2 * o->mirostat_tau;
    for (size_t i = 0; i < n; i++)
        c[i].logit = (c[i].logit - max) / o->temperature;
    mass = mass_of(c, n, 0);
    if (!sort_by(c, n, 0, mass, -1))
        return c[0].id;
    while (k < n && (k == 0 || -log2(exp((double)c[k].logit) / mass) <= *m))
        kept_mass += exp((double)c[k++].logit);
    id = k_draw_kept(s, k, 1, 0, rng);
    for (size_t i = 0; i < k; i++)
        if (c[i].id == id)
            drawn = exp((double)c[i].logit) / kept_mass;
    *m -= o->mirostat_eta * ((float)-log2(drawn) - o->mirostat_tau);
    if (!(*m > 0))
        *m = FLT_MIN;
    return id;
}

int32_t k_pick_more(struct spn_sampler *s, const struct spn_sampling *o, const float *logit,
                    float max, float *mu, struct spn_rng *rng)
{
    size_t n = 0;

    for (int i = 0; i < s->n_vocab; i++)
        if (logit[i] >= -FLT_MAX)
            s->kept[n++] = (struct candidate){ logit[i], i };
    if (o->mirostat == 2)
        return mirostat(s, o, n, max, mu, rng);
    if (o->top_n_sigma > 0)
        n = keep_sigma(s->kept, n, o->top_n_sigma, max);
    if (o->top_k > 0 && (size_t)o->top_k < n && sort_by(s->kept, n, max, 1, -1))
        n = (size_t)o->top_k;
    if (o->typical_p > 0 && o->typical_p < 1)
        n = keep_typical(s->kept, n, o->typical_p, max);
    max = best_of(s->kept, n);
    if (o->top_p < 1)
        n = k_keep_nucleus(s->kept, n, o->top_p, max);
    if (o->min_p > 0)
        n = k_keep_min_p(s->kept, n, o->min_p, max);
    if (o->xtc_probability > 0 && o->xtc_threshold <= 0.5f &&
        spn_rng_unit(rng) < (double)o->xtc_probability)
        n = keep_xtc(s->kept, n, o->xtc_threshold, max);
    return k_draw_kept(s, n, o->temperature, best_of(s->kept, n), rng);
}
