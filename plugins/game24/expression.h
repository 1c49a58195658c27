/* expression.h - the judge: an independent exact evaluator of whole answers. It shares no code with
 * the rules. */
#ifndef GAME24_EXPRESSION_H
#define GAME24_EXPRESSION_H
#include <stddef.h>
#include "rational.h"

#define EXPRESSION_NUMBERS_MAX 16

/* Value of TEXT: whole numbers, + - * /, parentheses, blanks (x too); up to an '='. *USED
   receives the numbers in order. False: not an expression, more numbers than fit, division by zero
   or out of range. */
bool expression_value(const char *text, struct rational *value,
                      int64_t used[EXPRESSION_NUMBERS_MAX], size_t *n_used);

/* 1 when ANSWER is worth exactly 24 and uses the numbers of QUESTION ("4 5 6 10"), each once; else
 * 0. -1: QUESTION is not a hand. */
int expression_check(const char *question, const char *answer);

#endif
