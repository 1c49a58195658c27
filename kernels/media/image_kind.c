/* image_kind.c - the kind of a picture by its first bytes. */
#include "config.h"

#include <string.h>

#include "media/image.h"

/* The brands an AVIF file names in its first box (AVIF 1.1, 4). */
static bool is_avif(const uint8_t *p, size_t n)
{
    size_t box = n >= 4 ? (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3] : 0;

    if (n < 16 || memcmp(p + 4, "ftyp", 4) != 0)
        return false;
    if (box > n)
        box = n;
    for (size_t at = 8; at + 4 <= box; at += 4)
        if (memcmp(p + at, "avif", 4) == 0 || memcmp(p + at, "avis", 4) == 0)
            return true;
    return false;
}

const char *spn_image_kind(const void *bytes, size_t n)
{
    static const struct {
        const char *kind, *magic;
        size_t n;
    } table[] = {
        { "jpeg", "\xff\xd8\xff", 3 }, { "png", "\x89PNG\r\n\x1a\n", 8 },
        { "gif", "GIF87a", 6 },        { "gif", "GIF89a", 6 },
        { "tiff", "II*\0", 4 },        { "tiff", "MM\0*", 4 },
    };
    static const char *const netpbm[] = { "pbm", "pgm", "ppm" };
    const uint8_t *p = bytes;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (n >= table[i].n && memcmp(p, table[i].magic, table[i].n) == 0)
            return table[i].kind;
    if (n >= 16 && memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0)
        return "webp";
    /* "BM" alone also begins texts: the size of the header behind it is one of the known. */
    if (n >= 26 && p[0] == 'B' && p[1] == 'M' && p[15] == 0 && p[16] == 0 && p[17] == 0 &&
        strchr("\x0c\x28\x34\x38\x40\x6c\x7c", p[14]) != NULL && p[14] != 0)
        return "bmp";
    if (n >= 3 && p[0] == 'P' && strchr(" \t\r\n#", p[2]) != NULL && p[2] != 0) {
        if (p[1] >= '1' && p[1] <= '6')
            return netpbm[(p[1] - '1') % 3];
        if (p[1] == '7')
            return "pam";
    }
    return is_avif(p, n) ? "avif" : NULL;
}
