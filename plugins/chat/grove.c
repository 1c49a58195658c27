/* grove.c - pictures of graphs of thoughts, and what their trees come to. */
#include "config.h"

#include "grove.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define NODES_MAX 1000000 /* of a file */

void grove_free(struct grove *g)
{
    spn_free(g->node);
    spn_free(g->vote);
    spn_free(g->event);
    spn_free(g->growth);
    json_decref(g->json);
    *g = (struct grove){ .winner = -1 };
}

/* Room for what there is; false: no memory. */
static bool make_room(struct grove *g, size_t nodes, size_t votes, size_t events, size_t growth)
{
    *g = (struct grove){ .winner = -1 };
    g->node = spn_calloc(nodes + 1, sizeof *g->node);
    g->vote = spn_calloc(votes + 1, sizeof *g->vote);
    g->event = spn_calloc(events + 1, sizeof *g->event);
    g->growth = spn_calloc(growth + 1, sizeof *g->growth);
    if (g->node != NULL && g->vote != NULL && g->event != NULL && g->growth != NULL)
        return true;
    grove_free(g);
    return false;
}

bool grove_picture(struct grove *g, const struct spn_thoughts_api *api,
                   const struct spn_thoughts *t)
{
    const struct spn_growth *growth;
    size_t n = api->count(t), votes = api->votes(t), events = api->events(t),
           steps = api->growth(t, &growth);

    if (!make_room(g, n, votes, events, steps))
        return false;
    for (size_t i = 0; i < n; i++)
        g->node[i] = *api->at(t, (int64_t)i);
    for (size_t i = 0; i < votes; i++)
        g->vote[i] = api->vote_at(t, i);
    for (size_t i = 0; i < events; i++)
        api->event_at(t, i, &g->event[i].what, &g->event[i].detail);
    if (steps > 0)
        memcpy(g->growth, growth, steps * sizeof *growth);
    g->n = n;
    g->n_votes = votes;
    g->n_events = events;
    g->n_growth = steps;
    return true;
}

/* ---- from JSON ---- */

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static enum spn_node_state state_of(const char *name)
{
    static const char *const names[] = { "growing", "true", "stopped", "ended", "cut", "by_hand" };

    for (int i = 0; name != NULL && i < 6; i++)
        if (strcmp(names[i], name) == 0)
            return (enum spn_node_state)i;
    return SPN_NODE_ENDED;
}

static double number_of(const json_t *j)
{
    return json_is_number(j) ? json_number_value(j) : NAN;
}

static int small(const json_t *j)
{
    json_int_t n = json_integer_value(j);

    return n < 0 ? 0 : n > 100000 ? 100000 : (int)n;
}

static void read_node(struct spn_node *n, const json_t *o, size_t id)
{
    const json_t *parent = json_object_get(o, "parent");
    const char *text = text_of(o, "text"), *kind = text_of(o, "kind");

    *n = (struct spn_node){ .parent = json_is_integer(parent) && json_integer_value(parent) >= 0 &&
                                              json_integer_value(parent) < (json_int_t)id
                                          ? json_integer_value(parent)
                                          : -1,
                            .tree = small(json_object_get(o, "tree")),
                            .level = small(json_object_get(o, "level")),
                            .kind = kind != NULL ? kind : "",
                            .text = text != NULL ? text : "",
                            .prompt = text_of(o, "prompt"),
                            .score = number_of(json_object_get(o, "score")),
                            .visits = json_integer_value(json_object_get(o, "visits")),
                            .tokens_in = json_integer_value(json_object_get(o, "tokens_in")),
                            .tokens_out = json_integer_value(json_object_get(o, "tokens_out")),
                            .state = state_of(text_of(o, "state")),
                            .repaired = text_of(o, "repaired"),
                            .why = text_of(o, "why") };
}

static bool read_step(struct spn_growth *g, const json_t *a, const struct grove *in)
{
    static const char *const names[] = { "node", "score", "visits", "state", "vote", "event" };
    const char *name = json_string_value(json_array_get(a, 0));
    int64_t id = json_integer_value(json_array_get(a, 1));
    size_t last = json_array_size(a), most;
    int kind;

    for (kind = 0; kind < 6 && (name == NULL || strcmp(names[kind], name) != 0); kind++)
        continue;
    if (kind == 6)
        return false;
    most = kind == SPN_GROWTH_VOTE ? in->n_votes : kind == SPN_GROWTH_EVENT ? in->n_events : in->n;
    if (id < 0 || (uint64_t)id >= most)
        return false;
    *g = (struct spn_growth){ .kind = (enum spn_growth_kind)kind, .id = id, .value = NAN };
    if (kind <= SPN_GROWTH_VISITS)
        g->value = number_of(json_array_get(a, 2));
    if (kind == SPN_GROWTH_NODE || kind == SPN_GROWTH_STATE) {
        size_t at = kind == SPN_GROWTH_NODE ? 3 : 2;

        g->state = state_of(json_string_value(json_array_get(a, at)));
        g->text = last > at + 1 ? json_string_value(json_array_get(a, at + 1)) : NULL;
    }
    return true;
}

/* The graph's JSON does not say who won: a checked answer, else a thought of the tree whose answer
   has most votes. */
static int64_t find_winner(const struct grove *g)
{
    double most = 0;
    int64_t best = -1;
    int tree = -1;

    for (size_t i = 0; i < g->n; i++) /* of several trees the first in order wins */
        if (g->node[i].state == SPN_NODE_TRUE && g->node[i].parent >= 0 &&
            (best < 0 || g->node[i].tree < g->node[best].tree))
            best = (int64_t)i;
    if (best >= 0)
        return best;
    for (size_t i = 0; i < g->n_votes; i++) {
        double sum = 0;

        for (size_t k = 0; k < g->n_votes; k++)
            if (g->vote[k].answer != NULL && g->vote[i].answer != NULL &&
                strcmp(g->vote[k].answer, g->vote[i].answer) == 0)
                sum += g->vote[k].weight;
        if (sum > most) {
            most = sum;
            tree = g->vote[i].tree;
        }
    }
    if (tree >= 0)
        best = grove_furthest(g, tree);
    return best;
}

bool grove_read(struct grove *g, json_t *json)
{
    const json_t *nodes = json_object_get(json, "nodes"), *votes = json_object_get(json, "votes"),
                 *events = json_object_get(json, "events"), *steps = json_object_get(json, "steps");
    size_t n = json_array_size(nodes);

    if (n > NODES_MAX ||
        !make_room(g, n, json_array_size(votes), json_array_size(events), json_array_size(steps)))
        return false;
    g->json = json_incref(json);
    for (size_t i = 0; i < n; i++)
        read_node(&g->node[i], json_array_get(nodes, i), i);
    g->n = n;
    for (size_t i = 0; i < json_array_size(votes); i++) {
        const json_t *v = json_array_get(votes, i);

        g->vote[g->n_votes++] = (struct spn_vote){ small(json_object_get(v, "tree")),
                                                   json_number_value(json_object_get(v, "weight")),
                                                   text_of(v, "answer"), text_of(v, "by") };
    }
    for (size_t i = 0; i < json_array_size(events); i++)
        g->event[g->n_events++] =
            (struct grove_event){ text_of(json_array_get(events, i), "what"),
                                  text_of(json_array_get(events, i), "detail") };
    for (size_t i = 0; i < json_array_size(steps); i++)
        g->n_growth += read_step(&g->growth[g->n_growth], json_array_get(steps, i), g);
    g->winner = find_winner(g);
    return true;
}

/* ---- replay ---- */

bool grove_step(struct grove *out, const struct grove *g, size_t step)
{
    if (!make_room(out, g->n, g->n_votes, g->n_events, 0))
        return false;
    for (size_t i = 0; i < step && i < g->n_growth; i++) {
        const struct spn_growth *s = &g->growth[i];
        struct spn_node *n = s->id < (int64_t)out->n ? &out->node[s->id] : NULL;

        switch (s->kind) {
        case SPN_GROWTH_NODE: /* ids come in order; what a file leaves out is not shown */
            if (s->id != (int64_t)out->n)
                break;
            n = &out->node[out->n++];
            *n = g->node[s->id];
            n->score = s->value;
            n->state = s->state;
            n->why = s->text;
            n->visits = 0;
            break;
        case SPN_GROWTH_SCORE:
            if (n != NULL)
                n->score = s->value;
            break;
        case SPN_GROWTH_VISITS:
            if (n != NULL && s->value >= 0 && s->value < 1e15)
                n->visits = (int64_t)s->value;
            break;
        case SPN_GROWTH_STATE:
            if (n != NULL) {
                n->state = s->state;
                n->why = s->text != NULL ? s->text : n->why;
            }
            break;
        case SPN_GROWTH_VOTE:
            if (out->n_votes < g->n_votes)
                out->vote[out->n_votes++] = g->vote[s->id];
            break;
        case SPN_GROWTH_EVENT:
            if (out->n_events < g->n_events)
                out->event[out->n_events++] = g->event[s->id];
            break;
        }
    }
    if (step >= g->n_growth)
        out->winner = g->winner;
    return true;
}

/* ---- trees ---- */

int grove_trees(const struct grove *g)
{
    int trees = 0;

    for (size_t i = 0; i < g->n; i++)
        if (g->node[i].tree >= trees)
            trees = g->node[i].tree + 1;
    return trees;
}

struct grove_tree grove_tree(const struct grove *g, int tree)
{
    struct grove_tree t = { .root = -1, .best = NAN, .last = -1 };

    for (size_t i = 0; i < g->n; i++) {
        const struct spn_node *n = &g->node[i];

        if (n->tree != tree)
            continue;
        t.nodes++;
        t.tokens += n->tokens_out;
        t.calls += n->tokens_out > 0;
        t.last = (int64_t)i;
        t.cut += n->state == SPN_NODE_CUT;
        t.repaired += n->repaired != NULL;
        if (n->parent < 0 && t.root < 0) {
            t.root = (int64_t)i;
            t.state = n->state;
            t.why = n->why;
        }
        if (n->state == SPN_NODE_CUT)
            continue;
        if (n->level > t.level)
            t.level = n->level;
        if (!isnan(n->score) && !(n->score <= t.best))
            t.best = n->score;
    }
    return t;
}

int grove_growing(const struct grove *g)
{
    int n = 0;

    for (size_t i = 0; i < g->n; i++)
        n += g->node[i].parent < 0 && g->node[i].state == SPN_NODE_GROWING;
    return n;
}

int64_t grove_furthest(const struct grove *g, int tree)
{
    int64_t best = -1;

    for (size_t i = 0; i < g->n; i++) {
        const struct spn_node *n = &g->node[i];

        if (n->tree != tree || n->state == SPN_NODE_CUT || n->parent < 0)
            continue;
        if (best < 0 || n->level > g->node[best].level ||
            (n->level == g->node[best].level && n->score > g->node[best].score))
            best = (int64_t)i;
    }
    return best;
}

int grove_best(const struct grove *g)
{
    int best = -1, level = -1;
    double score = -INFINITY;

    if (g->winner >= 0 && g->winner < (int64_t)g->n)
        return g->node[g->winner].tree;
    for (int i = 0; i < grove_trees(g); i++) {
        struct grove_tree t = grove_tree(g, i);
        double value = isnan(t.best) ? -INFINITY : t.best;

        if (t.root >= 0 && (t.level > level || (t.level == level && value > score))) {
            best = i;
            level = t.level;
            score = value;
        }
    }
    return best;
}

bool grove_on_path(const struct grove *g, int64_t leaf, int64_t id)
{
    for (int64_t at = leaf; at >= 0 && at < (int64_t)g->n; at = g->node[at].parent)
        if (at == id)
            return true;
    return false;
}
