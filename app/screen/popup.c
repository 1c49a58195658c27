/* popup.c - what lies over the panes: questions, help, forms, lists to choose from. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/ui.h"

struct spn_pane *popup_open(struct ui *ui, enum popup_kind kind, const char *title)
{
    popup_close(ui);
    ui->popup = kind;
    ui->popup_yes = false;
    snprintf(ui->popup_title, sizeof ui->popup_title, "%s", title);
    ui->popup_pane.screen = ui_shown(ui);
    ui->dirty = true;
    return &ui->popup_pane;
}

void popup_close(struct ui *ui)
{
    pane_free(&ui->popup_pane);
    ui->popup_pane = (struct spn_pane){ 0 };
    ui->popup = POPUP_NONE;
    ui->dirty = true;
}

void ui_ask(struct ui *ui, const char *question, void (*answer)(void *ctx, bool yes), void *ctx)
{
    popup_open(ui, POPUP_ASK, question);
    ui->answer = answer;
    ui->answer_ctx = ctx;
}

static void answered(struct ui *ui, bool yes)
{
    void (*answer)(void *ctx, bool yes) = ui->answer;

    ui->answer = NULL;
    popup_close(ui);
    if (answer != NULL)
        answer(ui->answer_ctx, yes);
}

/* ---- help ---- */

static bool shown_act(const struct spn_view *v, enum spn_want act, const char **what)
{
    const struct spn_want_help *h;

    for (h = v->acts; h != NULL && h->act != SPN_WANT_NONE; h++)
        if (h->act == act) {
            *what = h->what;
            return true;
        }
    return false;
}

static void help_place(struct ui *ui, struct spn_screen *s, enum place place, struct spn_buf *b)
{
    size_t i;

    for (i = 0; i < ui->keys.n; i++) {
        const struct binding *k = &ui->keys.binding[i];
        const char *what = k->what;
        char name[24];

        if (k->place != place || k->command == CMD_NONE)
            continue;
        if (k->command == CMD_ACT && !shown_act(s->view, (enum spn_want)k->n, &what))
            continue; /* this screen does nothing on it */
        if (k->command == CMD_OPEN && place == PLACE_PANE)
            shown_act(s->view, SPN_WANT_OPEN, &what);
        key_name(k->key, name, sizeof name);
        spn_buf_printf(b, "  %-9s %s\n", name, what);
    }
}

void ui_help(struct ui *ui)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_buf b = SPN_BUF_INIT(1 << 18);
    const struct spn_want_help *h;
    const struct spn_slash *c;
    char title[120];
    struct spn_pane *p;

    snprintf(title, sizeof title, "keys of %s", s->name);
    p = popup_open(ui, POPUP_TEXT, title);
    spn_buf_printf(&b, "%s: %s\n\n", s->name, s->view->summary);
    if (s->view->prompt != NULL && s->in_line) {
        spn_buf_puts(&b, "In the line, letters are text\n");
        help_place(ui, s, PLACE_LINE, &b);
        spn_buf_puts(&b,
                     "  the rest  readline's: C-a C-e C-k C-w C-r, M-b M-f, inputrc, vi mode\n\n");
    }
    spn_buf_puts(&b, "In a pane\n");
    help_place(ui, s, PLACE_PANE, &b);
    for (h = s->view->acts; h != NULL && h->act != SPN_WANT_NONE; h++)
        if (h->act == SPN_WANT_CAPITAL)
            spn_buf_printf(&b, "  %-9c %s\n", h->letter, h->what);
        else if (h->act == SPN_WANT_PART)
            spn_buf_printf(&b, "  %-9s %s\n", "1..9", h->what);
    if (!s->in_line && s->view->prompt != NULL) {
        spn_buf_puts(&b, "\nIn the line, letters are text\n");
        help_place(ui, s, PLACE_LINE, &b);
    }
    spn_buf_puts(&b, "\nAfter C-o, or g in a pane\n");
    help_place(ui, s, PLACE_LEAD, &b);
    if (s->view->slashes != NULL)
        spn_buf_puts(&b, "\nCommands, :name in a pane and /name in the line\n");
    for (c = s->view->slashes; c != NULL && c->name != NULL; c++)
        spn_buf_printf(&b, "  %s %s\n            %s\n", c->name, c->args != NULL ? c->args : "",
                       c->what);
    text_block(p, 1, SPN_TEXT_PLAIN, NULL, SPN_STYLE_TEXT, b.data != NULL ? b.data : "", b.length);
    pane_text.command(p, CMD_TOP, 0);
    spn_buf_free(&b);
}

/* ---- keys ---- */

void popup_pick(struct spn_screen *s, const char *title, const char *lines,
                void (*picked)(void *ctx, const char *word), void *ctx)
{
    static const struct spn_column columns[] = { { "", 0, false, 0 }, { "", -1, false, 1 } };
    struct ui *ui = s->ui;
    struct spn_pane *p;
    uint64_t id = 0;

    if (s != ui_shown(ui))
        return;
    p = popup_open(ui, POPUP_LIST, title);
    ui->pick = picked;
    ui->answer_ctx = ctx;
    rows_columns(p, columns, 2);
    rows_begin(p);
    while (*lines != '\0') {
        size_t n = strcspn(lines, "\n"), k = strcspn(lines, "\t\n");
        char *word = spn_strndup(lines, k),
             *what = k < n ? spn_strndup(lines + k + 1, n - k - 1) : NULL;
        struct spn_field f[2] = { { word, NAN, SPN_STYLE_STRONG }, { what, NAN, SPN_STYLE_DIM } };
        struct spn_row r = { .id = ++id, .fields = f, .n = 2 };

        rows_add(p, &r);
        spn_free(word);
        spn_free(what);
        lines += n + (lines[n] == '\n');
    }
    rows_end(p);
}

static void choose(struct ui *ui)
{
    void (*pick)(void *ctx, const char *word) = ui->pick;
    struct spn_buf b = SPN_BUF_INIT(1 << 16);

    if (pane_rows.copy(&ui->popup_pane, &b, false) && b.data != NULL)
        b.data[strcspn(b.data, "\t\n")] = '\0';
    popup_close(ui);
    if (pick != NULL && b.data != NULL)
        pick(ui->answer_ctx, b.data);
    spn_buf_free(&b);
}

static void form_key(struct ui *ui, enum command c, int n)
{
    struct spn_pane *p = &ui->popup_pane;
    struct spn_screen *s = p->screen;
    struct spn_buf value = SPN_BUF_INIT(1 << 16);
    enum pane_told told = p->kind->command(p, c, n);

    if (told == PANE_OPENED && form_choice(p, &value) != NULL)
        prompt_open(ui, PROMPT_FIELD, value.data != NULL ? value.data : "");
    else if (told == PANE_DONE && s->view->changed != NULL)
        s->view->changed(s->state, s->options);
    spn_buf_free(&value);
}

void popup_key(struct ui *ui, struct key k)
{
    const struct binding *b = keys_find(&ui->keys, PLACE_POPUP, k);
    struct spn_pane *p = &ui->popup_pane;
    enum command c = b != NULL ? b->command : CMD_NONE;

    ui->dirty = true;
    if (c == CMD_SUSPEND)
        ui->suspend = true;
    if (c == CMD_REDRAW)
        ui->redraw = true;
    if (c == CMD_ESCAPE && p->search != NULL && k.code == KEY_CODE_ESC) {
        pane_search(p, "");
        return;
    }
    switch (ui->popup) {
    case POPUP_ASK:
        if (c == CMD_YES || c == CMD_NO || c == CMD_ESCAPE || c == CMD_OPEN)
            answered(ui, c == CMD_YES || (c == CMD_OPEN && ui->popup_yes));
        else if (c == CMD_LEFT || c == CMD_RIGHT)
            ui->popup_yes = !ui->popup_yes;
        return;
    case POPUP_LIST:
        if (c == CMD_OPEN) {
            choose(ui);
            return;
        }
        break;
    case POPUP_FORM:
        if (c != CMD_ESCAPE && c != CMD_NONE && p->kind != NULL) {
            form_key(ui, c, b->n);
            return;
        }
        break;
    case POPUP_TEXT:
        if (c == CMD_OPEN)
            c = CMD_ESCAPE;
        if (c == CMD_NO)
            c = CMD_NEXT_HIT;
        break;
    case POPUP_NONE:
        return;
    }
    if (c == CMD_ESCAPE)
        popup_close(ui);
    else if (c == CMD_FIND)
        prompt_open(ui, PROMPT_FIND, "");
    else if (p->kind != NULL && c != CMD_NONE)
        p->kind->command(p, c, b->n);
}

/* ---- drawing ---- */

static void draw_ask(struct ui *ui)
{
    int columns = ui->cells.columns, width = columns - 8 < 64 ? columns - 8 : 64, n, rows, i;
    size_t length = strlen(ui->popup_title), at = 0;
    struct area a;

    rows = (int)length / (width - 4) + 2;
    a = area_part(cells_area(&ui->cells), ui->cells.rows / 2 - rows / 2 - 2, (columns - width) / 2,
                  rows + 3, width);
    area_fill(a, ROLE_DIALOG, 0);
    area_line(a, 0, 0, width, false, ROLE_BORDER);
    area_line(a, a.rows - 1, 0, width, false, ROLE_BORDER);
    for (i = 1; i <= rows && at < length; i++) { /* broken at blanks */
        size_t k = text_fit(ui->popup_title + at, length - at, width - 4), back = k;

        while (at + k < length && back > 0 && ui->popup_title[at + back] != ' ')
            back--;
        if (back > 0)
            k = back;
        area_text(a, i, 2, ui->popup_title + at, k, -1, ROLE_DIALOG, 0);
        at += k;
        at += strspn(ui->popup_title + at, " ");
    }
    n = area_text(a, a.rows - 2, 2, ui->popup_yes ? "[ yes ]" : "  yes  ", 7, -1, ROLE_DIALOG,
                  ui->popup_yes ? CELL_REVERSE : 0);
    area_text(a, a.rows - 2, 4 + n, ui->popup_yes ? "  no  " : "[ no ]", 6, -1, ROLE_DIALOG,
              ui->popup_yes ? 0 : CELL_REVERSE);
}

void popup_draw(struct ui *ui)
{
    struct spn_pane *p = &ui->popup_pane;
    int columns = ui->cells.columns, rows = ui->cells.rows, width, height;
    struct area a;

    if (ui->popup == POPUP_ASK) {
        draw_ask(ui);
        return;
    }
    width = columns > 90 ? 86 : columns - 4;
    height = rows > 30 ? rows * 3 / 4 : rows - 4;
    a = area_part(cells_area(&ui->cells), (rows - height) / 2, (columns - width) / 2, height,
                  width);
    area_fill(a, SPN_STYLE_TEXT, 0);
    area_line(a, 0, 0, width, false, ROLE_BORDER);
    area_line(a, height - 1, 0, width, false, ROLE_BORDER);
    area_line(a, 0, 0, height, true, ROLE_BORDER);
    area_line(a, 0, width - 1, height, true, ROLE_BORDER);
    area_puts(a, 0, 2, "[ ", ROLE_FOCUS);
    area_fit(a, 0, 4, ui->popup_title, sizeof ui->popup_title, width - 8, ROLE_FOCUS, 0);
    area_puts(a, 0, 4 + text_columns(ui->popup_title, sizeof ui->popup_title), " ]", ROLE_FOCUS);
    p->area = area_part(a, 1, 1, height - 2, width - 2);
    if (p->kind != NULL)
        p->kind->draw(p, p->area, true);
}
