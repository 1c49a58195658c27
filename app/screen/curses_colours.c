/* curses_colours.c - apart, because term.h of ncurses takes words like "columns" for its own. */
#include "config.h"

#include "screen/curses_colours.h"

#include <stdlib.h>

#include <curses.h>
#include <term.h>

int curses_colours(void)
{
    const char *none = getenv("NO_COLOR");
    int wrong, n;

    if ((none != NULL && none[0] != '\0') || setupterm(NULL, 1, &wrong) != OK)
        return 0;
    n = tigetnum("colors");
    del_curterm(cur_term);
    return n > 0 ? n : 0;
}
