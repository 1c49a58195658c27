/* faults.h - solutions that are wrong: made so, or found so in what a model wrote. */
#ifndef WORDS_FAULTS_H
#define WORDS_FAULTS_H
#include "problem.h"

/* Draw a wrong solution of P into STEP: *AT is its first wrong line. A slip in the arithmetic, a
   number in another's place, another operation. */
void fault_draw(const struct problem *p, struct spn_rng *r, struct work step[PROBLEM_STEPS],
                int *at);
/* A result near C as a slip makes it: never C, above 0. */
int64_t fault_slip(int64_t c, struct spn_rng *r);

/* What a model's worked solution is worth. */
struct verdict {
    int lines; /* that hold a calculation */
    int wrong; /* index of the first wrong one; LINES: something is missing; -1: all is right */
    int64_t said[PROBLEM_STEPS]; /* results of the first lines */
};
/* TEXT as a solution of P: right when its answer is; else its first line that is not a step of the
   right solution is wrong. */
struct verdict fault_find(const struct problem *p, const char *text);

#endif
