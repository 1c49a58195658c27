/* conv.c - convolutions as products: blocks of rows that a filter covers, times the filter. */
#include "config.h"

#include "vision/conv.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "tensor/product.h"

#define BLOCK_FLOATS (INT64_C(96) << 10) /* of one block's covered rows and results */
#define BLOCK_ROWS   144
#define BLOCK_STEP   12 /* rows of a tile */
#define FEW_BLOCKS   4  /* up to these many, the product is split by the filter's panels */

struct conv {
    const struct spn_op_call *c;
    const struct spn_conv *p;
    const struct spn_pack *pack; /* NULL: the filter's own numbers */
    k_finish_fn finish;
    int64_t h, w, cin, oh, ow, o, kh, kw, k; /* k: numbers that one output reads */
    int64_t rows, block, blocks;
    bool direct; /* a row of x is what an output reads */
    float *covered;
    size_t part_floats;
    unsigned char *product_scratch;
    size_t product_bytes;
    atomic_llong next;
};

static int64_t block_rows(int64_t k, int64_t o, bool direct)
{
    int64_t n = BLOCK_FLOATS / (direct ? k + o : k + o / 2) / BLOCK_STEP * BLOCK_STEP;

    return n < BLOCK_STEP ? BLOCK_STEP : n > BLOCK_ROWS ? BLOCK_ROWS : n;
}

static void conv_of(const struct spn_op_call *c, struct conv *v)
{
    const struct spn_tensor *x = c->in[0], *w = c->in[1], *y = c->out[0];
    const struct spn_conv *p = &((const struct k_conv_params *)c->params)->conv;

    memset(v, 0, sizeof *v);
    v->c = c;
    v->p = p;
    v->pack = c->weight[1] != NULL ? c->weight[1]->pack : NULL;
    v->h = x->dim[1];
    v->w = x->dim[2];
    v->cin = x->dim[3];
    v->oh = y->dim[1];
    v->ow = y->dim[2];
    v->o = y->dim[3];
    v->kh = w->dim[1];
    v->kw = w->dim[2];
    v->k = v->kh * v->kw * v->cin;
    v->rows = y->dim[0] * v->oh * v->ow;
    v->direct = v->kh == 1 && v->kw == 1 && p->stride == 1 && p->pad_h == 0 && p->pad_w == 0;
    v->block = block_rows(v->k, v->o, v->direct);
    if (v->rows <= FEW_BLOCKS * v->block)
        v->block = v->rows;
    v->blocks = (v->rows + v->block - 1) / v->block;
    v->part_floats = v->direct ? 0 : (size_t)((v->block * v->k + 15) / 16 * 16);
    v->product_bytes =
        v->pack != NULL ? (spn_product_scratch(v->pack, v->block) + 63) / 64 * 64 : 0;
}

size_t k_scratch_conv(const struct spn_op_call *c)
{
    struct conv v;

    conv_of(c, &v);
    return (v.blocks > 1 ? K_VISION_PARTS : 1) * (v.part_floats * sizeof(float) + v.product_bytes);
}

/* What output ROW reads, in the filter's order; zeros outside the map. */
static void cover_row(const struct conv *v, int64_t row, float *to)
{
    int64_t ox = row % v->ow, oy = row / v->ow % v->oh, b = row / v->ow / v->oh;
    int64_t ix = ox * v->p->stride - v->p->pad_w, first = ix < 0 ? -ix : 0,
            last = v->w - ix < v->kw ? v->w - ix : v->kw;
    const float *x = (const float *)v->c->in[0]->data + b * v->h * v->w * v->cin;
    size_t line = (size_t)(v->kw * v->cin) * sizeof *to;

    for (int64_t ky = 0; ky < v->kh; ky++, to += v->kw * v->cin) {
        int64_t iy = oy * v->p->stride + ky - v->p->pad_h;

        if (iy < 0 || iy >= v->h || last <= first) {
            memset(to, 0, line);
            continue;
        }
        if (first > 0)
            memset(to, 0, (size_t)(first * v->cin) * sizeof *to);
        memcpy(to + first * v->cin, x + (iy * v->w + ix + first) * v->cin,
               (size_t)((last - first) * v->cin) * sizeof *to);
        if (last < v->kw)
            memset(to + last * v->cin, 0, (size_t)((v->kw - last) * v->cin) * sizeof *to);
    }
}

static const float *input_rows(const struct conv *v, int64_t begin, int64_t end, float *covered)
{
    if (v->direct)
        return (const float *)v->c->in[0]->data + begin * v->k;
    for (int64_t r = begin; r < end; r++)
        cover_row(v, r, covered + (r - begin) * v->k);
    return covered;
}

static void finish_rows(const struct conv *v, int64_t begin, int64_t end)
{
    const float *bias = v->c->in[2] != NULL ? v->c->in[2]->data : NULL,
                *more = v->c->in[3] != NULL ? v->c->in[3]->data : NULL;
    float *y = (float *)v->c->out[0]->data + begin * v->o;

    if (v->pack != NULL)
        bias = NULL; /* the product added it */
    if (bias != NULL || more != NULL || v->p->act != SPN_ACT_NONE)
        v->finish(y, bias, more != NULL ? more + begin * v->o : NULL, end - begin, v->o, v->p->act);
}

static void multiply(const struct conv *v, const float *x, int64_t begin, int64_t end,
                     void *scratch, struct spn_pool *pool)
{
    float *y = (float *)v->c->out[0]->data + begin * v->o;

    if (v->pack != NULL)
        spn_product(v->pack, x, v->k, end - begin, v->c->in[2] != NULL ? v->c->in[2]->data : NULL,
                    y, v->o, scratch, pool);
    else
        spn_gemm_f32(false, true, end - begin, v->o, v->k, 1, x, v->k, v->c->in[1]->data, v->k, 0,
                     y, v->o);
}

/* Part I of the workers: it has scratch of its own and takes blocks until none is left. */
static void run_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    struct conv *v = ctx;

    (void)worker;
    for (int64_t part = begin; part < end; part++)
        for (;;) {
            int64_t i = atomic_fetch_add(&v->next, 1), first = i * v->block,
                    last = first + v->block < v->rows ? first + v->block : v->rows;

            if (i >= v->blocks)
                break;
            multiply(v, input_rows(v, first, last, v->covered + (size_t)part * v->part_floats),
                     first, last, v->product_scratch + (size_t)part * v->product_bytes, NULL);
            finish_rows(v, first, last);
        }
}

static void finish_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    finish_rows(ctx, begin, end);
}

void k_conv_tiles(const struct spn_op_call *c, k_finish_fn finish)
{
    struct conv v;
    struct spn_pool *pool = c->run->pool;
    int64_t parts = spn_pool_threads(pool);

    conv_of(c, &v);
    v.finish = finish;
    if (v.blocks == 1)
        parts = 1;
    else if (parts > K_VISION_PARTS)
        parts = K_VISION_PARTS;
    v.covered = c->scratch;
    v.product_scratch = (unsigned char *)c->scratch +
                        (size_t)(v.blocks > 1 ? K_VISION_PARTS : 1) * v.part_floats * sizeof(float);
    if (v.blocks == 1) {
        multiply(&v, input_rows(&v, 0, v.rows, v.covered), 0, v.rows, v.product_scratch, pool);
        spn_pool_run(pool, v.rows, 1 + 65536 / v.o, finish_part, &v);
        return;
    }
    spn_pool_run(pool, parts, 1, run_part, &v);
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

/* The portable finish. */
static void finish_plain(float *y, const float *bias, const float *more, int64_t rows, int64_t n,
                         int act)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < n; j++) {
            float *at = y + r * n + j, x = *at + (bias != NULL ? bias[j] : 0);

            switch (act) {
            case SPN_ACT_RELU:
                x = x > 0 ? x : 0 * x;
                break;
            case SPN_ACT_GELU:
                x = x * (erfcf(-x * 0.70710678f) / 2);
                break;
            case SPN_ACT_SIGMOID:
                x = sigmoid(x);
                break;
            case SPN_ACT_HARD_SIGMOID:
                x = x <= -3 ? 0 : x >= 3 ? 1 : (x + 3) / 6;
                break;
            default:
                break;
            }
            *at = x + (more != NULL ? more[r * n + j] : 0);
        }
}

/* A filter that is packed has no numbers of its own, so the reference cannot run it. */
void k_conv_plain(const struct spn_op_call *c)
{
    if (c->weight[1] != NULL && c->weight[1]->pack != NULL)
        k_conv_tiles(c, finish_plain);
    else
        k_conv_ref_f32(c);
}
