/* spn_chafa.h - what the module spn_chafa offers the screens: libchafa's character art and its
 * writer of iTerm2 pictures. Private. */
#ifndef APP_SCREEN_SPN_CHAFA_H
#define APP_SCREEN_SPN_CHAFA_H
#include <stddef.h>
#include <stdint.h>
#include "base/module.h"

#define SPN_CHAFA_ABI 1

struct spn_chafa_cell {
    uint32_t code;
    int32_t fg, bg; /* 0xRRGGBB, -1: the terminal's own */
};

struct spn_chafa_module {
    struct spn_module_head head;
    void (*start)(char *name, uint32_t room); /* "libchafa 1.12.4" */
    /* RGB [height][width][3] as OUT [rows][columns]: blocks and quadrants in two colours a cell. */
    spn_status (*symbols)(struct spn_chafa_cell *out, int rows, int columns, const uint8_t *rgb,
                          int width, int height);
    /* The picture in iTerm2's protocol, drawn at the cursor over ROWS x COLUMNS cells; *OUT is
     * freed with `release`. */
    spn_status (*iterm)(char **out, size_t *n, int rows, int columns, const uint8_t *rgb, int width,
                        int height);
    void (*release)(char *bytes);
};

#endif
