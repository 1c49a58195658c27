/* plan_impl.h - what a plan is made of; for tensor/ and grad/ alone. */
#ifndef K_PLAN_IMPL_H
#define K_PLAN_IMPL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "tensor/plan.h"

enum k_value_kind { K_INPUT, K_WEIGHT, K_RESULT };

struct k_value {
    enum k_value_kind kind;
    const char *name;        /* of an input */
    struct spn_tensor shape; /* dims may be symbols; no data, no strides */
    struct spn_weight *weight;
    int record, out; /* what makes a result */
    bool pinned;     /* keeps its place for the whole run: inputs, outputs, streams */
};

struct k_record {
    const struct spn_op *op;
    int n_in;
    spn_val in[SPN_OP_IN_MAX], out[SPN_OP_OUT_MAX];
    _Alignas(16) unsigned char params[SPN_OP_PARAM_BYTES];
};

struct k_output {
    const char *name;
    spn_val v;
};

/* BLOCKER: the first record after the mark that reads an earlier value besides the stream
 * (BLOCKED); -1: none. */
struct k_mark {
    spn_val stream;
    int record, blocker;
    spn_val blocked;
};

struct k_tape; /* grad/tape.c */

struct spn_plan {
    struct spn_arena *arena; /* values, records, names */
    struct k_value **value;
    struct k_record **record;
    struct k_output *output;
    struct k_mark *mark;
    int n_value, n_record, n_output, n_mark;
    int room_value, room_record, room_output, room_mark;
    int float_dtype;
    bool finished;
    struct spn_err err;  /* code SPN_OK while nothing failed */
    struct k_tape *tape; /* set while spn_grad runs */
};

/* Bytes of V at these symbol values; false when they overflow or are no whole blocks. */
bool k_value_bytes(const struct k_value *v, const int64_t symbol[SPN_DIM_SYMBOLS], uint64_t *bytes);
/* V's shape with symbols replaced, contiguous, with no data. */
void k_value_view(const struct k_value *v, const int64_t symbol[SPN_DIM_SYMBOLS],
                  struct spn_tensor *view);

/* ---- places in one arena (place.c) ---- */
struct k_place {
    uint64_t bytes, offset;
    int first, last; /* records between which it is alive, both included */
};
/* Give every item an offset, a multiple of 64, so that items alive together do not overlap; *TOTAL
   is the arena's size. SPN_ENOMEM: the sum overflows or there is no memory to plan with. */
spn_status k_place_all(struct k_place *item, int n, uint64_t *total, struct spn_err *err);

#endif
