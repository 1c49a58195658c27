/* op_scratch.c - scratch bytes of each op at the largest rows of a plan. */
#include "config.h"

#include "tensor/op_attention.h"
#include "tensor/op_matmul.h"
#include "tensor/op_params.h"
#include "tensor/op_rope.h"
#include "tensor/ops_impl.h"
#include "tensor/product.h"

/* A row of a table as numbers of the plan's type, and as floats on the way there. */
static size_t row_bytes(const struct spn_tensor *table)
{
    return (size_t)table->dim[1] * (sizeof(double) + sizeof(float));
}

size_t k_scratch_embed(const struct spn_op_call *c)
{
    return row_bytes(c->in[0]);
}

size_t k_scratch_matmul(const struct spn_op_call *c)
{
    const struct spn_tensor *w = c->in[1];
    size_t n = row_bytes(w), panel = (size_t)w->dim[1] * K_PANEL_ROWS * sizeof(float);

    if (c->weight[1] != NULL && c->weight[1]->pack != NULL) {
        size_t packed = spn_product_scratch(c->weight[1]->pack, k_rows(c->in[0]));

        n = packed > n ? packed : n;
    }
    if (w->dtype != SPN_F32 && w->dtype != SPN_F64 && panel > n)
        n = panel;
    return n;
}

/* A partial sum of each K_ROW_BLOCK rows: the split is the same for any number of threads. */
size_t k_scratch_sum_rows(const struct spn_op_call *c)
{
    return (size_t)((k_rows(c->in[0]) + K_ROW_BLOCK - 1) / K_ROW_BLOCK * k_cols(c->in[0])) *
           sizeof(float);
}

/* Partial sums of the weight's gradient, and of the bias's. */
size_t k_scratch_norm_grad(const struct spn_op_call *c)
{
    int64_t blocks = (k_rows(c->in[0]) + K_ROW_BLOCK - 1) / K_ROW_BLOCK;

    return (size_t)(2 * blocks * c->in[1]->dim[0]) * sizeof(float);
}

/* The rows' examples and a number a row and head (op_attention.h); the reference keeps a list of
 * rows in the same place. */
size_t k_scratch_attention(const struct spn_op_call *c)
{
    const struct spn_attention *a = c->params;

    return (size_t)c->in[0]->dim[0] * (sizeof(struct k_example) + (size_t)a->heads * sizeof(float));
}

size_t k_scratch_rope_table(const struct spn_op_call *c)
{
    const struct spn_rope *r = &((const struct k_rope_params *)c->params)->rope;

    return (size_t)(r->n_rot / 2) * sizeof(double) + K_ROPE_SLOTS * sizeof(int32_t);
}
