/* attention_avx512.c - one step of attention over stored keys, AVX-512. */
#include "config.h"

#include "x86/attention_tile.h"

void k_attend_avx512(const struct k_attend *a, const struct k_span *s)
{
    if (a->half)
        attend(a, s, 1);
    else
        attend(a, s, 0);
}
