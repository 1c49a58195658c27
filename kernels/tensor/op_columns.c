/* op_columns.c - shape rules of the ops that pick, join and weigh columns of rows. */
#include "config.h"

#include <inttypes.h>

#include "tensor/op_params.h"
#include "tensor/ops_impl.h"

/* Input K is rows of the plan's float type. */
static spn_status need_rows(const struct spn_op_shapes *s, int k, const char *op,
                            struct spn_err *err)
{
    if (k >= s->n_in || !s->has_in[k])
        return spn_fail(err, SPN_EINTERNAL, "%s: input %d is missing", op, k);
    if (s->in[k].dtype != s->float_dtype || s->in[k].ndim != 2 || s->in[k].dim[1] < 1 ||
        s->in[k].dim[0] != s->in[0].dim[0])
        return spn_fail(err, SPN_EFORMAT, "%s: input %d is not as many rows of the plan's type", op,
                        k);
    return SPN_OK;
}

static void rows_out(struct spn_op_shapes *s, int64_t cols)
{
    s->out[0] =
        (struct spn_tensor){ .dtype = s->float_dtype, .ndim = 2, .dim = { s->in[0].dim[0], cols } };
}

spn_status k_shape_columns(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct k_columns_params *p = params;
    spn_status st = need_rows(s, 0, "columns", err);
    int64_t part;

    if (st != SPN_OK)
        return st;
    part = p->parts > 0 && s->in[0].dim[1] % p->parts == 0 ? s->in[0].dim[1] / p->parts : 0;
    if (p->from < 0 || p->width < 1 || p->width > part || p->from > part - p->width)
        return spn_fail(err, SPN_EFORMAT,
                        "columns: %" PRId64 " from %" PRId64 " of each of %d parts of %" PRId64,
                        p->width, p->from, p->parts, s->in[0].dim[1]);
    rows_out(s, p->parts * p->width);
    return SPN_OK;
}

spn_status k_shape_join(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct k_join_params *p = params;
    spn_status st = need_rows(s, 0, "join", err);

    if (st == SPN_OK)
        st = need_rows(s, 1, "join", err);
    if (st != SPN_OK)
        return st;
    if (p->parts < 1 || (p->parts_b != p->parts && p->parts_b != 1) ||
        s->in[0].dim[1] % p->parts != 0 || s->in[1].dim[1] % p->parts_b != 0)
        return spn_fail(err, SPN_EFORMAT,
                        "join: %d parts of %" PRId64 " with %d of %" PRId64 " numbers", p->parts,
                        s->in[0].dim[1], p->parts_b, s->in[1].dim[1]);
    rows_out(s, s->in[0].dim[1] + s->in[1].dim[1] / p->parts_b * p->parts);
    return SPN_OK;
}

static spn_status by_vector(struct spn_op_shapes *s, const char *op, struct spn_err *err)
{
    spn_status st = need_rows(s, 0, op, err);

    if (st != SPN_OK)
        return st;
    if (s->n_in < 2 || !s->has_in[1] || s->in[1].ndim != 1 || s->in[1].dim[0] != s->in[0].dim[1] ||
        (s->in[1].dtype != SPN_F32 && s->in[1].dtype != s->float_dtype))
        return spn_fail(err, SPN_EFORMAT, "%s: the vector has not %" PRId64 " floats", op,
                        s->in[0].dim[1]);
    rows_out(s, s->in[0].dim[1]);
    return SPN_OK;
}

spn_status k_shape_add_vec(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    (void)params;
    return by_vector(s, "add_vec", err);
}

spn_status k_shape_mul_vec(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    (void)params;
    return by_vector(s, "mul_vec", err);
}

spn_status k_shape_relu2(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    spn_status st = need_rows(s, 0, "relu2", err);

    (void)params;
    if (st == SPN_OK)
        rows_out(s, s->in[0].dim[1]);
    return st;
}
