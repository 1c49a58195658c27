/* exact.h - arithmetic without rounding: numbers as fractions, and the expressions people write. */
#ifndef PLUGINS_COMMON_EXACT_H
#define PLUGINS_COMMON_EXACT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* num / den in lowest terms, den > 0. */
struct exact {
    int64_t num, den;
};

/* false: the result does not fit, or the divisor is 0. OP is one of + - * /. */
bool exact_op(struct exact a, char op, struct exact b, struct exact *out);
int exact_compare(struct exact a, struct exact b); /* -1, 0, 1 */
double exact_double(struct exact a);
/* The value as people write it: 24, 0.125; a fraction that never ends as 10/3. */
void exact_print(struct exact a, struct spn_buf *out);
/* The same with DIGITS decimals, half away from zero. false: it does not fit. */
bool exact_round(struct exact a, int digits, struct exact *out);

/* A number at the beginning of S[0..n): 1,234.5 or .5, without a sign. *USED bytes, *DECIMALS
   digits behind the point. false: none, or too large. */
bool exact_number(const char *s, size_t n, struct exact *out, size_t *used, int *decimals);
/* All of S[0..n) as an expression: + - * / x ^ and their Unicode forms, brackets, %, $, thousands
   with commas. *OPERATORS counts what joins two numbers. false with *WHY, a static sentence. */
bool exact_eval(const char *s, size_t n, struct exact *out, int *operators, const char **why);

#endif
