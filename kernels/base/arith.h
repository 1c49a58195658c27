/* arith.h - checked arithmetic: every product, sum and cast of a number read from a file goes
 * through here. */
#ifndef SPN_ARITH_H
#define SPN_ARITH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each returns false, leaving *OUT alone, when the exact result does not fit. */
static inline bool spn_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool spn_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool spn_add_size(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool spn_mul_size(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

/* Round A up to a multiple of ALIGN, a power of two. */
static inline bool spn_align_u64(uint64_t a, uint64_t align, uint64_t *out)
{
    uint64_t r;
    if (align == 0 || (align & (align - 1)) != 0 || __builtin_add_overflow(a, align - 1, &r))
        return false;
    *out = r & ~(align - 1);
    return true;
}

static inline bool spn_size_of_u64(uint64_t a, size_t *out)
{
    if (a > SIZE_MAX)
        return false;
    *out = (size_t)a;
    return true;
}

static inline bool spn_i64_of_u64(uint64_t a, int64_t *out)
{
    if (a > INT64_MAX)
        return false;
    *out = (int64_t)a;
    return true;
}

static inline bool spn_int_of_i64(int64_t a, int *out)
{
    if (a < INT32_MIN || a > INT32_MAX)
        return false;
    *out = (int)a;
    return true;
}

/* LENGTH bytes at OFFSET lie inside TOTAL bytes: compared without adding. */
static inline bool spn_inside_u64(uint64_t offset, uint64_t length, uint64_t total)
{
    return offset <= total && length <= total - offset;
}

#endif
