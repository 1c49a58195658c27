#include "config.h"

#include "media/exif.h"

#include <string.h>

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT      3

static unsigned u16(const uint8_t *p, bool big)
{
    return big ? (unsigned)p[0] << 8 | p[1] : (unsigned)p[1] << 8 | p[0];
}

static uint32_t u32(const uint8_t *p, bool big)
{
    return big ? (uint32_t)u16(p, true) << 16 | u16(p + 2, true)
               : (uint32_t)u16(p + 2, false) << 16 | u16(p, false);
}

/* The first directory of a TIFF structure. */
static int tiff_orientation(const uint8_t *p, size_t n)
{
    bool big;
    uint32_t at;
    unsigned entries, value;

    if (n < 8 || (memcmp(p, "II*\0", 4) != 0 && memcmp(p, "MM\0*", 4) != 0))
        return 1;
    big = p[0] == 'M';
    at = u32(p + 4, big);
    if (at > n || n - at < 2)
        return 1;
    entries = u16(p + at, big);
    if (entries > (n - at - 2) / 12)
        return 1;
    for (unsigned i = 0; i < entries; i++) {
        const uint8_t *e = p + at + 2 + 12 * (size_t)i;

        if (u16(e, big) != TAG_ORIENTATION || u16(e + 2, big) != TYPE_SHORT)
            continue;
        value = u16(e + 8, big);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* Walks the segments of a JPEG up to its first scan. *EXIF (when wanted) is its EXIF block; the
 * offset of the scan, 0 when there is none. */
static size_t jpeg_walk(const uint8_t *p, size_t n, const uint8_t **exif, size_t *exif_n)
{
    size_t at = 2, length;

    while (at + 4 <= n && p[at] == 0xff) {
        unsigned marker = p[at + 1];

        if (marker == 0xff) { /* fill byte */
            at++;
            continue;
        }
        if (marker == 0xda)
            return at;
        if (marker == 0xd9)
            return 0;
        length = u16(p + at + 2, true);
        if (length < 2 || length > n - at - 2)
            return 0;
        if (marker == 0xe1 && exif != NULL && *exif == NULL && length >= 8 &&
            memcmp(p + at + 4, "Exif\0\0", 6) == 0) {
            *exif = p + at + 10;
            *exif_n = length - 8;
        }
        at += 2 + length;
    }
    return 0;
}

bool k_jpeg_is_whole(const uint8_t *bytes, size_t n)
{
    size_t scan = n >= 4 ? jpeg_walk(bytes, n, NULL, NULL) : 0;
    const uint8_t *p = bytes + scan, *end = bytes + n;

    if (scan == 0)
        return false;
    while (p + 1 < end && (p = memchr(p, 0xff, (size_t)(end - p - 1))) != NULL) {
        if (p[1] == 0xd9)
            return true;
        p++;
    }
    return false;
}

static int png_orientation(const uint8_t *p, size_t n)
{
    size_t at = 8;

    while (at + 12 <= n) {
        uint32_t length = u32(p + at, true);

        if (length > n - at - 12 || memcmp(p + at + 4, "IDAT", 4) == 0)
            return 1;
        if (memcmp(p + at + 4, "eXIf", 4) == 0)
            return tiff_orientation(p + at + 8, length);
        at += 12 + (size_t)length;
    }
    return 1;
}

static int webp_orientation(const uint8_t *p, size_t n)
{
    size_t at = 12;

    while (at + 8 <= n) {
        uint32_t length = u32(p + at + 4, false);

        if (length > n - at - 8)
            return 1;
        if (memcmp(p + at, "EXIF", 4) == 0) {
            const uint8_t *e = p + at + 8;

            if (length >= 6 && memcmp(e, "Exif\0\0", 6) == 0)
                return tiff_orientation(e + 6, length - 6);
            return tiff_orientation(e, length);
        }
        at += 8 + (size_t)length + (length & 1);
    }
    return 1;
}

int k_image_orientation(const char *kind, const uint8_t *bytes, size_t n)
{
    const uint8_t *exif = NULL;
    size_t exif_n = 0;

    if (strcmp(kind, "tiff") == 0)
        return tiff_orientation(bytes, n);
    if (strcmp(kind, "png") == 0)
        return png_orientation(bytes, n);
    if (strcmp(kind, "webp") == 0)
        return webp_orientation(bytes, n);
    if (strcmp(kind, "jpeg") != 0)
        return 1;
    jpeg_walk(bytes, n, &exif, &exif_n);
    return exif != NULL ? tiff_orientation(exif, exif_n) : 1;
}
