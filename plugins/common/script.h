/* script.h - an engine whose replies a function writes: for selftests and tests, where no model is.
 */
#ifndef PLUGINS_COMMON_SCRIPT_H
#define PLUGINS_COMMON_SCRIPT_H
#include <stdint.h>

#include "spinney/engine.h"

/* The reply to the last message's PROMPT; KEY is the call's random stream. Free with spn_free;
 * NULL: no memory. */
typedef char *(*reason_script_fn)(void *ctx, const char *prompt, uint64_t key);

enum reason_script_order { REASON_SCRIPT_FIRST, REASON_SCRIPT_LAST, REASON_SCRIPT_SHUFFLED };

struct reason_script { /* what a test may look at and set */
    reason_script_fn reply;
    void *ctx;
    enum reason_script_order order; /* in which waiting calls are answered */
    int64_t stop_after;             /* next() says SPN_ECANCEL after so many answers; 0: never */
    int64_t fail_at;                /* the answer of this number (from 1) is an error; 0: none */
    int64_t submitted, answered, cancelled, most_waiting;
};

const struct spn_engine_api *reason_script_api(void);
/* An engine over S, which outlives it; reason_script_api()->close frees it. NULL: no memory. */
struct spn_engine *reason_script_open(struct reason_script *s);

#endif
