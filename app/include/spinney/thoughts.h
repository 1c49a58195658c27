/* thoughts.h - one graph for every reasoner: nodes, edges (a DAG), votes, events, JSON. Panel,
 * replay and export read it and know no method. */
#ifndef SPINNEY_THOUGHTS_H
#define SPINNEY_THOUGHTS_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_thoughts;

enum spn_node_state {
    SPN_NODE_GROWING,
    SPN_NODE_TRUE /* checked */,
    SPN_NODE_STOPPED,
    SPN_NODE_ENDED,
    SPN_NODE_CUT,
    SPN_NODE_BY_HAND
};

struct spn_node {              /* fields of a node; a new one starts zeroed, score NaN */
    int64_t parent;            /* -1: a root */
    int tree, level;           /* tree from 0 */
    const char *kind;          /* "propose", "value", "answer", "input" … */
    const char *text, *prompt; /* copied */
    double score;
    int64_t visits;
    int64_t tokens_in, tokens_out;
    double seconds;
    enum spn_node_state state;
    const char *repaired; /* what it was before a rule mended it; NULL: not repaired */
    const char *why;      /* why it was cut or ended */
};

/* One thing that happened while a graph grew, in order: what a replay shows step by step. */
enum spn_growth_kind {
    SPN_GROWTH_NODE,   /* node ID came, with score VALUE, STATE and TEXT (why) as at first */
    SPN_GROWTH_SCORE,  /* of node ID, now VALUE */
    SPN_GROWTH_VISITS, /* of node ID, now VALUE */
    SPN_GROWTH_STATE,  /* of node ID, now STATE, because of TEXT (NULL: as before) */
    SPN_GROWTH_VOTE,   /* the vote of index ID */
    SPN_GROWTH_EVENT   /* the event of index ID */
};
struct spn_growth {
    enum spn_growth_kind kind;
    int64_t id;
    double value;
    enum spn_node_state state;
    const char *text; /* lent as long as the graph is there */
};
struct spn_vote { /* lent as long as the graph is there */
    int tree;
    double weight;
    const char *answer, *by;
};

/* "thoughts/1" */
struct spn_thoughts_api {
    uint32_t size;
    struct spn_thoughts *(*new_)(void); /* NULL: no memory */
    void (*free_)(struct spn_thoughts *t);
    int64_t (*add)(struct spn_thoughts *t,
                   const struct spn_node *n); /* node id from 0; -1: no memory */
    void (*score)(struct spn_thoughts *t, int64_t id, double score);
    void (*state)(struct spn_thoughts *t, int64_t id, enum spn_node_state s, const char *why);
    void (*link)(struct spn_thoughts *t, int64_t from,
                 int64_t to); /* an edge beside the parent's */
    void (*vote)(struct spn_thoughts *t, int tree, const char *answer, double weight,
                 const char *by);
    void (*event)(struct spn_thoughts *t, const char *what, const char *detail);
    size_t (*count)(const struct spn_thoughts *t);
    const struct spn_node *(*at)(const struct spn_thoughts *t,
                                 int64_t id); /* lent until the next add */
    json_t *(*json)(const struct spn_thoughts *t,
                    bool full); /* a new reference; full: with prompts */
    /* Lines for a person: each tree as an indented outline; the winning path marked. Ends with a
     * newline. */
    char *(*outline)(const struct spn_thoughts *t, int64_t winner); /* free with spn_free */
    /* Add what a call on behalf of node ID took. */
    void (*spent)(struct spn_thoughts *t, int64_t id, int64_t tokens_in, int64_t tokens_out,
                  double seconds);
    void (*visits)(struct spn_thoughts *t, int64_t id, int64_t visits);
    /* What there is besides nodes. The strings of nodes, votes and events stay where they are until
       the graph is freed, so that a copy of the structs is a picture of it that another thread may
       read while it grows. */
    size_t (*growth)(const struct spn_thoughts *t, const struct spn_growth **all);
    size_t (*votes)(const struct spn_thoughts *t);
    struct spn_vote (*vote_at)(const struct spn_thoughts *t, size_t i);
    size_t (*events)(const struct spn_thoughts *t);
    void (*event_at)(const struct spn_thoughts *t, size_t i, const char **what,
                     const char **detail);
};

#ifdef __cplusplus
}
#endif
#endif
