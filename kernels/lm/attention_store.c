/* attention_store.c - attention over sequence memory: rows of many sequences, each over the keys it
 * may see.
 *
 * Keys are taken in the order of their pages and grouped by position / SPN_ATTENTION_BLOCK: one
 * group is one step of the online softmax (Milakov and Gimelshein 2018; the order over blocks as in
 * Dao and others 2022).  The group of a key depends on its position alone, so it does not matter
 * how pages are shared, where a chunk ended, or which rows run beside.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "lm/attention_block.h"
#include "tensor/attention.h"
#include "tensor/product.h"
#include "tensor/store.h"

/* Heads have at most DIM_MAX numbers (spn_lm_shape_check). */
enum { BLOCK = SPN_ATTENTION_BLOCK, ROWS_MAX = 16, HEADS_MAX = 32, DIM_MAX = 1024 };

/* Row J of a block, widened from F16 into WIDE where need be. */
static const float *row_of(const void *block, int j, int dim, int half, float *wide)
{
    if (!half)
        return (const float *)block + (size_t)j * (size_t)dim;
    spn_dequant(SPN_F16, (const uint16_t *)block + (size_t)j * (size_t)dim, wide, dim, NULL);
    return wide;
}

void k_attend_ref(const struct k_attend *a, const void *k, const void *v, uint32_t mask)
{
    float wide[DIM_MAX];

    for (int h = 0; h < a->heads; h++) {
        const float *q = a->q + (int64_t)h * a->dim_k;
        float *y = a->y + (int64_t)h * a->dim_v;
        float s[BLOCK], max = a->max[h], alpha;

        for (int j = 0; j < BLOCK; j++) {
            const float *key;
            float dot = 0;

            if (!(mask >> j & 1))
                continue;
            key = row_of(k, j, a->dim_k, a->half, wide);
            for (int d = 0; d < a->dim_k; d++)
                dot += q[d] * key[d];
            s[j] = dot * a->scale;
            if (a->softcap > 0)
                s[j] = a->softcap * tanhf(s[j] / a->softcap);
            if (!(s[j] <= max))
                max = s[j];
        }
        alpha = a->max[h] > -INFINITY ? expf(a->max[h] - max) : 0;
        a->sum[h] *= alpha;
        for (int d = 0; d < a->dim_v; d++)
            y[d] *= alpha;
        for (int j = 0; j < BLOCK; j++) {
            const float *value;
            float p;

            if (!(mask >> j & 1))
                continue;
            value = row_of(v, j, a->dim_v, a->half, wide);
            p = expf(s[j] - max);
            a->sum[h] += p;
            for (int d = 0; d < a->dim_v; d++)
                y[d] += p * value[d];
        }
        a->max[h] = max;
    }
}

static k_attend_fn kernel(void)
{
#ifdef HAVE_X86
    switch (spn_isa_get()) {
    case SPN_ISA_AVX512: return k_attend_avx512;
    case SPN_ISA_AVX2: return k_attend_avx2;
    case SPN_ISA_REF: break;
    }
#endif
    return k_attend_ref;
}

struct job {
    const struct spn_attention *a;
    const struct spn_rows *rows;
    struct spn_store *store;
    const float *q;
    float *y;
    k_attend_fn attend;
    int heads_of_kv;  /* query heads that read one kv head */
    int heads, parts; /* a kv head's query heads are done HEADS at a time, in PARTS */
    int64_t chunk;    /* rows of an item */
};

/* One row of an item while its blocks pass. */
struct row {
    struct spn_keys keys;
    struct k_attend state;
    int32_t r, pos;
    /* A group whose keys do not lie in one page in order: where each lane's key and value are. */
    const void *k[BLOCK], *v[BLOCK];
    uint32_t mask;
    int32_t group;
};

static size_t elem_size(const struct k_attend *a) { return a->half ? 2 : 4; }

/* The lanes of a group are laid out as a page is. Apart from the page's own path, for the stack. */
__attribute__((noinline)) static void flush_group(const struct job *j, struct row *w)
{
    _Alignas(64) float k[BLOCK * DIM_MAX], v[BLOCK * DIM_MAX];
    size_t bytes_k = (size_t)w->state.dim_k * elem_size(&w->state);
    size_t bytes_v = (size_t)w->state.dim_v * elem_size(&w->state);

    for (int i = 0; i < BLOCK; i++) {
        /* What lies in the other lanes is read but does not count. */
        bool here = (w->mask >> i & 1) != 0;

        if (here) {
            memcpy((char *)k + (size_t)i * bytes_k, w->k[i], bytes_k);
            memcpy((char *)v + (size_t)i * bytes_v, w->v[i], bytes_v);
        } else {
            memset((char *)k + (size_t)i * bytes_k, 0, bytes_k);
            memset((char *)v + (size_t)i * bytes_v, 0, bytes_v);
        }
    }
    j->attend(&w->state, k, v, w->mask);
    w->mask = 0;
}

static void flush(const struct job *j, struct row *w)
{
    if (w->mask != 0)
        flush_group(j, w);
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

    if (j->a->window > 0 && w->pos - pos >= j->a->window)
        return false;
    if (w->keys.row != NULL && j->rows->parent != NULL && w->keys.row[block][i] >= 0)
        return on_path(j->rows->parent, w->r, w->keys.row[block][i]);
    return pos <= w->pos;
}

/* Is this page in the usual order: key j at position 32 n + j? */
static bool plain_page(const int32_t *pos, int64_t count)
{
    bool plain = pos[0] % BLOCK == 0;

    for (int64_t i = 1; i < count; i++)
        plain = plain && pos[i] == pos[0] + i;
    return plain;
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
    size_t bytes_k = (size_t)w->state.dim_k * elem_size(&w->state);
    size_t bytes_v = (size_t)w->state.dim_v * elem_size(&w->state);
    const char *k = (const char *)w->keys.k[block] + (size_t)kv_head * BLOCK * bytes_k;
    const char *v = (const char *)w->keys.v[block] + (size_t)kv_head * BLOCK * bytes_v;

    if (w->keys.row == NULL && plain_page(pos, count) &&
        (w->mask == 0 || w->group != pos[0] / BLOCK)) {
        int64_t seen = (int64_t)w->pos - pos[0] + 1;
        uint32_t mask = first_bits(seen < count ? seen : count);

        if (j->a->window > 0)
            mask &= ~first_bits(seen - j->a->window);
        flush(j, w);
        if (mask != 0)
            j->attend(&w->state, k, v, mask);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        int lane = pos[i] % BLOCK;

        if (!visible(j, w, block, i))
            continue;
        if (w->mask != 0 && (w->group != pos[i] / BLOCK || (w->mask >> lane & 1) != 0))
            flush(j, w);
        w->group = pos[i] / BLOCK;
        w->mask |= (uint32_t)1 << lane;
        w->k[lane] = k + (size_t)i * bytes_k;
        w->v[lane] = v + (size_t)i * bytes_v;
    }
}

/* Some rows with some query heads of one kv head: block after block, all rows of the item, so that
   a page that several rows read (of one prompt, or of sequences with a common prefix) is fetched
   once. */
static void item(const struct job *j, int64_t first, int64_t end, int kv_head, int head, int heads)
{
    const struct spn_attention *a = j->a;
    int n = (int)(end - first);
    struct row w[ROWS_MAX];
    float max[ROWS_MAX][HEADS_MAX], sum[ROWS_MAX][HEADS_MAX];
    int64_t blocks = 0;

    for (int i = 0; i < n; i++) {
        int64_t r = first + i;

        j->store->ops->keys(j->store, a->layer, j->rows->seq[r], &w[i].keys);
        w[i].r = (int32_t)r;
        w[i].pos = j->rows->pos[r];
        w[i].mask = 0;
        w[i].group = 0;
        w[i].state = (struct k_attend){
            .heads = heads,
            .dim_k = a->dim_k,
            .dim_v = a->dim_v,
            .half = w[i].keys.dtype == SPN_F16,
            .scale = a->scale,
            .softcap = a->softcap,
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
    for (int64_t b = 0; b < blocks; b++)
        for (int i = 0; i < n; i++)
            if (b * BLOCK < w[i].keys.n)
                step(j, &w[i], b, kv_head);
    for (int i = 0; i < n; i++) {
        flush(j, &w[i]);
        for (int h = 0; h < heads; h++)
            for (int d = 0; d < a->dim_v; d++)
                w[i].state.y[h * a->dim_v + d] = sum[i][h] != 0
                                                     ? w[i].state.y[h * a->dim_v + d] / sum[i][h]
                                                     : 0;
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

void spn_attention_store_f32(const struct spn_op_call *c)
{
    const struct spn_attention *a = c->params;
    const struct spn_rows *rows = c->run->batch;
    struct job j = {
        .a = a,
        .rows = rows,
        .store = c->run->store,
        .q = c->in[0]->data,
        .y = c->out[0]->data,
        .attend = kernel(),
        .heads_of_kv = a->heads / a->heads_kv,
    };
    int64_t items, enough = 2 * spn_pool_threads(c->run->pool);

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
    spn_pool_run(c->run->pool, items, 1, run_items, &j);
}
