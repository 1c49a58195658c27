/* problem.h - word problems: a story with numbers, and the steps that solve it. */
#ifndef WORDS_PROBLEM_H
#define WORDS_PROBLEM_H
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rng.h"

#define PROBLEM_NUMBERS 5
#define PROBLEM_STEPS   4
#define PROBLEM_NAME    24 /* bytes of a name, with its end */

/* One line of a worked solution: a OP b = c. */
struct work {
    char op; /* one of + - * / */
    int64_t a, b, c;
};

/* Whose numbers a problem has.  Every set of numbers, in whatever order and story, is either for
   training or held out; the two held-out kinds never meet training. */
enum problem_set {
    PROBLEM_TRAIN,
    PROBLEM_ORDINARY, /* held out, from the ranges of training */
    PROBLEM_FAR       /* held out, each number 0.7 to 1.5 times the upper end of its range */
};

struct problem {
    int story;     /* which template */
    int wording;   /* of the template */
    int n_numbers; /* the story's numbers A, B, … */
    int64_t number[PROBLEM_NUMBERS];
    char name[2][PROBLEM_NAME];
    const char *thing[2]; /* lent, constant */
    int n_steps;
    struct work step[PROBLEM_STEPS];
};

int problem_stories(void);
/* Draw a problem: its results are whole and above 0. */
void problem_draw(struct problem *p, enum problem_set set, struct spn_rng *r);
/* Are these numbers, in any order, kept from training? */
bool problem_held_out(const int64_t *number, int n);
/* Work out the steps of P again, with the results of the numbers as they are. false: a result is
 * not whole or not above 0. */
bool problem_solve(const struct problem *p, struct work step[PROBLEM_STEPS]);
/* a OP b; false: not whole, or b is 0. */
bool problem_apply(char op, int64_t a, int64_t b, int64_t *c);
/* As problem_solve, but step AT has gone wrong (its line is BAD) and later steps go on from its
 * result. false: they cannot. */
bool problem_solve_from(const struct problem *p, int at, struct work bad,
                        struct work step[PROBLEM_STEPS]);

/* The story as a question. */
void problem_question(const struct problem *p, struct spn_buf *b);
/* N lines of a worked solution, `label: a op b = c`. */
void problem_lines(const struct problem *p, const struct work *step, int n, struct spn_buf *b);
/* The same, and `#### answer`. */
void problem_solution(const struct problem *p, const struct work *step, int n, struct spn_buf *b);
/* The right answer. */
int64_t problem_answer(const struct problem *p);

#endif
