/* tree_inner.h - between the files of the tree machine. */
#ifndef PLUGINS_COMMON_TREE_INNER_H
#define PLUGINS_COMMON_TREE_INNER_H
#include "tree.h"

spn_status tree_no_memory(const struct reason_tree *t, struct spn_err *err);
void tree_finish(struct reason_tree *t, enum spn_node_state state, const char *why);
/* Answer of a path that ends at LEAF with the step LAST; NULL: none can be composed, or no memory.
 */
char *tree_compose(const struct reason_tree *t, const struct reason_thought *leaf,
                   const char *last);
/* The tree's solution: LEAF closed by LAST; takes ANSWER over. Without one, the closing step is the
 * claim. */
spn_status tree_solve(struct reason_tree *t, const struct reason_thought *leaf, const char *last,
                      char *answer_take, struct spn_err *err);
/* ToT: every kept state ends in the operation its judgement names; each answer is a node, the first
 * is the tree's. */
spn_status tree_close_all(struct reason_tree *t, struct spn_err *err);

#endif
