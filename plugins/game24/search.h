/* search.h - exhaustive search over whole, non-negative results: for training data and tests, never
 * for the task or its rules. */
#ifndef GAME24_SEARCH_H
#define GAME24_SEARCH_H
#include <stdbool.h>
#include "rules.h"

#define MOVES_MAX 64

/* Every step of H with a whole, non-negative result, in a fixed order; returns how many (MOVES_MAX
 * at most). Needs 2..4 numbers. */
int search_moves(const struct hand *h, struct step moves[MOVES_MAX]);
/* The steps that come nearest to 24 (first found on ties), H.n - 1 of them; returns |24 - what they
 * give|. */
int64_t search_nearest(const struct hand *h, struct step *path);
bool search_solvable(const struct hand *h);

#endif
