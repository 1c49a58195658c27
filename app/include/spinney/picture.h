/* picture.h - pictures and plots of a command's output, and how large those of a pane can be
 * ("picture/1").  C11 and C++.
 *
 * On a screen a view shows a picture with spn_pane_api.picture and a plot with spn_pane_api.plot; a
 * command prints the same ones with this table.  The host chooses the way (sixel, kitty, iTerm2,
 * characters) from the terminal and the option --pictures. */
#ifndef SPINNEY_PICTURE_H
#define SPINNEY_PICTURE_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "spinney/view.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_job;

struct spn_picture_api {
    uint32_t size;
    /* Does the output of J take pictures? On a terminal unless --pictures=none; into a pipe only
       when --pictures names a way; never with --json. Not: print the text instead. */
    bool (*wanted)(struct spn_job *j);
    /* Print P, whole, on at most ROWS x COLUMNS cells (0: as large as the terminal shows at once),
       with the cursor at the start of the line below. SPN_ENOMEM; SPN_ENOTFOUND: the module for the
       way that was asked for is missing; SPN_EIO. */
    spn_status (*show)(struct spn_job *j, const struct spn_pixels *p, int rows, int columns,
                       struct spn_err *err);
    /* The same with a plot: axes and words as text, the figures as a picture where possible, else
       in braille dots or blocks. A heat map fills what it is given. */
    spn_status (*plot)(struct spn_job *j, const struct spn_plot *p, int rows, int columns,
                       struct spn_err *err);
    /* The room of a pane that is shown: cells, and pixels of a cell (where only cells are drawn, 1
       x 2: the half blocks). false: it is not shown yet. Main thread. */
    bool (*room)(const struct spn_pane *p, int *rows, int *columns, int *cell_w, int *cell_h);
    /* The colour of V in 0 to 1 in heat maps, as R G B; even in lightness. */
    void (*heat_colour)(double v, uint8_t rgb[3]);
};

#ifdef __cplusplus
}
#endif
#endif
