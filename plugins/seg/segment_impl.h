/* segment_impl.h - what a segmented picture is kept as. */
#ifndef SEG_SEGMENT_IMPL_H
#define SEG_SEGMENT_IMPL_H
#include "segment.h"

/* Logits of one window of the scaled picture. */
struct piece {
    int x, y, width, height; /* in the scaled picture; it may reach past its end (padding) */
    int64_t rows, cols;      /* of the logits */
    float *logits;           /* [rows][cols][classes] */
};
/* The picture at one scale, or mirrored. */
struct view {
    int width, height; /* of the scaled picture */
    bool mirrored;
    struct piece *piece;
    int n;
};
struct segment {
    int width, height, classes;
    int net_width, net_height; /* of the first view's input */
    struct spn_pool *pool; /* lent by the net */
    struct view view[2 * SEGMENT_SCALES_MAX];
    int n;
};

#endif
