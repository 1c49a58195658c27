#include "config.h"

#include "media/image.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/file.h"
#include "base/mem.h"
#include "media/exif.h"
#include "media/spn_media.h"

const struct spn_image_limits spn_image_limits_default = { 1u << 30, 256u << 20 };

static _Atomic(const struct spn_media_module *) media_module;
static char media_name[64];

const char *spn_media_open(const char *path, struct spn_err *err)
{
    const struct spn_module_head want = { sizeof(struct spn_media_module), SPN_MEDIA_ABI };
    const struct spn_media_module *media;
    const void *found = NULL;

    if (atomic_load_explicit(&media_module, memory_order_acquire) != NULL)
        return media_name;
    if (spn_module_open(&found, "spn_media", path, want, err) != SPN_OK) {
        spn_cure(err, "install libavcodec-dev libavformat-dev libswscale-dev and build again");
        return NULL;
    }
    media = found;
    media->start(media_name, sizeof media_name);
    atomic_store_explicit(&media_module, media, memory_order_release);
    return media_name;
}

spn_status spn_image_new(struct spn_image *out, int width, int height, int channels,
                         struct spn_err *err)
{
    size_t n = 0;
    uint8_t *pixels = NULL;

    if (width > 0 && height > 0 && spn_mul_size((size_t)width, (size_t)height, &n))
        pixels = spn_calloc(n, (size_t)channels);
    if (pixels == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for %d x %d pixels", width, height);
    *out = (struct spn_image){ width, height, channels, pixels };
    return SPN_OK;
}

void spn_image_free(struct spn_image *image)
{
    spn_free(image->pixels);
    *image = (struct spn_image){ 0 };
}

/* Where pixel X, Y of the turned picture comes from in the stored one of W x H (Exif 2.32, 4.6.4:
 * the side that row 0 and column 0 show). */
static size_t stored_at(int orientation, int x, int y, int w, int h)
{
    int sx = x, sy = y;

    switch (orientation) {
    case 2:
        sx = w - 1 - x;
        break;
    case 3:
        sx = w - 1 - x;
        sy = h - 1 - y;
        break;
    case 4:
        sy = h - 1 - y;
        break;
    case 5:
        sx = y;
        sy = x;
        break;
    case 6:
        sx = y;
        sy = h - 1 - x;
        break;
    case 7:
        sx = w - 1 - y;
        sy = h - 1 - x;
        break;
    case 8:
        sx = w - 1 - y;
        sy = x;
        break;
    default:
        break;
    }
    return (size_t)sy * (size_t)w + (size_t)sx;
}

spn_status spn_image_turn(struct spn_image *image, int orientation, struct spn_err *err)
{
    struct spn_image to;
    size_t c = (size_t)image->channels;
    spn_status st;

    if (orientation < 2 || orientation > 8)
        return SPN_OK;
    st = orientation >= 5 ? spn_image_new(&to, image->height, image->width, image->channels, err)
                          : spn_image_new(&to, image->width, image->height, image->channels, err);
    if (st != SPN_OK)
        return st;
    for (int y = 0; y < to.height; y++)
        for (int x = 0; x < to.width; x++)
            memcpy(to.pixels + ((size_t)y * (size_t)to.width + (size_t)x) * c,
                   image->pixels + stored_at(orientation, x, y, image->width, image->height) * c,
                   c);
    spn_image_free(image);
    *image = to;
    return SPN_OK;
}

/* Drops alpha: what shows through is white. */
static void over_white(struct spn_image *image)
{
    size_t n = (size_t)image->width * (size_t)image->height;

    for (size_t i = 0; i < n; i++) {
        const uint8_t *from = image->pixels + 4 * i;
        unsigned a = from[3];
        uint8_t rgb[3];

        for (int k = 0; k < 3; k++)
            rgb[k] = (uint8_t)((from[k] * a + 255 * (255 - a) + 127) / 255);
        memcpy(image->pixels + 3 * i, rgb, 3);
    }
    image->channels = 3;
}

static uint8_t *take(void *ctx, int width, int height, int channels)
{
    struct spn_image *image = ctx;

    return spn_image_new(image, width, height, channels, NULL) == SPN_OK ? image->pixels : NULL;
}

static spn_status decode(struct spn_image *out, struct spn_image_info *info, const void *bytes,
                         size_t n, const char *name, const struct spn_image_limits *limits,
                         bool indices, struct spn_err *err)
{
    struct spn_image image = { 0 };
    struct spn_media_picture p = { .take = take, .ctx = &image };
    const char *kind = spn_image_kind(bytes, n);
    const struct spn_media_module *media;
    char why[256] = "";
    int orientation;
    spn_status st;

    if (limits == NULL)
        limits = &spn_image_limits_default;
    if (n == 0)
        return spn_fail(err, SPN_EFORMAT, "%s: empty", name);
    if (kind == NULL)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: no picture of a kind that is read (JPEG, PNG, WebP, BMP, GIF, TIFF, "
                        "PNM, AVIF)",
                        name);
    if (n > limits->bytes)
        return spn_fail(err, SPN_EFORMAT, "%s: %zu bytes, at most %llu are read", name, n,
                        (unsigned long long)limits->bytes);
    if (strcmp(kind, "jpeg") == 0 && !k_jpeg_is_whole(bytes, n))
        return spn_fail(err, SPN_EFORMAT, "%s: a JPEG picture that is cut short", name);
    if (spn_media_open(NULL, err) == NULL)
        return SPN_ENOTFOUND;
    media = atomic_load_explicit(&media_module, memory_order_acquire);
    st = media->decode(&p, kind, bytes, n, limits->pixels, indices, why, sizeof why);
    if (st != SPN_OK) {
        spn_image_free(&image);
        return spn_fail(err, st, "%s: %s picture: %s", name, kind, why);
    }
    orientation = k_image_orientation(kind, bytes, n);
    if (info != NULL) {
        *info = (struct spn_image_info){ .width = image.width,
                                         .height = image.height,
                                         .orientation = orientation,
                                         .palette = p.n_palette > 0,
                                         .n_palette = p.n_palette };
        snprintf(info->kind, sizeof info->kind, "%s",
                 kind[0] == 'p' && kind[2] == 'm' ? "pnm" : kind);
        for (int i = 0; i < p.n_palette; i++)
            memcpy(info->rgb[i], p.palette[i], 3);
    }
    if (!indices) {
        if (image.channels == 4)
            over_white(&image);
        st = spn_image_turn(&image, orientation, err);
    }
    if (st != SPN_OK) {
        spn_image_free(&image);
        return st;
    }
    *out = image;
    return SPN_OK;
}

spn_status spn_image_decode(struct spn_image *out, struct spn_image_info *info, const void *bytes,
                            size_t n, const char *name, const struct spn_image_limits *limits,
                            struct spn_err *err)
{
    return decode(out, info, bytes, n, name, limits, false, err);
}

static spn_status read_file(struct spn_image *out, struct spn_image_info *info, const char *path,
                            const struct spn_image_limits *limits, bool indices,
                            struct spn_err *err)
{
    struct spn_map m;
    spn_status st = spn_map_open(&m, path, err);

    if (st != SPN_OK)
        return st;
    st = decode(out, info, m.data, (size_t)m.size, path, limits, indices, err);
    if (spn_map_check(&m, st == SPN_OK ? err : NULL) != SPN_OK && st == SPN_OK) {
        spn_image_free(out);
        st = SPN_EIO;
    }
    spn_map_close(&m);
    return st;
}

spn_status spn_image_read(struct spn_image *out, struct spn_image_info *info, const char *path,
                          const struct spn_image_limits *limits, struct spn_err *err)
{
    return read_file(out, info, path, limits, false, err);
}

spn_status spn_image_read_ids(struct spn_image *out, struct spn_image_info *info, const char *path,
                              const struct spn_image_limits *limits, struct spn_err *err)
{
    return read_file(out, info, path, limits, true, err);
}

spn_status spn_image_png(const struct spn_image *image, const uint8_t (*palette)[3], int n,
                         struct spn_buf *out, struct spn_err *err)
{
    const struct spn_media_module *media;
    uint8_t *bytes = NULL;
    size_t length = 0;
    spn_status st;

    if (spn_media_open(NULL, err) == NULL)
        return SPN_ENOTFOUND;
    media = atomic_load_explicit(&media_module, memory_order_acquire);
    st = media->encode_png(&bytes, &length, image->pixels, image->width, image->height,
                           image->channels, palette, palette != NULL && n <= 256 ? n : 0);
    if (st == SPN_OK) {
        st = spn_buf_add(out, bytes, length);
        media->release(bytes);
    }
    return st == SPN_OK ? SPN_OK
                        : spn_fail(err, st, "no memory for a PNG of %d x %d", image->width,
                                   image->height);
}

spn_status spn_image_write_png(const struct spn_image *image, const uint8_t (*palette)[3], int n,
                               const char *path, struct spn_err *err)
{
    struct spn_buf png = SPN_BUF_INIT((size_t)2 << 30);
    struct spn_err why = SPN_ERR_INIT;
    spn_status st = spn_image_png(image, palette, n, &png, &why);

    st = st == SPN_OK ? spn_file_write(path, png.data, png.length, err)
                      : spn_fail(err, st, "%s: %s", path, why.text);
    spn_buf_free(&png);
    return st;
}
