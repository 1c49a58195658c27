/* plot.h - plots: axes and words in cells; lines, bars and heat as a picture where pixels can be
 * drawn, else in braille dots, blocks or ASCII.  The same figures both ways. */
#ifndef APP_SCREEN_PLOT_H
#define APP_SCREEN_PLOT_H
#include "screen/picture.h"
#include "spinney/view.h"

struct theme;

/* Colours of the pixels, 0xRRGGBB. */
struct plot_look {
    int32_t ground, grid, series[6];
};
void plot_look_ground(struct plot_look *l, int32_t ground); /* no theme; -1: a black ground */
/* As the theme is shown in COLOURS; TERMINAL: its ground, -1: not known. */
void plot_look_theme(struct plot_look *l, const struct theme *t, int colours, int32_t terminal);

/* The picture that was drawn last, while it still fits: begin with zeros. */
struct plot_kept {
    struct picture_source *source;
    int width, height;
    struct plot_look look;
};
void plot_kept_free(struct plot_kept *k);

/* Draw P into A by S, whose picture has the key KEY. KEPT may be NULL. */
void plot_draw(const struct spn_plot *p, struct area a, const struct picture_service *s,
               const void *key, const struct plot_look *look, struct plot_kept *kept);

/* ---- figures (plot_figures.c) ---- */
struct plot_range {
    double lo, hi; /* on the axis: logarithms where it has them */
};
double plot_scaled(double v, bool log);
double plot_x_at(const struct spn_series *s, size_t i);
/* What the lines of P span; never empty. */
void plot_ranges(const struct spn_plot *p, struct plot_range *x, struct plot_range *y);
/* Counts of a histogram in at most MOST bins (free with spn_free; NULL: none), how many, and their
 * ranges. log_y: logarithms of 1 + count. */
double *plot_counts(const struct spn_plot *p, int most, int *bins, struct plot_range *x,
                    struct plot_range *y);
/* The mean of what of a heat map falls on part (ROW, COLUMN) of ROWS x COLUMNS, 0 to 1 in RANGE;
 * NaN: nothing finite. */
double plot_heat_at(const struct spn_plot *p, const struct plot_range *range, int row, int column,
                    int rows, int columns);
void plot_heat_range(const struct spn_plot *p, struct plot_range *range);
/* Round values inside R, at most MOST, into AT; how many. */
#define PLOT_TICKS_MAX 12
int plot_ticks(const struct plot_range *r, bool log, int most, double at[PLOT_TICKS_MAX]);
void plot_number(double v, bool log, char *out, size_t room);

/* ---- pixels (plot_pixels.c): the picture of the body alone, WIDTH x HEIGHT; NULL: no memory ----
 */
struct picture_source *plot_pixels_lines(const struct spn_plot *p, int width, int height,
                                         const struct plot_look *look);
struct picture_source *plot_pixels_bars(const struct spn_plot *p, int width, int height, int rows,
                                        const struct plot_look *look);
struct picture_source *plot_pixels_histogram(const struct spn_plot *p, int width, int height,
                                             const struct plot_look *look);
struct picture_source *plot_pixels_heat(const struct spn_plot *p, int width, int height,
                                        const struct plot_look *look);

#endif
