/* half.h - the two 16-bit floats by their bits, for code that must run anywhere.  Private to
 * libspinney. */
#ifndef SPN_HALF_H
#define SPN_HALF_H
#include <stdint.h>
#include <string.h>

static inline float k_f32_of_bits(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t k_bits_of_f32(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* Exact, subnormals included. */
static inline float k_f32_of_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, size = h & 0x7fffu;

    if (size >= 0x7c00u)
        return k_f32_of_bits(sign | 0x7f800000u | size << 13);
    /* The bits moved into place read 2^112 too small, for subnormals as well. */
    return k_f32_of_bits(sign | k_bits_of_f32(k_f32_of_bits(size << 13) * 0x1p112f));
}

static inline float k_f32_of_bf16(uint16_t h)
{
    return k_f32_of_bits((uint32_t)h << 16);
}

/* Round to nearest, ties to even; a NaN stays one. */
static inline uint16_t k_bf16_of_f32(float f)
{
    uint32_t bits = k_bits_of_f32(f);

    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

#endif
