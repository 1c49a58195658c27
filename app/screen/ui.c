#include "config.h"

#include "screen/ui.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"
#include "host/plugins.h"
#include "host/message.h"
#include "host/registry.h"
#include "host/settings.h"
#include "host/tables.h"
#include "screen/line.h"
#include "screen/work.h"

#define MESSAGE_MS 8000

int64_t ui_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static char *keys_file(void)
{
    return paths()->config_home != NULL ? spn_path_join(paths()->config_home, "keys") : NULL;
}

/* "leader = C-x" moves the key of places; C-o then is free. */
static void set_leader(struct ui *ui)
{
    const char *name = settings_get("leader");
    struct key key;
    char text[160];

    if (name == NULL)
        return;
    if (!key_parse(name, strlen(name), &key)) {
        snprintf(text, sizeof text, "leader: no key \"%.40s\"", name);
        ui_say(ui, SPN_STYLE_WARN, text, NULL);
        return;
    }
    ui->keys.leader = key;
    snprintf(text, sizeof text, "line %s lead\npane %s lead\n", name, name);
    keys_change(&ui->keys, text, "leader", NULL);
}

spn_status ui_open(struct ui **out, int rows, int columns, struct spn_err *err)
{
    struct ui *ui = spn_calloc(1, sizeof *ui);
    struct spn_err why = SPN_ERR_INIT;
    char *file;
    spn_status st;

    if (ui == NULL)
        return spn_fail(err, SPN_ENOMEM, "screen: no memory");
    ui->wake[0] = ui->wake[1] = -1;
    ui->mouse = settings_get("mouse") == NULL || strcmp(settings_get("mouse"), "off") != 0;
    ui->drag = -1;
    ui->cursor_row = -1;
    ui->copied = (struct spn_buf)SPN_BUF_INIT((size_t)64 << 20);
    ui->now_ms = ui_clock();
    edit_init(&ui->edit);
    pthread_mutex_init(&ui->lock, NULL);
    theme_plain(&ui->theme);
    tables_host(&ui->host, NULL);
    st = pipe2(ui->wake, O_NONBLOCK | O_CLOEXEC) == 0
             ? SPN_OK
             : spn_fail(err, SPN_EIO, "screen: no pipe for its jobs");
    if (st == SPN_OK)
        st = cells_resize(&ui->cells, rows, columns, err);
    if (st == SPN_OK)
        st = line_start(columns, err);
    if (st == SPN_OK) {
        file = keys_file();
        if (keys_load(&ui->keys, file, &why) != SPN_OK)
            ui_fail(ui, &why);
        spn_free(file);
        set_leader(ui);
        *out = ui;
        return SPN_OK;
    }
    ui_close(ui);
    return st;
}

/* ---- screens ---- */

static void screen_free(struct spn_screen *s)
{
    int i;

    if (s->opened && s->view->close != NULL)
        s->view->close(s->state);
    plugins_release(s->owner, s->name);
    for (i = 0; i < s->n_panes; i++)
        pane_free(&s->pane[i]);
    for (i = 0; i < s->argc; i++)
        spn_free(s->argv[i]);
    spn_free(s->argv);
    spn_free(s->heading);
    spn_free(s->state_text);
    spn_free(s->rule);
    spn_free(s->draft);
    spn_values_free(s->options);
    spn_free(s);
}

static void forget(struct ui *ui, struct spn_screen *s)
{
    int i;

    for (i = 0; i < ui->n_screens; i++)
        if (ui->screen[i] == s) {
            memmove(ui->screen + i, ui->screen + i + 1,
                    (size_t)(ui->n_screens - i - 1) * sizeof *ui->screen);
            ui->n_screens--;
        }
    screen_free(s);
}

void ui_close(struct ui *ui)
{
    struct spn_err why = SPN_ERR_INIT;
    int i;

    if (ui == NULL)
        return;
    work_end(ui);
    popup_close(ui);
    candidates_close(ui);
    while (ui->n_screens > 0)
        forget(ui, ui->screen[ui->n_screens - 1]);
    line_history_save(&why);
    line_end();
    keys_free(&ui->keys);
    edit_free(&ui->edit);
    cells_free(&ui->cells);
    for (i = 0; i < ui->n_log; i++) {
        spn_free(ui->log[i].text);
        spn_free(ui->log[i].cure);
    }
    spn_free(ui->message);
    spn_free(ui->cure);
    spn_buf_free(&ui->copied);
    spn_free(ui->pipe_command);
    spn_buf_free(&ui->pipe_text);
    if (ui->wake[0] >= 0)
        close(ui->wake[0]);
    if (ui->wake[1] >= 0)
        close(ui->wake[1]);
    pthread_mutex_destroy(&ui->lock);
    spn_free(ui);
}

spn_status ui_resize(struct ui *ui, int rows, int columns, struct spn_err *err)
{
    ui->dirty = true;
    line_resize(rows, columns);
    return cells_resize(&ui->cells, rows, columns, err);
}

struct spn_screen *ui_shown(const struct ui *ui)
{
    return ui->n_visited > 0 ? ui->visited[ui->n_visited - 1] : NULL;
}

struct spn_pane *ui_focus(struct spn_screen *s)
{
    return s != NULL && !s->in_line && s->focus < s->n_panes ? &s->pane[s->focus] : NULL;
}

bool ui_narrow(const struct spn_screen *s)
{
    return s->ui->cells.columns < (s->view->narrow > 0 ? s->view->narrow : 100);
}

const struct layout *ui_layout(struct spn_screen *s)
{
    return s->has_wide && s->ui->cells.columns >= 160 ? &s->wide : &s->layout;
}

void ui_line_store(struct spn_screen *s)
{
    size_t cursor;
    const char *text;

    if (s == NULL || s->view->prompt == NULL)
        return;
    text = line_text(&cursor);
    spn_free(s->draft);
    s->draft = spn_strdup(text);
    s->draft_cursor = cursor;
}

void ui_line_restore(struct spn_screen *s)
{
    if (s == NULL || s->view->prompt == NULL)
        return;
    line_history_use(s->name);
    line_interrupt();
    line_set(s->draft != NULL ? s->draft : "", s->draft_cursor);
}

static spn_status add_panes(struct spn_screen *s, const struct layout *l, struct spn_err *err)
{
    int i, k;

    for (i = 0; i < l->n; i++) {
        const char *name = l->node[i].name;

        if (name[0] == '\0')
            continue;
        for (k = 0; k < s->n_panes && strcmp(s->pane[k].name, name) != 0; k++)
            continue;
        if (k < s->n_panes)
            continue;
        if (s->n_panes == PANES_MAX)
            return spn_fail(err, SPN_EFORMAT, "%s: more than %d panes", s->name, PANES_MAX);
        snprintf(s->pane[k].name, sizeof s->pane[k].name, "%s", name);
        s->pane[k].screen = s;
        s->n_panes++;
    }
    return SPN_OK;
}

static spn_status screen_open(struct ui *ui, struct spn_screen **out, const char *name, int argc,
                              char **argv, struct spn_err *err)
{
    const char *found = NULL, *owner = NULL;
    const struct spn_view *view = NULL;
    struct spn_screen *s;
    spn_status st = SPN_OK;
    size_t k;
    int i;

    for (k = 0; (view = registry_at(SPN_POINT_VIEW, k, &found, &owner)) != NULL; k++)
        if (strcmp(found, name) == 0)
            break;
    if (view == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "%s: there is no such screen", name);
    if (ui->n_screens == SCREENS_MAX)
        return spn_fail(err, SPN_EUSAGE, "%s: %d screens are open already", name, SCREENS_MAX);
    s = spn_calloc(1, sizeof *s);
    if (s == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", name);
    *s = (struct spn_screen){ .ui = ui, .view = view, .name = found, .owner = owner };
    tables_host(&s->host, (struct plugin *)plugins_find(owner));
    plugins_hold(owner, found);
    s->argv = spn_calloc((size_t)argc + 1, sizeof *s->argv);
    for (i = 0; s->argv != NULL && i < argc; i++)
        if ((s->argv[s->argc] = spn_strdup(argv[i])) != NULL)
            s->argc++;
    st = layout_parse(&s->layout, view->layout, err);
    if (st == SPN_OK)
        st = add_panes(s, &s->layout, err);
    if (st == SPN_OK && view->wide != NULL) {
        s->has_wide = true;
        st = layout_parse(&s->wide, view->wide, err);
        if (st == SPN_OK)
            st = add_panes(s, &s->wide, err);
    }
    if (st == SPN_OK && view->options != NULL)
        s->options = spn_values_new(view->options);
    s->in_line = view->prompt != NULL;
    ui->screen[ui->n_screens++] = s;
    if (st == SPN_OK)
        st = view->open(&s->host, s, s->argc, s->argv, &s->state, err);
    s->opened = st == SPN_OK;
    if (st != SPN_OK) {
        forget(ui, s);
        return st;
    }
    *out = s;
    return SPN_OK;
}

static bool same_arguments(const struct spn_screen *s, int argc, char **argv)
{
    int i;

    if (argc == 0)
        return true; /* the place, whatever it shows */
    if (s->argc != argc)
        return false;
    for (i = 0; i < argc; i++)
        if (strcmp(s->argv[i], argv[i]) != 0)
            return false;
    return true;
}

void ui_go(struct ui *ui, const char *name, int argc, char **argv)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_screen *s = NULL, *before = ui_shown(ui);
    int i;

    for (i = 0; i < ui->n_screens; i++)
        if (strcmp(ui->screen[i]->name, name) == 0 && same_arguments(ui->screen[i], argc, argv))
            s = ui->screen[i];
    if (s != NULL && s == before)
        return;
    ui_line_store(before);
    if (s == NULL && screen_open(ui, &s, name, argc, argv, &err) != SPN_OK) {
        ui_fail(ui, &err);
        return;
    }
    for (i = 0; i < ui->n_visited; i++) /* a screen is once on the way back */
        if (ui->visited[i] == s) {
            memmove(ui->visited + i, ui->visited + i + 1,
                    (size_t)(ui->n_visited - i - 1) * sizeof *ui->visited);
            ui->n_visited--;
        }
    assert(ui->n_visited < SCREENS_MAX);
    ui->visited[ui->n_visited++] = s;
    candidates_close(ui);
    ui_line_restore(s);
    ui->dirty = true;
}

void ui_back(struct ui *ui)
{
    struct spn_screen *s = ui_shown(ui);

    if (ui->n_visited <= 1) {
        ui_leave(ui);
        return;
    }
    ui->n_visited--;
    /* With work under way it stays open, out of sight. */
    if (s->jobs + s->quiet_jobs == 0)
        forget(ui, s);
    else
        ui_line_store(s);
    ui_line_restore(ui_shown(ui));
    candidates_close(ui);
    ui->dirty = true;
}

bool ui_place(struct ui *ui, int letter)
{
    const struct spn_view *view;
    const char *name, *owner;
    size_t k;

    for (k = 0; (view = registry_at(SPN_POINT_VIEW, k, &name, &owner)) != NULL; k++)
        if (view->place == letter) {
            ui_go(ui, name, 0, NULL);
            return true;
        }
    return false;
}

static void leave_answer(void *ctx, bool yes)
{
    struct ui *ui = ctx;

    if (yes)
        ui->leaving = true;
}

/* Jobs that a person began. What the program looks up by itself for its own lists is no reason to
 * ask; *FIRST: one of them. */
static int worth_asking(struct ui *ui, const struct spn_work **first)
{
    const struct spn_work *w;
    char text[64];
    size_t i, all = work_list(ui, 0, &w, text, sizeof text);
    int n = 0;

    for (i = 0; i < all; i++) {
        work_list(ui, i, &w, text, sizeof text);
        if (strcmp(work_owner(w), "spinney") != 0 && n++ == 0)
            *first = w;
    }
    return n;
}

void ui_leave(struct ui *ui)
{
    const struct spn_work *w = NULL;
    char question[200];
    int n = worth_asking(ui, &w);

    if (n == 0) {
        ui->leaving = true;
        return;
    }
    snprintf(question, sizeof question, "%s is under way on the screen %s%s. Stop and leave?",
             work_what(w), work_screen(w), n > 1 ? ", and others" : "");
    ui_ask(ui, question, leave_answer, ui);
}

/* ---- what it says ---- */

static void set(char **to, const char *text)
{
    spn_free(*to);
    *to = text != NULL ? spn_strdup(text) : NULL;
}

static void log_add(struct ui *ui, enum spn_style style, const char *text, const char *cure)
{
    struct log_entry *e;
    time_t now = time(NULL);
    struct tm parts;

    if (ui->n_log == LOG_MAX) {
        spn_free(ui->log[0].text);
        spn_free(ui->log[0].cure);
        memmove(ui->log, ui->log + 1, (LOG_MAX - 1) * sizeof *ui->log);
        ui->n_log--;
    }
    e = &ui->log[ui->n_log];
    *e = (struct log_entry){ .style = style };
    e->text = spn_strdup(text);
    e->cure = cure != NULL && cure[0] != '\0' ? spn_strdup(cure) : NULL;
    if (e->text == NULL)
        return;
    localtime_r(&now, &parts);
    strftime(e->when, sizeof e->when, "%H:%M:%S", &parts);
    ui->n_log++;
}

void ui_say(struct ui *ui, enum spn_style style, const char *text, const char *cure)
{
    set(&ui->message, text);
    set(&ui->cure, cure);
    ui->message_style = style;
    ui->message_until = style == SPN_STYLE_BAD ? 0 : ui->now_ms + MESSAGE_MS;
    ui->dirty = true;
    if (text != NULL)
        log_add(ui, style, text, cure);
}

void ui_fail(struct ui *ui, const struct spn_err *err)
{
    ui_say(ui, SPN_STYLE_BAD, err->text[0] != '\0' ? err->text : "failed without a reason given",
           err->cure[0] != '\0' ? err->cure : NULL);
}

void ui_copy(struct ui *ui, const char *text, size_t n)
{
    spn_buf_trim(&ui->copied, 0);
    spn_buf_add(&ui->copied, text, n);
    ui->has_copied = true;
}

/* ---- time ---- */

void ui_tick(struct ui *ui)
{
    char *held;
    int i;

    ui->now_ms = ui_clock();
    work_drain(ui);
    while ((held = message_held()) != NULL) {
        ui_say(ui, SPN_STYLE_WARN, held, NULL);
        spn_free(held);
    }
    for (i = 0; i < ui->n_screens; i++) {
        struct spn_screen *s = ui->screen[i];

        if (s->timer_at != 0 && ui->now_ms >= s->timer_at) {
            s->timer_at = 0;
            if (s->view->timer != NULL)
                s->view->timer(s->state);
            ui->dirty = true;
        }
    }
    if (ui->message != NULL && ui->message_until != 0 && ui->now_ms >= ui->message_until) {
        set(&ui->message, NULL);
        ui->dirty = true;
    }
    if (ui->lead && ui->now_ms - ui->lead_since >= 400)
        ui->dirty = true;
}

static void sooner(int *wait, int64_t now, int64_t at)
{
    int64_t left = at > now ? at - now : 0;

    if (at != 0 && (*wait < 0 || left < *wait))
        *wait = (int)left;
}

int ui_wait_ms(const struct ui *ui)
{
    int wait = -1, i;

    for (i = 0; i < ui->n_screens; i++)
        sooner(&wait, ui->now_ms, ui->screen[i]->timer_at);
    if (ui->message != NULL)
        sooner(&wait, ui->now_ms, ui->message_until);
    if (ui->lead && ui->now_ms - ui->lead_since < 400)
        sooner(&wait, ui->now_ms, ui->lead_since + 400);
    return wait;
}
