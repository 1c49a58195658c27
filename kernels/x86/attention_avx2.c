/* attention_avx2.c - one step of attention over stored keys, AVX2 and FMA. */
#include "config.h"

#include "x86/attention_tile.h"

void k_attend_avx2(const struct k_attend *a, const struct k_span *s)
{
    if (a->half)
        attend(a, s, 1);
    else
        attend(a, s, 0);
}
