#include "config.h"

#include "search.h"

#include <stdlib.h>

#define RESULT_MAX 100000

static int add_move(const struct hand *h, int i, int j, int64_t a, char op, int64_t b, int64_t c,
                    struct step *m, int n)
{
    if (n == MOVES_MAX || c > RESULT_MAX)
        return n;
    m[n] = (struct step){ .a = a, .b = b, .c = c, .op = op, .has_left = true };
    m[n].left.v[m[n].left.n++] = c;
    for (int k = 0; k < h->n; k++)
        if (k != i && k != j)
            m[n].left.v[m[n].left.n++] = h->v[k];
    return n + 1;
}

int search_moves(const struct hand *h, struct step moves[MOVES_MAX])
{
    int n = 0;

    for (int i = 0; i < h->n; i++) {
        for (int j = i + 1; j < h->n; j++) {
            int64_t a = h->v[i], b = h->v[j], big = a > b ? a : b, small = a > b ? b : a;

            n = add_move(h, i, j, a, '+', b, a + b, moves, n);
            n = add_move(h, i, j, big, '-', small, big - small, moves, n);
            n = add_move(h, i, j, a, '*', b, a * b, moves, n);
            if (small != 0 && big % small == 0)
                n = add_move(h, i, j, big, '/', small, big / small, moves, n);
        }
    }
    return n;
}

int64_t search_nearest(const struct hand *h, struct step *path)
{
    struct step moves[MOVES_MAX], below[HAND_MAX];
    int64_t best = INT64_MAX;
    int n;

    if (h->n == 1)
        return llabs(24 - h->v[0]);
    n = search_moves(h, moves);
    for (int i = 0; i < n && best > 0; i++) {
        int64_t d = search_nearest(&moves[i].left, below);

        if (d >= best)
            continue;
        best = d;
        path[0] = moves[i];
        for (int k = 0; k < h->n - 2; k++)
            path[k + 1] = below[k];
    }
    return best;
}

bool search_solvable(const struct hand *h)
{
    struct step moves[MOVES_MAX];
    int n;

    if (h->n == 1)
        return h->v[0] == 24;
    n = search_moves(h, moves);
    for (int i = 0; i < n; i++)
        if (search_solvable(&moves[i].left))
            return true;
    return false;
}
