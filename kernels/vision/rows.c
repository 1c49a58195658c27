/* rows.c - rows of numbers, on the instruction set in use. */
#include "config.h"

#include "vision/rows.h"

#include "base/cpu.h"
#include "vision/vision_impl.h"
#include "x86/vision.h"

static void mix_plain(float *y, const float *a, float wa, const float *b, float wb, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = wa * a[i] + wb * b[i];
}

static int64_t top_plain(const float *x, int64_t n)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best] || (x[best] != x[best] && x[i] == x[i]))
            best = i;
    return best;
}

void spn_row_mix(float *y, const float *a, float wa, const float *b, float wb, int64_t n)
{
    switch (spn_isa_get()) {
#ifdef HAVE_X86
    case SPN_ISA_AVX512:
        k_row_mix_avx512(y, a, wa, b, wb, n);
        break;
    case SPN_ISA_AVX2:
        k_row_mix_avx2(y, a, wa, b, wb, n);
        break;
#endif
    default:
        mix_plain(y, a, wa, b, wb, n);
        break;
    }
}

int64_t spn_row_top(const float *x, int64_t n)
{
    switch (spn_isa_get()) {
#ifdef HAVE_X86
    case SPN_ISA_AVX512:
        return x[0] == x[0] ? k_row_top_avx512(x, n) : top_plain(x, n);
    case SPN_ISA_AVX2:
        return x[0] == x[0] ? k_row_top_avx2(x, n) : top_plain(x, n);
#endif
    default:
        return top_plain(x, n);
    }
}

void spn_between(int64_t i, int64_t in, int64_t out, int64_t *lo, int64_t *hi, float *t)
{
    double at;

    k_between(i, in, out, false, lo, hi, &at);
    *t = (float)at;
}
