/* tape.c - reverse mode: records are visited from the loss to the front, each op's rule appends
 * what carries gradients back. */
#include "config.h"

#include "grad/tape.h"

#include "base/mem.h"
#include "tensor/op_params.h"
#include "tensor/ops.h"
#include "tensor/ops_impl.h"
#include "tensor/plan_impl.h"

/* Tables over the values that were there before the first gradient record. */
struct k_tape {
    int n_value;
    spn_val *grad; /* -1: nothing flows back yet */
    bool *needed;  /* the value depends on one of those that are asked for */
};

spn_val spn_tape_in(struct spn_plan *p, int record, int k)
{
    return k >= 0 && k < SPN_OP_IN_MAX ? p->record[record]->in[k] : -1;
}

spn_val spn_tape_out(struct spn_plan *p, int record, int k)
{
    return k >= 0 && k < SPN_OP_OUT_MAX ? p->record[record]->out[k] : -1;
}

spn_val spn_tape_grad_out(struct spn_plan *p, int record, int k)
{
    spn_val v = spn_tape_out(p, record, k);

    return v != -1 ? p->tape->grad[v] : -1;
}

int spn_tape_wants(struct spn_plan *p, int record, int k)
{
    spn_val v = spn_tape_in(p, record, k);

    return v != -1 && p->tape->needed[v];
}

void spn_tape_add(struct spn_plan *p, int record, int k, spn_val grad)
{
    spn_val v = spn_tape_in(p, record, k), *sum;

    if (v == -1 || grad == -1 || !p->tape->needed[v])
        return;
    sum = &p->tape->grad[v];
    *sum = *sum == -1 ? grad : spn_op_add(p, *sum, grad);
}

const void *spn_tape_params(struct spn_plan *p, int record)
{
    return p->record[record]->params;
}

/* A value is needed when it is asked for, or made from one that is. */
static void mark_needed(struct spn_plan *p, const spn_val *wrt, int n)
{
    for (int i = 0; i < n; i++)
        p->tape->needed[wrt[i]] = true;
    for (int r = 0; r < p->n_record; r++) {
        const struct k_record *rec = p->record[r];
        bool needed = false;

        for (int k = 0; k < rec->n_in; k++)
            needed = needed || (rec->in[k] != -1 && p->tape->needed[rec->in[k]]);
        for (int k = 0; k < rec->op->n_out; k++)
            p->tape->needed[rec->out[k]] = p->tape->needed[rec->out[k]] || needed;
    }
}

/* Does a gradient arrive at this record that one of its inputs needs? */
static bool carries(const struct spn_plan *p, const struct k_record *rec)
{
    bool arrives = false, needed = false;

    for (int k = 0; k < rec->op->n_out; k++)
        arrives = arrives || p->tape->grad[rec->out[k]] != -1;
    for (int k = 0; k < rec->n_in; k++)
        needed = needed || (rec->in[k] != -1 && p->tape->needed[rec->in[k]]);
    return arrives && needed;
}

static spn_status walk_back(struct spn_plan *p, spn_val loss, struct spn_err *err)
{
    struct k_const_params one = { 1 };

    p->tape->grad[loss] = spn_plan_op(p, &k_op_constant, NULL, 0, &one, sizeof one);
    for (int r = p->value[loss]->record; r >= 0; r--) {
        const struct k_record *rec = p->record[r];
        spn_status st;

        if (p->err.code != SPN_OK)
            return spn_plan_finish(p, err); /* hands out the first error */
        if (!carries(p, rec))
            continue;
        if (rec->op->grad == NULL)
            return spn_fail(err, SPN_EUSAGE, "grad: %s (record %d) has no gradient", rec->op->name,
                            r);
        st = rec->op->grad(p, r, err);
        if (st != SPN_OK)
            return st;
    }
    return p->err.code != SPN_OK ? spn_plan_finish(p, err) : SPN_OK;
}

static bool known(const struct spn_plan *p, spn_val v)
{
    return v >= 0 && v < p->n_value;
}

spn_status spn_grad(struct spn_plan *p, spn_val loss, const spn_val *wrt, int n, spn_val *grad,
                    struct spn_err *err)
{
    struct k_tape tape = { .n_value = p->n_value };
    spn_status st = SPN_OK;

    if (p->err.code != SPN_OK)
        return spn_plan_finish(p, err);
    if (!known(p, loss) || p->value[loss]->shape.ndim > 1 ||
        (p->value[loss]->shape.ndim == 1 && p->value[loss]->shape.dim[0] != 1))
        return spn_fail(err, SPN_EUSAGE, "grad: value %d is not one number", loss);
    for (int i = 0; i < n; i++)
        if (!known(p, wrt[i]))
            return spn_fail(err, SPN_EUSAGE, "grad: value %d of %d is asked for", wrt[i],
                            p->n_value);
    tape.grad = spn_calloc((size_t)p->n_value, sizeof *tape.grad);
    tape.needed = spn_calloc((size_t)p->n_value, sizeof *tape.needed);
    if (tape.grad == NULL || tape.needed == NULL) {
        st = spn_fail(err, SPN_ENOMEM, "grad: no memory for %d values", p->n_value);
    } else {
        for (int i = 0; i < p->n_value; i++)
            tape.grad[i] = -1;
        p->tape = &tape;
        mark_needed(p, wrt, n);
        st = walk_back(p, loss, err);
        p->tape = NULL;
    }
    for (int i = 0; i < n && st == SPN_OK; i++)
        grad[i] = tape.grad[wrt[i]];
    spn_free(tape.grad);
    spn_free(tape.needed);
    return st;
}
