/* spn_sixel.c - the module that links libsixel, so that nothing else does. */
#include "config.h"

#include "screen/spn_sixel.h"

#include <stdio.h>
#include <string.h>

#undef PACKAGE_VERSION /* its header has one too */
#include <sixel.h>

static void start(char *name, uint32_t room)
{
    snprintf(name, room, "libsixel %s", LIBSIXEL_VERSION);
}

static spn_status palette(uint8_t (*out)[3], int *n, const uint8_t *rgb, int width, int height,
                          int most)
{
    sixel_dither_t *d = NULL;
    spn_status st = SPN_ENOMEM;

    /* It reads the pixels only, though its type does not say so. */
    if (SIXEL_SUCCEEDED(sixel_dither_new(&d, most, NULL)) &&
        SIXEL_SUCCEEDED(sixel_dither_initialize(d, (unsigned char *)(uintptr_t)rgb, width, height,
                                                SIXEL_PIXELFORMAT_RGB888, SIXEL_LARGE_NORM,
                                                SIXEL_REP_AVERAGE_PIXELS, SIXEL_QUALITY_LOW))) {
        *n = sixel_dither_get_num_of_palette_colors(d);
        memcpy(out, sixel_dither_get_palette(d), 3 * (size_t)*n);
        st = SPN_OK;
    }
    if (d != NULL)
        sixel_dither_unref(d);
    return st;
}

struct sink {
    void (*put)(void *ctx, const char *bytes, size_t n);
    void *ctx;
    int body; /* the "q" that ends the parameters went by */
};

static int write_bytes(char *data, int size, void *priv)
{
    struct sink *s = priv;
    const char *p = data, *q;
    size_t n = (size_t)size;

    if (!s->body) {
        q = memchr(p, 'q', n);
        if (q == NULL)
            return size;
        s->body = 1;
        n -= (size_t)(q + 1 - p);
        p = q + 1;
    }
    if (n > 0)
        s->put(s->ctx, p, n);
    return size;
}

static spn_status encode(void (*put)(void *ctx, const char *bytes, size_t n), void *ctx,
                         const uint8_t *indices, int width, int height, const uint8_t (*colours)[3],
                         int n)
{
    struct sink sink = { put, ctx, 0 };
    sixel_dither_t *d = NULL;
    sixel_output_t *o = NULL;
    spn_status st = SPN_ENOMEM;

    if (SIXEL_SUCCEEDED(sixel_dither_new(&d, n > 1 ? n : 2, NULL)) &&
        SIXEL_SUCCEEDED(sixel_output_new(&o, write_bytes, &sink, NULL))) {
        uint8_t all[256][3] = { { 0 } };

        memcpy(all, colours, 3 * (size_t)n);
        sixel_dither_set_palette(d, all[0]);
        sixel_dither_set_pixelformat(d, SIXEL_PIXELFORMAT_PAL8);
        sixel_dither_set_diffusion_type(d, SIXEL_DIFFUSE_NONE);
        sixel_output_set_skip_dcs_envelope(o, 1);
        sixel_output_set_encode_policy(o, SIXEL_ENCODEPOLICY_SIZE);
        if (SIXEL_SUCCEEDED(
                sixel_encode((unsigned char *)(uintptr_t)indices, width, height, 1, d, o)))
            st = SPN_OK;
    }
    if (o != NULL)
        sixel_output_unref(o);
    if (d != NULL)
        sixel_dither_unref(d);
    return st;
}

extern const struct spn_sixel_module spn_sixel_LTX_spn_module;
const struct spn_sixel_module spn_sixel_LTX_spn_module = {
    .head = { sizeof(struct spn_sixel_module), SPN_SIXEL_ABI },
    .start = start,
    .palette = palette,
    .encode = encode,
};
