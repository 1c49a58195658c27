/* model_facts.h - what a model file or folder is: from its header, and whether it would run here.
 */
#ifndef APP_HOST_MODEL_FACTS_H
#define APP_HOST_MODEL_FACTS_H
#include <stdbool.h>
#include <stdint.h>
#include "format/reader.h"

struct model_facts {
    char arch[64], type[32], chat[64], why_not[1100]; /* type: that of most of the weights' bytes */
    uint64_t params, bytes;
    int64_t ctx;
    uint64_t needs;   /* bytes in memory with all of its context; 0: not known */
    int64_t ctx_fits; /* tokens of context that fit into what is free */
    bool runs;        /* else WHY_NOT is a sentence */
};
/* Opened as for a run, but without packing weights: every shape and the tokenizer are checked. */
void model_facts_read(struct model_facts *f, const char *path);

#endif
