/* quant_plain.c - types without blocks: F32, F16, BF16. */
#include "config.h"

#include <string.h>

#include "tensor/half.h"
#include "format/quant.h"
#include "tensor/dtype.h"

static void decode_f32(const unsigned char *src, float *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t u = (uint32_t)spn_load_u16(src + 4 * i) | (uint32_t)spn_load_u16(src + 4 * i + 2)
                                                               << 16;
        dst[i] = spn_f32_of_bits(u);
    }
}

static void encode_f32(const float *src, unsigned char *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t u = spn_bits_of_f32(src[i]);
        spn_store_u16(dst + 4 * i, (uint16_t)u);
        spn_store_u16(dst + 4 * i + 2, (uint16_t)(u >> 16));
    }
}

static void decode_f16(const unsigned char *src, float *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = spn_f32_of_f16(spn_load_u16(src + 2 * i));
}

static void encode_f16(const float *src, unsigned char *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        spn_store_u16(dst + 2 * i, spn_f16_of_f32(src[i]));
}

static void decode_bf16(const unsigned char *src, float *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = spn_f32_of_bf16(spn_load_u16(src + 2 * i));
}

static void encode_bf16(const float *src, unsigned char *dst, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        spn_store_u16(dst + 2 * i, spn_bf16_of_f32(src[i]));
}

const struct k_quant k_quant_f32 = { SPN_F32, decode_f32, encode_f32, 0 };
const struct k_quant k_quant_f16 = { SPN_F16, decode_f16, encode_f16, 0 };
const struct k_quant k_quant_bf16 = { SPN_BF16, decode_bf16, encode_bf16, 0 };
