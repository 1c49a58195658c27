/* curses_cells.h - ncurses, used for output alone: cells to a terminal.  The only file pair that
 * knows it. */
#ifndef APP_SCREEN_CURSES_CELLS_H
#define APP_SCREEN_CURSES_CELLS_H
#include "screen/cells.h"
#include "screen/theme.h"

struct curses_cells;
spn_status curses_open(struct curses_cells **out, int *colours, struct spn_err *err);
void curses_close(struct curses_cells *c);
void curses_leave(struct curses_cells *c);
void curses_enter(struct curses_cells *c);
void curses_resize(struct curses_cells *c, int rows, int columns);
void curses_redraw(struct curses_cells *c);
void curses_show(struct curses_cells *c, const struct cells *cells, const struct theme *theme,
                 int row, int column);
/* What puts the terminal back: attributes, cursor, keypad, alternate screen. */
void curses_strings_off(struct spn_buf *b);

#endif
