/* spn_blas.h - what the module spn_blas offers libspinney: a data symbol, found by name.
 * Private. */
#ifndef SPN_BLAS_H
#define SPN_BLAS_H
#include <stdbool.h>
#include <stdint.h>
#include "base/module.h"

#define SPN_BLAS_ABI 1

struct spn_blas_module {
    struct spn_module_head head;
    /* One thread from now on; NAME is filled as "OpenBLAS 0.3.21 SkylakeX". */
    void (*start)(char *name, uint32_t room);
    /* C = alpha op(A) op(B) + beta C, row-major; all sizes fit an int. */
    void (*sgemm)(bool trans_a, bool trans_b, int m, int n, int k, float alpha, const float *a,
                  int lda, const float *b, int ldb, float beta, float *c, int ldc);
};

#endif
