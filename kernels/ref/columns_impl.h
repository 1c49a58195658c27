/* columns_impl.h - columns of rows: picked, joined, weighed by a vector; and relu squared. */

void REF(columns)(const struct spn_op_call *c)
{
    const struct k_columns_params *p = c->params;
    int64_t wide = c->in[0]->dim[1] / p->parts;
    const real *x = in_data(c, 0) + p->from;
    real *y = out_data(c, 0);

    for (int64_t i = 0; i < c->in[0]->dim[0] * p->parts; i++)
        memcpy(y + i * p->width, x + i * wide, (size_t)p->width * sizeof *y);
}

void REF(join)(const struct spn_op_call *c)
{
    const struct k_join_params *p = c->params;
    int64_t wide_a = c->in[0]->dim[1] / p->parts, wide_b = c->in[1]->dim[1] / p->parts_b;
    int64_t again = p->parts / p->parts_b;
    const real *a = in_data(c, 0), *b = in_data(c, 1);
    real *y = out_data(c, 0);

    for (int64_t i = 0; i < c->in[0]->dim[0] * p->parts; i++, y += wide_a + wide_b) {
        memcpy(y, a + i * wide_a, (size_t)wide_a * sizeof *y);
        memcpy(y + wide_a, b + i / again * wide_b, (size_t)wide_b * sizeof *y);
    }
}

void REF(add_vec)(const struct spn_op_call *c)
{
    int64_t n = c->in[0]->dim[1];
    const real *x = in_data(c, 0);
    real *y = out_data(c, 0);

    for (int64_t i = 0; i < c->in[0]->dim[0] * n; i++)
        y[i] = x[i] + vec_at(c->in[1], i % n);
}

void REF(mul_vec)(const struct spn_op_call *c)
{
    int64_t n = c->in[0]->dim[1];
    const real *x = in_data(c, 0);
    real *y = out_data(c, 0);

    for (int64_t i = 0; i < c->in[0]->dim[0] * n; i++)
        y[i] = x[i] * vec_at(c->in[1], i % n);
}

void REF(relu2)(const struct spn_op_call *c)
{
    const real *x = in_data(c, 0);
    real *y = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        y[i] = x[i] > 0 ? x[i] * x[i] : 0 * x[i]; /* a NaN stays one */
}
