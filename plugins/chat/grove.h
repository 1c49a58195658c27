/* grove.h - a picture of a graph of thoughts: taken while it grows, read back from its JSON, or as
 * it stood at a step of its growth.  Knows no screen and no method. */
#ifndef CHAT_GROVE_H
#define CHAT_GROVE_H
#include "spinney/thoughts.h"

struct grove_event {
    const char *what, *detail;
};
struct grove {
    struct spn_node *node; /* their strings belong to JSON, or to the graph that was pictured */
    struct spn_vote *vote;
    struct grove_event *event;
    struct spn_growth *growth;
    size_t n, n_votes, n_events, n_growth;
    int64_t winner; /* node, -1: none */
    json_t *json;   /* NULL: the strings are a graph's */
};

void grove_free(struct grove *g); /* a zeroed one is fine */
/* A copy of T as it stands; from the thread that grows it. false: no memory, *G is empty. */
bool grove_picture(struct grove *g, const struct spn_thoughts_api *api,
                   const struct spn_thoughts *t);
/* What `chat --json --thoughts full` writes; hostile JSON gives what can be read of it. */
bool grove_read(struct grove *g, json_t *json);
/* G as it stood after STEP of its steps; the strings stay those of G. */
bool grove_step(struct grove *out, const struct grove *g, size_t step);

struct grove_tree {
    int64_t root; /* -1: there is none of that number */
    size_t nodes, cut, repaired;
    int level;
    double best;                 /* NaN: nothing is scored */
    int64_t tokens, calls, last; /* LAST: the node that came last */
    enum spn_node_state state;
    const char *why; /* it ended; NULL: not said */
};
int grove_trees(const struct grove *g);
struct grove_tree grove_tree(const struct grove *g, int tree);
/* Trees that grow still. */
int grove_growing(const struct grove *g);
/* The tree to look at: the winner's, else the one that got furthest; -1: no tree. */
int grove_best(const struct grove *g);
bool grove_on_path(const struct grove *g, int64_t leaf, int64_t id);
/* The furthest thought of TREE that is not cut; -1: none. */
int64_t grove_furthest(const struct grove *g, int tree);

#endif
