/* form.c - a pane that edits the values of an option table: Space or Enter turns a switch and goes
 * through choices, [ ] change figures, Enter types. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/pane.h"
#include "screen/theme.h"

struct form {
    struct spn_values *values;
    void (*changed)(void *ctx);
    void *ctx;
    size_t n, choice, first;
    int page;
};

static void free_form(struct spn_pane *p)
{
    spn_free(p->content);
}

void form_set(struct spn_pane *p, struct spn_values *v, void (*changed)(void *ctx), void *ctx)
{
    struct form *f = pane_content(p, &pane_form, sizeof *f);
    const struct spn_option *o = spn_values_table(v);

    if (f == NULL)
        return;
    *f = (struct form){ .values = v, .changed = changed, .ctx = ctx };
    while (o != NULL && o[f->n].name != NULL)
        f->n++;
}

static void value_text(const struct form *f, const struct spn_option *o, char *out, size_t room)
{
    const char *s;

    switch (o->kind) {
    case SPN_OPT_FLAG:
        snprintf(out, room, "%s", spn_value_flag(f->values, o->name) ? "on" : "off");
        break;
    case SPN_OPT_INT:
        snprintf(out, room, "%lld", (long long)spn_value_int(f->values, o->name));
        break;
    case SPN_OPT_FLOAT:
        snprintf(out, room, "%.6g", spn_value_float(f->values, o->name));
        break;
    case SPN_OPT_STRING:
    case SPN_OPT_CHOICE:
        s = spn_value_str(f->values, o->name);
        snprintf(out, room, "%s", s != NULL ? s : "");
        break;
    case SPN_OPT_END:
        out[0] = '\0';
        break;
    }
}

static const struct spn_option *chosen(const struct form *f)
{
    return f->choice < f->n ? &spn_values_table(f->values)[f->choice] : NULL;
}

const struct spn_option *form_choice(struct spn_pane *p, struct spn_buf *value)
{
    struct form *f = p->kind == &pane_form ? p->content : NULL;
    const struct spn_option *o = f != NULL ? chosen(f) : NULL;
    char text[1024];

    if (o == NULL)
        return NULL;
    value_text(f, o, text, sizeof text);
    spn_buf_puts(value, text);
    return o;
}

spn_status form_give(struct spn_pane *p, const char *value, struct spn_err *err)
{
    struct form *f = p->kind == &pane_form ? p->content : NULL;
    const struct spn_option *o = f != NULL ? chosen(f) : NULL;
    spn_status st;

    if (o == NULL)
        return spn_fail(err, SPN_EINTERNAL, "form: no field is chosen");
    st = spn_values_set(f->values, o->name, value, err);
    if (st == SPN_OK && f->changed != NULL)
        f->changed(f->ctx);
    return st;
}

/* The choice after (WAY 1) or before the present one, round the ends. */
static void next_choice(const struct spn_option *o, const char *now, int way, char *out,
                        size_t room)
{
    const char *p = o->choices, *word[64];
    size_t n = 0, length[64], i, at = 0;

    while (*p != '\0' && n < 64) {
        length[n] = strcspn(p, " ");
        word[n] = p;
        if (strlen(now) == length[n] && strncmp(now, p, length[n]) == 0)
            at = n;
        p += length[n];
        p += strspn(p, " ");
        n++;
    }
    if (n == 0)
        return;
    i = (at + n + (size_t)(way > 0 ? 1 : n - 1)) % n;
    snprintf(out, room, "%.*s", (int)length[i], word[i]);
}

static enum pane_told nudge(struct spn_pane *p, struct form *f, int way, bool big)
{
    const struct spn_option *o = chosen(f);
    char text[1024] = "";
    double step, v;

    if (o == NULL)
        return PANE_NOT_MINE;
    switch (o->kind) {
    case SPN_OPT_FLAG:
        snprintf(text, sizeof text, "%s", spn_value_flag(f->values, o->name) ? "off" : "on");
        break;
    case SPN_OPT_CHOICE:
        value_text(f, o, text, sizeof text);
        next_choice(o, text, way, text, sizeof text);
        break;
    case SPN_OPT_INT:
        v = (double)spn_value_int(f->values, o->name) + way * (big ? 10 : 1);
        if (o->lo != 0 || o->hi != 0)
            v = v < o->lo ? o->lo : v > o->hi ? o->hi : v;
        snprintf(text, sizeof text, "%.0f", v);
        break;
    case SPN_OPT_FLOAT:
        v = spn_value_float(f->values, o->name);
        step = o->hi > o->lo && o->hi - o->lo <= 100 ? (o->hi - o->lo) / 100 : 0.1;
        v += way * step * (big ? 10 : 1);
        if (o->lo != 0 || o->hi != 0)
            v = v < o->lo ? o->lo : v > o->hi ? o->hi : v;
        snprintf(text, sizeof text, "%.6g", v);
        break;
    default:
        return PANE_NOT_MINE;
    }
    return form_give(p, text, NULL) == SPN_OK ? PANE_DONE : PANE_NOT_MINE;
}

static void draw(struct spn_pane *p, struct area a, bool focused)
{
    struct form *f = p->content;
    const struct spn_option *table = spn_values_table(f->values);
    int row = 0, name_width = 4, value_width = 12;
    size_t i;

    f->page = a.rows > 1 ? a.rows - 1 : 1;
    if (f->choice < f->first)
        f->first = f->choice;
    if (f->choice >= f->first + (size_t)f->page)
        f->first = f->choice - (size_t)f->page + 1;
    for (i = 0; i < f->n; i++)
        if ((int)strlen(table[i].name) > name_width)
            name_width = (int)strlen(table[i].name);
    if (a.columns > 90)
        value_width = 24;
    for (i = f->first; i < f->n && row < f->page; i++, row++) {
        char value[1024];
        bool given = spn_value_given(f->values, table[i].name);
        int at = 2 + name_width + 2;

        value_text(f, &table[i], value, sizeof value);
        area_puts(a, row, 0, i == f->choice ? ">" : " ", SPN_STYLE_TEXT);
        area_puts(a, row, 2, table[i].name, given ? SPN_STYLE_STRONG : SPN_STYLE_TEXT);
        area_fit(a, row, at, value[0] != '\0' ? value : "-", sizeof value, value_width,
                 value[0] != '\0' ? SPN_STYLE_ACCENT : SPN_STYLE_DIM, 0);
        if (table[i].help != NULL)
            area_fit(a, row, at + value_width + 2, table[i].help, SIZE_MAX, -1, SPN_STYLE_DIM, 0);
        if (i == f->choice)
            area_role(a, row, 0, a.columns, focused ? ROLE_CHOICE : ROLE_CHOICE_WEAK);
    }
    if (f->choice < f->n && a.rows > 1) {
        const struct spn_option *o = &table[f->choice];
        char range[256] = "";

        if (o->kind == SPN_OPT_CHOICE)
            snprintf(range, sizeof range, "one of: %s", o->choices);
        else if (o->kind != SPN_OPT_FLAG && o->kind != SPN_OPT_STRING && (o->lo != 0 || o->hi != 0))
            snprintf(range, sizeof range, "from %.6g to %.6g", o->lo, o->hi);
        area_fit(a, a.rows - 1, 2, range, sizeof range, -1, SPN_STYLE_DIM, 0);
    }
}

static enum pane_told move(struct form *f, long step)
{
    long i = (long)f->choice + step, last = f->n > 0 ? (long)f->n - 1 : 0;

    f->choice = (size_t)(i < 0 ? 0 : i > last ? last : i);
    return PANE_CHOSEN;
}

static enum pane_told command(struct spn_pane *p, enum command c, int n)
{
    struct form *f = p->content;
    const struct spn_option *o = chosen(f);

    switch (c) {
    case CMD_UP:
        return move(f, -1);
    case CMD_DOWN:
        return move(f, 1);
    case CMD_PAGE_UP:
        return move(f, -f->page);
    case CMD_PAGE_DOWN:
        return move(f, f->page);
    case CMD_TOP:
        return move(f, -(long)f->n);
    case CMD_END:
        return move(f, (long)f->n);
    case CMD_LEFT:
        return nudge(p, f, -1, false);
    case CMD_RIGHT:
    case CMD_MARK:
        return nudge(p, f, 1, false);
    case CMD_OPEN:
        if (o != NULL && (o->kind == SPN_OPT_FLAG || o->kind == SPN_OPT_CHOICE))
            return nudge(p, f, 1, false);
        return o != NULL ? PANE_OPENED : PANE_NOT_MINE;
    case CMD_ACT:
        if (n == SPN_WANT_LESS || n == SPN_WANT_MORE)
            return nudge(p, f, n == SPN_WANT_LESS ? -1 : 1, false);
        if (n == SPN_WANT_LESS_BIG || n == SPN_WANT_MORE_BIG)
            return nudge(p, f, n == SPN_WANT_LESS_BIG ? -1 : 1, true);
        return PANE_NOT_MINE;
    default:
        return PANE_NOT_MINE;
    }
}

static enum pane_told click(struct spn_pane *p, int row, int column, bool twice)
{
    struct form *f = p->content;

    if (f->first + (size_t)row < f->n)
        f->choice = f->first + (size_t)row;
    return twice ? command(p, CMD_OPEN, 0) : PANE_CHOSEN;
}

static void scroll(struct spn_pane *p, int rows)
{
    move(p->content, rows);
}

static bool write_form(struct spn_pane *p, struct spn_buf *out, bool json)
{
    struct form *f = p->content;
    const struct spn_option *table = spn_values_table(f->values);
    size_t i;

    for (i = 0; !json && i < f->n; i++) {
        char value[1024];

        value_text(f, &table[i], value, sizeof value);
        spn_buf_printf(out, "%s=%s\n", table[i].name, value);
    }
    return !json;
}

const struct pane_kind pane_form = {
    .free_ = free_form,
    .draw = draw,
    .command = command,
    .click = click,
    .scroll = scroll,
    .write = write_form,
};
