/* picture.h - the seam between a pane of a picture and the way it reaches the terminal.
 *
 * A pane keeps the pixels; who draws them is the service below.  The floor, always there, draws
 * half blocks or shades into the cells (picture_cells.c).  A service that sends sixels or the like
 * marks its cells (struct cell, member `picture`) and writes after the cells are shown. */
#ifndef APP_SCREEN_PICTURE_H
#define APP_SCREEN_PICTURE_H
#include "screen/cells.h"

struct picture_service {
    const char *name; /* "blocks", "sixel" … */
    /* Show P in A, scaled whole. Called whenever the pane is drawn; KEY names the pane. */
    void (*draw)(void *ctx, const void *key, struct area a, const struct spn_pixels *p);
    void (*forget)(void *ctx, const void *key); /* the pane shows it no more */
    void *ctx;
};
extern const struct picture_service picture_cells;
/* The service in use; picture_cells until another is set. NULL sets that one. */
const struct picture_service *picture_service(void);
void picture_use(const struct picture_service *s);

/* How large P is shown in ROWS x COLUMNS cells of CELL_W x CELL_H pixels, whole: in cells. */
void picture_fit(const struct spn_pixels *p, int rows, int columns, int cell_w, int cell_h,
                 int *out_rows, int *out_columns);

#endif
