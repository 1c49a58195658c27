/* product_gemm.c - general f32 product in plain C: the judge of the tiles, and what a processor
 * without AVX2 runs. */
#include "config.h"

#include "tensor/tiles.h"

/* A strip of C at a time in double, so that the sum does not depend on how the compiler orders
 * it. */
#define STRIP 64

void k_gemm_f32_ref(const struct k_gemm *g)
{
    double sum[STRIP];

    for (int64_t i = 0; i < g->m; i++) {
        for (int64_t j0 = 0; j0 < g->n; j0 += STRIP) {
            int64_t cols = g->n - j0 < STRIP ? g->n - j0 : STRIP;

            for (int64_t j = 0; j < cols; j++)
                sum[j] = 0;
            for (int64_t p = 0; p < g->k; p++) {
                double x = g->trans_a ? g->a[p * g->lda + i] : g->a[i * g->lda + p];
                const float *b = g->trans_b ? g->b + j0 * g->ldb + p : g->b + p * g->ldb + j0;
                int64_t step = g->trans_b ? g->ldb : 1;

                for (int64_t j = 0; j < cols; j++)
                    sum[j] += x * b[j * step];
            }
            for (int64_t j = 0; j < cols; j++) {
                float *c = g->c + i * g->ldc + j0 + j;

                *c = (float)(g->alpha * sum[j] + (g->beta != 0 ? (double)g->beta * *c : 0.0));
            }
        }
    }
}
