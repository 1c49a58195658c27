/* weigh.c - largest of a row and weights to draw by: plain, and which version runs. */
#include "config.h"

#include "tensor/weigh.h"

#include <float.h>
#include <math.h>

#include "base/cpu.h"

float k_highest_ref(const float *x, int64_t n, bool *wrong)
{
    float top = x[0];

    *wrong = false;
    for (int64_t i = 0; i < n; i++) {
        *wrong |= !(x[i] <= FLT_MAX);
        top = x[i] > top ? x[i] : top;
    }
    return top;
}

void k_weigh_ref(const float *x, int64_t n, float max, float temperature, float *w, float *part)
{
    for (int64_t i = 0; i < n; i++) {
        w[i] = expf((x[i] - max) / temperature);
        part[i / K_WEIGH_PART] = (i % K_WEIGH_PART == 0 ? 0 : part[i / K_WEIGH_PART]) + w[i];
    }
}

float spn_row_highest(const float *x, int64_t n, bool *wrong)
{
#ifdef HAVE_X86
    switch (spn_isa_get()) {
    case SPN_ISA_AVX512:
        return k_highest_avx512(x, n, wrong);
    case SPN_ISA_AVX2:
        return k_highest_avx2(x, n, wrong);
    case SPN_ISA_REF:
        break;
    }
#endif
    return k_highest_ref(x, n, wrong);
}

void spn_row_weigh(const float *x, int64_t n, float max, float temperature, float *w, float *part)
{
#ifdef HAVE_X86
    switch (spn_isa_get()) {
    case SPN_ISA_AVX512:
        k_weigh_avx512(x, n, max, temperature, w, part);
        return;
    case SPN_ISA_AVX2:
        k_weigh_avx2(x, n, max, temperature, w, part);
        return;
    case SPN_ISA_REF:
        break;
    }
#endif
    k_weigh_ref(x, n, max, temperature, w, part);
}
