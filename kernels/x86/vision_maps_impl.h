/* vision_maps_impl.h - pooling, interpolation, spreading, prototypes. */

/* ---- pooling ---- */

static void pool_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spn_op_call *c = ctx;
    const struct spn_tensor *x = c->in[0], *y = c->out[0];
    int64_t h = x->dim[1], w = x->dim[2], n = x->dim[3], oh = y->dim[1], ow = y->dim[2];

    (void)worker;
    for (int64_t o = begin; o < end; o++) {
        int64_t j = o % ow, i = o / ow % oh, y0 = k_window_begin(i, h, oh),
                y1 = k_window_end(i, h, oh), x0 = k_window_begin(j, w, ow),
                x1 = k_window_end(j, w, ow);
        const float *from = (const float *)x->data + o / ow / oh * h * w * n;
        float *to = (float *)y->data + o * n;
        vf share = v_set(1.0f / (float)((y1 - y0) * (x1 - x0)));

        EACH(ch, left, n)
        {
            vf sum = v_zero();

            for (int64_t iy = y0; iy < y1; iy++)
                for (int64_t ix = x0; ix < x1; ix++)
                    sum = v_add(sum, r_get(from + (iy * w + ix) * n + ch, left));
            r_put(to + ch, v_mul(sum, share), left);
        }
    }
}

void ROWOP(pool)(const struct spn_op_call *c)
{
    const struct spn_tensor *x = c->in[0], *y = c->out[0];
    int64_t outs = y->dim[0] * y->dim[1] * y->dim[2];

    spn_pool_run(c->run->pool, outs, grain_of(spn_tensor_elems(x) / outs), pool_part, (void *)c);
}

/* ---- interpolation ---- */

static void resize_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spn_op_call *c = ctx;
    const struct spn_tensor *x = c->in[0], *y = c->out[0];
    bool align = ((const struct k_size_params *)c->params)->align_corners;
    int64_t h = x->dim[1], w = x->dim[2], n = x->dim[3], oh = y->dim[1], ow = y->dim[2];

    (void)worker;
    for (int64_t r = begin; r < end; r++) {
        int64_t y0, y1;
        double ty;
        const float *from = (const float *)x->data + r / oh * h * w * n;
        float *to = (float *)y->data + r * ow * n;

        k_between(r % oh, h, oh, align, &y0, &y1, &ty);
        for (int64_t j = 0; j < ow; j++, to += n) {
            int64_t x0, x1;
            double tx;
            const float *p[4];
            vf share[4];

            k_between(j, w, ow, align, &x0, &x1, &tx);
            p[0] = from + (y0 * w + x0) * n;
            p[1] = from + (y0 * w + x1) * n;
            p[2] = from + (y1 * w + x0) * n;
            p[3] = from + (y1 * w + x1) * n;
            share[0] = v_set((float)((1 - ty) * (1 - tx)));
            share[1] = v_set((float)((1 - ty) * tx));
            share[2] = v_set((float)(ty * (1 - tx)));
            share[3] = v_set((float)(ty * tx));
            EACH(ch, left, n)
            {
                vf sum = v_mul(r_get(p[0] + ch, left), share[0]);

                for (int k = 1; k < 4; k++)
                    sum = v_fma(r_get(p[k] + ch, left), share[k], sum);
                r_put(to + ch, sum, left);
            }
        }
    }
}

void ROWOP(resize)(const struct spn_op_call *c)
{
    const struct spn_tensor *y = c->out[0];

    spn_pool_run(c->run->pool, y->dim[0] * y->dim[1], grain_of(2 * y->dim[2] * y->dim[3]),
                 resize_part, (void *)c);
}

/* ---- spreading ---- */

struct spreading {
    const float *a, *b;
    float *y;
    int64_t dim[4], sa[4], sb[4];
    bool times;
};

static void spread_steps(const struct spn_tensor *t, const int64_t dim[4], int64_t step[4])
{
    int64_t size = 1;

    for (int i = 3; i >= 0; i--) {
        int k = i - (4 - t->ndim);
        int64_t d = k >= 0 ? t->dim[k] : 1;

        step[i] = d == dim[i] && d > 1 ? size : 0;
        size *= d;
    }
}

static void spread_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spreading *s = ctx;
    int64_t n = s->dim[3];

    (void)worker;
    for (int64_t r = begin; r < end; r++) {
        int64_t k = r % s->dim[2], j = r / s->dim[2] % s->dim[1], i = r / s->dim[2] / s->dim[1];
        const float *a = s->a + i * s->sa[0] + j * s->sa[1] + k * s->sa[2],
                    *b = s->b + i * s->sb[0] + j * s->sb[1] + k * s->sb[2];
        float *y = s->y + r * n;

        EACH(l, left, n)
        {
            vf u = s->sa[3] != 0 ? r_get(a + l, left) : v_set(a[0]),
               v = s->sb[3] != 0 ? r_get(b + l, left) : v_set(b[0]);

            r_put(y + l, s->times ? v_mul(u, v) : v_add(u, v), left);
        }
    }
}

static void spread_run(const struct spn_op_call *c, bool times)
{
    const struct spn_tensor *y = c->out[0];
    struct spreading s = { c->in[0]->data, c->in[1]->data, y->data, .times = times };

    for (int i = 0; i < 4; i++)
        s.dim[i] = i - (4 - y->ndim) >= 0 ? y->dim[i - (4 - y->ndim)] : 1;
    spread_steps(c->in[0], s.dim, s.sa);
    spread_steps(c->in[1], s.dim, s.sb);
    spn_pool_run(c->run->pool, s.dim[0] * s.dim[1] * s.dim[2], grain_of(s.dim[3]), spread_part, &s);
}

void ROWOP(spread_add)(const struct spn_op_call *c)
{
    spread_run(c, false);
}

void ROWOP(spread_mul)(const struct spn_op_call *c)
{
    spread_run(c, true);
}

/* ---- prototypes ---- */

struct soft_pool {
    const float *x, *weight;
    float *y;
    int64_t places, n, classes;
};

/* Softmax of classes' columns: weight = exp(s - top) / sum. */
static void soft_columns(const float *s, float *weight, int64_t places, int64_t classes)
{
    EACH(k, left, classes)
    {
        vf top = r_get(s + k, left), sum = v_zero();

        for (int64_t i = 1; i < places; i++)
            top = r_max(top, r_get(s + i * classes + k, left));
        for (int64_t i = 0; i < places; i++) {
            vf e = r_exp(v_sub(r_get(s + i * classes + k, left), top));

            sum = v_add(sum, e);
            r_put(weight + i * classes + k, e, left);
        }
        sum = r_div(v_set(1.0f), sum);
        for (int64_t i = 0; i < places; i++) {
            float *w = weight + i * classes + k;

            r_put(w, v_mul(r_get(w, left), sum), left);
        }
    }
}

static void soft_pool_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct soft_pool *s = ctx;

    (void)worker;
    spn_gemm_f32(true, false, end - begin, s->n, s->places, 1, s->weight + begin, s->classes, s->x,
                 s->n, 0, s->y + begin * s->n, s->n);
}

void ROWOP(soft_pool)(const struct spn_op_call *c)
{
    int64_t places = k_places(c->in[0]), n = c->in[0]->dim[3], classes = c->in[1]->dim[3];

    for (int64_t b = 0; b < c->in[0]->dim[0]; b++) {
        float *weight = (float *)c->out[1]->data + b * places * classes;
        struct soft_pool s = { (const float *)c->in[0]->data + b * places * n,
                               weight,
                               (float *)c->out[0]->data + b * classes * n,
                               places,
                               n,
                               classes };

        soft_columns((const float *)c->in[1]->data + b * places * classes, weight, places, classes);
        spn_pool_run(c->run->pool, classes, 48, soft_pool_part, &s);
    }
}

/* ---- rows of logits ---- */

void ROWOP(row_mix)(float *y, const float *a, float wa, const float *b, float wb, int64_t n)
{
    vf u = v_set(wa), v = v_set(wb);

    EACH(j, left, n)
    r_put(y + j, v_fma(r_get(b + j, left), v, v_mul(r_get(a + j, left), u)), left);
}

int64_t ROWOP(row_top)(const float *x, int64_t n)
{
    vf top = v_set(x[0]);
    float largest;

    EACH(j, left, n)
    top = r_max(r_first(r_get(x + j, left), top, left), top); /* top where one is NaN */
    largest = r_top(top);
    for (int64_t j = 0; j < n; j++)
        if (x[j] == largest)
            return j;
    return 0; /* NaNs alone */
}
