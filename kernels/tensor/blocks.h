/* blocks.h - the quantised types as one kind of block: 32 weights of a row are small integers, a
 * scale a half and a minimum a half.  Private to kernels/. */
#ifndef SPN_BLOCKS_H
#define SPN_BLOCKS_H
#include <stdint.h>

/* What the 4 bits of IQ4_NL and IQ4_XS choose from, ascending; of MXFP4: twice a 4-bit float of one
   sign, two exponent bits and one of mantissa (OCP Microscaling). */
static const int8_t k_levels_iq4[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                         1,    13,   25,  38,  53,  69,  89,  113 };
static const int8_t k_levels_mx4[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

struct k_block {
    int q[32];
    float scale[2], min[2]; /* value = scale[i / 16] * q[i] - min[i / 16], as spn_dequant has it */
};
/* Block B (of 32 weights) of the row that begins at ROW. */
typedef void (*k_block_fn)(const uint8_t *row, int64_t b, struct k_block *out);
/* NULL: a plain type, or one that does not decode. */
k_block_fn k_block_of(int dtype);

#endif
