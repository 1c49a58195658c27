/* decide.h - which tree's answer is the forest's. */
#ifndef FOT_DECIDE_H
#define FOT_DECIDE_H
#include "../common/tree.h"
#include "forest.h"

struct decide_candidate { /* what tree TREE answers; lent */
    int tree;
    const char *answer, *text; /* the answer; the whole reply it is from */
    const char *same;          /* equal for equal answers */
    int64_t node;              /* of the answer in the graph */
    double score;              /* of the tree's own search; NaN: none */
    double weight;             /* what its ballot weighs */
};

/* How many candidates give the most frequent answer. */
int decide_most(const struct decide_candidate *c, size_t n);
/* *TREE: the tree whose answer wins among N >= 1 candidates, in tree order.  score: each is rated
   by the model where its search has not rated it.  cged (consensus-guided expert decision): the
   vote, and where it is tied the expert (a model, EXPERT's engine, or the one that answered) names
   the right one, or with `tie` score rates them; a name it does not give falls back to the vote.
   Ballots go to the graph. */
spn_status decide(struct reason_ground *g, const struct fot_options *o, struct reason_calls *expert,
                  struct decide_candidate *c, size_t n, int *tree, struct spn_err *err);
/* Answers of prose: what is as alike as ALIKE (0..1) to an earlier candidate gets its `same`. */
bool decide_embeds(const struct reason_ground *g); /* else likeness goes by letters */
spn_status decide_alike(struct reason_ground *g, struct decide_candidate *c, size_t n, double alike,
                        struct spn_err *err);

#endif
