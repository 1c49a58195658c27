/* rowloss_impl.h - softmax and cross entropy; included once for AVX2 and once for AVX-512, after
 * rowops_impl.h. */

static float row_top(const float *x, int64_t n)
{
    vf top = v_set(-INFINITY);

    EACH_VECTOR(j, left, 0, n)
    top = r_max(top, r_first(r_get(x + j, left), v_set(-INFINITY), left));
    return r_top(top);
}

/* Sum of exp(x - top); written to Y where it is not NULL. */
static float row_exp(const float *x, int64_t n, float top, float *y)
{
    vf sum = v_zero(), off = v_set(top);

    EACH_VECTOR(j, left, 0, n)
    {
        vf e = r_exp(v_sub(r_get(x + j, left), off));

        if (y != NULL)
            r_put(y + j, e, left);
        sum = v_add(sum, r_first(e, v_zero(), left));
    }
    return r_sum(sum);
}

static void softmax_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spn_op_call *c = ctx;
    int64_t n = k_cols(c->in[0]);

    for (int64_t i = begin; i < end; i++) {
        const float *x = (const float *)c->in[0]->data + i * n;
        float *y = (float *)c->out[0]->data + i * n;
        vf scale = v_set(1.0f / row_exp(x, n, row_top(x, n), y));

        EACH_VECTOR(j, left, 0, n)
        r_put(y + j, v_mul(r_get(y + j, left), scale), left);
    }
}

void ROWOP(softmax)(const struct spn_op_call *c)
{
    spn_pool_run(c->run->pool, k_rows(c->in[0]), 1 + PART / k_cols(c->in[0]), softmax_part,
                 (void *)c);
}

/* y, dy -> dx = y (dy - sum(dy y)). */
static void softmax_grad_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spn_op_call *c = ctx;
    int64_t n = k_cols(c->in[0]);

    for (int64_t i = begin; i < end; i++) {
        const float *y = (const float *)c->in[0]->data + i * n,
                    *dy = (const float *)c->in[1]->data + i * n;
        float *dx = (float *)c->out[0]->data + i * n;
        vf dot = v_zero();

        EACH_VECTOR(j, left, 0, n)
        dot = v_fma(r_get(y + j, left), r_get(dy + j, left), dot);
        dot = v_set(r_sum(dot));
        EACH_VECTOR(j, left, 0, n)
        r_put(dx + j, v_mul(r_get(y + j, left), v_sub(r_get(dy + j, left), dot)), left);
    }
}

void ROWOP(softmax_grad)(const struct spn_op_call *c)
{
    spn_pool_run(c->run->pool, k_rows(c->in[0]), 1 + 2 * PART / k_cols(c->in[0]), softmax_grad_part,
                 (void *)c);
}

static void cross_entropy_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spn_op_call *c = ctx;
    int64_t n = c->in[0]->dim[1];
    const int32_t *target = c->in[1]->data;
    const float *weight = c->in[2]->data;
    float *row_loss = c->out[1]->data, *log_sum = c->out[2]->data;

    for (int64_t i = begin; i < end; i++) {
        const float *x = (const float *)c->in[0]->data + i * n;
        float top;

        row_loss[i] = log_sum[i] = 0;
        if (weight[i] == 0)
            continue;
        top = row_top(x, n);
        log_sum[i] = top + logf(row_exp(x, n, top, NULL));
        row_loss[i] = log_sum[i] - x[target[i]];
    }
}

void ROWOP(cross_entropy)(const struct spn_op_call *c)
{
    int64_t rows = c->in[0]->dim[0];
    const float *weight = c->in[2]->data, *row_loss = c->out[1]->data;
    double loss = 0, total = 0;

    spn_pool_run(c->run->pool, rows, 1 + PART / c->in[0]->dim[1], cross_entropy_part, (void *)c);
    for (int64_t i = 0; i < rows; i++) {
        loss += (double)weight[i] * row_loss[i];
        total += weight[i];
    }
    *(float *)c->out[0]->data = total != 0 ? (float)(loss / total) : 0;
}

struct loss_grad {
    const struct spn_op_call *c;
    float scale; /* d loss / sum of weights */
};

static void cross_entropy_grad_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct loss_grad *g = ctx;
    const struct spn_op_call *c = g->c;
    int64_t n = c->in[0]->dim[1];
    const int32_t *target = c->in[1]->data;
    const float *weight = c->in[2]->data, *log_sum = c->in[3]->data;
    const float *row_flow = c->in[5] != NULL ? c->in[5]->data : NULL;

    for (int64_t i = begin; i < end; i++) {
        const float *x = (const float *)c->in[0]->data + i * n;
        float *dx = (float *)c->out[0]->data + i * n;
        float flow = g->scale * weight[i] + (row_flow != NULL ? row_flow[i] : 0);
        vf scale = v_set(flow), off = v_set(log_sum[i]);

        if (weight[i] == 0) {
            memset(dx, 0, (size_t)n * sizeof *dx);
            continue;
        }
        EACH_VECTOR(j, left, 0, n)
        r_put(dx + j, v_mul(scale, r_exp(v_sub(r_get(x + j, left), off))), left);
        dx[target[i]] -= flow;
    }
}

void ROWOP(cross_entropy_grad)(const struct spn_op_call *c)
{
    int64_t rows = c->in[0]->dim[0];
    const float *weight = c->in[2]->data;
    struct loss_grad g = { .c = c };
    double total = 0;

    for (int64_t i = 0; i < rows; i++)
        total += weight[i];
    if (c->in[4] != NULL && total != 0)
        g.scale = (float)(*(const float *)c->in[4]->data / total);
    spn_pool_run(c->run->pool, rows, 1 + PART / c->in[0]->dim[1], cross_entropy_grad_part, &g);
}
