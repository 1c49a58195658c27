/* cluster.c - centres of one part: k-means in one dimension, by the settings of the released code
 * (25 rounds, one start, at most 256 values a centre, empty clusters refilled by a split).
 *
 * The values are sorted, so a cluster is a run of them.
 */
#include "config.h"

#include "method.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tensor/half.h"

#define ROUNDS     25
#define PER_CENTRE 256
#define SEED       1234
#define SPLIT      (1.0 / 1024)

static int by_value(const void *a, const void *b)
{
    const float *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int by_number(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* One of every M / WANTED values that are not zero, at random within each such stretch, ascending
   by value; all of them where M <= WANTED. */
static void draw(const float *x, size_t n, uint64_t m, size_t wanted, float *out,
                 struct spn_rng *rng)
{
    uint64_t seen = 0, next = m > wanted ? spn_rng_below(rng, m / wanted) : 0;
    size_t got = 0;

    for (size_t i = 0; i < n && got < wanted; i++) {
        if (x[i] == 0)
            continue;
        if (seen == next) {
            out[got++] = x[i];
            if (m <= wanted) {
                next++;
            } else {
                uint64_t from = m * got / wanted, to = m * (got + 1) / wanted;

                next = from + (to > from ? spn_rng_below(rng, to - from) : 0);
            }
        }
        seen++;
    }
    qsort(out, wanted, sizeof *out, by_value);
}

/* K of the M values, none drawn twice. */
static void begin(const float *v, size_t m, double *c, int k, struct spn_rng *rng)
{
    size_t place[EXCP_BOOK_MAX];

    for (int j = 0; j < k; j++) {
        bool again = true;

        while (again) {
            place[j] = (size_t)spn_rng_below(rng, m);
            again = false;
            for (int i = 0; i < j; i++)
                again |= place[i] == place[j];
        }
        c[j] = v[place[j]];
    }
    qsort(c, (size_t)k, sizeof *c, by_number);
}

/* Each cluster's size and mean of the M sorted values X, for ascending centres C. */
static void assign(const float *x, size_t m, const double *c, int k, size_t *size, double *mean)
{
    size_t i = 0;

    for (int j = 0; j < k; j++) {
        double sum = 0;
        size_t first = i;

        while (i < m && (j + 1 == k || (double)x[i] <= (c[j] + c[j + 1]) / 2))
            sum += x[i++];
        size[j] = i - first;
        mean[j] = size[j] > 0 ? sum / (double)size[j] : c[j];
    }
}

/* Empty clusters take half of a full one, drawn with a chance that grows with its size. */
static void refill(double *c, size_t *size, int k, size_t m, struct spn_rng *rng)
{
    for (int j = 0; j < k; j++) {
        int from = 0;

        if (size[j] > 0)
            continue;
        for (;;) {
            double chance = ((double)size[from] - 1) / (double)(m > (size_t)k ? m - (size_t)k : 1);

            if (spn_rng_unit(rng) < chance)
                break;
            from = (from + 1) % k;
        }
        c[j] = c[from] * (1 + SPLIT);
        c[from] *= 1 - SPLIT;
        size[j] = size[from] / 2;
        size[from] -= size[j];
    }
    qsort(c, (size_t)k, sizeof *c, by_number);
}

spn_status excp_cluster(const float *x, size_t n, uint64_t kept, int bits, struct excp_book *out,
                        struct spn_err *err)
{
    int k = (1 << bits) - 1;
    bool few = kept <= (uint64_t)k;
    size_t wanted = (size_t)k * PER_CENTRE, m = kept < wanted ? (size_t)kept : wanted;
    size_t size[EXCP_BOOK_MAX];
    double c[EXCP_BOOK_MAX], mean[EXCP_BOOK_MAX];
    struct spn_rng rng;
    float *v;

    *out = (struct excp_book){ 0 };
    if (kept == 0)
        return SPN_OK;
    v = spn_calloc(m, sizeof *v);
    if (v == NULL)
        return spn_fail(err, SPN_ENOMEM, "excp: no memory for %zu values", m);
    spn_rng_init(&rng, spn_key_seed(SEED));
    draw(x, n, kept, m, v, &rng);
    if (few) {
        for (size_t i = 0; i < m; i++)
            if (i == 0 || v[i] != v[i - 1])
                out->c[out->k++] = v[i];
        spn_free(v);
        return SPN_OK;
    }
    begin(v, m, c, k, &rng);
    for (int round = 0; round < ROUNDS; round++) {
        assign(v, m, c, k, size, mean);
        for (int j = 0; j < k; j++)
            c[j] = mean[j];
        refill(c, size, k, m, &rng);
    }
    for (int j = 0; j < k; j++)
        out->c[j] = (float)c[j];
    out->k = k;
    spn_free(v);
    return SPN_OK;
}

void excp_spread(const float *x, size_t n, int bits, struct excp_book *out)
{
    int k = (1 << bits) - 1;
    double lo = INFINITY, hi = -INFINITY;

    *out = (struct excp_book){ 0 };
    for (size_t i = 0; i < n; i++) {
        lo = x[i] != 0 && x[i] < lo ? x[i] : lo;
        hi = x[i] != 0 && x[i] > hi ? x[i] : hi;
    }
    if (lo <= hi)
        out->k = k;
    for (int j = 0; j < out->k; j++)
        out->c[j] = (float)(lo + (hi - lo) * (k > 1 ? j / (k - 1.0) : 0.5));
}

void excp_book_half(struct excp_book *b)
{
    for (int j = 0; j < b->k; j++)
        b->c[j] = spn_f32_of_f16(spn_f16_of_f32(b->c[j]));
}
