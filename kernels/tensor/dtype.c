/* dtype.c - the table of element types: what a block of each holds and what this program can do
 * with it. */
#include "config.h"

#include "tensor/dtype.h"

#include <stddef.h>
#include <strings.h>

#include "base/arith.h"

#define PLAIN(n, bytes)           \
    {                             \
        n, 1, bytes, false, false \
    }
#define BOTH(n, elems, bytes)       \
    {                               \
        n, elems, bytes, true, true \
    } /* read and written */
#define KNOWN(n, elems, bytes)        \
    {                                 \
        n, elems, bytes, false, false \
    } /* named and sized, not decoded */

/* Numbers 4, 5, 31-33 and 36-38 were given up by the format: their entries stay empty. */
static const struct spn_dtype_info infos[SPN_DTYPE_COUNT] = {
    [SPN_F32] = BOTH("f32", 1, 4),
    [SPN_F16] = BOTH("f16", 1, 2),
    [SPN_BF16] = BOTH("bf16", 1, 2),
    [SPN_Q4_0] = BOTH("q4_0", 32, 18),
    [SPN_Q4_1] = BOTH("q4_1", 32, 20),
    [SPN_Q5_0] = BOTH("q5_0", 32, 22),
    [SPN_Q5_1] = BOTH("q5_1", 32, 24),
    [SPN_Q8_0] = BOTH("q8_0", 32, 34),
    [SPN_Q8_1] = KNOWN("q8_1", 32, 36),
    [SPN_Q2_K] = BOTH("q2_k", 256, 84),
    [SPN_Q3_K] = BOTH("q3_k", 256, 110),
    [SPN_Q4_K] = BOTH("q4_k", 256, 144),
    [SPN_Q5_K] = BOTH("q5_k", 256, 176),
    [SPN_Q6_K] = BOTH("q6_k", 256, 210),
    [SPN_Q8_K] = KNOWN("q8_k", 256, 292),
    [SPN_IQ2_XXS] = KNOWN("iq2_xxs", 256, 66),
    [SPN_IQ2_XS] = KNOWN("iq2_xs", 256, 74),
    [SPN_IQ3_XXS] = KNOWN("iq3_xxs", 256, 98),
    [SPN_IQ1_S] = KNOWN("iq1_s", 256, 50),
    [SPN_IQ4_NL] = BOTH("iq4_nl", 32, 18),
    [SPN_IQ3_S] = KNOWN("iq3_s", 256, 110),
    [SPN_IQ2_S] = KNOWN("iq2_s", 256, 82),
    [SPN_IQ4_XS] = BOTH("iq4_xs", 256, 136),
    [SPN_I8] = PLAIN("i8", 1),
    [SPN_I16] = PLAIN("i16", 2),
    [SPN_I32] = PLAIN("i32", 4),
    [SPN_I64] = PLAIN("i64", 8),
    [SPN_F64] = PLAIN("f64", 8),
    [SPN_IQ1_M] = KNOWN("iq1_m", 256, 56),
    [SPN_TQ1_0] = BOTH("tq1_0", 256, 54),
    [SPN_TQ2_0] = BOTH("tq2_0", 256, 66),
    [SPN_MXFP4] = BOTH("mxfp4", 32, 17),
    [40] = KNOWN("nvfp4", 64, 36),
    [41] = KNOWN("q1_0", 128, 18),
    [42] = KNOWN("q2_0", 64, 18),
    [SPN_U8] = PLAIN("u8", 1),
    [SPN_BOOL] = PLAIN("bool", 1),
    [SPN_U16] = PLAIN("u16", 2),
    [SPN_U32] = PLAIN("u32", 4),
    [SPN_U64] = PLAIN("u64", 8),
    [SPN_F8_E4M3] = PLAIN("f8_e4m3", 1),
    [SPN_F8_E5M2] = PLAIN("f8_e5m2", 1),
    [SPN_F8_E4M3FNUZ] = PLAIN("f8_e4m3fnuz", 1),
    [SPN_F8_E5M2FNUZ] = PLAIN("f8_e5m2fnuz", 1),
    [SPN_F8_E8M0] = PLAIN("f8_e8m0", 1),
    [SPN_C32] = PLAIN("c32", 4),
    [SPN_C64] = PLAIN("c64", 8),
    [SPN_C128] = PLAIN("c128", 16),
};

const struct spn_dtype_info *spn_dtype_info(int dtype)
{
    if (dtype < 0 || dtype >= SPN_DTYPE_COUNT || infos[dtype].name == NULL)
        return NULL;
    return &infos[dtype];
}

const char *spn_dtype_name(int dtype)
{
    const struct spn_dtype_info *info = spn_dtype_info(dtype);

    return info != NULL ? info->name : "?";
}

int spn_dtype_by_name(const char *name)
{
    for (int i = 0; i < SPN_DTYPE_COUNT; i++)
        if (infos[i].name != NULL && strcasecmp(infos[i].name, name) == 0)
            return i;
    return -1;
}

bool spn_dtype_row_bytes(int dtype, int64_t n, uint64_t *bytes)
{
    const struct spn_dtype_info *info = spn_dtype_info(dtype);

    if (info == NULL || n < 0 || n % info->block_elems != 0)
        return false;
    return spn_mul_u64((uint64_t)(n / info->block_elems), (uint64_t)info->block_bytes, bytes);
}
