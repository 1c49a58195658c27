/* steer.h - what a person asks of a reasoner while it runs: end one tree, add another. */
#ifndef SPINNEY_STEER_H
#define SPINNEY_STEER_H
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum spn_steer_kind { SPN_STEER_END_TREE, SPN_STEER_ADD_TREE };
struct spn_steer_wish {
    enum spn_steer_kind kind;
    int tree; /* to end, from 0 */
};

/* Member of a request. Reasoners that grow trees ask between two replies, from their own thread;
   others never ask. */
struct spn_steer {
    /* Take the next wish; false: none. */
    bool (*take)(void *ctx, struct spn_steer_wish *out);
    void *ctx;
};

#ifdef __cplusplus
}
#endif
#endif
