/* answer.h - answers of mathematics: where a reply states one, its normal form, equality. */
#ifndef MATH_ANSWER_H
#define MATH_ANSWER_H
#include <stdbool.h>
#include <stddef.h>

/* The answer that REPLY states: after the last "####"; else the later of the last "answer is" or
   "Answer:" and the last \boxed{...}; else the last number. Free with spn_free; NULL: it states
   none (or no memory). */
char *answer_extract(const char *reply);
/* The normal form of an answer written in LaTeX or plainly: no spaces, no \left \right \! units
   and %, \tfrac and \dfrac as \frac, a/b as \frac{a}{b}, "x =" dropped, thousands joined, a decimal
   as a fraction. Equal answers of one spelling family have equal forms. Free with spn_free; NULL:
   no memory, or longer than 64 KiB. */
char *answer_normal(const char *answer);
/* Are two answers the same: equal normal forms, or numbers that differ by less than 1e-5? */
bool answer_equal(const char *a, const char *b);

#endif
