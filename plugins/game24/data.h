/* data.h - training examples of the Game of 24: proposals, value judgements, worked solutions. */
#ifndef GAME24_DATA_H
#define GAME24_DATA_H
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "rules.h"

/* Lines of a proposal, on four and on three numbers. */
#define LINES_FOUR  8
#define LINES_THREE 5

struct data_hands {
    struct hand *train;    /* all four-multisets of 1..13 that are not held out */
    struct hand *solvable; /* those of them with a solution in whole numbers */
    int n_train, n_solvable;
    char (*held_out)[32]; /* sorted keys, in order */
    int n_held_out;
};
/* HELD_OUT_FILE: hands one a line, numbers joined by '-' or blanks; '#' begins a comment.  They and
 * their orders are never trained on. */
spn_status data_hands_load(struct data_hands *d, const char *held_out_file, struct spn_err *err);
void data_hands_free(struct data_hands *d);
bool data_is_held_out(const struct data_hands *d, const struct hand *h);

struct data_mix {
    double propose, value, solve;
}; /* shares; they need not add up to 1 */
/* One example: the user's text and the answer. */
spn_status data_example(const struct data_hands *d, const struct data_mix *mix, struct spn_rng *r,
                        struct spn_buf *question, struct spn_buf *answer);

#endif
