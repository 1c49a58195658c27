/* work.h - one worked answer: a call, false results put right while it comes and the rest decoded
   anew, one more call when it is weak.  Shared by all reasoners whose trees are made of whole
   answers. */
#ifndef PLUGINS_COMMON_WORK_H
#define PLUGINS_COMMON_WORK_H
#include "tree.h"

struct reason_work_options {
    bool mend;        /* a false result is replaced by the true one, what follows is decoded anew */
    bool correct;     /* ask once more when there is no answer, the check refutes it, something is
                         wrong with it or its score is low */
    double threshold; /* of the score: mean token probability */
    bool logprobs;    /* the engine gives them */
};

struct reason_example { /* a worked example before the question; lent; NULL texts: none */
    const char *question, *answer;
};

struct reason_work {
    struct reason_ground *g;
    const struct reason_work_options *o;
    void *owner; /* whoever started it */
    char *prompt;
    struct reason_example example;
    uint64_t key;
    int attempt, mends;
    char *prefix;     /* what the reply under way begins with, mended; NULL: nothing */
    char *as_written; /* the first reply that was mended, NULL: none was */
    double logprob_sum;
    int64_t logprob_n;

    /* Of the better attempt. */
    char *text, *answer, *canonical; /* answer NULL: none */
    char *repaired_from;             /* what it was before rules mended it; NULL: not mended */
    const char *why;                 /* static: what is wrong with it; NULL: nothing */
    int checked;                     /* by the task: 1, 0, -1 cannot tell */
    double score;                    /* mean token probability; NaN: unknown */
    /* Of all its calls. */
    int64_t tokens_in, tokens_out;
    double seconds;
    bool done;
};

/* Ask; calls have kind REASON_SOLVE and W as their owner.  PROMPT is taken over (NULL is no
   memory). KEY: its random stream.  After an error, free it. */
spn_status reason_work_start(struct reason_work *w, struct reason_ground *g,
                             const struct reason_work_options *o, void *owner, char *prompt_take,
                             const struct reason_example *example, uint64_t key,
                             struct spn_err *err);
/* A reply to one of its calls; look at `done`. */
spn_status reason_work_reply(struct reason_work *w, const struct reason_reply *reply,
                             struct spn_err *err);
/* Has it an answer that may vote: neither refuted nor, with SPARSE, known to be wrong on the way?
 */
bool reason_work_active(const struct reason_work *w, bool sparse);
/* Its node below PARENT, and the answer's below that; *ANSWER_NODE (NULL: not wanted). Returns the
   node of the work, which is the answer's own where the task does not look into replies. */
int64_t reason_work_nodes(const struct reason_work *w, int tree, int level, int64_t parent,
                          int64_t *answer_node);
void reason_work_free(struct reason_work *w); /* a zeroed one is fine */

#endif
