/* op_matmul.c - which product computes a matmul, and how it is split over the pool. */
#include "config.h"

#include "tensor/op_matmul.h"

#include <string.h>

#include "ref/ref.h"
#include "tensor/ops_impl.h"
#include "tensor/product.h"

/* A part of the work is at least this many multiplications: less costs more to hand out than it
 * saves. */
#define PART_WORK (INT64_C(1) << 24)
#define PART_ROWS 32

/* One product in parts that do not depend on the threads: C [m, n] = op(A) op(B) + beta C, split
 * over m. */
struct gemm {
    bool trans_a, trans_b;
    int64_t m, n, k, lda, ldb, ldc;
    const float *a, *b;
    float beta, *c;
};

static void gemm_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct gemm *g = ctx;
    const float *a = g->trans_a ? g->a + begin : g->a + begin * g->lda;

    spn_gemm_f32(g->trans_a, g->trans_b, end - begin, g->n, g->k, 1, a, g->lda, g->b, g->ldb,
                 g->beta, g->c + begin * g->ldc, g->ldc);
}

static void gemm_run(struct gemm *g, struct spn_pool *pool)
{
    int64_t work = g->n * g->k > 0 ? g->n * g->k : 1, grain = (PART_WORK + work - 1) / work;

    if (g->m == 0 || g->n == 0)
        return;
    grain = (grain + PART_ROWS - 1) / PART_ROWS * PART_ROWS;
    spn_pool_run(pool, g->m, grain, gemm_part, g);
}

static bool packed(const struct spn_op_call *c)
{
    return c->weight[1] != NULL && c->weight[1]->pack != NULL;
}

static void product(const struct spn_op_call *c)
{
    int64_t k = k_cols(c->in[0]), n = k_cols(c->out[0]);

    (c->prepared ? spn_product_prepared
                 : spn_product)(c->weight[1]->pack, c->in[0]->data, k, k_rows(c->in[0]),
                                c->in[2] != NULL ? c->in[2]->data : NULL, c->out[0]->data, n,
                                c->scratch, c->run->pool);
}

bool k_matmul_shares(const struct spn_op_call *a, const struct spn_op_call *b)
{
    return packed(a) && packed(b) && spn_product_shares(a->weight[1]->pack, b->weight[1]->pack);
}

void k_matmul_plain(const struct spn_op_call *c)
{
    if (packed(c))
        product(c);
    else
        k_matmul_ref_f32(c);
}

/* Rows [first, first + n) of the weight as floats, in ROOM. */
static const float *decode_rows(const struct spn_tensor *w, int64_t first, int64_t n, float *room)
{
    uint64_t row_bytes = 0;

    spn_dtype_row_bytes(w->dtype, w->dim[1], &row_bytes);
    for (int64_t i = 0; i < n; i++)
        if (spn_dequant(w->dtype,
                        (const unsigned char *)w->data + (uint64_t)(first + i) * row_bytes,
                        room + i * w->dim[1], w->dim[1], NULL) != SPN_OK)
            memset(room + i * w->dim[1], 0xff,
                   (size_t)w->dim[1] * sizeof *room); /* NaN; the shape rule lets none through */
    return room;
}

void k_matmul_fast(const struct spn_op_call *c)
{
    const struct spn_tensor *w = c->in[1];
    int64_t rows = k_rows(c->in[0]), n = w->dim[0], k = w->dim[1];
    int64_t panel = w->dtype == SPN_F32 ? n : K_PANEL_ROWS;
    float *y = c->out[0]->data;

    if (packed(c)) {
        product(c);
        return;
    }
    for (int64_t i = 0; c->in[2] != NULL && i < rows; i++)
        memcpy(y + i * n, c->in[2]->data, (size_t)n * sizeof *y);
    for (int64_t j = 0; j < n; j += panel) {
        int64_t wide = n - j < panel ? n - j : panel;
        const float *b = w->dtype == SPN_F32 ? w->data : decode_rows(w, j, wide, c->scratch);
        struct gemm g = { false, true, rows, wide, k, k, k, n, c->in[0]->data, b, c->in[2] != NULL,
                          y + j };

        gemm_run(&g, c->run->pool);
    }
}

void k_matmul_dx_fast(const struct spn_op_call *c)
{
    const struct spn_tensor *w = c->in[1];
    int64_t rows = k_rows(c->in[0]), n = w->dim[0], k = w->dim[1];
    int64_t panel = w->dtype == SPN_F32 ? n : K_PANEL_ROWS;

    for (int64_t j = 0; j < n; j += panel) {
        int64_t deep = n - j < panel ? n - j : panel;
        const float *b = w->dtype == SPN_F32 ? w->data : decode_rows(w, j, deep, c->scratch);
        struct gemm g = { false, false, rows,
                          k,     deep,  n,
                          k,     k,     (const float *)c->in[0]->data + j,
                          b,     j > 0, c->out[0]->data };

        gemm_run(&g, c->run->pool);
    }
}

void k_matmul_dw_fast(const struct spn_op_call *c)
{
    int64_t rows = k_rows(c->in[0]), n = c->out[0]->dim[0], k = c->out[0]->dim[1];
    struct gemm g = { true, false,          n, k, rows, n, k, k, c->in[0]->data, c->in[1]->data,
                      0,    c->out[0]->data };

    gemm_run(&g, c->run->pool);
}
