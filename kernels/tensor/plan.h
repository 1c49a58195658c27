/* plan.h - a forward pass as a list of op records over values; what a back end executes and grad/
 * appends to.
 *
 * A model's forward is run once per (model, use) to record a plan.  Rows, positions and page tables
 * are run-time data: a dimension may be a symbol bound at each run.  Temporaries live in one arena
 * whose size is known before the first run; a run allocates nothing.
 */
#ifndef SPN_PLAN_H
#define SPN_PLAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"
#include "tensor/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Symbolic dimensions: a value's dim may be one of these instead of a number. */
enum {
    SPN_DIM_ROWS = -1, /* rows of the batch: tokens of all sequences together */
    SPN_DIM_OUT = -2,  /* rows whose output is wanted (logits) */
    SPN_DIM_KEYS = -3, /* rows of a second stream (cross attention, encoder) */
    SPN_DIM_SYMBOLS = 3
};

#define SPN_OP_IN_MAX      8
#define SPN_OP_OUT_MAX     4
#define SPN_OP_PARAM_BYTES 96

typedef int spn_val; /* a value of a plan; -1: none */

/* A weight: a tensor with a name, and beside it what a back end made of it (packed tiles). Owned by
 * its model. */
struct spn_pack; /* product.h */
struct spn_weight {
    const char *name;
    struct spn_tensor t;
    struct spn_pack *pack; /* NULL: products run on T itself */
};

struct spn_plan;
struct spn_run;

/* What an op sees when it runs: resolved views, its parameters, and the run. */
struct spn_op_call {
    const struct spn_tensor *in[SPN_OP_IN_MAX];     /* NULL: this input is absent */
    const struct spn_weight *weight[SPN_OP_IN_MAX]; /* set where the input is a weight */
    struct spn_tensor *out[SPN_OP_OUT_MAX];
    const void *params; /* the op's own struct, SPN_OP_PARAM_BYTES at most */
    const struct spn_run *run;
    void *scratch; /* as many bytes as the op's scratch rule asked for */
    /* The record before had the same first input and left its scratch (see shares). */
    bool prepared;
};
typedef void (*spn_op_fn)(const struct spn_op_call *c);

/* Shapes (symbols allowed) of inputs in, of outputs out. */
struct spn_op_shapes {
    int n_in;
    bool has_in[SPN_OP_IN_MAX];
    struct spn_tensor in[SPN_OP_IN_MAX]; /* data is NULL; dims may be symbols */
    struct spn_tensor out[SPN_OP_OUT_MAX];
    int float_dtype; /* of the plan's own values: SPN_F32 or SPN_F64 */
};

/* One kind of op.  The table of the core's own is tensor/ops.h; a plugin may register more
 * (spn_op_register). */
struct spn_op {
    const char *name;
    int n_out;
    spn_status (*shape)(struct spn_op_shapes *s, const void *params, struct spn_err *err);
    size_t (*scratch)(const struct spn_op_call *c); /* at the largest bound; NULL: none */
    spn_op_fn ref_f32, ref_f64;                     /* plain C, always there */
    spn_op_fn fast[3]; /* by enum spn_isa; NULL: falls back towards ref_f32 */
    /* Append the records that give the gradients of the inputs from those of the outputs; see
     * grad/tape.h. NULL: not differentiable. */
    spn_status (*grad)(struct spn_plan *p, int record, struct spn_err *err);
    /* Refuse run-time data before the op reads it (a token id past the table, a missing position);
     * NULL: nothing to check. */
    spn_status (*check)(const struct spn_op_call *c, struct spn_err *err);
    /* What an op makes of its first input in its scratch serves the next record too, when that has
       the same op and input and this says so of the two (shapes are bound); NULL: never. */
    bool (*shares)(const struct spn_op_call *a, const struct spn_op_call *b);
    /* The result follows from parameters, weights and the run's rows: records that agree in them
       are made once a run and have one place. */
    bool once;
};

/* ---- building ---- */
struct spn_plan *spn_plan_new(
    int float_dtype); /* SPN_F32, or SPN_F64 for gradient checks; NULL: no memory */
void spn_plan_free(struct spn_plan *p); /* NULL is fine */
/* The builders return -1 once something failed; the first error is kept, spn_plan_finish returns
 * it. */
spn_val spn_plan_input(struct spn_plan *p, const char *name, int dtype, int ndim,
                       const int64_t *dim);
spn_val spn_plan_weight(
    struct spn_plan *p,
    struct spn_weight *w); /* W outlives the plan; the same W gives the same value */
spn_val spn_plan_op(struct spn_plan *p, const struct spn_op *op, const spn_val *in, int n_in,
                    const void *params, size_t params_bytes);
spn_val spn_plan_op_out(struct spn_plan *p, spn_val first,
                        int k); /* the Kth output of the record that made FIRST */
void spn_plan_output(struct spn_plan *p, const char *name,
                     spn_val v); /* kept until the run ends, readable by name */
/* A layer boundary: everything after it needs, of what came before, only STREAM (and weights and
   inputs). Returns its number, from 0. A run may end at any mark; it may start at one only if that
   holds, else spn_exec_run says which record reads what. */
int spn_plan_mark(struct spn_plan *p, spn_val stream);
spn_status spn_plan_finish(struct spn_plan *p, struct spn_err *err);
int spn_plan_marks(const struct spn_plan *p);
int spn_plan_records(const struct spn_plan *p);
const struct spn_tensor *spn_plan_shape(const struct spn_plan *p,
                                        spn_val v); /* dims may be symbols */

/* ---- running ---- */
/* Run-time data.  Ops of the language runtime read `batch` and `stores` (lm/), others do not touch
 * them. */
struct spn_run {
    struct spn_pool *pool;
    int64_t symbol[SPN_DIM_SYMBOLS]; /* ROWS, OUT, KEYS of this run: symbol[-1 - SPN_DIM_x] */
    const void *batch;               /* struct spn_rows (rows.h) */
    void *store; /* sequence memory, lm/store.h; NULL: rows attend to each other */
    void *user;  /* for a hook */
};

struct spn_exec;
/* Plan the arena for at most these symbol values and choose each op's version for the instruction
   set in use.  P is finished, is not changed and outlives E; several E may share it.  SPN_ENOMEM
   names the bytes wanted and the bytes free. */
spn_status spn_exec_new(struct spn_exec **out, struct spn_plan *p,
                        const int64_t symbol_max[SPN_DIM_SYMBOLS], struct spn_err *err);
void spn_exec_free(struct spn_exec *e);
uint64_t spn_exec_bytes(const struct spn_exec *e); /* arena and tables: all it takes */
/* Views of an input to fill before a run, of an output (or marked stream) to read after it: dims
   resolved for RUN. Inputs, outputs and marked streams have places of their own, so they stay as
   they are until something writes them. */
spn_status spn_exec_input(struct spn_exec *e, const struct spn_run *run, const char *name,
                          struct spn_tensor *view, struct spn_err *err);
spn_status spn_exec_output(struct spn_exec *e, const struct spn_run *run, const char *name,
                           struct spn_tensor *view, struct spn_err *err);
spn_status spn_exec_stream(struct spn_exec *e, const struct spn_run *run, int mark,
                           struct spn_tensor *view, struct spn_err *err);
/* SECONDS [spn_plan_records], lent until the next call, gets what each record of a run took; NULL:
   no clock is read. */
void spn_exec_clock(struct spn_exec *e, double *seconds);
/* Execute from one mark to another: -1 begin, spn_plan_marks() end.  To start at mark m > -1, fill
 * its stream first. */
spn_status spn_exec_run(struct spn_exec *e, const struct spn_run *run, int from_mark, int to_mark,
                        struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
