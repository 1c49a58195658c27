/* tiles_avx2.c - the packed kernels for AVX2, FMA and F16C. */
#include "config.h"

#include "x86/act_quantize.h"
#include "x86/tile_f32.h"
#include "x86/tile_int8.h"

const struct k_tiles k_tiles_avx2 = {
    .share_min = 200000,
    .gemm = k_gemm_f32_avx2,
    .quantize = act_quantize,
    .by_f32 = {
        f32_by_f32, f16_by_f32, bf16_by_f32, q8_0_by_f32, q4_0_by_f32, q4_k_by_f32, q6_k_by_f32,
    },
    .by_int8 = {
        [K_FORM_Q8_0] = q8_0_by_int8, [K_FORM_Q4_0] = q4_0_by_int8,
        [K_FORM_Q4_K] = q4_k_by_int8, [K_FORM_Q6_K] = q6_k_by_int8,
    },
};
