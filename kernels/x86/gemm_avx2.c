/* gemm_avx2.c - general f32 product, AVX2 and FMA. */
#include "config.h"

#include "x86/gemm_tile.h"

void k_gemm_f32_avx2(const struct k_gemm *g)
{
    gemm_blocked(g);
}
