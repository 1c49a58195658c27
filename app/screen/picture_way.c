#include "config.h"

#include "screen/picture_way.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "host/parts.h"
#include "host/paths.h"
#include "host/settings.h"
#include "screen/term.h"

#define TMUX_MS  500 /* a server that does not answer in this time is not waited for */
#define KEPT_MAX ((size_t)1 << 16)

static const char *const names[PICTURE_WAYS] = { "auto",   "kitty", "iterm", "sixel",
                                                 "blocks", "ascii", "none" };
static enum picture_way asked;
static bool asked_given;

const char *picture_way_name(enum picture_way w)
{
    return names[w];
}

enum picture_way picture_way_parse(const char *name)
{
    int i = 0;

    while (i < PICTURE_WAYS && strcmp(names[i], name) != 0)
        i++;
    return (enum picture_way)i;
}

void picture_way_ask(enum picture_way w, bool given)
{
    asked = w;
    asked_given = given;
}

enum picture_way picture_way_asked(bool *given)
{
    if (given != NULL)
        *given = asked_given;
    return asked;
}

/* ---- tmux ---- */

static struct {
    bool known, passthrough, focus_events;
    char terminal[64]; /* TERM of the terminal around it */
} tmux;

/* The first bytes that `tmux ARGS` says; "" when it says nothing in time. */
static void ask_tmux(char *out, size_t room, const char *const *args)
{
    int pipes[2], status;
    struct pollfd p;
    size_t n = 0;
    pid_t child;

    out[0] = '\0';
    if (pipe(pipes) != 0)
        return;
    child = fork();
    if (child == 0) {
        dup2(pipes[1], 1);
        close(pipes[0]);
        close(2);
        execvp("tmux", (char *const *)(uintptr_t)args);
        _exit(127);
    }
    close(pipes[1]);
    p = (struct pollfd){ pipes[0], POLLIN, 0 };
    while (child > 0 && n + 1 < room && poll(&p, 1, TMUX_MS) > 0) {
        ssize_t k = read(pipes[0], out + n, room - 1 - n);

        if (k <= 0)
            break;
        n += (size_t)k;
    }
    close(pipes[0]);
    out[n] = '\0';
    if (child > 0) {
        if (n == 0)
            kill(child, SIGKILL);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
    }
}

static void know_tmux(void)
{
    static const char *const display[] = {
        "tmux", "display-message", "-p", "#{client_termname} #{focus-events} #{allow-passthrough}",
        NULL
    };
    static const char *const option[] = { "tmux", "show-options", "-Apv", "allow-passthrough",
                                          NULL };
    char text[256], focus[16] = "", pass[16] = "";

    if (tmux.known)
        return;
    tmux.known = true;
    ask_tmux(text, sizeof text, display);
    sscanf(text, "%63s %15s %15s", tmux.terminal, focus, pass);
    tmux.focus_events = strcmp(focus, "on") == 0 || strcmp(focus, "1") == 0;
    if (pass[0] == '\0') { /* the option of a pane is not always a format */
        ask_tmux(text, sizeof text, option);
        sscanf(text, "%15s", pass);
    }
    tmux.passthrough = strcmp(pass, "on") == 0 || strcmp(pass, "all") == 0 || pass[0] == '1';
}

static bool kitty_name(const char *name)
{
    return strstr(name, "kitty") != NULL || strstr(name, "ghostty") != NULL;
}

/* ---- the plan ---- */

static bool has_kitty(const struct term_facts *f)
{
    return !f->tmux && (kitty_name(f->version) || kitty_name(f->name));
}

static bool has_iterm(const struct term_facts *f)
{
    return !f->tmux &&
           (strncmp(f->version, "iTerm2", 6) == 0 || strncmp(f->version, "WezTerm", 7) == 0);
}

static bool may_pass(void)
{
    const char *set = settings_get("pictures.passthrough");

    return set != NULL && strcmp(set, "on") == 0;
}

bool picture_way_works(enum picture_way w, const struct term_facts *f)
{
    switch (w) {
    case PICTURE_KITTY:
        if (f->tmux)
            know_tmux();
        return has_kitty(f) || (f->tmux && kitty_name(tmux.terminal) && tmux.passthrough &&
                                f->colours >= 256 && !f->ascii);
    case PICTURE_ITERM:
        return has_iterm(f);
    case PICTURE_SIXEL:
        if (!parts_found(parts_find("spn_sixel"), NULL))
            return false;
        if (f->sixel || !f->tmux || !may_pass())
            return f->sixel;
        know_tmux();
        return tmux.passthrough && tmux.focus_events;
    case PICTURE_BLOCKS:
        return f->colours >= 8 && !f->ascii;
    default:
        return true;
    }
}

static void cell_size(struct picture_plan *p, const struct term_facts *f)
{
    const char *set = settings_get("pictures.cell");
    int w, h;
    char rest;

    p->cell_known = true;
    if (set != NULL && sscanf(set, "%dx%d%c", &w, &h, &rest) == 2 && w >= 2 && h >= 4 && w < 200 &&
        h < 200) {
        p->cell_w = w;
        p->cell_h = h;
    } else if (f->cell_w >= 2 && f->cell_h >= 4) {
        p->cell_w = f->cell_w;
        p->cell_h = f->cell_h;
    } else {
        p->cell_w = 10;
        p->cell_h = 20;
        p->cell_known = false;
    }
}

static void tmux_why(struct picture_plan *p, const struct term_facts *f)
{
    know_tmux();
    if (kitty_name(tmux.terminal)) {
        snprintf(p->why, sizeof p->why, "tmux around it lets nothing through");
        snprintf(p->cure, sizeof p->cure, "tmux set -g allow-passthrough on");
        return;
    }
    snprintf(p->why, sizeof p->why, "%.40s lets no sixel through",
             f->version[0] != '\0' ? f->version : "this tmux");
    snprintf(
        p->cure, sizeof p->cure,
        "a tmux built with sixel (3.4 or later); or, where the terminal has sixel, tmux set -g "
        "allow-passthrough on, and pictures.passthrough = on in spinneyrc");
}

void picture_plan_make(struct picture_plan *p, enum picture_way wanted, const struct term_facts *f)
{
    static const enum picture_way best[] = { PICTURE_KITTY, PICTURE_ITERM, PICTURE_SIXEL,
                                             PICTURE_BLOCKS, PICTURE_ASCII };
    enum picture_way w = wanted;
    size_t i = 0;

    *p = (struct picture_plan){ .colours = f->sixel_colours };
    cell_size(p, f);
    if (p->colours < 2 || p->colours > 256)
        p->colours = 256;
    if (w == PICTURE_AUTO) {
        while (!picture_way_works(best[i], f))
            i++;
        w = best[i];
        if (f->tmux && w >= PICTURE_BLOCKS)
            tmux_why(p, f);
        else
            snprintf(p->why, sizeof p->why, "%s",
                     w == PICTURE_KITTY || w == PICTURE_ITERM ? "by the terminal's name"
                     : w == PICTURE_SIXEL && f->sixel         ? "the terminal says it has sixel"
                     : w == PICTURE_SIXEL                     ? "handed on by tmux, as was set"
                     : f->answered ? "the terminal names no protocol for pictures"
                                   : "the terminal answered no question");
    } else {
        snprintf(p->why, sizeof p->why, "as was asked for");
    }
    if (w == PICTURE_ASCII || w == PICTURE_NONE || !f->tmux) {
        p->way = w;
        return;
    }
    know_tmux();
    p->passthrough = w == PICTURE_KITTY || w == PICTURE_ITERM || (w == PICTURE_SIXEL && !f->sixel);
    p->placeholders = w == PICTURE_KITTY;
    p->way = w;
}

/* ---- what is kept for a terminal ---- */

/* "TERM VERSION", one word each. */
static void terminal_key(char *out, size_t room, const struct term_facts *f)
{
    snprintf(out, room, "%s%s/%s", f->tmux ? "tmux/" : "", f->name, f->version);
    for (char *p = out; *p != '\0'; p++)
        if (*p == ' ' || *p == '\t')
            *p = '_';
}

static char *kept_path(void)
{
    return paths()->state_home != NULL ? spn_path_join(paths()->state_home, "pictures") : NULL;
}

enum picture_way picture_way_kept(const struct term_facts *f)
{
    char *path = kept_path(), *text = NULL, *rest, *line, key[256], name[256], way[16];
    enum picture_way found = PICTURE_AUTO;

    terminal_key(key, sizeof key, f);
    if (path != NULL && spn_path_exists(path))
        spn_file_read(&text, NULL, path, KEPT_MAX, NULL);
    for (rest = text; text != NULL && (line = strsep(&rest, "\n")) != NULL;)
        if (sscanf(line, "%255s %15s", name, way) == 2 && strcmp(name, key) == 0 &&
            picture_way_parse(way) != PICTURE_WAYS)
            found = picture_way_parse(way);
    spn_free(text);
    spn_free(path);
    return found;
}

spn_status picture_way_keep(enum picture_way w, const struct term_facts *f, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(KEPT_MAX);
    char *path = kept_path(), *text = NULL, *rest, *line, key[256];
    spn_status st = SPN_OK;
    size_t n;

    if (path == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "pictures: there is no home to keep the choice in");
    terminal_key(key, sizeof key, f);
    n = strlen(key);
    if (spn_path_exists(path))
        st = spn_file_read(&text, NULL, path, KEPT_MAX, err);
    for (rest = text; st == SPN_OK && text != NULL && (line = strsep(&rest, "\n")) != NULL;)
        if (*line != '\0' && (strncmp(line, key, n) != 0 || line[n] != ' '))
            spn_buf_printf(&b, "%s\n", line);
    if (w != PICTURE_AUTO)
        spn_buf_printf(&b, "%s %s\n", key, names[w]);
    if (st == SPN_OK)
        st = spn_make_dirs(paths()->state_home, err);
    if (st == SPN_OK)
        st = b.failed ? spn_fail(err, SPN_ENOMEM, "%s: no memory", path)
                      : spn_file_write(path, b.data != NULL ? b.data : "", b.length, err);
    spn_buf_free(&b);
    spn_free(text);
    spn_free(path);
    return st;
}
