/* matmul_impl.h - products with a weight [n, k] of any type, row by row of the weight. */

/* y [R, n] = x [R, k] W^T + bias. */
void REF(matmul)(const struct spn_op_call *c)
{
    const struct spn_tensor *w = c->in[1];
    int64_t rows = k_rows(c->in[0]), n = w->dim[0], k = w->dim[1];
    const real *x = in_data(c, 0);
    real *y = out_data(c, 0);

    for (int64_t j = 0; j < n; j++) {
        const real *row = table_row(w, j, c->scratch);
        real bias = c->in[2] != NULL ? vec_at(c->in[2], j) : 0;

        for (int64_t i = 0; i < rows; i++) {
            real sum = 0;

            for (int64_t l = 0; l < k; l++)
                sum += x[i * k + l] * row[l];
            y[i * n + j] = sum + bias;
        }
    }
}

/* dx [R, k] = dy [R, n] W. */
void REF(matmul_dx)(const struct spn_op_call *c)
{
    const struct spn_tensor *w = c->in[1];
    int64_t rows = k_rows(c->in[0]), n = w->dim[0], k = w->dim[1];
    const real *dy = in_data(c, 0);
    real *dx = out_data(c, 0);

    memset(dx, 0, (size_t)(rows * k) * sizeof *dx);
    for (int64_t j = 0; j < n; j++) {
        const real *row = table_row(w, j, c->scratch);

        for (int64_t i = 0; i < rows; i++)
            for (int64_t l = 0; l < k; l++)
                dx[i * k + l] += dy[i * n + j] * row[l];
    }
}

/* dW [n, k] = dy^T x. */
void REF(matmul_dw)(const struct spn_op_call *c)
{
    int64_t rows = k_rows(c->in[0]), n = c->out[0]->dim[0], k = c->out[0]->dim[1];
    const real *dy = in_data(c, 0), *x = in_data(c, 1);
    real *dw = out_data(c, 0);

    memset(dw, 0, (size_t)(n * k) * sizeof *dw);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t l = 0; l < k; l++)
                dw[j * k + l] += dy[i * n + j] * x[i * k + l];
}
