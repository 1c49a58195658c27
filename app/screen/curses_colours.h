/* curses_colours.h - what terminfo says of colours, for programs that take no terminal. */
#ifndef APP_SCREEN_CURSES_COLOURS_H
#define APP_SCREEN_CURSES_COLOURS_H

/* Of the terminal that $TERM names; 0: none, or $NO_COLOR is set. */
int curses_colours(void);

#endif
