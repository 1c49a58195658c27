/* spn_media.h - what the module spn_media offers libspinney. Private. */
#ifndef SPN_MEDIA_H
#define SPN_MEDIA_H
#include <stddef.h>
#include <stdint.h>
#include "base/module.h"

#define SPN_MEDIA_ABI 1

/* Pixels as the module hands them over. */
enum spn_media_pixels { SPN_MEDIA_RGB, SPN_MEDIA_RGBA, SPN_MEDIA_INDEX, SPN_MEDIA_GREY };

struct spn_media_picture {
    int width, height;
    int channels; /* of what `take` gave room for */
    int n_palette;
    uint8_t palette[256][4]; /* R G B A */
    /* Room of width * height * channels bytes, by the caller; NULL: no memory. */
    uint8_t *(*take)(void *ctx, int width, int height, int channels);
    void *ctx;
};

struct spn_media_module {
    struct spn_module_head head;
    /* NAME is filled as "libavcodec 59.37.100". */
    void (*start)(char *name, uint32_t room);
    /* Decode the first picture of BYTES, whose kind is KIND (spn_image_kind's word). INDICES:
     * palette indices or 8-bit grey values instead of colours. WHY is filled when SPN_OK is not
     * returned. */
    spn_status (*decode)(struct spn_media_picture *p, const char *kind, const uint8_t *bytes,
                         size_t n, uint64_t max_pixels, int indices, char *why, size_t room);
    /* Encode PIXELS (1, 3 or 4 channels; 1 with N_PALETTE > 0: indices) as PNG; *OUT is freed with
     * `release`. */
    spn_status (*encode_png)(uint8_t **out, size_t *n, const uint8_t *pixels, int width, int height,
                             int channels, const uint8_t (*palette)[3], int n_palette);
    void (*release)(uint8_t *bytes);
};

#endif
