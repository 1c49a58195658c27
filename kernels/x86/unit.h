/* unit.h - a unit is the 2 VW rows that a tile holds in two vectors: a whole panel with AVX-512,
 * half of one with AVX2. Reading packed blocks (tensor/tiles.h) and writing results, shared by the
 * float and the int8 tiles. */
#ifndef SPN_X86_UNIT_H
#define SPN_X86_UNIT_H
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/tiles.h"
#include "x86/vec.h"

#define UNIT          (2 * VW)
#define UNITS_A_PANEL (K_PANEL / UNIT)

/* Row of W that unit U starts at within its panel. */
VEC_INLINE int unit_row(int64_t u)
{
    return (int)(u % UNITS_A_PANEL) * UNIT;
}

VEC_INLINE const uint8_t *unit_panel(const struct k_product *q, int64_t u)
{
    return q->w + (size_t)(u / UNITS_A_PANEL) * q->panel_bytes;
}

/* Row R of x gets its results of unit U. */
VEC_INLINE void unit_store(const struct k_product *q, int64_t u, int64_t r, vf lo, vf hi)
{
    int64_t first = u * UNIT, left = q->n - first;
    float *y = q->y + r * q->ldy + first;

    if (left >= UNIT) {
        if (q->bias != NULL) {
            lo = v_add(lo, v_load(q->bias + first));
            hi = v_add(hi, v_load(q->bias + first + VW));
        }
        v_store(y, lo);
        v_store(y + VW, hi);
    } else {
        if (q->bias != NULL) {
            lo = v_add(lo, v_load_n(q->bias + first, left));
            hi = v_add(hi, v_load_n(q->bias + first + VW, left - VW));
        }
        v_store_n(y, lo, left);
        v_store_n(y + VW, hi, left - VW);
    }
}

/* A byte a weight, 128 above its value; the levels of a table come out like that, too. */
VEC_INLINE bool unit_bytes(const enum k_form form)
{
    return form == K_FORM_Q8_0 || form == K_FORM_W8 || form == K_FORM_W8H;
}
VEC_INLINE bool unit_signed(const enum k_form form)
{
    return unit_bytes(form) || form == K_FORM_IQ4 || form == K_FORM_MX4;
}

/* The level that each byte (0 to 15) of V chooses, 128 above its value. */
VEC_INLINE vi vi_choose(const int8_t levels[16], vi v)
{
    return vi_xor(vi_shuffle(vi_load_table(levels), v), vi_set((int32_t)0x80808080u));
}

/* The unsigned bytes of group G (4 k) for the VW rows of half H; DATA is past the scales, at the
 * unit's first row. */
VEC_INLINE vi unit_group(const enum k_form form, const uint8_t *data, const int g, const int h)
{
    const int nibble = g / 2 * 4 * K_PANEL + h * 4 * VW;
    vi v;

    if (unit_bytes(form))
        return vi_load(data + g * 4 * K_PANEL + h * 4 * VW);
    v = vi_load(data + nibble);
    v = vi_and(g % 2 == 0 ? v : vi_right(v, 4), vi_set(0x0f0f0f0f));
    if (form == K_FORM_IQ4)
        return vi_choose(k_levels_iq4, v);
    if (form == K_FORM_MX4)
        return vi_choose(k_levels_mx4, v);
    if (form == K_FORM_Q6_K) {
        vi high = vi_load(data + 512 + g / 4 * 4 * K_PANEL + h * 4 * VW);

        switch (g % 4) {
        case 0:
            high = vi_left(high, 4);
            break;
        case 1:
            high = vi_left(high, 2);
            break;
        case 3:
            high = vi_right(high, 2);
            break;
        default:
            break;
        }
        v = vi_or(v, vi_and(high, vi_set(0x30303030)));
    }
    return v;
}

/* What a weight's unsigned byte is above its value. */
VEC_INLINE int unit_offset(const enum k_form form)
{
    return unit_signed(form) ? 128 : form == K_FORM_Q4_0 ? 8 : form == K_FORM_Q6_K ? 32 : 0;
}

/* Scales and minima of one block of 32: of a half of 16 k each for some forms, else equal. */
struct unit_scale {
    vf scale[2][2], min[2][2]; /* [half of k][half of rows] */
};

VEC_INLINE void unit_scales(const enum k_form form, const uint8_t *head, const uint8_t *body,
                            const int row, struct unit_scale *s)
{
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const int at = row + h * VW;
        const float *f = (const float *)(const void *)head + at;

        s->min[0][h] = s->min[1][h] = v_zero();
        if (form == K_FORM_Q4_K) {
            s->scale[0][h] = v_mul(v_load_f16(head + 2 * at), vi_float(vi_load_u8(body + at)));
            s->min[0][h] =
                v_mul(v_load_f16(head + 64 + 2 * at), vi_float(vi_load_u8(body + K_PANEL + at)));
        } else if (form == K_FORM_Q6_K) {
            vf d = v_load_f16(head + 2 * at);

            s->scale[0][h] = v_mul(d, vi_float(vi_load_i8(body + at)));
            s->scale[1][h] = v_mul(d, vi_float(vi_load_i8(body + K_PANEL + at)));
        } else if (form == K_FORM_W8H) {
            s->scale[0][h] = v_load(f);
            s->scale[1][h] = v_load(f + K_PANEL);
            s->min[0][h] = v_load(f + 2 * K_PANEL);
            s->min[1][h] = v_load(f + 3 * K_PANEL);
        } else if (form == K_FORM_W8) {
            s->scale[0][h] = v_load(f);
            s->min[0][h] = v_load(f + K_PANEL);
        } else if (form == K_FORM_IQ4 || form == K_FORM_MX4) {
            s->scale[0][h] = v_load(f);
        } else {
            s->scale[0][h] = v_load_f16(head + 2 * at);
        }
        if (!k_form_halves(form)) {
            s->scale[1][h] = s->scale[0][h];
            s->min[1][h] = s->min[0][h];
        }
    }
}

/* Where the groups of a unit start in a body. */
VEC_INLINE const uint8_t *unit_data(const enum k_form form, const uint8_t *body, const int row)
{
    return body + (form == K_FORM_Q4_K || form == K_FORM_Q6_K ? 2 * K_PANEL : 0) + 4 * row;
}

#endif
