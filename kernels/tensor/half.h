/* half.h - 16-bit floats in plain C, IEEE half and bfloat16: rounding to nearest, ties to even. */
#ifndef SPN_HALF_H
#define SPN_HALF_H
#include <stdint.h>
#include <string.h>

static inline float spn_f32_of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint32_t spn_bits_of_f32(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* Exact. Subnormal halves are made by one subtraction, so no subnormal float is ever an operand. */
static inline float spn_f32_of_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h & 0x7c00u;
    uint32_t body = (uint32_t)(h & 0x7fffu) << 13;

    if (exponent == 0x7c00u)
        return spn_f32_of_bits(sign | 0x7f800000u | body);
    if (exponent != 0)
        return spn_f32_of_bits(sign | (body + (112u << 23)));
    body = spn_bits_of_f32(spn_f32_of_bits((113u << 23) + body) - 0x1p-14f);
    return spn_f32_of_bits(sign | body);
}

/* Past 65519.996 the result is infinite; a NaN stays a NaN. */
static inline uint16_t spn_f16_of_f32(float f)
{
    uint32_t u = spn_bits_of_f32(f), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;

    if (a > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | ((a >> 13) & 0x3ffu));
    if (a >= 0x477ff000u)
        return (uint16_t)(sign | 0x7c00u);
    if (a < 0x38800000u) {
        /* Below 2^-14: the sum with 0.5 ends in the rounded multiple of 2^-24. */
        uint32_t r = spn_bits_of_f32(spn_f32_of_bits(a) + 0.5f) - 0x3f000000u;
        return (uint16_t)(sign | r);
    }
    a += 0xfffu + ((a >> 13) & 1u);
    return (uint16_t)(sign | ((a - (112u << 23)) >> 13));
}

static inline float spn_f32_of_bf16(uint16_t b)
{
    return spn_f32_of_bits((uint32_t)b << 16);
}

static inline uint16_t spn_bf16_of_f32(float f)
{
    uint32_t u = spn_bits_of_f32(f);

    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((u >> 16) | 64u);
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

/* Two bytes, least significant first, at any address. */
static inline uint16_t spn_load_u16(const void *p)
{
    const unsigned char *b = p;
    return (uint16_t)(b[0] | (unsigned)b[1] << 8);
}

static inline void spn_store_u16(void *p, uint16_t v)
{
    unsigned char *b = p;
    b[0] = (unsigned char)v;
    b[1] = (unsigned char)(v >> 8);
}

#endif
