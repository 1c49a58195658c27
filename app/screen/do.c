/* do.c - what a command does. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/line.h"
#include "screen/ui.h"
#include "screen/work.h"

void ui_act(struct ui *ui, enum spn_want act, int n)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_pane *p = ui_focus(s);
    char text[120];

    if (s->view->act != NULL && s->view->act(s->state, p, act, n))
        return;
    if (act == SPN_WANT_STOP || act == SPN_WANT_MORE_OF)
        return;
    snprintf(text, sizeof text, "nothing to do for that here; ? for keys");
    ui_say(ui, SPN_STYLE_DIM, text, NULL);
}

static void tell_choice(struct spn_screen *s, struct spn_pane *p)
{
    uint64_t id;

    if (s->view->chosen != NULL && p != NULL && (rows_choice(p, &id) || text_choice(p, &id)))
        s->view->chosen(s->state, p, id);
}

/* Acts behind commands that a kind of pane did not take. */
static enum spn_want act_of(enum command c, int n)
{
    switch (c) {
    case CMD_ACT:
        return (enum spn_want)n;
    case CMD_OPEN:
        return SPN_WANT_OPEN;
    case CMD_FOLD:
        return SPN_WANT_FOLD;
    case CMD_MARK:
        return SPN_WANT_SPACE;
    case CMD_FOLLOW:
        return SPN_WANT_FOLLOW;
    case CMD_OPTIONS:
        return SPN_WANT_OPTIONS;
    case CMD_NEXT_HIT:
    case CMD_LAST_HIT:
        return SPN_WANT_WARNING;
    case CMD_UP:
        return SPN_WANT_UP;
    case CMD_DOWN:
        return SPN_WANT_DOWN;
    case CMD_LEFT:
        return SPN_WANT_LEFT;
    case CMD_RIGHT:
        return SPN_WANT_RIGHT;
    default:
        return SPN_WANT_NONE;
    }
}

void ui_do_pane(struct ui *ui, enum command c, int n)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_pane *p = ui_focus(s);
    enum pane_told told = c == CMD_NONE                  ? (enum pane_told)n
                          : p != NULL && p->kind != NULL ? p->kind->command(p, c, n)
                                                         : PANE_NOT_MINE;
    struct spn_buf value = SPN_BUF_INIT(1 << 16);
    enum spn_want act;

    switch (told) {
    case PANE_CHOSEN:
        tell_choice(s, p);
        break;
    case PANE_OPENED:
        if (p->kind == &pane_form && form_choice(p, &value) != NULL)
            prompt_open(ui, PROMPT_FIELD, value.data != NULL ? value.data : "");
        else
            ui_act(ui, SPN_WANT_OPEN, 0);
        break;
    case PANE_NOT_MINE:
        act = act_of(c, n);
        if (act == SPN_WANT_RIGHT && p != NULL && p->kind == &pane_rows)
            act = SPN_WANT_MORE_OF;
        if ((act == SPN_WANT_UP || act == SPN_WANT_DOWN || act == SPN_WANT_LEFT ||
             act == SPN_WANT_RIGHT || act == SPN_WANT_MORE_OF) &&
            s->view->act != NULL)
            s->view->act(s->state, p, act, 0); /* an arrow that does nothing says nothing */
        else if (act != SPN_WANT_NONE && act < SPN_WANT_LEFT)
            ui_act(ui, act, 0);
        break;
    case PANE_DONE:
    case PANE_CHANGED:
        break;
    }
    spn_buf_free(&value);
}

/* ---- focus ---- */

static void move_focus(struct ui *ui, int way)
{
    struct spn_screen *s = ui_shown(ui);
    int i, k;

    if (s->n_panes == 0)
        return;
    if (s->in_line && way > 0 && s->view->prompt != NULL) { /* from the line: to the first */
        s->in_line = false;
        s->focus = 0;
        return;
    }
    s->in_line = false;
    for (i = 1; i <= s->n_panes; i++) {
        k = (s->focus + (way > 0 ? i : s->n_panes - i)) % s->n_panes;
        if (!s->pane[k].hidden && (s->zoomed || ui_narrow(s) || s->pane[k].shown)) {
            s->focus = k;
            return;
        }
    }
}

static void escape(struct ui *ui)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_pane *p = ui_focus(s);

    if (ui->has_candidates) {
        candidates_close(ui);
    } else if (ui->lead) {
        ui->lead = false;
    } else if (ui->message != NULL && ui->message_until == 0) {
        spn_free(ui->message);
        ui->message = NULL;
    } else if (s->in_line) {
        if (s->n_panes > 0)
            s->in_line = false;
    } else if (p != NULL && p->search != NULL) {
        pane_search(p, "");
    } else if (s->zoomed) {
        s->zoomed = false;
    }
}

static void interrupt(struct ui *ui)
{
    struct spn_screen *s = ui_shown(ui);

    if (ui->has_candidates) {
        candidates_close(ui);
    } else if (s->jobs > 0) {
        work_stop(ui, s);
        if (s->view->act != NULL)
            s->view->act(s->state, ui_focus(s), SPN_WANT_STOP, 0);
        ui_say(ui, SPN_STYLE_TEXT, "stopping; what there is, is kept", NULL);
    } else if (s->in_line && line_text(NULL)[0] != '\0') {
        char *text = spn_strdup(line_text(NULL));

        line_interrupt(); /* first: the line may be one of the past, shown again */
        if (text != NULL)
            line_remember(text);
        spn_free(text);
    } else if (ui->asked_to_leave) {
        ui_leave(ui);
    } else {
        ui->asked_to_leave = true;
        ui_say(ui, SPN_STYLE_TEXT, "C-c again to leave", NULL);
    }
}

/* ---- the line ---- */

static bool ends_open(const char *text)
{
    size_t n = strlen(text);
    int quotes = 0;
    const char *p = text;

    while ((p = strstr(p, "\"\"\"")) != NULL) {
        quotes++;
        p += 3;
    }
    return quotes % 2 == 1 || (n > 0 && text[n - 1] == '\\');
}

void ui_send(struct ui *ui, const char *text)
{
    struct spn_screen *s = ui_shown(ui);
    bool slash = text[0] == '/' && text[1] != '/';
    const char *body = text[0] == '/' && text[1] == '/' ? text + 1 : text;

    line_remember(text);
    /* A path is no command: its first word has a slash inside. */
    if (slash && text[1 + strcspn(text + 1, "/ ")] != '/' && strchr(text, '\n') == NULL) {
        if (!slash_run(ui, text + 1)) {
            char say[160];

            snprintf(say, sizeof say, "/%.60s: no such command; a second / sends it as text",
                     text + 1);
            ui_say(ui, SPN_STYLE_WARN, say, NULL);
        }
        return;
    }
    if (s->view->send != NULL)
        s->view->send(s->state, body);
}

static void send(struct ui *ui)
{
    struct spn_screen *s = ui_shown(ui);
    const char *text = line_text(NULL);
    char *copy;
    size_t n = strlen(text);

    if (ui->has_candidates && candidates_take(ui))
        return;
    if (text[0] == '\0') {
        if (s->n_panes > 0) { /* on an empty line Enter opens the chosen row */
            s->in_line = false;
            ui_do_pane(ui, CMD_OPEN, 0);
            if (s == ui_shown(ui) && ui->popup == POPUP_NONE)
                s->in_line = true;
        }
        return;
    }
    if (ends_open(text)) {
        if (text[n - 1] == '\\') {
            copy = spn_strndup(text, n - 1);
            line_set(copy != NULL ? copy : text, n);
            spn_free(copy);
        }
        line_insert("\n", 1);
        return;
    }
    copy = spn_strdup(text);
    line_interrupt();
    if (copy != NULL)
        ui_send(ui, copy);
    spn_free(copy);
}

/* Up and Down in a line of several rows move in it; history begins at its edges. */
static bool move_row(int way)
{
    size_t cursor, start, column, n;
    const char *text = line_text(&cursor);

    start = cursor;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    column = cursor - start;
    if (way < 0) {
        if (start == 0)
            return false;
        for (n = start - 1; n > 0 && text[n - 1] != '\n'; n--)
            continue;
        cursor = n + (column < start - 1 - n ? column : start - 1 - n);
    } else {
        size_t end = cursor + strcspn(text + cursor, "\n");

        if (text[end] == '\0')
            return false;
        n = strcspn(text + end + 1, "\n");
        cursor = end + 1 + (column < n ? column : n);
    }
    while (cursor > 0 && ((unsigned char)text[cursor] & 0xc0) == 0x80)
        cursor--;
    {
        char *copy = spn_strdup(text);

        if (copy != NULL)
            line_set(copy, cursor);
        spn_free(copy);
    }
    return true;
}

/* On the start screen and in pickers the arrows move the choice while the line is empty. */
static void up_down(struct ui *ui, int way)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_pane *p = s->n_panes > 0 ? &s->pane[s->focus] : NULL;

    if (ui->has_candidates) {
        pane_rows.command(&ui->candidates, way < 0 ? CMD_UP : CMD_DOWN, 0);
        return;
    }
    if (line_text(NULL)[0] == '\0' && p != NULL && p->kind == &pane_rows) {
        if (p->kind->command(p, way < 0 ? CMD_UP : CMD_DOWN, 0) == PANE_CHOSEN)
            tell_choice(s, p);
        return;
    }
    if (!move_row(way))
        line_history(way);
}

static void page(struct ui *ui, enum command c)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_pane *p = s->n_panes > 0 ? &s->pane[s->focus] : NULL;

    if (ui->has_candidates)
        pane_rows.command(&ui->candidates, c, 0);
    else if (p != NULL && p->kind != NULL)
        p->kind->command(p, c, 0);
}

static void line_command(struct ui *ui, const struct binding *b)
{
    struct spn_screen *s = ui_shown(ui);

    switch (b->command) {
    case CMD_SEND:
        send(ui);
        break;
    case CMD_NEWLINE:
        line_insert("\n", 1);
        break;
    case CMD_COMPLETE:
        if (line_text(NULL)[0] == '\0')
            move_focus(ui, 1);
        else
            candidates_complete(ui);
        break;
    case CMD_UP:
        up_down(ui, -1);
        break;
    case CMD_DOWN:
        up_down(ui, 1);
        break;
    case CMD_OLDER:
        line_history(-1);
        break;
    case CMD_NEWER:
        line_history(1);
        break;
    case CMD_PAGE_UP:
    case CMD_PAGE_DOWN:
        page(ui, b->command);
        break;
    case CMD_EDITOR:
        ui->editor = true;
        break;
    case CMD_CLOSE:
        if (line_text(NULL)[0] == '\0') {
            ui_back(ui);
        } else {
            char *sent = NULL;

            line_key(b->key, &sent);
            spn_free(sent);
        }
        break;
    case CMD_LAST_PANE:
        s->in_line = false;
        break;
    default:
        break;
    }
}

/* ---- copying ---- */

static void copy_out(struct ui *ui, bool json)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_pane *p = ui_focus(s);
    struct spn_buf b = SPN_BUF_INIT((size_t)64 << 20);

    if (json && s->view->act != NULL && s->view->act(s->state, p, SPN_WANT_COPY_JSON, 0)) {
        spn_buf_free(&b);
        return;
    }
    if (p == NULL || p->kind == NULL ||
        !((!json && p->kind->copy != NULL && p->kind->copy(p, &b, false)) ||
          (json && p->kind->write != NULL && p->kind->write(p, &b, true)) ||
          (!json && p->kind->write != NULL && p->kind->write(p, &b, false))) ||
        b.length == 0)
        ui_say(ui, SPN_STYLE_DIM, json ? "no JSON of this part" : "nothing to copy", NULL);
    else
        ui_copy(ui, b.data, b.length);
    spn_buf_free(&b);
}

void ui_equal(struct ui *ui)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_buf b = SPN_BUF_INIT(1 << 16);

    if (s->view->command != NULL)
        s->view->command(s->state, &b);
    if (b.length == 0) {
        ui_say(ui, SPN_STYLE_DIM, "no batch command gives what this screen shows", NULL);
    } else {
        ui_copy(ui, b.data, b.length);
        ui_say(ui, SPN_STYLE_ACCENT, b.data, NULL);
        ui->message_until = 0;
    }
    spn_buf_free(&b);
}

static void options(struct ui *ui)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_pane *p;

    if (s->options == NULL) {
        ui_act(ui, SPN_WANT_OPTIONS, 0);
        return;
    }
    p = popup_open(ui, POPUP_FORM, "options");
    if (p != NULL)
        form_set(p, s->options, NULL, NULL);
}

void ui_do(struct ui *ui, const struct binding *b)
{
    struct spn_screen *s = ui_shown(ui);
    enum place place = s->in_line ? PLACE_LINE : PLACE_PANE;
    char text[120];

    ui->dirty = true;
    switch (b->command) {
    case CMD_NEXT_PANE:
        move_focus(ui, 1);
        return;
    case CMD_TO_LINE:
        if (s->view->prompt != NULL)
            s->in_line = true;
        return;
    case CMD_ZOOM:
        s->zoomed = !s->zoomed;
        return;
    case CMD_BACK:
        ui_back(ui);
        return;
    case CMD_LEAVE:
        ui_leave(ui);
        return;
    case CMD_LEAD:
        ui->lead = true;
        ui->lead_from_pane = place == PLACE_PANE;
        ui->lead_since = ui->now_ms;
        return;
    case CMD_FIND:
        prompt_open(ui, PROMPT_FIND, "");
        return;
    case CMD_COMMAND:
        prompt_open(ui, PROMPT_COMMAND, "");
        return;
    case CMD_WRITE:
        prompt_open(ui, PROMPT_WRITE, "");
        return;
    case CMD_HELP:
        ui_help(ui);
        return;
    case CMD_EQUAL:
        ui_equal(ui);
        return;
    case CMD_COPY:
        copy_out(ui, false);
        return;
    case CMD_COPY_JSON:
        copy_out(ui, true);
        return;
    case CMD_OPTIONS:
        options(ui);
        return;
    case CMD_REDRAW:
        ui->redraw = true;
        return;
    case CMD_SUSPEND:
        ui->suspend = true;
        return;
    case CMD_INTERRUPT:
        interrupt(ui);
        return;
    case CMD_ESCAPE:
        escape(ui);
        return;
    case CMD_MOUSE:
        ui->mouse = !ui->mouse;
        ui_say(ui, SPN_STYLE_TEXT, ui->mouse ? "the mouse is on" : "the mouse is off", NULL);
        return;
    case CMD_PLACE:
        if ((b->n == 'n' || b->n == 'f') && ui_place(ui, 'c')) { /* both are of the chat */
            slash_run(ui, b->n == 'n' ? "new" : "focus trees");
            return;
        }
        if (!ui_place(ui, b->n)) {
            snprintf(text, sizeof text, "%s: no plugin here has that screen", b->what);
            ui_say(ui, SPN_STYLE_WARN, text, "spinney plugins");
        }
        return;
    default:
        break;
    }
    if (place == PLACE_PANE && b->command == CMD_LAST_PANE)
        move_focus(ui, -1);
    else if (place == PLACE_PANE || (b->place == PLACE_LEAD && b->command == CMD_TOP))
        ui_do_pane(ui, b->command, b->n);
    else
        line_command(ui, b);
}
