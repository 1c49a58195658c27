/* picture.h - pictures on a terminal: the pixels that a pane shows, the ways to draw them, and the
 * seam between a pane and whoever draws.
 *
 * A pane keeps a source; the service in use draws it.  The floor, always there, draws half blocks
 * or shades into the cells (picture_cells.c).  On a terminal picture_term.c takes its place: it
 * marks the cells that a picture takes (struct cell, member `picture`) and sends what the terminal
 * understands after the cells are shown.  A plugin's command prints by the same ways
 * (picture_batch.c, the host table "picture/1" of spinney/picture.h). */
#ifndef APP_SCREEN_PICTURE_H
#define APP_SCREEN_PICTURE_H
#include "screen/cells.h"

/* ---- sources ---- */

/* Pixels that never change, counted: a worker may hold them after their pane has gone. */
struct picture_source {
    struct spn_pixels pixels; /* its arrays are owned */
    uint64_t serial;          /* of its own: equal serials are equal pixels */
    int holders;
};
/* A copy of P with one holder; NULL: P has no pixels, too many, or memory is short. */
struct picture_source *picture_source_new(const struct spn_pixels *p);
/* The same, taking over DATA (of spn_calloc, freed in any case) as its pixels. P's own is not
   looked at. */
struct picture_source *picture_source_take(const struct spn_pixels *p, uint8_t *data_take);
struct picture_source *picture_source_ref(struct picture_source *s);
void picture_source_unref(struct picture_source *s); /* NULL is fine. Thread: any */

/* ---- the seam ---- */

struct picture_service {
    const char *name; /* "blocks", "sixel" … */
    /* Show S in A. Called whenever the pane is drawn; KEY names the pane. FILL: over all of A,
       which then has the picture's shape; else scaled whole, in its middle. */
    void (*draw)(void *ctx, const void *key, struct area a, struct picture_source *s, bool fill);
    void (*forget)(void *ctx, const void *key); /* the pane shows it no more */
    /* Pixels of a cell, where pixels can be drawn; false: only cells are. */
    bool (*cell)(void *ctx, int *cell_w, int *cell_h);
    void *ctx;
};
extern const struct picture_service picture_cells;
/* The service in use; picture_cells until another is set. NULL sets that one. */
const struct picture_service *picture_service(void);
void picture_use(const struct picture_service *s);

/* How large P is shown in ROWS x COLUMNS cells of CELL_W x CELL_H pixels, whole: in cells, rounded,
   so its shape is off by half a cell at most. */
void picture_fit(const struct spn_pixels *p, int rows, int columns, int cell_w, int cell_h,
                 int *out_rows, int *out_columns);
/* Draw P into all cells of A as half blocks; LETTERS, and where the grid is ASCII: as shades. */
void picture_blocks(struct area a, const struct spn_pixels *p, bool letters);

/* ---- pixels ---- */

/* P scaled to WIDTH x HEIGHT: RGB by the mean of what falls together, palettes by the nearest, as
 * classes never mix. OUT: [height][width] of 3 bytes or 1. false: no memory. */
bool picture_scale(uint8_t *out, int width, int height, const struct spn_pixels *p);

#endif
