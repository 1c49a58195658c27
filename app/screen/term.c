#include "config.h"

#include "screen/term.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/visible.h"
#include "screen/curses_cells.h"
#include "screen/curses_colours.h"

/* Everything that is switched on, and off again: alternate screen and keypad are terminfo's. */
#define MODES_ON  "\033[?2004h\033[?1004h"
#define MODES_OFF "\033[?1004l\033[?2004l"
#define MOUSE_ON  "\033[?1002h\033[?1006h"
#define MOUSE_OFF "\033[?1006l\033[?1002l\033[?1000l"
#define TEST_GLYPH \
    "\0337\033[3;1H\342\224\202\033[6n\0338" /* a box character; where is the cursor? */
#define QUERIES    "\033[>0q\033[?1;1;0S\033[14t\033[16t\033]11;?\033\\"
#define QUERY_LAST "\033[c"
#define ASK_MS     1500 /* an answer that comes later would be typed into the shell */

struct term {
    struct curses_cells *curses;
    int fd;
    bool mouse, away;
    struct term_facts facts;
};

/* What a signal handler needs, prepared beforehand. */
static struct {
    volatile sig_atomic_t live;
    int fd;
    struct termios saved;
    char bytes[512];
    size_t n;
} back;

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, bytes, n);

        if (k > 0) {
            bytes += k;
            n -= (size_t)k;
        } else if (k < 0 && errno == EAGAIN) {
            struct pollfd p = { fd, POLLOUT, 0 };

            if (poll(&p, 1, 2000) <= 0)
                return;
        } else if (k < 0 && errno != EINTR) {
            return; /* the terminal is gone: nothing to put back */
        }
    }
}

void term_restore(void)
{
    if (!back.live)
        return;
    back.live = 0;
    write_all(back.fd, back.bytes, back.n);
    tcsetattr(back.fd, TCSANOW, &back.saved);
}

static void prepare_back(void)
{
    struct spn_buf b = SPN_BUF_INIT(sizeof back.bytes - 1);

    spn_buf_puts(&b, "\033\\"); /* ends a half-written picture */
    spn_buf_puts(&b, MOUSE_OFF MODES_OFF);
    curses_strings_off(&b);
    spn_buf_puts(&b, "\033[0m\r");
    back.n = b.length;
    memcpy(back.bytes, b.data != NULL ? b.data : "", b.length);
    spn_buf_free(&b);
}

static void modes_on(struct term *t)
{
    back.live = 1;
    write_all(t->fd, MODES_ON, strlen(MODES_ON));
    if (t->mouse)
        write_all(t->fd, MOUSE_ON, strlen(MOUSE_ON));
}

static void modes_off(struct term *t)
{
    write_all(t->fd, MOUSE_OFF MODES_OFF, strlen(MOUSE_OFF MODES_OFF));
    back.live = 0;
}

static void know_by_name(struct term_facts *f)
{
    const char *name = getenv("TERM"), *tmux = getenv("TMUX");

    snprintf(f->name, sizeof f->name, "%s", name != NULL ? name : "");
    f->tmux = tmux != NULL && tmux[0] != '\0';
    f->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    f->ascii = !f->utf8;
}

/* Cells in pixels, from what the kernel knows: a border of the window vanishes in the division. */
static void cell_pixels(struct term *t)
{
    struct winsize w;

    if (ioctl(t->fd, TIOCGWINSZ, &w) != 0 || w.ws_col == 0 || w.ws_row == 0)
        return;
    if (w.ws_xpixel / w.ws_col >= 2 && w.ws_ypixel / w.ws_row >= 4) {
        t->facts.cell_w = w.ws_xpixel / w.ws_col;
        t->facts.cell_h = w.ws_ypixel / w.ws_row;
    }
}

spn_status term_open(struct term **out, bool mouse, struct spn_err *err)
{
    struct term *t;
    spn_status st;

    if (!isatty(0) || !isatty(1))
        return spn_fail(err, SPN_EUSAGE, "the screens need a terminal on stdin and stdout");
    t = spn_calloc(1, sizeof *t);
    if (t == NULL)
        return spn_fail(err, SPN_ENOMEM, "terminal: no memory");
    t->fd = 1;
    t->mouse = mouse;
    know_by_name(&t->facts);
    back.fd = t->fd;
    tcgetattr(t->fd, &back.saved);
    st = curses_open(&t->curses, &t->facts.colours, err);
    if (st != SPN_OK) {
        spn_free(t);
        return st;
    }
    prepare_back();
    modes_on(t);
    cell_pixels(t);
    if (t->facts.utf8)
        write_all(t->fd, TEST_GLYPH, strlen(TEST_GLYPH));
    /* A kitty query inside tmux becomes the title of the pane: only what it knows is asked. */
    write_all(t->fd, QUERIES QUERY_LAST, strlen(QUERIES QUERY_LAST));
    *out = t;
    return SPN_OK;
}

void term_close(struct term *t)
{
    if (t == NULL)
        return;
    if (!t->away) {
        modes_off(t);
        curses_close(t->curses);
        tcsetattr(t->fd, TCSADRAIN, &back.saved);
    } else {
        curses_close(t->curses);
    }
    back.live = 0;
    spn_free(t);
}

void term_leave(struct term *t)
{
    if (t->away)
        return;
    modes_off(t);
    curses_leave(t->curses);
    tcsetattr(t->fd, TCSADRAIN, &back.saved);
    t->away = true;
}

void term_enter(struct term *t)
{
    if (t->away)
        tcgetattr(t->fd, &back.saved);
    t->away = false;
    curses_enter(t->curses);
    modes_on(t);
    term_resized(t);
}

int term_fd(const struct term *t)
{
    return 0;
}

void term_size(const struct term *t, int *rows, int *columns)
{
    struct winsize w;

    *rows = 24;
    *columns = 80;
    if (ioctl(t->fd, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0) {
        *rows = w.ws_row;
        *columns = w.ws_col;
    }
}

void term_resized(struct term *t)
{
    int rows, columns;

    term_size(t, &rows, &columns);
    curses_resize(t->curses, rows, columns);
    cell_pixels(t);
}

void term_redraw(struct term *t)
{
    curses_redraw(t->curses);
}

void term_mouse(struct term *t, bool on)
{
    t->mouse = on;
    write_all(t->fd, on ? MOUSE_ON : MOUSE_OFF, strlen(on ? MOUSE_ON : MOUSE_OFF));
}

void term_show(struct term *t, const struct cells *c, const struct theme *theme, int row,
               int column)
{
    if (!t->away)
        curses_show(t->curses, c, theme, row, column);
}

void term_write(struct term *t, const char *bytes, size_t n)
{
    if (!t->away)
        write_all(t->fd, bytes, n);
}

struct term_facts *term_facts(struct term *t)
{
    return &t->facts;
}

/* ---- answers ---- */

static void visible_copy(char *out, size_t room, const char *text, size_t n)
{
    size_t i = 0, at = 0;

    while (i < n && at + sizeof(((struct visible *)0)->text) < room) {
        struct visible v = visible_next(text + i, n - i);

        if (v.code != 0 && v.code < 0x7f)
            out[at++] = (char)v.code;
        else if (v.code == 0)
            at += (size_t)snprintf(out + at, room - at, "%s", v.text);
        i += v.bytes;
    }
    out[at] = '\0';
}

/* Is FIELD one of the numbers between the semicolons? */
static bool has_field(const char *list, const char *field)
{
    size_t n = strlen(field);
    const char *p = list;

    while (p != NULL) {
        if (strncmp(p, field, n) == 0 && (p[n] == ';' || p[n] == '\0'))
            return true;
        p = strchr(p, ';');
        p = p != NULL ? p + 1 : NULL;
    }
    return false;
}

/* "11;rgb:ffff/ffff/ffff" */
static bool ground(struct term_facts *f, const char *text)
{
    unsigned r, g, b;
    char rest;

    if (sscanf(text, "11;rgb:%4x/%4x/%4x%c", &r, &g, &b, &rest) != 3)
        return false;
    if (strlen(text) >= strlen("11;rgb:ffff/ffff/ffff")) {
        r >>= 8;
        g >>= 8;
        b >>= 8;
    }
    f->ground = (int32_t)((r & 255) << 16 | (g & 255) << 8 | (b & 255));
    f->has_ground = true;
    return true;
}

/* Height and width of a cell (KIND 6) or of the text area (4), where the kernel knows none. */
static bool told_pixels(struct term *t, int kind, int height, int width)
{
    struct term_facts *f = &t->facts;
    int rows, columns;

    if (f->cell_w != 0 || (kind != 4 && kind != 6))
        return false;
    if (kind == 4) {
        term_size(t, &rows, &columns);
        height /= rows;
        width /= columns;
    }
    if (width < 2 || height < 4 || width >= 200 || height >= 200)
        return false;
    f->cell_w = width;
    f->cell_h = height;
    return true;
}

bool term_reply(struct term *t, const struct event *e)
{
    struct term_facts *f = &t->facts;
    char text[96], final;
    int a = 0, b = 0, c = 0;

    visible_copy(text, sizeof text, e->text, e->n);
    if (text[0] == '\0')
        return false;
    final = text[strlen(text) - 1];
    if (e->introducer == 'P' && text[0] == '>' && text[1] == '|') {
        snprintf(f->version, sizeof f->version, "%.90s", text + 2);
        return true;
    }
    if (e->introducer == ']')
        return ground(f, text);
    if (e->introducer != '[')
        return false;
    if (final == 'R' && sscanf(text, "%d;%dR", &a, &b) == 2) {
        bool was = f->ascii;

        f->ascii = b != 2;
        return f->ascii != was;
    }
    if (final == 'c' && text[0] == '?') {
        snprintf(f->attributes, sizeof f->attributes, "%.*s", (int)strlen(text) - 2, text + 1);
        f->sixel = has_field(f->attributes, "4");
        f->answered = true;
        return true;
    }
    if (final == 'S' && sscanf(text, "?%d;%d;%dS", &a, &b, &c) == 3 && a == 1 && b == 0 && c >= 2) {
        f->sixel_colours = c;
        return true;
    }
    return final == 't' && sscanf(text, "%d;%d;%dt", &a, &b, &c) == 3 && told_pixels(t, a, b, c);
}

/* ---- for commands ---- */

/* Ask, and read until the last answer: it is the one that every terminal gives. */
static void ask_terminal(struct term *t, int64_t until_ms)
{
    struct decoder d;
    struct event e;
    struct termios raw;

    if (tcgetattr(t->fd, &back.saved) != 0)
        return;
    raw = back.saved;
    cfmakeraw(&raw);
    raw.c_oflag |= OPOST | ONLCR;
    raw.c_lflag |= ISIG;
    tcsetattr(t->fd, TCSADRAIN, &raw);
    write_all(t->fd, QUERIES QUERY_LAST, strlen(QUERIES QUERY_LAST));
    decoder_init(&d);
    while (!t->facts.answered && clock_ms() < until_ms) {
        struct pollfd p = { t->fd, POLLIN, 0 };
        char bytes[512];
        const char *at = bytes;
        ssize_t n;
        size_t left;

        if (poll(&p, 1, (int)(until_ms - clock_ms())) <= 0)
            break;
        n = read(t->fd, bytes, sizeof bytes);
        if (n <= 0)
            break;
        left = (size_t)n;
        while (decoder_next(&d, &at, &left, clock_ms(), &e))
            if (e.kind == EVENT_REPLY)
                term_reply(t, &e);
    }
    decoder_free(&d);
    tcsetattr(t->fd, TCSAFLUSH, &back.saved);
}

void term_ask(struct term_facts *f, bool ask, int *rows, int *columns)
{
    struct term t = { .fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) };
    bool own = t.fd >= 0;

    if (!own)
        t.fd = 1;
    know_by_name(&t.facts);
    t.facts.colours = curses_colours();
    cell_pixels(&t);
    term_size(&t, rows, columns);
    if (ask && own && strcmp(t.facts.name, "dumb") != 0 && tcgetpgrp(t.fd) == getpgrp())
        ask_terminal(&t, clock_ms() + ASK_MS);
    *f = t.facts;
    if (own)
        close(t.fd);
}
