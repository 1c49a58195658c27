/* model_memory.h - what a model needs in memory, and the context that fits beside it. */
#ifndef APP_HOST_MODEL_MEMORY_H
#define APP_HOST_MODEL_MEMORY_H
#include <stdint.h>
#include "base/err.h"
#include "lm/model.h"

struct model_memory {
    uint64_t weights, token; /* bytes of the packed weights, and of one token's keys and values */
    uint64_t left;           /* free for this process */
    int64_t context;         /* the model's own */
    int64_t fits;            /* tokens that fit beside the weights, at most CONTEXT; 0: none */
};
/* LM may be opened without packing.  KV_BYTES: of one element of the cache, 4 or 2. */
void model_memory_of(struct model_memory *m, const struct spn_lm *lm, int kv_bytes);
/* Say before PATH is loaded for CTX tokens a sequence (0: what fits) what it takes, when that is
   much: one remark on stderr unless QUIET. SPN_ENOMEM with need and free when it is too much. A
   file that does not open is no error here: loading it says why. */
spn_status model_memory_check(const char *path, int64_t ctx, int kv_bytes, bool quiet,
                              struct spn_err *err);

#endif
