/* fuzzy.h - which of many words somebody means who typed a few of their letters. */
#ifndef APP_SCREEN_FUZZY_H
#define APP_SCREEN_FUZZY_H
#include <stddef.h>
#include "base/buf.h"

/* How well WORD answers TYPED: -1 not at all; letters in order, best at the start and after a
   mark. "" fits all with 0. */
int fuzzy_score(const char *word, const char *typed);

struct fuzzy_item {
    char *word, *what;
    int score;
    size_t order;
};
struct fuzzy_list {
    struct fuzzy_item *item;
    size_t n;
};
/* Lines "WORD<tab>what it is": those that fit TYPED, best first, else in their order. */
void fuzzy_collect(struct fuzzy_list *l, const char *lines, const char *typed);
void fuzzy_free(struct fuzzy_list *l);
/* Append the files that begin like PATH, a line each, folders with "/". */
void fuzzy_paths(const char *path, struct spn_buf *out);

#endif
