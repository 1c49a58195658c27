/* plan.c - building a plan: values, records, marks. */
#include "config.h"

#include "tensor/plan.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "tensor/ops.h"
#include "tensor/plan_impl.h"

#define PLAN_CEILING_BYTES ((size_t)256 << 20) /* some 500 000 records */

struct spn_plan *spn_plan_new(int float_dtype)
{
    struct spn_plan *p;

    if (float_dtype != SPN_F32 && float_dtype != SPN_F64)
        return NULL;
    p = spn_calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->float_dtype = float_dtype;
    p->arena = spn_arena_new(PLAN_CEILING_BYTES);
    if (p->arena == NULL) {
        spn_free(p);
        return NULL;
    }
    return p;
}

void spn_plan_free(struct spn_plan *p)
{
    if (p == NULL)
        return;
    spn_free(p->value);
    spn_free(p->record);
    spn_free(p->output);
    spn_free(p->mark);
    spn_arena_free(p->arena);
    spn_free(p);
}

/* True while building may go on; a finished plan refuses more. */
static bool building(struct spn_plan *p, const char *what)
{
    if (p->err.code != SPN_OK)
        return false;
    if (p->finished) {
        spn_fail(&p->err, SPN_EINTERNAL, "plan: %s after spn_plan_finish", what);
        return false;
    }
    return true;
}

/* Room for one more item of SIZE bytes in *ITEMS. */
static bool grow(struct spn_plan *p, void *items, int n, int *room, size_t size)
{
    void **at = items, *larger;
    int want = *room < 16 ? 16 : *room * 2;

    if (n < *room)
        return true;
    larger = *room > INT32_MAX / 2 ? NULL : spn_realloc(*at, (size_t)want, size);
    if (larger == NULL) {
        spn_fail(&p->err, SPN_ENOMEM, "plan: no memory for %d items", want);
        return false;
    }
    *at = larger;
    *room = want;
    return true;
}

static const char *keep_name(struct spn_plan *p, const char *name)
{
    char *kept = spn_arena_strndup(p->arena, name, strlen(name));

    if (kept == NULL)
        spn_fail(&p->err, SPN_ENOMEM, "plan: no memory for the name %s", name);
    return kept;
}

/* Only sizes and kinds that a run can resolve. */
static bool shape_ok(struct spn_plan *p, const char *what, const struct spn_tensor *t)
{
    if (spn_dtype_info(t->dtype) == NULL) {
        spn_fail(&p->err, SPN_EFORMAT, "plan: %s has the unknown type %d", what, t->dtype);
        return false;
    }
    if (t->ndim < 0 || t->ndim > SPN_DIMS_MAX) {
        spn_fail(&p->err, SPN_EFORMAT, "plan: %s has %d dimensions, 0 to %d are possible", what,
                 t->ndim, SPN_DIMS_MAX);
        return false;
    }
    for (int i = 0; i < t->ndim; i++) {
        if (t->dim[i] < -SPN_DIM_SYMBOLS) {
            spn_fail(&p->err, SPN_EFORMAT, "plan: dimension %d of %s is %" PRId64, i, what,
                     t->dim[i]);
            return false;
        }
    }
    return true;
}

static spn_val add_value(struct spn_plan *p, const struct k_value *v)
{
    struct k_value *kept;

    if (!grow(p, &p->value, p->n_value, &p->room_value, sizeof *p->value))
        return -1;
    kept = spn_arena_alloc(p->arena, 1, sizeof *kept);
    if (kept == NULL) {
        spn_fail(&p->err, SPN_ENOMEM, "plan: no memory for value %d", p->n_value);
        return -1;
    }
    *kept = *v;
    kept->shape.data = NULL;
    p->value[p->n_value] = kept;
    return p->n_value++;
}

spn_val spn_plan_input(struct spn_plan *p, const char *name, int dtype, int ndim,
                       const int64_t *dim)
{
    struct k_value v = { .kind = K_INPUT, .record = -1, .pinned = true };

    if (!building(p, "an input"))
        return -1;
    for (int i = 0; i < p->n_value; i++) {
        if (p->value[i]->kind == K_INPUT && strcmp(p->value[i]->name, name) == 0) {
            spn_fail(&p->err, SPN_EINTERNAL, "plan: two inputs are named %s", name);
            return -1;
        }
    }
    v.shape.dtype = dtype;
    v.shape.ndim = ndim;
    for (int i = 0; i < ndim && i < SPN_DIMS_MAX; i++)
        v.shape.dim[i] = dim[i];
    if (!shape_ok(p, name, &v.shape))
        return -1;
    v.name = keep_name(p, name);
    return v.name != NULL ? add_value(p, &v) : -1;
}

spn_val spn_plan_weight(struct spn_plan *p, struct spn_weight *w)
{
    struct k_value v = { .kind = K_WEIGHT, .weight = w, .record = -1 };
    const char *name = w->name != NULL ? w->name : "a weight";

    if (!building(p, "a weight"))
        return -1;
    for (int i = 0; i < p->n_value; i++)
        if (p->value[i]->weight == w)
            return i;
    v.shape = w->t;
    if (!shape_ok(p, name, &v.shape))
        return -1;
    for (int i = 0; i < w->t.ndim; i++) {
        if (w->t.dim[i] < 0) {
            spn_fail(&p->err, SPN_EFORMAT, "plan: dimension %d of %s is %" PRId64, i, name,
                     w->t.dim[i]);
            return -1;
        }
    }
    if (w->t.data == NULL && w->pack == NULL) {
        spn_fail(&p->err, SPN_EINTERNAL, "plan: %s has no numbers", name);
        return -1;
    }
    if (!spn_tensor_contiguous(&w->t)) {
        spn_fail(&p->err, SPN_EFORMAT, "plan: %s is not contiguous", name);
        return -1;
    }
    return add_value(p, &v);
}

static bool known(const struct spn_plan *p, spn_val v)
{
    return v >= 0 && v < p->n_value;
}

/* The shapes of inputs IN, for the op's rule. */
static bool gather_shapes(struct spn_plan *p, const struct spn_op *op, const spn_val *in, int n_in,
                          struct spn_op_shapes *s)
{
    if (n_in < 0 || n_in > SPN_OP_IN_MAX || op->n_out < 1 || op->n_out > SPN_OP_OUT_MAX) {
        spn_fail(&p->err, SPN_EINTERNAL,
                 "%s: %d inputs and %d outputs, at most %d and %d are possible", op->name, n_in,
                 op->n_out, SPN_OP_IN_MAX, SPN_OP_OUT_MAX);
        return false;
    }
    s->n_in = n_in;
    s->float_dtype = p->float_dtype;
    for (int i = 0; i < n_in; i++) {
        if (in[i] != -1 && !known(p, in[i])) {
            spn_fail(&p->err, SPN_EINTERNAL, "%s: input %d is value %d of %d", op->name, i, in[i],
                     p->n_value);
            return false;
        }
        s->has_in[i] = in[i] != -1;
        if (s->has_in[i])
            s->in[i] = p->value[in[i]]->shape;
    }
    return true;
}

spn_val spn_plan_op(struct spn_plan *p, const struct spn_op *op, const spn_val *in, int n_in,
                    const void *params, size_t params_bytes)
{
    struct spn_op_shapes s = { 0 };
    struct k_record *r;
    spn_status st;

    if (!building(p, op->name) || !gather_shapes(p, op, in, n_in, &s))
        return -1;
    if (params_bytes > SPN_OP_PARAM_BYTES) {
        spn_fail(&p->err, SPN_EINTERNAL, "%s: %zu bytes of parameters, at most %d are possible",
                 op->name, params_bytes, SPN_OP_PARAM_BYTES);
        return -1;
    }
    st = op->shape(&s, params, &p->err);
    if (st != SPN_OK) {
        p->err.code = st;
        return -1;
    }
    if (!grow(p, &p->record, p->n_record, &p->room_record, sizeof *p->record))
        return -1;
    r = spn_arena_alloc(p->arena, 1, sizeof *r);
    if (r == NULL) {
        spn_fail(&p->err, SPN_ENOMEM, "plan: no memory for record %d", p->n_record);
        return -1;
    }
    r->op = op;
    r->n_in = n_in;
    for (int i = 0; i < SPN_OP_IN_MAX; i++)
        r->in[i] = i < n_in ? in[i] : -1;
    if (params_bytes > 0)
        memcpy(r->params, params, params_bytes);
    for (int i = 0; i < SPN_OP_OUT_MAX; i++) {
        struct k_value v = { .kind = K_RESULT, .shape = s.out[i], .record = p->n_record, .out = i };

        r->out[i] = -1;
        if (i < op->n_out &&
            (!shape_ok(p, op->name, &v.shape) || (r->out[i] = add_value(p, &v)) == -1))
            return -1;
    }
    p->record[p->n_record++] = r;
    return r->out[0];
}

spn_val spn_plan_op_out(struct spn_plan *p, spn_val first, int k)
{
    const struct k_record *r;

    if (p->err.code != SPN_OK)
        return -1;
    if (!known(p, first) || p->value[first]->kind != K_RESULT) {
        spn_fail(&p->err, SPN_EINTERNAL, "plan: value %d is made by no record", first);
        return -1;
    }
    r = p->record[p->value[first]->record];
    if (k < 0 || k >= r->op->n_out) {
        spn_fail(&p->err, SPN_EINTERNAL, "%s: output %d is asked for, it has %d", r->op->name, k,
                 r->op->n_out);
        return -1;
    }
    return r->out[k];
}

void spn_plan_output(struct spn_plan *p, const char *name, spn_val v)
{
    const char *kept;

    if (!building(p, "an output"))
        return;
    if (!known(p, v) || p->value[v]->kind == K_WEIGHT) {
        spn_fail(&p->err, SPN_EINTERNAL, "plan: output %s is value %d, which no record makes", name,
                 v);
        return;
    }
    for (int i = 0; i < p->n_output; i++) {
        if (strcmp(p->output[i].name, name) == 0) {
            spn_fail(&p->err, SPN_EINTERNAL, "plan: two outputs are named %s", name);
            return;
        }
    }
    kept = keep_name(p, name);
    if (kept == NULL || !grow(p, &p->output, p->n_output, &p->room_output, sizeof *p->output))
        return;
    p->output[p->n_output++] = (struct k_output){ kept, v };
    p->value[v]->pinned = true;
}

int spn_plan_mark(struct spn_plan *p, spn_val stream)
{
    if (!building(p, "a mark"))
        return -1;
    if (!known(p, stream) || p->value[stream]->kind == K_WEIGHT) {
        spn_fail(&p->err, SPN_EINTERNAL,
                 "plan: mark %d has value %d as its stream, which no record makes", p->n_mark,
                 stream);
        return -1;
    }
    if (!grow(p, &p->mark, p->n_mark, &p->room_mark, sizeof *p->mark))
        return -1;
    p->mark[p->n_mark] = (struct k_mark){ stream, p->n_record, -1, -1 };
    p->value[stream]->pinned = true;
    return p->n_mark++;
}

/* Which values does a run from this mark miss? */
static void find_blocker(const struct spn_plan *p, struct k_mark *m)
{
    for (int r = m->record; r < p->n_record; r++) {
        for (int k = 0; k < p->record[r]->n_in; k++) {
            spn_val v = p->record[r]->in[k];

            if (v == -1 || v == m->stream || p->value[v]->kind != K_RESULT ||
                p->value[v]->record >= m->record)
                continue;
            m->blocker = r;
            m->blocked = v;
            return;
        }
    }
}

spn_status spn_plan_finish(struct spn_plan *p, struct spn_err *err)
{
    if (p->err.code == SPN_OK && !p->finished) {
        for (int i = 0; i < p->n_mark; i++)
            find_blocker(p, &p->mark[i]);
        p->finished = true;
    }
    if (p->err.code != SPN_OK && err != NULL)
        *err = p->err;
    return p->err.code;
}

int spn_plan_marks(const struct spn_plan *p)
{
    return p->n_mark;
}

int spn_plan_records(const struct spn_plan *p)
{
    return p->n_record;
}

const struct spn_tensor *spn_plan_shape(const struct spn_plan *p, spn_val v)
{
    return known(p, v) ? &p->value[v]->shape : NULL;
}

void k_value_view(const struct k_value *v, const int64_t symbol[SPN_DIM_SYMBOLS],
                  struct spn_tensor *view)
{
    int64_t stride = 1;

    *view = v->shape;
    for (int i = view->ndim - 1; i >= 0; i--) {
        if (view->dim[i] < 0)
            view->dim[i] = symbol[-1 - view->dim[i]];
        view->stride[i] = stride;
        stride *= view->dim[i]; /* k_value_bytes has checked the largest symbols */
    }
}

bool k_value_bytes(const struct k_value *v, const int64_t symbol[SPN_DIM_SYMBOLS], uint64_t *bytes)
{
    struct spn_tensor t;
    int64_t dim[SPN_DIMS_MAX] = { 0 };

    for (int i = 0; i < v->shape.ndim; i++)
        dim[i] = v->shape.dim[i] < 0 ? symbol[-1 - v->shape.dim[i]] : v->shape.dim[i];
    if (spn_tensor_init(&t, v->shape.dtype, v->shape.ndim, dim, NULL, NULL) != SPN_OK)
        return false;
    *bytes = spn_tensor_bytes(&t);
    return true;
}
