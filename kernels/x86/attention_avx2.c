/* attention_avx2.c - one step of attention over stored keys, AVX2 and FMA. */
#include "config.h"

#include "x86/attention_tile.h"

void k_attend_avx2(const struct k_attend *a, const struct k_span *s, const struct k_attend *b,
                   const struct k_span *t)
{
    if (a->half)
        attend(a, s, b, t, 1);
    else
        attend(a, s, b, t, 0);
}

void k_halve_avx2(const float *x, int64_t n, uint16_t *y)
{
    halve(x, n, y);
}
