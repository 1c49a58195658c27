/* uct.h - the arithmetic of an MCTSr tree (arXiv 2406.07394, as Forest-of-Thought runs it):
   rewards, their worst and mean, upper bounds, which node is refined next and which wins.  Knows no
   text. */
#ifndef FOT_UCT_H
#define FOT_UCT_H
#include <stdbool.h>
#include <stddef.h>

#define UCT_C        1.4
#define UCT_CHILDREN 3 /* a node with so many of them is refined on only while none is better */

struct uct_node {
    int father; /* -1: a root */
    double *reward;
    size_t n, room;
    double bound; /* U */
    bool mute;    /* never wins: a refusal, or no answer in it */
};
struct uct {
    struct uct_node *node;
    int n, room;
    bool one_step; /* the released code's backup: fathers of leaves alone, older ancestors keep
                      stale bounds; else the walk goes up to the root, as the paper has it */
};
void uct_free(struct uct *u); /* a zeroed one is fine */
/* A node below FATHER without a reward yet; its index, -1: no memory. */
int uct_add(struct uct *u, int father, bool mute);
bool uct_reward(struct uct *u, int i, double reward); /* false: no memory */
/* Q = (min R + mean R) / 2; 0 without a reward. */
double uct_value(const struct uct *u, int i);
/* U of the leaves, then of their ancestors. */
void uct_update(struct uct *u);
/* The node with the highest U that may still be refined; equal ones: fewer rewards, then the
   earlier. */
int uct_select(const struct uct *u);
/* 0.5 min R + 0.3 |R| + 0.2 U. */
double uct_score(const struct uct *u, int i);
int uct_best(const struct uct *u); /* highest score of those not mute; -1: none */

#endif
