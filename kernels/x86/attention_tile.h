/* attention_tile.h - one step of the online softmax over vectors of 8 or 16 floats. Included by
 * files built for one set. */
#ifndef SPN_X86_ATTENTION_TILE_H
#define SPN_X86_ATTENTION_TILE_H
#include <math.h>
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

/* q with N blocks of keys that lie together, [dim, LANES]: two chains a lane, of even and of odd
   places. */
VEC_INLINE void dots(const float *q, const void *const *k, int n, int dim, int half, vf *out)
{
    vf acc[2][TOGETHER * GROUPS];
    int d = 0;

#pragma GCC unroll 4
    for (int i = 0; i < n * GROUPS; i++)
        acc[0][i] = acc[1][i] = v_zero();
    for (; d + 2 <= dim; d += 2)
#pragma GCC unroll 2
        for (int c = 0; c < 2; c++) {
            vf x = v_set(q[d + c]);

#pragma GCC unroll 4
            for (int i = 0; i < n * GROUPS; i++)
                acc[c][i] = v_fma(x, load(k[i / GROUPS], (d + c) * LANES + i % GROUPS * VW, half),
                                  acc[c][i]);
        }
    if (d < dim) {
        vf x = v_set(q[d]);

#pragma GCC unroll 4
        for (int i = 0; i < n * GROUPS; i++)
            acc[0][i] = v_fma(x, load(k[i / GROUPS], d * LANES + i % GROUPS * VW, half), acc[0][i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < n * GROUPS; i++)
        out[i] = v_add(acc[0][i], acc[1][i]);
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
VEC_INLINE vf score_of(const struct k_attend *a, vf s, const struct k_span *span, int b, int g,
                       const float *slope)
{
    s = v_mul(s, v_set(a->scale));
    if (a->softcap > 0) {
        float t[VW];

        v_store(t, s);
        for (int j = 0; j < VW; j++)
            t[j] = a->softcap * tanhf(t[j] / a->softcap);
        s = v_load(t);
    }
    if (slope != NULL) {
        float t[VW];

        for (int j = 0; j < VW; j++)
            t[j] = (float)(span->first[b] + g * VW + j - a->pos);
        s = v_fma(v_set(*slope), v_load(t), s);
    }
    return v_pick(span->mask[b], g, s, v_set(-INFINITY));
}

/* Scores of blocks B to B + N into P; returns the largest of TOP and these, a lane each. */
VEC_INLINE vf scores(const struct k_attend *a, const struct k_span *s, int b, int n, const float *q,
                     const float *slope, float *p, vf top, int dim, int half)
{
    vf x[TOGETHER * GROUPS];

    if (s->k[b] != NULL)
        dots(q, s->k + b, n, dim, half, x);
    else
        for (int g = 0; g < GROUPS; g++)
            x[g] = dots_lanes(q, s->lane_k[b] + g * VW, dim, half);
#pragma GCC unroll 4
    for (int i = 0; i < n * GROUPS; i++) {
        vf y = score_of(a, x[i], s, b + i / GROUPS, i % GROUPS, slope);

        v_store(p + b * LANES + i * VW, y);
        top = v_max(top, y);
    }
    return top;
}

/* Add p[j] v[j] of a block's lanes to sums of N vectors from element D on.  The lanes are dealt to
   PARTS sums, so that an addition does not wait for the one before; N * PARTS is 8 or less.  TAIL:
   the vector has that many numbers (0: all). */
VEC_INLINE void add_block(vf *acc, const void *v, const void *const *lane, uint32_t mask,
                          const float *p, int dim, int d, int n, int parts, int tail, int half)
{
    const uint32_t all = (1u << parts) - 1;
    const size_t step = (size_t)dim * (half ? 2 : 4);

    for (int j = 0; j < LANES && mask >> j != 0; j += parts) {
        uint32_t some = mask >> j & all;
        const char *row = v != NULL ? (const char *)v + (size_t)j * step : NULL;

#pragma GCC unroll 4
        for (int q = 0; q < parts; q++)
            if (some == all || (some >> q & 1) != 0) {
                const char *at = v != NULL ? row + (size_t)q * step : (const char *)lane[j + q];
                vf w = v_set(p[j + q]);

#pragma GCC unroll 8
                for (int i = 0; i < n; i++)
                    acc[q * n + i] =
                        v_fma(w,
                              tail != 0 ? load_tail(at, d, tail, half) : load(at, d + i * VW, half),
                              acc[q * n + i]);
            }
    }
}

/* N vectors of y from element D on: y = y alpha + the weighted sum of all values of S. */
VEC_INLINE void values(const struct k_span *s, const float *p, float alpha, float *y, int dim,
                       int d, int n, int parts, int tail, int half)
{
    vf acc[8];

#pragma GCC unroll 8
    for (int i = 0; i < n * parts; i++)
        acc[i] = v_zero();
    for (int b = 0; b < s->n; b++)
        if (s->v[b] != NULL)
            add_block(acc, s->v[b], NULL, s->mask[b], p + b * LANES, dim, d, n, parts, tail, half);
        else
            add_block(acc, NULL, s->lane_v[b], s->mask[b], p + b * LANES, dim, d, n, parts, tail,
                      half);
#pragma GCC unroll 8
    for (int i = 0; i < n; i++) {
        vf sum = acc[i];

        if (parts == 2)
            sum = v_add(sum, acc[n + i]);
        if (parts == 4)
            sum = v_add(v_add(sum, acc[n + i]), v_add(acc[2 * n + i], acc[3 * n + i]));
        if (tail != 0)
            v_store_n(y + d, v_fma(v_load_n(y + d, tail), v_set(alpha), sum), tail);
        else
            v_store(y + d + i * VW, v_fma(v_load(y + d + i * VW), v_set(alpha), sum));
    }
}

VEC_INLINE void all_values(const struct k_span *s, const float *p, float alpha, float *y, int dim,
                           int half)
{
    int d = 0;

    for (; d + 8 * VW <= dim; d += 8 * VW)
        values(s, p, alpha, y, dim, d, 8, 1, 0, half);
    for (; d + 4 * VW <= dim; d += 4 * VW)
        values(s, p, alpha, y, dim, d, 4, 2, 0, half);
    for (; d + 2 * VW <= dim; d += 2 * VW)
        values(s, p, alpha, y, dim, d, 2, 4, 0, half);
    for (; d + VW <= dim; d += VW)
        values(s, p, alpha, y, dim, d, 1, 4, 0, half);
    if (d < dim)
        values(s, p, alpha, y, dim, d, 1, 4, dim - d, half);
}

VEC_INLINE void attend_heads(const struct k_attend *a, const struct k_span *s, int dim_k, int dim_v,
                             int half)
{
    for (int h = 0; h < a->heads; h++) {
        const float *q = a->q + (size_t)h * (size_t)dim_k;
        const float *slope = a->slope != NULL ? a->slope + h : NULL;
        _Alignas(64) float p[K_SPAN * LANES];
        vf total = v_zero(), top = v_set(-INFINITY);
        float max, alpha;

        for (int b = 0; b < s->n;) {
            if (TOGETHER == 2 && b + 1 < s->n && s->k[b] != NULL && s->k[b + 1] != NULL) {
                top = scores(a, s, b, TOGETHER, q, slope, p, top, dim_k, half);
                b += TOGETHER;
            } else {
                top = scores(a, s, b++, 1, q, slope, p, top, dim_k, half);
            }
        }
        max = v_largest(top);
        max = max > a->max[h] ? max : a->max[h];
        alpha = a->max[h] > -INFINITY ? v_first(v_exp(v_set(a->max[h] - max))) : 0;
        for (int b = 0; b < s->n; b++) {
#pragma GCC unroll 4
            for (int g = 0; g < GROUPS; g++) {
                float *at = p + b * LANES + g * VW;
                vf e = v_exp(v_add(v_load(at), v_set(-max)));

                e = v_pick(s->mask[b], g, e, v_zero());
                v_store(at, e);
                total = v_add(total, e);
            }
        }
        a->sum[h] = a->sum[h] * alpha + v_sum(total);
        a->max[h] = max;
        all_values(s, p, alpha, a->y + (size_t)h * (size_t)dim_v, dim_v, half);
    }
}

/* The usual head sizes as constants: addresses then need no registers. */
VEC_INLINE void attend(const struct k_attend *a, const struct k_span *s, int half)
{
    if (a->dim_k == 64 && a->dim_v == 64)
        attend_heads(a, s, 64, 64, half);
    else if (a->dim_k == 32 && a->dim_v == 32)
        attend_heads(a, s, 32, 32, half);
    else if (a->dim_k == 128 && a->dim_v == 128)
        attend_heads(a, s, 128, 128, half);
    else
        attend_heads(a, s, a->dim_k, a->dim_v, half);
}

#endif
