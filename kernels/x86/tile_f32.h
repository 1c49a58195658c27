/* tile_f32.h - tiles with f32 activations: weights are widened in registers, each result is one
 * chain of fused multiply-adds over k in order.  Few rows of x take several units at once, because
 * one chain waits for itself. */
#include "x86/unit.h"

#if VW == 16
#define F32_ROWS       12
#define F32_ROWS_BLOCK 8
#else
#define F32_ROWS       6
#define F32_ROWS_BLOCK 4
#endif

/* The two vectors of column P + S; P is even for bf16, where S chooses within a pair, else S is 0.
   Each is made when it is used: four at once would not fit beside the accumulators of AVX2. */
VEC_INLINE void plain_column(const enum k_form form, const uint8_t *w, int64_t p, const int s,
                             vf out[2])
{
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        if (form == K_FORM_F32) {
            out[h] = v_load((const float *)(const void *)w + p * K_PANEL + h * VW);
        } else if (form == K_FORM_F16) {
            out[h] = v_load_f16(w + 2 * (p * K_PANEL + h * VW));
        } else {
            vi v = vi_load(w + 2 * (p * K_PANEL + 2 * h * VW));

            out[h] = vi_as_float(s == 0 ? vi_left(v, 16) : vi_and(v, vi_set((int32_t)0xffff0000u)));
        }
    }
}

/* Bytes of a row of W before a unit's first in the first column. */
VEC_INLINE size_t plain_offset(const enum k_form form, int64_t u)
{
    return (size_t)unit_row(u) * (form == K_FORM_F16 ? 2 : 4);
}

/* One column of unit J. */
VEC_INLINE void plain_step(const enum k_form form, const uint8_t *w, int64_t p, const int s,
                           const float *const x[4], int64_t ldx, const int nr,
                           vf acc[F32_ROWS][4][2], const int j)
{
    vf c[2];

    plain_column(form, w, p, s, c);
#pragma GCC unroll 12
    for (int i = 0; i < nr; i++) {
        vf b = v_set(x[i / 3][i % 3 * ldx + p + s]);

        acc[i][j][0] = v_fma(b, c[0], acc[i][j][0]);
        acc[i][j][1] = v_fma(b, c[1], acc[i][j][1]);
    }
}

/* NR rows of x from R on, NU units from U on. */
VEC_INLINE void plain_tile(const struct k_product *q, int64_t u, int64_t r, const enum k_form form,
                           const int nr, const int nu)
{
    const int step = form == K_FORM_BF16 ? 2 : 1;
    const int64_t ldx = q->ldx;
    const float *x[4];
    const uint8_t *w[4];
    vf acc[F32_ROWS][4][2];

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        x[i] = q->x + (r + (3 * i < nr ? 3 * i : 0)) * ldx;
        w[i] = unit_panel(q, u + (i < nu ? i : 0)) + plain_offset(form, u + (i < nu ? i : 0));
    }
#pragma GCC unroll 12
    for (int i = 0; i < nr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nu; j++)
            acc[i][j][0] = acc[i][j][1] = v_zero();
    for (int64_t p = 0; p + step <= q->k; p += step) {
#pragma GCC unroll 4
        for (int j = 0; j < nu; j++) {
#pragma GCC unroll 2
            for (int s = 0; s < step; s++)
                plain_step(form, w[j], p, s, x, ldx, nr, acc, j);
        }
    }
    if (step == 2 && q->k % 2 != 0) {
#pragma GCC unroll 4
        for (int j = 0; j < nu; j++)
            plain_step(form, w[j], q->k - 1, 0, x, ldx, nr, acc, j);
    }
#pragma GCC unroll 12
    for (int i = 0; i < nr; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nu; j++)
            unit_store(q, u + j, r + i, acc[i][j][0], acc[i][j][1]);
}

VEC_INLINE void plain(const struct k_product *q, int64_t begin, int64_t end, const enum k_form form)
{
    int64_t u = begin * UNITS_A_PANEL, last = end * UNITS_A_PANEL;

    if (q->rows == 1)
        for (; u + 4 <= last; u += 4)
            plain_tile(q, u, 0, form, 1, 4);
    if (q->rows == 2)
        for (; u + 2 <= last; u += 2)
            plain_tile(q, u, 0, form, 2, 2);
    for (; u < last; u++) {
        int64_t r = 0;

        /* Few heights, so that this compiles in reasonable time; what is left after the tall ones
         * is short. */
        for (; r + F32_ROWS <= q->rows; r += F32_ROWS)
            plain_tile(q, u, r, form, F32_ROWS, 1);
#if F32_ROWS == 12
        for (; r + 8 <= q->rows; r += 8)
            plain_tile(q, u, r, form, 8, 1);
#endif
        for (; r + 4 <= q->rows; r += 4)
            plain_tile(q, u, r, form, 4, 1);
        for (; r + 2 <= q->rows; r += 2)
            plain_tile(q, u, r, form, 2, 1);
        if (r < q->rows)
            plain_tile(q, u, r, form, 1, 1);
    }
}

/* Blocks of 32 k of a quantised form: value = scale * (byte - offset) - min, as in spn_dequant. */
VEC_INLINE void block_tile(const struct k_product *q, int64_t u, int64_t r, const enum k_form form,
                           const int nr)
{
    const struct k_layout *l = &k_layouts[form];
    const int row = unit_row(u);
    const int64_t ldx = q->ldx, count = q->k / 32;
    const float *x[3];
    const uint8_t *body = unit_panel(q, u), *head = body;
    vf acc[F32_ROWS_BLOCK][2];

#pragma GCC unroll 3
    for (int i = 0; i < 3; i++)
        x[i] = q->x + (r + (3 * i < nr ? 3 * i : 0)) * ldx;
#pragma GCC unroll 8
    for (int i = 0; i < nr; i++)
        acc[i][0] = acc[i][1] = v_zero();
    for (int64_t b = 0; b < count; b++, body += l->body_bytes) {
        struct unit_scale s;
        const uint8_t *data;

        if (b % l->blocks == 0) {
            head = body;
            body += l->head_bytes;
        }
        data = unit_data(form, body, row);
        unit_scales(form, head, body, row, &s);
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) {
            vi v[2];

            v[0] = unit_group(form, data, g, 0);
            v[1] = unit_group(form, data, g, 1);
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
                vf w[2];

#pragma GCC unroll 2
                for (int h = 0; h < 2; h++) {
                    vi byte = vi_and(vi_right(v[h], 8 * j), vi_set(255));

                    w[h] =
                        v_mul(vi_float(vi_sub(byte, vi_set(unit_offset(form)))), s.scale[g / 4][h]);
                    if (k_form_min(form))
                        w[h] = v_sub(w[h], s.min[g / 4][h]);
                }
#pragma GCC unroll 8
                for (int i = 0; i < nr; i++) {
                    vf c = v_set(x[i / 3][i % 3 * ldx + 32 * b + 4 * g + j]);

                    acc[i][0] = v_fma(c, w[0], acc[i][0]);
                    acc[i][1] = v_fma(c, w[1], acc[i][1]);
                }
            }
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < nr; i++)
        unit_store(q, u, r + i, acc[i][0], acc[i][1]);
}

VEC_INLINE void block_rows(const struct k_product *q, int64_t begin, int64_t end,
                           const enum k_form form)
{
    for (int64_t u = begin * UNITS_A_PANEL; u < end * UNITS_A_PANEL; u++) {
        int64_t r = 0;

        for (; r + F32_ROWS_BLOCK <= q->rows; r += F32_ROWS_BLOCK)
            block_tile(q, u, r, form, F32_ROWS_BLOCK);
        for (; r + 2 <= q->rows; r += 2)
            block_tile(q, u, r, form, 2);
        if (r < q->rows)
            block_tile(q, u, r, form, 1);
    }
}

#define F32_PLAIN(name, form)                                               \
    static void name(const struct k_product *q, int64_t begin, int64_t end) \
    {                                                                       \
        plain(q, begin, end, form);                                         \
    }
#define F32_BLOCK(name, form)                                               \
    static void name(const struct k_product *q, int64_t begin, int64_t end) \
    {                                                                       \
        block_rows(q, begin, end, form);                                    \
    }

F32_PLAIN(f32_by_f32, K_FORM_F32)
F32_PLAIN(f16_by_f32, K_FORM_F16)
F32_PLAIN(bf16_by_f32, K_FORM_BF16)
F32_BLOCK(q8_0_by_f32, K_FORM_Q8_0)
F32_BLOCK(q4_0_by_f32, K_FORM_Q4_0)
F32_BLOCK(q4_k_by_f32, K_FORM_Q4_K)
F32_BLOCK(q6_k_by_f32, K_FORM_Q6_K)
F32_BLOCK(iq4_by_f32, K_FORM_IQ4)
F32_BLOCK(mx4_by_f32, K_FORM_MX4)
F32_BLOCK(w8_by_f32, K_FORM_W8)
F32_BLOCK(w8h_by_f32, K_FORM_W8H)

#define F32_KERNELS                                                                             \
    f32_by_f32, f16_by_f32, bf16_by_f32, q8_0_by_f32, q4_0_by_f32, q4_k_by_f32, q6_k_by_f32,   \
        iq4_by_f32, mx4_by_f32, w8_by_f32, w8h_by_f32
