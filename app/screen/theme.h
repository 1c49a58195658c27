/* theme.h - what each role looks like: a data file of share/themes or ~/.config/spinney/themes. */
#ifndef APP_SCREEN_THEME_H
#define APP_SCREEN_THEME_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "spinney/view.h"

/* Roles of the frame, after those of enum spn_style. */
enum {
    ROLE_TITLE = SPN_STYLE_COUNT, /* row 1 */
    ROLE_STATE,                   /* right in row 1 */
    ROLE_BORDER,
    ROLE_PANE,        /* title of a pane */
    ROLE_FOCUS,       /* title of the pane that has the focus */
    ROLE_CHOICE,      /* the chosen row */
    ROLE_CHOICE_WEAK, /* the same in a pane without the focus */
    ROLE_HIT,
    ROLE_GHOST, /* greyed text in an empty line */
    ROLE_FOOTER,
    ROLE_KEY,
    ROLE_DIALOG,
    ROLE_COUNT
};

/* A colour: 0xRRGGBB, a palette colour 0 to 15 (with THEME_PALETTE), or the terminal's own. */
#define THEME_PALETTE 0x1000000
#define THEME_NONE    (-1)
struct theme_role {
    int32_t fg, bg;
    uint8_t attributes; /* CELL_… */
};
struct theme {
    char name[32];
    struct theme_role role[ROLE_COUNT];
};

/* Without any file: attributes only. */
void theme_plain(struct theme *t);
/* Read the theme NAME. SPN_ENOTFOUND, or SPN_EFORMAT with file and line; T is then plain. */
spn_status theme_load(struct theme *t, const char *name, struct spn_err *err);
/* From its text; WHERE begins the sentences. */
spn_status theme_parse(struct theme *t, const char *text, const char *where, struct spn_err *err);

/* The number of the nearest of the 6 x 6 x 6 cube and the 24 greys of 256 colours. */
int theme_256(int32_t rgb);
/* The pixels that COLOUR of a theme gives on a terminal of COLOURS, as far as can be known:
   0xRRGGBB, or -1 for the terminal's own. */
int32_t theme_shown(int32_t colour, int colours);

#endif
