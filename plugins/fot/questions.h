/* questions.h - questions of a file: a column of a CSV, JSON Lines, or one a line. */
#ifndef FOT_QUESTIONS_H
#define FOT_QUESTIONS_H
#include <stddef.h>

#include "base/err.h"

struct questions {
    char **item;
    char **gold; /* true answers, NULL where a file has none; never shown to a reasoner */
    size_t n, room;
};
/* CSV: the column called Puzzles, question or prompt (its first line names the columns; quotes are
   understood). JSON Lines: the key question, prompt or problem, and the true answer under answer.
   Else each line that is not blank. LIMIT > 0: the first LIMIT alone. SPN_EFORMAT names the line.
 */
spn_status questions_read(struct questions *q, const char *path, size_t limit, struct spn_err *err);
/* One more; GOLD may be NULL. */
spn_status questions_add(struct questions *q, const char *text, const char *gold,
                         struct spn_err *err);
void questions_free(struct questions *q);

#endif
