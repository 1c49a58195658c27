/* attention_latent.c - a step of the online softmax where the values are a part of the keys: what
 * multi-head latent attention keeps (DeepSeek-AI 2024).
 *
 * All query heads read the one latent row of a token, so each number of a block of keys is fetched
 * once for all of them.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "lm/attention_block.h"
#include "tensor/half.h"

enum { BLOCK = SPN_ATTENTION_BLOCK, HEADS_MAX = 32 };

/* Number D of the keys in block B of S, 0 in lanes that do not count. */
static void lanes(const struct k_attend *a, const struct k_span *s, int b, int d, float *row)
{
    size_t elem = a->half ? 2 : 4, at = (size_t)d * BLOCK * elem;

    for (int j = 0; j < BLOCK; j++) {
        const char *from = s->k[b] != NULL ? (const char *)s->k[b] + at + (size_t)j * elem
                                           : (const char *)s->lane_k[b][j] + at;

        if (!(s->mask[b] >> j & 1))
            row[j] = 0;
        else if (a->half)
            row[j] = spn_f32_of_f16(*(const uint16_t *)(const void *)from);
        else
            row[j] = *(const float *)(const void *)from;
    }
}

static void whole_lanes(const struct k_span *s, int b, int d, float *row)
{
    memcpy(row, (const float *)s->k[b] + (size_t)d * BLOCK, BLOCK * sizeof *row);
}

static void fetch(const struct k_attend *a, const struct k_span *s, int b, int d, float *row)
{
    if (s->k[b] != NULL && !a->half && s->mask[b] == UINT32_MAX)
        whole_lanes(s, b, d, row);
    else
        lanes(a, s, b, d, row);
}

static void add_scores(const struct k_attend *a, const struct k_span *s, int b,
                       float p[HEADS_MAX][BLOCK])
{
    float row[BLOCK];

    memset(p, 0, (size_t)a->heads * sizeof *p);
    for (int d = 0; d < a->dim_k; d++) {
        fetch(a, s, b, d, row);
        for (int h = 0; h < a->heads; h++) {
            float q = a->q[(int64_t)h * a->dim_k + d];

            for (int j = 0; j < BLOCK; j++)
                p[h][j] += q * row[j];
        }
    }
}

/* Scores of head H become weights under the new maximum. */
static void weigh(const struct k_attend *a, const struct k_span *s, int h,
                  float p[K_SPAN][HEADS_MAX][BLOCK])
{
    float max = a->max[h], shrink, *y = a->y + (int64_t)h * a->dim_v;

    for (int b = 0; b < s->n; b++)
        for (int j = 0; j < BLOCK; j++) {
            p[b][h][j] = s->mask[b] >> j & 1 ? p[b][h][j] * a->scale : -INFINITY;
            if (!(p[b][h][j] <= max))
                max = p[b][h][j];
        }
    shrink = a->max[h] > -INFINITY ? expf(a->max[h] - max) : 0;
    a->sum[h] *= shrink;
    for (int d = 0; d < a->dim_v; d++)
        y[d] *= shrink;
    for (int b = 0; b < s->n; b++)
        for (int j = 0; j < BLOCK; j++) {
            p[b][h][j] = s->mask[b] >> j & 1 ? expf(p[b][h][j] - max) : 0;
            a->sum[h] += p[b][h][j];
        }
    a->max[h] = max;
}

static void latent_row(const struct k_attend *a, const struct k_span *s)
{
    float p[K_SPAN][HEADS_MAX][BLOCK], row[BLOCK];

    for (int b = 0; b < s->n; b++)
        add_scores(a, s, b, p[b]);
    for (int h = 0; h < a->heads; h++)
        weigh(a, s, h, p);
    for (int b = 0; b < s->n; b++)
        for (int d = 0; d < a->dim_v; d++) {
            fetch(a, s, b, d, row);
            for (int h = 0; h < a->heads; h++) {
                float sum[8] = { 0 };

                for (int j = 0; j < BLOCK; j++)
                    sum[j % 8] += p[b][h][j] * row[j];
                a->y[(int64_t)h * a->dim_v + d] += ((sum[0] + sum[4]) + (sum[1] + sum[5])) +
                                                   ((sum[2] + sum[6]) + (sum[3] + sum[7]));
            }
        }
}

void k_attend_latent(const struct k_attend *a, const struct k_span *s, const struct k_attend *b,
                     const struct k_span *t)
{
    latent_row(a, s);
    if (b != NULL)
        latent_row(b, t);
}
