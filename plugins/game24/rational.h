/* rational.h - exact fractions: floating point loses 8/(3-8/3). */
#ifndef GAME24_RATIONAL_H
#define GAME24_RATIONAL_H
#include <stdbool.h>
#include <stdint.h>

/* In lowest terms, d > 0. */
struct rational {
    int64_t n, d;
};

static inline struct rational rational_int(int64_t n)
{
    return (struct rational){ n, 1 };
}

static inline bool rational_is(struct rational a, int64_t n)
{
    return a.d == 1 && a.n == n;
}

/* *OUT = a OP b, OP one of + - * /. False on division by zero or when the exact result does not
 * fit. */
bool rational_apply(struct rational a, char op, struct rational b, struct rational *out);

#endif
