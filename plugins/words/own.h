/* own.h - what a model answered to problems of training: judged, they teach it to judge itself. */
#ifndef WORDS_OWN_H
#define WORDS_OWN_H
#include <stddef.h>

#include "base/err.h"
#include "faults.h"

struct own_answer {
    struct problem problem;
    char *text;
    struct verdict verdict;
};
struct own {
    struct own_answer *item; /* right ones first */
    size_t n, n_right;
};
/* PATH: JSON Lines as `spinney chat --json` writes them for the questions that `spinney data words`
   printed, whose stream KEY is: "id", the number of the question, and "text". SPN_EFORMAT names the
   line, or that not both kinds are there. */
spn_status own_load(struct own *o, const char *path, uint64_t key, struct spn_err *err);
void own_free(struct own *o); /* twice is fine */

#endif
