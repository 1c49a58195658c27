/* gemm_avx512.c - general f32 product, AVX-512. */
#include "config.h"

#include "x86/gemm_tile.h"

void k_gemm_f32_avx512(const struct k_gemm *g)
{
    gemm_blocked(g);
}
