/* measure_impl.h - sums, pairs and widened 16-bit floats; included once for AVX2 and once for
 * AVX-512, whose file names the functions.  Lanes and results are those of measure/stats.c and
 * measure/difference.c, byte for byte.
 */
#ifndef K_X86_MEASURE_IMPL_H
#define K_X86_MEASURE_IMPL_H
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "measure/block.h"
#include "x86/vec.h"

#define MEASURE_BITS 0x7fffffff
#define MEASURE_INF  0x7f800000

#if VW == 16
#define MEASURE(name) k_##name##_avx512
#define DW            8 /* doubles a vector */
typedef __m512d vd;

VEC_INLINE vd d_zero(void)
{
    return _mm512_setzero_pd();
}
/* Floats DW k … of X. */
VEC_INLINE vd d_part(vf x, const int k)
{
    return _mm512_cvtps_pd(k == 0 ? _mm512_castps512_ps256(x) : _mm512_extractf32x8_ps(x, 1));
}
VEC_INLINE vd d_load(const float *p)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}
VEC_INLINE vd d_add(vd a, vd b)
{
    return _mm512_add_pd(a, b);
}
VEC_INLINE vd d_sub(vd a, vd b)
{
    return _mm512_sub_pd(a, b);
}
VEC_INLINE vd d_mul(vd a, vd b)
{
    return _mm512_mul_pd(a, b);
}
VEC_INLINE vd d_fma(vd a, vd b, vd c)
{
    return _mm512_fmadd_pd(a, b, c);
}
/* The larger of M and |X|. */
VEC_INLINE vd d_far(vd m, vd x)
{
    return _mm512_max_pd(m, _mm512_abs_pd(x));
}
VEC_INLINE void d_store(double *p, vd x)
{
    _mm512_storeu_pd(p, x);
}
VEC_INLINE vf m_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
VEC_INLINE vf m_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
/* N less one in every lane where X is zero. */
VEC_INLINE vi m_zeros(vi n, vf x)
{
    return _mm512_mask_sub_epi32(n, _mm512_cmp_ps_mask(x, v_zero(), _CMP_EQ_OQ), n, vi_set(1));
}
VEC_INLINE vi m_differ(vi n, vf a, vf b)
{
    return _mm512_mask_sub_epi32(n, _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ), n, vi_set(1));
}
/* The larger of TOP and the bits of |X|. */
VEC_INLINE vi m_top(vi top, vf x)
{
    return _mm512_max_epi32(top, vi_and(_mm512_castps_si512(x), vi_set(MEASURE_BITS)));
}
VEC_INLINE void m_store(int32_t *p, vi x)
{
    _mm512_storeu_si512(p, x);
}
VEC_INLINE vf m_load_bf16(const void *p)
{
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}

#else
#define MEASURE(name) k_##name##_avx2
#define DW            4
typedef __m256d vd;

VEC_INLINE vd d_zero(void)
{
    return _mm256_setzero_pd();
}
VEC_INLINE vd d_part(vf x, const int k)
{
    return _mm256_cvtps_pd(k == 0 ? _mm256_castps256_ps128(x) : _mm256_extractf128_ps(x, 1));
}
VEC_INLINE vd d_load(const float *p)
{
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
}
VEC_INLINE vd d_add(vd a, vd b)
{
    return _mm256_add_pd(a, b);
}
VEC_INLINE vd d_sub(vd a, vd b)
{
    return _mm256_sub_pd(a, b);
}
VEC_INLINE vd d_mul(vd a, vd b)
{
    return _mm256_mul_pd(a, b);
}
VEC_INLINE vd d_fma(vd a, vd b, vd c)
{
    return _mm256_fmadd_pd(a, b, c);
}
VEC_INLINE vd d_far(vd m, vd x)
{
    return _mm256_max_pd(m, _mm256_andnot_pd(_mm256_set1_pd(-0.0), x));
}
VEC_INLINE void d_store(double *p, vd x)
{
    _mm256_storeu_pd(p, x);
}
VEC_INLINE vf m_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
VEC_INLINE vf m_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
VEC_INLINE vi m_zeros(vi n, vf x)
{
    return _mm256_add_epi32(n, _mm256_castps_si256(_mm256_cmp_ps(x, v_zero(), _CMP_EQ_OQ)));
}
VEC_INLINE vi m_differ(vi n, vf a, vf b)
{
    return _mm256_add_epi32(n, _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_NEQ_UQ)));
}
VEC_INLINE vi m_top(vi top, vf x)
{
    return _mm256_max_epi32(top, vi_and(_mm256_castps_si256(x), vi_set(MEASURE_BITS)));
}
VEC_INLINE void m_store(int32_t *p, vi x)
{
    _mm256_storeu_si256((__m256i *)p, x);
}
VEC_INLINE vf m_load_bf16(const void *p)
{
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
#endif

/* Counts were taken downwards, a lane at most -K_BLOCK. */
VEC_INLINE int64_t m_count(vi n)
{
    int32_t lane[VW];
    int64_t sum = 0;

    m_store(lane, n);
    for (int j = 0; j < VW; j++)
        sum -= lane[j];
    return sum;
}

VEC_INLINE bool m_odd(vi top)
{
    int32_t lane[VW];
    bool odd = false;

    m_store(lane, top);
    for (int j = 0; j < VW; j++)
        odd |= lane[j] >= MEASURE_INF;
    return odd;
}

void MEASURE(sums_f32)(const float *x, int64_t n, struct k_sums *out)
{
    enum { V = K_LANES / VW, D = K_LANES / DW };
    vd sum[D], squares[D];
    vf lo = v_set(INFINITY), hi = v_set(-INFINITY);
    vi zeros = vi_set(0), top = vi_set(0);
    double s[K_LANES], q[K_LANES];
    float low[VW], high[VW];
    int64_t i;

    for (int k = 0; k < D; k++)
        sum[k] = squares[k] = d_zero();
    for (i = 0; i + K_LANES <= n; i += K_LANES)
        for (int k = 0; k < V; k++) {
            vf y = v_load(x + i + k * VW);
            vd a = d_part(y, 0), b = d_part(y, 1);

            lo = m_min(lo, y);
            hi = m_max(hi, y);
            zeros = m_zeros(zeros, y);
            top = m_top(top, y);
            sum[2 * k] = d_add(sum[2 * k], a);
            sum[2 * k + 1] = d_add(sum[2 * k + 1], b);
            squares[2 * k] = d_fma(a, a, squares[2 * k]);
            squares[2 * k + 1] = d_fma(b, b, squares[2 * k + 1]);
        }
    for (int k = 0; k < D; k++) {
        d_store(s + k * DW, sum[k]);
        d_store(q + k * DW, squares[k]);
    }
    v_store(low, lo);
    v_store(high, hi);
    *out = (struct k_sums){ .zeros = m_count(zeros), .odd = m_odd(top) };
    for (; i < n; i++) {
        double d = x[i];

        low[0] = x[i] < low[0] ? x[i] : low[0];
        high[0] = x[i] > high[0] ? x[i] : high[0];
        out->odd |= !isfinite(x[i]);
        out->zeros += x[i] == 0;
        s[i % K_LANES] += d;
        q[i % K_LANES] += d * d;
    }
    for (int k = 1; k < VW; k++) {
        low[0] = low[k] < low[0] ? low[k] : low[0];
        high[0] = high[k] > high[0] ? high[k] : high[0];
    }
    out->lo = low[0];
    out->hi = high[0];
    out->sum = k_fold(s, K_LANES);
    out->squares = k_fold(q, K_LANES);
}

void MEASURE(pairs_f32)(const float *a, const float *b, int64_t n, struct k_pairs *out)
{
    enum { D = K_PAIR_LANES / DW, STEP = 16 };
    vd aa[D], bb[D], dd[D], ab[D], far[D];
    vi differ = vi_set(0), top = vi_set(0);
    double l[4][K_PAIR_LANES], f[K_PAIR_LANES];
    int64_t i;

    for (int k = 0; k < D; k++)
        aa[k] = bb[k] = dd[k] = ab[k] = far[k] = d_zero();
    for (i = 0; i + STEP <= n; i += STEP) {
        for (int k = 0; k < STEP / VW; k++) {
            vf x = v_load(a + i + k * VW), y = v_load(b + i + k * VW);

            differ = m_differ(differ, x, y);
            top = m_top(m_top(top, x), y);
        }
        for (int k = 0; k < STEP / DW; k++) {
            vd x = d_load(a + i + k * DW), y = d_load(b + i + k * DW), d = d_sub(x, y);
            int j = k % D;

            aa[j] = d_fma(x, x, aa[j]);
            bb[j] = d_fma(y, y, bb[j]);
            ab[j] = d_fma(x, y, ab[j]);
            dd[j] = d_add(d_mul(d, d), dd[j]);
            far[j] = d_far(far[j], d);
        }
    }
    for (int k = 0; k < D; k++) {
        d_store(l[0] + k * DW, aa[k]);
        d_store(l[1] + k * DW, bb[k]);
        d_store(l[2] + k * DW, dd[k]);
        d_store(l[3] + k * DW, ab[k]);
        d_store(f + k * DW, far[k]);
    }
    *out = (struct k_pairs){ .differ = m_count(differ), .odd = m_odd(top) };
    for (; i < n; i++) {
        double x = a[i], y = b[i], d = x - y;
        int j = (int)(i % K_PAIR_LANES);

        out->odd |= !isfinite(a[i]) || !isfinite(b[i]);
        out->differ += a[i] != b[i];
        f[j] = fabs(d) > f[j] ? fabs(d) : f[j];
        l[0][j] += x * x;
        l[1][j] += y * y;
        l[2][j] += d * d;
        l[3][j] += x * y;
    }
    for (int j = 0; j < K_PAIR_LANES; j++)
        out->far = f[j] > out->far ? f[j] : out->far;
    out->aa = k_fold(l[0], K_PAIR_LANES);
    out->bb = k_fold(l[1], K_PAIR_LANES);
    out->dd = k_fold(l[2], K_PAIR_LANES);
    out->ab = k_fold(l[3], K_PAIR_LANES);
}

/* The last few go through a buffer of their own: no byte past the end is touched. */
#define MEASURE_WIDEN(name, load)                          \
    void MEASURE(name)(const void *x, float *y, int64_t n) \
    {                                                      \
        const char *p = x;                                 \
        char tail[2 * VW] = { 0 };                         \
        float wide[VW];                                    \
        int64_t i;                                         \
                                                           \
        for (i = 0; i + VW <= n; i += VW)                  \
            v_store(y + i, load(p + 2 * i));               \
        if (i == n)                                        \
            return;                                        \
        memcpy(tail, p + 2 * i, (size_t)(n - i) * 2);      \
        v_store(wide, load(tail));                         \
        memcpy(y + i, wide, (size_t)(n - i) * sizeof *y);  \
    }

MEASURE_WIDEN(widen_f16, v_load_f16)
MEASURE_WIDEN(widen_bf16, m_load_bf16)

#endif
