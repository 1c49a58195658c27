/* thoughts.c - the graph that all reasoners write: nodes in order of arrival, links, votes, events;
   JSON. Strings live in one arena, since a graph is freed as a whole. */
#include "config.h"

#include "thoughts_graph.h"

#include <math.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "thoughts_table.h"

#define STRINGS_CEILING ((size_t)1 << 30)

static struct spn_thoughts *new_graph(void)
{
    struct spn_thoughts *t = spn_calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->strings = spn_arena_new(STRINGS_CEILING);
    if (t->strings == NULL) {
        spn_free(t);
        return NULL;
    }
    return t;
}

static void free_graph(struct spn_thoughts *t)
{
    if (t == NULL)
        return;
    spn_arena_free(t->strings);
    spn_free(t->node);
    spn_free(t->edge);
    spn_free(t->vote);
    spn_free(t->event);
    spn_free(t);
}

/* A copy in the arena; *OK becomes false when memory is short. NULL stays NULL. */
static const char *keep(struct spn_thoughts *t, const char *s, bool *ok)
{
    char *copy;

    if (s == NULL)
        return NULL;
    copy = spn_arena_strndup(t->strings, s, strlen(s));
    if (copy == NULL)
        *ok = false;
    return copy;
}

/* Room for one more element of SIZE bytes in *ITEMS; false: no memory, nothing changed. */
static bool grow(void **items, size_t *room, size_t n, size_t size)
{
    size_t wanted = *room < 16 ? 16 : *room;
    void *bigger;

    if (n < *room)
        return true;
    if (*room != 0 && !spn_mul_size(*room, 2, &wanted))
        return false;
    bigger = spn_realloc(*items, wanted, size);
    if (bigger == NULL)
        return false;
    *items = bigger;
    *room = wanted;
    return true;
}

static int64_t add(struct spn_thoughts *t, const struct spn_node *n)
{
    struct spn_node copy = *n;
    bool kept = true;

    if (n->parent >= (int64_t)t->n_nodes ||
        !grow((void **)&t->node, &t->room_nodes, t->n_nodes, sizeof *t->node))
        return -1;
    copy.kind = keep(t, n->kind, &kept);
    copy.text = keep(t, n->text, &kept);
    copy.prompt = keep(t, n->prompt, &kept);
    copy.repaired = keep(t, n->repaired, &kept);
    copy.why = keep(t, n->why, &kept);
    if (!kept)
        return -1;
    t->node[t->n_nodes] = copy;
    return (int64_t)t->n_nodes++;
}

static struct spn_node *find(struct spn_thoughts *t, int64_t id)
{
    return id >= 0 && id < (int64_t)t->n_nodes ? &t->node[id] : NULL;
}

static void set_score(struct spn_thoughts *t, int64_t id, double score)
{
    struct spn_node *n = find(t, id);

    if (n != NULL)
        n->score = score;
}

static void set_state(struct spn_thoughts *t, int64_t id, enum spn_node_state s, const char *why)
{
    struct spn_node *n = find(t, id);
    bool kept = true;

    if (n == NULL)
        return;
    n->state = s;
    if (why != NULL)
        n->why = keep(t, why, &kept);
}

static void spent(struct spn_thoughts *t, int64_t id, int64_t tokens_in, int64_t tokens_out,
                  double seconds)
{
    struct spn_node *n = find(t, id);

    if (n == NULL)
        return;
    n->tokens_in += tokens_in;
    n->tokens_out += tokens_out;
    n->seconds += seconds;
}

static void link_nodes(struct spn_thoughts *t, int64_t from, int64_t to)
{
    if (find(t, from) == NULL || find(t, to) == NULL ||
        !grow((void **)&t->edge, &t->room_edges, t->n_edges, sizeof *t->edge))
        return;
    t->edge[t->n_edges++] = (struct graph_edge){ from, to };
}

static void vote(struct spn_thoughts *t, int tree, const char *answer, double weight,
                 const char *by)
{
    bool kept = true;
    struct graph_vote v = { tree, weight, keep(t, answer, &kept), keep(t, by, &kept) };

    if (kept && grow((void **)&t->vote, &t->room_votes, t->n_votes, sizeof *t->vote))
        t->vote[t->n_votes++] = v;
}

static void event(struct spn_thoughts *t, const char *what, const char *detail)
{
    bool kept = true;
    struct graph_event e = { keep(t, what, &kept), keep(t, detail, &kept) };

    if (kept && grow((void **)&t->event, &t->room_events, t->n_events, sizeof *t->event))
        t->event[t->n_events++] = e;
}

static size_t count(const struct spn_thoughts *t)
{
    return t->n_nodes;
}

static const struct spn_node *at(const struct spn_thoughts *t, int64_t id)
{
    return id >= 0 && id < (int64_t)t->n_nodes ? &t->node[id] : NULL;
}

/* ---- JSON ---- */

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

static json_t *graph_json(const struct spn_thoughts *t, bool full)
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
    return o;
}

const struct spn_thoughts_api app_thoughts = {
    .size = sizeof app_thoughts,
    .new_ = new_graph,
    .free_ = free_graph,
    .add = add,
    .score = set_score,
    .state = set_state,
    .link = link_nodes,
    .vote = vote,
    .event = event,
    .count = count,
    .at = at,
    .json = graph_json,
    .outline = graph_outline,
    .spent = spent,
};
