/* tiles_avxvnni.c - the packed kernels for AVX2 with AVX-VNNI, the dot product instruction of
 * processors without AVX-512. The flags of the AVX2 library do not name it, so that an older
 * compiler builds that library: the pragma does. */
#include "config.h"

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#pragma GCC target("avxvnni")
#define TILES_VNNI 1
#endif

#include "x86/act_quantize.h"
#include "x86/tile_f32.h"
#include "x86/tile_int8.h"

const struct k_tiles k_tiles_avxvnni = {
    .share_min = 200000,
    .gemm = k_gemm_f32_avx2,
    .quantize = act_quantize,
    .by_f32 = { F32_KERNELS },
    .by_int8 = { INT8_KERNELS },
};
