/* bank.h - a small bank of worked examples, ordered by likeness to a question: the input
   augmentation of later trees. */
#ifndef FOT_BANK_H
#define FOT_BANK_H
#include <stddef.h>

#include "base/err.h"

struct bank_example {
    char *question, *answer;
    double likeness; /* to the question the bank was last sorted for */
};
struct bank {
    struct bank_example *item;
    size_t n;
};

/* JSON Lines with "question" and "answer". SPN_EFORMAT names the line. */
spn_status bank_load(struct bank *b, const char *path, struct spn_err *err);
void bank_free(struct bank *b); /* a zeroed one is fine */
/* Cosine of the TF-IDF vectors of two texts; document frequencies are those of the bank's questions
   (with QUESTION counted as one more). Most alike first, equal ones as in the file. */
spn_status bank_sort(struct bank *b, const char *question, struct spn_err *err);

#endif
