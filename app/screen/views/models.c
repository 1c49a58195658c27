/* models.c - the models of this machine, and why one of them does not run. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "screen/views/list_view.h"
#include "screen/views/views.h"

static const char *get(const json_t *record, const char *key)
{
    const char *s = json_string_value(json_object_get(record, key));

    return s != NULL ? s : "";
}

static char glyph(const json_t *record)
{
    return json_is_true(json_object_get(record, "runs")) ? '*' : '-';
}

static enum spn_style style(const json_t *record, int field)
{
    return json_is_true(json_object_get(record, "runs"))
               ? field == 0 ? SPN_STYLE_STRONG : SPN_STYLE_TEXT
               : SPN_STYLE_DIM;
}

static void detail(const json_t *record, struct spn_buf *title, struct spn_buf *text)
{
    double params = json_number_value(json_object_get(record, "params"));
    double bytes = json_number_value(json_object_get(record, "bytes"));

    spn_buf_puts(title, get(record, "name"));
    spn_buf_printf(text, "# %s\n\n", get(record, "name"));
    spn_buf_printf(text, "%s, %.4g M parameters, mostly %s, %.4g MB\n\n", get(record, "arch"),
                   params / 1e6, get(record, "type"), bytes / 1e6);
    spn_buf_printf(text, "chat template: %s  \ncontext: %.0f tokens\n\n", get(record, "template"),
                   json_number_value(json_object_get(record, "ctx")));
    if (!json_is_true(json_object_get(record, "runs")))
        spn_buf_printf(text, "**does not run here:** %s\n\n", get(record, "why_not"));
    spn_buf_printf(text, "`%s`\n\n```sh\nspinney chat -m %s\n```\n", get(record, "path"),
                   get(record, "name"));
}

static void state(const json_t *records, struct spn_buf *out)
{
    spn_buf_printf(out, "%zu models", json_array_size(records));
}

static const char *const argv_models[] = { "models" };
static const struct list_spec spec = {
    .argv = argv_models,
    .argc = 1,
    .field = { { "name", "name", 0, 0, false },
               { "type", "type", 0, 3, false },
               { "bytes", "bytes", 0, 2, true },
               { "source", "source", 0, 1, false } },
    .id = "name",
    .glyph = glyph,
    .style = style,
    .detail = detail,
    .state = state,
};

static spn_status open_models(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                              void **out, struct spn_err *err)
{
    pane_table.title(pane_table.pane(s, "list"), "models");
    return list_open(&spec, s, argc, argv, out, err);
}

static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    const json_t *record = list_record(view);
    char *argv[3] = { "-m", NULL, NULL };

    if (a == SPN_WANT_RUN_AGAIN) {
        list_again(view);
        return true;
    }
    if (a != SPN_WANT_OPEN || record == NULL)
        return false;
    argv[1] = (char *)get(record, "path");
    pane_table.go(list_screen(view), "chat", 2, argv);
    return true;
}

static const struct spn_want_help acts[] = {
    { SPN_WANT_OPEN, "list", "chat", 0 },
    { SPN_WANT_RUN_AGAIN, "", "look again", 0 },
    { 0 },
};

const struct spn_view view_models = {
    .summary = "the models of this machine and what each needs",
    .layout = "list 60 | detail",
    .place = 'm',
    .acts = acts,
    .open = open_models,
    .close = list_close,
    .act = act,
    .chosen = list_chosen,
    .command = list_command,
};
