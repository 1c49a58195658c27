/* segmenter.h - extension point "segmenter": a network that gives each pixel of a picture a class.
 *
 * A segmenter says what it wants to be fed and computes logits; reading and scaling pictures,
 * sliding windows, several scales, labels and colours are the business of `spinney seg` and its
 * screen, the same for all of them.
 */
#ifndef SPINNEY_SEGMENTER_H
#define SPINNEY_SEGMENTER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"
#include "format/reader.h"
#include "tensor/tensor.h"
#include "vision/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a picture becomes an input. */
enum spn_seg_resize {
    SPN_SEG_KEEP_RATIO, /* scaled by min(long_side / longer, short_side / shorter) */
    SPN_SEG_FIXED       /* to short_side x long_side (height, width) whatever its shape */
};
enum spn_seg_fit {
    SPN_SEG_PAD /* zeros at the right and bottom, after normalising */,
    SPN_SEG_STRETCH /* scaled up to the next multiple */
};
struct spn_seg_info {
    const char *arch; /* "cgrseg-t" */
    int classes;
    const char *const *names; /* [classes]; NULL: the model says none */
    const char *palette;      /* name of share/palettes that fits; NULL: none */
    float mean[3], std[3];    /* of 8-bit red, green, blue */
    enum spn_seg_resize resize;
    bool pillow; /* scaled as Pillow does (bilinear with antialias); else as OpenCV */
    int long_side, short_side;
    enum spn_seg_fit fit;
    int multiple; /* of the input's height and width */
    bool direct;  /* logits go to the picture's size in one step, not by way of the input's */
    bool drawn;   /* learnt on drawn scenes alone: not for photographs unasked */
};

struct spn_seg_model; /* the plugin's own */
struct spn_segmenter {
    const char *summary;
    /* Are these tensors such a network? Cheap: names and shapes. */
    bool (*knows)(const struct spn_reader *r);
    /* R and POOL are lent until close. BF16: products of bf16 where the plugin has them. */
    spn_status (*open)(struct spn_seg_model **out, struct spn_reader *r, struct spn_pool *pool,
                       bool bf16, struct spn_err *err);
    void (*close)(struct spn_seg_model *m); /* NULL is fine */
    const struct spn_seg_info *(*info)(const struct spn_seg_model *m);
    /* X [batch, h, w, 3], normalised, sides of the multiple -> LOGITS [batch, h', w', classes],
       lent until the next call. */
    spn_status (*run)(struct spn_seg_model *m, const float *x, int64_t batch, int64_t h, int64_t w,
                      struct spn_tensor *logits, struct spn_err *err);
    /* Of the run before: stage I with its seconds; NULL past the last. */
    const char *(*stage)(const struct spn_seg_model *m, int i, double *seconds);
    /* Keep inner maps in the runs that follow; their names (NULL past the last) and numbers
       [batch, h', w', n]. "first" are logits before the network looked again, "gate N" masks of
       0 to 1. */
    void (*inside)(struct spn_seg_model *m, bool on);
    const char *(*map_name)(const struct spn_seg_model *m, int i);
    spn_status (*map)(struct spn_seg_model *m, const char *name, struct spn_tensor *out,
                      struct spn_err *err);
    /* Work of the run before, bytes of its activations and of the weights. */
    struct spn_vision_cost (*cost)(const struct spn_seg_model *m);
};

#ifdef __cplusplus
}
#endif
#endif
