/* dtype.h - element types. The numbers are those of GGUF tensor types, so a file's type is ours
 * after one range check. */
#ifndef SPN_DTYPE_H
#define SPN_DTYPE_H
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum spn_dtype {
    SPN_F32 = 0,
    SPN_F16 = 1,
    SPN_Q4_0 = 2,
    SPN_Q4_1 = 3,
    SPN_Q5_0 = 6,
    SPN_Q5_1 = 7,
    SPN_Q8_0 = 8,
    SPN_Q8_1 = 9,
    SPN_Q2_K = 10,
    SPN_Q3_K = 11,
    SPN_Q4_K = 12,
    SPN_Q5_K = 13,
    SPN_Q6_K = 14,
    SPN_Q8_K = 15,
    SPN_IQ2_XXS = 16,
    SPN_IQ2_XS = 17,
    SPN_IQ3_XXS = 18,
    SPN_IQ1_S = 19,
    SPN_IQ4_NL = 20,
    SPN_IQ3_S = 21,
    SPN_IQ2_S = 22,
    SPN_IQ4_XS = 23,
    SPN_I8 = 24,
    SPN_I16 = 25,
    SPN_I32 = 26,
    SPN_I64 = 27,
    SPN_F64 = 28,
    SPN_IQ1_M = 29,
    SPN_BF16 = 30,
    SPN_TQ1_0 = 34,
    SPN_TQ2_0 = 35,
    SPN_MXFP4 = 39,
    SPN_U8 = 64,
    SPN_BOOL = 65, /* not in GGUF: safetensors, NPY */
    SPN_U16 = 66,
    SPN_U32 = 67,
    SPN_U64 = 68,
    SPN_F8_E4M3 = 69, /* 1-4-3, bias 7, no infinities, NaN 0x7f and 0xff ("fn") */
    SPN_F8_E5M2 = 70, /* 1-5-2, bias 15, the high byte of a half */
    SPN_F8_E4M3FNUZ = 71, /* bias 8; 0x80 is the only NaN */
    SPN_F8_E5M2FNUZ = 72, /* bias 16; 0x80 is the only NaN */
    SPN_F8_E8M0 = 73,     /* 2^(u - 127); 255 is NaN */
    SPN_C32 = 74,         /* complex: two halves, two floats, two doubles */
    SPN_C64 = 75,
    SPN_C128 = 76,
    SPN_DTYPE_COUNT = 77
};

/* What is known of a type. `block_elems` elements take `block_bytes` bytes; a plain type has blocks
 * of 1. */
struct spn_dtype_info {
    const char *name; /* "q8_0"; NULL: no such type */
    int block_elems, block_bytes;
    bool decode; /* spn_dequant knows it */
    bool encode; /* spn_quant knows it */
};
const struct spn_dtype_info *spn_dtype_info(int dtype); /* NULL for an unknown or removed number */
const char *spn_dtype_name(int dtype);                  /* "?" when unknown */
int spn_dtype_by_name(const char *name);                /* any case; -1 when unknown */
/* Bytes of a row of N elements; false when N is negative, not a multiple of the block, or the
 * product overflows. */
bool spn_dtype_row_bytes(int dtype, int64_t n, uint64_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
