/* attention_impl.h - causal attention of a run without a store: rows attend to rows of their own
 * example, or, in a tree, to their ancestors. */

/* Rows that row I attends to, in increasing order, in LIST (room for every row); returns how many.
 * The window counts positions. */
static int64_t REF(attended)(const struct spn_rows *rows, int64_t all, int64_t i,
                             const struct spn_attention *a, int32_t *list)
{
    int window = a->window;
    int64_t first = rows != NULL && rows->first != NULL ? rows->first[i] : 0, n = 0;

    if (rows != NULL && rows->parent != NULL) {
        int64_t depth = 0;

        for (int64_t j = i; j >= 0; j = rows->parent[j])
            depth++;
        n = depth;
        for (int64_t j = i; j >= 0; j = rows->parent[j])
            list[--depth] = (int32_t)j;
    } else {
        for (int64_t j = first; j <= i; j++)
            list[n++] = (int32_t)j;
        for (int64_t j = i + 1; j < all && a->whole; j++) {
            if (rows != NULL && rows->first != NULL && rows->first[j] != first)
                break;
            list[n++] = (int32_t)j;
        }
    }
    if (window > 0) {
        int64_t kept = 0;

        for (int64_t t = 0; t < n; t++) {
            int64_t back = rows != NULL && rows->pos != NULL
                               ? (int64_t)rows->pos[i] - rows->pos[list[t]]
                               : n - 1 - t;

            if (back < window)
                list[kept++] = list[t];
        }
        n = kept;
    }
    return n;
}

/* Where the block that begins at place T of the list ends: a block is SPN_ATTENTION_BLOCK positions
   that begin at a multiple of it.  Without positions the place counts. */
static int64_t REF(block_end)(const struct spn_rows *rows, const int32_t *list, int64_t t,
                              int64_t n)
{
    int64_t end = t + 1;
    bool given = rows != NULL && rows->pos != NULL;

    while (end < n && end - t < SPN_ATTENTION_BLOCK &&
           (given ? rows->pos[list[end]] / SPN_ATTENTION_BLOCK ==
                        rows->pos[list[t]] / SPN_ATTENTION_BLOCK
                  : end / SPN_ATTENTION_BLOCK == t / SPN_ATTENTION_BLOCK))
        end++;
    return end;
}

/* What is added to the score of row I's head and row J: nothing, or ALiBi's distance. */
static real REF(bias)(const struct spn_attention *a, const struct spn_rows *rows, int64_t i,
                      int64_t j, int head)
{
    bool given = rows != NULL && rows->pos != NULL;
    int64_t back = given ? (int64_t)rows->pos[j] - rows->pos[i] : j - i;

    return a->alibi > 0 ? (real)spn_alibi_slope(a->alibi, a->heads, head) * (real)back : 0;
}

/* Score of a query and a key before that; *SLOPE is d score / d (q k). */
static real REF(score)(const struct spn_attention *a, const real *q, const real *k, real *slope)
{
    real s = 0;

    for (int d = 0; d < a->dim_k; d++)
        s += q[d] * k[d];
    s *= (real)a->scale;
    *slope = (real)a->scale;
    if (a->softcap > 0) {
        real t = R(tanh)(s / (real)a->softcap);

        s = (real)a->softcap * t;
        *slope *= 1 - t * t;
    }
    return s;
}

/* One row and head: blocks from left to right, the running maximum M and sum L rescaled at each
 * (online softmax). */
static void REF(attend)(const struct spn_op_call *c, int64_t i, int head, const int32_t *list,
                        int64_t n)
{
    const struct spn_attention *a = c->params;
    const struct spn_rows *rows = c->run->batch;
    int group = head / (a->heads / a->heads_kv);
    int64_t wide_k = (int64_t)a->heads_kv * a->dim_k, wide_v = (int64_t)a->heads_kv * a->dim_v;
    const real *q = in_data(c, 0) + (i * a->heads + head) * a->dim_k;
    const real *k = in_data(c, 1) + (int64_t)group * a->dim_k,
               *v = in_data(c, 2) + (int64_t)group * a->dim_v;
    real *y = out_data(c, 0) + (i * a->heads + head) * a->dim_v;
    real top = -INFINITY, sum = 0, score[SPN_ATTENTION_BLOCK], slope;

    for (int d = 0; d < a->dim_v; d++)
        y[d] = 0;
    for (int64_t t = 0, end; t < n; t = end) {
        real above = top, shrink;

        end = REF(block_end)(rows, list, t, n);
        for (int64_t j = t; j < end; j++) {
            score[j - t] = REF(score)(a, q, k + list[j] * wide_k, &slope) +
                           REF(bias)(a, rows, i, list[j], head);
            above = score[j - t] > above ? score[j - t] : above;
        }
        shrink = R(exp)(top - above);
        sum *= shrink;
        for (int d = 0; d < a->dim_v; d++)
            y[d] *= shrink;
        for (int64_t j = t; j < end; j++) {
            real p = R(exp)(score[j - t] - above);

            sum += p;
            for (int d = 0; d < a->dim_v; d++)
                y[d] += p * v[list[j] * wide_v + d];
        }
        top = above;
    }
    if (c->in[3] != NULL) {
        real sink = vec_at(c->in[3], head), above = sink > top ? sink : top;
        real shrink = R(exp)(top - above);

        sum = sum * shrink + R(exp)(sink - above);
        for (int d = 0; d < a->dim_v; d++)
            y[d] *= shrink;
        top = above;
    }
    for (int d = 0; d < a->dim_v; d++)
        y[d] /= sum;
    out_data(c, 1)[i * a->heads + head] = top + R(log)(sum);
}

void REF(attention)(const struct spn_op_call *c)
{
    const struct spn_attention *a = c->params;

    for (int64_t i = 0; i < c->in[0]->dim[0]; i++) {
        int64_t n = REF(attended)(c->run->batch, c->in[0]->dim[0], i, a, c->scratch);

        for (int head = 0; head < a->heads; head++)
            REF(attend)(c, i, head, c->scratch, n);
    }
}

/* q, k, v, y, log-sum, dy -> dq, dk, dv.  p = exp(s - log-sum), dv += p dy, ds = p (dy v - dy y).
 */
void REF(attention_grad)(const struct spn_op_call *c)
{
    const struct spn_attention *a = c->params;
    int64_t rows = c->in[0]->dim[0], wide_k = (int64_t)a->heads_kv * a->dim_k,
            wide_v = (int64_t)a->heads_kv * a->dim_v;
    const int32_t *list = c->scratch;

    for (int k = 0; k < 3; k++)
        memset(c->out[k]->data, 0, (size_t)spn_tensor_bytes(c->out[k]));
    for (int64_t i = 0; i < rows; i++) {
        int64_t n = REF(attended)(c->run->batch, rows, i, a, c->scratch);

        for (int head = 0; head < a->heads; head++) {
            int group = head / (a->heads / a->heads_kv);
            int64_t at = i * a->heads + head;
            const real *q = in_data(c, 0) + at * a->dim_k, *dy = in_data(c, 5) + at * a->dim_v;
            const real *y = in_data(c, 3) + at * a->dim_v;
            real *dq = out_data(c, 0) + at * a->dim_k, dot = 0;

            for (int d = 0; d < a->dim_v; d++)
                dot += dy[d] * y[d];
            for (int64_t t = 0; t < n; t++) {
                const real *k = in_data(c, 1) + list[t] * wide_k + (int64_t)group * a->dim_k;
                const real *v = in_data(c, 2) + list[t] * wide_v + (int64_t)group * a->dim_v;
                real *dk = out_data(c, 1) + (k - in_data(c, 1)),
                     *dv = out_data(c, 2) + (v - in_data(c, 2));
                real slope, dp = 0, ds, s = REF(score)(a, q, k, &slope);
                real p =
                    R(exp)(s + REF(bias)(a, c->run->batch, i, list[t], head) - in_data(c, 4)[at]);

                for (int d = 0; d < a->dim_v; d++) {
                    dp += dy[d] * v[d];
                    dv[d] += p * dy[d];
                }
                ds = p * (dp - dot) * slope;
                for (int d = 0; d < a->dim_k; d++) {
                    dq[d] += ds * k[d];
                    dk[d] += ds * q[d];
                }
            }
        }
    }
}
