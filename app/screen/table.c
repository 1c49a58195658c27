/* table.c - "pane/1": what a view may ask of its screen. */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "screen/line.h"
#include "screen/ui.h"
#include "screen/work.h"

static struct spn_pane *find_pane(struct spn_screen *s, const char *name)
{
    int i;

    for (i = 0; i < s->n_panes; i++)
        if (strcmp(s->pane[i].name, name) == 0)
            return &s->pane[i];
    assert(!"the layout has no pane of that name");
    return NULL;
}

static void touch(struct spn_pane *p)
{
    if (p->screen != NULL)
        p->screen->ui->dirty = true;
}

static const char *pane_name(const struct spn_pane *p)
{
    return p->name;
}

static void title(struct spn_pane *p, const char *text)
{
    pane_title(p, text);
    touch(p);
}

static void focus(struct spn_pane *p)
{
    p->screen->focus = (int)(p - p->screen->pane);
    p->screen->in_line = false;
    touch(p);
}

static void end(struct spn_pane *p)
{
    rows_end(p);
    touch(p);
}

static bool choice(const struct spn_pane *p, uint64_t *id)
{
    return rows_choice(p, id) || text_choice(p, id);
}

static void choose(struct spn_pane *p, uint64_t id)
{
    if (p->kind == &pane_text)
        text_choose(p, id);
    else
        rows_choose(p, id);
    touch(p);
}

static void block(struct spn_pane *p, uint64_t id, enum spn_text_format format, const char *head,
                  enum spn_style style, const char *text, size_t n)
{
    text_block(p, id, format, head, style, text, n);
    touch(p);
}

static void append(struct spn_pane *p, uint64_t id, const char *text, size_t n)
{
    text_append(p, id, text, n);
    touch(p);
}

static void remove_block(struct spn_pane *p, uint64_t id)
{
    text_remove(p, id);
    touch(p);
}

static void clear(struct spn_pane *p)
{
    pane_clear(p);
    touch(p);
}

static void plot(struct spn_pane *p, const struct spn_plot *what)
{
    plot_set(p, what);
    touch(p);
}

static void picture(struct spn_pane *p, const struct spn_pixels *what)
{
    picture_set(p, what);
    touch(p);
}

static void form(struct spn_pane *p, struct spn_values *v, void (*changed)(void *ctx), void *ctx)
{
    form_set(p, v, changed, ctx);
    touch(p);
}

static void set(struct spn_screen *s, char **to, const char *text)
{
    spn_free(*to);
    *to = text != NULL && text[0] != '\0' ? spn_strdup(text) : NULL;
    s->ui->dirty = true;
}

static void heading(struct spn_screen *s, const char *text)
{
    set(s, &s->heading, text);
}

static void state(struct spn_screen *s, const char *text)
{
    set(s, &s->state_text, text);
}

static void rule(struct spn_screen *s, const char *text)
{
    set(s, &s->rule, text);
}

static void say(struct spn_screen *s, const char *text)
{
    ui_say(s->ui, SPN_STYLE_TEXT, text, NULL);
}

static void fail(struct spn_screen *s, const struct spn_err *err)
{
    ui_fail(s->ui, err);
}

static void ask(struct spn_screen *s, const char *question, void (*answer)(void *ctx, bool yes),
                void *ctx)
{
    ui_ask(s->ui, question, answer, ctx);
}

static void line(struct spn_screen *s, const char *text)
{
    if (s == ui_shown(s->ui)) {
        line_set(text, strlen(text));
    } else {
        spn_free(s->draft);
        s->draft = spn_strdup(text);
        s->draft_cursor = strlen(text);
    }
    s->in_line = s->view->prompt != NULL;
    s->ui->dirty = true;
}

static void copy(struct spn_screen *s, const char *text, size_t n)
{
    ui_copy(s->ui, text, n);
}

static void go(struct spn_screen *s, const char *name, int argc, char **argv)
{
    ui_go(s->ui, name, argc, argv);
}

static void timer(struct spn_screen *s, int ms)
{
    s->timer_at = ms > 0 ? ui_clock() + ms : 0;
}

static bool working(const struct spn_screen *s)
{
    return s->jobs > 0;
}

static void foot(struct spn_pane *p, uint64_t id, const char *text)
{
    text_foot(p, id, text);
    touch(p);
}

static void spans(struct spn_pane *p, uint64_t id, const char *head, enum spn_style style,
                  const char *text, const struct spn_span *all, size_t n)
{
    text_block(p, id, SPN_TEXT_PLAIN, head, style, text, strlen(text));
    text_spans(p, id, all, n);
    touch(p);
}

static void hide(struct spn_pane *p, bool hidden)
{
    p->hidden = hidden;
    if (hidden && &p->screen->pane[p->screen->focus] == p)
        p->screen->focus = 0;
    touch(p);
}

static void popup(struct spn_screen *s, const char *title, enum spn_text_format format,
                  const char *text, size_t n)
{
    struct spn_pane *p;

    if (s != ui_shown(s->ui))
        return;
    p = popup_open(s->ui, POPUP_TEXT, title);
    text_block(p, 1, format, NULL, SPN_STYLE_TEXT, text, n);
    pane_text.command(p, CMD_TOP, 0);
}

static void popup_form(struct spn_screen *s, const char *title, struct spn_values *v,
                       void (*changed)(void *ctx), void *ctx)
{
    if (s == ui_shown(s->ui))
        form_set(popup_open(s->ui, POPUP_FORM, title), v, changed, ctx);
}

const struct spn_pane_api pane_table = {
    .size = sizeof pane_table,
    .pane = find_pane,
    .name = pane_name,
    .title = title,
    .focus = focus,
    .columns = rows_columns,
    .begin = rows_begin,
    .row = rows_add,
    .end = end,
    .choice = choice,
    .choose = choose,
    .marked = rows_marked,
    .marks = rows_marks,
    .block = block,
    .append = append,
    .remove = remove_block,
    .clear = clear,
    .plot = plot,
    .picture = picture,
    .form = form,
    .heading = heading,
    .state = state,
    .rule = rule,
    .say = say,
    .fail = fail,
    .ask = ask,
    .line = line,
    .copy = copy,
    .go = go,
    .timer = timer,
    .work = work_start,
    .command = command_start,
    .working = working,
    .work_cancel = work_cancel,
    .work_progress = work_progress,
    .work_post = work_post,
    .foot = foot,
    .spans = spans,
    .hide = hide,
    .branches = rows_branches,
    .popup = popup,
    .popup_form = popup_form,
    .pick = popup_pick,
};
