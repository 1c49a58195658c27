/* image.h - pictures: decoded through the module spn_media (libavformat, libavcodec, libswscale),
 * turned upright, held as 8-bit RGB; and written as PNG.
 *
 * Files are hostile: the kind is told by the bytes (never by the name), only the decoders of the
 * kinds below are ever used, and a picture past the limits is refused by its header, before memory
 * is taken.
 */
#ifndef SPN_IMAGE_H
#define SPN_IMAGE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A picture: rows of WIDTH * CHANNELS bytes without padding, top to bottom, R G B (A) in a pixel; 1
 * channel: grey values or class ids. */
struct spn_image {
    int width, height, channels; /* channels: 1, 3 or 4 */
    uint8_t *pixels;             /* owned */
};

struct spn_image_info {
    char kind[8];      /* "jpeg", "png", "webp", "bmp", "gif", "tiff", "pnm", "avif" */
    int width, height; /* as stored, before it is turned */
    int orientation;   /* EXIF: 1 to 8; 1 when there is none */
    bool palette;      /* pixels were indices of a palette of the file */
    int n_palette;     /* entries of it */
    uint8_t rgb[256][3];
};

struct spn_image_limits {
    uint64_t bytes; /* of the file */
    uint64_t pixels;
};
/* 1 GiB and 256 million pixels. */
extern const struct spn_image_limits spn_image_limits_default;

/* Decode BYTES into 8-bit RGB, upright (EXIF orientation applied), alpha over white, 16 bits
 * rounded to 8, the first frame of an animation. NAME is for sentences. INFO may be NULL. LIMITS
 * NULL: the default. Free with spn_image_free.
 * SPN_EFORMAT: no picture, damaged, cut short or past a limit; SPN_ENOTFOUND: the module is not
 * there; SPN_ENOMEM. */
spn_status spn_image_decode(struct spn_image *out, struct spn_image_info *info, const void *bytes,
                            size_t n, const char *name, const struct spn_image_limits *limits,
                            struct spn_err *err);
/* The same of a file. */
spn_status spn_image_read(struct spn_image *out, struct spn_image_info *info, const char *path,
                          const struct spn_image_limits *limits, struct spn_err *err);
/* Indices of a palette picture or grey values of a grey one, 1 channel, not turned: masks. 16-bit
 * grey is refused. SPN_EFORMAT when the file has other pixels. */
spn_status spn_image_read_ids(struct spn_image *out, struct spn_image_info *info, const char *path,
                              const struct spn_image_limits *limits, struct spn_err *err);

/* Zeroed pixels; SPN_ENOMEM. */
spn_status spn_image_new(struct spn_image *out, int width, int height, int channels,
                         struct spn_err *err);
void spn_image_free(struct spn_image *image); /* twice is fine */

/* Turn and mirror IMAGE as EXIF ORIENTATION (1 to 8) says; other values do nothing. */
spn_status spn_image_turn(struct spn_image *image, int orientation, struct spn_err *err);

/* PNG of IMAGE, whole or not at all; 1 channel: with PALETTE (N entries) a palette picture whose
 * pixel is the index, with NULL grey. */
spn_status spn_image_write_png(const struct spn_image *image, const uint8_t (*palette)[3], int n,
                               const char *path, struct spn_err *err);

/* The same, appended to OUT. */
spn_status spn_image_png(const struct spn_image *image, const uint8_t (*palette)[3], int n,
                         struct spn_buf *out, struct spn_err *err);

/* Does a file of these first bytes (32 or more) hold a picture that can be read? Its kind, or
 * NULL. */
const char *spn_image_kind(const void *bytes, size_t n);

/* Open the module (PATH NULL: the installed place) and say what it is, "libavcodec 59.37"; NULL
 * with ERR. */
const char *spn_media_open(const char *path, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
