/* tree.h - one tree of thoughts over a task: propose, judge, keep the best, level by level.  A
   state machine: it queues calls and moves on when replies come, so any number of trees grow
   together in one batch. */
#ifndef PLUGINS_COMMON_TREE_H
#define PLUGINS_COMMON_TREE_H
#include "reason.h"

struct reason_tree_options {
    int beam;           /* states expanded a level */
    bool correct;       /* rules repair lines, and a claim that the task's check refutes is none */
    bool sparse;        /* false: every valid state of a level is expanded, not the beam alone */
    bool sample_select; /* beam drawn with p = value / sum instead of the best */
    bool random_values, random_proposer; /* ablations: no model call for values, proposals */
    bool closing; /* the last operation is read from value replies (ToT), not found by rule (FoT) */
    int width;    /* states of the last level expanded at once, best first; 0: all */
};

/* What the trees of one run share; all lent but the queue and the verdicts. */
struct reason_ground {
    const struct reason_tables *tables;
    const struct spn_reason_request *r;
    const struct reason_tree_options *o;
    struct reason_calls calls;
    struct reason_verdicts verdicts;
};
/* VALUES: value calls a state. */
void reason_ground_init(struct reason_ground *g, const struct reason_tables *tables,
                        const struct spn_reason_request *r, const struct reason_tree_options *o,
                        int values, double temperature);
void reason_ground_free(struct reason_ground *g); /* cancels and counts what is under way */

struct reason_thought {
    struct reason_thought *parent;
    int level; /* 0: the tree's input */
    char *text, *state;
    uint64_t path; /* key of its random streams */
    int64_t node;  /* in the graph of thoughts */
    double value;
    struct reason_verdict *verdict;
};

struct reason_expansion { /* what became of one state that was expanded */
    char *reply;
    bool arrived;
    struct reason_thought *hit; /* last level: the first line that solves */
    char *last, *answer;        /* its closing step; the whole answer */
};

enum reason_phase { REASON_PROPOSING, REASON_JUDGING, REASON_DONE };

struct reason_tree {
    struct reason_ground *g;
    int index, level; /* level that is being proposed, from 1 */
    enum reason_phase phase;
    struct reason_thought *root;
    struct reason_thought **all; /* owned, in order of birth */
    size_t n_all, room_all;
    struct reason_thought **front;      /* states expanded at this level, best first */
    struct reason_expansion *expansion; /* [n_front] */
    size_t n_front, asked;
    struct reason_thought **cand; /* candidates of this level */
    size_t n_cand, room_cand;

    bool solved;         /* it claims a solution */
    bool stopped;        /* from outside */
    char *answer, *text; /* of the solution: the answer alone; steps and answer, a line each */
    int64_t winner;      /* node of the answer */
    double score;        /* of the state the solution came from */
};

/* Plant tree INDEX on state INPUT and queue its first call. After an error, free it. */
spn_status reason_tree_start(struct reason_tree *t, struct reason_ground *g, int index,
                             const char *input, struct spn_err *err);
/* A reply to one of its proposals. */
spn_status reason_tree_reply(struct reason_tree *t, const struct reason_reply *reply,
                             struct spn_err *err);
/* Move on as far as what has arrived allows; after each reply, to any tree or verdict. */
spn_status reason_tree_step(struct reason_tree *t, struct spn_err *err);
/* End it from outside: its calls are cancelled. WHY in the graph. Does nothing to one that is done.
 */
void reason_tree_stop(struct reason_tree *t, enum spn_node_state state, const char *why);
void reason_tree_free(struct reason_tree *t); /* a zeroed one is fine */

/* Nodes for a tree that is one call (CoT): the input, and the answer below it. Return the node, -1:
 * no graph. */
int64_t reason_node_input(const struct reason_ground *g, int tree, const char *input);
int64_t reason_node_add(const struct reason_ground *g, const struct spn_node *n);
void reason_node_state(const struct reason_ground *g, int64_t node, enum spn_node_state state,
                       const char *why);

#endif
