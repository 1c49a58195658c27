/* thoughts_json.c - the graph as JSON: nodes, edges, votes, events and, in full, prompts and the
   steps of its growth. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "thoughts_graph.h"

static const char *const state_names[] = {
    "growing", "true", "stopped", "ended", "cut", "by_hand"
};

/* Text of a model may be anything: bytes that are no UTF-8 become U+FFFD, so that a line of JSON is
 * always valid. */
static json_t *json_text(const char *s)
{
    json_t *j;
    char *clean;
    size_t n, out = 0;

    if (s == NULL)
        return json_null();
    j = json_string(s);
    if (j != NULL)
        return j;
    n = strlen(s);
    clean = spn_calloc(n + 1, 3);
    if (clean == NULL)
        return json_null();
    for (size_t i = 0; i < n;) {
        size_t take = graph_utf8_length(s + i, n - i);

        if (take == 0) {
            memcpy(clean + out, "\xef\xbf\xbd", 3);
            out += 3;
            i++;
        } else {
            memcpy(clean + out, s + i, take);
            out += take;
            i += take;
        }
    }
    j = json_stringn(clean, out);
    spn_free(clean);
    return j != NULL ? j : json_null();
}

static json_t *json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *node_json(const struct spn_node *n, size_t id, bool full)
{
    json_t *o = json_object();

    json_object_set_new(o, "id", json_integer((json_int_t)id));
    json_object_set_new(o, "parent", n->parent < 0 ? json_null() : json_integer(n->parent));
    json_object_set_new(o, "tree", json_integer(n->tree));
    json_object_set_new(o, "level", json_integer(n->level));
    json_object_set_new(o, "kind", json_text(n->kind));
    json_object_set_new(o, "text", json_text(n->text));
    json_object_set_new(o, "score", json_number(n->score));
    json_object_set_new(o, "state", json_string(state_names[n->state]));
    if (n->visits != 0)
        json_object_set_new(o, "visits", json_integer(n->visits));
    if (n->tokens_in != 0 || n->tokens_out != 0) {
        json_object_set_new(o, "tokens_in", json_integer(n->tokens_in));
        json_object_set_new(o, "tokens_out", json_integer(n->tokens_out));
        json_object_set_new(o, "seconds", json_number(n->seconds));
    }
    if (n->repaired != NULL)
        json_object_set_new(o, "repaired", json_text(n->repaired));
    if (n->why != NULL)
        json_object_set_new(o, "why", json_text(n->why));
    if (full && n->prompt != NULL)
        json_object_set_new(o, "prompt", json_text(n->prompt));
    return o;
}

/* ["node", id, score, state, why], ["score", id, score], ["visits", id, n], ["state", id, state,
   why], ["vote", index], ["event", index]; what is null at the end is left out. */
static json_t *growth_json(const struct spn_growth *g)
{
    static const char *const names[] = { "node", "score", "visits", "state", "vote", "event" };
    json_t *a = json_array();

    json_array_append_new(a, json_string(names[g->kind]));
    json_array_append_new(a, json_integer(g->id));
    if (g->kind == SPN_GROWTH_SCORE || g->kind == SPN_GROWTH_NODE)
        json_array_append_new(a, json_number(g->value));
    if (g->kind == SPN_GROWTH_VISITS)
        json_array_append_new(a, json_integer((json_int_t)g->value));
    if (g->kind == SPN_GROWTH_STATE || g->kind == SPN_GROWTH_NODE)
        json_array_append_new(a, json_string(state_names[g->state]));
    if (g->text != NULL)
        json_array_append_new(a, json_text(g->text));
    return a;
}

json_t *graph_json(const struct spn_thoughts *t, bool full)
{
    json_t *o = json_object(), *nodes = json_array(), *edges = json_array(), *votes = json_array(),
           *events = json_array();

    for (size_t i = 0; i < t->n_nodes; i++)
        json_array_append_new(nodes, node_json(&t->node[i], i, full));
    for (size_t i = 0; i < t->n_edges; i++)
        json_array_append_new(edges, json_pack("[I,I]", (json_int_t)t->edge[i].from,
                                               (json_int_t)t->edge[i].to));
    for (size_t i = 0; i < t->n_votes; i++) {
        json_t *v = json_object();

        json_object_set_new(v, "tree", json_integer(t->vote[i].tree));
        json_object_set_new(v, "answer", json_text(t->vote[i].answer));
        json_object_set_new(v, "weight", json_number(t->vote[i].weight));
        json_object_set_new(v, "by", json_text(t->vote[i].by));
        json_array_append_new(votes, v);
    }
    for (size_t i = 0; i < t->n_events; i++) {
        json_t *e = json_object();

        json_object_set_new(e, "what", json_text(t->event[i].what));
        json_object_set_new(e, "detail", json_text(t->event[i].detail));
        json_array_append_new(events, e);
    }
    json_object_set_new(o, "nodes", nodes);
    json_object_set_new(o, "edges", edges);
    json_object_set_new(o, "votes", votes);
    json_object_set_new(o, "events", events);
    if (full) {
        json_t *steps = json_array();

        for (size_t i = 0; i < t->n_growth; i++)
            json_array_append_new(steps, growth_json(&t->growth[i]));
        json_object_set_new(o, "steps", steps);
    }
    return o;
}
