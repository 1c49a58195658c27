/* op_checks.c - run-time data is refused before an op reads it. */
#include "config.h"

#include <inttypes.h>

#include "tensor/op_params.h"
#include "tensor/ops.h"
#include "tensor/ops_impl.h"
#include "tensor/rows.h"

/* The run's rows, as many as the plan's symbol says. */
static spn_status rows_of(const struct spn_op_call *c, const char *op, const struct spn_rows **rows,
                          struct spn_err *err)
{
    const struct spn_rows *r = c->run->batch;

    if (r == NULL)
        return spn_fail(err, SPN_EINTERNAL, "%s: the run describes no rows", op);
    if (r->n != c->run->symbol[0])
        return spn_fail(err, SPN_EINTERNAL,
                        "%s: the run has %" PRId64 " rows and describes %" PRId64, op,
                        c->run->symbol[0], r->n);
    *rows = r;
    return SPN_OK;
}

static spn_status check_tokens(const struct spn_op_call *c, const struct spn_tensor *table,
                               const char *op, struct spn_err *err)
{
    const struct spn_rows *r = NULL;
    spn_status st = rows_of(c, op, &r, err);

    if (st != SPN_OK)
        return st;
    if (r->token == NULL && r->n > 0)
        return spn_fail(err, SPN_EINTERNAL, "%s: the run gives no tokens", op);
    for (int64_t i = 0; i < r->n; i++)
        if (r->token[i] < 0 || r->token[i] >= table->dim[0])
            return spn_fail(err, SPN_EFORMAT,
                            "%s: row %" PRId64 " is token %" PRId32 ", the vocabulary has %" PRId64,
                            op, i, r->token[i], table->dim[0]);
    return SPN_OK;
}

spn_status k_check_embed(const struct spn_op_call *c, struct spn_err *err)
{
    return check_tokens(c, c->in[0], "embed", err);
}

spn_status k_check_embed_pos(const struct spn_op_call *c, struct spn_err *err)
{
    const struct k_embed_pos_params *p = c->params;
    const struct spn_rows *r = NULL;
    spn_status st = rows_of(c, "embed_pos", &r, err);

    if (st == SPN_OK && r->pos == NULL && r->n > 0)
        return spn_fail(err, SPN_EINTERNAL, "embed_pos: the run gives no positions");
    for (int64_t i = 0; st == SPN_OK && i < r->n; i++)
        if (r->pos[i] < 0 || r->pos[i] + (int64_t)p->offset >= c->in[0]->dim[0])
            return spn_fail(err, SPN_EUSAGE,
                            "row %" PRId64 " has position %" PRId32 ", the model knows %" PRId64
                            " positions",
                            i, r->pos[i], c->in[0]->dim[0] - p->offset);
    return st;
}

spn_status k_check_embed_grad(const struct spn_op_call *c, struct spn_err *err)
{
    return check_tokens(c, c->in[1], "embed_grad", err);
}

spn_status k_check_rope_table(const struct spn_op_call *c, struct spn_err *err)
{
    const struct spn_rows *r = NULL;
    spn_status st = rows_of(c, "rope", &r, err);

    if (st == SPN_OK && r->pos == NULL && r->n > 0)
        return spn_fail(err, SPN_EINTERNAL, "rope: the run gives no positions");
    return st;
}

spn_status k_check_attention(const struct spn_op_call *c, struct spn_err *err)
{
    const struct spn_rows *r = c->run->batch;

    if (r == NULL && c->run->store == NULL)
        return SPN_OK; /* one text: every row sees all before it */
    if (r == NULL || r->n != c->in[0]->dim[0])
        return spn_fail(err, SPN_EINTERNAL,
                        "attention: %" PRId64 " rows, the run describes %" PRId64, c->in[0]->dim[0],
                        r != NULL ? r->n : 0);
    if (c->run->store != NULL && (r->pos == NULL || r->seq == NULL) && r->n > 0)
        return spn_fail(err, SPN_EINTERNAL,
                        "attention: a run with a store gives no positions or no sequences");
    for (int64_t i = 0; i < r->n; i++) {
        if (r->parent != NULL && (r->parent[i] < -1 || r->parent[i] >= i))
            return spn_fail(err, SPN_EUSAGE,
                            "attention: row %" PRId64 " has row %" PRId32 " as its parent", i,
                            r->parent[i]);
        if (c->run->store == NULL && r->first != NULL && (r->first[i] < 0 || r->first[i] > i))
            return spn_fail(err, SPN_EUSAGE,
                            "attention: row %" PRId64 " has row %" PRId32 " as its first", i,
                            r->first[i]);
    }
    return SPN_OK;
}

spn_status k_check_attention_grad(const struct spn_op_call *c, struct spn_err *err)
{
    if (c->run->store != NULL)
        return spn_fail(err, SPN_EUSAGE, "attention: a run with a store has no gradient");
    return k_check_attention(c, err);
}

spn_status k_check_take_rows(const struct spn_op_call *c, struct spn_err *err)
{
    const struct spn_rows *r = NULL;
    spn_status st = rows_of(c, "take_rows", &r, err);
    int64_t n_out = c->run->symbol[-1 - SPN_DIM_OUT];

    if (st != SPN_OK)
        return st;
    if ((r->out == NULL ? r->n : r->n_out) != n_out)
        return spn_fail(err, SPN_EINTERNAL,
                        "take_rows: the run wants %" PRId64 " rows and names %" PRId64, n_out,
                        r->out == NULL ? r->n : r->n_out);
    for (int64_t i = 0; r->out != NULL && i < n_out; i++)
        if (r->out[i] < 0 || r->out[i] >= r->n || (i > 0 && r->out[i] <= r->out[i - 1]))
            return spn_fail(err, SPN_EUSAGE,
                            "take_rows: row %" PRId32 " of %" PRId64 " is wanted at place %" PRId64,
                            r->out[i], r->n, i);
    return SPN_OK;
}

spn_status k_check_cross_entropy(const struct spn_op_call *c, struct spn_err *err)
{
    const int32_t *target = c->in[1]->data;
    int64_t rows = c->in[0]->dim[0], classes = c->in[0]->dim[1];

    for (int64_t i = 0; i < rows; i++) {
        double weight = c->in[2]->dtype == SPN_F64 ? ((const double *)c->in[2]->data)[i]
                                                   : ((const float *)c->in[2]->data)[i];

        if (weight != 0 && (target[i] < 0 || target[i] >= classes))
            return spn_fail(err, SPN_EFORMAT,
                            "cross_entropy: row %" PRId64 " has target %" PRId32
                            ", there are %" PRId64 " classes",
                            i, target[i], classes);
    }
    return SPN_OK;
}

/* A weight whose numbers were given up when it was packed serves only the packed product. */
static spn_status check_numbers(const struct spn_op_call *c, const char *op, struct spn_err *err)
{
    const struct spn_weight *w = c->weight[1];

    if (w == NULL || w->t.data != NULL)
        return SPN_OK;
    return spn_fail(err, SPN_EINTERNAL, "%s: %s is packed and its numbers are gone", op,
                    w->name != NULL ? w->name : "the weight");
}

spn_status k_check_matmul(const struct spn_op_call *c, struct spn_err *err)
{
    bool packed = c->out[0]->dtype == SPN_F32 && c->weight[1] != NULL && c->weight[1]->pack != NULL;

    return packed ? SPN_OK : check_numbers(c, "matmul", err);
}

spn_status k_check_matmul_dx(const struct spn_op_call *c, struct spn_err *err)
{
    return check_numbers(c, "matmul_dx", err);
}
