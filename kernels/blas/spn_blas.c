/* spn_blas.c - the module that links OpenBLAS, so that nothing else does: libspinney opens it when
 * training asks for it. */
#include "config.h"

#include <stdio.h>

#include <cblas.h>

#include "blas/spn_blas.h"

static void start(char *name, uint32_t room)
{
    char product[32] = "OpenBLAS", version[32] = "";

    openblas_set_num_threads(1);
    /* The configuration starts "OpenBLAS 0.3.21 "; an unknown form leaves the version out. */
    (void)sscanf(openblas_get_config(), "%31s %31s", product, version);
    snprintf(name, room, "%s %s %s", product, version, openblas_get_corename());
}

static void sgemm(bool trans_a, bool trans_b, int m, int n, int k, float alpha, const float *a,
                  int lda, const float *b, int ldb, float beta, float *c, int ldc)
{
    cblas_sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans,
                trans_b ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

extern const struct spn_blas_module spn_blas_LTX_spn_module;
const struct spn_blas_module spn_blas_LTX_spn_module = {
    .head = { sizeof(struct spn_blas_module), SPN_BLAS_ABI },
    .start = start,
    .sgemm = sgemm,
};
