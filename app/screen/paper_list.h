/* paper_list.h - the rows of share/papers/papers.jsonl, for the palette. */
#ifndef APP_SCREEN_PAPER_LIST_H
#define APP_SCREEN_PAPER_LIST_H
#include <jansson.h>

/* Call TAKE for each paper (lent); a missing file or a wrong line is no paper. */
void papers_each(void (*take)(void *ctx, const json_t *paper), void *ctx);

#endif
