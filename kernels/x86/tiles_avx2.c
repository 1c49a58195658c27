/* tiles_avx2.c - the packed kernels for AVX2, FMA and F16C. */
#include "config.h"

#include "x86/act_quantize.h"
#include "x86/tile_f32.h"
#include "x86/tile_int8.h"

const struct k_tiles k_tiles_avx2 = {
    .share_min = 200000,
    .gemm = k_gemm_f32_avx2,
    .quantize = act_quantize,
    .by_f32 = { F32_KERNELS },
    .by_int8 = { INT8_KERNELS },
};
