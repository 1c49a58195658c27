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
};

#ifdef __cplusplus
}
#endif
#endif
