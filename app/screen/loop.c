/* loop.c - the screens on a terminal: one poll over the terminal, signals and jobs. */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/guard.h"
#include "host/message.h"
#include "host/settings.h"
#include "screen/clipboard.h"
#include "screen/line.h"
#include "screen/picture_term.h"
#include "screen/screens.h"
#include "screen/term.h"
#include "screen/ui.h"

#define FRAME_MS 33 /* while things change by themselves: at most 30 times a second */

struct loop {
    struct ui *ui;
    struct term *term;
    struct pictures *pictures;
    struct decoder decoder;
    int signals;
    sigset_t mask, before;
    int64_t drawn_ms;
    bool mouse;
};

static int ended_by;

int screens_signal(void)
{
    return ended_by;
}

/* ---- signals ---- */

static spn_status take_signals(struct loop *l, struct spn_err *err)
{
    static const int numbers[] = { SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT };
    size_t i;

    sigemptyset(&l->mask);
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&l->mask, numbers[i]);
    sigprocmask(SIG_BLOCK, &l->mask, &l->before);
    l->signals = signalfd(-1, &l->mask, SFD_NONBLOCK | SFD_CLOEXEC);
    return l->signals >= 0 ? SPN_OK : spn_fail(err, SPN_EIO, "screen: no descriptor for signals");
}

/* Give the terminal back and stop, as a shell expects; go on where it was. */
static void suspend(struct loop *l)
{
    struct signalfd_siginfo info;
    sigset_t stop;

    term_leave(l->term);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL);
    signal(SIGTSTP, SIG_DFL);
    raise(SIGTSTP);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    while (read(l->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP) {
            ended_by = (int)info.ssi_signo;
            l->ui->leaving = true;
        }
    term_enter(l->term);
    pictures_lost(l->pictures);
}

static void resize(struct loop *l)
{
    int rows, columns;

    term_resized(l->term);
    pictures_lost(l->pictures);
    pictures_replan(l->pictures);
    term_size(l->term, &rows, &columns);
    ui_resize(l->ui, rows, columns, NULL);
}

static void read_signals(struct loop *l)
{
    struct signalfd_siginfo info;

    while (read(l->signals, &info, sizeof info) == (ssize_t)sizeof info)
        switch (info.ssi_signo) {
        case SIGWINCH:
            resize(l);
            break;
        case SIGTSTP:
            l->ui->suspend = true;
            break;
        case SIGCONT: /* stopped without being asked: what is on the terminal is not known */
            term_leave(l->term);
            term_enter(l->term);
            resize(l);
            break;
        default:
            ended_by = (int)info.ssi_signo;
            l->ui->leaving = true;
        }
}

/* ---- other programs ---- */

static void with_signals(struct loop *l, void (*work)(struct loop *l))
{
    term_leave(l->term);
    sigprocmask(SIG_SETMASK, &l->before, NULL);
    work(l);
    sigprocmask(SIG_BLOCK, &l->mask, NULL);
    term_enter(l->term);
    resize(l);
}

static void pipe_text(struct loop *l)
{
    ui_run_pipe(l->ui);
}

/* The line in $VISUAL, on a temporary file. */
static void edit_line(struct loop *l)
{
    const char *editor = getenv("VISUAL"), *dir = getenv("TMPDIR");
    char path[256], *text = NULL;
    struct spn_err err = SPN_ERR_INIT;
    int fd, status = -1;
    size_t n = 0;
    pid_t child;

    if (editor == NULL || editor[0] == '\0')
        editor = getenv("EDITOR");
    if (editor == NULL || editor[0] == '\0')
        editor = "vi";
    snprintf(path, sizeof path, "%s/spinney-XXXXXX", dir != NULL ? dir : "/tmp");
    fd = mkstemp(path);
    if (fd < 0) {
        ui_say(l->ui, SPN_STYLE_BAD, "no temporary file could be made", NULL);
        return;
    }
    n = strlen(line_text(NULL));
    if (write(fd, line_text(NULL), n) != (ssize_t)n)
        ui_say(l->ui, SPN_STYLE_BAD, "the temporary file could not be written", NULL);
    close(fd);
    child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "exec $0 \"$1\"", editor, path, (char *)NULL);
        _exit(127);
    }
    if (child > 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
        spn_file_read(&text, &n, path, PASTE_BYTES_MAX, &err) == SPN_OK) {
        while (n > 0 && text[n - 1] == '\n')
            text[--n] = '\0';
        line_set(text, n);
    } else {
        ui_say(l->ui, SPN_STYLE_WARN, "the editor gave nothing back; the line is as it was", NULL);
    }
    spn_free(text);
    unlink(path);
}

/* ---- one turn ---- */

/* The theme of the settings, or the one that fits the ground that the terminal told of. */
static void choose_theme(struct loop *l)
{
    const struct term_facts *f = term_facts(l->term);
    const char *name = settings_get("theme");
    struct spn_err err = SPN_ERR_INIT;

    if (f->colours < 8)
        name = "mono";
    else if (name == NULL && f->colours >= 256 && f->has_ground)
        name = (f->ground >> 16 & 255) * 3 + (f->ground >> 8 & 255) * 6 + (f->ground & 255) > 1275
                   ? "light"
                   : "dark";
    else if (name == NULL)
        name = "default";
    if (strcmp(l->ui->theme.name, name) != 0 && theme_load(&l->ui->theme, name, &err) != SPN_OK)
        ui_fail(l->ui, &err);
    l->ui->dirty = true;
}

static void on_event(struct loop *l, const struct event *e)
{
    struct term_facts *f = term_facts(l->term);
    bool had_ground = f->has_ground;

    if (e->kind == EVENT_FOCUS)
        pictures_focus(l->pictures, e->focused);
    if (e->kind != EVENT_REPLY) {
        ui_event(l->ui, e);
        return;
    }
    if (e->introducer == '[' && e->n == 2 && memcmp(e->text, "0n", 2) == 0) {
        pictures_answer(l->pictures);
        return;
    }
    if (term_reply(l->term, e)) {
        l->ui->cells.ascii = f->ascii;
        l->ui->dirty = true;
        pictures_replan(l->pictures);
    }
    if (!had_ground && f->has_ground)
        choose_theme(l);
}

static void read_terminal(struct loop *l)
{
    char bytes[4096];
    struct event e;
    ssize_t n = read(term_fd(l->term), bytes, sizeof bytes);
    const char *p = bytes;
    size_t left = n > 0 ? (size_t)n : 0;

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        ended_by = SIGHUP; /* the terminal is gone */
        l->ui->leaving = true;
        return;
    }
    while (decoder_next(&l->decoder, &p, &left, ui_clock(), &e))
        on_event(l, &e);
}

static void requests(struct loop *l)
{
    struct ui *ui = l->ui;

    if (ui->suspend) {
        ui->suspend = false;
        suspend(l);
        resize(l);
    }
    if (ui->editor) {
        ui->editor = false;
        with_signals(l, edit_line);
    }
    if (ui->pipe_command != NULL)
        with_signals(l, pipe_text);
    if (ui->redraw) {
        ui->redraw = false;
        term_redraw(l->term);
        pictures_lost(l->pictures);
        ui->dirty = true;
    }
    if (ui->mouse != l->mouse)
        term_mouse(l->term, l->mouse = ui->mouse);
    if (ui->has_copied) {
        ui->has_copied = false;
        clipboard_give(ui, l->term);
    }
}

static void draw(struct loop *l)
{
    pictures_begin(l->pictures);
    ui_draw(l->ui);
    term_show(l->term, &l->ui->cells, &l->ui->theme, l->ui->cursor_row, l->ui->cursor_column);
    pictures_shown(l->pictures, &l->ui->cells);
    l->drawn_ms = ui_clock();
}

static int least(int a, int b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static void run(struct loop *l)
{
    struct ui *ui = l->ui;

    draw(l);
    while (!ui->leaving) {
        struct pollfd p[3] = { { term_fd(l->term), POLLIN, 0 },
                               { l->signals, POLLIN, 0 },
                               { ui->wake[0], POLLIN, 0 } };
        int64_t now = ui_clock(), frame = l->drawn_ms + FRAME_MS - now;
        bool typed;
        struct event e;
        int wait = least(ui_wait_ms(ui), decoder_wait_ms(&l->decoder, now));

        wait = least(wait, pictures_wait_ms(l->pictures));
        if (ui->dirty)
            wait = least(wait, frame > 0 ? (int)frame : 0);
        if (poll(p, 3, wait) < 0 && errno != EINTR)
            break;
        typed = p[0].revents != 0;
        if (p[1].revents != 0)
            read_signals(l);
        if (typed)
            read_terminal(l);
        if (decoder_timeout(&l->decoder, ui_clock(), &e)) {
            on_event(l, &e);
            typed = true;
        }
        ui_tick(ui);
        requests(l);
        /* A key is answered at once; what changes by itself waits for its frame. */
        if (ui->dirty && (typed || ui_clock() - l->drawn_ms >= FRAME_MS))
            draw(l);
        /* Pixels last, a piece at a time: keys and text go before them. */
        ui->dirty |= pictures_turn(l->pictures);
    }
}

spn_status screens_run(const char *view, int argc, char **argv, struct spn_err *err)
{
    struct loop l = { .signals = -1 };
    int rows, columns;
    spn_status st;

    setlocale(LC_CTYPE, "");
    decoder_init(&l.decoder);
    l.mouse = settings_get("mouse") == NULL || strcmp(settings_get("mouse"), "off") != 0;
    guard_restore(term_restore);
    atexit(term_restore);
    st = take_signals(&l, err);
    if (st == SPN_OK)
        st = term_open(&l.term, l.mouse, err);
    if (st == SPN_OK) {
        term_size(l.term, &rows, &columns);
        st = ui_open(&l.ui, rows, columns, err);
    }
    if (st == SPN_OK)
        st = pictures_open(&l.pictures, l.term, l.ui->wake[1], err);
    if (st == SPN_OK) {
        l.ui->term = l.term;
        l.ui->pictures = l.pictures;
        l.ui->cells.ascii = term_facts(l.term)->ascii;
        choose_theme(&l);
        message_hold(true);
        ui_go(l.ui, view != NULL ? view : "start", argc, argv);
        if (ui_shown(l.ui) == NULL && view != NULL)
            ui_go(l.ui, "start", 0, NULL);
        run(&l);
    }
    pictures_close(l.pictures);
    term_close(l.term);
    if (l.ui != NULL) { /* views that close ask for neither */
        l.ui->pictures = NULL;
        l.ui->term = NULL;
    }
    ui_close(l.ui);
    message_hold(false);
    if (l.signals >= 0) {
        sigprocmask(SIG_SETMASK, &l.before, NULL);
        close(l.signals);
    }
    decoder_free(&l.decoder);
    return st == SPN_OK && ended_by != 0 ? SPN_ECANCEL : st;
}
