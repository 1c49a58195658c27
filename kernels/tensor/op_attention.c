/* op_attention.c - which attention computes a record: the store's where the run has one, else that
 * of rows among themselves. */
#include "config.h"

#include "tensor/op_attention.h"

#include <math.h>

#include "ref/ref.h"
#include "tensor/attention.h"
#include "tensor/ops.h"
#include "tensor/rows.h"

void k_attention_plain(const struct spn_op_call *c)
{
    if (c->run->store != NULL)
        spn_attention_store_f32(c);
    else
        k_attention_ref_f32(c);
}

void k_attention_grad_plain(const struct spn_op_call *c)
{
    k_attention_grad_ref_f32(c);
}

float spn_alibi_slope(float alibi, int heads, int head)
{
    int n = 1;

    while (2 * n <= heads)
        n *= 2;
    return head < n ? exp2f(-alibi * (float)(head + 1) / (float)n)
                    : exp2f(-alibi * (float)(2 * (head - n) + 1) / (float)(2 * n));
}

bool k_attention_examples(const struct spn_op_call *c, int lanes, struct k_examples *out)
{
    const struct spn_attention *a = c->params;
    const struct spn_rows *r = c->run->batch;
    int64_t rows = c->in[0]->dim[0];
    struct k_example *e = c->scratch;

    if (c->run->store != NULL || a->whole || a->softcap > 0 || a->alibi > 0 ||
        (r != NULL && r->parent != NULL) || a->dim_k % lanes != 0 || a->dim_v % lanes != 0 ||
        a->dim_k > K_ATTEND_WIDTH_MAX || a->dim_v > K_ATTEND_WIDTH_MAX)
        return false;
    out->item = e;
    out->n = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t first = r != NULL && r->first != NULL ? r->first[i] : 0;
        int64_t pos = r != NULL && r->pos != NULL ? r->pos[i] : i - first;

        if (first == i) {
            e = &out->item[out->n++];
            *e = (struct k_example){ i, 1, pos };
            if (pos < 0)
                return false;
        } else if (out->n > 0 && e->row == first && pos == e->pos + e->rows) {
            e->rows++;
        } else {
            return false;
        }
    }
    return true;
}
