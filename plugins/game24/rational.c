#include "config.h"

#include "rational.h"

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t t = a % b;

        a = b;
        b = t;
    }
    return a < 0 ? -a : a;
}

static bool reduce(int64_t n, int64_t d, struct rational *out)
{
    int64_t g;

    if (d == 0 || n == INT64_MIN || d == INT64_MIN)
        return false;
    g = gcd(n, d);
    if (d < 0)
        g = -g;
    out->n = n / g;
    out->d = d / g;
    return true;
}

bool rational_apply(struct rational a, char op, struct rational b, struct rational *out)
{
    int64_t x, y, n, d;

    switch (op) {
    case '+':
    case '-':
        if (__builtin_mul_overflow(a.n, b.d, &x) || __builtin_mul_overflow(b.n, a.d, &y) ||
            __builtin_mul_overflow(a.d, b.d, &d))
            return false;
        if (op == '+' ? __builtin_add_overflow(x, y, &n) : __builtin_sub_overflow(x, y, &n))
            return false;
        return reduce(n, d, out);
    case '*':
        return !__builtin_mul_overflow(a.n, b.n, &n) && !__builtin_mul_overflow(a.d, b.d, &d) &&
               reduce(n, d, out);
    case '/':
        return b.n != 0 && !__builtin_mul_overflow(a.n, b.d, &n) &&
               !__builtin_mul_overflow(a.d, b.n, &d) && reduce(n, d, out);
    default:
        return false;
    }
}
