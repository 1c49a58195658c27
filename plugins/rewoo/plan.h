/* plan.h - a plan as a model writes it: lines "Plan: why" and "#E1 = tool[input]", whose inputs may
   name earlier results.  Knows neither models nor tools. */
#ifndef REWOO_PLAN_H
#define REWOO_PLAN_H
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct plan_call {
    int number;         /* of #E */
    char *tool, *input; /* tool NULL: a literal, its text in INPUT */
    int level;          /* 0: needs no result; else one more than the highest it needs */
    char *evidence;     /* set by whoever runs it; NULL: not yet */
};
struct plan {
    char **step; /* lines that start with "Plan:", whole */
    size_t n_steps;
    struct plan_call *call; /* in the order of their first mention; a number that comes twice keeps
                               its place and its last text */
    size_t n_calls;
};

/* TEXT up to a line that starts a question or evidence of its own. Lines that are neither plan nor
   call are passed over. SPN_ENOMEM alone. */
spn_status plan_parse(struct plan *p, const char *text, struct spn_err *err);
void plan_free(struct plan *p); /* a zeroed one is fine */
/* The input of call I with each #En of an earlier call replaced by "[" evidence "]", from left to
   right, whole numbers alone, never looked through again. Free with spn_free; NULL: no memory. */
char *plan_input(const struct plan *p, size_t i);
/* Evidence of step I (from 0): of the call #E(i + 1); NULL: there is none. */
const char *plan_evidence(const struct plan *p, size_t i);

/* ---- what it costs (the paper's analysis), in tokens ---- */
struct plan_lengths {
    int question, context, shots; /* Q, C (of the planner, of each step of ReAct), S */
    int solver;                   /* C of the solver */
};
/* k steps; T + A and O of each; P and E of each. */
long long plan_cost_react(const struct plan_lengths *l, int k, const int *thought, const int *seen);
long long plan_cost_rewoo(const struct plan_lengths *l, int k, const int *plan, const int *seen);

#endif
