/* attention_avx2.c - one block of attention over stored keys, AVX2 and FMA. */
#include "config.h"

#include "x86/attention_tile.h"

void k_attend_avx2(const struct k_attend *a, const void *k, const void *v, uint32_t mask)
{
    if (a->half)
        attend(a, k, v, mask, 1);
    else
        attend(a, k, v, mask, 0);
}
