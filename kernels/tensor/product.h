/* product.h - products with weights: packed tiles whose rows never depend on each other, and the
 * general f32 product for training.
 *
 * Rule 7: one accumulation order over k a type, shared by the 1-row and the n-row kernels, whatever
 * the threads.  Packed layout: tiles.h.
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

/* What the activations are multiplied as.
 *
 * SPN_ACT_F32: every weight is widened to what spn_dequant gives; a result is one chain of (fused,
 * where the instruction set has it) multiply-adds over k in order, from 0; then the bias is added.
 *
 * SPN_ACT_INT8, for the quantised weights.  Each row of x is cut into blocks of 32
 * along k:
 *
 *     d = max |x| / 127      in f32
 *     q = x * (1 / d)        in f32, to the nearest integer, ties to even, -127 to 127; all 0 when
 *                            d is no normal number
 *
 * A block that holds a NaN or an infinity has d = NaN and q = 0, so it shows in its own row only.
 * With s the weights' scale (d of the block, or the f32 product of the block's d and the
 * sub-block's integer), m their min (q4_1, q5_1, q2_K, q4_K, q5_K) and w their integers (levels of
 * iq4 and mxfp4), so that value = s * w - m, in k order from acc = 0, every step rounded to f32
 * once:
 *
 *     acc = fma(sum of w * q over the block, s * d, acc)
 *     acc = fma(-(d * sum of q), m, acc)                     (types with a min)
 *
 * q2_K, q3_K and q6_K have two scales a block: the first line twice, over halves of 16; q2_K has
 * two mins: then the second line twice, over the same halves.
 *
 * The sums are exact integers, so all instruction sets give the same bytes.
 *
 * For bf16 weights SPN_ACT_INT8 means activations rounded to bf16; f32, f16 and types without a
 * kernel of their own (packed as f32) multiply f32 activations.
 */
enum spn_act { SPN_ACT_F32, SPN_ACT_INT8 };

struct spn_pack;
/* Pack W [n, k], rows of any stride, of any type that spn_dtype_info says decodes.  W's data may go
   away afterwards. SPN_EFORMAT: the type does not decode, or k is not whole blocks of it. */
spn_status spn_pack_new(struct spn_pack **out, const struct spn_tensor *w, enum spn_act act,
                        struct spn_pool *pool, struct spn_err *err);
void spn_pack_free(struct spn_pack *p);            /* NULL is fine */
/* What the packed form takes in memory, which is what one decode step reads. */
uint64_t spn_pack_bytes(const struct spn_pack *p);
int64_t spn_pack_rows(const struct spn_pack *p);   /* n */
int64_t spn_pack_cols(const struct spn_pack *p);   /* k */

/* Bytes of scratch for a product of ROWS rows (activations as int8 or bf16; 0 when there is none,
 * scratch may be NULL then). */
size_t spn_product_scratch(const struct spn_pack *p, int64_t rows);
/* y [rows, n] (row stride ldy) = x [rows, k] (row stride ldx) W^T + bias [n] (NULL: none). */
void spn_product(const struct spn_pack *p, const float *x, int64_t ldx, int64_t rows,
                 const float *bias, float *y, int64_t ldy, void *scratch, struct spn_pool *pool);
/* The same where the call before, of pack A on the same rows, has left its scratch and
   spn_product_shares(A, P): the activations are not made again. */
void spn_product_prepared(const struct spn_pack *p, const float *x, int64_t ldx, int64_t rows,
                          const float *bias, float *y, int64_t ldy, void *scratch,
                          struct spn_pool *pool);
bool spn_product_shares(const struct spn_pack *a, const struct spn_pack *b);
/* The same by the plain reference of the same arithmetic (ref/), on one thread: the judge. */
void spn_product_ref(const struct spn_tensor *w, enum spn_act act, const float *x, int64_t ldx,
                     int64_t rows, const float *bias, float *y, int64_t ldy);

/* C [m, n] = alpha * op(A) op(B) + beta * C, row-major; op = transpose where asked.  OpenBLAS when
   the module spn_blas is there (one thread inside our pool), else our own tiles.  Same bytes for
   the same call on one build and machine. */
void spn_gemm_f32(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha,
                  const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                  int64_t ldc);
/* Open the BLAS module (path of spn_blas.so; NULL: the installed place). SPN_ENOTFOUND with the
 * reason when it is absent. */
spn_status spn_blas_open(const char *path, struct spn_err *err);
const char *spn_blas_name(void); /* "OpenBLAS 0.3.21 SkylakeX", or "none: why" */

/* Blocks to floats and back, one row of N elements (N a multiple of the block). */
spn_status spn_dequant(int dtype, const void *src, float *dst, int64_t n, struct spn_err *err);
spn_status spn_quant(int dtype, const float *src, void *dst, int64_t n, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
