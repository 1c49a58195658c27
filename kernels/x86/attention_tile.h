/* attention_tile.h - one step of the online softmax over vectors of 8 or 16 floats. Included by
 * files built for one set. */
#ifndef SPN_X86_ATTENTION_TILE_H
#define SPN_X86_ATTENTION_TILE_H
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "lm/attention_block.h"
#include "tensor/half.h"
#include "x86/vec.h"

enum { LANES = SPN_ATTENTION_BLOCK, GROUPS = LANES / VW };

#ifdef __AVX512F__

VEC_INLINE vf v_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
VEC_INLINE vf v_half(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}
VEC_INLINE void v_store_half(void *p, vf x)
{
    _mm256_storeu_si256(p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* A where lane GROUP * 16 + i is in MASK, else B. */
VEC_INLINE vf v_pick(uint32_t mask, int group, vf a, vf b)
{
    return _mm512_mask_blend_ps((__mmask16)(mask >> (16 * group)), b, a);
}

VEC_INLINE float v_sum(vf x)
{
    return _mm512_reduce_add_ps(x);
}
VEC_INLINE float v_largest(vf x)
{
    return _mm512_reduce_max_ps(x);
}
VEC_INLINE float v_first(vf x)
{
    return _mm512_cvtss_f32(x);
}
VEC_INLINE vf v_round(vf x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VEC_INLINE vf v_pow2(vf n)
{
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
}

#else

VEC_INLINE vf v_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
VEC_INLINE vf v_half(const void *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128(p));
}
VEC_INLINE void v_store_half(void *p, vf x)
{
    _mm_storeu_si128(p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

VEC_INLINE vf v_pick(uint32_t mask, int group, vf a, vf b)
{
    __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i on = _mm256_and_si256(_mm256_set1_epi32((int)(mask >> (8 * group) & 0xff)), bit);

    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(_mm256_cmpeq_epi32(on, bit)));
}

VEC_INLINE float v_sum(vf x)
{
    __m128 t = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

    t = _mm_add_ps(t, _mm_movehl_ps(t, t));
    return _mm_cvtss_f32(_mm_add_ss(t, _mm_movehdup_ps(t)));
}

VEC_INLINE float v_largest(vf x)
{
    __m128 t = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

    t = _mm_max_ps(t, _mm_movehl_ps(t, t));
    return _mm_cvtss_f32(_mm_max_ss(t, _mm_movehdup_ps(t)));
}

VEC_INLINE float v_first(vf x)
{
    return _mm256_cvtss_f32(x);
}
VEC_INLINE vf v_round(vf x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VEC_INLINE vf v_pow2(vf n)
{
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}

#endif

/* exp(x) for x <= 0 within 2 units in the last place: 2^n times a polynomial in what is left (Cody
   and Waite's reduction). Below -87 the result is about 1e-38, never an underflow; NaN stays NaN.
 */
VEC_INLINE vf v_exp(vf x)
{
    vf n, r, p;

    x = v_max(v_set(-87.0f), x); /* in this order NaN passes */
    n = v_round(v_mul(x, v_set(1.44269504f)));
    r = v_fma(n, v_set(-0.693359375f), x);
    r = v_fma(n, v_set(2.12194440e-4f), r);
    p = v_set(1.0f / 5040);
    p = v_fma(p, r, v_set(1.0f / 720));
    p = v_fma(p, r, v_set(1.0f / 120));
    p = v_fma(p, r, v_set(1.0f / 24));
    p = v_fma(p, r, v_set(1.0f / 6));
    p = v_fma(p, r, v_set(0.5f));
    p = v_fma(p, r, v_set(1.0f));
    p = v_fma(p, r, v_set(1.0f));
    return v_mul(p, v_pow2(n));
}

/* VW numbers of a key or value, which are floats or F16. */
VEC_INLINE vf load(const void *row, int d, int half)
{
    return half ? v_half((const uint16_t *)row + d) : v_load((const float *)row + d);
}

/* The N < VW numbers from element D on, then zeros. */
VEC_INLINE vf load_tail(const void *row, int d, int n, int half)
{
    uint16_t tail[VW] = { 0 };

    if (!half)
        return v_load_n((const float *)row + d, n);
    memcpy(tail, (const uint16_t *)row + d, (size_t)n * sizeof *tail);
    return v_half(tail);
}

/* Blocks whose scores are made at once: their chains of additions fill the time that one takes. */
#define TOGETHER (VW == 16 ? 2 : 1)
/* Queries that meet the same keys at once, so that these are loaded once: as many as there are
   registers for. */
#define QUERIES (VW == 16 ? 2 : 1)

/* One head of one row, and the keys it sees. */
struct query {
    const struct k_attend *row;
    const struct k_span *span;
    const float *q, *slope;
    float *y, *max, *sum;
};

/* VW keys that lie here and there, numbers D to D + N of each: [N, VW]. */
VEC_INLINE void gather(const void *const *lane, int d, int n, int half, float *to)
{
    for (int j = 0; j < VW; j++)
        for (int i = 0; i < n; i++) {
            int64_t at = (int64_t)(d + i) * LANES;

            to[i * VW + j] = half ? spn_f32_of_f16(((const uint16_t *)lane[j])[at])
                                  : ((const float *)lane[j])[at];
        }
}

/* NQ queries with N blocks of keys that lie together, [dim, LANES]: two chains a lane, of even and
   of odd places. */
VEC_INLINE void dots(const struct query *w, int nq, const void *const *k, int n, int dim, int half,
                     vf out[QUERIES][TOGETHER * GROUPS])
{
    vf acc[2][QUERIES][TOGETHER * GROUPS];
    int d = 0;

#pragma GCC unroll 2
    for (int m = 0; m < nq; m++)
#pragma GCC unroll 4
        for (int i = 0; i < n * GROUPS; i++)
            acc[0][m][i] = acc[1][m][i] = v_zero();
    for (; d + 2 <= dim; d += 2)
#pragma GCC unroll 2
        for (int c = 0; c < 2; c++) {
            vf x[QUERIES];

#pragma GCC unroll 2
            for (int m = 0; m < nq; m++)
                x[m] = v_set(w[m].q[d + c]);
#pragma GCC unroll 4
            for (int i = 0; i < n * GROUPS; i++) {
                vf key = load(k[i / GROUPS], (d + c) * LANES + i % GROUPS * VW, half);

#pragma GCC unroll 2
                for (int m = 0; m < nq; m++)
                    acc[c][m][i] = v_fma(x[m], key, acc[c][m][i]);
            }
        }
    if (d < dim)
#pragma GCC unroll 2
        for (int m = 0; m < nq; m++) {
            vf x = v_set(w[m].q[d]);

#pragma GCC unroll 4
            for (int i = 0; i < n * GROUPS; i++)
                acc[0][m][i] = v_fma(
                    x, load(k[i / GROUPS], d * LANES + i % GROUPS * VW, half), acc[0][m][i]);
        }
#pragma GCC unroll 2
    for (int m = 0; m < nq; m++)
#pragma GCC unroll 4
        for (int i = 0; i < n * GROUPS; i++)
            out[m][i] = v_add(acc[0][m][i], acc[1][m][i]);
}

/* The same sums for VW keys that lie here and there. */
static vf dots_lanes(const float *q, const void *const *lane, int dim, int half)
{
    enum { SOME = 16 };
    _Alignas(64) float part[SOME * VW];
    vf acc[2] = { v_zero(), v_zero() };

    for (int d = 0; d < dim; d += SOME) {
        int n = dim - d < SOME ? dim - d : SOME;

        gather(lane, d, n, half, part);
        for (int i = 0; i < n; i++)
            acc[i % 2] = v_fma(v_set(q[d + i]), v_load(part + i * VW), acc[i % 2]);
    }
    return v_add(acc[0], acc[1]);
}

/* From a sum to a score: -inf where MASK has no lane. */
VEC_INLINE vf score_of(const struct query *w, vf s, int b, int g)
{
    const struct k_attend *a = w->row;
    const struct k_span *span = w->span;

    s = v_mul(s, v_set(a->scale));
    if (a->softcap > 0) {
        float t[VW];

        v_store(t, s);
        for (int j = 0; j < VW; j++)
            t[j] = a->softcap * tanhf(t[j] / a->softcap);
        s = v_load(t);
    }
    if (w->slope != NULL) {
        float t[VW];

        for (int j = 0; j < VW; j++)
            t[j] = (float)(span->first[b] + g * VW + j - a->pos);
        s = v_fma(v_set(*w->slope), v_load(t), s);
    }
    return v_pick(span->mask[b], g, s, v_set(-INFINITY));
}

typedef float weights[K_SPAN * LANES];

/* Scores of blocks B to B + N, which all NQ queries read, into P; TOP becomes the largest of itself
   and these, a lane each. */
VEC_INLINE void scores(const struct query *w, int nq, int b, int n, weights *p, vf *top, int dim,
                       int half)
{
    const struct k_span *s = w->span;
    vf x[QUERIES][TOGETHER * GROUPS];

    if (s->k[b] != NULL)
        dots(w, nq, s->k + b, n, dim, half, x);
    else
        for (int m = 0; m < nq; m++)
            for (int g = 0; g < GROUPS; g++)
                x[m][g] = dots_lanes(w[m].q, s->lane_k[b] + g * VW, dim, half);
#pragma GCC unroll 2
    for (int m = 0; m < nq; m++)
#pragma GCC unroll 4
        for (int i = 0; i < n * GROUPS; i++) {
            vf y = score_of(&w[m], x[m][i], b + i / GROUPS, i % GROUPS);

            v_store(p[m] + b * LANES + i * VW, y);
            top[m] = v_max(top[m], y);
        }
}

/* Add p[j] v[j] of block B's lanes to sums of N vectors from element D on.  The lanes are dealt to
   PARTS sums, so that an addition does not wait for the one before; N * PARTS is 8 or less.  TAIL:
   the vector has that many numbers (0: all). */
VEC_INLINE void add_block(vf acc[][8], int nq, const struct k_span *s, int b, const weights *p,
                          int dim, int d, int n, int parts, int tail, int half, bool together)
{
    const uint32_t all = (1u << parts) - 1, mask = s->mask[b];
    const size_t step = (size_t)dim * (half ? 2 : 4);

    for (int j = 0; j < LANES && mask >> j != 0; j += parts) {
        uint32_t some = mask >> j & all;
        const char *row = together ? (const char *)s->v[b] + (size_t)j * step : NULL;

#pragma GCC unroll 4
        for (int q = 0; q < parts; q++)
            if (some == all || (some >> q & 1) != 0) {
                const char *at =
                    together ? row + (size_t)q * step : (const char *)s->lane_v[b][j + q];
                vf w[QUERIES];

#pragma GCC unroll 2
                for (int m = 0; m < nq; m++)
                    w[m] = v_set(p[m][b * LANES + j + q]);
#pragma GCC unroll 8
                for (int i = 0; i < n; i++) {
                    vf v = tail != 0 ? load_tail(at, d, tail, half) : load(at, d + i * VW, half);

#pragma GCC unroll 2
                    for (int m = 0; m < nq; m++)
                        acc[m][q * n + i] = v_fma(w[m], v, acc[m][q * n + i]);
                }
            }
    }
}

/* The same of a query's own block, whose lanes may lie here and there. */
VEC_INLINE void add_own_block(vf acc[][8], const struct k_span *s, int b, const weights *p, int dim,
                              int d, int n, int parts, int tail, int half)
{
    if (s->v[b] != NULL)
        add_block(acc, 1, s, b, p, dim, d, n, parts, tail, half, true);
    else
        add_block(acc, 1, s, b, p, dim, d, n, parts, tail, half, false);
}

/* Do all NQ queries read the same lanes of block B, which lie together? */
VEC_INLINE bool common(const struct query *w, int nq, int b)
{
    return nq == 1 || (w[0].span->k[b] != NULL && w[0].span->k[b] == w[1].span->k[b] &&
                       w[0].span->mask[b] == w[1].span->mask[b]);
}

/* N vectors of each y from element D on: y = y alpha + the weighted sum of all its values. */
VEC_INLINE void values(const struct query *w, int nq, const weights *p, const float *alpha, int dim,
                       int d, int n, int parts, int tail, int half)
{
    vf acc[QUERIES][8];

#pragma GCC unroll 2
    for (int m = 0; m < nq; m++)
#pragma GCC unroll 8
        for (int i = 0; i < n * parts; i++)
            acc[m][i] = v_zero();
    for (int b = 0; b < w->span->n; b++)
        if (nq > 1 && common(w, nq, b))
            add_block(acc, nq, w->span, b, p, dim, d, n, parts, tail, half, true);
        else
#pragma GCC unroll 2
            for (int m = 0; m < nq; m++)
                add_own_block(acc + m, w[m].span, b, p + m, dim, d, n, parts, tail, half);
#pragma GCC unroll 2
    for (int m = 0; m < nq; m++)
#pragma GCC unroll 8
        for (int i = 0; i < n; i++) {
            vf sum = acc[m][i];
            float *y = w[m].y + d + i * VW;

            if (parts == 2)
                sum = v_add(sum, acc[m][n + i]);
            if (parts == 4)
                sum = v_add(v_add(sum, acc[m][n + i]),
                            v_add(acc[m][2 * n + i], acc[m][3 * n + i]));
            if (tail != 0)
                v_store_n(y, v_fma(v_load_n(y, tail), v_set(alpha[m]), sum), tail);
            else
                v_store(y, v_fma(v_load(y), v_set(alpha[m]), sum));
        }
}

VEC_INLINE void all_values(const struct query *w, int nq, const weights *p, const float *alpha,
                           int dim, int half)
{
    int d = 0;

    for (; d + 8 * VW <= dim; d += 8 * VW)
        values(w, nq, p, alpha, dim, d, 8, 1, 0, half);
    for (; d + 4 * VW <= dim; d += 4 * VW)
        values(w, nq, p, alpha, dim, d, 4, 2, 0, half);
    for (; d + 2 * VW <= dim; d += 2 * VW)
        values(w, nq, p, alpha, dim, d, 2, 4, 0, half);
    for (; d + VW <= dim; d += VW)
        values(w, nq, p, alpha, dim, d, 1, 4, 0, half);
    if (d < dim)
        values(w, nq, p, alpha, dim, d, 1, 4, dim - d, half);
}

/* A step of the softmax for NQ queries, whose spans have as many blocks. */
VEC_INLINE void attend_queries(const struct query *w, int nq, int dim_k, int dim_v, int half)
{
    _Alignas(64) weights p[QUERIES];
    const struct k_span *s = w->span;
    vf top[QUERIES];
    float alpha[QUERIES];

#pragma GCC unroll 2
    for (int m = 0; m < nq; m++)
        top[m] = v_set(-INFINITY);
    for (int b = 0, n; b < s->n; b += n) {
        n = TOGETHER == 2 && b + 1 < s->n && s->k[b] != NULL && s->k[b + 1] != NULL ? 2 : 1;
        if (n == 2 && nq == 2 && !(common(w, nq, b) && common(w, nq, b + 1)))
            n = 1;
        if (n == 2)
            scores(w, nq, b, TOGETHER, p, top, dim_k, half);
        else if (common(w, nq, b))
            scores(w, nq, b, 1, p, top, dim_k, half);
        else
#pragma GCC unroll 2
            for (int m = 0; m < nq; m++)
                scores(w + m, 1, b, 1, p + m, top + m, dim_k, half);
    }
#pragma GCC unroll 2
    for (int m = 0; m < nq; m++) {
        float max = v_largest(top[m]), before = *w[m].max;
        vf total = v_zero();

        max = max > before ? max : before;
        alpha[m] = before > -INFINITY ? v_first(v_exp(v_set(before - max))) : 0;
        for (int b = 0; b < s->n; b++) {
#pragma GCC unroll 4
            for (int g = 0; g < GROUPS; g++) {
                float *at = p[m] + b * LANES + g * VW;
                vf e = v_exp(v_add(v_load(at), v_set(-max)));

                e = v_pick(w[m].span->mask[b], g, e, v_zero());
                v_store(at, e);
                total = v_add(total, e);
            }
        }
        *w[m].sum = *w[m].sum * alpha[m] + v_sum(total);
        *w[m].max = max;
    }
    all_values(w, nq, (const weights *)p, alpha, dim_v, half);
}

/* Query head H of row A, which sees S. */
VEC_INLINE struct query head_of(const struct k_attend *a, const struct k_span *s, int h, int dim_k,
                                int dim_v)
{
    return (struct query){
        .row = a,
        .span = s,
        .q = a->q + (size_t)h * (size_t)dim_k,
        .slope = a->slope != NULL ? a->slope + h : NULL,
        .y = a->y + (size_t)h * (size_t)dim_v,
        .max = a->max + h,
        .sum = a->sum + h,
    };
}

/* All heads of A and B: head h of both at once, or of one row two heads at once. */
VEC_INLINE void attend_heads(const struct k_attend *a, const struct k_span *s,
                             const struct k_attend *b, const struct k_span *t, int dim_k, int dim_v,
                             int half)
{
    const int step = QUERIES == 2 && b == NULL ? 2 : 1;

    for (int h = 0; h < a->heads; h += step) {
        struct query w[2] = { head_of(a, s, h, dim_k, dim_v) };
        bool two = b != NULL || (step == 2 && h + 1 < a->heads);

        if (two)
            w[1] = b != NULL ? head_of(b, t, h, dim_k, dim_v) : head_of(a, s, h + 1, dim_k, dim_v);
        if (two && QUERIES == 2) {
            attend_queries(w, QUERIES, dim_k, dim_v, half);
        } else {
            attend_queries(w, 1, dim_k, dim_v, half);
            if (two)
                attend_queries(w + 1, 1, dim_k, dim_v, half);
        }
    }
}

/* The usual head sizes as constants: addresses then need no registers. */
VEC_INLINE void attend(const struct k_attend *a, const struct k_span *s, const struct k_attend *b,
                       const struct k_span *t, int half)
{
    if (a->dim_k == 64 && a->dim_v == 64)
        attend_heads(a, s, b, t, 64, 64, half);
    else if (a->dim_k == 32 && a->dim_v == 32)
        attend_heads(a, s, b, t, 32, 32, half);
    else if (a->dim_k == 128 && a->dim_v == 128)
        attend_heads(a, s, b, t, 128, 128, half);
    else
        attend_heads(a, s, b, t, a->dim_k, a->dim_v, half);
}

/* Floats to F16, a vector at a time. */
VEC_INLINE void halve(const float *x, int64_t n, uint16_t *y)
{
    int64_t i = 0;

    for (; i + VW <= n; i += VW)
        v_store_half(y + i, v_load(x + i));
    for (; i < n; i++)
        y[i] = spn_f16_of_f32(x[i]);
}

#endif
