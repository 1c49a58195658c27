/* scripted.h - the scripted proposer of the paper's digest, for tests: a player of the Game of 24
 * with known faults. */
#ifndef FOT_SCRIPTED_H
#define FOT_SCRIPTED_H
#include "spinney/plugin.h"

/* REAL with prompts that the script reads ("P1 4 5 6 10", "V 4 5 6"); static storage, one at a
 * time. */
const struct spn_task *scripted_task(const struct spn_task *real);
/* How often the player errs; NULL as context: the digest's 0.5 and 0.6. */
struct scripted_faults {
    double corrupt; /* a line has one untouched number replaced by 1..13 */
    double truth;   /* a judgement is true; else any of the words */
    bool all;       /* every operation is proposed, not 10 or 6 drawn */
};
/* A reason_script_fn. Proposals: 10 distinct operations with whole results on four numbers, 6 on
   three. A judgement on two numbers that is true and "sure" shows the operation. A solution is the
   word "Answer:" with one of two expressions, the right one for 4 5 6 10 with probability 0.6. */
char *scripted_reply(void *ctx, const char *prompt, uint64_t key);

#endif
