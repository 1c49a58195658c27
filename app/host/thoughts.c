/* thoughts.c - the graph that all reasoners write: nodes in order of arrival, links, votes, events,
   and the order in which all that came. Strings live in one arena, since a graph is freed as a
   whole. */
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
    spn_free(t->growth);
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

/* A step of the growth; with no memory left the replay lacks it, the graph does not. */
static void grew(struct spn_thoughts *t, struct spn_growth g)
{
    if (grow((void **)&t->growth, &t->room_growth, t->n_growth, sizeof *t->growth))
        t->growth[t->n_growth++] = g;
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
    grew(t, (struct spn_growth){ SPN_GROWTH_NODE, (int64_t)t->n_nodes, copy.score, copy.state,
                                 copy.why });
    return (int64_t)t->n_nodes++;
}

static struct spn_node *find(struct spn_thoughts *t, int64_t id)
{
    return id >= 0 && id < (int64_t)t->n_nodes ? &t->node[id] : NULL;
}

static void set_score(struct spn_thoughts *t, int64_t id, double score)
{
    struct spn_node *n = find(t, id);

    if (n == NULL || n->score == score || (isnan(n->score) && isnan(score)))
        return;
    n->score = score;
    grew(t, (struct spn_growth){ SPN_GROWTH_SCORE, id, score, n->state, NULL });
}

static void set_visits(struct spn_thoughts *t, int64_t id, int64_t visits)
{
    struct spn_node *n = find(t, id);

    if (n == NULL || n->visits == visits)
        return;
    n->visits = visits;
    grew(t, (struct spn_growth){ SPN_GROWTH_VISITS, id, (double)visits, n->state, NULL });
}

static void set_state(struct spn_thoughts *t, int64_t id, enum spn_node_state s, const char *why)
{
    struct spn_node *n = find(t, id);
    bool kept = true;

    if (n == NULL || (n->state == s && why == NULL))
        return;
    n->state = s;
    if (why != NULL)
        n->why = keep(t, why, &kept);
    grew(t, (struct spn_growth){ SPN_GROWTH_STATE, id, n->score, s, why != NULL ? n->why : NULL });
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

    if (!kept || !grow((void **)&t->vote, &t->room_votes, t->n_votes, sizeof *t->vote))
        return;
    grew(t, (struct spn_growth){ SPN_GROWTH_VOTE, (int64_t)t->n_votes, weight, SPN_NODE_GROWING,
                                 NULL });
    t->vote[t->n_votes++] = v;
}

static void event(struct spn_thoughts *t, const char *what, const char *detail)
{
    bool kept = true;
    struct graph_event e = { keep(t, what, &kept), keep(t, detail, &kept) };

    if (!kept || !grow((void **)&t->event, &t->room_events, t->n_events, sizeof *t->event))
        return;
    grew(t,
         (struct spn_growth){ SPN_GROWTH_EVENT, (int64_t)t->n_events, 0, SPN_NODE_GROWING, NULL });
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

static size_t growth(const struct spn_thoughts *t, const struct spn_growth **all)
{
    *all = t->growth;
    return t->n_growth;
}

static size_t votes(const struct spn_thoughts *t)
{
    return t->n_votes;
}

static struct spn_vote vote_at(const struct spn_thoughts *t, size_t i)
{
    const struct graph_vote *v = &t->vote[i];

    return (struct spn_vote){ v->tree, v->weight, v->answer, v->by };
}

static size_t events(const struct spn_thoughts *t)
{
    return t->n_events;
}

static void event_at(const struct spn_thoughts *t, size_t i, const char **what,
                     const char **detail)
{
    *what = t->event[i].what;
    *detail = t->event[i].detail;
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
    .visits = set_visits,
    .growth = growth,
    .votes = votes,
    .vote_at = vote_at,
    .events = events,
    .event_at = event_at,
};
