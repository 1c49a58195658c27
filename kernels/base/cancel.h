/* cancel.h - one flag that asks long work to stop; set from a signal handler or another thread. */
#ifndef SPN_CANCEL_H
#define SPN_CANCEL_H
#include <stdbool.h>
#include <stddef.h>

struct spn_cancel {
    int wanted;
};

static inline void spn_cancel_set(struct spn_cancel *c)
{
    __atomic_store_n(&c->wanted, 1, __ATOMIC_RELAXED);
}

static inline bool spn_cancelled(struct spn_cancel *c)
{
    return c != NULL && __atomic_load_n(&c->wanted, __ATOMIC_RELAXED) != 0;
}

#endif
