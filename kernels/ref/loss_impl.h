/* loss_impl.h - cross entropy over rows of logits. */

/* logits, target, weight -> loss [1], each row's own loss [R], log of the sum of exponents [R].
 * Rows of weight 0 are skipped. */
void REF(cross_entropy)(const struct spn_op_call *c)
{
    int64_t rows = c->in[0]->dim[0], n = c->in[0]->dim[1];
    const int32_t *target = c->in[1]->data;
    const real *weight = in_data(c, 2);
    real *row_loss = out_data(c, 1), *log_sum = out_data(c, 2), loss = 0, total = 0;

    for (int64_t i = 0; i < rows; i++) {
        const real *x = in_data(c, 0) + i * n;
        real top = x[0], sum = 0;

        row_loss[i] = log_sum[i] = 0;
        if (weight[i] == 0)
            continue;
        for (int64_t j = 1; j < n; j++)
            top = x[j] > top ? x[j] : top;
        for (int64_t j = 0; j < n; j++)
            sum += R(exp)(x[j] - top);
        log_sum[i] = top + R(log)(sum);
        row_loss[i] = log_sum[i] - x[target[i]];
        loss += weight[i] * row_loss[i];
        total += weight[i];
    }
    out_data(c, 0)[0] = total != 0 ? loss / total : 0;
}

/* logits, target, weight, log-sum, d loss, d row loss -> d logits = (softmax - [target]) times what
 * flows into the row. */
void REF(cross_entropy_grad)(const struct spn_op_call *c)
{
    int64_t rows = c->in[0]->dim[0], n = c->in[0]->dim[1];
    const int32_t *target = c->in[1]->data;
    const real *weight = in_data(c, 2), *log_sum = in_data(c, 3);
    real total = 0;

    for (int64_t i = 0; i < rows; i++)
        total += weight[i];
    for (int64_t i = 0; i < rows; i++) {
        const real *x = in_data(c, 0) + i * n;
        real *dx = out_data(c, 0) + i * n, flow = 0;

        if (weight[i] != 0) {
            if (c->in[4] != NULL && total != 0)
                flow = in_data(c, 4)[0] * weight[i] / total;
            if (c->in[5] != NULL)
                flow += in_data(c, 5)[i];
        }
        for (int64_t j = 0; j < n; j++)
            dx[j] = weight[i] != 0 ? flow * R(exp)(x[j] - log_sum[i]) : 0;
        if (weight[i] != 0)
            dx[target[i]] -= flow;
    }
}
