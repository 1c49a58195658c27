/* decide.h - which tree's answer is the forest's. */
#ifndef FOT_DECIDE_H
#define FOT_DECIDE_H
#include "../common/tree.h"
#include "forest.h"

/* How many ballots the most frequent answer has. */
int decide_most(const struct reason_ballot *b, size_t n);
/* *TREE: the tree whose answer wins among N >= 1 ballots, in tree order.  cged (consensus-guided
   expert decision): the vote, and where it is tied the model names the best of the candidates; a
   name it does not give falls back to the vote. */
spn_status decide(struct reason_ground *g, enum fot_decide how, const struct reason_ballot *b,
                  size_t n, int *tree, struct spn_err *err);

#endif
