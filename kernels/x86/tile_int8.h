/* tile_int8.h - tiles with int8 activations: bytes of weights times bytes of activations, four k a
 * lane, summed in 32-bit integers over a block, then one multiply by both scales and one fused add
 * a block (the arithmetic of product.h).
 *
 * AVX-512 has one instruction for the four products (VNNI: unsigned times signed); weights carry an
 * offset, which the start value -offset * sum takes off again.  AVX2 adds pairs of products in 16
 * bits with saturation: safe up to 127 * 127 * 2, so signed bytes first lose their offset and
 * give their sign to the activation.
 */
#include "x86/unit.h"

#if VW == 16
#define INT8_ROWS 6 /* 12 integer and 12 float accumulators, 2 of w, 1 of x, scales */
#else
#define INT8_ROWS 3
#endif
#define PREFETCH_BYTES 4096

#if VW == 16

VEC_INLINE vi vi_dot(const enum k_form form, vi acc, vi w, vi x)
{
    (void)form;
    return _mm512_dpbusd_epi32(acc, w, x);
}
#define DOT_KEEPS_OFFSET true

#elif defined(TILES_VNNI)

VEC_INLINE vi vi_dot(const enum k_form form, vi acc, vi w, vi x)
{
    (void)form;
    return _mm256_dpbusd_avx_epi32(acc, w, x);
}
#define DOT_KEEPS_OFFSET true

#else

VEC_INLINE vi vi_dot(const enum k_form form, vi acc, vi w, vi x)
{
    const vi ones = _mm256_set1_epi16(1);
    vi pairs;

    if (unit_signed(form)) {
        vi value = _mm256_xor_si256(w, vi_set((int32_t)0x80808080u));

        pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(value), _mm256_sign_epi8(x, value));
    } else {
        pairs = _mm256_maddubs_epi16(w, x);
    }
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, ones));
}
#define DOT_KEEPS_OFFSET (!unit_signed(form))

#endif

/* NR rows of x from R on, one unit; NEAR: the panel was read before and lies in a cache. */
VEC_INLINE void int8_tile(const struct k_product *q, int64_t u, int64_t r, const enum k_form form,
                          const int nr, bool near)
{
    const struct k_layout *l = &k_layouts[form];
    const int row = unit_row(u), parts = k_form_halves(form) ? 2 : 1, groups = 8 / parts;
    const int64_t count = q->k / 32;
    const struct k_act *x[2];
    const uint8_t *body = unit_panel(q, u), *head = body;
    vf acc[INT8_ROWS][2];

#pragma GCC unroll 2
    for (int i = 0; i < 2; i++)
        x[i] = q->act + (r + (3 * i < nr ? 3 * i : 0)) * count;
#pragma GCC unroll 6
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
        if (!near) {
#pragma GCC unroll 17
            for (int i = 0; i < l->body_bytes + l->head_bytes / l->blocks; i += 64 * UNITS_A_PANEL)
                _mm_prefetch((const char *)body + PREFETCH_BYTES + i, _MM_HINT_T0);
        }
        unit_scales(form, head, body, row, &s);
#pragma GCC unroll 2
        for (int part = 0; part < parts; part++) {
            vi dot[INT8_ROWS][2];

#pragma GCC unroll 6
            for (int i = 0; i < nr; i++) {
                const struct k_act *a = x[i / 3] + i % 3 * count;
                int32_t sum = parts == 2 ? a->sum[part] : a->sum[0] + a->sum[1];

                dot[i][0] = dot[i][1] = vi_set(DOT_KEEPS_OFFSET ? -unit_offset(form) * sum : 0);
            }
#pragma GCC unroll 8
            for (int g = groups * part; g < groups * (part + 1); g++) {
                vi w0 = unit_group(form, data, g, 0), w1 = unit_group(form, data, g, 1);

#pragma GCC unroll 6
                for (int i = 0; i < nr; i++) {
                    int32_t four;

                    memcpy(&four, x[i / 3][i % 3 * count].q + 4 * g, sizeof four);
                    dot[i][0] = vi_dot(form, dot[i][0], w0, vi_set(four));
                    dot[i][1] = vi_dot(form, dot[i][1], w1, vi_set(four));
                }
            }
#pragma GCC unroll 6
            for (int i = 0; i < nr; i++) {
                vf d = v_set(x[i / 3][i % 3 * count].d);

                acc[i][0] = v_fma(vi_float(dot[i][0]), v_mul(s.scale[part][0], d), acc[i][0]);
                acc[i][1] = v_fma(vi_float(dot[i][1]), v_mul(s.scale[part][1], d), acc[i][1]);
            }
        }
        if (k_form_min(form)) {
#pragma GCC unroll 2
            for (int part = 0; part < parts; part++) {
#pragma GCC unroll 6
                for (int i = 0; i < nr; i++) {
                    const struct k_act *a = x[i / 3] + i % 3 * count;
                    vf sum = v_set(parts == 2 ? -(a->d * (float)a->sum[part]) : a->neg_dsum);

                    acc[i][0] = v_fma(sum, s.min[part][0], acc[i][0]);
                    acc[i][1] = v_fma(sum, s.min[part][1], acc[i][1]);
                }
            }
        }
        x[0]++;
        x[1]++;
    }
#pragma GCC unroll 6
    for (int i = 0; i < nr; i++)
        unit_store(q, u, r + i, acc[i][0], acc[i][1]);
}

/* The first tile brings the panel from memory, the others find it in a cache. */
VEC_INLINE void int8_rows(const struct k_product *q, int64_t begin, int64_t end,
                          const enum k_form form)
{
    for (int64_t u = begin * UNITS_A_PANEL; u < end * UNITS_A_PANEL; u++) {
        for (int64_t r = 0; r < q->rows;) {
            int64_t left = q->rows - r < INT8_ROWS ? q->rows - r : INT8_ROWS;

            switch (left) {
            case 1:
                int8_tile(q, u, r, form, 1, r > 0);
                break;
            case 2:
                int8_tile(q, u, r, form, 2, r > 0);
                break;
#if INT8_ROWS == 6
            case 3:
                int8_tile(q, u, r, form, 3, r > 0);
                break;
            case 4:
                int8_tile(q, u, r, form, 4, r > 0);
                break;
            case 5:
                int8_tile(q, u, r, form, 5, r > 0);
                break;
#endif
            default:
                int8_tile(q, u, r, form, INT8_ROWS, r > 0);
                break;
            }
            r += left;
        }
    }
}

#define INT8(name, form)                                                    \
    static void name(const struct k_product *q, int64_t begin, int64_t end) \
    {                                                                       \
        int8_rows(q, begin, end, form);                                     \
    }

INT8(q8_0_by_int8, K_FORM_Q8_0)
INT8(q4_0_by_int8, K_FORM_Q4_0)
INT8(q4_k_by_int8, K_FORM_Q4_K)
INT8(q6_k_by_int8, K_FORM_Q6_K)
INT8(iq4_by_int8, K_FORM_IQ4)
INT8(mx4_by_int8, K_FORM_MX4)
INT8(w8_by_int8, K_FORM_W8)
INT8(w8h_by_int8, K_FORM_W8H)

#define INT8_KERNELS                                                           \
    [K_FORM_Q8_0] = q8_0_by_int8, [K_FORM_Q4_0] = q4_0_by_int8,                \
    [K_FORM_Q4_K] = q4_k_by_int8, [K_FORM_Q6_K] = q6_k_by_int8,                \
    [K_FORM_IQ4] = iq4_by_int8, [K_FORM_MX4] = mx4_by_int8,                    \
    [K_FORM_W8] = w8_by_int8, [K_FORM_W8H] = w8h_by_int8
