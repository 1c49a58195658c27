/* data.h - training examples of word problems: worked solutions, drills, and every call that a
 * reasoner makes about an answer. */
#ifndef WORDS_DATA_H
#define WORDS_DATA_H
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "own.h"
#include "problem.h"
#include "text/prompts.h"

/* The calls. */
enum data_call {
    DATA_ANSWER,
    DATA_DRILL, /* bare arithmetic, as the steps of problems have it */
    DATA_CHECK, /* is a bare calculation right? */
    DATA_SCORE,
    DATA_CRITIQUE,
    DATA_REFINE,
    DATA_CHOOSE,
    DATA_CALLS
};
extern const char *const data_call_names[DATA_CALLS];

struct data_source {
    uint64_t key;
    enum problem_set set;
    double share[DATA_CALLS];          /* they need not add up to 1 */
    const struct spn_prompts *prompts; /* NULL: only answers and arithmetic */
    const struct own *own;             /* NULL: none */
    double own_share;                  /* of the judged answers that come from OWN */
};
/* Example INDEX: what is asked and what is answered; both are emptied first. */
spn_status data_example(const struct data_source *d, uint64_t index, struct spn_buf *question,
                        struct spn_buf *answer);
/* The problem of example INDEX of stream KEY, and the stream to go on with. */
void data_problem(struct problem *p, uint64_t key, uint64_t index, enum problem_set set,
                  struct spn_rng *r);

#endif
