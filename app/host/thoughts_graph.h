/* thoughts_graph.h - inside the graph of thoughts: shared by the store, its JSON and the outline,
 * by nobody else. */
#ifndef APP_HOST_THOUGHTS_GRAPH_H
#define APP_HOST_THOUGHTS_GRAPH_H
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "spinney/thoughts.h"

struct graph_edge {
    int64_t from, to;
};
struct graph_vote {
    int tree;
    double weight;
    const char *answer, *by;
};
struct graph_event {
    const char *what, *detail;
};

struct spn_thoughts {
    struct spn_arena *strings;
    struct spn_node *node;
    struct graph_edge *edge;
    struct graph_vote *vote;
    struct graph_event *event;
    struct spn_growth *growth;
    size_t n_nodes, n_edges, n_votes, n_events, n_growth;
    size_t room_nodes, room_edges, room_votes, room_events, room_growth;
};

/* Bytes of the UTF-8 character at S, of which N bytes are there; 0: none starts here (no overlong
 * form, no surrogate). */
size_t graph_utf8_length(const char *s, size_t n);
json_t *graph_json(const struct spn_thoughts *t, bool full);
char *graph_outline(const struct spn_thoughts *t, int64_t winner);

#endif
