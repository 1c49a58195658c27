/* act_quantize.h - activations to int8, a block of 32 at a time: the same numbers as
 * k_act_quantize_ref. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "tensor/half.h"
#include "tensor/tiles.h"
#include "x86/vec.h"

#define ACT_VECTORS (32 / VW)

/* To the nearest integers from -127 to 127. */
VEC_INLINE vi act_round(vf x)
{
#if VW == 16
    vi q = _mm512_cvtps_epi32(x);

    return _mm512_max_epi32(_mm512_min_epi32(q, vi_set(127)), vi_set(-127));
#else
    vi q = _mm256_cvtps_epi32(x);

    return _mm256_max_epi32(_mm256_min_epi32(q, vi_set(127)), vi_set(-127));
#endif
}

VEC_INLINE uint32_t act_top(const vf *x)
{
#if VW == 16
    vi size = vi_set(0x7fffffff);

    return (uint32_t)_mm512_reduce_max_epi32(
        _mm512_max_epi32(vi_and(_mm512_castps_si512(x[0]), size),
                         vi_and(_mm512_castps_si512(x[1]), size)));
#else
    vi top = vi_set(0);
    __m128i half;

#pragma GCC unroll 4
    for (int i = 0; i < ACT_VECTORS; i++)
        top = _mm256_max_epi32(top, vi_and(_mm256_castps_si256(x[i]), vi_set(0x7fffffff)));
    half = _mm_max_epi32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
    half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(half);
#endif
}

/* Bytes and the sums of both halves. */
VEC_INLINE void act_put(const vi *q, struct k_act *out)
{
#if VW == 16
    __m256i bytes = _mm256_set_m128i(_mm512_cvtepi32_epi8(q[1]), _mm512_cvtepi32_epi8(q[0]));
    /* Sums of four by the dot product with ones, then of the fours within each half. */
    __m256i fours = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), bytes);
    __m256i sums = _mm256_hadd_epi32(fours, fours);

    sums = _mm256_hadd_epi32(sums, sums);
    _mm256_storeu_si256((__m256i *)(void *)out->q, bytes);
    out->sum[0] = _mm256_cvtsi256_si32(sums);
    out->sum[1] = _mm256_extract_epi32(sums, 4);
#else
    vi words[2] = { _mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]) };
    vi bytes = _mm256_packs_epi16(words[0], words[1]);

    _mm256_storeu_si256((__m256i *)(void *)out->q,
                        _mm256_permutevar8x32_epi32(bytes,
                                                    _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        vi pairs = _mm256_madd_epi16(words[i], _mm256_set1_epi16(1));
        __m128i half =
            _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));

        half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
        half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
        out->sum[i] = _mm_cvtsi128_si32(half);
    }
#endif
}

static void act_quantize(const float *x, int64_t blocks, struct k_act *out)
{
    for (int64_t b = 0; b < blocks; b++, x += 32, out++) {
        vf v[ACT_VECTORS];
        vi q[ACT_VECTORS];
        uint32_t top;

#pragma GCC unroll 4
        for (int i = 0; i < ACT_VECTORS; i++)
            v[i] = v_load(x + i * VW);
        top = act_top(v);
        out->d = top >= 0x7f800000u ? NAN : spn_f32_of_bits(top) / 127.0f;
        /* A block of zeros, or one that holds a NaN or an infinity, has no quotients: its bytes are
         * 0. */
        if (!(out->d >= FLT_MIN))
            memset(v, 0, sizeof v);
#pragma GCC unroll 4
        for (int i = 0; i < ACT_VECTORS; i++)
            q[i] = act_round(v_mul(v[i], v_set(out->d >= FLT_MIN ? 1 / out->d : 1.0f)));
        act_put(q, out);
        out->neg_dsum = -(out->d * (float)(out->sum[0] + out->sum[1]));
    }
}
