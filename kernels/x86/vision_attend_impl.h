/* vision_attend_impl.h - attention of maps: blocks of queries of all heads, so that the heads can
 * be mixed where their scores lie. */

#define HEADS_MAX 64

struct attending {
    const struct spn_attend *a;
    int64_t nq, nk, q_width, v_width, block, blocks;
    const float *q, *k, *v, *bias, *mix1, *mix2;
    float *y, *kept, *scratch;
    atomic_llong next;
};

/* S [heads][rows][nk]: scores of ROW, columns from J on, of all heads become MIX of them. */
VEC_INLINE void mix_heads(float *s, int64_t head_step, const float *mix, const int heads,
                          int64_t left)
{
    vf in[HEADS_MAX];

    for (int h = 0; h < heads; h++)
        in[h] = r_get(s + h * head_step, left);
    for (int h = 0; h < heads; h++) {
        const float *m = mix + h * (heads + 1);
        vf sum = v_set(m[heads]);

        for (int g = 0; g < heads; g++)
            sum = v_fma(v_set(m[g]), in[g], sum);
        r_put(s + h * head_step, sum, left);
    }
}

static void mix_rows(float *s, int64_t rows, int64_t nk, int64_t head_step, const float *mix,
                     int heads)
{
    for (int64_t r = 0; r < rows; r++)
        EACH(j, left, nk)
        {
            if (heads == 8)
                mix_heads(s + r * nk + j, head_step, mix, 8, left);
            else
                mix_heads(s + r * nk + j, head_step, mix, heads, left);
        }
}

/* Bias added (BIAS may be NULL) in place. */
static void add_bias(float *s, const float *bias, int64_t n)
{
    if (bias != NULL)
        EACH(j, left, n)
    r_put(s + j, v_add(r_get(s + j, left), r_get(bias + j, left)), left);
}

static void soft_row(float *s, int64_t n)
{
    vf top = v_set(s[0]), sum = v_zero(), scale;
    float largest;

    EACH(j, left, n)
    top = r_max(top, r_first(r_get(s + j, left), top, left));
    largest = r_top(top);
    EACH(j, left, n)
    {
        vf e = r_exp(v_sub(r_get(s + j, left), v_set(largest)));

        sum = v_add(sum, r_first(e, v_zero(), left));
        r_put(s + j, e, left);
    }
    scale = v_set(1.0f / r_sum(sum));
    EACH(j, left, n)
    r_put(s + j, v_mul(r_get(s + j, left), scale), left);
}

static void attend_block(const struct attending *t, int64_t block, float *s)
{
    int heads = t->a->heads, dk = t->a->dim_k, dv = t->a->dim_v;
    int64_t blocks = (t->nq + t->block - 1) / t->block, b = block / blocks,
            first = block % blocks * t->block,
            rows = t->nq - first < t->block ? t->nq - first : t->block, step = t->block * t->nk;

    for (int h = 0; h < heads; h++) {
        float *sh = s + h * step;

        spn_gemm_f32(false, true, rows, t->nk, dk, t->a->scale,
                     t->q + (b * t->nq + first) * t->q_width + h * dk, t->q_width,
                     t->k + b * t->nk * t->q_width + h * dk, t->q_width, 0, sh, t->nk);
        add_bias(sh, t->bias != NULL ? t->bias + (h * t->nq + first) * t->nk : NULL, rows * t->nk);
    }
    if (t->mix1 != NULL)
        mix_rows(s, rows, t->nk, step, t->mix1, heads);
    for (int h = 0; h < heads; h++)
        for (int64_t r = 0; r < rows; r++) {
            soft_row(s + h * step + r * t->nk, t->nk);
            if (t->kept != NULL)
                memcpy(t->kept + ((b * heads + h) * t->nq + first + r) * t->nk,
                       s + h * step + r * t->nk, (size_t)t->nk * sizeof *s);
        }
    if (t->mix2 != NULL)
        mix_rows(s, rows, t->nk, step, t->mix2, heads);
    for (int h = 0; h < heads; h++)
        spn_gemm_f32(false, false, rows, dv, t->nk, 1, s + h * step, t->nk,
                     t->v + b * t->nk * t->v_width + h * dv, t->v_width, 0,
                     t->y + (b * t->nq + first) * t->v_width + h * dv, t->v_width);
}

static void attend_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct attending *t = ctx;

    (void)worker;
    for (int64_t part = begin; part < end; part++)
        for (;;) {
            int64_t i = atomic_fetch_add(&t->next, 1);

            if (i >= t->blocks)
                break;
            attend_block(t, i, t->scratch + part * t->a->heads * t->block * t->nk);
        }
}

void ROWOP(map_attend)(const struct spn_op_call *c)
{
    const struct spn_attend *a = c->params;
    int64_t parts = spn_pool_threads(c->run->pool);
    struct attending t = { .a = a,
                           .nq = k_places(c->in[0]),
                           .nk = k_places(c->in[1]),
                           .q_width = c->in[0]->dim[3],
                           .v_width = c->in[2]->dim[3],
                           .q = c->in[0]->data,
                           .k = c->in[1]->data,
                           .v = c->in[2]->data,
                           .bias = c->in[3] != NULL ? c->in[3]->data : NULL,
                           .mix1 = c->in[4] != NULL ? c->in[4]->data : NULL,
                           .mix2 = c->in[5] != NULL ? c->in[5]->data : NULL,
                           .y = c->out[0]->data,
                           .kept = a->keep ? c->out[1]->data : NULL,
                           .scratch = c->scratch };

    t.block = k_attend_block(a, t.nk);
    t.blocks = c->in[0]->dim[0] * ((t.nq + t.block - 1) / t.block);
    spn_pool_run(c->run->pool, parts < K_VISION_PARTS ? parts : K_VISION_PARTS, 1, attend_part, &t);
}
