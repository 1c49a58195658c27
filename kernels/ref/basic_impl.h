/* basic_impl.h - one number at a time, sums, and rows that are picked. */

void REF(add)(const struct spn_op_call *c)
{
    const real *a = in_data(c, 0), *b = in_data(c, 1);
    real *y = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        y[i] = a[i] + b[i];
}

void REF(mul)(const struct spn_op_call *c)
{
    const real *a = in_data(c, 0), *b = in_data(c, 1);
    real *y = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        y[i] = a[i] * b[i];
}

void REF(scale)(const struct spn_op_call *c)
{
    real factor = (real)((const struct k_scale_params *)c->params)->factor;
    const real *a = in_data(c, 0);
    real *y = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        y[i] = a[i] * factor;
}

static inline real REF(sigmoid)(real x)
{
    return 1 / (1 + R(exp)(-x));
}

void REF(silu)(const struct spn_op_call *c)
{
    const real *a = in_data(c, 0);
    real *y = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        y[i] = a[i] * REF(sigmoid)(a[i]);
}

/* d silu(x) / dx = s + x s (1 - s), s = sigmoid(x). */
static inline real REF(silu_slope)(real x)
{
    real s = REF(sigmoid)(x);

    return s + x * s * (1 - s);
}

void REF(silu_grad)(const struct spn_op_call *c)
{
    const real *x = in_data(c, 0), *dy = in_data(c, 1);
    real *dx = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        dx[i] = dy[i] * REF(silu_slope)(x[i]);
}

void REF(silu_mul)(const struct spn_op_call *c)
{
    const real *gate = in_data(c, 0), *up = in_data(c, 1);
    real *y = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        y[i] = gate[i] * REF(sigmoid)(gate[i]) * up[i];
}

/* gate, up, dy -> d gate, d up. */
void REF(silu_mul_grad)(const struct spn_op_call *c)
{
    const real *gate = in_data(c, 0), *up = in_data(c, 1), *dy = in_data(c, 2);
    real *dgate = out_data(c, 0), *dup = out_data(c, 1);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++) {
        dgate[i] = dy[i] * up[i] * REF(silu_slope)(gate[i]);
        dup[i] = dy[i] * gate[i] * REF(sigmoid)(gate[i]);
    }
}

#define GELU_A    ((real)0.79788456080286535588) /* sqrt(2 / pi) */
#define GELU_B    ((real)0.044715)
#define HALF_ROOT ((real)0.70710678118654752440) /* 1 / sqrt(2) */
#define GAUSS_0   ((real)0.39894228040143267794) /* 1 / sqrt(2 pi) */

/* Hendrycks and Gimpel 2016: x Phi(x), or their tanh form. */
void REF(gelu)(const struct spn_op_call *c)
{
    bool tanh_form = ((const struct k_gelu_params *)c->params)->tanh_form;
    const real *a = in_data(c, 0);
    real *y = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++) {
        real x = a[i];

        if (tanh_form)
            y[i] = x / 2 * (1 + R(tanh)(GELU_A * (x + GELU_B * x * x * x)));
        else
            y[i] = x / 2 * (1 + R(erf)(x * HALF_ROOT));
    }
}

void REF(gelu_grad)(const struct spn_op_call *c)
{
    bool tanh_form = ((const struct k_gelu_params *)c->params)->tanh_form;
    const real *a = in_data(c, 0), *dy = in_data(c, 1);
    real *dx = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++) {
        real x = a[i], slope;

        if (tanh_form) {
            real t = R(tanh)(GELU_A * (x + GELU_B * x * x * x));

            slope = (1 + t) / 2 + x / 2 * (1 - t * t) * GELU_A * (1 + 3 * GELU_B * x * x);
        } else {
            slope = (1 + R(erf)(x * HALF_ROOT)) / 2 + x * GAUSS_0 * R(exp)(-x * x / 2);
        }
        dx[i] = dy[i] * slope;
    }
}

void REF(sum)(const struct spn_op_call *c)
{
    const real *a = in_data(c, 0);
    real total = 0;

    for (int64_t i = 0, n = spn_tensor_elems(c->in[0]); i < n; i++)
        total += a[i];
    out_data(c, 0)[0] = total;
}

/* The sum's gradient reaches every element alike. */
void REF(sum_grad)(const struct spn_op_call *c)
{
    real *dx = out_data(c, 0), dy = in_data(c, 0)[0];

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        dx[i] = dy;
}

void REF(constant)(const struct spn_op_call *c)
{
    out_data(c, 0)[0] = (real)((const struct k_const_params *)c->params)->value;
}

/* y [n] = sum over rows of x [R, n]. */
void REF(sum_rows)(const struct spn_op_call *c)
{
    int64_t rows = k_rows(c->in[0]), n = k_cols(c->in[0]);
    const real *x = in_data(c, 0);
    real *y = out_data(c, 0);

    for (int64_t j = 0; j < n; j++)
        y[j] = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++)
            y[j] += x[i * n + j];
}

void REF(embed)(const struct spn_op_call *c)
{
    const struct spn_rows *rows = c->run->batch;
    const struct spn_tensor *table = c->in[0];
    int64_t d = table->dim[1];

    for (int64_t i = 0; i < rows->n; i++)
        memcpy(out_data(c, 0) + i * d, table_row(table, rows->token[i], c->scratch),
               (size_t)d * sizeof(real));
}

/* The rows of a table of positions. */
void REF(embed_pos)(const struct spn_op_call *c)
{
    const struct k_embed_pos_params *p = c->params;
    const struct spn_rows *rows = c->run->batch;
    const struct spn_tensor *table = c->in[0];
    int64_t d = table->dim[1];

    for (int64_t i = 0; i < rows->n; i++)
        memcpy(out_data(c, 0) + i * d, table_row(table, rows->pos[i] + p->offset, c->scratch),
               (size_t)d * sizeof(real));
}

/* y = cap tanh(x / cap). */
void REF(softcap)(const struct spn_op_call *c)
{
    real cap = (real)((const struct k_softcap_params *)c->params)->cap;
    const real *a = in_data(c, 0);
    real *y = out_data(c, 0);

    for (int64_t i = 0, n = spn_tensor_elems(c->out[0]); i < n; i++)
        y[i] = cap * R(tanh)(a[i] / cap);
}

void REF(embed_grad)(const struct spn_op_call *c)
{
    const struct spn_rows *rows = c->run->batch;
    int64_t d = c->out[0]->dim[1];
    const real *dy = in_data(c, 0);
    real *dt = out_data(c, 0);

    memset(dt, 0, (size_t)(c->out[0]->dim[0] * d) * sizeof *dt);
    for (int64_t i = 0; i < rows->n; i++)
        for (int64_t j = 0; j < d; j++)
            dt[rows->token[i] * d + j] += dy[i * d + j];
}

void REF(take_rows)(const struct spn_op_call *c)
{
    const struct spn_rows *rows = c->run->batch;
    int64_t n = c->out[0]->dim[0], d = c->out[0]->dim[1];

    for (int64_t i = 0; i < n; i++)
        memcpy(out_data(c, 0) + i * d, in_data(c, 0) + (rows->out != NULL ? rows->out[i] : i) * d,
               (size_t)d * sizeof(real));
}

void REF(take_rows_grad)(const struct spn_op_call *c)
{
    const struct spn_rows *rows = c->run->batch;
    int64_t n = c->in[0]->dim[0], d = c->in[0]->dim[1];
    real *dx = out_data(c, 0);

    memset(dx, 0, (size_t)(c->out[0]->dim[0] * d) * sizeof *dx);
    for (int64_t i = 0; i < n; i++)
        memcpy(dx + (rows->out != NULL ? rows->out[i] : i) * d, in_data(c, 0) + i * d,
               (size_t)d * sizeof(real));
}
