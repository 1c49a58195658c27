/* all_impl.h - included once with `real` as float and once as double: R(exp) is the C library's
 * function of that type. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "ref/ref.h"
#include "tensor/op_params.h"
#include "tensor/ops.h"
#include "tensor/product.h"
#include "tensor/rows.h"

static inline real *out_data(const struct spn_op_call *c, int k)
{
    return c->out[k]->data;
}

static inline const real *in_data(const struct spn_op_call *c, int k)
{
    return c->in[k]->data;
}

/* Element I of a small weight: f32, or the type of this file. */
static inline real vec_at(const struct spn_tensor *t, int64_t i)
{
    return t->dtype == SPN_F32 ? (real)((const float *)t->data)[i]
                               : (real)((const double *)t->data)[i];
}

/* Row I of a table of any type, as numbers of this file's type: in place where it is one, else
   written to ROOM, which has k numbers and after them k floats (k_scratch_matmul, k_scratch_embed).
 */
static const real *table_row(const struct spn_tensor *t, int64_t i, void *room)
{
    int64_t k = t->dim[1];
    real *row = room;
    float *plain = (float *)(row + k);
    uint64_t row_bytes = 0;
    const unsigned char *src;

    spn_dtype_row_bytes(t->dtype, k, &row_bytes);
    src = (const unsigned char *)t->data + (uint64_t)i * row_bytes;
    if (t->dtype == REAL_DTYPE)
        return (const real *)src;
    if (t->dtype == SPN_F32)
        plain = (float *)src;
    else if (spn_dequant(t->dtype, src, plain, k, NULL) != SPN_OK)
        memset(plain, 0xff,
               (size_t)k * sizeof *plain); /* NaN: the shape rule asked for a type that decodes */
    for (int64_t j = 0; j < k; j++)
        row[j] = plain[j];
    return row;
}

#include "ref/attention_impl.h"
#include "ref/basic_impl.h"
#include "ref/columns_impl.h"
#include "ref/loss_impl.h"
#include "ref/matmul_impl.h"
#include "ref/norm_impl.h"
#include "ref/rope_impl.h"
