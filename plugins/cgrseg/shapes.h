/* shapes.h - every tensor of a CGRSeg checkpoint, by its sizes: for making one, and for tests. */
#ifndef CGRSEG_SHAPES_H
#define CGRSEG_SHAPES_H
#include <stdint.h>

#define CGRSEG_BLOCKS_MAX 16

struct cgrseg_sizes {
    int width[4], depth[4], attention; /* blocks with attention at the end of stages 3 and 4 */
    int expansion[4][CGRSEG_BLOCKS_MAX];
    int heads, key, value, down_key, down_value; /* of a head */
    int side; /* of the map of stride 16 that the position biases are made for */
    int channels, kernel, blocks, classes;
};
/* 'T', 'B' or 'L' of the paper; NULL: another letter. */
const struct cgrseg_sizes *cgrseg_sizes_of(char variant);
/* EACH for every tensor in turn; a result below 0 ends it and is returned. */
typedef int (*cgrseg_each)(void *ctx, const char *name, int ndim, const int64_t *dim);
int cgrseg_tensors(const struct cgrseg_sizes *s, cgrseg_each each, void *ctx);

#endif
