/* tiles.h - the kernels behind product.h, one table an instruction set.  Private to libspinney.
 *
 * All tables work on the same packed layout, so a pack outlives a change of the instruction set (tests do that).
 */
#ifndef SPN_TILES_H
#define SPN_TILES_H
#include <stdbool.h>
#include <stdint.h>

/* C [m, n] = alpha * op(A) op(B) + beta * C: see spn_gemm_f32. */
struct k_gemm {
    bool trans_a, trans_b;
    int64_t m, n, k, lda, ldb, ldc;
    float alpha, beta;
    const float *a, *b;
    float *c;
};
typedef void (*k_gemm_fn)(const struct k_gemm *g);

void k_gemm_f32_ref(const struct k_gemm *g);
void k_gemm_f32_avx2(const struct k_gemm *g);
void k_gemm_f32_avx512(const struct k_gemm *g);

#endif
