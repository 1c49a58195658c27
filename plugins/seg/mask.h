/* mask.h - label maps: an id a pixel, IGNORED where none is known. */
#ifndef SEG_MASK_H
#define SEG_MASK_H
#include "base/buf.h"
#include "classes.h"
#include "media/image.h"

/* A label map is a picture of 1 channel. Read it from a palette or 8-bit grey PNG (ids are palette
 * indices or grey values), a PNG whose colours are those of CLASSES, an NPY of whole numbers
 * [h][w], or JSON with COCO's run lengths: one {"segmentation", "category_id"} or a list of them,
 * later ones on top. Ids past 254 are refused, but for 255. Free with spn_image_free. */
spn_status mask_read(struct spn_image *out, const char *path, const struct classes *c,
                     struct spn_err *err);
/* The run lengths of every class of MASK as a JSON list; NULL: no memory. */
json_t *mask_rle(const struct spn_image *mask, const struct classes *c);
/* RGB of PICTURE with MASK's colours over it: OPACITY 0 to 1; ignored pixels stay. Sizes agree. */
void mask_over(struct spn_image *picture, const struct spn_image *mask, const struct classes *c,
               double opacity);

#endif
