/* spn_sixel.h - what the module spn_sixel offers the screens: libsixel's encoder. Private. */
#ifndef APP_SCREEN_SPN_SIXEL_H
#define APP_SCREEN_SPN_SIXEL_H
#include <stddef.h>
#include <stdint.h>
#include "base/module.h"

#define SPN_SIXEL_ABI 1

struct spn_sixel_module {
    struct spn_module_head head;
    void (*start)(char *name, uint32_t room); /* "libsixel 1.10.3" */
    /* At most MOST (2 to 256) colours that stand for those of RGB [height][width][3], by median
     * cut; *N says how many. */
    spn_status (*palette)(uint8_t (*palette)[3], int *n, const uint8_t *rgb, int width, int height,
                          int most);
    /* INDICES [height][width] below N as a sixel body: what stands between "q" and the string
     * terminator. Never dithered. */
    spn_status (*encode)(void (*put)(void *ctx, const char *bytes, size_t n), void *ctx,
                         const uint8_t *indices, int width, int height, const uint8_t (*palette)[3],
                         int n);
};

#endif
