/* quant.c - spn_dequant and spn_quant: the table of codecs and the checks they share. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>

#include "base/err.h"
#include "format/quant.h"
#include "tensor/dtype.h"
#include "tensor/product.h"

static const struct k_quant *const codecs[] = {
    &k_quant_f32,  &k_quant_f16,  &k_quant_bf16, &k_quant_q8_0,
    &k_quant_q4_0, &k_quant_q4_k, &k_quant_q6_k, &k_quant_q4_1, &k_quant_q5_0,
    &k_quant_q5_1, &k_quant_iq4_nl, &k_quant_mxfp4, &k_quant_q2_k, &k_quant_q3_k,
    &k_quant_q5_k, &k_quant_iq4_xs, &k_quant_tq1_0, &k_quant_tq2_0,
};

static spn_status find_codec(const struct k_quant **out, int dtype, int64_t n, struct spn_err *err)
{
    uint64_t bytes;

    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        if (codecs[i]->dtype != dtype)
            continue;
        if (!spn_dtype_row_bytes(dtype, n, &bytes))
            return spn_fail(err, SPN_EFORMAT,
                            "%s: a row of %" PRId64 " values is not a whole number of blocks of %d",
                            spn_dtype_name(dtype), n, spn_dtype_info(dtype)->block_elems);
        *out = codecs[i];
        return SPN_OK;
    }
    return spn_fail(err, SPN_EFORMAT, "type %d (%s): no conversion to or from floats", dtype,
                    spn_dtype_name(dtype));
}

spn_status spn_dequant(int dtype, const void *src, float *dst, int64_t n, struct spn_err *err)
{
    const struct k_quant *q;
    spn_status st = find_codec(&q, dtype, n, err);

    if (st == SPN_OK)
        q->decode(src, dst, n);
    return st;
}

/* A NaN has no place in a block, and what is too large would make its scale infinite: both are
 * refused before writing. */
spn_status spn_quant(int dtype, const float *src, void *dst, int64_t n, struct spn_err *err)
{
    const struct k_quant *q;
    spn_status st = find_codec(&q, dtype, n, err);

    if (st == SPN_OK && q->encode == NULL)
        st = spn_fail(err, SPN_EFORMAT, "type %d (%s) is read, not written", dtype,
                      spn_dtype_name(dtype));
    if (st != SPN_OK)
        return st;
    if (q->limit > 0) {
        for (int64_t i = 0; i < n; i++)
            if (!(fabsf(src[i]) <= q->limit))
                return spn_fail(err, SPN_EFORMAT,
                                "%s: value %" PRId64 " of the row is %g, a block holds at most %g",
                                spn_dtype_name(dtype), i, (double)src[i], (double)q->limit);
    }
    q->encode(src, dst, n);
    return SPN_OK;
}
