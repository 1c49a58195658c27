/* attention_avx512.c - one block of attention over stored keys, AVX-512. */
#include "config.h"

#include "x86/attention_tile.h"

void k_attend_avx512(const struct k_attend *a, const void *k, const void *v, uint32_t mask)
{
    if (a->half)
        attend(a, k, v, mask, 1);
    else
        attend(a, k, v, mask, 0);
}
