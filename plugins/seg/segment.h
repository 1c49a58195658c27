/* segment.h - a picture through a segmenter: scaled, whole or in windows, at several scales and
 * mirrored where asked; labels and probabilities of any pixel afterwards. */
#ifndef SEG_SEGMENT_H
#define SEG_SEGMENT_H
#include <stdbool.h>
#include "base/cancel.h"
#include "media/image.h"
#include "spinney/plugin.h"
#include "spinney/segmenter.h"

#define SEGMENT_SCALES_MAX 8
#define SEGMENT_STAGES_MAX 24

/* A model that is open: what it is, and who runs it. */
struct segment_net {
    const struct spn_segmenter *segmenter;
    const char *plugin; /* the segmenter's name */
    struct spn_reader *reader;
    struct spn_pool *pool;
    struct spn_seg_model *model;
    const struct spn_seg_info *info;
};
/* PATH with the first segmenter that knows it. SPN_EFORMAT: none does. Close with
   segment_net_close. */
spn_status segment_net_open(struct segment_net *n, const struct spn_registry_api *registry,
                            const char *path, int threads, bool bf16, struct spn_err *err);
void segment_net_close(struct segment_net *n); /* twice is fine */

struct segment_options {
    bool slide;
    int window, stride; /* of a slide, in pixels of the scaled picture; 0: the short side, 2/3 of it
                         */
    double scale[SEGMENT_SCALES_MAX];
    int n_scale; /* 0: one, of 1 */
    bool flip;   /* mirrored as well */
};

struct segment_times {
    double scale, net, labels;
    const char *stage[SEGMENT_STAGES_MAX]; /* of the last run of the network, lent by the model */
    double seconds[SEGMENT_STAGES_MAX];
    int n_stage;
};

/* Logits of a picture in all views: what labels and probabilities are made from at any time. */
struct segment;
spn_status segment_run(struct segment **out, struct segment_net *n, const struct spn_image *picture,
                       const struct segment_options *o, struct spn_cancel *cancel,
                       struct segment_times *times, struct spn_err *err);
void segment_free(struct segment *s); /* NULL is fine */
/* Class of each pixel, 1 channel, the picture's size; free with spn_image_free. */
spn_status segment_labels(const struct segment *s, struct spn_image *out, struct spn_err *err);
/* Probabilities [classes] of the pixel at X, Y. */
spn_status segment_probe(const struct segment *s, int x, int y, float *p, struct spn_err *err);
/* Probability of class ID (or, -1, of the best one) at each pixel, as 0 to 255, 1 channel. */
spn_status segment_heat(const struct segment *s, int id, struct spn_image *out,
                        struct spn_err *err);
/* The size that the network worked on in the first view. */
void segment_size(const struct segment *s, int *width, int *height);

#endif
