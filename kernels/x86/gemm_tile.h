/* gemm_tile.h - body of the general f32 product; included once for AVX2 and once for AVX-512.
 *
 * B is packed as panels of 32 columns, [kc][32], at most GEMM_NC columns at a time: that block
 * stays in L2 while all rows of A pass.  A row-major A is broadcast from where it lies; a
 * transposed one is copied to [kc][rows of a tile] first, because its column steps would fall on
 * few cache sets.  The blocks over k depend on k alone, and each element of C is one chain of fused
 * multiply-adds a block: the same call gives the same bytes, and a row of C does not depend on m.
 */
#include <string.h>

#include "base/mem.h"
#include "tensor/tiles.h"
#include "x86/vec.h"

#if VW == 16
#define GEMM_MR 12 /* 24 accumulators, 2 of B, 1 broadcast of 32 registers */
#else
#define GEMM_MR 6 /* 12 accumulators, 2 of B, 1 broadcast of 16 registers */
#endif
#define GEMM_NR 32
#define GEMM_KC 256
#define GEMM_NC 512

/* Where a tile reads and writes. A's element (i, p) is a[i * a_row + p * a_step]. */
struct gemm_at {
    const float *a, *b;
    int64_t a_row, kc;
    float *c;
    int64_t ldc, cols; /* valid columns of the two vectors, from 1 to 2 VW */
    float alpha, beta;
    bool first; /* the first block over k: C is scaled by beta, and not read when beta is 0 */
};

/* MR and A_STEP are constants at each call, so that all of acc lives in registers. */
VEC_INLINE void gemm_tile(const struct gemm_at *t, const int mr, const int a_step)
{
    const float *a[4], *b = t->b;
    const int64_t ar = t->a_row;
    vf acc[GEMM_MR][2];

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        a[i] = 3 * i < mr ? t->a + 3 * i * ar : t->a;
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++)
        acc[i][0] = acc[i][1] = v_zero();
    for (int64_t p = 0; p < t->kc; p++) {
        vf b0 = v_load(b), b1 = v_load(b + VW);

#pragma GCC unroll 12
        for (int i = 0; i < mr; i++) {
            vf x = v_set(a[i / 3][i % 3 * ar]);

            acc[i][0] = v_fma(x, b0, acc[i][0]);
            acc[i][1] = v_fma(x, b1, acc[i][1]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            a[i] += a_step;
        b += GEMM_NR;
    }

    vf alpha = v_set(t->alpha), scale = v_set(t->first ? t->beta : 1.0f);
    const bool read = !t->first || t->beta != 0;

#pragma GCC unroll 12
    for (int i = 0; i < mr; i++) {
        float *c = t->c + i * t->ldc;

#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            int64_t cols = t->cols - h * VW;
            vf y = v_mul(acc[i][h], alpha);

            if (read)
                y = v_fma(v_load_n(c + h * VW, cols), scale, y);
            if (cols >= VW)
                v_store(c + h * VW, y);
            else
                v_store_n(c + h * VW, y, cols);
        }
    }
}

/* MR rows, in a few heights: what is left below the tall tiles is short, and each height costs time
 * to compile. */
VEC_INLINE void gemm_rows(const struct gemm_at *at, int64_t mr, const int a_step)
{
    struct gemm_at t = *at;

    while (mr > 0) {
        int rows;

        if (mr >= GEMM_MR)
            gemm_tile(&t, rows = GEMM_MR, a_step);
#if GEMM_MR == 12
        else if (mr >= 8)
            gemm_tile(&t, rows = 8, a_step);
#endif
        else if (mr >= 4)
            gemm_tile(&t, rows = 4, a_step);
        else if (mr >= 2)
            gemm_tile(&t, rows = 2, a_step);
        else
            gemm_tile(&t, rows = 1, a_step);
        t.a += rows * t.a_row;
        t.c += rows * t.ldc;
        mr -= rows;
    }
}

static __attribute__((noinline)) void gemm_rows_direct(const struct gemm_at *t, int64_t mr)
{
    gemm_rows(t, mr, 1);
}

static __attribute__((noinline)) void gemm_rows_packed(const struct gemm_at *t, int64_t mr)
{
    gemm_rows(t, mr, GEMM_MR);
}

/* One panel of at most 32 columns, the rest zero: dst [kc][32] from B [k, n] at its first row and
 * column wanted. */
static void pack_b(float *dst, const float *b, int64_t ldb, int64_t kc, int64_t cols)
{
    for (int64_t p = 0; p < kc; p++, b += ldb, dst += GEMM_NR)
        for (int h = 0; h < GEMM_NR; h += VW)
            v_store(dst + h, cols >= h + VW ? v_load(b + h) : v_load_n(b + h, cols - h));
}

/* The same from B^T [n, k]. */
static void pack_b_trans(float *dst, const float *b, int64_t ldb, int64_t kc, int64_t cols)
{
    int64_t c = 0;

    for (; c + 8 <= cols; c += 8) {
        const float *row = b + c * ldb;
        int64_t p = 0;

        for (; p + 8 <= kc; p += 8)
            transpose_8x8(row + p, ldb, dst + p * GEMM_NR + c, GEMM_NR);
        for (; p < kc; p++)
            for (int i = 0; i < 8; i++)
                dst[p * GEMM_NR + c + i] = row[i * ldb + p];
    }
    for (; c < GEMM_NR; c++)
        for (int64_t p = 0; p < kc; p++)
            dst[p * GEMM_NR + c] = c < cols ? b[c * ldb + p] : 0.0f;
}

/* dst [kc][GEMM_MR] from A^T [k, m]; places past ROWS are not set and never used. */
static void pack_a_trans(float *dst, const float *a, int64_t lda, int64_t kc, int64_t rows)
{
    if (rows == GEMM_MR) {
        for (int64_t p = 0; p < kc; p++)
            memcpy(dst + p * GEMM_MR, a + p * lda, GEMM_MR * sizeof *dst);
    } else {
        for (int64_t p = 0; p < kc; p++)
            for (int64_t i = 0; i < rows; i++)
                dst[p * GEMM_MR + i] = a[p * lda + i];
    }
}

/* All rows of A against the packed columns jc..jc+nc of one block over k that starts at PC. */
static void gemm_block(const struct k_gemm *g, const float *packed, int64_t jc, int64_t nc,
                       int64_t pc, int64_t kc)
{
    float a_tile[GEMM_KC * GEMM_MR];
    struct gemm_at t = {
        .kc = kc, .ldc = g->ldc, .alpha = g->alpha, .beta = g->beta, .first = pc == 0
    };

    for (int64_t i = 0; i < g->m; i += GEMM_MR) {
        int64_t mr = g->m - i < GEMM_MR ? g->m - i : GEMM_MR;

        if (g->trans_a) {
            pack_a_trans(a_tile, g->a + pc * g->lda + i, g->lda, kc, mr);
            t.a = a_tile;
            t.a_row = 1;
        } else {
            t.a = g->a + i * g->lda + pc;
            t.a_row = g->lda;
        }
        for (int64_t j = 0; j < nc; j += 2 * VW) {
            t.b = packed + j / GEMM_NR * GEMM_NR * kc + j % GEMM_NR;
            t.c = g->c + i * g->ldc + jc + j;
            t.cols = nc - j < 2 * VW ? nc - j : 2 * VW;
            if (g->trans_a)
                gemm_rows_packed(&t, mr);
            else
                gemm_rows_direct(&t, mr);
        }
    }
}

static void gemm_blocked(const struct k_gemm *g)
{
    float reserve[GEMM_KC * GEMM_NR] __attribute__((aligned(64)));
    int64_t blocks = (g->k + GEMM_KC - 1) / GEMM_KC;
    int64_t step = ((g->k + blocks - 1) / blocks + 7) / 8 *
                   8; /* even blocks: 352 is 176 + 176, not 256 + 96 */
    int64_t width = g->n < GEMM_NC ? (g->n + GEMM_NR - 1) / GEMM_NR * GEMM_NR : GEMM_NC;
    float *packed = NULL;

    /* Without memory one panel at a time goes through the stack: slower, the same bytes. */
    if (width > GEMM_NR)
        packed = spn_aligned_alloc(64, (size_t)(width * step) * sizeof *packed);
    if (packed == NULL)
        width = GEMM_NR;
    float *block = packed != NULL ? packed : reserve;

    for (int64_t pc = 0; pc < g->k; pc += step) {
        int64_t kc = g->k - pc < step ? g->k - pc : step;

        for (int64_t jc = 0; jc < g->n; jc += width) {
            int64_t nc = g->n - jc < width ? g->n - jc : width;

            for (int64_t j = 0; j < nc; j += GEMM_NR) {
                int64_t cols = nc - j < GEMM_NR ? nc - j : GEMM_NR;

                if (g->trans_b)
                    pack_b_trans(block + j * kc, g->b + (jc + j) * g->ldb + pc, g->ldb, kc, cols);
                else
                    pack_b(block + j * kc, g->b + pc * g->ldb + jc + j, g->ldb, kc, cols);
            }
            gemm_block(g, block, jc, nc, pc, kc);
        }
    }
    spn_free(packed);
}
