/* product.h - products with weights: packed tiles whose rows never depend on each other, and general f32 GEMM for training.
 *
 * Rule 7: one accumulation order over k a type, shared by the 1-row and the n-row kernels, whatever the threads.
 * Layout and register budget: panels of 32 weight rows (see x86/).
 */
#ifndef SPN_PRODUCT_H
#define SPN_PRODUCT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"
#include "tensor/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the activations are multiplied as: f32 (weights are widened in registers), or int8 a block of 32 with one f32 scale
   each (the stated int8 arithmetic of quantised types; for f32, f16 and bf16 weights SPN_ACT_INT8 means their own). */
enum spn_act { SPN_ACT_F32, SPN_ACT_INT8 };

struct spn_pack;
/* Pack W [n, k] (any type that spn_dtype_info says decodes) for the instruction set in use. W's data may go away afterwards. */
spn_status spn_pack_new(struct spn_pack **out, const struct spn_tensor *w, enum spn_act act, struct spn_pool *pool, struct spn_err *err);
void       spn_pack_free(struct spn_pack *p);            /* NULL is fine */
uint64_t   spn_pack_bytes(const struct spn_pack *p);     /* what the packed form takes in memory = what one decode step reads */
int64_t    spn_pack_rows(const struct spn_pack *p);      /* n */
int64_t    spn_pack_cols(const struct spn_pack *p);      /* k */

/* Scratch for a product of ROWS rows (activations packed to int8 or panels). */
size_t     spn_product_scratch(const struct spn_pack *p, int64_t rows);
/* y [rows, n] (row stride ldy) = x [rows, k] (row stride ldx) W^T + bias [n] (NULL: none). */
void       spn_product(const struct spn_pack *p, const float *x, int64_t ldx, int64_t rows, const float *bias,
                       float *y, int64_t ldy, void *scratch, struct spn_pool *pool);
/* The same by the plain reference of the same arithmetic (ref/), on one thread: the judge. */
void       spn_product_ref(const struct spn_tensor *w, enum spn_act act, const float *x, int64_t ldx, int64_t rows,
                           const float *bias, float *y, int64_t ldy);

/* C [m, n] = alpha * op(A) op(B) + beta * C, row-major; op = transpose where asked.  OpenBLAS when the module spn_blas is
   there (one thread inside our pool), else our own tiles.  Same bytes for the same call on one build and machine. */
void       spn_gemm_f32(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                        const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
/* Open the BLAS module (path of spn_blas.so; NULL: the installed place). SPN_ENOTFOUND with the reason when it is absent. */
spn_status spn_blas_open(const char *path, struct spn_err *err);
const char *spn_blas_name(void);                         /* "OpenBLAS 0.3.21 SkylakeX", or "none: why" */

/* Blocks to floats and back, one row of N elements (N a multiple of the block). */
spn_status spn_dequant(int dtype, const void *src, float *dst, int64_t n, struct spn_err *err);
spn_status spn_quant(int dtype, const float *src, void *dst, int64_t n, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
