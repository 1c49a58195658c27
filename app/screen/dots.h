/* dots.h - small marks inside cells: braille dots for lines, eighths of blocks for bars, shades for
 * heat; ASCII where the grid shows no more. */
#ifndef APP_SCREEN_DOTS_H
#define APP_SCREEN_DOTS_H
#include "screen/cells.h"

struct dots {
    struct area area;
    int width, height; /* dots: 2 x 4 a cell, in ASCII 1 x 2 */
    uint8_t *mask;     /* [rows][columns] of cells */
    uint8_t *series;   /* who drew there last */
};
spn_status dots_open(struct dots *d, struct area a);
void dots_set(struct dots *d, int x, int y, int series);
void dots_line(struct dots *d, int x0, int y0, int x1, int y1, int series);
void dots_close(struct dots *d); /* writes the cells and frees */
/* The character that stands for a series where colour cannot tell. */
uint32_t dots_mark(int series);

/* SHARE (0 to 1) of the width of A, which has one row. */
void dots_bar(struct area a, double share, uint8_t role);
/* SHARE of the height of A in its column COLUMN, from below. */
void dots_column(struct area a, int column, double share, uint8_t role);
/* One cell of a heat map; NaN: none. */
void dots_shade(struct area a, int row, int column, double v);
/* The colour of V in 0 to 1: dark blue over green to yellow, even in lightness. */
int32_t dots_heat_colour(double v);

#endif
