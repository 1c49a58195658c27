/* rowops_impl.h - sums, products, SwiGLU, norms, rotation, AdamW; included once for AVX2 and once
 * for AVX-512.
 *
 * Rows are split over the pool in parts that do not depend on the number of threads; a row's
 * numbers are made from that row alone, and sums over rows are made in blocks of K_ROW_BLOCK and
 * then added in order.
 */
#include <math.h>
#include <string.h>

#include "tensor/op_params.h"
#include "tensor/ops_impl.h"
#include "x86/rowops.h"
#include "x86/rowvec.h"

/* Numbers a part of an elementwise op: a few microseconds of work. */
#define PART 16384

/* ---- elementwise ---- */

struct elementwise {
    const float *a, *b, *c;
    float *y, *z, factor;
};

static struct elementwise elementwise_of(const struct spn_op_call *c)
{
    struct elementwise e = { .a = c->in[0]->data, .y = c->out[0]->data };

    e.b = c->in[1] != NULL ? c->in[1]->data : NULL;
    e.c = c->in[2] != NULL ? c->in[2]->data : NULL;
    e.z = c->out[1] != NULL ? c->out[1]->data : NULL;
    return e;
}

/* A loop over vectors and one last part of a vector; `at` is the place, `left` the numbers from
 * there on. */
#define EACH_VECTOR(at, left, begin, end) \
    for (int64_t at = begin, left = (end) - (begin); left > 0; at += VW, left -= VW)

static void add_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct elementwise *e = ctx;

    EACH_VECTOR(i, left, begin, end)
    r_put(e->y + i, v_add(r_get(e->a + i, left), r_get(e->b + i, left)), left);
}

static void mul_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct elementwise *e = ctx;

    EACH_VECTOR(i, left, begin, end)
    r_put(e->y + i, v_mul(r_get(e->a + i, left), r_get(e->b + i, left)), left);
}

static void scale_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct elementwise *e = ctx;

    EACH_VECTOR(i, left, begin, end)
    r_put(e->y + i, v_mul(r_get(e->a + i, left), v_set(e->factor)), left);
}

static void silu_mul_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct elementwise *e = ctx;

    EACH_VECTOR(i, left, begin, end)
    {
        vf x = r_get(e->a + i, left);

        r_put(e->y + i, v_mul(v_mul(x, r_sigmoid(x)), r_get(e->b + i, left)), left);
    }
}

/* gate, up, dy -> d gate = dy up (s + x s (1 - s)), d up = dy x s. */
static void silu_mul_grad_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct elementwise *e = ctx;

    EACH_VECTOR(i, left, begin, end)
    {
        vf x = r_get(e->a + i, left), up = r_get(e->b + i, left), dy = r_get(e->c + i, left);
        vf s = r_sigmoid(x), xs = v_mul(x, s);
        vf slope = v_fma(xs, v_sub(v_set(1.0f), s), s);

        r_put(e->y + i, v_mul(v_mul(dy, up), slope), left);
        r_put(e->z + i, v_mul(dy, xs), left);
    }
}

void ROWOP(add)(const struct spn_op_call *c)
{
    struct elementwise e = elementwise_of(c);

    spn_pool_run(c->run->pool, spn_tensor_elems(c->out[0]), 4 * PART, add_part, &e);
}

void ROWOP(mul)(const struct spn_op_call *c)
{
    struct elementwise e = elementwise_of(c);

    spn_pool_run(c->run->pool, spn_tensor_elems(c->out[0]), 4 * PART, mul_part, &e);
}

void ROWOP(scale)(const struct spn_op_call *c)
{
    struct elementwise e = elementwise_of(c);

    e.factor = ((const struct k_scale_params *)c->params)->factor;
    spn_pool_run(c->run->pool, spn_tensor_elems(c->out[0]), 4 * PART, scale_part, &e);
}

void ROWOP(silu_mul)(const struct spn_op_call *c)
{
    struct elementwise e = elementwise_of(c);

    spn_pool_run(c->run->pool, spn_tensor_elems(c->out[0]), PART, silu_mul_part, &e);
}

void ROWOP(silu_mul_grad)(const struct spn_op_call *c)
{
    struct elementwise e = elementwise_of(c);

    spn_pool_run(c->run->pool, spn_tensor_elems(c->out[0]), PART, silu_mul_grad_part, &e);
}

/* ---- sums over rows ---- */

/* y [n] = sum of N_ROWS rows at X. */
static void add_rows(const float *x, int64_t n_rows, int64_t n, float *y)
{
    EACH_VECTOR(j, left, 0, n)
    {
        vf sum = v_zero();

        for (int64_t i = 0; i < n_rows; i++)
            sum = v_add(sum, r_get(x + i * n + j, left));
        r_put(y + j, sum, left);
    }
}

static void sum_rows_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spn_op_call *c = ctx;
    int64_t rows = k_rows(c->in[0]), n = k_cols(c->in[0]);

    for (int64_t b = begin; b < end; b++) {
        int64_t first = b * K_ROW_BLOCK,
                count = rows - first < K_ROW_BLOCK ? rows - first : K_ROW_BLOCK;

        add_rows((const float *)c->in[0]->data + first * n, count, n, (float *)c->scratch + b * n);
    }
}

void ROWOP(sum_rows)(const struct spn_op_call *c)
{
    int64_t rows = k_rows(c->in[0]), n = k_cols(c->in[0]),
            blocks = (rows + K_ROW_BLOCK - 1) / K_ROW_BLOCK;

    spn_pool_run(c->run->pool, blocks, 1 + 4 * PART / (K_ROW_BLOCK * n), sum_rows_part, (void *)c);
    add_rows(c->scratch, blocks, n, c->out[0]->data);
}

/* ---- norms ---- */

static float sum_squares(const float *x, int64_t d)
{
    vf sum = v_zero();

    EACH_VECTOR(j, left, 0, d)
    {
        vf v = r_get(x + j, left);

        sum = v_fma(v, v, sum);
    }
    return r_sum(sum);
}

static void rms_norm_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spn_op_call *c = ctx;
    float eps = ((const struct k_norm_params *)c->params)->eps;
    int64_t d = c->in[1]->dim[0];
    const float *w = c->in[1]->data;

    for (int64_t g = begin; g < end; g++) {
        const float *x = (const float *)c->in[0]->data + g * d;
        float *y = (float *)c->out[0]->data + g * d;
        vf r = v_set(1.0f / sqrtf(sum_squares(x, d) / (float)d + eps));

        EACH_VECTOR(j, left, 0, d)
        r_put(y + j, v_mul(v_mul(r_get(x + j, left), r), r_get(w + j, left)), left);
    }
}

void ROWOP(rms_norm)(const struct spn_op_call *c)
{
    int64_t d = c->in[1]->dim[0];

    spn_pool_run(c->run->pool, spn_tensor_elems(c->in[0]) / d, 1 + 2 * PART / d, rms_norm_part,
                 (void *)c);
}

/* x, w, dy -> dx; the weight's gradient of each block of K_ROW_BLOCK groups goes to its row of the
 * scratch. */
static void rms_norm_grad_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spn_op_call *c = ctx;
    float eps = ((const struct k_norm_params *)c->params)->eps;
    int64_t d = c->in[1]->dim[0], groups = spn_tensor_elems(c->in[0]) / d;
    const float *w = c->in[1]->data;

    for (int64_t b = begin; b < end; b++) {
        float *dw = (float *)c->scratch + b * d;
        int64_t last = (b + 1) * K_ROW_BLOCK < groups ? (b + 1) * K_ROW_BLOCK : groups;

        memset(dw, 0, (size_t)d * sizeof *dw);
        for (int64_t g = b * K_ROW_BLOCK; g < last; g++) {
            const float *x = (const float *)c->in[0]->data + g * d,
                        *dy = (const float *)c->in[2]->data + g * d;
            float *dx = (float *)c->out[0]->data + g * d;
            float r = 1.0f / sqrtf(sum_squares(x, d) / (float)d + eps);
            vf dot = v_zero(), scale = v_set(r), back;

            EACH_VECTOR(j, left, 0, d)
            dot = v_fma(v_mul(r_get(dy + j, left), r_get(w + j, left)), r_get(x + j, left), dot);
            back = v_set(r_sum(dot) * r * r / (float)d);
            EACH_VECTOR(j, left, 0, d)
            {
                vf g_y = r_get(dy + j, left), at = r_get(x + j, left);

                r_put(dx + j, v_mul(scale, v_sub(v_mul(g_y, r_get(w + j, left)), v_mul(at, back))),
                      left);
                r_put(dw + j, v_fma(g_y, v_mul(at, scale), r_get(dw + j, left)), left);
            }
        }
    }
}

void ROWOP(rms_norm_grad)(const struct spn_op_call *c)
{
    int64_t d = c->in[1]->dim[0], groups = spn_tensor_elems(c->in[0]) / d,
            blocks = (groups + K_ROW_BLOCK - 1) / K_ROW_BLOCK;

    spn_pool_run(c->run->pool, blocks, 1 + PART / (K_ROW_BLOCK * d), rms_norm_grad_part, (void *)c);
    add_rows(c->scratch, blocks, d, c->out[1]->data);
}

/* ---- rotation ---- */

/* Pairs (j, j + half). */
static void rotate_halves(const float *x, float *y, const float *cosine, const float *sine,
                          float sign, int64_t half)
{
    EACH_VECTOR(j, left, 0, half)
    {
        vf a = r_get(x + j, left), b = r_get(x + half + j, left);
        vf cs = r_get(cosine + j, left), sn = v_mul(r_get(sine + j, left), v_set(sign));

        r_put(y + j, v_sub(v_mul(a, cs), v_mul(b, sn)), left);
        r_put(y + half + j, v_fma(a, sn, v_mul(b, cs)), left);
    }
}

/* Pairs (2j, 2j + 1). */
static void rotate_neighbours(const float *x, float *y, const float *cosine, const float *sine,
                              float sign, int64_t half)
{
    int64_t j = 0;

    for (; j + VW / 2 <= half; j += VW / 2) {
        vf pair = v_load(x + 2 * j), sn = v_mul(r_twice(sine + j), v_set(sign));

        v_store(y + 2 * j, r_fma_sub_add(pair, r_twice(cosine + j), v_mul(r_swap(pair), sn)));
    }
    for (; j < half; j++) {
        float a = x[2 * j], b = x[2 * j + 1], sn = sine[j] * sign;

        y[2 * j] = a * cosine[j] - b * sn;
        y[2 * j + 1] = a * sn + b * cosine[j];
    }
}

static void rope_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spn_op_call *c = ctx;
    const struct k_rope_params *p = c->params;
    const struct spn_rope *r = &p->rope;
    int64_t width = c->in[0]->dim[1], half = r->n_rot / 2;
    float sign = p->inverse ? -1.0f : 1.0f;

    for (int64_t i = begin; i < end; i++) {
        const float *cosine = (const float *)c->in[1]->data + i * r->n_rot, *sine = cosine + half;

        for (int64_t head = 0; head < width; head += r->head_dim) {
            const float *x = (const float *)c->in[0]->data + i * width + head;
            float *y = (float *)c->out[0]->data + i * width + head;

            if (r->pairs == SPN_ROPE_NEOX)
                rotate_halves(x, y, cosine, sine, sign, half);
            else
                rotate_neighbours(x, y, cosine, sine, sign, half);
            for (int64_t j = r->n_rot; j < r->head_dim; j++)
                y[j] = x[j];
        }
    }
}

void ROWOP(rope)(const struct spn_op_call *c)
{
    spn_pool_run(c->run->pool, c->in[0]->dim[0], 1 + 2 * PART / c->in[0]->dim[1], rope_part,
                 (void *)c);
}

/* ---- the optimiser ---- */

void ROWOP(adamw)(const struct k_adamw_factors *f, int64_t n, float *param, const float *grad,
                  float *exp_avg, float *exp_avg_sq)
{
    EACH_VECTOR(i, left, 0, n)
    {
        vf g = r_get(grad + i, left), m = v_mul(v_set(f->beta1), r_get(exp_avg + i, left));
        vf v = v_mul(v_set(f->beta2), r_get(exp_avg_sq + i, left)), below;

        m = v_fma(v_set(f->take1), g, m);
        v = v_fma(v_mul(v_set(f->take2), g), g, v);
        below = v_fma(r_sqrt(v), v_set(f->root), v_set(f->eps));
        r_put(exp_avg + i, m, left);
        r_put(exp_avg_sq + i, v, left);
        r_put(param + i,
              v_sub(v_mul(r_get(param + i, left), v_set(f->keep)),
                    r_div(v_mul(v_set(f->rate), m), below)),
              left);
    }
}
