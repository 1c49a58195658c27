/* op_heads.c - each head's own matrix: a product a head, on the head's part of every row. */
#include "config.h"

#include "tensor/op_params.h"
#include "tensor/ops_impl.h"
#include "tensor/product.h"

static const struct spn_heads *heads_of(const struct spn_op_call *c)
{
    return ((const struct k_heads_params *)c->params)->h;
}

spn_status k_shape_heads(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    const struct spn_heads *h = ((const struct k_heads_params *)params)->h;

    if (s->float_dtype != SPN_F32)
        return spn_fail(err, SPN_EINTERNAL, "heads: they run in f32 only");
    if (s->n_in < 1 || !s->has_in[0] || s->in[0].dtype != SPN_F32 || s->in[0].ndim != 2 ||
        h->n < 1 || s->in[0].dim[1] != h->n * h->cols)
        return spn_fail(err, SPN_EFORMAT, "heads: x is not rows of %d heads of %lld", h->n,
                        (long long)h->cols);
    s->out[0] = s->in[0];
    s->out[0].dim[1] = h->n * h->rows;
    return SPN_OK;
}

size_t k_scratch_heads(const struct spn_op_call *c)
{
    const struct spn_heads *h = heads_of(c);
    size_t most = 0;

    for (int i = 0; i < h->n; i++) {
        size_t n = h->w[i].pack != NULL ? spn_product_scratch(h->w[i].pack, c->in[0]->dim[0]) : 0;

        most = n > most ? n : most;
    }
    return most;
}

void k_heads(const struct spn_op_call *c)
{
    const struct spn_heads *h = heads_of(c);
    const float *x = c->in[0]->data;
    float *y = c->out[0]->data;
    int64_t rows = c->in[0]->dim[0];

    for (int i = 0; i < h->n; i++) {
        const struct spn_weight *w = &h->w[i];

        if (w->pack != NULL)
            spn_product(w->pack, x + i * h->cols, h->n * h->cols, rows, NULL, y + i * h->rows,
                        h->n * h->rows, c->scratch, c->run->pool);
        else
            spn_product_ref(&w->t, SPN_ACT_F32, x + i * h->cols, h->n * h->cols, rows, NULL,
                            y + i * h->rows, h->n * h->rows);
    }
}
