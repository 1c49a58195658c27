/* exact.c - fractions of 64-bit numbers, and a recursive descent over expressions. */
#include "config.h"

#include "exact.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define DEPTH_MAX    64
#define EXPONENT_MAX 256
#define DIGITS_MAX   18

typedef __int128 wide;

static wide gcd(wide a, wide b)
{
    while (b != 0) {
        wide r = a % b;

        a = b;
        b = r;
    }
    return a < 0 ? -a : a;
}

static bool reduce(wide num, wide den, struct exact *out)
{
    wide g;

    if (den == 0)
        return false;
    if (den < 0) {
        num = -num;
        den = -den;
    }
    g = gcd(num, den);
    num /= g;
    den /= g;
    if (num > INT64_MAX || num < -INT64_MAX || den > INT64_MAX)
        return false;
    *out = (struct exact){ (int64_t)num, (int64_t)den };
    return true;
}

bool exact_op(struct exact a, char op, struct exact b, struct exact *out)
{
    wide an = a.num, ad = a.den, bn = b.num, bd = b.den;

    /* Products of two 63-bit numbers fit; their sum fits in 127 bits. */
    switch (op) {
    case '+':
        return reduce(an * bd + bn * ad, ad * bd, out);
    case '-':
        return reduce(an * bd - bn * ad, ad * bd, out);
    case '*':
        return reduce(an * bn, ad * bd, out);
    default:
        return reduce(an * bd, ad * bn, out);
    }
}

int exact_compare(struct exact a, struct exact b)
{
    wide l = (wide)a.num * b.den, r = (wide)b.num * a.den;

    return l < r ? -1 : l > r;
}

double exact_double(struct exact a)
{
    return (double)a.num / (double)a.den;
}

bool exact_round(struct exact a, int digits, struct exact *out)
{
    wide scale = 1, scaled, half = a.den / 2;

    if (digits < 0 || digits > DIGITS_MAX)
        return false;
    for (int i = 0; i < digits; i++)
        scale *= 10;
    scaled = (wide)a.num * scale;
    scaled = scaled < 0 ? -((-scaled + half) / a.den) : (scaled + half) / a.den;
    return reduce(scaled, scale, out);
}

void exact_print(struct exact a, struct spn_buf *out)
{
    int64_t rest = a.den;
    int twos = 0, fives = 0, digits;
    char text[DIGITS_MAX + 1];
    wide fraction;

    for (; rest % 2 == 0; rest /= 2)
        twos++;
    for (; rest % 5 == 0; rest /= 5)
        fives++;
    digits = twos > fives ? twos : fives;
    if (rest != 1 || digits > DIGITS_MAX) {
        spn_buf_printf(out, "%" PRId64 "/%" PRId64, a.num, a.den);
        return;
    }
    spn_buf_printf(out, "%s%" PRId64, a.num < 0 ? "-" : "", (a.num < 0 ? -a.num : a.num) / a.den);
    if (digits == 0)
        return;
    fraction = (a.num < 0 ? -a.num : a.num) % a.den;
    for (int i = 0; i < digits; i++) {
        fraction *= 10;
        text[i] = (char)('0' + (int)(fraction / a.den));
        fraction %= a.den;
    }
    text[digits] = '\0';
    spn_buf_printf(out, ".%s", text);
}

bool exact_number(const char *s, size_t n, struct exact *out, size_t *used, int *decimals)
{
    wide value = 0, scale = 1;
    size_t i = 0, digits = 0;

    *decimals = 0;
    while (i < n) {
        /* A comma counts only before exactly three digits. */
        if (s[i] == ',' && digits > 0 && i + 3 < n && isdigit((unsigned char)s[i + 1]) &&
            isdigit((unsigned char)s[i + 2]) && isdigit((unsigned char)s[i + 3]) &&
            !(i + 4 < n && isdigit((unsigned char)s[i + 4]))) {
            i++;
            continue;
        }
        if (!isdigit((unsigned char)s[i]))
            break;
        if (++digits > DIGITS_MAX)
            return false;
        value = value * 10 + (s[i++] - '0');
    }
    if (i + 1 < n && s[i] == '.' && isdigit((unsigned char)s[i + 1]))
        for (i++; i < n && isdigit((unsigned char)s[i]); i++) {
            if (++digits > DIGITS_MAX)
                return false;
            value = value * 10 + (s[i] - '0');
            scale *= 10;
            ++*decimals;
        }
    *used = i;
    return digits > 0 && reduce(value, scale, out);
}

/* ---- expressions ---- */

struct scan {
    const char *s, *end, *why;
    int depth, operators;
};

static bool sum(struct scan *c, struct exact *out);

static void blanks(struct scan *c)
{
    while (c->s < c->end && (*c->s == ' ' || *c->s == '\t' || *c->s == '$'))
        c->s++;
}

/* The operator at the place, as one of + - * / ^, 0 for none; its bytes in *USED. */
static char operator_at(const struct scan *c, size_t *used)
{
    static const struct {
        const char *text;
        char op;
    } all[] = { { "+", '+' },        { "-", '-' },        { "\xe2\x88\x92", '-' },
                { "*", '*' },        { "x", '*' },        { "X", '*' },
                { "\xc3\x97", '*' }, { "\xc2\xb7", '*' }, { "\xe2\x8b\x85", '*' },
                { "\\times", '*' },  { "\\cdot", '*' },   { "/", '/' },
                { "\xc3\xb7", '/' }, { ":", '/' },        { "\\div", '/' },
                { "^", '^' } };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t n = strlen(all[i].text);

        if ((size_t)(c->end - c->s) >= n && memcmp(c->s, all[i].text, n) == 0) {
            *used = n;
            return all[i].op;
        }
    }
    return 0;
}

static bool fail(struct scan *c, const char *why)
{
    if (c->why == NULL)
        c->why = why;
    return false;
}

static bool atom(struct scan *c, struct exact *out)
{
    size_t used;
    int decimals;

    blanks(c);
    if (c->s < c->end && *c->s == '(') {
        if (++c->depth > DEPTH_MAX)
            return fail(c, "brackets are nested too deep");
        c->s++;
        if (!sum(c, out))
            return false;
        blanks(c);
        if (c->s == c->end || *c->s != ')')
            return fail(c, "a bracket is not closed");
        c->s++;
        c->depth--;
    } else {
        if (!exact_number(c->s, (size_t)(c->end - c->s), out, &used, &decimals))
            return fail(c, "a number is missing or too large");
        c->s += used;
    }
    if (c->s < c->end && *c->s == '%') {
        c->s++;
        return exact_op(*out, '/', (struct exact){ 100, 1 }, out) ||
               fail(c, "a number is too large");
    }
    return true;
}

static bool power(struct scan *c, struct exact *out)
{
    struct exact base, exponent, result = { 1, 1 };
    size_t used;

    if (!atom(c, &base))
        return false;
    blanks(c);
    *out = base;
    if (operator_at(c, &used) != '^')
        return true;
    c->s += used;
    c->operators++;
    if (!atom(c, &exponent))
        return false;
    if (exponent.den != 1 || exponent.num < 0 || exponent.num > EXPONENT_MAX)
        return fail(c, "an exponent is no whole number from 0 to 256");
    for (int64_t i = 0; i < exponent.num; i++)
        if (!exact_op(result, '*', base, &result))
            return fail(c, "a result is too large");
    *out = result;
    return true;
}

static bool sign(struct scan *c, struct exact *out)
{
    bool minus = false;
    size_t used;
    char op;

    for (blanks(c); (op = operator_at(c, &used)) == '+' || op == '-'; blanks(c)) {
        minus ^= op == '-';
        c->s += used;
    }
    if (!power(c, out))
        return false;
    if (minus)
        out->num = -out->num;
    return true;
}

/* Operands joined by the operators LOW and HIGH, from left to right. */
static bool chain(struct scan *c, bool (*operand)(struct scan *, struct exact *), char low,
                  char high, struct exact *out)
{
    struct exact right;
    size_t used;
    char op;

    if (!operand(c, out))
        return false;
    for (blanks(c); (op = operator_at(c, &used)) == low || op == high; blanks(c)) {
        if (op == 0)
            break;
        c->s += used;
        c->operators++;
        if (!operand(c, &right))
            return false;
        if (op == '/' && right.num == 0)
            return fail(c, "division by 0");
        if (!exact_op(*out, op, right, out))
            return fail(c, "a result is too large");
    }
    return true;
}

static bool product(struct scan *c, struct exact *out)
{
    return chain(c, sign, '*', '/', out);
}

static bool sum(struct scan *c, struct exact *out)
{
    return chain(c, product, '+', '-', out);
}

bool exact_eval(const char *s, size_t n, struct exact *out, int *operators, const char **why)
{
    struct scan c = { s, s + n, NULL, 0, 0 };
    bool good = sum(&c, out);

    blanks(&c);
    if (good && c.s != c.end)
        good = fail(&c, "something follows that is no arithmetic");
    *operators = c.operators;
    *why = c.why != NULL ? c.why : "";
    return good;
}
