/* mcts.h - an MCTSr tree: a weak answer, rewarded, criticised and refined, ROLLOUTS times, at the
   node whose upper bound is highest.  A state machine like the beam tree: it queues calls and moves
   on when replies come. */
#ifndef FOT_MCTS_H
#define FOT_MCTS_H
#include "../common/work.h"
#include "uct.h"

struct mcts_options {
    int rollouts;
    bool one_step; /* the released code's backup */
    bool dummy;    /* a refusal stands beside the first answer as a second root */
    bool sparse;   /* answers that are known to be wrong on the way never win */
    struct reason_work_options work;
};

struct mcts_answer { /* of a node of the uct */
    char *text, *answer, *canonical;
    int64_t node, answer_node;
    int64_t path_children;
    uint64_t path; /* key of its random streams */
    bool active;
};

enum mcts_phase { MCTS_ANSWERING, MCTS_JUDGING, MCTS_LOOKING, MCTS_REFINING, MCTS_DONE };

struct mcts {
    struct reason_ground *g;
    const struct mcts_options *o;
    int index, rollout;
    enum mcts_phase phase;
    struct uct uct;
    struct mcts_answer *item; /* [uct.n] */
    int room;
    struct reason_work work; /* of the answer under way */
    int at;                  /* node that is refined */
    int waiting;             /* calls of this level under way */
    char *critique;
    double *score; /* [uct.n] that came at this level, NaN: none; added in the order of the nodes */
    int64_t root;
    int best; /* the tree's answer, -1: none */
};

/* Plant tree INDEX for INPUT. After an error, free it. */
spn_status mcts_start(struct mcts *t, struct reason_ground *g, const struct mcts_options *o,
                      int index, const char *input, const struct reason_example *example,
                      struct spn_err *err);
/* A reply of kind SOLVE (owner: the work, whose owner is the tree), SCORE or CRITIQUE (the tree).
 */
spn_status mcts_reply(struct mcts *t, const struct reason_reply *reply, struct spn_err *err);
void mcts_stop(struct mcts *t, enum spn_node_state state, const char *why);
void mcts_free(struct mcts *t); /* a zeroed one is fine */

/* Of the tree's answer; NULL: it has none. */
const struct mcts_answer *mcts_best(const struct mcts *t);
double mcts_value(const struct mcts *t); /* its Q */

/* The refusal that tree INDEX of SEED begins with: one of six. */
const char *mcts_refusal(uint64_t seed, int index);

#endif
