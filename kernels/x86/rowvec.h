/* rowvec.h - what row ops need beyond vec.h: differences, maxima, quotients, sums over lanes, exp.
 */
#ifndef K_X86_ROWVEC_H
#define K_X86_ROWVEC_H
#include "x86/vec.h"

#if VW == 16
#define ROWOP(name) k_##name##_avx512

VEC_INLINE vf r_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}

VEC_INLINE vf r_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}

/* B where a lane of either is NaN, as the instruction does. */
VEC_INLINE vf r_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

VEC_INLINE vf r_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

VEC_INLINE vf r_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* a 2^n, n whole. */
VEC_INLINE vf r_scale2(vf a, vf n)
{
    return _mm512_scalef_ps(a, n);
}

/* A where a lane's number is below N, else B. */
VEC_INLINE vf r_first(vf a, vf b, int64_t n)
{
    return _mm512_mask_mov_ps(b, v_mask(n), a);
}

/* The VW / 2 numbers at P, each twice. */
VEC_INLINE vf r_twice(const float *p)
{
    const __m512i lanes = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);

    return _mm512_permutexvar_ps(lanes, _mm512_castps256_ps512(_mm256_loadu_ps(p)));
}

/* Neighbours change places. */
VEC_INLINE vf r_swap(vf a)
{
    return _mm512_permute_ps(a, 0xb1);
}

/* a b - c in even lanes, a b + c in odd ones. */
VEC_INLINE vf r_fma_sub_add(vf a, vf b, vf c)
{
    return _mm512_fmaddsub_ps(a, b, c);
}

VEC_INLINE __m256 r_fold_add(vf a)
{
    return _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
}

VEC_INLINE __m256 r_fold_max(vf a)
{
    return _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
}

#else
#define ROWOP(name) k_##name##_avx2

VEC_INLINE vf r_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}

VEC_INLINE vf r_sqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}

VEC_INLINE vf r_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

VEC_INLINE vf r_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

VEC_INLINE vf r_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* Two steps, as 2^128 is no float: n from -252 to 254. */
VEC_INLINE vf r_scale2(vf a, vf n)
{
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    __m256i rest = _mm256_sub_epi32(whole, half), bias = _mm256_set1_epi32(127);

    a = _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
    return _mm256_mul_ps(a,
                         _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23)));
}

VEC_INLINE vf r_first(vf a, vf b, int64_t n)
{
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(v_mask(n)));
}

VEC_INLINE vf r_twice(const float *p)
{
    const __m256i lanes = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);

    return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), lanes);
}

VEC_INLINE vf r_swap(vf a)
{
    return _mm256_permute_ps(a, 0xb1);
}

VEC_INLINE vf r_fma_sub_add(vf a, vf b, vf c)
{
    return _mm256_fmaddsub_ps(a, b, c);
}

VEC_INLINE __m256 r_fold_add(vf a)
{
    return a;
}

VEC_INLINE __m256 r_fold_max(vf a)
{
    return a;
}

#endif

/* The LEFT numbers at P, a vector of them at most; the plain instruction where all lanes count. */
VEC_INLINE vf r_get(const float *p, int64_t left)
{
    return left >= VW ? v_load(p) : v_load_n(p, left);
}

VEC_INLINE void r_put(float *p, vf x, int64_t left)
{
    if (left >= VW)
        v_store(p, x);
    else
        v_store_n(p, x, left);
}

/* Sum and largest of all lanes, by a fixed tree. */
VEC_INLINE float r_sum(vf a)
{
    __m256 h = r_fold_add(a);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));

    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

VEC_INLINE float r_top(vf a)
{
    __m256 h = r_fold_max(a);
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));

    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

/* exp, relative error below 2e-7; 0 below -104, infinite above 89, NaN stays.  x = n ln 2 + r, |r|
   <= ln 2 / 2; the polynomial's own error is 3e-9 of exp(r) (fitted to least maximum relative
   error). */
VEC_INLINE vf r_exp(vf x)
{
    vf n, r, p;

    x = r_max(v_set(-104.0f), r_min(v_set(89.0f), x));
    n = r_round(v_mul(x, v_set(1.44269504f)));
    r = v_fma(n, v_set(-0.693359375f), x); /* ln 2 in two parts: the first has 9 bits */
    r = v_fma(n, v_set(2.12194440e-4f), r);
    p = v_fma(r, v_set(1.3814540321e-3f), v_set(8.3687451115e-3f));
    p = v_fma(p, r, v_set(4.1668390781e-2f));
    p = v_fma(p, r, v_set(1.6666520399e-1f));
    p = v_fma(p, r, v_set(4.9999993432e-1f));
    p = v_fma(p, v_mul(r, r), v_add(r, v_set(1.0f)));
    return r_scale2(p, n);
}

/* 1 / (1 + exp(-x)). */
VEC_INLINE vf r_sigmoid(vf x)
{
    vf one = v_set(1.0f);

    return r_div(one, v_add(one, r_exp(v_sub(v_zero(), x))));
}

#endif
