/* picture_source.c - pixels that are shown: kept, counted, scaled. */
#include "config.h"

#include "screen/picture.h"

#include <string.h>

#include "base/arith.h"
#include "base/mem.h"

#define PIXELS_MAX ((size_t)1 << 28)

static bool sized(const struct spn_pixels *p, size_t *bytes)
{
    size_t n = p->width > 0 && p->height > 0 ? (size_t)p->width : 0;

    if (n == 0 || (size_t)p->height > PIXELS_MAX / n)
        return false;
    *bytes = n * (size_t)p->height * (p->kind == SPN_PIXELS_RGB ? 3 : 1);
    return true;
}

struct picture_source *picture_source_take(const struct spn_pixels *p, uint8_t *data_take)
{
    static uint64_t serial;
    struct picture_source *s = spn_calloc(1, sizeof *s);
    uint8_t *palette = NULL;
    size_t bytes;

    if (s == NULL || data_take == NULL || !sized(p, &bytes) ||
        (p->kind == SPN_PIXELS_PALETTE && (palette = spn_calloc(256, 3)) == NULL)) {
        spn_free(s);
        spn_free(data_take);
        return NULL;
    }
    if (palette != NULL)
        memcpy(palette, p->palette, 768);
    s->pixels = *p;
    s->pixels.data = data_take;
    s->pixels.palette = palette;
    s->pixels.alt = p->alt != NULL ? spn_strdup(p->alt) : NULL;
    s->serial = __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
    s->holders = 1;
    return s;
}

struct picture_source *picture_source_new(const struct spn_pixels *p)
{
    uint8_t *data;
    size_t bytes;

    if (!sized(p, &bytes))
        return NULL;
    data = spn_realloc(NULL, bytes, 1);
    if (data != NULL)
        memcpy(data, p->data, bytes);
    return picture_source_take(p, data);
}

struct picture_source *picture_source_ref(struct picture_source *s)
{
    __atomic_add_fetch(&s->holders, 1, __ATOMIC_RELAXED);
    return s;
}

void picture_source_unref(struct picture_source *s)
{
    if (s == NULL || __atomic_sub_fetch(&s->holders, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    spn_free((void *)(uintptr_t)s->pixels.data);
    spn_free((void *)(uintptr_t)s->pixels.palette);
    spn_free((void *)(uintptr_t)s->pixels.alt);
    spn_free(s);
}

/* ---- scaling ---- */

/* What of the source falls into place I of TO: from FIRST, N places, the first and last of them in
 * part. Shares are 1/256, at least 1 together. */
struct span {
    int first, n;
    unsigned head, tail;
};

static void spans(struct span *s, int from, int to)
{
    for (int i = 0; i < to; i++) {
        int64_t a = (int64_t)i * from * 256 / to, b = (int64_t)(i + 1) * from * 256 / to;

        if (b <= a)
            b = a + 1;
        s[i].first = (int)(a >> 8);
        s[i].n = (int)((b - 1) >> 8) - s[i].first + 1;
        s[i].head = s[i].n == 1 ? (unsigned)(b - a) : 256 - (unsigned)(a & 255);
        s[i].tail = s[i].n == 1 ? 0 : (unsigned)(((b - 1) & 255) + 1);
    }
}

/* One source row to WIDTH places of 16 bits: 256 times the mean. */
static void across(uint16_t *out, int width, const uint8_t *row, const struct span *s)
{
    for (int i = 0; i < width; i++) {
        const uint8_t *p = row + 3 * (size_t)s[i].first;
        unsigned weight = s[i].head + s[i].tail + 256 * (unsigned)(s[i].n > 2 ? s[i].n - 2 : 0);
        unsigned r = p[0] * s[i].head, g = p[1] * s[i].head, b = p[2] * s[i].head;

        for (int k = 1; k < s[i].n; k++) {
            unsigned share = k + 1 < s[i].n ? 256 : s[i].tail;

            p += 3;
            r += p[0] * share;
            g += p[1] * share;
            b += p[2] * share;
        }
        out[3 * i] = (uint16_t)((uint64_t)r * 256 / weight);
        out[3 * i + 1] = (uint16_t)((uint64_t)g * 256 / weight);
        out[3 * i + 2] = (uint16_t)((uint64_t)b * 256 / weight);
    }
}

static bool scale_rgb(uint8_t *out, int width, int height, const struct spn_pixels *p)
{
    struct span *sx = spn_calloc((size_t)width, sizeof *sx);
    struct span *sy = spn_calloc((size_t)height, sizeof *sy);
    size_t n = 3 * (size_t)width;
    uint16_t *row = spn_calloc(n, sizeof *row);
    uint64_t *sum = spn_calloc(n, sizeof *sum);
    int held = -1; /* the source row that `row` holds */
    bool made = sx != NULL && sy != NULL && row != NULL && sum != NULL;

    if (made) {
        spans(sx, p->width, width);
        spans(sy, p->height, height);
    }
    for (int y = 0; made && y < height; y++) {
        uint64_t weight = 0;

        memset(sum, 0, n * sizeof *sum);
        for (int k = 0; k < sy[y].n; k++) {
            unsigned share = k == 0 ? sy[y].head : k + 1 < sy[y].n ? 256 : sy[y].tail;
            int from = sy[y].first + k;

            if (held != from)
                across(row, width, p->data + 3 * (size_t)p->width * (size_t)from, sx);
            held = from;
            for (size_t i = 0; i < n; i++)
                sum[i] += (uint64_t)row[i] * share;
            weight += share;
        }
        weight *= 256;
        for (size_t i = 0; i < n; i++)
            out[(size_t)y * n + i] = (uint8_t)((sum[i] + weight / 2) / weight);
    }
    spn_free(sx);
    spn_free(sy);
    spn_free(row);
    spn_free(sum);
    return made;
}

static void scale_palette(uint8_t *out, int width, int height, const struct spn_pixels *p)
{
    for (int y = 0; y < height; y++) {
        const uint8_t *row =
            p->data + (size_t)(((int64_t)2 * y + 1) * p->height / (2 * height)) * (size_t)p->width;

        for (int x = 0; x < width; x++)
            *out++ = row[((int64_t)2 * x + 1) * p->width / (2 * width)];
    }
}

bool picture_scale(uint8_t *out, int width, int height, const struct spn_pixels *p)
{
    if (p->kind == SPN_PIXELS_RGB)
        return scale_rgb(out, width, height, p);
    scale_palette(out, width, height, p);
    return true;
}
