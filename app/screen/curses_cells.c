#include "config.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/mem.h"
#include "screen/curses_cells.h"

#define PAIRS_MAX 4096 /* of colours in use; a power of two for the table */

struct pair {
    int fg, bg, number; /* number 0: free */
};
struct curses_cells {
    SCREEN *screen;
    struct cell *shown; /* what ncurses holds */
    int rows, columns, colours, limit, used;
    struct pair pair[2 * PAIRS_MAX];
    bool all;
    struct theme theme; /* what it was drawn in */
};

spn_status curses_open(struct curses_cells **out, int *colours, struct spn_err *err)
{
    struct curses_cells *c = spn_calloc(1, sizeof *c);
    const char *name = getenv("TERM"), *none = getenv("NO_COLOR");

    if (c == NULL)
        return spn_fail(err, SPN_ENOMEM, "terminal: no memory");
    use_env(TRUE);
    use_tioctl(TRUE);
    c->screen = newterm(NULL, stdout, stdin);
    if (c->screen == NULL) {
        spn_free(c);
        return spn_fail(err, SPN_EUSAGE, "terminal: \"%s\" is not in the terminfo database",
                        name != NULL ? name : "");
    }
    raw();
    noecho();
    nonl();
    idlok(stdscr, FALSE);
    idcok(stdscr, FALSE); /* moved cells would take a picture's pixels along */
    leaveok(stdscr, FALSE);
    if (has_colors() && (none == NULL || none[0] == '\0')) {
        start_color();
        use_default_colors();
        c->colours = COLORS;
        c->limit = COLOR_PAIRS < PAIRS_MAX ? COLOR_PAIRS : PAIRS_MAX;
    }
    /* newterm leaves the signals of a stop and of the size to us. */
    signal(SIGTSTP, SIG_DFL);
    signal(SIGWINCH, SIG_DFL);
    *colours = c->colours;
    c->all = true;
    wrefresh(curscr);
    *out = c;
    return SPN_OK;
}

void curses_close(struct curses_cells *c)
{
    endwin();
    delscreen(c->screen);
    spn_free(c->shown);
    spn_free(c);
}

void curses_leave(struct curses_cells *c)
{
    endwin();
}

void curses_enter(struct curses_cells *c)
{
    reset_prog_mode();
    raw();
    noecho();
    nonl();
    refresh();
    curses_redraw(c);
}

void curses_resize(struct curses_cells *c, int rows, int columns)
{
    resizeterm(rows, columns);
    curses_redraw(c);
}

void curses_redraw(struct curses_cells *c)
{
    c->all = true;
    clearok(curscr, TRUE);
}

void curses_strings_off(struct spn_buf *b)
{
    static const char *const all[] = { "sgr0", "op", "rmkx", "cnorm", "rmcup" };
    size_t i;

    for (i = 0; i < sizeof all / sizeof *all; i++) {
        const char *p = tigetstr(all[i]);

        while (p != NULL && p != (char *)-1 && *p != '\0') { /* without padding: "$<5>" */
            if (p[0] == '$' && p[1] == '<') {
                const char *end = strchr(p, '>');

                if (end != NULL) {
                    p = end + 1;
                    continue;
                }
            }
            spn_buf_add(b, p++, 1);
        }
    }
}

/* ---- colours ---- */

static int square(int v)
{
    return v * v;
}

static int to_16(int32_t rgb, int colours)
{
    static const int32_t palette[16] = { 0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd,
                                         0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00,
                                         0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff };
    int best = 0, least = 1 << 30, i;

    for (i = 0; i < 16 && i < colours; i++) {
        int far = square((palette[i] >> 16 & 255) - (rgb >> 16 & 255)) +
                  square((palette[i] >> 8 & 255) - (rgb >> 8 & 255)) +
                  square((palette[i] & 255) - (rgb & 255));

        if (far < least) {
            least = far;
            best = i;
        }
    }
    return best;
}

static int colour_number(const struct curses_cells *c, int32_t colour)
{
    if (colour == THEME_NONE)
        return -1;
    if (colour & THEME_PALETTE)
        return (colour & 15) < c->colours ? colour & 15 : colour & 7;
    return c->colours >= 256 ? theme_256(colour) : to_16(colour, c->colours);
}

/* The pair of two colours, made when it is new. A full table starts over: then all is drawn. */
static int pair_number(struct curses_cells *c, int fg, int bg)
{
    unsigned mask = 2 * PAIRS_MAX - 1,
             i = ((unsigned)(fg + 1) * 769u + (unsigned)(bg + 1) * 31u) & mask;

    if (fg < 0 && bg < 0)
        return 0;
    for (; c->pair[i].number != 0; i = (i + 1) & mask)
        if (c->pair[i].fg == fg && c->pair[i].bg == bg)
            return c->pair[i].number;
    if (c->used + 1 >= c->limit) {
        memset(c->pair, 0, sizeof c->pair);
        c->used = 0;
        c->all = true;
        return 0;
    }
    c->pair[i] = (struct pair){ fg, bg, ++c->used };
    init_extended_pair(c->used, fg, bg);
    return c->used;
}

static attr_t attributes_of(unsigned a)
{
    return (a & CELL_BOLD ? A_BOLD : 0) | (a & CELL_REVERSE ? A_REVERSE : 0) |
           (a & CELL_UNDERLINE ? A_UNDERLINE : 0) | (a & CELL_DIM ? A_DIM : 0) |
           (a & CELL_ITALIC ? A_ITALIC : 0);
}

static void put_cell(struct curses_cells *c, int row, int column, const struct cell *cell,
                     const struct theme *theme)
{
    const struct theme_role *role = &theme->role[cell->role < ROLE_COUNT ? cell->role : 0];
    wchar_t text[4] = { cell->code != 0 ? (wchar_t)cell->code : L' ', (wchar_t)cell->mark,
                        (wchar_t)cell->mark2, 0 };
    attr_t attributes = attributes_of(role->attributes | cell->attributes);
    int pair = 0;
    cchar_t out;

    if (cell->picture != 0) {
        /* An invisible blank is none that ncurses would clear a line with, so what lies over a
           picture, and a picture of another number, is written for sure and takes the pixels away.
           A placeholder says its picture by its colour. */
        attributes = cell->mark != 0 ? 0 : A_INVIS | (cell->picture & 1 ? A_BOLD : 0);
        pair = cell->mark != 0 ? pair_number(c, cell->picture, -1) : 0;
    } else if (c->colours > 0)
        pair = pair_number(c, colour_number(c, cell->fg != CELL_NO_COLOUR ? cell->fg : role->fg),
                           colour_number(c, cell->bg != CELL_NO_COLOUR ? cell->bg : role->bg));
    if (setcchar(&out, text, attributes, 0, &pair) == OK)
        mvadd_wch(row, column, &out);
}

void curses_show(struct curses_cells *c, const struct cells *cells, const struct theme *theme,
                 int row, int column)
{
    size_t n = (size_t)cells->rows * (size_t)cells->columns, i;
    int again;

    if (c->rows != cells->rows || c->columns != cells->columns) {
        struct cell *grown = spn_realloc(c->shown, n, sizeof *grown);

        if (grown == NULL)
            return;
        c->shown = grown;
        c->rows = cells->rows;
        c->columns = cells->columns;
        c->all = true;
    }
    if (memcmp(&c->theme, theme, sizeof *theme) != 0)
        c->all = true;
    c->theme = *theme;
    for (again = 0; again < 2; again++) { /* twice when the table of pairs was full */
        bool all = c->all;

        c->all = false;
        if (all)
            erase();
        for (i = 0; i < n; i++) {
            const struct cell *cell = &cells->cell[i];

            if (cell->width != 0 && (all || memcmp(cell, &c->shown[i], sizeof *cell) != 0))
                put_cell(c, (int)(i / (size_t)cells->columns), (int)(i % (size_t)cells->columns),
                         cell, theme);
        }
        if (!c->all)
            break;
    }
    memcpy(c->shown, cells->cell, n * sizeof *c->shown);
    curs_set(row >= 0);
    if (row >= 0)
        move(row, column);
    wnoutrefresh(stdscr);
    doupdate();
    fflush(stdout);
}
