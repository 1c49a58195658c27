/* tiles_avx512.c - the packed kernels for AVX-512 with VNNI. */
#include "config.h"

#include "x86/act_quantize.h"
#include "x86/tile_f32.h"
#include "x86/tile_int8.h"

const struct k_tiles k_tiles_avx512 = {
    .share_min = 500000,
    .gemm = k_gemm_f32_avx512,
    .quantize = act_quantize,
    .by_f32 = { F32_KERNELS },
    .by_int8 = { INT8_KERNELS },
    .bf16_pairs = k_product_bf16_pairs_avx512,
};
