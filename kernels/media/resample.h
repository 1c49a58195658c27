/* resample.h - the exact resamplers that models were trained with: a network sees other pixels, and
 * answers otherwise, when its input is scaled by a rule that is merely alike. */
#ifndef SPN_RESAMPLE_H
#define SPN_RESAMPLE_H
#include "media/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* OpenCV's 8-bit INTER_LINEAR: pixel centres, 11-bit weights, no antialias. Free OUT with
 * spn_image_free. SPN_ENOMEM. Source: OpenCV documentation, resize. */
spn_status spn_resize_opencv_linear(struct spn_image *out, const struct spn_image *in, int width,
                                    int height, struct spn_err *err);

enum spn_filter { SPN_FILTER_BILINEAR, SPN_FILTER_BICUBIC };
/* Pillow's 8-bit resize: the filter is widened by the scale when it shrinks (antialias), bicubic
 * with a = -0.5, 22-bit weights, columns first (Pillow 13 takes the rows first in some shapes:
 * a few grey levels' difference). SPN_ENOMEM. Source: Pillow documentation, Filters.
 */
spn_status spn_resize_pillow(struct spn_image *out, const struct spn_image *in, int width,
                             int height, enum spn_filter filter, struct spn_err *err);

/* Nearest neighbour at floor(i * in / out): masks. SPN_ENOMEM. */
spn_status spn_resize_nearest(struct spn_image *out, const struct spn_image *in, int width,
                              int height, struct spn_err *err);

/* One plane of f32 [H][W] to [OUT_H][OUT_W], pixel centres (align_corners false), borders repeated,
 * no antialias: bilinear, or bicubic with a = -0.75. SPN_ENOMEM. Source: Keys 1981. */
spn_status spn_resize_f32(float *out, int64_t out_h, int64_t out_w, const float *in, int64_t h,
                          int64_t w, enum spn_filter filter, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
