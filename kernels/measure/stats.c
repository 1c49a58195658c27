/* stats.c - smallest, largest, mean, deviation, norm, zeros, NaN and infinities in one reading.
 *
 * A block is first taken by the fast kernel, which supposes finite numbers and says when it was
 * wrong; then, and where mean and deviation are too far apart for a difference of sums, the block,
 * still in the cache, is read again.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "measure/block.h"

void k_sums_f32_ref(const float *x, int64_t n, struct k_sums *out)
{
    double sum[K_LANES] = { 0 }, squares[K_LANES] = { 0 };
    float lo = INFINITY, hi = -INFINITY;
    int64_t zeros = 0;
    bool odd = false;

    for (int64_t i = 0; i < n; i++) {
        double d = x[i];

        odd |= !isfinite(x[i]);
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
        zeros += x[i] == 0;
        sum[i % K_LANES] += d;
        squares[i % K_LANES] += d * d; /* exact in a double, so a fused sum is the same */
    }
    *out = (struct k_sums){ k_fold(sum, K_LANES), k_fold(squares, K_LANES), lo, hi, zeros, odd };
}

static void sums_f64(const double *x, int64_t n, struct k_sums *out)
{
    double sum[K_LANES] = { 0 }, squares[K_LANES] = { 0 }, lo = INFINITY, hi = -INFINITY;
    int64_t zeros = 0;
    bool odd = false;

    for (int64_t i = 0; i < n; i++) {
        odd |= !isfinite(x[i]);
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
        zeros += x[i] == 0;
        sum[i % K_LANES] += x[i];
        squares[i % K_LANES] += x[i] * x[i];
    }
    *out = (struct k_sums){ k_fold(sum, K_LANES), k_fold(squares, K_LANES), lo, hi, zeros, odd };
}

static k_sums_fn *sums_f32(void)
{
#ifdef HAVE_X86
    if (spn_isa_get() == SPN_ISA_AVX512)
        return k_sums_f32_avx512;
    if (spn_isa_get() == SPN_ISA_AVX2)
        return k_sums_f32_avx2;
#endif
    return k_sums_f32_ref;
}

static double number(enum k_kind kind, const void *x, int64_t i)
{
    return kind == K_FLOATS ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

/* A block with NaN or infinities in it: the finite ones are summed. */
static void sums_of_finite(struct k_part *p, struct k_sums *s, enum k_kind kind, const void *x,
                           int64_t n)
{
    double sum[K_LANES] = { 0 }, squares[K_LANES] = { 0 };

    *s = (struct k_sums){ .lo = INFINITY, .hi = -INFINITY };
    p->finite = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = number(kind, x, i);

        if (isnan(d)) {
            p->nan++;
        } else if (isinf(d)) {
            p->inf++;
        } else {
            p->finite++;
            s->lo = d < s->lo ? d : s->lo;
            s->hi = d > s->hi ? d : s->hi;
            s->zeros += d == 0;
            sum[i % K_LANES] += d;
            squares[i % K_LANES] += d * d;
        }
    }
    s->sum = k_fold(sum, K_LANES);
    s->squares = k_fold(squares, K_LANES);
}

/* Squared distances from MEAN, added directly. */
static double distances(enum k_kind kind, const void *x, int64_t n, double mean)
{
    double lane[K_LANES] = { 0 };

    for (int64_t i = 0; i < n; i++) {
        double d = number(kind, x, i);

        if (isfinite(d))
            lane[i % K_LANES] += (d - mean) * (d - mean);
    }
    return k_fold(lane, K_LANES);
}

void k_part_of(struct k_part *p, enum k_kind kind, const void *x, int64_t n)
{
    struct k_sums s;

    *p = (struct k_part)K_PART_INIT;
    p->finite = n;
    if (kind == K_FLOATS)
        sums_f32()(x, n, &s);
    else
        sums_f64(x, n, &s);
    if (s.odd)
        sums_of_finite(p, &s, kind, x, n);
    p->zeros = s.zeros;
    p->lo = s.lo + 0.0; /* of two zeros of different sign it is chance which comes out */
    p->hi = s.hi + 0.0;
    p->squares = s.squares;
    if (p->finite == 0)
        return;
    p->mean = s.sum / (double)p->finite;
    p->m2 = s.squares - s.sum * p->mean;
    if (!(p->m2 > 1e-6 * s.squares))
        p->m2 = distances(kind, x, n, p->mean);
}

/* Means and distances are joined as in Chan, Golub and LeVeque (1983). */
void k_part_add(struct k_part *a, const struct k_part *b)
{
    int64_t n = a->finite + b->finite;
    double apart = b->mean - a->mean;

    a->zeros += b->zeros;
    a->nan += b->nan;
    a->inf += b->inf;
    a->lo = b->lo < a->lo ? b->lo : a->lo;
    a->hi = b->hi > a->hi ? b->hi : a->hi;
    a->squares += b->squares;
    if (b->finite > 0) {
        double share = (double)b->finite / (double)n;

        a->m2 += b->m2 + apart * apart * (double)a->finite * share;
        a->mean = a->finite == 0 ? b->mean : a->mean + apart * share;
    }
    a->finite = n;
}

void k_part_stats(struct spn_stats *out, const struct k_part *p)
{
    *out = (struct spn_stats){ .count = p->finite + p->nan + p->inf,
                               .zeros = p->zeros,
                               .nan = p->nan,
                               .inf = p->inf,
                               .min = NAN,
                               .max = NAN,
                               .mean = NAN,
                               .std = NAN,
                               .norm = NAN };
    if (p->finite == 0)
        return;
    out->min = p->lo;
    out->max = p->hi;
    out->mean = p->mean;
    out->std = sqrt(p->m2 / (double)p->finite);
    out->norm = sqrt(p->squares);
}

struct run {
    const struct spn_tensor *t;
    enum k_kind kind;
    int64_t n, first; /* first block of this wave */
    struct k_part *part;
    struct k_rooms rooms;
};

static void some_blocks(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct run *r = ctx;

    for (int64_t b = begin; b < end; b++) {
        int64_t at = (r->first + b) * K_BLOCK, n = r->n - at < K_BLOCK ? r->n - at : K_BLOCK;

        k_part_of(&r->part[b], r->kind, k_fetch(r->t, at, n, k_room(&r->rooms, worker)), n);
    }
}

spn_status spn_stats_run(struct spn_stats *out, const struct spn_tensor *t,
                         const struct spn_measure *how, struct spn_err *err)
{
    struct run r = { .t = t, .kind = k_kind_of(t->dtype), .n = spn_tensor_elems(t) };
    int64_t blocks = (r.n + K_BLOCK - 1) / K_BLOCK, wave = blocks < K_WAVE ? blocks : K_WAVE;
    struct k_part all = K_PART_INIT;
    spn_status st = k_check_numbers(t, "statistics", err);

    if (st != SPN_OK)
        return st;
    st = k_rooms_new(&r.rooms, how, 16 * K_BLOCK, err);
    r.part = spn_calloc((size_t)wave + 1, sizeof *r.part);
    if (st == SPN_OK && r.part == NULL)
        st = spn_fail(err, SPN_ENOMEM, "statistics: no memory for %" PRId64 " blocks", wave);
    for (; st == SPN_OK && r.first < blocks; r.first += wave) {
        int64_t some = blocks - r.first < wave ? blocks - r.first : wave;

        spn_pool_run(k_pool(how), some, 8, some_blocks, &r);
        for (int64_t b = 0; b < some; b++)
            k_part_add(&all, &r.part[b]);
        k_progress(how, (r.first + some) * K_BLOCK < r.n ? (r.first + some) * K_BLOCK : r.n, r.n);
        if (k_stopped(how))
            st = spn_fail(err, SPN_ECANCEL, "statistics: stopped by the user");
    }
    if (st == SPN_OK)
        k_part_stats(out, &all);
    spn_free(r.part);
    k_rooms_free(&r.rooms);
    return st;
}
