/* vec.h - one set of names for 8 and 16 floats, so that a tile is written once and compiled for
 * AVX2 and for AVX-512.
 *
 * Included only by files built with the flags of their instruction set; everything is static, so
 * that no copy of it can be picked by the linker for an object that must run anywhere.
 */
#ifndef SPN_X86_VEC_H
#define SPN_X86_VEC_H
#include <immintrin.h>
#include <stdint.h>

#define VEC_INLINE static inline __attribute__((always_inline))

#ifdef __AVX512F__

#define VW 16
typedef __m512 vf;

VEC_INLINE vf v_zero(void)
{
    return _mm512_setzero_ps();
}
VEC_INLINE vf v_set(float x)
{
    return _mm512_set1_ps(x);
}
VEC_INLINE vf v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
VEC_INLINE void v_store(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}
VEC_INLINE vf v_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
VEC_INLINE vf v_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
VEC_INLINE vf v_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
VEC_INLINE vf v_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* The first N lanes, the others zero; N of 0 or less touches no memory. */
VEC_INLINE __mmask16 v_mask(int64_t n)
{
    return n >= 16 ? (__mmask16)0xffff : n <= 0 ? (__mmask16)0 : (__mmask16)((1u << n) - 1);
}
VEC_INLINE vf v_load_n(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps(v_mask(n), p);
}
VEC_INLINE void v_store_n(float *p, vf x, int64_t n)
{
    _mm512_mask_storeu_ps(p, v_mask(n), x);
}

/* VW 32-bit integers, or 4 VW bytes. */
typedef __m512i vi;

VEC_INLINE vi vi_set(int32_t x)
{
    return _mm512_set1_epi32(x);
}
VEC_INLINE vi vi_load(const void *p)
{
    return _mm512_loadu_si512(p);
}
VEC_INLINE vi vi_load_table(const void *p)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128(p));
}
VEC_INLINE vi vi_shuffle(vi table, vi i)
{
    return _mm512_shuffle_epi8(table, i);
}
VEC_INLINE vi vi_xor(vi a, vi b)
{
    return _mm512_xor_si512(a, b);
}
VEC_INLINE vi vi_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}
VEC_INLINE vi vi_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}
VEC_INLINE vi vi_sub(vi a, vi b)
{
    return _mm512_sub_epi32(a, b);
}
VEC_INLINE vi vi_right(vi a, const int bits)
{
    return _mm512_srli_epi32(a, bits);
}
VEC_INLINE vi vi_left(vi a, const int bits)
{
    return _mm512_slli_epi32(a, bits);
}
VEC_INLINE vf vi_float(vi a)
{
    return _mm512_cvtepi32_ps(a);
}
VEC_INLINE vf vi_as_float(vi a)
{
    return _mm512_castsi512_ps(a);
}
/* VW numbers of 16 or 8 bits. */
VEC_INLINE vf v_load_f16(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
VEC_INLINE vi vi_load_u8(const void *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}
VEC_INLINE vi vi_load_i8(const void *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
}

#else

#define VW 8
typedef __m256 vf;

VEC_INLINE vf v_zero(void)
{
    return _mm256_setzero_ps();
}
VEC_INLINE vf v_set(float x)
{
    return _mm256_set1_ps(x);
}
VEC_INLINE vf v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
VEC_INLINE void v_store(float *p, vf x)
{
    _mm256_storeu_ps(p, x);
}
VEC_INLINE vf v_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
VEC_INLINE vf v_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
VEC_INLINE vf v_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
VEC_INLINE vf v_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

VEC_INLINE __m256i v_mask(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n > 8   ? 8
                                                : n < 0 ? 0
                                                        : (int)n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
VEC_INLINE vf v_load_n(const float *p, int64_t n)
{
    return _mm256_maskload_ps(p, v_mask(n));
}
VEC_INLINE void v_store_n(float *p, vf x, int64_t n)
{
    _mm256_maskstore_ps(p, v_mask(n), x);
}

typedef __m256i vi;

VEC_INLINE vi vi_set(int32_t x)
{
    return _mm256_set1_epi32(x);
}
VEC_INLINE vi vi_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
/* The 16 bytes at P in every lane of 128 bits; the byte of them that each byte of I names. */
VEC_INLINE vi vi_load_table(const void *p)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(p));
}
VEC_INLINE vi vi_shuffle(vi table, vi i)
{
    return _mm256_shuffle_epi8(table, i);
}
VEC_INLINE vi vi_xor(vi a, vi b)
{
    return _mm256_xor_si256(a, b);
}
VEC_INLINE vi vi_and(vi a, vi b)
{
    return _mm256_and_si256(a, b);
}
VEC_INLINE vi vi_or(vi a, vi b)
{
    return _mm256_or_si256(a, b);
}
VEC_INLINE vi vi_sub(vi a, vi b)
{
    return _mm256_sub_epi32(a, b);
}
VEC_INLINE vi vi_right(vi a, const int bits)
{
    return _mm256_srli_epi32(a, bits);
}
VEC_INLINE vi vi_left(vi a, const int bits)
{
    return _mm256_slli_epi32(a, bits);
}
VEC_INLINE vf vi_float(vi a)
{
    return _mm256_cvtepi32_ps(a);
}
VEC_INLINE vf vi_as_float(vi a)
{
    return _mm256_castsi256_ps(a);
}
VEC_INLINE vf v_load_f16(const void *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
VEC_INLINE vi vi_load_u8(const void *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
VEC_INLINE vi vi_load_i8(const void *p)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p));
}

#endif

/* dst[c][r] = src[r][c] for 8 x 8 floats; strides in elements. */
VEC_INLINE void transpose_8x8(const float *src, int64_t lds, float *dst, int64_t ldd)
{
    __m256 r[8], t[8];

#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        r[i] = _mm256_loadu_ps(src + i * lds);
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(dst + i * ldd, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
        _mm256_storeu_ps(dst + (i + 4) * ldd, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}

#endif
