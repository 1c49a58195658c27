/* norm_impl.h - norms over groups of d elements, softmax; forward and gradient. */

/* y = x r w, r = 1 / sqrt(mean(x^2) + eps). */
void REF(rms_norm)(const struct spn_op_call *c)
{
    real eps = (real)((const struct k_norm_params *)c->params)->eps;
    int64_t d = c->in[1]->dim[0], groups = spn_tensor_elems(c->in[0]) / d;

    for (int64_t g = 0; g < groups; g++) {
        const real *x = in_data(c, 0) + g * d;
        real *y = out_data(c, 0) + g * d, sum = 0, r;

        for (int64_t j = 0; j < d; j++)
            sum += x[j] * x[j];
        r = 1 / R(sqrt)(sum / (real)d + eps);
        for (int64_t j = 0; j < d; j++)
            y[j] = x[j] * r * vec_at(c->in[1], j);
    }
}

/* x, w, dy -> dx, dw.  With n = x r: dx = r (dy w - n mean(dy w n)), dw = sum dy n. */
void REF(rms_norm_grad)(const struct spn_op_call *c)
{
    real eps = (real)((const struct k_norm_params *)c->params)->eps, *dw = out_data(c, 1);
    int64_t d = c->in[1]->dim[0], groups = spn_tensor_elems(c->in[0]) / d;

    for (int64_t j = 0; j < d; j++)
        dw[j] = 0;
    for (int64_t g = 0; g < groups; g++) {
        const real *x = in_data(c, 0) + g * d, *dy = in_data(c, 2) + g * d;
        real *dx = out_data(c, 0) + g * d, sum = 0, dot = 0, r;

        for (int64_t j = 0; j < d; j++)
            sum += x[j] * x[j];
        r = 1 / R(sqrt)(sum / (real)d + eps);
        for (int64_t j = 0; j < d; j++)
            dot += dy[j] * vec_at(c->in[1], j) * x[j] * r;
        for (int64_t j = 0; j < d; j++) {
            dx[j] = r * (dy[j] * vec_at(c->in[1], j) - x[j] * r * dot / (real)d);
            dw[j] += dy[j] * x[j] * r;
        }
    }
}

/* Mean and 1 / deviation of N numbers. */
static void REF(moments)(const real *x, int64_t n, real eps, real *mean, real *r)
{
    real sum = 0, square = 0;

    for (int64_t j = 0; j < n; j++)
        sum += x[j];
    *mean = sum / (real)n;
    for (int64_t j = 0; j < n; j++)
        square += (x[j] - *mean) * (x[j] - *mean);
    *r = 1 / R(sqrt)(square / (real)n + eps);
}

void REF(layer_norm)(const struct spn_op_call *c)
{
    real eps = (real)((const struct k_norm_params *)c->params)->eps;
    int64_t d = c->in[1]->dim[0], groups = spn_tensor_elems(c->in[0]) / d;

    for (int64_t g = 0; g < groups; g++) {
        const real *x = in_data(c, 0) + g * d;
        real *y = out_data(c, 0) + g * d, mean, r;

        REF(moments)(x, d, eps, &mean, &r);
        for (int64_t j = 0; j < d; j++)
            y[j] = (x[j] - mean) * r * vec_at(c->in[1], j) +
                   (c->in[2] != NULL ? vec_at(c->in[2], j) : 0);
    }
}

/* x, w, dy -> dx, dw, db.  With n = (x - mean) r: dx = r (dy w - mean(dy w) - n mean(dy w n)). */
void REF(layer_norm_grad)(const struct spn_op_call *c)
{
    real eps = (real)((const struct k_norm_params *)c->params)->eps, *dw = out_data(c, 1),
         *db = out_data(c, 2);
    int64_t d = c->in[1]->dim[0], groups = spn_tensor_elems(c->in[0]) / d;

    for (int64_t j = 0; j < d; j++)
        dw[j] = db[j] = 0;
    for (int64_t g = 0; g < groups; g++) {
        const real *x = in_data(c, 0) + g * d, *dy = in_data(c, 2) + g * d;
        real *dx = out_data(c, 0) + g * d, mean, r, sum = 0, dot = 0;

        REF(moments)(x, d, eps, &mean, &r);
        for (int64_t j = 0; j < d; j++) {
            real t = dy[j] * vec_at(c->in[1], j);

            sum += t;
            dot += t * (x[j] - mean) * r;
        }
        for (int64_t j = 0; j < d; j++) {
            real n = (x[j] - mean) * r;

            dx[j] = r * (dy[j] * vec_at(c->in[1], j) - sum / (real)d - n * dot / (real)d);
            dw[j] += dy[j] * n;
            db[j] += dy[j];
        }
    }
}

/* The largest is taken off first: exp of it would overflow. */
void REF(softmax)(const struct spn_op_call *c)
{
    int64_t rows = k_rows(c->in[0]), n = k_cols(c->in[0]);

    for (int64_t i = 0; i < rows; i++) {
        const real *x = in_data(c, 0) + i * n;
        real *y = out_data(c, 0) + i * n, top = x[0], sum = 0;

        for (int64_t j = 1; j < n; j++)
            top = x[j] > top ? x[j] : top;
        for (int64_t j = 0; j < n; j++)
            sum += y[j] = R(exp)(x[j] - top);
        for (int64_t j = 0; j < n; j++)
            y[j] /= sum;
    }
}

/* y, dy -> dx = y (dy - sum(dy y)). */
void REF(softmax_grad)(const struct spn_op_call *c)
{
    int64_t rows = k_rows(c->in[0]), n = k_cols(c->in[0]);

    for (int64_t i = 0; i < rows; i++) {
        const real *y = in_data(c, 0) + i * n, *dy = in_data(c, 1) + i * n;
        real *dx = out_data(c, 0) + i * n, dot = 0;

        for (int64_t j = 0; j < n; j++)
            dot += y[j] * dy[j];
        for (int64_t j = 0; j < n; j++)
            dx[j] = y[j] * (dy[j] - dot);
    }
}
