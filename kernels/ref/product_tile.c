/* product_tile.c - the packed kernels in plain C: what a processor without AVX2 runs.  One row of x
 * and one panel at a time; the order over k is that of product.h, so a row's bytes do not depend on
 * what runs beside it. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/tiles.h"

static void store(const struct k_product *q, int64_t panel, int64_t r, const float acc[K_PANEL])
{
    int64_t first = panel * K_PANEL, n = q->n - first < K_PANEL ? q->n - first : K_PANEL;

    for (int64_t i = 0; i < n; i++)
        q->y[r * q->ldy + first + i] = q->bias != NULL ? acc[i] + q->bias[first + i] : acc[i];
}

/* The 32 weights of column P of a plain form. */
static void plain_column(enum k_form form, const uint8_t *w, int64_t p, float out[K_PANEL])
{
    uint16_t h;

    if (form == K_FORM_F32) {
        memcpy(out, w + p * K_PANEL * 4, K_PANEL * sizeof *out);
        return;
    }
    for (int64_t i = 0; i < K_PANEL; i++) {
        memcpy(&h,
               w + 2 * (form == K_FORM_F16 ? p * K_PANEL + i : (p / 2 * K_PANEL + i) * 2 + p % 2),
               sizeof h);
        out[i] = form == K_FORM_F16 ? spn_f32_of_f16(h) : spn_f32_of_bf16(h);
    }
}

static void plain(const struct k_product *q, int64_t begin, int64_t end, enum k_form form)
{
    for (int64_t j = begin; j < end; j++) {
        const uint8_t *w = q->w + (size_t)j * q->panel_bytes;

        for (int64_t r = 0; r < q->rows; r++) {
            const float *x = q->x + r * q->ldx;
            float acc[K_PANEL] = { 0 }, column[K_PANEL];

            for (int64_t p = 0; p < q->k; p++) {
                plain_column(form, w, p, column);
                for (int i = 0; i < K_PANEL; i++)
                    acc[i] += x[p] * column[i];
            }
            store(q, j, r, acc);
        }
    }
}

/* A packed block of 32 k. */
struct block {
    int8_t q[32][K_PANEL]; /* offset taken off */
    float scale[2][K_PANEL], min[2][K_PANEL];
};

static float half_at(const uint8_t *p, int i)
{
    uint16_t h;

    memcpy(&h, p + 2 * i, sizeof h);
    return spn_f32_of_f16(h);
}

static void block_values(enum k_form form, const uint8_t *body, struct block *b)
{
    const uint8_t *data = form == K_FORM_Q4_K || form == K_FORM_Q6_K ? body + 64 : body,
                  *high = data + 512;
    const bool bytes = form == K_FORM_Q8_0 || form == K_FORM_W8 || form == K_FORM_W8H;

    for (int p = 0; p < 32; p++) {
        const int g = p / 4, byte = p % 4;

        for (int i = 0; i < K_PANEL; i++) {
            int v;

            if (bytes)
                v = data[(g * K_PANEL + i) * 4 + byte] - 128;
            else
                v = data[(g / 2 * K_PANEL + i) * 4 + byte] >> 4 * (g % 2) & 15;
            if (form == K_FORM_Q4_0)
                v -= 8;
            else if (form == K_FORM_IQ4)
                v = k_levels_iq4[v];
            else if (form == K_FORM_MX4)
                v = k_levels_mx4[v];
            if (form == K_FORM_Q6_K)
                v = (v | (high[(g / 4 * K_PANEL + i) * 4 + byte] >> 2 * (g % 4) & 3) << 4) - 32;
            b->q[p][i] = (int8_t)v;
        }
    }
}

static float float_at(const uint8_t *p, int i)
{
    float f;

    memcpy(&f, p + 4 * i, sizeof f);
    return f;
}

static void block_read(enum k_form form, const uint8_t *head, const uint8_t *body, struct block *b)
{
    for (int i = 0; i < K_PANEL; i++) {
        float d = form >= K_FORM_IQ4 ? float_at(head, i) : half_at(head, i);

        b->scale[0][i] = b->scale[1][i] = d;
        b->min[0][i] = b->min[1][i] = 0;
        if (form == K_FORM_Q4_K) {
            b->scale[0][i] = b->scale[1][i] = d * (float)body[i];
            b->min[0][i] = half_at(head + 64, i) * (float)body[K_PANEL + i];
            b->min[1][i] = b->min[0][i];
        } else if (form == K_FORM_Q6_K) {
            b->scale[0][i] = d * (float)(int8_t)body[i];
            b->scale[1][i] = d * (float)(int8_t)body[K_PANEL + i];
        } else if (form == K_FORM_W8) {
            b->min[0][i] = b->min[1][i] = float_at(head, K_PANEL + i);
        } else if (form == K_FORM_W8H) {
            b->scale[1][i] = float_at(head, K_PANEL + i);
            b->min[0][i] = float_at(head, 2 * K_PANEL + i);
            b->min[1][i] = float_at(head, 3 * K_PANEL + i);
        }
    }
    block_values(form, body, b);
}

static void block_by_f32(const struct block *b, const float *x, float acc[K_PANEL])
{
    for (int p = 0; p < 32; p++)
        for (int i = 0; i < K_PANEL; i++)
            acc[i] += x[p] * (b->scale[p / 16][i] * (float)b->q[p][i] - b->min[p / 16][i]);
}

static void block_by_int8(enum k_form form, const struct block *b, const struct k_act *a,
                          float acc[K_PANEL])
{
    const int halves = k_form_halves(form) ? 2 : 1, width = 32 / halves;

    for (int h = 0; h < halves; h++) {
        int32_t dot[K_PANEL] = { 0 };

        for (int p = width * h; p < width * (h + 1); p++)
            for (int i = 0; i < K_PANEL; i++)
                dot[i] += b->q[p][i] * a->q[p];
        for (int i = 0; i < K_PANEL; i++)
            acc[i] = fmaf((float)dot[i], b->scale[h][i] * a->d, acc[i]);
    }
    for (int h = 0; k_form_min(form) && h < halves; h++)
        for (int i = 0; i < K_PANEL; i++)
            acc[i] = fmaf(halves == 2 ? -(a->d * (float)a->sum[h]) : a->neg_dsum, b->min[h][i],
                          acc[i]);
}

static void blocks(const struct k_product *q, int64_t begin, int64_t end, enum k_form form)
{
    const struct k_layout *l = &k_layouts[form];
    const int64_t count = q->k / 32;

    for (int64_t j = begin; j < end; j++) {
        for (int64_t r = 0; r < q->rows; r++) {
            const uint8_t *body = q->w + (size_t)j * q->panel_bytes, *head = body;
            float acc[K_PANEL] = { 0 };

            for (int64_t i = 0; i < count; i++, body += l->body_bytes) {
                struct block b;

                if (i % l->blocks == 0) {
                    head = body;
                    body += l->head_bytes;
                }
                block_read(form, head, body, &b);
                if (q->act != NULL)
                    block_by_int8(form, &b, q->act + r * count + i, acc);
                else
                    block_by_f32(&b, q->x + r * q->ldx + 32 * i, acc);
            }
            store(q, j, r, acc);
        }
    }
}

#define PLAIN(name, form)                                                   \
    static void name(const struct k_product *q, int64_t begin, int64_t end) \
    {                                                                       \
        plain(q, begin, end, form);                                         \
    }
#define BLOCKS(name, form)                                                  \
    static void name(const struct k_product *q, int64_t begin, int64_t end) \
    {                                                                       \
        blocks(q, begin, end, form);                                        \
    }

PLAIN(k_f32, K_FORM_F32)
PLAIN(k_f16, K_FORM_F16)
PLAIN(k_bf16, K_FORM_BF16)
BLOCKS(k_q8_0, K_FORM_Q8_0)
BLOCKS(k_q4_0, K_FORM_Q4_0)
BLOCKS(k_q4_k, K_FORM_Q4_K)
BLOCKS(k_q6_k, K_FORM_Q6_K)
BLOCKS(k_iq4, K_FORM_IQ4)
BLOCKS(k_mx4, K_FORM_MX4)
BLOCKS(k_w8, K_FORM_W8)
BLOCKS(k_w8h, K_FORM_W8H)

const struct k_tiles k_tiles_ref = {
    .share_min = 20000,
    .gemm = k_gemm_f32_ref,
    .quantize = k_act_quantize_ref,
    .by_f32 = { k_f32, k_f16, k_bf16, k_q8_0, k_q4_0, k_q4_k, k_q6_k, k_iq4, k_mx4,
                k_w8, k_w8h },
    .by_int8 = { [K_FORM_Q8_0] = k_q8_0,
                 [K_FORM_Q4_0] = k_q4_0,
                 [K_FORM_Q4_K] = k_q4_k,
                 [K_FORM_Q6_K] = k_q6_k,
                 [K_FORM_IQ4] = k_iq4,
                 [K_FORM_MX4] = k_mx4,
                 [K_FORM_W8] = k_w8,
                 [K_FORM_W8H] = k_w8h },
};
