/* rowattend_impl.h - causal attention of rows among themselves and its gradient, for examples that
 * lie one after another; included once for AVX2 and once for AVX-512, after rowops_impl.h.
 *
 * A block of at most SPN_ATTENTION_BLOCK keys is transposed once (lane = key) and met by tiles of
 * TILE query rows (online softmax, Milakov and Gimelshein 2018; the gradient recomputes the weights
 * from the log-sum, as Dao et al. 2022).  A lane's score is one chain of multiply-adds over the
 * width, sums over lanes are one fixed tree, keys that a row must not see have weight 0.
 */
#include "tensor/op_attention.h"

#define BLOCK SPN_ATTENTION_BLOCK
#define LANES (BLOCK / VW) /* vectors of a block */
#if VW == 16
#define TILE 4 /* 8 accumulators of scores */
#else
#define TILE 2
#endif

struct attend {
    const struct spn_op_call *c;
    const struct spn_attention *a;
    const struct k_examples *examples;
    int64_t wide_q, wide_k, wide_v, wide_y; /* row strides */
    float *dot;                             /* gradient: dy y of each row and head */
};

/* src [count, width] of row stride LDS -> dst [width][BLOCK], lanes past COUNT zero. */
static void block_transpose(const float *src, int64_t lds, int64_t count, int64_t width, float *dst)
{
    if (count < BLOCK)
        memset(dst, 0, (size_t)width * BLOCK * sizeof *dst);
    for (int64_t j = 0; j < count; j += 8) {
        int64_t d = 0;

        for (; count - j >= 8 && d + 8 <= width; d += 8)
            transpose_8x8(src + j * lds + d, lds, dst + d * BLOCK + j, BLOCK);
        for (; d < width; d++)
            for (int64_t t = j; t < j + 8 && t < count; t++)
                dst[d * BLOCK + t] = src[t * lds + d];
    }
}

/* out[i][lanes] = sum over d of x_i[d] t[d][lanes], for n rows of stride LDX; n is a constant at
 * each call. */
VEC_INLINE void lanes_of(const float *x, int64_t ldx, const int n, const float *t, int64_t width,
                         vf out[TILE][LANES])
{
#pragma GCC unroll 4
    for (int i = 0; i < n; i++)
#pragma GCC unroll 4
        for (int h = 0; h < LANES; h++)
            out[i][h] = v_zero();
    for (int64_t d = 0; d < width; d++) {
        vf lane[LANES];

#pragma GCC unroll 4
        for (int h = 0; h < LANES; h++)
            lane[h] = v_load(t + d * BLOCK + h * VW);
#pragma GCC unroll 4
        for (int i = 0; i < n; i++) {
            vf s = v_set(x[i * ldx + d]);

#pragma GCC unroll 4
            for (int h = 0; h < LANES; h++)
                out[i][h] = v_fma(s, lane[h], out[i][h]);
        }
    }
}

/* y_i[d] = scale_i y_i[d] + sum over keys j < count of p[i][j] v[j][d], WIDE vectors of d at a time
 * (a constant). */
VEC_INLINE void mix_columns(const float p[TILE][BLOCK], const float *scale, const int n,
                            const float *v, int64_t ldv, int64_t count, float *y, int64_t ldy,
                            const int wide)
{
    vf acc[TILE][4];

#pragma GCC unroll 4
    for (int i = 0; i < n; i++)
#pragma GCC unroll 4
        for (int h = 0; h < wide; h++)
            acc[i][h] = v_mul(v_load(y + i * ldy + h * VW), v_set(scale[i]));
    for (int64_t j = 0; j < count; j++) {
        vf row[4];

#pragma GCC unroll 4
        for (int h = 0; h < wide; h++)
            row[h] = v_load(v + j * ldv + h * VW);
#pragma GCC unroll 4
        for (int i = 0; i < n; i++) {
            vf s = v_set(p[i][j]);

#pragma GCC unroll 4
            for (int h = 0; h < wide; h++)
                acc[i][h] = v_fma(s, row[h], acc[i][h]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < n; i++)
#pragma GCC unroll 4
        for (int h = 0; h < wide; h++)
            v_store(y + i * ldy + h * VW, acc[i][h]);
}

VEC_INLINE void mix(const float p[TILE][BLOCK], const float *scale, const int n, const float *v,
                    int64_t ldv, int64_t count, float *y, int64_t ldy, int64_t width)
{
    int64_t d = 0;

    for (; d + LANES * VW <= width; d += LANES * VW)
        mix_columns(p, scale, n, v + d, ldv, count, y + d, ldy, LANES);
    for (; d < width; d += VW)
        mix_columns(p, scale, n, v + d, ldv, count, y + d, ldy, 1);
}

/* t[d][lanes] += sum over the tile's rows of x_i[d] w[i][lanes]. */
VEC_INLINE void spread(const float *x, int64_t ldx, const int n, vf w[TILE][LANES], int64_t width,
                       float *t)
{
    for (int64_t d = 0; d < width; d++) {
        vf lane[LANES];

#pragma GCC unroll 4
        for (int h = 0; h < LANES; h++)
            lane[h] = v_load(t + d * BLOCK + h * VW);
#pragma GCC unroll 4
        for (int i = 0; i < n; i++) {
            vf s = v_set(x[i * ldx + d]);

#pragma GCC unroll 4
            for (int h = 0; h < LANES; h++)
                lane[h] = v_fma(s, w[i][h], lane[h]);
        }
#pragma GCC unroll 4
        for (int h = 0; h < LANES; h++)
            v_store(t + d * BLOCK + h * VW, lane[h]);
    }
}

/* Hides the lanes that row ROW must not see of the COUNT keys from KEY: those past itself, those
 * that the window has left, and those that hold no key. */
VEC_INLINE vf seen(vf score, vf hidden, int64_t row, int64_t key, int64_t count, int window, int h)
{
    int64_t upto = row - key + 1 < count ? row - key + 1 : count;

    score = r_first(score, hidden, upto - h * VW);
    if (window > 0)
        score = r_first(hidden, score, row - window + 1 - key - h * VW);
    return score;
}

/* The tile of N rows from ROW, one head, against the keys KEY .. KEY + COUNT - 1. */
VEC_INLINE void forward_tile(const struct attend *t, int64_t row, const int n, int head,
                             int64_t key, int64_t count, const float *k_lanes, const float *v,
                             float *top, float *sum)
{
    const struct spn_attention *a = t->a;
    const float *q = (const float *)t->c->in[0]->data + row * t->wide_q + (int64_t)head * a->dim_k;
    float *y = (float *)t->c->out[0]->data + row * t->wide_y + (int64_t)head * a->dim_v;
    float p[TILE][BLOCK], shrink[TILE];
    vf s[TILE][LANES];

    lanes_of(q, t->wide_q, n, k_lanes, a->dim_k, s);
#pragma GCC unroll 4
    for (int i = 0; i < n; i++) {
        float *m = top + i * a->heads + head, *l = sum + i * a->heads + head, above = *m;
        vf best = v_set(-INFINITY), total = v_zero();

#pragma GCC unroll 4
        for (int h = 0; h < LANES; h++) {
            s[i][h] = seen(v_mul(s[i][h], v_set(a->scale)), v_set(-INFINITY), row + i, key, count,
                           a->window, h);
            best = r_max(best, s[i][h]);
        }
        above = fmaxf(above, r_top(best));
        if (above == -INFINITY) { /* the window has not reached this block */
            memset(p[i], 0, sizeof p[i]);
            shrink[i] = 1;
            continue;
        }
#pragma GCC unroll 4
        for (int h = 0; h < LANES; h++) {
            vf e = r_exp(v_sub(s[i][h], v_set(above)));

            v_store(p[i] + h * VW, e);
            total = v_add(total, e);
        }
        shrink[i] = *m == above ? 1 : expf(*m - above);
        *l = *l * shrink[i] + r_sum(total);
        *m = above;
    }
    mix(p, shrink, n, v, t->wide_v, count, y, t->wide_y, a->dim_v);
}

/* Keys of block number B of an example: blocks begin at multiples of BLOCK positions. */
static bool block_of(const struct k_example *e, int64_t b, int64_t *key, int64_t *count)
{
    int64_t first = e->pos % BLOCK, begin = b * BLOCK - first, end = begin + BLOCK;

    begin = begin < 0 ? 0 : begin;
    end = end > e->rows ? e->rows : end;
    *key = e->row + begin;
    *count = end - begin;
    return begin < end;
}

/* Rows of one example for the query heads of one kv head. */
static void forward_group(const struct attend *t, const struct k_example *e, int group)
{
    const struct spn_attention *a = t->a;
    int share = a->heads / a->heads_kv;
    float k_lanes[K_ATTEND_WIDTH_MAX * BLOCK];
    float *y = t->c->out[0]->data, *top = t->c->out[1]->data, *sum = t->dot;
    int64_t key, count, end = e->row + e->rows;

    for (int64_t i = e->row; i < end; i++) {
        for (int head = group * share; head < (group + 1) * share; head++) {
            memset(y + i * t->wide_y + (int64_t)head * a->dim_v, 0, (size_t)a->dim_v * sizeof *y);
            top[i * a->heads + head] = -INFINITY;
            sum[i * a->heads + head] = 0;
        }
    }
    for (int64_t b = 0; block_of(e, b, &key, &count); b++) {
        const float *k =
            (const float *)t->c->in[1]->data + key * t->wide_k + (int64_t)group * a->dim_k;
        const float *v =
            (const float *)t->c->in[2]->data + key * t->wide_v + (int64_t)group * a->dim_v;
        int64_t last =
            a->window > 0 && end > key + count + a->window ? key + count + a->window : end;

        block_transpose(k, t->wide_k, count, a->dim_k, k_lanes);
        for (int head = group * share; head < (group + 1) * share; head++) {
            int64_t i = key;

            for (; i + TILE <= last; i += TILE)
                forward_tile(t, i, TILE, head, key, i + TILE - key < count ? i + TILE - key : count,
                             k_lanes, v, top + i * a->heads, sum + i * a->heads);
            for (; i < last; i++)
                forward_tile(t, i, 1, head, key, i + 1 - key < count ? i + 1 - key : count, k_lanes,
                             v, top + i * a->heads, sum + i * a->heads);
        }
    }
    for (int64_t i = e->row; i < end; i++) {
        for (int head = group * share; head < (group + 1) * share; head++) {
            float *at = y + i * t->wide_y + (int64_t)head * a->dim_v, l = sum[i * a->heads + head];

            EACH_VECTOR(d, left, 0, a->dim_v)
            r_put(at + d, r_div(r_get(at + d, left), v_set(l)), left);
            top[i * a->heads + head] += logf(l);
        }
    }
}

static void forward_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct attend *t = ctx;

    for (int64_t i = begin; i < end; i++)
        forward_group(t, &t->examples->item[i / t->a->heads_kv], (int)(i % t->a->heads_kv));
}

static struct attend attend_of(const struct spn_op_call *c, struct k_examples *examples)
{
    const struct spn_attention *a = c->params;
    struct attend t = { .c = c, .a = a, .examples = examples };

    t.wide_q = (int64_t)a->heads * a->dim_k;
    t.wide_k = (int64_t)a->heads_kv * a->dim_k;
    t.wide_v = (int64_t)a->heads_kv * a->dim_v;
    t.wide_y = (int64_t)a->heads * a->dim_v;
    t.dot = (float *)(examples->item + c->in[0]->dim[0]);
    return t;
}

void ROWOP(attention_rows)(const struct spn_op_call *c)
{
    struct k_examples examples;
    struct attend t;

    if (c->in[3] != NULL || !k_attention_examples(c, VW, &examples)) { /* sinks: the plain way */
        k_attention_plain(c);
        return;
    }
    t = attend_of(c, &examples);
    spn_pool_run(c->run->pool, examples.n * t.a->heads_kv, 1, forward_part, &t);
}

/* ---- gradient ---- */

/* What one block of keys holds while the query rows pass: keys and values by lane, and their
 * gradients. */
struct back_block {
    float k[K_ATTEND_WIDTH_MAX * BLOCK], v[K_ATTEND_WIDTH_MAX * BLOCK];
    float dk[K_ATTEND_WIDTH_MAX * BLOCK], dv[K_ATTEND_WIDTH_MAX * BLOCK];
};

VEC_INLINE void backward_tile(const struct attend *t, int64_t row, const int n, int head,
                              int64_t key, int64_t count, struct back_block *b, const float *k)
{
    const struct spn_attention *a = t->a;
    const float *q = (const float *)t->c->in[0]->data + row * t->wide_q + (int64_t)head * a->dim_k;
    const float *dy = (const float *)t->c->in[5]->data + row * t->wide_y + (int64_t)head * a->dim_v;
    const float *log_sum = (const float *)t->c->in[4]->data + row * a->heads + head,
                *dot = t->dot + row * a->heads + head;
    float *dq = (float *)t->c->out[0]->data + row * t->wide_q + (int64_t)head * a->dim_k;
    float ds_of[TILE][BLOCK], one[TILE] = { 0 };
    vf p[TILE][LANES], ds[TILE][LANES];

    lanes_of(q, t->wide_q, n, b->k, a->dim_k, p);
    lanes_of(dy, t->wide_y, n, b->v, a->dim_v, ds);
#pragma GCC unroll 4
    for (int i = 0; i < n; i++) {
        one[i] = 1;
#pragma GCC unroll 4
        for (int h = 0; h < LANES; h++) {
            vf e = r_exp(v_sub(v_mul(p[i][h], v_set(a->scale)), v_set(log_sum[i * a->heads])));

            p[i][h] = seen(e, v_zero(), row + i, key, count, a->window, h);
            ds[i][h] =
                v_mul(v_mul(p[i][h], v_sub(ds[i][h], v_set(dot[i * a->heads]))), v_set(a->scale));
            v_store(ds_of[i] + h * VW, ds[i][h]);
        }
    }
    spread(dy, t->wide_y, n, p, a->dim_v, b->dv);
    spread(q, t->wide_q, n, ds, a->dim_k, b->dk);
    mix(ds_of, one, n, k, t->wide_k, count, dq, t->wide_q, a->dim_k);
}

/* t [width][BLOCK] -> dst [count, width] of row stride LDD. */
static void lanes_back(const float *t, int64_t width, int64_t count, float *dst, int64_t ldd)
{
    for (int64_t d = 0; d < width; d += 8) {
        int64_t j = 0;

        for (; width - d >= 8 && j + 8 <= count; j += 8)
            transpose_8x8(t + d * BLOCK + j, BLOCK, dst + j * ldd + d, ldd);
        for (; j < count; j++)
            for (int64_t i = d; i < d + 8 && i < width; i++)
                dst[j * ldd + i] = t[i * BLOCK + j];
    }
}

static void backward_group(const struct attend *t, const struct k_example *e, int group)
{
    const struct spn_attention *a = t->a;
    const struct spn_op_call *c = t->c;
    int share = a->heads / a->heads_kv;
    struct back_block b;
    int64_t key, count, end = e->row + e->rows;

    for (int64_t i = e->row; i < end; i++) {
        for (int head = group * share; head < (group + 1) * share; head++) {
            int64_t at = i * t->wide_y + (int64_t)head * a->dim_v;
            const float *y = (const float *)c->in[3]->data + at,
                        *dy = (const float *)c->in[5]->data + at;
            vf dot = v_zero();

            EACH_VECTOR(d, left, 0, a->dim_v)
            dot = v_fma(r_get(y + d, left), r_get(dy + d, left), dot);
            t->dot[i * a->heads + head] = r_sum(dot);
            memset((float *)c->out[0]->data + i * t->wide_q + (int64_t)head * a->dim_k, 0,
                   (size_t)a->dim_k * sizeof(float));
        }
    }
    for (int64_t n = 0; block_of(e, n, &key, &count); n++) {
        int64_t at_k = key * t->wide_k + (int64_t)group * a->dim_k,
                at_v = key * t->wide_v + (int64_t)group * a->dim_v;
        const float *k = (const float *)c->in[1]->data + at_k;
        int64_t last =
            a->window > 0 && end > key + count + a->window ? key + count + a->window : end;

        block_transpose(k, t->wide_k, count, a->dim_k, b.k);
        block_transpose((const float *)c->in[2]->data + at_v, t->wide_v, count, a->dim_v, b.v);
        memset(b.dk, 0, (size_t)a->dim_k * BLOCK * sizeof(float));
        memset(b.dv, 0, (size_t)a->dim_v * BLOCK * sizeof(float));
        for (int head = group * share; head < (group + 1) * share; head++) {
            int64_t i = key;

            for (; i + TILE <= last; i += TILE)
                backward_tile(t, i, TILE, head, key,
                              i + TILE - key < count ? i + TILE - key : count, &b, k);
            for (; i < last; i++)
                backward_tile(t, i, 1, head, key, i + 1 - key < count ? i + 1 - key : count, &b, k);
        }
        lanes_back(b.dk, a->dim_k, count, (float *)c->out[1]->data + at_k, t->wide_k);
        lanes_back(b.dv, a->dim_v, count, (float *)c->out[2]->data + at_v, t->wide_v);
    }
}

static void backward_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct attend *t = ctx;

    for (int64_t i = begin; i < end; i++)
        backward_group(t, &t->examples->item[i / t->a->heads_kv], (int)(i % t->a->heads_kv));
}

void ROWOP(attention_rows_grad)(const struct spn_op_call *c)
{
    struct k_examples examples;
    struct attend t;

    if (!k_attention_examples(c, VW, &examples)) {
        k_attention_grad_plain(c);
        return;
    }
    t = attend_of(c, &examples);
    spn_pool_run(c->run->pool, examples.n * t.a->heads_kv, 1, backward_part, &t);
}
