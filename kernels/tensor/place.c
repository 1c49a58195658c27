/* place.c - offsets in one arena for blocks with known lifetimes: the largest first, each in the
 * lowest gap that is free while it lives (greedy by size, as in Pisarchyk and Lee 2020). */
#include "config.h"

#include <stdlib.h>

#include "base/arith.h"
#include "tensor/plan_impl.h"

#define ALIGN_BYTES 64

static int by_size(const void *a, const void *b)
{
    const struct k_place *const *x = a, *const *y = b;

    if ((*x)->bytes != (*y)->bytes)
        return (*x)->bytes < (*y)->bytes ? 1 : -1;
    return *x < *y ? -1 : *x > *y; /* a total order: the same plan gives the same places */
}

spn_status k_place_all(struct k_place *item, int n, uint64_t *total, struct spn_err *err)
{
    struct k_place **order = spn_calloc((size_t)n + 1, sizeof *order);
    struct k_place **placed = spn_calloc((size_t)n + 1, sizeof *placed); /* by offset */
    uint64_t end = 0;
    spn_status st = SPN_OK;

    if (order == NULL || placed == NULL) {
        st = spn_fail(err, SPN_ENOMEM, "plan: no memory to place %d values", n);
        n = 0;
    }
    for (int i = 0; i < n; i++)
        order[i] = &item[i];
    if (n > 0)
        qsort(order, (size_t)n, sizeof *order, by_size);
    for (int i = 0; i < n && st == SPN_OK; i++) {
        struct k_place *it = order[i];
        uint64_t size, at = 0, stop;
        int slot;

        if (!spn_align_u64(it->bytes, ALIGN_BYTES, &size)) {
            st = spn_fail(err, SPN_ENOMEM, "plan: a value of %llu bytes",
                          (unsigned long long)it->bytes);
            break;
        }
        for (int k = 0; k < i; k++) {
            const struct k_place *o = placed[k];

            if (o->last < it->first || o->first > it->last)
                continue;
            if (o->offset >= at && o->offset - at >= size)
                break;
            if (o->offset + o->bytes > at) /* both were checked when it was placed */
                at = (o->offset + o->bytes + ALIGN_BYTES - 1) & ~(uint64_t)(ALIGN_BYTES - 1);
        }
        if (!spn_add_u64(at, size, &stop) || stop > INT64_MAX) {
            st = spn_fail(err, SPN_ENOMEM, "plan: the values together take more than %llu bytes",
                          (unsigned long long)INT64_MAX);
            break;
        }
        it->offset = at;
        if (stop > end)
            end = stop;
        for (slot = i; slot > 0 && placed[slot - 1]->offset > at; slot--)
            placed[slot] = placed[slot - 1];
        placed[slot] = it;
    }
    if (st == SPN_OK)
        *total = end;
    spn_free(order);
    spn_free(placed);
    return st;
}
