/* vision_maps_impl.h - plain pooling, interpolation, spreading, channels, prototypes and norms. */

/* ---- pooling and interpolation ---- */

/* dy of POOL_GRAD is its input: the smaller map is SMALL, the larger LARGE. */
static void pool_walk(const struct spn_tensor *large, const struct spn_tensor *small, bool back)
{
    int64_t h = large->dim[1], w = large->dim[2], n = large->dim[3], oh = small->dim[1],
            ow = small->dim[2];

    for (int64_t b = 0; b < large->dim[0]; b++)
        for (int64_t i = 0; i < oh; i++)
            for (int64_t j = 0; j < ow; j++) {
                int64_t y0 = k_window_begin(i, h, oh), y1 = k_window_end(i, h, oh),
                        x0 = k_window_begin(j, w, ow), x1 = k_window_end(j, w, ow);
                real *s = (real *)small->data + ((b * oh + i) * ow + j) * n;
                real share = 1 / (real)((y1 - y0) * (x1 - x0));

                for (int64_t ch = 0; ch < n; ch++) {
                    real sum = 0;

                    for (int64_t y = y0; y < y1; y++)
                        for (int64_t x = x0; x < x1; x++) {
                            real *l = (real *)large->data + ((b * h + y) * w + x) * n + ch;

                            if (back)
                                *l += s[ch] * share;
                            else
                                sum += *l;
                        }
                    if (!back)
                        s[ch] = sum * share;
                }
            }
}

void REF(pool)(const struct spn_op_call *c)
{
    pool_walk(c->in[0], c->out[0], false);
}

void REF(pool_grad)(const struct spn_op_call *c)
{
    zero_out(c, 0);
    pool_walk(c->out[0], c->in[0], true);
}

/* FROM is the map that is interpolated, TO the result. */
static void resize_walk(const struct spn_tensor *from, const struct spn_tensor *to, bool align,
                        bool back)
{
    int64_t h = from->dim[1], w = from->dim[2], n = from->dim[3], oh = to->dim[1], ow = to->dim[2];

    for (int64_t b = 0; b < from->dim[0]; b++)
        for (int64_t i = 0; i < oh; i++)
            for (int64_t j = 0; j < ow; j++) {
                real *base = (real *)from->data + b * h * w * n,
                     *y = (real *)to->data + ((b * oh + i) * ow + j) * n;
                int64_t y0, y1, x0, x1;
                double ty, tx;

                k_between(i, h, oh, align, &y0, &y1, &ty);
                k_between(j, w, ow, align, &x0, &x1, &tx);
                for (int64_t ch = 0; ch < n; ch++) {
                    real *p[4] = { base + (y0 * w + x0) * n + ch, base + (y0 * w + x1) * n + ch,
                                   base + (y1 * w + x0) * n + ch, base + (y1 * w + x1) * n + ch };
                    real share[4] = { (real)((1 - ty) * (1 - tx)), (real)((1 - ty) * tx),
                                      (real)(ty * (1 - tx)), (real)(ty * tx) };

                    if (!back)
                        y[ch] = p[0][0] * share[0] + p[1][0] * share[1] + p[2][0] * share[2] +
                                p[3][0] * share[3];
                    else
                        for (int k = 0; k < 4; k++)
                            *p[k] += y[ch] * share[k];
                }
            }
}

void REF(resize)(const struct spn_op_call *c)
{
    resize_walk(c->in[0], c->out[0], ((const struct k_size_params *)c->params)->align_corners,
                false);
}

void REF(resize_grad)(const struct spn_op_call *c)
{
    zero_out(c, 0);
    resize_walk(c->out[0], c->in[0], ((const struct k_size_params *)c->params)->align_corners,
                true);
}

/* ---- spreading ---- */

/* T with four dimensions in front of which 1s are put, and the step of each dimension: 0 where it
   is repeated. */
static void steps_of(const struct spn_tensor *t, const int64_t dim[4], int64_t step[4])
{
    int64_t size = 1;

    for (int i = 3; i >= 0; i--) {
        int k = i - (4 - t->ndim);
        int64_t d = k >= 0 ? t->dim[k] : 1;

        step[i] = d == dim[i] && d > 1 ? size : 0;
        size *= d;
    }
}

static void four_dims(const struct spn_tensor *t, int64_t dim[4])
{
    for (int i = 0; i < 4; i++)
        dim[i] = i - (4 - t->ndim) >= 0 ? t->dim[i - (4 - t->ndim)] : 1;
}

static void spread(const struct spn_op_call *c, bool times)
{
    int64_t dim[4], sa[4], sb[4];
    const real *a = in_data(c, 0), *b = in_data(c, 1);
    real *y = out_data(c, 0);

    four_dims(c->out[0], dim);
    steps_of(c->in[0], dim, sa);
    steps_of(c->in[1], dim, sb);
    for (int64_t i = 0; i < dim[0]; i++)
        for (int64_t j = 0; j < dim[1]; j++)
            for (int64_t k = 0; k < dim[2]; k++)
                for (int64_t l = 0; l < dim[3]; l++) {
                    real u = a[i * sa[0] + j * sa[1] + k * sa[2] + l * sa[3]],
                         v = b[i * sb[0] + j * sb[1] + k * sb[2] + l * sb[3]];

                    *y++ = times ? u * v : u + v;
                }
}

void REF(spread_add)(const struct spn_op_call *c)
{
    spread(c, false);
}

void REF(spread_mul)(const struct spn_op_call *c)
{
    spread(c, true);
}

void REF(sum_like)(const struct spn_op_call *c)
{
    int64_t dim[4], step[4];
    const real *x = in_data(c, 0);
    real *y = out_data(c, 0);

    four_dims(c->in[0], dim);
    steps_of(c->out[0], dim, step);
    zero_out(c, 0);
    for (int64_t i = 0; i < dim[0]; i++)
        for (int64_t j = 0; j < dim[1]; j++)
            for (int64_t k = 0; k < dim[2]; k++)
                for (int64_t l = 0; l < dim[3]; l++)
                    y[i * step[0] + j * step[1] + k * step[2] + l * step[3]] += *x++;
}

/* ---- channels ---- */

void REF(concat)(const struct spn_op_call *c)
{
    int64_t rows = k_rows(c->out[0]), wide = k_cols(c->out[0]), at = 0;

    for (int k = 0; k < SPN_OP_IN_MAX && c->in[k] != NULL; k++) {
        int64_t n = k_cols(c->in[k]);

        for (int64_t r = 0; r < rows; r++)
            memcpy(out_data(c, 0) + r * wide + at, in_data(c, k) + r * n, (size_t)n * sizeof(real));
        at += n;
    }
}

void REF(slice)(const struct spn_op_call *c)
{
    const struct k_slice_params *p = c->params;
    int64_t rows = k_rows(c->out[0]), wide = k_cols(c->in[0]);

    for (int64_t r = 0; r < rows; r++)
        memcpy(out_data(c, 0) + r * p->n, in_data(c, 0) + r * wide + p->first,
               (size_t)p->n * sizeof(real));
}

void REF(slice_grad)(const struct spn_op_call *c)
{
    const struct k_slice_params *p = c->params;
    int64_t rows = k_rows(c->out[0]), wide = k_cols(c->out[0]);

    zero_out(c, 0);
    for (int64_t r = 0; r < rows; r++)
        memcpy(out_data(c, 0) + r * wide + p->first, in_data(c, 0) + r * p->n,
               (size_t)p->n * sizeof(real));
}

/* ---- prototypes ---- */

void REF(soft_pool)(const struct spn_op_call *c)
{
    const real *x = in_data(c, 0), *s = in_data(c, 1);
    real *y = out_data(c, 0), *weight = out_data(c, 1);
    int64_t places = k_places(c->in[0]), n = c->in[0]->dim[3], classes = c->in[1]->dim[3];

    zero_out(c, 0);
    for (int64_t b = 0; b < c->in[0]->dim[0]; b++)
        for (int64_t k = 0; k < classes; k++) {
            const real *sb = s + b * places * classes + k, *xb = x + b * places * n;
            real *wb = weight + b * places * classes + k, *yb = y + (b * classes + k) * n;
            real top = sb[0], sum = 0;

            for (int64_t i = 1; i < places; i++)
                top = sb[i * classes] > top ? sb[i * classes] : top;
            for (int64_t i = 0; i < places; i++)
                sum += wb[i * classes] = R(exp)(sb[i * classes] - top);
            for (int64_t i = 0; i < places; i++) {
                wb[i * classes] /= sum;
                for (int64_t j = 0; j < n; j++)
                    yb[j] += wb[i * classes] * xb[i * n + j];
            }
        }
}

/* x, weight w, dy: dx_i = sum_k w_ik dy_k;  ds_ik = w_ik (x_i dy_k - sum_i w_ik x_i dy_k). */
void REF(soft_pool_grad)(const struct spn_op_call *c)
{
    const real *x = in_data(c, 0), *weight = in_data(c, 1), *dy = in_data(c, 2);
    real *dx = out_data(c, 0), *ds = out_data(c, 1);
    int64_t places = k_places(c->in[0]), n = c->in[0]->dim[3], classes = c->in[1]->dim[3];

    zero_out(c, 0);
    for (int64_t b = 0; b < c->in[0]->dim[0]; b++)
        for (int64_t k = 0; k < classes; k++) {
            const real *wb = weight + b * places * classes + k, *xb = x + b * places * n;
            const real *d = dy + (b * classes + k) * n;
            real *dxb = dx + b * places * n, *dsb = ds + b * places * classes + k, mean = 0;

            for (int64_t i = 0; i < places; i++) {
                real dot = 0;

                for (int64_t j = 0; j < n; j++) {
                    dot += xb[i * n + j] * d[j];
                    dxb[i * n + j] += wb[i * classes] * d[j];
                }
                dsb[i * classes] = dot;
                mean += wb[i * classes] * dot;
            }
            for (int64_t i = 0; i < places; i++)
                dsb[i * classes] = wb[i * classes] * (dsb[i * classes] - mean);
        }
}

/* ---- batch normalisation ---- */

void REF(batch_norm)(const struct spn_op_call *c)
{
    real eps = (real)((const struct k_bn_params *)c->params)->eps;
    const real *x = in_data(c, 0), *w = in_data(c, 1), *b = in_data(c, 2);
    real *y = out_data(c, 0), *mean = out_data(c, 1), *var = out_data(c, 2);
    int64_t rows = k_rows(c->in[0]), n = k_cols(c->in[0]);

    for (int64_t j = 0; j < n; j++) {
        real sum = 0, sum2 = 0, scale;

        for (int64_t r = 0; r < rows; r++)
            sum += x[r * n + j];
        mean[j] = sum / (real)rows;
        for (int64_t r = 0; r < rows; r++) {
            real d = x[r * n + j] - mean[j];

            sum2 += d * d;
        }
        var[j] = sum2 / (real)rows;
        scale = w[j] / R(sqrt)(var[j] + eps);
        for (int64_t r = 0; r < rows; r++)
            y[r * n + j] = (x[r * n + j] - mean[j]) * scale + b[j];
    }
}

/* With z = (x - mean) / s: db = sum dy, dw = sum dy z, dx = w / s (dy - (db + z dw) / rows). */
void REF(batch_norm_grad)(const struct spn_op_call *c)
{
    real eps = (real)((const struct k_bn_params *)c->params)->eps;
    const real *x = in_data(c, 0), *w = in_data(c, 1), *mean = in_data(c, 2), *var = in_data(c, 3),
               *dy = in_data(c, 4);
    real *dx = out_data(c, 0), *dw = out_data(c, 1), *db = out_data(c, 2);
    int64_t rows = k_rows(c->in[0]), n = k_cols(c->in[0]);

    for (int64_t j = 0; j < n; j++) {
        real one = 1 / R(sqrt)(var[j] + eps), s0 = 0, s1 = 0;

        for (int64_t r = 0; r < rows; r++) {
            s0 += dy[r * n + j];
            s1 += dy[r * n + j] * (x[r * n + j] - mean[j]) * one;
        }
        db[j] = s0;
        dw[j] = s1;
        for (int64_t r = 0; r < rows; r++)
            dx[r * n + j] =
                w[j] * one *
                (dy[r * n + j] - (s0 + (x[r * n + j] - mean[j]) * one * s1) / (real)rows);
    }
}

/* ---- tables of positions ---- */

void REF(gather)(const struct spn_op_call *c)
{
    const int32_t *index = c->in[1]->data;
    int64_t n = spn_tensor_elems(c->in[1]), size = c->in[0]->dim[1];

    for (int64_t h = 0; h < c->in[0]->dim[0]; h++)
        for (int64_t i = 0; i < n; i++)
            out_data(c, 0)[h * n + i] = in_data(c, 0)[h * size + index[i]];
}

void REF(gather_grad)(const struct spn_op_call *c)
{
    const int32_t *index = c->in[1]->data;
    int64_t n = spn_tensor_elems(c->in[1]), size = c->in[2]->dim[1];

    zero_out(c, 0);
    for (int64_t h = 0; h < c->in[2]->dim[0]; h++)
        for (int64_t i = 0; i < n; i++)
            out_data(c, 0)[h * size + index[i]] += in_data(c, 0)[h * n + i];
}
