/* script.c - the screens without a terminal: a file of keys, for tests and for pictures in words.
 *
 *   # comment                a line a step
 *   Down Down Enter          keys by name, blanks between
 *   type TEXT                characters, as typed
 *   paste TEXT               a bracketed paste; \n is a new line
 *   :command args            as after `:` in a pane; :save-display FILE, :wait, :size 40x12, :draw
 */
#include "config.h"

#include <ctype.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/job.h"
#include "host/visible.h"
#include "screen/screens.h"
#include "screen/ui.h"

#define FILE_CEILING ((size_t)16 << 20)
#define WAIT_MS      120000

static bool parse_size(const char *text, int *rows, int *columns)
{
    char rest;

    return sscanf(text, "%dx%d%c", columns, rows, &rest) == 2 && *rows > 0 && *columns > 0 &&
           *rows <= 1000 && *columns <= 1000;
}

/* Until no job is under way. */
static spn_status wait_jobs(struct ui *ui, struct spn_err *err)
{
    int64_t end = ui_clock() + WAIT_MS;

    do {
        struct pollfd p = { ui->wake[0], POLLIN, 0 };
        int wait = ui_wait_ms(ui);

        if (ui_working(ui))
            poll(&p, 1, wait >= 0 && wait < 50 ? wait : 50);
        ui_tick(ui);
        ui_draw(ui);
        if (ui_clock() > end)
            return spn_fail(err, SPN_EIO, "script: a job takes longer than %d s", WAIT_MS / 1000);
        if (spn_cancelled(job_cancel()))
            return SPN_ECANCEL;
    } while (ui_working(ui));
    return SPN_OK;
}

static void type(struct ui *ui, const char *text)
{
    size_t n = strlen(text), i = 0;

    while (i < n) {
        struct visible v = visible_next(text + i, n - i);

        if (v.code != 0)
            ui_key(ui, (struct key){ v.code, 0 });
        i += v.bytes;
    }
}

static void paste(struct ui *ui, char *text)
{
    char *p, *out = text;

    for (p = text; *p != '\0'; p++) {
        if (p[0] == '\\' && p[1] == 'n') {
            *out++ = '\n';
            p++;
        } else {
            *out++ = *p;
        }
    }
    ui_paste(ui, text, (size_t)(out - text));
}

static spn_status keys(struct ui *ui, char *line, const char *where, int number,
                       struct spn_err *err)
{
    char *rest = line, *word;

    while (!ui->leaving && (word = strsep(&rest, " \t")) != NULL) {
        struct key k;

        if (*word == '\0')
            continue;
        if (!key_parse(word, strlen(word), &k))
            return spn_fail(err, SPN_EFORMAT, "%s:%d: no key \"%.40s\"", where, number, word);
        ui_key(ui, k);
        ui_draw(ui);
    }
    return SPN_OK;
}

static spn_status step(struct ui *ui, char *line, const char *where, int number,
                       struct spn_err *err)
{
    int rows, columns;
    spn_status st = SPN_OK;

    ui->now_ms = ui_clock();
    while (isspace((unsigned char)*line))
        line++;
    if (*line == '\0' || *line == '#')
        return SPN_OK;
    if (strncmp(line, "type ", 5) == 0) {
        type(ui, line + 5);
    } else if (strncmp(line, "paste ", 6) == 0) {
        paste(ui, line + 6);
    } else if (strcmp(line, ":wait") == 0) {
        st = wait_jobs(ui, err);
    } else if (strcmp(line, ":draw") == 0) {
        ui_draw(ui);
    } else if (strncmp(line, ":size ", 6) == 0) {
        if (!parse_size(line + 6, &rows, &columns))
            return spn_fail(err, SPN_EFORMAT, "%s:%d: \"%s\" is no size like 80x24", where, number,
                            line + 6);
        st = ui_resize(ui, rows, columns, err);
    } else if (line[0] == ':' && line[1] != '\0' && line[1] != ' ') {
        if (!slash_run(ui, line + 1))
            return spn_fail(err, SPN_EFORMAT, "%s:%d: no command \"%.40s\"", where, number, line);
    } else {
        st = keys(ui, line, where, number, err);
    }
    ui_tick(ui);
    ui_draw(ui);
    if (ui->pipe_command != NULL)
        ui_run_pipe(ui);
    if (st == SPN_OK && spn_cancelled(job_cancel()))
        st = SPN_ECANCEL;
    return st;
}

static spn_status read_script(char **text, const char *file, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(FILE_CEILING);
    char bytes[4096];
    size_t n;

    if (strcmp(file, "-") != 0)
        return spn_file_read(text, NULL, file, FILE_CEILING, err);
    while ((n = fread(bytes, 1, sizeof bytes, stdin)) > 0)
        spn_buf_add(&b, bytes, n);
    if (b.failed) {
        spn_buf_free(&b);
        return spn_fail(err, SPN_ENOMEM, "script: longer than %zu bytes", FILE_CEILING);
    }
    *text = b.data != NULL ? spn_buf_steal(&b) : spn_strdup("");
    return *text != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "script: no memory");
}

spn_status screens_script(const char *file, const char *size, const char *view, int argc,
                          char **argv, struct spn_err *err)
{
    char *text = NULL, *rest, *line;
    struct ui *ui = NULL;
    int rows = 24, columns = 80, number = 0;
    spn_status st = SPN_OK;

    setlocale(LC_CTYPE, "");
    if (size != NULL && !parse_size(size, &rows, &columns))
        return spn_fail(err, SPN_EUSAGE, "--size: \"%s\" is no size like 80x24", size);
    st = read_script(&text, file, err);
    if (st == SPN_OK)
        st = ui_open(&ui, rows, columns, err);
    if (st == SPN_OK) {
        ui_go(ui, view != NULL ? view : "start", argc, argv);
        ui_draw(ui);
        if (ui_shown(ui) == NULL)
            st = spn_fail(err, SPN_ENOTFOUND, "%s: there is no such screen", view);
    }
    rest = text;
    while (st == SPN_OK && !ui->leaving && (line = strsep(&rest, "\n")) != NULL)
        st = step(ui, line, file, ++number, err);
    ui_close(ui);
    spn_free(text);
    return st;
}
