/* attention_store.c - attention over sequence memory: rows of many sequences, each over the keys it
 * may see.
 *
 * Keys are taken in the order of their pages and grouped by position: blocks of
 * SPN_ATTENTION_BLOCK, and K_SPAN of these to a step of the online softmax (Milakov and Gimelshein
 * 2018; the order over blocks as in Dao and others 2022).  The group of a key depends on its
 * position alone, so it does not matter how pages are shared, where a chunk ended, or which rows
 * run beside.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "lm/attention_block.h"
#include "tensor/attention.h"
#include "tensor/half.h"
#include "tensor/product.h"
#include "tensor/store.h"
#include "tensor/tiles.h"

/* Heads have at most DIM_MAX numbers (spn_lm_shape_check). */
enum { BLOCK = SPN_ATTENTION_BLOCK, ROWS_MAX = 16, HEADS_MAX = 32, DIM_MAX = 1024 };

/* Lane J of a block of values, widened from F16 into WIDE where need be. */
static const float *value_of(const struct k_span *s, int b, int j, int dim, int half, float *wide)
{
    size_t bytes = (size_t)dim * (half ? 2 : 4);
    const void *row = s->v[b] != NULL ? (const char *)s->v[b] + (size_t)j * bytes : s->lane_v[b][j];

    if (!half)
        return row;
    spn_dequant(SPN_F16, row, wide, dim, NULL);
    return wide;
}

/* q and lane J of block B. */
static float score(const struct k_attend *a, const float *q, const struct k_span *s, int b, int j,
                   float slope)
{
    const char *k =
        s->k[b] != NULL ? (const char *)s->k[b] + (size_t)j * (a->half ? 2 : 4) : s->lane_k[b][j];
    float dot[2] = { 0, 0 }, sum;

    for (int d = 0; d < a->dim_k; d++)
        dot[d % 2] +=
            q[d] * (a->half ? spn_f32_of_f16(((const uint16_t *)(const void *)k)[d * BLOCK])
                            : ((const float *)(const void *)k)[d * BLOCK]);
    sum = (dot[0] + dot[1]) * a->scale;
    sum = a->softcap > 0 ? a->softcap * tanhf(sum / a->softcap) : sum;
    return sum + slope * (float)(s->first[b] + j - a->pos);
}

static void attend_row(const struct k_attend *a, const struct k_span *s)
{
    float wide[DIM_MAX];

    for (int h = 0; h < a->heads; h++) {
        float *y = a->y + (int64_t)h * a->dim_v, p[K_SPAN][BLOCK], max = a->max[h], alpha;

        for (int b = 0; b < s->n; b++)
            for (int j = 0; j < BLOCK; j++) {
                if (!(s->mask[b] >> j & 1))
                    continue;
                p[b][j] = score(a, a->q + (int64_t)h * a->dim_k, s, b, j,
                                a->slope != NULL ? a->slope[h] : 0);
                if (!(p[b][j] <= max))
                    max = p[b][j];
            }
        alpha = a->max[h] > -INFINITY ? expf(a->max[h] - max) : 0;
        a->sum[h] *= alpha;
        for (int d = 0; d < a->dim_v; d++)
            y[d] *= alpha;
        for (int b = 0; b < s->n; b++)
            for (int j = 0; j < BLOCK; j++) {
                const float *v;
                float w;

                if (!(s->mask[b] >> j & 1))
                    continue;
                v = value_of(s, b, j, a->dim_v, a->half, wide);
                w = expf(p[b][j] - max);
                a->sum[h] += w;
                for (int d = 0; d < a->dim_v; d++)
                    y[d] += w * v[d];
            }
        a->max[h] = max;
    }
}

void k_attend_ref(const struct k_attend *a, const struct k_span *s, const struct k_attend *b,
                  const struct k_span *t)
{
    attend_row(a, s);
    if (b != NULL)
        attend_row(b, t);
}

static k_attend_fn kernel(bool latent)
{
    if (latent)
        return k_attend_latent;
#ifdef HAVE_X86
    switch (spn_isa_get()) {
    case SPN_ISA_AVX512:
        return k_attend_avx512;
    case SPN_ISA_AVX2:
        return k_attend_avx2;
    case SPN_ISA_REF:
        break;
    }
#endif
    return k_attend_ref;
}

void lm_halve(const float *x, int64_t n, uint16_t *y)
{
#ifdef HAVE_X86
    switch (spn_isa_get()) {
    case SPN_ISA_AVX512:
        k_halve_avx512(x, n, y);
        return;
    case SPN_ISA_AVX2:
        k_halve_avx2(x, n, y);
        return;
    case SPN_ISA_REF:
        break;
    }
#endif
    for (int64_t i = 0; i < n; i++)
        y[i] = spn_f16_of_f32(x[i]);
}

struct job {
    const struct spn_attention *a;
    const struct spn_rows *rows;
    struct spn_store *store;
    const float *q, *sinks; /* sinks [heads], NULL: none */
    float *y;
    k_attend_fn attend;
    int heads_of_kv;  /* query heads that read one kv head */
    int heads, parts; /* a kv head's query heads are done HEADS at a time, in PARTS */
    int64_t chunk;    /* rows of an item */
};

/* One row of an item while its blocks pass: the span under way, and which blocks of positions it
   holds. */
struct row {
    struct spn_keys keys;
    struct k_attend state;
    int32_t r, pos;
    struct k_span span;
    int32_t block[K_SPAN];
};

static size_t elem_size(const struct k_attend *a)
{
    return a->half ? 2 : 4;
}

static void flush(const struct job *j, struct row *w)
{
    if (w->span.n > 0)
        j->attend(&w->state, &w->span, NULL, NULL);
    w->span.n = 0;
}

/* A place in the span for the keys of position block BLOCK; what is there already is worked off
   when BLOCK lies in another span or comes again. */
static int place(const struct job *j, struct row *w, int32_t block)
{
    int n = w->span.n;

    if (n > 0 &&
        (n == K_SPAN || w->block[n - 1] >= block || w->block[0] / K_SPAN != block / K_SPAN))
        flush(j, w);
    n = w->span.n++;
    w->block[n] = block;
    w->span.mask[n] = 0;
    w->span.first[n] = block * BLOCK;
    return n;
}

/* What the lanes outside the mask point to: any key, so that they may be read. */
static void fill_lanes(struct k_span *s, int b, const void *k, const void *v)
{
    for (int i = 0; i < BLOCK; i++) {
        s->lane_k[b][i] = k;
        s->lane_v[b][i] = v;
    }
}

/* Is batch row CANDIDATE the row R itself or one of its ancestors?  A parent comes before its
 * children. */
static bool on_path(const int32_t *parent, int32_t r, int32_t candidate)
{
    while (r > candidate)
        r = parent[r];
    return r == candidate;
}

static bool visible(const struct job *j, const struct row *w, int64_t block, int64_t i)
{
    int32_t pos = w->keys.pos[block][i];

    if (j->a->whole)
        return true;
    if (j->a->window > 0 && w->pos - pos >= j->a->window)
        return false;
    if (w->keys.row != NULL && j->rows->parent != NULL && w->keys.row[block][i] >= 0)
        return on_path(j->rows->parent, w->r, w->keys.row[block][i]);
    return pos <= w->pos;
}

/* Is this block of rising positions the usual one: key j at position 32 n + j? */
static bool plain_page(const int32_t *pos, int64_t count)
{
    return pos[0] % BLOCK == 0 && pos[count - 1] - pos[0] == count - 1;
}

static uint32_t first_bits(int64_t n)
{
    return n >= BLOCK ? UINT32_MAX : n <= 0 ? 0 : ((uint32_t)1 << n) - 1;
}

/* Block BLOCK_NO of a row's keys. */
static void step(const struct job *j, struct row *w, int64_t block, int kv_head)
{
    int64_t count = w->keys.n - block * BLOCK < BLOCK ? w->keys.n - block * BLOCK : BLOCK;
    const int32_t *pos = w->keys.pos[block];
    size_t elem = elem_size(&w->state), bytes_k = (size_t)w->state.dim_k * elem;
    size_t bytes_v = (size_t)w->state.dim_v * elem;
    const char *k = (const char *)w->keys.k[block] + (size_t)kv_head * BLOCK * bytes_k;
    const char *v = (const char *)w->keys.v[block] + (size_t)kv_head * BLOCK * bytes_v;

    if (w->keys.row == NULL &&
        (w->keys.dense || (w->keys.ordered && plain_page(pos, count) &&
                           (w->span.n == 0 || w->block[w->span.n - 1] != pos[0] / BLOCK)))) {
        /* Of dense keys no position is read: it would bring a cache line for each block. */
        int32_t first = w->keys.dense ? (int32_t)(block * BLOCK) : pos[0];
        int64_t seen = j->a->whole ? count : (int64_t)w->pos - first + 1;
        uint32_t mask = first_bits(seen < count ? seen : count);
        int b;

        if (j->a->window > 0 && !j->a->whole)
            mask &= ~first_bits(seen - j->a->window);
        if (mask == 0)
            return;
        b = place(j, w, first / BLOCK);
        w->span.mask[b] = mask;
        w->span.k[b] = k;
        w->span.v[b] = v;
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        int lane = pos[i] % BLOCK, b = w->span.n - 1;

        if (!visible(j, w, block, i))
            continue;
        if (b < 0 || w->block[b] != pos[i] / BLOCK || w->span.k[b] != NULL ||
            (w->span.mask[b] >> lane & 1) != 0) {
            b = place(j, w, pos[i] / BLOCK);
            w->span.k[b] = w->span.v[b] = NULL;
            fill_lanes(&w->span, b, k + (size_t)i * elem, v + (size_t)i * bytes_v);
        }
        w->span.mask[b] |= (uint32_t)1 << lane;
        w->span.lane_k[b][lane] = k + (size_t)i * elem;
        w->span.lane_v[b][lane] = v + (size_t)i * bytes_v;
    }
}

/* Blocks BEGIN to END of a row's keys, all of one span, into W's span.  No position is read: it
   would bring a cache line for each block. */
static void dense_span(struct row *w, int64_t begin, int64_t end, int kv_head)
{
    size_t elem = elem_size(&w->state);
    size_t at_k = (size_t)kv_head * BLOCK * (size_t)w->state.dim_k * elem;
    size_t at_v = (size_t)kv_head * BLOCK * (size_t)w->state.dim_v * elem;
    int n = 0;

    for (int64_t b = begin; b < end; b++, n++) {
        int64_t count = w->keys.n - b * BLOCK, seen = (int64_t)w->pos - b * BLOCK + 1;

        if (count <= 0 || seen <= 0)
            break;
        w->span.first[n] = (int32_t)(b * BLOCK);
        w->span.mask[n] = first_bits(seen < count ? seen : count);
        w->span.k[n] = (const char *)w->keys.k[b] + at_k;
        w->span.v[n] = (const char *)w->keys.v[b] + at_v;
    }
    w->span.n = n;
}

/* Blocks BEGIN to END, all of one span, for N rows.  Two rows with as many blocks go together. */
static void steps(const struct job *j, struct row *w, int n, int64_t begin, int64_t end,
                  int kv_head)
{
    struct row *held = NULL;

    for (int i = 0; i < n; i++) {
        if (!w[i].keys.dense || w[i].keys.row != NULL || j->a->window > 0 || j->a->whole) {
            for (int64_t b = begin; b < end && b * BLOCK < w[i].keys.n; b++)
                step(j, &w[i], b, kv_head);
            continue;
        }
        dense_span(&w[i], begin, end, kv_head);
        if (w[i].span.n == 0)
            continue;
        if (held != NULL && held->span.n == w[i].span.n) {
            j->attend(&held->state, &held->span, &w[i].state, &w[i].span);
            held->span.n = w[i].span.n = 0;
            held = NULL;
            continue;
        }
        if (held != NULL)
            flush(j, held);
        held = &w[i];
    }
    if (held != NULL)
        flush(j, held);
}

/* The inner loop is one that compilers make vectors of. */
static void scale(float *y, int n, float factor)
{
    int d = 0;

    for (; d + 8 <= n; d += 8)
        for (int i = 0; i < 8; i++)
            y[d + i] *= factor;
    for (; d < n; d++)
        y[d] *= factor;
}

/* What a head's values are multiplied by where a sink shares the softmax whose sum over exp(score -
   MAX) is SUM. */
static float under_sink(float max, float sum, float sink)
{
    if (!(sum != 0))
        return 0;
    return sink > max ? expf(max - sink) / (sum * expf(max - sink) + 1)
                      : 1 / (sum + expf(sink - max));
}

/* Some rows with some query heads of one kv head: block after block, all rows of the item, so that
   a page that several rows read (of one prompt, or of sequences with a common prefix) is fetched
   once. */
static void item(const struct job *j, int64_t first, int64_t end, int kv_head, int head, int heads)
{
    const struct spn_attention *a = j->a;
    int n = (int)(end - first);
    struct row w[ROWS_MAX];
    float max[ROWS_MAX][HEADS_MAX], sum[ROWS_MAX][HEADS_MAX], slope[HEADS_MAX];
    int64_t blocks = 0;

    for (int h = 0; h < heads && a->alibi > 0; h++)
        slope[h] = spn_alibi_slope(a->alibi, a->heads, head + h);
    for (int i = 0; i < n; i++) {
        int64_t r = first + i;

        j->store->ops->keys(j->store, a->layer, j->rows->seq[r], &w[i].keys);
        w[i].r = (int32_t)r;
        w[i].pos = j->rows->pos[r];
        w[i].span.n = 0;
        w[i].state = (struct k_attend){
            .heads = heads,
            .dim_k = a->dim_k,
            .dim_v = a->dim_v,
            .half = w[i].keys.dtype == SPN_F16,
            .scale = a->scale,
            .softcap = a->softcap,
            .slope = a->alibi > 0 ? slope : NULL,
            .pos = w[i].pos,
            .q = j->q + (r * a->heads + head) * a->dim_k,
            .y = j->y + (r * a->heads + head) * a->dim_v,
            .max = max[i],
            .sum = sum[i],
        };
        memset(w[i].state.y, 0, (size_t)heads * (size_t)a->dim_v * sizeof(float));
        for (int h = 0; h < heads; h++) {
            max[i][h] = -INFINITY;
            sum[i][h] = 0;
        }
        if ((w[i].keys.n + BLOCK - 1) / BLOCK > blocks)
            blocks = (w[i].keys.n + BLOCK - 1) / BLOCK;
    }
    for (int64_t b = 0; b < blocks; b += K_SPAN)
        steps(j, w, n, b, b + K_SPAN < blocks ? b + K_SPAN : blocks, kv_head);
    for (int i = 0; i < n; i++) {
        flush(j, &w[i]);
        for (int h = 0; h < heads; h++) {
            float *y = w[i].state.y + (size_t)h * (size_t)a->dim_v;
            float part = sum[i][h] != 0 ? 1 / sum[i][h] : 0;

            if (j->sinks != NULL)
                part = under_sink(max[i][h], sum[i][h], j->sinks[head + h]);
            scale(y, a->dim_v, part);
        }
    }
}

static void run_items(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct job *j = ctx;

    for (int64_t i = begin; i < end; i++) {
        int64_t part = i % j->parts, kv_head = i / j->parts % j->a->heads_kv,
                chunk = i / j->parts / j->a->heads_kv;
        int64_t first = chunk * j->chunk,
                last = first + j->chunk < j->rows->n ? first + j->chunk : j->rows->n;
        int heads = (int)part * j->heads + j->heads <= j->heads_of_kv
                        ? j->heads
                        : j->heads_of_kv - (int)part * j->heads;

        item(j, first, last, (int)kv_head, (int)kv_head * j->heads_of_kv + (int)part * j->heads,
             heads);
    }
}

/* Multiply-adds of all rows, where a key's place is its number. */
static int64_t work_of(const struct spn_attention *a, const struct spn_rows *rows)
{
    int64_t keys = 0;

    for (int64_t r = 0; r < rows->n; r++) {
        int64_t seen = (int64_t)rows->pos[r] + 1;

        keys += a->window > 0 && a->window < seen ? a->window : seen;
    }
    return keys * a->heads * (a->dim_k + a->dim_v);
}

void spn_attention_store_f32(const struct spn_op_call *c)
{
    const struct spn_attention *a = c->params;
    const struct spn_rows *rows = c->run->batch;
    struct job j = {
        .a = a,
        .rows = rows,
        .store = c->run->store,
        .q = c->in[0]->data,
        .sinks = c->in[3] != NULL ? c->in[3]->data : NULL,
        .y = c->out[0]->data,
        .attend = kernel(a->latent),
        .heads_of_kv = a->heads / a->heads_kv,
    };
    struct spn_pool *pool = work_of(a, rows) < k_tiles_get()->share_min ? NULL : c->run->pool;
    int64_t items, enough = 2 * spn_pool_threads(pool);

    if (rows->n == 0 ||
        j.store->ops->append(j.store, a->layer, rows, c->in[1]->data, c->in[2]->data) != SPN_OK)
        return;
    j.heads = j.heads_of_kv < HEADS_MAX ? j.heads_of_kv : HEADS_MAX;
    j.parts = (j.heads_of_kv + j.heads - 1) / j.heads;
    /* Results do not depend on how rows are dealt out: large chunks share pages, small ones give
     * every thread work. */
    for (j.chunk = ROWS_MAX; j.chunk > 1; j.chunk /= 2) {
        items = (rows->n + j.chunk - 1) / j.chunk * a->heads_kv * j.parts;
        if (items >= enough)
            break;
    }
    items = (rows->n + j.chunk - 1) / j.chunk * a->heads_kv * j.parts;
    spn_pool_run(pool, items, 1, run_items, &j);
}
