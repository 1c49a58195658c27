/* weigh_impl.h - what tensor/weigh.h declares, in vectors; included once for AVX2 and once for
 * AVX-512. */
#include <float.h>
#include <math.h>

#include "tensor/weigh.h"
#include "x86/rowops.h"
#include "x86/rowvec.h"

/* Lanes that are at most FLT_MAX, as bits: NaN is not. */
VEC_INLINE uint32_t finite_lanes(vf x)
{
#if VW == 16
    return _mm512_cmp_ps_mask(x, _mm512_set1_ps(FLT_MAX), _CMP_LE_OQ);
#else
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_set1_ps(FLT_MAX), _CMP_LE_OQ));
#endif
}

float ROWOP(highest)(const float *x, int64_t n, bool *wrong)
{
    const uint32_t all = (1u << VW) - 1;
    vf top = v_set(x[0]);
    uint32_t fine = all;

    for (int64_t i = 0, left = n; left > 0; i += VW, left -= VW) {
        /* Past the end the first number stands in: it counts anyway. */
        vf v = left >= VW ? v_load(x + i) : r_first(v_load_n(x + i, left), v_set(x[0]), left);

        fine &= finite_lanes(v);
        top = r_max(top, v);
    }
    *wrong = fine != all;
    return r_top(top);
}

void ROWOP(weigh)(const float *x, int64_t n, float max, float temperature, float *w, float *part)
{
    for (int64_t first = 0; first < n; first += K_WEIGH_PART) {
        int64_t end = n - first < K_WEIGH_PART ? n : first + K_WEIGH_PART;
        vf sum = v_zero();

        for (int64_t i = first, left = end - first; left > 0; i += VW, left -= VW) {
            vf v = r_div(v_sub(r_get(x + i, left), v_set(max)), v_set(temperature));

            v = r_first(r_exp(v), v_zero(), left);
            r_put(w + i, v, left);
            sum = v_add(sum, v);
        }
        part[first / K_WEIGH_PART] = r_sum(sum);
    }
}
