/* input.c - events to commands: who has the focus, and what a key means there. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/line.h"
#include "screen/ui.h"

#define DOUBLE_CLICK_MS 400
#define WHEEL_ROWS      3

static bool letter(const struct key *k)
{
    return k->mods == 0 && k->code > ' ' && k->code < KEY_CODE_FIRST;
}

static void key_in_pane(struct ui *ui, struct key k)
{
    const struct binding *b = keys_find(&ui->keys, PLACE_PANE, k);
    char text[120], name[24];

    if (b != NULL) {
        ui_do(ui, b);
        return;
    }
    if (letter(&k) && k.code >= '1' && k.code <= '9') {
        ui_act(ui, SPN_WANT_PART, (int)k.code - '0');
        return;
    }
    if (letter(&k) && k.code >= 'A' && k.code <= 'Z') {
        ui_act(ui, SPN_WANT_CAPITAL, (int)k.code);
        return;
    }
    key_name(k, name, sizeof name);
    snprintf(text, sizeof text, "%s is not bound here; %s? for keys", name,
             ui_shown(ui)->view->prompt != NULL ? "i to type, " : "");
    ui_say(ui, SPN_STYLE_DIM, text, NULL);
}

static void key_in_line(struct ui *ui, struct key k)
{
    const struct binding *b = keys_find(&ui->keys, PLACE_LINE, k);
    char *sent = NULL;

    if (b != NULL && !(b->command == CMD_ESCAPE && line_takes_escape())) {
        ui_do(ui, b);
        return;
    }
    line_key(k, &sent);
    candidates_close(ui);
    if (sent != NULL)
        ui_send(ui, sent);
    spn_free(sent);
}

static void key_after_lead(struct ui *ui, struct key k)
{
    const struct binding *b = keys_find(&ui->keys, PLACE_LEAD, k);
    char text[80], name[24];

    ui->lead = false;
    if (b != NULL && !(b->command == CMD_TOP && !ui->lead_from_pane)) {
        ui_do(ui, b);
        return;
    }
    key_name(k, name, sizeof name);
    snprintf(text, sizeof text, "no place has the key %s", name);
    ui_say(ui, SPN_STYLE_DIM, text, NULL);
}

void ui_key(struct ui *ui, struct key k)
{
    struct spn_screen *s = ui_shown(ui);

    ui->dirty = true;
    if (s == NULL)
        return;
    if (!(k.code == 'c' && k.mods == MOD_CTRL))
        ui->asked_to_leave = false;
    if (ui->popup != POPUP_NONE && ui->prompt == PROMPT_NONE) {
        popup_key(ui, k);
        return;
    }
    if (ui->prompt != PROMPT_NONE) {
        prompt_key(ui, k);
        return;
    }
    if (ui->message != NULL && ui->message_until == 0 && ui->cure == NULL)
        ui->message_until = ui->now_ms + 2000; /* read, or it would not be typed on */
    if (ui->lead)
        key_after_lead(ui, k);
    else if (s->in_line)
        key_in_line(ui, k);
    else
        key_in_pane(ui, k);
}

void ui_paste(struct ui *ui, const char *text, size_t n)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_buf b = SPN_BUF_INIT(PASTE_BYTES_MAX);
    size_t i;

    ui->dirty = true;
    if (s == NULL)
        return;
    for (i = 0; i < n; i++) /* CR and CR LF are new lines; NUL ends no line */
        if (text[i] == '\r')
            spn_buf_puts(&b, i + 1 < n && text[i + 1] == '\n' ? "" : "\n");
        else if (text[i] != '\0')
            spn_buf_add(&b, text + i, 1);
    if (b.data == NULL) {
        spn_buf_free(&b);
        return;
    }
    ui->lead = false;
    if (ui->prompt != PROMPT_NONE) {
        edit_insert(&ui->edit, b.data, strcspn(b.data, "\n"));
        prompt_key(ui, (struct key){ KEY_CODE_END, 0 });
    } else if (ui->popup == POPUP_NONE && s->view->prompt != NULL) {
        s->in_line = true;
        line_insert(b.data, b.length);
    } else if (ui->popup == POPUP_NONE) {
        ui_say(ui, SPN_STYLE_DIM, "this screen has no line for what was pasted", NULL);
    }
    spn_buf_free(&b);
}

/* ---- the mouse ---- */

static struct spn_pane *pane_at(struct spn_screen *s, int row, int column)
{
    int i;

    for (i = 0; i < s->n_panes; i++) {
        const struct spn_pane *p = &s->pane[i];

        if (p->shown && row >= p->area.top - 1 && row < p->area.top + p->area.rows &&
            column >= p->area.left && column < p->area.left + p->area.columns)
            return &s->pane[i];
    }
    return NULL;
}

static void drag_split(struct ui *ui, struct spn_screen *s, int row, int column)
{
    const struct layout_split *d = &ui->split[ui->drag];
    struct layout *l = (struct layout *)ui_layout(s);
    int at = d->upright ? column - d->from : row - ui->main_top - d->from, before = 0, i;

    if (d->size < 4)
        return;
    /* The share of the part that ends at this border, without those before it. */
    for (i = 0; i < ui->n_splits; i++)
        if (ui->split[i].upright == d->upright && ui->split[i].from == d->from &&
            ui->split[i].size == d->size && i < ui->drag)
            before = (d->upright ? ui->split[i].left : ui->split[i].top) - d->from;
    l->node[d->node].share = (at - before) * 100 / d->size;
    if (l->node[d->node].share < 10)
        l->node[d->node].share = 10;
    if (l->node[d->node].share > 90)
        l->node[d->node].share = 90;
}

static bool grab_split(struct ui *ui, int row, int column)
{
    int i;

    for (i = 0; i < ui->n_splits; i++) {
        const struct layout_split *d = &ui->split[i];
        int top = ui->main_top + d->top;

        if (d->upright ? column == d->left && row >= top && row < top + d->length
                       : row == top && column >= d->left && column < d->left + d->length) {
            ui->drag = i;
            return true;
        }
    }
    return false;
}

static void press(struct ui *ui, struct spn_screen *s, const struct event *e)
{
    struct spn_pane *p = pane_at(s, e->mouse.row, e->mouse.column);
    bool twice = ui->now_ms - ui->last_click_ms < DOUBLE_CLICK_MS && e->mouse.row == ui->last_row &&
                 e->mouse.column == ui->last_column;
    int row;

    ui->last_click_ms = twice ? 0 : ui->now_ms;
    ui->last_row = e->mouse.row;
    ui->last_column = e->mouse.column;
    if (e->mouse.row >= ui->main_top + ui->main_rows) {
        s->in_line = s->view->prompt != NULL;
        return;
    }
    if (grab_split(ui, e->mouse.row, e->mouse.column) || p == NULL)
        return;
    s->in_line = false;
    s->focus = (int)(p - s->pane);
    row = e->mouse.row - p->area.top;
    if (row < 0 || p->kind == NULL || p->kind->click == NULL)
        return;
    switch (p->kind->click(p, row, e->mouse.column - p->area.left, twice)) {
    case PANE_CHOSEN:
        ui_do_pane(ui, CMD_NONE, PANE_CHOSEN);
        break;
    case PANE_OPENED:
        ui_do_pane(ui, CMD_NONE, PANE_OPENED);
        break;
    case PANE_CHANGED:
        break;
    default:
        break;
    }
}

void ui_mouse(struct ui *ui, const struct event *e)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_pane *p;
    int way = e->mouse.action == MOUSE_WHEEL_UP ? -WHEEL_ROWS : WHEEL_ROWS;

    ui->dirty = true;
    if (s == NULL)
        return;
    if (ui->popup != POPUP_NONE) {
        p = &ui->popup_pane;
        if ((e->mouse.action == MOUSE_WHEEL_UP || e->mouse.action == MOUSE_WHEEL_DOWN) &&
            p->kind != NULL && p->kind->scroll != NULL)
            p->kind->scroll(p, way);
        return;
    }
    switch (e->mouse.action) {
    case MOUSE_WHEEL_UP:
    case MOUSE_WHEEL_DOWN:
        p = pane_at(s, e->mouse.row, e->mouse.column);
        if (p != NULL && p->kind != NULL && p->kind->scroll != NULL)
            p->kind->scroll(p, way);
        break;
    case MOUSE_PRESS:
        if (e->mouse.button == 0)
            press(ui, s, e);
        break;
    case MOUSE_DRAG:
        if (ui->drag >= 0 && ui->drag < ui->n_splits)
            drag_split(ui, s, e->mouse.row, e->mouse.column);
        break;
    case MOUSE_RELEASE:
        ui->drag = -1;
        break;
    }
}

void ui_event(struct ui *ui, const struct event *e)
{
    ui->now_ms = ui_clock();
    switch (e->kind) {
    case EVENT_KEY:
        ui_key(ui, e->key);
        break;
    case EVENT_PASTE:
        ui_paste(ui, e->text, e->n);
        break;
    case EVENT_MOUSE:
        ui_mouse(ui, e);
        break;
    case EVENT_REPLY:
    case EVENT_FOCUS:
        break; /* the loop takes them */
    }
}
