/* vision_depthwise_impl.h - a filter a channel: eight outputs of a row at once, a vector of
 * channels. */

#define DW_OUTS 8

struct depthwise {
    const struct spn_op_call *c;
    const struct spn_conv *p;
    int64_t h, w, n, oh, ow, kh, kw;
    const float *x, *filter, *bias;
    float *y;
};

VEC_INLINE vf get(const float *p, int64_t left, const bool full)
{
    return full ? v_load(p) : v_load_n(p, left);
}

/* Sums of OUTS outputs from OX on, whose columns KX0 to KX1 of the filter lie on the map. */
VEC_INLINE void depthwise_outs(const struct depthwise *d, const float *x, int64_t oy, int64_t ox,
                               int64_t kx0, int64_t kx1, float *y, int64_t ch, int64_t left,
                               const int outs, const bool full)
{
    const int64_t stride = d->p->stride, n = d->n;
    vf acc[DW_OUTS];

#pragma GCC unroll 8
    for (int i = 0; i < outs; i++)
        acc[i] = d->bias != NULL ? get(d->bias + ch, left, full) : v_zero();
    for (int64_t ky = 0; ky < d->kh; ky++) {
        int64_t iy = oy * stride + ky - d->p->pad_h;
        const float *row = x + (iy * d->w + ox * stride - d->p->pad_w) * n + ch;
        const float *w = d->filter + ky * d->kw * n + ch;

        if (iy < 0 || iy >= d->h)
            continue;
        for (int64_t kx = kx0; kx < kx1; kx++) {
            vf f = get(w + kx * n, left, full);

#pragma GCC unroll 8
            for (int i = 0; i < outs; i++)
                acc[i] = v_fma(get(row + (kx + i * stride) * n, left, full), f, acc[i]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < outs; i++) {
        if (full)
            v_store(y + (ox + i) * n + ch, acc[i]);
        else
            v_store_n(y + (ox + i) * n + ch, acc[i], left);
    }
}

VEC_INLINE void depthwise_chunk(const struct depthwise *d, const float *x, int64_t oy, float *y,
                                int64_t ch, int64_t left, const bool full)
{
    const int64_t stride = d->p->stride, pad = d->p->pad_w;

    for (int64_t ox = 0; ox < d->ow;) {
        int64_t ix = ox * stride - pad;
        bool inside = ix >= 0;

        if (inside && ox + DW_OUTS <= d->ow && ix + (DW_OUTS - 1) * stride + d->kw <= d->w) {
            depthwise_outs(d, x, oy, ox, 0, d->kw, y, ch, left, DW_OUTS, full);
            ox += DW_OUTS;
        } else if (inside && ox + 2 <= d->ow && ix + stride + d->kw <= d->w) {
            depthwise_outs(d, x, oy, ox, 0, d->kw, y, ch, left, 2, full);
            ox += 2;
        } else {
            depthwise_outs(d, x, oy, ox, ix < 0 ? -ix : 0, d->w - ix < d->kw ? d->w - ix : d->kw, y,
                           ch, left, 1, full);
            ox++;
        }
    }
}

static void depthwise_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct depthwise *d = ctx;
    const float *more = d->c->in[3] != NULL ? d->c->in[3]->data : NULL;

    (void)worker;
    for (int64_t r = begin; r < end; r++) {
        const float *x = d->x + r / d->oh * d->h * d->w * d->n;
        float *y = d->y + r * d->ow * d->n;

        EACH(ch, left, d->n)
        {
            if (left >= VW)
                depthwise_chunk(d, x, r % d->oh, y, ch, left, true);
            else
                depthwise_chunk(d, x, r % d->oh, y, ch, left, false);
        }
        if (more != NULL || d->p->act != SPN_ACT_NONE)
            finish(y, NULL, more != NULL ? more + r * d->ow * d->n : NULL, d->ow, d->n, d->p->act);
    }
}

void ROWOP(depthwise)(const struct spn_op_call *c)
{
    const struct spn_tensor *x = c->in[0], *w = c->in[1], *y = c->out[0];
    struct depthwise d = { .c = c,
                           .p = &((const struct k_conv_params *)c->params)->conv,
                           .h = x->dim[1],
                           .w = x->dim[2],
                           .n = x->dim[3],
                           .oh = y->dim[1],
                           .ow = y->dim[2],
                           .kh = w->dim[0],
                           .kw = w->dim[1],
                           .x = x->data,
                           .filter = w->data,
                           .bias = c->in[2] != NULL ? c->in[2]->data : NULL,
                           .y = y->data };

    spn_pool_run(c->run->pool, y->dim[0] * d.oh, grain_of(d.ow * d.n * d.kh * d.kw / 2),
                 depthwise_part, &d);
}
