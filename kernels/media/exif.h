/* exif.h - the orientation a camera wrote, and whether a JPEG is whole.  Private. */
#ifndef SPN_EXIF_H
#define SPN_EXIF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* EXIF tag 0x0112 of BYTES of KIND (jpeg, png, webp, tiff): 1 to 8; 1 when there is none or it
 * makes no sense. Source: Exif 2.32, TIFF 6.0. */
int k_image_orientation(const char *kind, const uint8_t *bytes, size_t n);
/* A JPEG's end-of-image marker follows its first scan: false for one that was cut short. */
bool k_jpeg_is_whole(const uint8_t *bytes, size_t n);

#endif
