/* spread.c - exact percentiles and histograms, of floats by counting, without sorting or copying.
 *
 * The bits of a float order as floats do, once the negative ones are turned over: that is its key.
 * The first reading counts numbers by the upper 16 bits.  A percentile is a place in that order, an
 * edge of the histogram a key; the counts say which few upper halves they fall into, and the second
 * reading looks into those alone.  Few numbers, and doubles, are copied and sorted.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "measure/block.h"
#include "tensor/half.h"

#define PREFIXES_MAX (2 * SPN_PERCENTILES_MAX)
#define EDGES_MAX    (SPN_BINS_MAX + 1)

/* Numbers that are sorted, because tables would cost more. */
#define FEW 4096
/* Numbers in the upper halves of all percentiles that are kept as a list; more are counted in
   tables of 512 KiB an upper half. */
#define LISTED_MAX ((uint64_t)4 << 20)

/* ---- what both ways share ---- */

/* The place of a percentile among N numbers, and how far it is on the way to the next. */
static int64_t place(double percent, int64_t n, double *on)
{
    double at = percent / 100 * (double)(n - 1), whole = floor(at);

    *on = at - whole;
    return (int64_t)whole;
}

static double between(double a, double b, double on)
{
    return on == 0 ? a : a + (b - a) * on;
}

static double edge_of(const struct spn_spread *s, int k)
{
    return k == s->bins ? s->hi : s->lo + (s->hi - s->lo) * k / s->bins;
}

/* Edges where they were left open, from the statistics. */
static void settle(struct spn_spread *s, const struct spn_stats *st)
{
    if (isnan(s->lo))
        s->lo = isnan(st->min) ? 0 : st->min;
    if (isnan(s->hi))
        s->hi = isnan(st->max) ? 1 : st->max;
    if (!(s->lo < s->hi)) {
        s->lo -= 0.5;
        s->hi += 0.5;
    }
}

/* ---- by sorting ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* How many of the N sorted numbers are below V, or (PAST) at most V. */
static int64_t count_below(const double *v, int64_t n, double edge, bool past)
{
    int64_t lo = 0;

    while (n > 0) {
        int64_t half = n / 2;

        if (v[lo + half] < edge || (past && v[lo + half] == edge)) {
            lo += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return lo;
}

static spn_status by_sorting(struct spn_spread *s, const struct spn_tensor *t,
                             const struct spn_stats *stats, const struct spn_measure *how,
                             struct spn_err *err)
{
    int64_t n = spn_tensor_elems(t), finite = stats->count - stats->nan - stats->inf, m = 0;
    double *v = NULL;
    struct k_rooms rooms = { 0 };
    spn_status st = k_rooms_new(&rooms, NULL, 16 * K_BLOCK, err);

    if (st == SPN_OK && ((uint64_t)finite * sizeof *v > spn_memory_free_bytes() / 2 ||
                         (v = spn_calloc((size_t)finite + 1, sizeof *v)) == NULL))
        st = spn_fail(err, SPN_ENOMEM,
                      "percentiles: no memory for %" PRId64 " numbers, 8 bytes each", finite);
    for (int64_t at = 0; st == SPN_OK && at < n; at += K_BLOCK) {
        int64_t some = n - at < K_BLOCK ? n - at : K_BLOCK;
        const void *x = k_fetch(t, at, some, rooms.bytes);

        for (int64_t i = 0; i < some; i++) {
            double d = k_kind_of(t->dtype) == K_FLOATS ? (double)((const float *)x)[i]
                                                       : ((const double *)x)[i];

            if (isfinite(d) && m < finite) /* a file may change while it is read */
                v[m++] = d;
        }
        if (k_stopped(how))
            st = spn_fail(err, SPN_ECANCEL, "percentiles: stopped by the user");
    }
    k_rooms_free(&rooms);
    if (st == SPN_OK && m > 0) {
        qsort(v, (size_t)m, sizeof *v, compare_doubles);
        for (int i = 0; i < s->n_percent; i++) {
            double on;
            int64_t p = place(s->percent[i], m, &on);

            s->value[i] = between(v[p], v[p + (p + 1 < m)], on);
        }
        for (int k = 0; k < s->bins; k++)
            s->count[k] = count_below(v, m, edge_of(s, k + 1), k + 1 == s->bins) -
                          count_below(v, m, edge_of(s, k), false);
    }
    spn_free(v);
    return st;
}

/* ---- by counting ---- */

static uint32_t key_of_bits(uint32_t u)
{
    return u ^ (u >> 31 ? UINT32_MAX : (uint32_t)1 << 31);
}

static double number_of_key(uint32_t key)
{
    return (double)spn_f32_of_bits(key >> 31 ? key ^ (uint32_t)1 << 31 : ~key);
}

/* The key K such that a float is below EDGE (PAST: at or below) when its key is below K. */
static uint32_t edge_key(double edge, bool past)
{
    float f = (float)edge;

    if (past ? (double)f <= edge : (double)f < edge)
        f = nextafterf(f, INFINITY);
    return key_of_bits(spn_bits_of_f32(f == 0 ? -0.0f : f)); /* both zeros are on one side */
}

struct counts {      /* of one worker */
    uint32_t *tally; /* [2][K_TALLY] of the first reading, by the bits' upper half */
    int64_t seen;    /* in it */
    uint64_t *deep;  /* [n_prefix][K_TALLY] of the second, by the key's lower half; or: */
    uint32_t *list;  /* keys */
    int64_t n_list;
    uint64_t below[EDGES_MAX + 1]; /* numbers that share an edge's upper half and are below it */
    uint32_t *picked, *chosen;     /* [K_BLOCK] */
};

struct run {
    const struct spn_tensor *t;
    int64_t n, first;
    struct k_part *part;
    struct k_rooms rooms;
    int threads;
    struct counts *worker; /* [threads] */
    uint64_t *start;       /* [K_TALLY + 1] finite numbers below an upper half, by key */

    uint32_t prefix[PREFIXES_MAX]; /* upper halves that percentiles fall into, by key, ascending */
    int n_prefix;
    int64_t listed;           /* room of the lists, 0: tables */
    uint64_t *low;            /* [K_TALLY] of the upper half whose numbers were asked for last */
    int64_t low_of;           /* which; -1: none */
    uint32_t edge[EDGES_MAX]; /* keys, ascending */
    int n_edge;
    /* By the bits' upper half; 0: not looked at, else 1 + an index of look. */
    unsigned char *slot;
    struct {
        int prefix;      /* -1: none */
        int edge, edges; /* those of this upper half follow one another */
        /* The first of them without a test: below[first] counts keys below KEY; of an upper half
           without an edge that is a count that nobody reads. */
        int first;
        uint32_t key;
    } look[PREFIXES_MAX + EDGES_MAX];
};

/* The bits of those numbers of X whose SLOT is not 0, in order, into OUT of N places; says how
   many. Without a jump: whether a number is wanted cannot be foretold.  Sixteen slots by one gather
   are half as fast here. */
static int64_t pick(const float *x, int64_t n, const unsigned char *slot, uint32_t *out)
{
    int64_t k = 0;

    for (int64_t i = 0; i < n; i++) {
        uint32_t u = spn_bits_of_f32(x[i]);

        out[k] = u;
        k += slot[u >> 16] != 0;
    }
    return k;
}

/* A worker's tally into start, which holds plain counts by key until they are summed. */
static void flush(const struct run *r, struct counts *w)
{
    for (uint32_t u = 0; u < K_TALLY; u++) {
        uint64_t c = (uint64_t)w->tally[u] + w->tally[K_TALLY + u];

        if (c > 0 && (u & 0x7f80) != 0x7f80)
            __atomic_fetch_add(&r->start[key_of_bits(u << 16) >> 16], c, __ATOMIC_RELAXED);
    }
    memset(w->tally, 0, 2 * K_TALLY * sizeof *w->tally);
    w->seen = 0;
}

/* Two tables by turns: equal neighbours would else wait for one another's sum. */
static void tally(uint32_t *table, const float *x, int64_t n)
{
    int64_t i;

    for (i = 0; i + 4 <= n; i += 4) {
        uint64_t a, b;

        memcpy(&a, x + i, sizeof a);
        memcpy(&b, x + i + 2, sizeof b);
        table[(uint16_t)(a >> 16)]++;
        table[K_TALLY + (a >> 48)]++;
        table[(uint16_t)(b >> 16)]++;
        table[K_TALLY + (b >> 48)]++;
    }
    for (; i < n; i++)
        table[spn_bits_of_f32(x[i]) >> 16]++;
}

static void first_reading(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct run *r = ctx;
    struct counts *w = &r->worker[worker];

    for (int64_t b = begin; b < end; b++) {
        int64_t at = (r->first + b) * K_BLOCK, n = r->n - at < K_BLOCK ? r->n - at : K_BLOCK;
        const void *x = k_fetch(r->t, at, n, k_room(&r->rooms, worker));

        k_part_of(&r->part[b], K_FLOATS, x, n);
        if (w->seen > INT32_MAX)
            flush(r, w);
        w->seen += n;
        tally(w->tally, x, n);
    }
}

/* The first N chosen numbers, which percentiles are among. */
static void keep(const struct run *r, struct counts *w, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t key = key_of_bits(w->chosen[i]);

        if (w->deep == NULL && w->n_list < r->listed)
            w->list[w->n_list++] = key; /* never more, unless the file changes meanwhile */
        else if (w->deep != NULL)
            w->deep[(int64_t)r->look[r->slot[w->chosen[i] >> 16] - 1].prefix * K_TALLY +
                    (key & 0xffff)]++;
    }
}

static void second_reading(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct run *r = ctx;
    struct counts *w = &r->worker[worker];

    for (int64_t b = begin; b < end; b++) {
        int64_t at = (r->first + b) * K_BLOCK, n = r->n - at < K_BLOCK ? r->n - at : K_BLOCK;
        const void *x = k_fetch(r->t, at, n, k_room(&r->rooms, worker));
        int64_t picked = pick(x, n, r->slot, w->picked), chosen = 0;

        /* Whether a number counts for an edge, a percentile or both cannot be foretold either. */
        for (int64_t i = 0; i < picked; i++) {
            uint32_t key = key_of_bits(w->picked[i]);
            int s = r->slot[w->picked[i] >> 16] - 1;

            w->below[r->look[s].first] += key < r->look[s].key;
            for (int e = r->look[s].edge + 1; e < r->look[s].edge + r->look[s].edges; e++)
                w->below[e] += key < r->edge[e];
            w->chosen[chosen] = w->picked[i];
            chosen += r->look[s].prefix >= 0;
        }
        keep(r, w, chosen);
    }
}

/* One reading of all blocks in waves; the parts of the first one are merged into ALL. */
static spn_status reading(struct run *r, spn_pool_fn fn, struct k_part *all, int64_t before,
                          const struct spn_measure *how, struct spn_err *err)
{
    int64_t blocks = (r->n + K_BLOCK - 1) / K_BLOCK;

    for (r->first = 0; r->first < blocks; r->first += K_WAVE) {
        int64_t some = blocks - r->first < K_WAVE ? blocks - r->first : K_WAVE;

        spn_pool_run(k_pool(how), some, 8, fn, r);
        for (int64_t b = 0; all != NULL && b < some; b++)
            k_part_add(all, &r->part[b]);
        k_progress(how, before + r->n / 2 * (r->first + some) / blocks, r->n);
        if (k_stopped(how))
            return spn_fail(err, SPN_ECANCEL, "percentiles: stopped by the user");
    }
    return SPN_OK;
}

/* The upper half, by key, that holds place P of the sorted numbers. */
static uint32_t half_of_place(const struct run *r, uint64_t p)
{
    uint32_t lo = 0, n = K_TALLY;

    while (n > 1) {
        uint32_t half = n / 2;

        if (r->start[lo + half] <= p)
            lo += half;
        n -= half;
    }
    return lo;
}

static void add_prefix(struct run *r, uint32_t half)
{
    int i = 0;

    while (i < r->n_prefix && r->prefix[i] < half)
        i++;
    if (i < r->n_prefix && r->prefix[i] == half)
        return;
    memmove(r->prefix + i + 1, r->prefix + i, (size_t)(r->n_prefix - i) * sizeof *r->prefix);
    r->prefix[i] = half;
    r->n_prefix++;
}

/* What the second reading is to look at. */
static void plan(struct run *r, const struct spn_spread *s, int64_t finite)
{
    int n = 0, p = 0, e = 0;
    double on;

    for (int i = 0; finite > 0 && i < s->n_percent; i++) {
        int64_t at = place(s->percent[i], finite, &on);

        add_prefix(r, half_of_place(r, (uint64_t)at));
        if (at + 1 < finite)
            add_prefix(r, half_of_place(r, (uint64_t)at + 1));
    }
    for (int k = 0; s->bins > 0 && k <= s->bins; k++)
        r->edge[r->n_edge++] = edge_key(edge_of(s, k), k == s->bins);
    /* Both lists ascend: they are joined by their upper halves. */
    while (p < r->n_prefix || e < r->n_edge) {
        uint32_t of_edge = e < r->n_edge ? r->edge[e] >> 16 : UINT32_MAX,
                 of_prefix = p < r->n_prefix ? r->prefix[p] : UINT32_MAX,
                 half = of_edge < of_prefix ? of_edge : of_prefix;

        r->look[n].prefix = of_prefix == half ? p++ : -1;
        r->look[n].edge = e;
        while (e < r->n_edge && r->edge[e] >> 16 == half)
            e++;
        r->look[n].edges = e - r->look[n].edge;
        r->look[n].first = r->look[n].edges > 0 ? r->look[n].edge : EDGES_MAX;
        r->look[n].key = r->look[n].edges > 0 ? r->edge[r->look[n].edge] : 0;
        /* An upper half without numbers need not be looked at. */
        if (r->start[half + 1] > r->start[half])
            r->slot[half >> 15 ? half ^ 0x8000 : half ^ 0xffff] = (unsigned char)++n;
    }
}

/* Counts by the lower half of what has the upper half PREFIX[K]. */
static const uint64_t *lower_halves(struct run *r, int k)
{
    if (r->listed == 0)
        return r->worker[0].deep + (int64_t)k * K_TALLY;
    if (r->low_of == k)
        return r->low;
    memset(r->low, 0, K_TALLY * sizeof *r->low);
    for (int w = 0; w < r->threads; w++)
        for (int64_t i = 0; i < r->worker[w].n_list; i++)
            if (r->worker[w].list[i] >> 16 == r->prefix[k])
                r->low[r->worker[w].list[i] & 0xffff]++;
    r->low_of = k;
    return r->low;
}

/* The number at place P. */
static double number_at(struct run *r, uint64_t p)
{
    uint32_t half = half_of_place(r, p);
    uint64_t left = p - r->start[half];
    const uint64_t *low;
    int k = 0;

    while (r->prefix[k] != half)
        k++;
    low = lower_halves(r, k);
    for (uint32_t l = 0; l < K_TALLY; l++) {
        if (left < low[l])
            return number_of_key(half << 16 | l);
        left -= low[l];
    }
    return NAN; /* the file changed between the readings, which spn_reader_check will say */
}

static void answer(struct run *r, struct spn_spread *s, int64_t finite)
{
    double on;

    for (int w = 1; w < r->threads; w++) {
        for (int64_t i = 0; r->listed == 0 && i < (int64_t)r->n_prefix * K_TALLY; i++)
            r->worker[0].deep[i] += r->worker[w].deep[i];
        for (int e = 0; e < r->n_edge; e++)
            r->worker[0].below[e] += r->worker[w].below[e];
    }
    for (int i = 0; finite > 0 && i < s->n_percent; i++) {
        int64_t at = place(s->percent[i], finite, &on);
        double a = number_at(r, (uint64_t)at);

        s->value[i] = on == 0 ? a : between(a, number_at(r, (uint64_t)at + 1), on);
    }
    for (int e = 0; e < r->n_edge; e++)
        r->worker[0].below[e] += r->start[r->edge[e] >> 16];
    for (int k = 0; k < s->bins; k++)
        s->count[k] = (int64_t)(r->worker[0].below[k + 1] - r->worker[0].below[k]);
}

static spn_status tables(struct run *r, const struct spn_measure *how, struct spn_err *err)
{
    spn_status st = k_rooms_new(&r->rooms, how, 16 * K_BLOCK, err);
    bool there;

    r->threads = spn_pool_threads(k_pool(how));
    r->part = spn_calloc((size_t)K_WAVE, sizeof *r->part);
    r->start = spn_calloc(K_TALLY + 1, sizeof *r->start);
    r->slot = spn_calloc(K_TALLY, 1);
    r->worker = spn_calloc((size_t)r->threads, sizeof *r->worker);
    there = r->part != NULL && r->start != NULL && r->slot != NULL && r->worker != NULL;
    for (int w = 0; there && w < r->threads; w++) {
        r->worker[w].tally = spn_calloc(2 * K_TALLY, sizeof *r->worker[w].tally);
        r->worker[w].picked = spn_calloc((size_t)K_BLOCK, sizeof *r->worker[w].picked);
        r->worker[w].chosen = spn_calloc((size_t)K_BLOCK, sizeof *r->worker[w].chosen);
        there = r->worker[w].tally != NULL && r->worker[w].picked != NULL &&
                r->worker[w].chosen != NULL;
    }
    if (st == SPN_OK && !there)
        st = spn_fail(err, SPN_ENOMEM, "percentiles: no memory for the tables of %d threads",
                      r->threads);
    return st;
}

/* What the second reading keeps. */
static spn_status second_tables(struct run *r, struct spn_err *err)
{
    uint64_t total = 0;

    for (int k = 0; k < r->n_prefix; k++)
        total += r->start[r->prefix[k] + 1] - r->start[r->prefix[k]];
    r->listed = total <= LISTED_MAX ? (int64_t)total + 1 : 0;
    r->low_of = -1;
    r->low = spn_calloc(K_TALLY, sizeof *r->low);
    for (int w = 0; w < r->threads; w++) {
        struct counts *c = &r->worker[w];

        if (r->listed > 0)
            c->list = spn_realloc(NULL, (size_t)r->listed, sizeof *c->list);
        else
            c->deep = spn_calloc((size_t)r->n_prefix * K_TALLY, sizeof *c->deep);
        if (r->low == NULL || (c->list == NULL && c->deep == NULL))
            return spn_fail(err, SPN_ENOMEM, "percentiles: no memory for %d tables of counts",
                            r->n_prefix);
    }
    return SPN_OK;
}

static spn_status by_counting(struct spn_stats *stats, struct spn_spread *s,
                              const struct spn_tensor *t, const struct spn_measure *how,
                              struct spn_err *err)
{
    struct run r = { .t = t, .n = spn_tensor_elems(t) };
    struct k_part all = K_PART_INIT;
    spn_status st = tables(&r, how, err);

    if (st == SPN_OK)
        st = reading(&r, first_reading, &all, 0, how, err);
    if (st == SPN_OK) {
        uint64_t sum = 0;

        k_part_stats(stats, &all);
        settle(s, stats);
        for (int w = 0; w < r.threads; w++)
            flush(&r, &r.worker[w]);
        for (uint32_t k = 0; k <= K_TALLY; k++) {
            uint64_t c = r.start[k];

            r.start[k] = sum;
            sum += c;
        }
        plan(&r, s, all.finite);
        st = second_tables(&r, err);
    }
    if (st == SPN_OK)
        st = reading(&r, second_reading, NULL, r.n / 2, how, err);
    if (st == SPN_OK)
        answer(&r, s, all.finite);
    for (int w = 0; r.worker != NULL && w < r.threads; w++) {
        spn_free(r.worker[w].tally);
        spn_free(r.worker[w].deep);
        spn_free(r.worker[w].list);
        spn_free(r.worker[w].picked);
        spn_free(r.worker[w].chosen);
    }
    spn_free(r.worker);
    spn_free(r.part);
    spn_free(r.start);
    spn_free(r.low);
    spn_free(r.slot);
    k_rooms_free(&r.rooms);
    return st;
}

spn_status spn_spread_run(struct spn_stats *stats, struct spn_spread *s, const struct spn_tensor *t,
                          const struct spn_measure *how, struct spn_err *err)
{
    spn_status st;

    if (s->n_percent < 0 || s->n_percent > SPN_PERCENTILES_MAX || s->bins < 0 ||
        s->bins > SPN_BINS_MAX)
        return spn_fail(err, SPN_EUSAGE,
                        "percentiles: %d of them and %d bins, at most %d and %d are possible",
                        s->n_percent, s->bins, SPN_PERCENTILES_MAX, SPN_BINS_MAX);
    for (int i = 0; i < s->n_percent; i++) {
        if (!(s->percent[i] >= 0 && s->percent[i] <= 100))
            return spn_fail(err, SPN_EUSAGE, "percentiles: %g is not between 0 and 100",
                            s->percent[i]);
        s->value[i] = NAN;
    }
    st = k_check_numbers(t, "percentiles", err);
    if (st != SPN_OK)
        return st;
    if (k_kind_of(t->dtype) == K_FLOATS && spn_tensor_elems(t) > FEW)
        return by_counting(stats, s, t, how, err);
    st = spn_stats_run(stats, t, how, err);
    if (st != SPN_OK)
        return st;
    settle(s, stats);
    return by_sorting(s, t, stats, how, err);
}
