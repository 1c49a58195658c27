/* rules.h - the Game-of-24 rules of Forest-of-Thought (arXiv 2412.09078): R4 and R3 on proposed
 * lines, R2 on the last two numbers, and exact recomputation of a claimed result.  They judge and
 * mend what was proposed; they search nothing. */
#ifndef GAME24_RULES_H
#define GAME24_RULES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

#define HAND_MAX 8

struct hand {
    int n;
    int64_t v[HAND_MAX];
}; /* numbers left, in order */

/* "4 5 6 10", commas allowed, negatives as -3 or (-3). False: something else is in it, or a
 * fraction. */
bool hand_parse(const char *text, struct hand *h);
/* Numbers joined by blanks into OUT, always terminated. */
void hand_text(const struct hand *h, char *out, size_t room);
/* The same, sorted: a key that does not depend on the order. */
void hand_key(const struct hand *h, char *out, size_t room);

/* A line as written: a op b = c (left: …), with any words before it. */
struct step {
    int64_t a, b, c;
    char op;
    struct hand left;
    bool has_left;
};
bool step_parse(const char *line, struct step *s);
void step_text(const struct step *s, char *out, size_t room);

/* LINE proposed on STATE.  correct: a and b must be among the numbers, the result is recomputed
   exactly, the numbers left are rewritten when they are not [c] + untouched; *REPAIRED says whether
   anything was.  Else the line is taken as it claims to be. False: the line is dropped, *WHY is a
   static text. */
bool rule_apply(const struct hand *state, const char *line, bool correct, struct step *out,
                bool *repaired, const char **why);
/* The whole expression of STEPS from START: each operand is a number of the hand or an earlier
   result in parentheses. Operands that are neither are written as they are. Appends to OUT. */
void step_expression(const struct hand *start, const struct step *steps, int n,
                     struct spn_buf *out);
/* R2: does one operation on the two numbers give 24?  A single number: is it 24? */
bool rule_finish(const struct hand *state, struct step *out);

#endif
