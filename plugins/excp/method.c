/* method.c - thresholds, masks and indices. */
#include "config.h"

#include "method.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define GRAIN \
    65536 /* numbers a thread takes at once; sums are per grain, so that their order is fixed */
#define BINS 2048

double excp_alpha_auto(double parameters)
{
    return parameters > 0 ? EXCP_ALPHA * sqrt(EXCP_ALPHA_OF / parameters) : EXCP_ALPHA;
}

static uint32_t bits_of(float x)
{
    uint32_t u;

    memcpy(&u, &x, sizeof u);
    return u;
}

/* ---- the median, by three histograms of the bits of |x|, which order as the numbers do ---- */

struct median {
    const float *x;
    uint32_t prefix, mask; /* bits that are settled */
    int shift, width;
    uint64_t *bin; /* [threads][BINS] */
};

static void count_bins(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct median *m = ctx;
    uint64_t *bin = m->bin + (size_t)worker * BINS;
    uint32_t low = (1u << m->width) - 1;

    for (int64_t i = begin; i < end; i++) {
        uint32_t u = bits_of(m->x[i]) & 0x7fffffffu;

        if ((u & m->mask) == m->prefix)
            bin[u >> m->shift & low]++;
    }
}

spn_status excp_median_abs(struct spn_pool *pool, const float *x, size_t n, float *out,
                           struct spn_err *err)
{
    static const int shift[] = { 20, 10, 0 }, width[] = { 11, 10, 10 };
    size_t threads = (size_t)spn_pool_threads(pool);
    struct median m = { .x = x };
    uint64_t rank = n > 0 ? (n - 1) / 2 : 0;

    *out = 0;
    if (n == 0)
        return SPN_OK;
    m.bin = spn_calloc(threads * BINS, sizeof *m.bin);
    if (m.bin == NULL)
        return spn_fail(err, SPN_ENOMEM, "excp: no memory for a median of %zu numbers", n);
    for (int pass = 0; pass < 3; pass++) {
        uint64_t below = 0, here = 0;
        uint32_t b = 0;

        memset(m.bin, 0, threads * BINS * sizeof *m.bin);
        m.shift = shift[pass];
        m.width = width[pass];
        spn_pool_run(pool, (int64_t)n, GRAIN, count_bins, &m);
        for (; b < 1u << m.width; b++) {
            here = 0;
            for (size_t t = 0; t < threads; t++)
                here += m.bin[t * BINS + b];
            if (below + here > rank)
                break;
            below += here;
        }
        rank -= below;
        m.prefix |= b << m.shift;
        m.mask |= ((1u << m.width) - 1) << m.shift;
    }
    memcpy(out, &m.prefix, sizeof *out);
    spn_free(m.bin);
    return SPN_OK;
}

/* ---- pruning ---- */

struct grain {
    double e1, e2; /* sums of |E1|, E2 */
    bool bad;      /* a NaN or an infinity */
    uint64_t kept[EXCP_PARTS];
};
struct prune {
    const struct excp_rule *rule;
    struct excp_arrays *a;
    struct excp_cut *cut;
    struct grain *grain;
};

static bool is_bad(float x)
{
    return (bits_of(x) & 0x7f800000u) == 0x7f800000u;
}

static void look(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct prune *p = ctx;
    struct grain *g = &p->grain[begin / GRAIN];

    for (int k = 0; k < EXCP_PARTS; k++) {
        const float *x = p->a->x[k];
        double sum = 0;
        bool bad = false;

        for (int64_t i = begin; x != NULL && i < end; i++) {
            bad |= is_bad(x[i]);
            sum += k == EXCP_E1 ? fabsf(x[i]) : x[i];
        }
        g->bad |= bad;
        if (k == EXCP_E1)
            g->e1 = sum;
        else if (k == EXCP_E2)
            g->e2 = sum;
    }
}

static void cut_grain(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct prune *p = ctx;
    struct grain *g = &p->grain[begin / GRAIN];
    float *r = p->a->x[EXCP_R], *e1 = p->a->x[EXCP_E1], *e2 = p->a->x[EXCP_E2];
    float tau = p->cut->tau, s = p->cut->s;

    for (int64_t i = begin; i < end; i++) {
        bool keep = true;

        r[i] = fabsf(r[i]) > tau ? r[i] : 0;
        g->kept[EXCP_R] += r[i] != 0;
        if (p->rule->joint)
            keep = r[i] != 0;
        if (e1 != NULL) {
            keep = keep && fabsf(e1[i]) > s;
            e1[i] = keep ? e1[i] : 0;
            g->kept[EXCP_E1] += e1[i] != 0;
        }
        if (e2 != NULL) {
            e2[i] = keep ? e2[i] : 0;
            g->kept[EXCP_E2] += e2[i] != 0;
        }
    }
}

spn_status excp_prune(const struct excp_rule *rule, struct spn_pool *pool, struct excp_arrays *a,
                      struct excp_cut *out, struct spn_err *err)
{
    size_t grains = a->n / GRAIN + 1;
    struct prune p = { rule, a, out, spn_calloc(grains, sizeof *p.grain) };
    double e1 = 0, e2 = 0, n = a->n > 0 ? (double)a->n : 1;
    float median;
    spn_status st = SPN_OK;

    *out = (struct excp_cut){ .finite = true, .rho = EXCP_RHO_MAX };
    if (p.grain == NULL)
        return spn_fail(err, SPN_ENOMEM, "excp: no memory for the sums of %zu numbers", a->n);
    spn_pool_run(pool, (int64_t)a->n, GRAIN, look, &p);
    for (size_t g = 0; g < grains; g++) {
        e1 += p.grain[g].e1;
        e2 += p.grain[g].e2;
        out->finite = out->finite && !p.grain[g].bad;
    }
    if (out->finite) {
        double root = e2 > 0 ? sqrt(e2 / n) : 0;

        if (root > 0 && rule->alpha / root < EXCP_RHO_MAX)
            out->rho = rule->alpha / root;
        out->s = (float)(rule->beta * (e1 / n));
        st = excp_median_abs(pool, a->x[EXCP_R], a->n, &median, err);
        if (st == SPN_OK) {
            out->tau = (float)(out->rho * median);
            spn_pool_run(pool, (int64_t)a->n, GRAIN, cut_grain, &p);
        }
        for (size_t g = 0; g < grains; g++)
            for (int k = 0; k < EXCP_PARTS; k++)
                out->kept[k] += p.grain[g].kept[k];
    }
    spn_free(p.grain);
    return st;
}

/* ---- indices ---- */

size_t excp_packed_bytes(size_t n, int bits)
{
    size_t each = (size_t)(8 / bits);

    return n / each + (n % each != 0);
}

/* The largest f32 that is not above the middle of A and B: x > it just when x is above the middle,
   whatever the rounding. */
static float middle(float a, float b)
{
    double m = ((double)a + (double)b) / 2;
    float f = (float)m;

    return (double)f > m ? nextafterf(f, -INFINITY) : f;
}

size_t excp_index(const struct excp_book *b, int bits, const float *x, const float *where, size_t n,
                  unsigned char *out)
{
    float mid[EXCP_BOOK_MAX];
    int filled = 0;
    size_t count = 0;
    unsigned byte = 0;

    for (int c = 0; c + 1 < b->k; c++)
        mid[c] = middle(b->c[c], b->c[c + 1]);
    for (size_t i = 0; i < n; i++) {
        unsigned index = 0;

        if (where != NULL && where[i] == 0)
            continue;
        if (x[i] != 0) {
            index = 1;
            for (int c = 0; c + 1 < b->k; c++)
                index += x[i] > mid[c];
        }
        byte = byte << bits | index;
        filled += bits;
        count++;
        if (filled == 8) {
            *out++ = (unsigned char)byte;
            byte = 0;
            filled = 0;
        }
    }
    if (filled > 0)
        *out = (unsigned char)(byte << (8 - filled));
    return count;
}

/* Where the next index is read. */
struct from {
    const unsigned char *bytes;
    size_t at, count;
    int bits;
    float value[EXCP_BOOK_MAX + 1];
    unsigned known; /* indices below have a value */
};

static bool next(struct from *f, unsigned *index)
{
    size_t each = (size_t)(8 / f->bits);
    int shift;

    if (f->at >= f->count)
        return false;
    shift = 8 - f->bits - (int)(f->at % each) * f->bits;
    *index = f->bytes[f->at / each] >> shift & ((1u << f->bits) - 1);
    f->at++;
    return *index < f->known;
}

bool excp_values(const struct excp_rule *rule, const struct excp_book book[EXCP_PARTS],
                 const unsigned char *const packed[EXCP_PARTS], const size_t count[EXCP_PARTS],
                 struct excp_arrays *a)
{
    struct from f[EXCP_PARTS];
    bool good = true;

    for (int k = 0; k < EXCP_PARTS; k++) {
        f[k] = (struct from){ packed[k], 0, count[k], rule->bits[k], { 0 }, 1 };
        for (int c = 0; c < book[k].k; c++)
            f[k].value[f[k].known++] = book[k].c[c];
    }
    for (size_t i = 0; good && i < a->n; i++) {
        unsigned index = 1;

        for (int k = 0; good && k < EXCP_PARTS; k++) {
            if (a->x[k] == NULL)
                continue;
            if (rule->shared && index == 0) { /* nor have the parts after this one */
                a->x[k][i] = 0;
                continue;
            }
            good = next(&f[k], &index);
            a->x[k][i] = good ? f[k].value[index] : 0;
        }
    }
    for (int k = 0; good && k < EXCP_PARTS; k++)
        good = f[k].at == count[k];
    return good;
}

void excp_clamp(const float *e1, float *e2, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (e1[i] != 0 && !(e2[i] >= e1[i] * e1[i]))
            e2[i] = e1[i] * e1[i];
}
