/* product.c - y = x W^T + bias with packed weights: which kernel, who does which panels. */
#include "config.h"

#include <string.h>

#include "base/cpu.h"
#include "tensor/half.h"
#include "tensor/pack.h"

/* Activations that one thread prepares in the time it takes to wake another. */
#define PREPARE_MIN 50000
/* Rows a worker takes when there are too few panels to go round: a multiple of all tile heights. */
#define ROW_CHUNK 48

const struct k_tiles *k_tiles_get(void)
{
    switch (spn_isa_get()) {
#ifdef HAVE_X86
    case SPN_ISA_AVX512:
        return &k_tiles_avx512;
    case SPN_ISA_AVX2:
        return spn_cpu_get()->avx_vnni ? &k_tiles_avxvnni : &k_tiles_avx2;
#endif
    default:
        return &k_tiles_ref;
    }
}

/* What happens to activations first. */
enum prepare { PREPARE_NONE, PREPARE_INT8, PREPARE_BF16 };

static enum prepare prepare_of(const struct spn_pack *p)
{
    if (p->act == SPN_ACT_F32)
        return PREPARE_NONE;
    return p->form > K_FORM_BF16    ? PREPARE_INT8
           : p->form == K_FORM_BF16 ? PREPARE_BF16
                                    : PREPARE_NONE;
}

static size_t row_scratch(const struct spn_pack *p)
{
    switch (prepare_of(p)) {
    case PREPARE_INT8:
        return (size_t)(p->k / 32) * sizeof(struct k_act);
    case PREPARE_BF16:
        return (size_t)p->k * sizeof(float) + sizeof(float);
    default:
        return 0;
    }
}

size_t spn_product_scratch(const struct spn_pack *p, int64_t rows)
{
    size_t row = row_scratch(p);

    return row > 0 ? row * (size_t)rows + 64 : 0;
}

struct job {
    struct k_product q;
    k_product_fn kernel;
    const struct k_tiles *tiles;
    enum prepare prepare;
    bool pairs; /* bf16 in pairs, else rounded floats */
    void *scratch;
    int64_t panel_step, row_step, panel_parts;
};

static void round_row(const struct job *job, int64_t r)
{
    const struct k_product *q = &job->q;
    const float *x = q->x + r * q->ldx;

    if (job->pairs) {
        uint32_t *out = (uint32_t *)job->scratch + r * q->ld_pairs;

        for (int64_t i = 0; i + 1 < q->k; i += 2)
            out[i / 2] = spn_bf16_of_f32(x[i]) | (uint32_t)spn_bf16_of_f32(x[i + 1]) << 16;
        if (q->k % 2 != 0)
            out[q->k / 2] = spn_bf16_of_f32(x[q->k - 1]);
    } else {
        float *out = (float *)job->scratch + r * q->k;

        for (int64_t i = 0; i < q->k; i++)
            out[i] = spn_f32_of_bf16(spn_bf16_of_f32(x[i]));
    }
}

static void prepare_rows(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct job *job = ctx;
    int64_t blocks = job->q.k / 32;

    (void)worker;
    for (int64_t r = begin; r < end; r++) {
        if (job->prepare == PREPARE_INT8)
            job->tiles->quantize(job->q.x + r * job->q.ldx, blocks,
                                 (struct k_act *)job->scratch + r * blocks);
        else
            round_row(job, r);
    }
}

/* Parts are numbered by chunks of rows, then of panels. */
static void run_parts(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct job *job = ctx;
    int64_t panels = (job->q.n + K_PANEL - 1) / K_PANEL;

    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        int64_t r = i / job->panel_parts * job->row_step,
                first = i % job->panel_parts * job->panel_step;
        int64_t last = first + job->panel_step < panels ? first + job->panel_step : panels;
        struct k_product q = job->q;

        if (q.rows - r > job->row_step)
            q.rows = r + job->row_step;
        q.rows -= r;
        if (q.x != NULL)
            q.x += r * q.ldx;
        if (q.act != NULL)
            q.act += r * (q.k / 32);
        if (q.pairs != NULL)
            q.pairs += r * q.ld_pairs;
        q.y += r * q.ldy;
        job->kernel(&q, first, last);
    }
}

/* Choose the kernel, and point it at what prepare_rows will write. */
static void choose(struct job *job, const struct spn_pack *p)
{
    const struct k_tiles *t = job->tiles = k_tiles_get();

    job->prepare = prepare_of(p);
    job->kernel = job->prepare == PREPARE_INT8 ? t->by_int8[p->form] : t->by_f32[p->form];
    if (job->prepare == PREPARE_BF16 && t->bf16_pairs != NULL && spn_cpu_get()->avx512_bf16) {
        job->pairs = true;
        job->kernel = t->bf16_pairs;
        job->q.ld_pairs = (p->k + 1) / 2;
    }
}

static void use_prepared(struct job *job)
{
    struct k_product *q = &job->q;

    if (job->prepare == PREPARE_INT8) {
        q->act = job->scratch;
        q->x = NULL;
    } else if (job->pairs) {
        q->pairs = job->scratch;
        q->x = NULL;
    } else if (job->prepare == PREPARE_BF16) {
        q->x = job->scratch;
        q->ldx = q->k;
    }
}

bool spn_product_shares(const struct spn_pack *a, const struct spn_pack *b)
{
    return a->k == b->k && prepare_of(a) != PREPARE_NONE && prepare_of(a) == prepare_of(b);
}

static void product(const struct spn_pack *p, const float *x, int64_t ldx, int64_t rows,
                    const float *bias, float *y, int64_t ldy, void *scratch, bool prepared,
                    struct spn_pool *pool)
{
    struct job job = {
        .q = { .w = p->data,
               .panel_bytes = p->panel_bytes,
               .n = p->n,
               .k = p->k,
               .rows = rows,
               .x = x,
               .ldx = ldx,
               .bias = bias,
               .y = y,
               .ldy = ldy },
        .panel_step = p->panels,
        .row_step = rows,
        .panel_parts = 1,
    };
    int64_t threads = spn_pool_threads(pool), parts = 1;

    if (rows <= 0)
        return;
    choose(&job, p);
    if (rows * p->k * p->n < job.tiles->share_min)
        pool = NULL, threads = 1;
    if (job.prepare != PREPARE_NONE) {
        job.scratch = (void *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
        if (!prepared)
            spn_pool_run(rows * p->k < PREPARE_MIN ? NULL : pool, rows, 8, prepare_rows, &job);
        use_prepared(&job);
    }
    if (threads > 1) {
        /* About four parts a thread; a part of four panels lets the 1-row kernels run four chains
         * at once. */
        job.panel_step = (p->panels + 4 * threads - 1) / (4 * threads);
        if (job.panel_step > 4)
            job.panel_step = (job.panel_step + 3) / 4 * 4;
        job.panel_parts = (p->panels + job.panel_step - 1) / job.panel_step;
        if (job.panel_parts < 2 * threads)
            job.row_step = ROW_CHUNK;
        parts = job.panel_parts * ((rows + job.row_step - 1) / job.row_step);
    }
    spn_pool_run(pool, parts, 1, run_parts, &job);
}

void spn_product(const struct spn_pack *p, const float *x, int64_t ldx, int64_t rows,
                 const float *bias, float *y, int64_t ldy, void *scratch, struct spn_pool *pool)
{
    product(p, x, ldx, rows, bias, y, ldy, scratch, false, pool);
}

void spn_product_prepared(const struct spn_pack *p, const float *x, int64_t ldx, int64_t rows,
                          const float *bias, float *y, int64_t ldy, void *scratch,
                          struct spn_pool *pool)
{
    product(p, x, ldx, rows, bias, y, ldy, scratch, true, pool);
}
