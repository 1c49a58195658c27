/* doctor.c - what this machine, this build and this terminal have, and why something is off. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "screen/line.h"
#include "screen/picture_term.h"
#include "screen/term.h"
#include "screen/views/list_view.h"
#include "screen/views/views.h"

static const char *get(const json_t *record, const char *key)
{
    const char *s = json_string_value(json_object_get(record, key));

    return s != NULL ? s : "";
}

static char glyph(const json_t *record)
{
    const char *state = get(record, "state");

    return strcmp(state, "ok") == 0 ? '*' : strcmp(state, "off") == 0 ? '-' : '!';
}

static enum spn_style style(const json_t *record, int field)
{
    const char *state = get(record, "state");

    if (field != 0)
        return SPN_STYLE_TEXT;
    return strcmp(state, "ok") == 0    ? SPN_STYLE_GOOD
           : strcmp(state, "off") == 0 ? SPN_STYLE_DIM
                                       : SPN_STYLE_BAD;
}

static void detail(const json_t *record, struct spn_buf *title, struct spn_buf *text)
{
    const char *cure = get(record, "cure");

    spn_buf_puts(title, get(record, "name"));
    spn_buf_printf(text, "# %s\n\n%s: %s\n", get(record, "name"), get(record, "state"),
                   get(record, "value"));
    if (cure[0] != '\0')
        spn_buf_printf(text, "\n## cure\n\n```sh\n%s\n```\n", cure);
}

static void add(json_t *records, const char *name, const char *state, const char *value)
{
    json_array_append_new(records, json_pack("{s:s, s:s, s:s}", "name", name, "state", state,
                                             "value", value));
}

static void pictures_row(const struct pictures *p, json_t *records)
{
    const struct picture_plan *plan = pictures_plan(p);
    double rate, trip;
    char text[500];
    json_t *row;
    int n;

    pictures_line(p, &rate, &trip);
    n = snprintf(text, sizeof text, "drawn as %s: %s; a cell is %s%d x %d pixels",
                 picture_way_name(plan->way), plan->why, plan->cell_known ? "" : "taken to be ",
                 plan->cell_w, plan->cell_h);
    if (trip > 0)
        snprintf(text + n, sizeof text - (size_t)n, "; %.0f kB/s, %.1f ms there and back",
                 rate / 1000, trip);
    row = json_pack("{s:s, s:s, s:s}", "name", "pictures", "state", "ok", "value", text);
    if (plan->cure[0] != '\0')
        json_object_set_new(row, "cure", json_string(plan->cure));
    json_array_append_new(records, row);
}

/* What only a running screen knows. */
static void more(struct spn_screen *s, json_t *records)
{
    const struct term_facts *f = s->ui->term != NULL ? term_facts(s->ui->term) : NULL;
    char text[400];

    snprintf(text, sizeof text, "theme %s, %s, %s characters", s->ui->theme.name, line_kind(),
             s->ui->cells.ascii ? "ASCII" : "box");
    add(records, "screen", "ok", text);
    if (f == NULL)
        return;
    snprintf(text, sizeof text, "%s%s%s, %d colours, %s", f->name,
             f->version[0] != '\0' ? ", says " : "", f->version, f->colours,
             f->answered ? "answers questions" : "answered no question yet");
    add(records, "terminal kind", "ok", text);
    if (s->ui->pictures != NULL)
        pictures_row(s->ui->pictures, records);
}

static void state(const json_t *records, struct spn_buf *out)
{
    size_t i, bad = 0, off = 0;
    json_t *r;

    json_array_foreach(records, i, r)
    {
        bad += strcmp(get(r, "state"), "bad") == 0;
        off += strcmp(get(r, "state"), "off") == 0;
    }
    spn_buf_printf(out, "%zu to mend, %zu off", bad, off);
}

static const char *const argv_doctor[] = { "doctor" };
static const struct list_spec spec = {
    .argv = argv_doctor,
    .argc = 1,
    .field = { { "name", "what", 0, 0, false },
               { "state", "state", 0, 2, false },
               { "value", "found", -1, 1, false } },
    .id = "name",
    .glyph = glyph,
    .style = style,
    .detail = detail,
    .more = more,
    .state = state,
};

static spn_status open_doctor(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                              void **out, struct spn_err *err)
{
    pane_table.title(pane_table.pane(s, "list"), "doctor");
    return list_open(&spec, s, argc, argv, out, err);
}

static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    if (a == SPN_WANT_RUN_AGAIN)
        list_again(view);
    else if (a == SPN_WANT_OPEN)
        pane_table.focus(pane_table.pane(list_screen(view), "detail"));
    return a == SPN_WANT_RUN_AGAIN || a == SPN_WANT_OPEN;
}

static const struct spn_want_help acts[] = {
    { SPN_WANT_OPEN, "list", "read", 0 },
    { SPN_WANT_RUN_AGAIN, "", "look again", 0 },
    { SPN_WANT_WARNING, "list", "what is to mend", 0 },
    { 0 },
};

const struct spn_view view_doctor = {
    .summary = "what this machine, build and terminal have, and why something is off",
    .layout = "list 60 | detail",
    .place = 'd',
    .acts = acts,
    .open = open_doctor,
    .close = list_close,
    .act = act,
    .chosen = list_chosen,
    .command = list_command,
};
