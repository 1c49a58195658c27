/* difference.c - two tensors, pair by pair. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "measure/block.h"

void k_pairs_f32_ref(const float *a, const float *b, int64_t n, struct k_pairs *out)
{
    double aa[K_PAIR_LANES] = { 0 }, bb[K_PAIR_LANES] = { 0 }, dd[K_PAIR_LANES] = { 0 },
           ab[K_PAIR_LANES] = { 0 }, far = 0;
    int64_t differ = 0;
    bool odd = false;

    for (int64_t i = 0; i < n; i++) {
        double x = a[i], y = b[i], d = x - y;
        int l = (int)(i % K_PAIR_LANES);

        odd |= !isfinite(a[i]) || !isfinite(b[i]);
        differ += a[i] != b[i];
        far = fabs(d) > far ? fabs(d) : far;
        aa[l] += x * x; /* products of floats are exact in a double; D's square is not, and is
                           rounded before it is added everywhere */
        bb[l] += y * y;
        ab[l] += x * y;
        dd[l] += d * d;
    }
    *out = (struct k_pairs){ .aa = k_fold(aa, K_PAIR_LANES),
                             .bb = k_fold(bb, K_PAIR_LANES),
                             .dd = k_fold(dd, K_PAIR_LANES),
                             .ab = k_fold(ab, K_PAIR_LANES),
                             .far = far,
                             .differ = differ,
                             .odd = odd };
}

static k_pairs_fn *pairs_f32(void)
{
#ifdef HAVE_X86
    if (spn_isa_get() == SPN_ISA_AVX512)
        return k_pairs_f32_avx512;
    if (spn_isa_get() == SPN_ISA_AVX2)
        return k_pairs_f32_avx2;
#endif
    return k_pairs_f32_ref;
}

static double number(enum k_kind kind, const void *x, int64_t i)
{
    return kind == K_FLOATS ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

/* Any two kinds, and blocks that hold NaN or infinities. */
static void pairs_any(struct spn_difference *o, enum k_kind ka, const void *a, enum k_kind kb,
                      const void *b, int64_t n)
{
    double aa[K_PAIR_LANES] = { 0 }, bb[K_PAIR_LANES] = { 0 }, dd[K_PAIR_LANES] = { 0 },
           ab[K_PAIR_LANES] = { 0 };

    for (int64_t i = 0; i < n; i++) {
        double x = number(ka, a, i), y = number(kb, b, i), d = x - y;
        int l = (int)(i % K_PAIR_LANES);
        bool same = x == y || (isnan(x) && isnan(y));

        o->nan_a += isnan(x);
        o->nan_b += isnan(y);
        o->inf_a += isinf(x) != 0;
        o->inf_b += isinf(y) != 0;
        o->differ += !same;
        if (!isfinite(x) || !isfinite(y)) {
            o->lost += !same;
            continue;
        }
        o->max_abs = fabs(d) > o->max_abs ? fabs(d) : o->max_abs;
        aa[l] += x * x;
        bb[l] += y * y;
        ab[l] += x * y;
        dd[l] += d * d;
    }
    o->squares_a += k_fold(aa, K_PAIR_LANES);
    o->squares_b += k_fold(bb, K_PAIR_LANES);
    o->squares_d += k_fold(dd, K_PAIR_LANES);
    o->dot += k_fold(ab, K_PAIR_LANES);
}

struct run {
    const struct spn_tensor *a, *b;
    const struct spn_row_map *map;
    enum k_kind ka, kb;
    int64_t n, first, cols;
    struct spn_difference *part;
    struct k_rooms rooms;
};

/* Numbers of A that belong to [at, at + n) of B, where rows stand in another order. */
static const void *fetch_mapped(const struct run *r, int64_t at, int64_t n, char *room)
{
    size_t size = r->ka == K_FLOATS ? sizeof(float) : sizeof(double);
    char *one = room + 8 * K_BLOCK; /* a row's stretch before it is put in place */

    for (int64_t i = 0; i < n;) {
        int64_t row = (at + i) / r->cols, col = (at + i) % r->cols,
                some = r->cols - col < n - i ? r->cols - col : n - i;

        memcpy(room + (size_t)i * size,
               k_fetch(r->a, r->map->row(r->map->ctx, row) * r->cols + col, some, one),
               (size_t)some * size);
        i += some;
    }
    return room;
}

static void some_blocks(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct run *r = ctx;
    char *room = k_room(&r->rooms, worker);
    k_pairs_fn *fast = pairs_f32();

    for (int64_t k = begin; k < end; k++) {
        int64_t at = (r->first + k) * K_BLOCK, n = r->n - at < K_BLOCK ? r->n - at : K_BLOCK;
        const void *b = k_fetch(r->b, at, n, room + 24 * K_BLOCK);
        const void *a = r->map != NULL ? fetch_mapped(r, at, n, room) : k_fetch(r->a, at, n, room);
        struct spn_difference *o = &r->part[k];
        struct k_pairs p = { .odd = true };

        *o = (struct spn_difference){ .count = n };
        if (r->ka == K_FLOATS && r->kb == K_FLOATS)
            fast(a, b, n, &p);
        if (p.odd) {
            pairs_any(o, r->ka, a, r->kb, b, n);
        } else {
            o->differ = p.differ;
            o->max_abs = p.far;
            o->squares_a = p.aa;
            o->squares_b = p.bb;
            o->squares_d = p.dd;
            o->dot = p.ab;
        }
    }
}

void spn_difference_add(struct spn_difference *t, const struct spn_difference *x)
{
    t->count += x->count;
    t->differ += x->differ;
    t->nan_a += x->nan_a;
    t->nan_b += x->nan_b;
    t->inf_a += x->inf_a;
    t->inf_b += x->inf_b;
    t->lost += x->lost;
    t->max_abs = x->max_abs > t->max_abs ? x->max_abs : t->max_abs;
    t->squares_a += x->squares_a;
    t->squares_b += x->squares_b;
    t->squares_d += x->squares_d;
    t->dot += x->dot;
    t->rel = t->squares_d == 0 ? 0 : sqrt(t->squares_d / t->squares_b);
    if (t->squares_a == 0 && t->squares_b == 0)
        t->cosine = 1;
    else
        t->cosine = t->dot / (sqrt(t->squares_a) * sqrt(t->squares_b)); /* NaN where one is 0 */
    if (t->cosine > 1)
        t->cosine = 1; /* by rounding */
}

static spn_status check(const struct run *r, struct spn_err *err)
{
    char a[128], b[128];
    spn_status st = k_check_numbers(r->a, "difference", err);

    if (st == SPN_OK)
        st = k_check_numbers(r->b, "difference", err);
    if (st != SPN_OK)
        return st;
    for (int d = 0; d < r->a->ndim || d < r->b->ndim; d++)
        if (r->a->ndim != r->b->ndim || r->a->dim[d] != r->b->dim[d]) {
            spn_tensor_shape_text(r->a, a, sizeof a);
            spn_tensor_shape_text(r->b, b, sizeof b);
            return spn_fail(err, SPN_EUSAGE, "difference: shapes %s and %s", a, b);
        }
    return SPN_OK;
}

spn_status spn_difference_run(struct spn_difference *out, const struct spn_tensor *a,
                              const struct spn_tensor *b, const struct spn_row_map *row,
                              const struct spn_measure *how, struct spn_err *err)
{
    struct run r = { .a = a,
                     .b = b,
                     .map = row,
                     .ka = k_kind_of(a->dtype),
                     .kb = k_kind_of(b->dtype),
                     .n = spn_tensor_elems(b) };
    int64_t blocks = (r.n + K_BLOCK - 1) / K_BLOCK, wave = blocks < K_WAVE ? blocks : K_WAVE;
    spn_status st = check(&r, err);

    if (st != SPN_OK)
        return st;
    *out = (struct spn_difference){ .cosine = 1 };
    r.cols = b->ndim > 0 && b->dim[0] > 0 ? r.n / b->dim[0] : 1;
    st = k_rooms_new(&r.rooms, how, 40 * K_BLOCK, err);
    r.part = spn_calloc((size_t)wave + 1, sizeof *r.part);
    if (st == SPN_OK && r.part == NULL)
        st = spn_fail(err, SPN_ENOMEM, "difference: no memory for %" PRId64 " blocks", wave);
    for (; st == SPN_OK && r.first < blocks; r.first += wave) {
        int64_t some = blocks - r.first < wave ? blocks - r.first : wave;

        spn_pool_run(k_pool(how), some, 8, some_blocks, &r);
        for (int64_t k = 0; k < some; k++)
            spn_difference_add(out, &r.part[k]);
        k_progress(how, (r.first + some) * K_BLOCK < r.n ? (r.first + some) * K_BLOCK : r.n, r.n);
        if (k_stopped(how))
            st = spn_fail(err, SPN_ECANCEL, "difference: stopped by the user");
    }
    spn_free(r.part);
    k_rooms_free(&r.rooms);
    return st;
}
