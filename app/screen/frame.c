/* frame.c - what surrounds the panes: title, borders, the line, the footer. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/line.h"
#include "screen/ui.h"
#include "screen/work.h"

#define LINE_SHARE 3 /* the line grows to a third of the screen */

static void draw_title(struct ui *ui, struct spn_screen *s, struct area a)
{
    char work[96], heading[256], state[320];
    int n, room;

    area_fill(a, ROLE_TITLE, 0);
    snprintf(heading, sizeof heading, "%.200s", s->heading != NULL ? s->heading : s->name);
    work_progress_text(ui, work, sizeof work);
    snprintf(state, sizeof state, "%.200s%s%s", s->state_text != NULL ? s->state_text : "",
             s->state_text != NULL && s->state_text[0] != '\0' && work[0] != '\0' ? "  " : "",
             work);
    room = a.columns - 2;
    n = area_puts(a, 0, 1, "spinney", ROLE_TITLE) + 1;
    n += 3;
    n += area_fit(a, 0, n, heading, sizeof heading, room - n + 1, ROLE_TITLE, 0);
    n += 2;
    if (room - n >= 8) {
        int w = text_columns(state, sizeof state);

        w = w < room - n ? w : room - n;
        area_fit(a, 0, a.columns - 1 - w, state, sizeof state, w, ROLE_STATE, 0);
    }
}

static void pane_head(struct spn_pane *p, struct area a, bool focused)
{
    const char *title = p->title != NULL ? p->title : p->name;
    int at = 0;

    area_line(a, 0, 0, a.columns, false, ROLE_BORDER);
    if (a.columns < 6)
        return;
    if (focused) {
        at = 1 + area_puts(a, 0, 1, "[ ", ROLE_FOCUS);
        at += area_fit(a, 0, at, title, strlen(title), a.columns - at - 3, ROLE_FOCUS, 0);
        at += area_puts(a, 0, at, " ]", ROLE_FOCUS);
    } else {
        at = 1 + area_puts(a, 0, 1, " ", ROLE_PANE);
        at += area_fit(a, 0, at, title, strlen(title), a.columns - at - 2, ROLE_PANE, 0);
        at += area_puts(a, 0, at, " ", ROLE_PANE);
    }
    if (p->note[0] != '\0' && at + 4 < a.columns)
        area_fit(a, 0, at + 1, p->note, sizeof p->note, a.columns - at - 2, SPN_STYLE_DIM, 0);
}

static void draw_pane(struct spn_pane *p, struct area box, bool focused)
{
    p->area = area_part(box, 1, 0, box.rows - 1, box.columns);
    p->shown = true;
    if (p->kind != NULL && p->area.rows > 0 && p->area.columns > 3)
        p->kind->draw(p, p->area, focused);
    else if (p->area.rows > 0)
        area_puts(p->area, 0, 2, "nothing here yet", SPN_STYLE_DIM);
    pane_head(p, box, focused); /* last: its note is made by the drawing */
}

/* One pane at a time: the others stand in its title row by name. */
static void draw_one(struct ui *ui, struct spn_screen *s, struct area a)
{
    int i, at = 1;

    while (s->pane[s->focus].hidden && s->focus > 0) /* the first one is always there */
        s->focus--;
    draw_pane(&s->pane[s->focus], a, !s->in_line);
    if (s->n_panes == 1)
        return;
    area_line(a, 0, 0, a.columns, false, ROLE_BORDER);
    for (i = 0; i < s->n_panes && at + 6 < a.columns; i++) {
        struct spn_pane *p = &s->pane[i];
        const char *title = i == s->focus && p->title != NULL ? p->title : p->name;
        bool focused = i == s->focus && !s->in_line;
        uint8_t role = focused ? ROLE_FOCUS : ROLE_PANE;
        int rest = 0, k;

        if (p->hidden)
            continue;
        /* What the others need at least. */
        for (k = i + 1; k < s->n_panes; k++)
            rest += s->pane[k].hidden ? 0 : text_columns(s->pane[k].name, 32) + 3;
        at += area_puts(a, 0, at, focused ? "[ " : " ", role);
        at += area_fit(a, 0, at, title, strlen(title),
                       a.columns - at - 3 - rest > 8 ? a.columns - at - 3 - rest : 8, role,
                       i == s->focus ? CELL_UNDERLINE : 0);
        at += area_puts(a, 0, at, focused ? " ]" : " ", role) + 1;
    }
    if (s->pane[s->focus].note[0] != '\0' && at + 4 < a.columns)
        area_fit(a, 0, at, s->pane[s->focus].note, 48, a.columns - at - 1, SPN_STYLE_DIM, 0);
}

static void draw_panes(struct ui *ui, struct spn_screen *s, struct area a)
{
    struct layout_box box[LAYOUT_NODES_MAX];
    struct layout now = *ui_layout(s), *l = &now;
    int i, k, n;

    for (i = 0; i < s->n_panes; i++) {
        s->pane[i].shown = false;
        k = layout_find(l, s->pane[i].name);
        if (k >= 0)
            l->node[k].hidden = s->pane[i].hidden;
    }
    ui->n_splits = 0;
    ui->main_top = a.top;
    ui->main_rows = a.rows;
    if (s->n_panes == 0)
        return;
    if (s->zoomed || ui_narrow(s)) {
        draw_one(ui, s, a);
        return;
    }
    n = layout_place(l, 0, 0, a.rows, a.columns, box, ui->split, &ui->n_splits);
    for (i = 0; i < n; i++) {
        const char *name = l->node[box[i].node].name;

        for (k = 0; k < s->n_panes && strcmp(s->pane[k].name, name) != 0; k++)
            continue;
        if (k < s->n_panes && box[i].rows > 0)
            draw_pane(&s->pane[k],
                      area_part(a, box[i].top, box[i].left, box[i].rows, box[i].columns),
                      !s->in_line && k == s->focus);
    }
    for (i = 0; i < ui->n_splits; i++)
        if (ui->split[i].upright) {
            area_line(a, ui->split[i].top, ui->split[i].left, ui->split[i].length, true,
                      ROLE_BORDER);
            area_glyph(a, ui->split[i].top, ui->split[i].left, a.on->ascii ? '+' : 0x252c,
                       ROLE_BORDER, 0);
        }
    if (!s->in_line && s->focus < s->n_panes && !s->pane[s->focus].shown)
        for (k = 0; k < s->n_panes; k++) /* the layout of this width has it not */
            if (s->pane[k].shown) {
                s->focus = k;
                break;
            }
}

/* ---- the line ---- */

static int line_rows(struct ui *ui, struct spn_screen *s)
{
    const char *text;
    int n = 1, most = ui->cells.rows / LINE_SHARE;

    if (s == NULL || s->view->prompt == NULL)
        return 1;
    for (text = line_text(NULL); *text != '\0'; text++)
        n += *text == '\n';
    return n < most ? n : most > 1 ? most : 1;
}

/* TEXT from byte CURSOR's row on, so that the cursor is seen; PROMPT before the first row. */
static void draw_editor(struct ui *ui, struct area a, const char *prompt, const char *text,
                        size_t cursor, bool focused)
{
    const char *row = text, *at = text + cursor, *first = text;
    int lines_before = 0, r, left = text_columns(prompt, strlen(prompt));

    for (; row < at; row++)
        lines_before += *row == '\n';
    while (lines_before >= a.rows) {
        first = strchr(first, '\n') + 1;
        lines_before--;
    }
    for (r = 0, row = first; r < a.rows; r++) {
        size_t n = strcspn(row, "\n"), skip = 0;

        area_puts(a, r, 0, r == 0 && row == text ? prompt : "  ", ROLE_KEY);
        if (at >= row && at <= row + n && focused) {
            int column = text_columns(row, (size_t)(at - row)), room = a.columns - left - 2;

            while (column > room && skip < n) { /* scroll sideways by halves */
                skip += text_fit(row + skip, n - skip, room / 2 > 0 ? room / 2 : 1);
                column = text_columns(row + skip, (size_t)(at - row) - skip);
            }
            ui->cursor_row = a.top + r;
            ui->cursor_column = a.left + left + column;
        }
        area_text(a, r, left, row + skip, n - skip, -1, SPN_STYLE_TEXT, 0);
        if (row[n] == '\0')
            break;
        row += n + 1;
    }
}

static void draw_message(struct ui *ui, struct area a)
{
    int n = area_fit(a, 0, 1, ui->message, strlen(ui->message), a.columns - 2,
                     (uint8_t)ui->message_style, 0);

    if (ui->cure != NULL && n + 12 < a.columns) {
        n += area_puts(a, 0, n + 1, "  try: ", SPN_STYLE_DIM);
        area_fit(a, 0, n + 1, ui->cure, strlen(ui->cure), a.columns - n - 2, SPN_STYLE_ACCENT, 0);
    }
}

static void draw_line(struct ui *ui, struct spn_screen *s, struct area a)
{
    size_t cursor;
    const char *text, *prompt;

    if (ui->prompt != PROMPT_NONE) {
        prompt_draw(ui, a);
        return;
    }
    if (s->view->prompt == NULL) {
        if (ui->message != NULL)
            draw_message(ui, a);
        return;
    }
    text = line_text(&cursor);
    prompt = s->in_line && line_prompt() != NULL ? line_prompt() : " > ";
    draw_editor(ui, a, prompt, text, cursor, s->in_line);
    if (text[0] == '\0')
        area_fit(a, 0, 5, s->view->prompt, strlen(s->view->prompt), -1, ROLE_GHOST, 0);
}

static void draw_rule(struct ui *ui, struct spn_screen *s, struct area a)
{
    area_line(a, 0, 0, a.columns, false, ROLE_BORDER);
    if (s->view->prompt != NULL && ui->message != NULL) {
        area_fill(area_part(a, 0, 1, 1, a.columns - 1), SPN_STYLE_TEXT, 0);
        draw_message(ui, area_part(a, 0, 1, 1, a.columns - 1));
    } else if (s->rule != NULL && s->rule[0] != '\0') {
        int n = area_puts(a, 0, 1, " ", ROLE_PANE);

        n += area_fit(a, 0, 1 + n, s->rule, strlen(s->rule), a.columns - 4, ROLE_PANE, 0);
        area_puts(a, 0, 1 + n, " ", ROLE_PANE);
    }
}

/* ---- the footer ---- */

struct entry {
    char key[24];
    const char *what;
    int rank, order;
};

static void add_entry(struct entry *e, int *n, const struct key *key, const char *what, int rank)
{
    if (*n >= 40)
        return;
    key_name(*key, e[*n].key, sizeof e[*n].key);
    e[*n].what = what;
    e[*n].rank = rank;
    e[*n].order = *n;
    (*n)++;
}

/* What the view says of an act, where the focus is. */
static const char *act_help(struct spn_screen *s, enum spn_want act)
{
    const struct spn_want_help *h;
    struct spn_pane *p = ui_focus(s);

    for (h = s->view->acts; h != NULL && h->act != SPN_WANT_NONE; h++)
        if (h->act == act &&
            (h->pane == NULL || h->pane[0] == '\0' || (p != NULL && strcmp(h->pane, p->name) == 0)))
            return h->what;
    return NULL;
}

static enum place place_now(const struct ui *ui, struct spn_screen *s)
{
    return ui->popup != POPUP_NONE     ? PLACE_POPUP
           : ui->prompt != PROMPT_NONE ? PLACE_PROMPT
           : ui->lead                  ? PLACE_LEAD
           : s->in_line                ? PLACE_LINE
                                       : PLACE_PANE;
}

static int collect(struct ui *ui, struct spn_screen *s, enum place place, struct entry *e)
{
    int n = 0;
    size_t i, k;

    for (i = 0; i < ui->keys.n; i++) {
        const struct binding *b = &ui->keys.binding[i];
        const char *what = b->brief;
        int rank = b->rank;
        bool first = true;

        if (b->place != place || b->command == CMD_NONE)
            continue;
        for (k = 0; k < i; k++) /* one key a command */
            if (ui->keys.binding[k].place == place && ui->keys.binding[k].command == b->command &&
                ui->keys.binding[k].n == b->n)
                first = false;
        if (!first)
            continue;
        if (b->command == CMD_ACT || (b->command == CMD_OPEN && place == PLACE_PANE)) {
            const char *own =
                act_help(s, b->command == CMD_OPEN ? SPN_WANT_OPEN : (enum spn_want)b->n);

            what = own != NULL ? own : b->command == CMD_OPEN ? what : NULL;
            rank = b->command == CMD_OPEN ? 90 : 70;
        }
        if (b->command == CMD_TO_LINE && s->view->prompt == NULL)
            continue;
        if (b->command == CMD_NEXT_PANE && s->n_panes < 2)
            continue;
        if (b->command == CMD_INTERRUPT && s->jobs == 0)
            continue;
        if (b->command == CMD_OPTIONS && s->view->options != NULL) {
            what = "options";
            rank = 42;
        }
        if (b->command == CMD_HELP || b->command == CMD_LEAD)
            continue; /* they stand at the right */
        if (b->command == CMD_SEND && place == PLACE_PROMPT)
            what = "take it";
        if (b->command == CMD_ESCAPE && place != PLACE_LINE)
            what = place == PLACE_PANE ? NULL : "close";
        if (place == PLACE_POPUP && b->command == CMD_OPEN && ui->popup != POPUP_LIST &&
            ui->popup != POPUP_FORM)
            continue;
        if (what != NULL && (place != PLACE_POPUP || ui->popup == POPUP_ASK ||
                             (b->command != CMD_YES && b->command != CMD_NO)))
            add_entry(e, &n, &b->key, what, rank);
    }
    return n;
}

static void draw_footer(struct ui *ui, struct spn_screen *s, struct area a)
{
    struct entry e[40];
    enum place place = place_now(ui, s);
    struct spn_pane *p = ui_focus(s);
    const char *name = ui->popup != POPUP_NONE     ? "DIALOG"
                       : ui->prompt != PROMPT_NONE ? "PROMPT"
                       : ui->lead                  ? "PLACES"
                       : s->in_line                ? "LINE"
                       : p != NULL                 ? p->name
                                                   : "";
    char upper[40], right[64] = "", key[24];
    int n, at = 1, i, best, end;

    area_fill(a, ROLE_FOOTER, 0);
    snprintf(upper, sizeof upper, "%s", name);
    for (i = 0; upper[i] != '\0'; i++)
        if (upper[i] >= 'a' && upper[i] <= 'z')
            upper[i] = (char)(upper[i] - 32);
    if (place == PLACE_LINE || place == PLACE_PANE) {
        key_name(ui->keys.leader, key, sizeof key);
        snprintf(right, sizeof right, "%s%s  %s places", place == PLACE_PANE ? "?" : key,
                 place == PLACE_PANE ? " keys" : " ? keys", place == PLACE_PANE ? "g" : key);
    }
    n = collect(ui, s, place, e);
    end = a.columns - text_columns(right, sizeof right) - 2;
    if (right[0] != '\0' && end > 10)
        area_text(a, 0, end + 1, right, sizeof right, -1, ROLE_FOOTER, 0);
    else
        end = a.columns - 1;
    at += area_fit(a, 0, at, upper, sizeof upper, end - at, ROLE_KEY, 0) + 2;
    for (;;) { /* most useful first, only whole ones */
        int width;

        best = -1;
        for (i = 0; i < n; i++)
            if (e[i].rank > 0 && (best < 0 || e[i].rank > e[best].rank))
                best = i;
        if (best < 0)
            break;
        width = text_columns(e[best].key, 24) + 1 + text_columns(e[best].what, 40);
        if (at + width < end) {
            at += area_puts(a, 0, at, e[best].key, ROLE_KEY) + 1;
            at += area_puts(a, 0, at, e[best].what, ROLE_FOOTER) + 2;
        }
        e[best].rank = 0;
    }
}

/* After C-o, when nothing follows for a while: what can. */
static void draw_lead(struct ui *ui, int bottom)
{
    int columns = ui->cells.columns,
        across = columns >= 90   ? 4
                 : columns >= 60 ? 3
                                 : 2,
        n = 0, rows, k = 0;
    int width = columns / across;
    struct area a;
    size_t i;

    for (i = 0; i < ui->keys.n; i++)
        n += ui->keys.binding[i].place == PLACE_LEAD && ui->keys.binding[i].command != CMD_NONE;
    rows = (n + across - 1) / across;
    a = area_part(cells_area(&ui->cells), bottom - rows - 1, 0, rows + 1, columns);
    area_fill(a, ROLE_DIALOG, 0);
    area_line(a, 0, 0, columns, false, ROLE_BORDER);
    area_puts(a, 0, 1, " places and commands ", ROLE_PANE);
    for (i = 0; i < ui->keys.n; i++) {
        const struct binding *b = &ui->keys.binding[i];
        char key[24];
        struct area c;

        if (b->place != PLACE_LEAD || b->command == CMD_NONE)
            continue;
        key_name(b->key, key, sizeof key);
        c = area_part(a, 1 + k % rows, k / rows * width, 1, width);
        area_puts(c, 0, 2, key, ROLE_DIALOG);
        area_attributes(c, 0, 2, (int)strlen(key), CELL_BOLD);
        area_fit(c, 0, 8, b->what, strlen(b->what), width - 9, ROLE_DIALOG, 0);
        k++;
    }
}

static void draw_small(struct ui *ui, struct spn_screen *s)
{
    struct area a = cells_area(&ui->cells);
    char text[160], work[96];

    work_progress_text(ui, work, sizeof work);
    snprintf(text, sizeof text, "%s%s%s: window too small", s != NULL ? s->name : "spinney",
             work[0] != '\0' ? " " : "", work);
    if (text_columns(text, sizeof text) > a.columns) /* what matters most, whole */
        snprintf(text, sizeof text, "window too small");
    area_fit(a, 0, 0, text, sizeof text, -1, SPN_STYLE_TEXT, 0);
}

void frame_draw(struct ui *ui)
{
    struct spn_screen *s = ui_shown(ui);
    struct area a = cells_area(&ui->cells);
    int rows = a.rows, columns = a.columns, line;

    cells_clear(&ui->cells);
    area_fill(a, SPN_STYLE_TEXT, 0);
    ui->cursor_row = -1;
    if (s == NULL || rows < 8 || columns < 30) {
        draw_small(ui, s);
        return;
    }
    line = line_rows(ui, s);
    draw_title(ui, s, area_part(a, 0, 0, 1, columns));
    draw_panes(ui, s, area_part(a, 1, 0, rows - 3 - line, columns));
    draw_rule(ui, s, area_part(a, rows - 2 - line, 0, 1, columns));
    draw_line(ui, s, area_part(a, rows - 1 - line, 0, line, columns));
    draw_footer(ui, s, area_part(a, rows - 1, 0, 1, columns));
    if (ui->lead && ui->now_ms - ui->lead_since >= 400)
        draw_lead(ui, rows - 2 - line);
    if (ui->has_candidates)
        candidates_draw(ui, rows - 2 - line);
    if (ui->popup != POPUP_NONE)
        popup_draw(ui);
}

void ui_draw(struct ui *ui)
{
    ui->dirty = false;
    frame_draw(ui);
}
