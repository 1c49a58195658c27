#include "config.h"

#include "uct.h"

#include <math.h>

#include "base/mem.h"

#define TINY 1e-5 /* of the paper: keeps the bound finite */

void uct_free(struct uct *u)
{
    for (int i = 0; i < u->n; i++)
        spn_free(u->node[i].reward);
    spn_free(u->node);
    u->node = NULL;
    u->n = u->room = 0;
}

int uct_add(struct uct *u, int father, bool mute)
{
    if (u->n == u->room) {
        int room = u->room == 0 ? 8 : 2 * u->room;
        struct uct_node *bigger = spn_realloc(u->node, (size_t)room, sizeof *bigger);

        if (bigger == NULL)
            return -1;
        u->node = bigger;
        u->room = room;
    }
    u->node[u->n] = (struct uct_node){ .father = father, .mute = mute };
    return u->n++;
}

bool uct_reward(struct uct *u, int i, double reward)
{
    struct uct_node *x = &u->node[i];

    if (x->n == x->room) {
        size_t room = x->room == 0 ? 4 : 2 * x->room;
        double *bigger = spn_realloc(x->reward, room, sizeof *bigger);

        if (bigger == NULL)
            return false;
        x->reward = bigger;
        x->room = room;
    }
    x->reward[x->n++] = reward;
    return true;
}

static double least(const struct uct_node *x)
{
    double min = x->n > 0 ? x->reward[0] : 0;

    for (size_t i = 1; i < x->n; i++)
        min = fmin(min, x->reward[i]);
    return min;
}

double uct_value(const struct uct *u, int i)
{
    const struct uct_node *x = &u->node[i];
    double sum = 0;

    for (size_t k = 0; k < x->n; k++)
        sum += x->reward[k];
    return x->n > 0 ? (least(x) + sum / (double)x->n) / 2 : 0;
}

/* How many children node I has, and the best of their Q. */
static int children(const struct uct *u, int i, double *best)
{
    int n = 0;

    for (int k = 0; k < u->n; k++) {
        if (u->node[k].father != i)
            continue;
        *best = n++ == 0 ? uct_value(u, k) : fmax(*best, uct_value(u, k));
    }
    return n;
}

/* What node I is worth, and how little it was tried beside its father. */
static double bound(const struct uct *u, int i)
{
    const struct uct_node *x = &u->node[i];
    double best = 0, value = uct_value(u, i);
    double visits = x->father >= 0 ? (double)u->node[x->father].n : 0;

    if (children(u, i, &best) > 0)
        value = (value + best) / 2;
    return value + UCT_C * sqrt(log(visits + 1) / ((double)x->n + TINY));
}

void uct_update(struct uct *u)
{
    double best;

    for (int i = 0; i < u->n; i++) {
        if (children(u, i, &best) > 0)
            continue;
        u->node[i].bound = bound(u, i);
        for (int p = u->node[i].father; p >= 0; p = u->one_step ? -1 : u->node[p].father)
            u->node[p].bound = bound(u, p);
    }
}

int uct_select(const struct uct *u)
{
    int pick = -1;

    for (int i = 0; i < u->n; i++) {
        double best = 0;

        if (children(u, i, &best) >= UCT_CHILDREN && !(best < uct_value(u, i)))
            continue;
        if (pick < 0 || u->node[i].bound > u->node[pick].bound ||
            (u->node[i].bound == u->node[pick].bound && u->node[i].n < u->node[pick].n))
            pick = i;
    }
    return pick;
}

double uct_score(const struct uct *u, int i)
{
    const struct uct_node *x = &u->node[i];

    return 0.5 * least(x) + 0.3 * (double)x->n + 0.2 * x->bound;
}

int uct_best(const struct uct *u)
{
    int best = -1;

    for (int i = 0; i < u->n; i++)
        if (!u->node[i].mute && (best < 0 || uct_score(u, i) > uct_score(u, best)))
            best = i;
    return best;
}
