/* conv.h - private: the driver of convolutions by tiles, which every instruction set shares. */
#ifndef K_VISION_CONV_H
#define K_VISION_CONV_H
#include "vision/vision_impl.h"

/* Scratch is laid out for this many threads; with more, these many work. */
#define K_VISION_PARTS 16

/* y = act(y + bias) + more over ROWS rows of N numbers; BIAS and MORE may be NULL. */
typedef void (*k_finish_fn)(float *y, const float *bias, const float *more, int64_t rows, int64_t n,
                            int act);
/* One group of channels: rows of the input that a filter covers are made, block by block, and
   multiplied by the filter, packed or not. */
void k_conv_tiles(const struct spn_op_call *c, k_finish_fn finish);

/* Rows a block of queries has in attend. */
int64_t k_attend_block(const struct spn_attend *a, int64_t nk);

#endif
