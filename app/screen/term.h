/* term.h - the terminal: its modes, its bytes, its size, its cells (ncurses), and being put back
 * whatever happens.  There is one. */
#ifndef APP_SCREEN_TERM_H
#define APP_SCREEN_TERM_H
#include <stdbool.h>
#include "screen/cells.h"
#include "screen/decode.h"
#include "screen/theme.h"

/* What it said of itself, or what its name says. */
struct term_facts {
    char name[64];              /* $TERM */
    char version[96];           /* its answer to XTVERSION, visible; "": none came */
    char attributes[96];        /* DA1, as "63;1;2;4" */
    int colours;                /* 0, 8, 16, 256 */
    bool utf8;                  /* the locale's encoding */
    bool ascii;                 /* characters outside ASCII are not shown one cell wide */
    bool sixel, tmux, answered; /* answered: DA1 came */
    bool has_ground;
    int32_t ground;     /* 0xRRGGBB of OSC 11 */
    int cell_w, cell_h; /* pixels; 0: not known */
    int sixel_colours;
};

struct term;
/* Take the terminal of stdin and stdout: SPN_EUSAGE when it is none or its kind is not known. */
spn_status term_open(struct term **out, bool mouse, struct spn_err *err);
void term_close(struct term *t); /* puts it back; NULL is fine */
/* Put it back with write() alone: safe in a signal handler, does nothing when it is back. */
void term_restore(void);
/* Leave for a while (a shell, an editor, a stop) and come back; the next show draws all. */
void term_leave(struct term *t);
void term_enter(struct term *t);

int term_fd(const struct term *t);
void term_size(const struct term *t, int *rows, int *columns);
void term_resized(struct term *t); /* take over the size that it has now */
void term_redraw(struct term *t);  /* the next show draws all cells */
void term_mouse(struct term *t, bool on);
/* Draw what changed. Cursor at ROW, COLUMN; ROW -1: hidden. */
void term_show(struct term *t, const struct cells *c, const struct theme *theme, int row,
               int column);
/* Bytes as they are, after the cells: pictures, OSC 52. */
void term_write(struct term *t, const char *bytes, size_t n);
struct term_facts *term_facts(struct term *t);
/* What a command may know of the terminal of stdout: its name, size, cells and (ASK) its answers,
   for which it waits 1.5 s at most; what was typed meanwhile is lost. Nothing is asked of a
   terminal that another program has in the foreground. */
void term_ask(struct term_facts *f, bool ask, int *rows, int *columns);
/* Take an answer; true: something that is shown depends on it. */
bool term_reply(struct term *t, const struct event *e);

#endif
