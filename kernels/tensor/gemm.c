/* gemm.c - general f32 product: the BLAS module when it is open, else our own tiles of the
 * instruction set in use. */
#include "config.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/module.h"
#include "blas/spn_blas.h"
#include "tensor/product.h"
#include "tensor/tiles.h"

static _Atomic(const struct spn_blas_module *) blas_module;
static char blas_name[128] = "none: not opened";

/* C = beta * C: nothing to add.  A beta of 0 writes zeros without reading, as everywhere. */
static void scale_c(const struct k_gemm *g)
{
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            float *c = g->c + i * g->ldc + j;

            *c = g->beta == 0 ? 0.0f : *c * g->beta;
        }
}

static bool gemm_blas(const struct k_gemm *g)
{
    const struct spn_blas_module *blas = atomic_load_explicit(&blas_module, memory_order_acquire);

    if (blas == NULL || spn_isa_get() == SPN_ISA_REF || g->m > INT_MAX || g->n > INT_MAX ||
        g->k > INT_MAX || g->lda > INT_MAX || g->ldb > INT_MAX || g->ldc > INT_MAX)
        return false;
    blas->sgemm(g->trans_a, g->trans_b, (int)g->m, (int)g->n, (int)g->k, g->alpha, g->a,
                (int)g->lda, g->b, (int)g->ldb, g->beta, g->c, (int)g->ldc);
    return true;
}

void spn_gemm_f32(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha,
                  const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                  int64_t ldc)
{
    const struct k_gemm g = {
        .trans_a = trans_a,
        .trans_b = trans_b,
        .m = m,
        .n = n,
        .k = k,
        .lda = lda,
        .ldb = ldb,
        .ldc = ldc,
        .alpha = alpha,
        .beta = beta,
        .a = a,
        .b = b,
        .c = c,
    };

    if (m <= 0 || n <= 0)
        return;
    if (k <= 0) {
        scale_c(&g);
        return;
    }
    if (gemm_blas(&g))
        return;
    k_tiles_get()->gemm(&g);
}

/* OpenBLAS reads its environment while it is loaded.  Releases older than a processor take it for
   an AVX2 machine, which halves the speed; AMD processors with AVX-512 run the SkylakeX kernels
   well.  What the user has set stays. */
static void prepare_environment(void)
{
    const struct spn_cpu *cpu = spn_cpu_get();

    if (cpu->avx512 && strncmp(cpu->name, "AMD", 3) == 0)
        (void)setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    (void)setenv("OPENBLAS_NUM_THREADS", "1", 0);
}

spn_status spn_blas_open(const char *path, struct spn_err *err)
{
    const struct spn_module_head want = { sizeof(struct spn_blas_module), SPN_BLAS_ABI };
    const struct spn_blas_module *blas;
    const void *found = NULL;
    struct spn_err why = SPN_ERR_INIT;
    spn_status st;

    if (atomic_load_explicit(&blas_module, memory_order_acquire) != NULL)
        return SPN_OK;
    prepare_environment();
    st = spn_module_open(&found, "spn_blas", path, want, &why);
    if (st != SPN_OK) {
        snprintf(blas_name, sizeof blas_name, "none: %.100s", why.text);
        return spn_fail(err, st, "%s", why.text);
    }
    blas = found;
    blas->start(blas_name, sizeof blas_name);
    atomic_store_explicit(&blas_module, blas, memory_order_release);
    return SPN_OK;
}

const char *spn_blas_name(void)
{
    return blas_name;
}
