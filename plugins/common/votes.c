/* votes.c - counting equal answers. */
#include "config.h"

#include "reason.h"

#include <string.h>

int reason_vote(const struct reason_ballot *b, size_t n, bool *tied)
{
    int best = -1;
    double best_weight = 0;

    *tied = false;
    for (size_t i = 0; i < n; i++) {
        double weight = 0;
        bool first = true;

        if (b[i].answer == NULL)
            continue;
        for (size_t k = 0; k < n; k++) {
            if (b[k].answer == NULL || strcmp(b[k].answer, b[i].answer) != 0)
                continue;
            if (k < i)
                first = false;
            weight += b[k].weight;
        }
        if (!first)
            continue;
        if (best < 0 || weight > best_weight) {
            best = (int)i;
            best_weight = weight;
            *tied = false;
        } else if (weight == best_weight) {
            *tied = true;
        }
    }
    return best;
}
