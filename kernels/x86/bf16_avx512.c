/* bf16_avx512.c - bf16 weights times bf16 activations, two k a lane (AVX512_BF16). */
#include "config.h"

#include "x86/unit.h"

#define BF16_ROWS 12

/* NR rows of x from R on, NP panels from U on. */
VEC_INLINE void bf16_tile(const struct k_product *q, int64_t u, int64_t r, const int nr,
                          const int np)
{
    const int64_t ld = q->ld_pairs;
    const uint32_t *x[4];
    const uint8_t *w[4];
    vf acc[BF16_ROWS][4][2];

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        x[i] = q->pairs + (r + (3 * i < nr ? 3 * i : 0)) * ld;
        w[i] = unit_panel(q, u + (i < np ? i : 0));
    }
#pragma GCC unroll 12
    for (int i = 0; i < nr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < np; j++)
            acc[i][j][0] = acc[i][j][1] = v_zero();
    for (int64_t p = 0; p < ld; p++) {
#pragma GCC unroll 4
        for (int j = 0; j < np; j++) {
            vi lo = vi_load(w[j] + p * 128), hi = vi_load(w[j] + p * 128 + 64);

#pragma GCC unroll 12
            for (int i = 0; i < nr; i++) {
                vi b = vi_set((int32_t)x[i / 3][i % 3 * ld + p]);

                acc[i][j][0] = _mm512_dpbf16_ps(acc[i][j][0], (__m512bh)lo, (__m512bh)b);
                acc[i][j][1] = _mm512_dpbf16_ps(acc[i][j][1], (__m512bh)hi, (__m512bh)b);
            }
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < nr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < np; j++)
            unit_store(q, u + j, r + i, acc[i][j][0], acc[i][j][1]);
}

void k_product_bf16_pairs_avx512(const struct k_product *q, int64_t begin, int64_t end)
{
    int64_t u = begin;

    if (q->rows == 1)
        for (; u + 4 <= end; u += 4)
            bf16_tile(q, u, 0, 1, 4);
    for (; u < end; u++) {
        int64_t r = 0;

        for (; r + BF16_ROWS <= q->rows; r += BF16_ROWS)
            bf16_tile(q, u, r, BF16_ROWS, 1);
        for (; r + 8 <= q->rows; r += 8)
            bf16_tile(q, u, r, 8, 1);
        for (; r + 4 <= q->rows; r += 4)
            bf16_tile(q, u, r, 4, 1);
        for (; r + 2 <= q->rows; r += 2)
            bf16_tile(q, u, r, 2, 1);
        if (r < q->rows)
            bf16_tile(q, u, r, 1, 1);
    }
}
