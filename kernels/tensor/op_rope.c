/* op_rope.c - the table of angles: frequencies once a call, a position that was met before is
 * copied. Same bytes as the reference. */
#include "config.h"

#include "tensor/op_rope.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tensor/op_params.h"
#include "tensor/rows.h"

/* Scratch: half powers (double), K_ROPE_SLOTS rows (int32). */
void k_rope_table_fast(const struct spn_op_call *c)
{
    const struct spn_rope *r = &((const struct k_rope_params *)c->params)->rope;
    const struct spn_rows *rows = c->run->batch;
    const float *divisor = c->in[0] != NULL ? c->in[0]->data : NULL;
    int64_t half = r->n_rot / 2;
    double *power = c->scratch;
    int32_t *slot = (int32_t *)(power + half);
    float *out = c->out[0]->data;

    for (int64_t j = 0; j < half; j++)
        power[j] = pow(r->base, -2.0 * (double)j / r->n_rot);
    memset(slot, 0xff, K_ROPE_SLOTS * sizeof *slot);
    for (int64_t i = 0; i < rows->n; i++) {
        float *table = out + i * r->n_rot;
        int32_t *met = &slot[(uint32_t)rows->pos[i] % K_ROPE_SLOTS];

        if (*met >= 0 && rows->pos[*met] == rows->pos[i]) {
            memcpy(table, out + *met * (int64_t)r->n_rot, (size_t)r->n_rot * sizeof *table);
            continue;
        }
        *met = (int32_t)i;
        for (int64_t j = 0; j < half; j++) {
            double angle = rows->pos[i] * (double)r->freq_scale * power[j] /
                           (divisor != NULL ? (double)divisor[j] : 1);

            table[j] = (float)(cos(angle) * (double)r->mscale);
            table[half + j] = (float)(sin(angle) * (double)r->mscale);
        }
    }
}
