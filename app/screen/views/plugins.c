/* plugins.c - the plugins that were found, and why one is refused. */
#include "config.h"

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
    return json_is_true(json_object_get(record, "loaded")) ? '*' : '!';
}

static void value_text(const json_t *v, struct spn_buf *text)
{
    const json_t *item;
    size_t i;

    if (json_is_string(v))
        spn_buf_puts(text, json_string_value(v));
    else if (json_is_boolean(v))
        spn_buf_puts(text, json_is_true(v) ? "yes" : "no");
    else if (json_is_integer(v))
        spn_buf_printf(text, "%lld", (long long)json_integer_value(v));
    json_array_foreach(v, i, item)
    {
        spn_buf_puts(text, i > 0 ? " " : "");
        value_text(item, text);
    }
}

static void detail(const json_t *record, struct spn_buf *title, struct spn_buf *text)
{
    const char *key;
    json_t *value;

    spn_buf_puts(title, get(record, "name"));
    spn_buf_printf(text, "# %s\n\n%s\n\n", get(record, "name"), get(record, "summary"));
    json_object_foreach((json_t *)record, key, value)
    {
        if (strcmp(key, "name") == 0 || strcmp(key, "summary") == 0 || json_is_null(value))
            continue;
        spn_buf_printf(text, "- **%s** ", key);
        value_text(value, text);
        spn_buf_puts(text, "\n");
    }
}

static void state(const json_t *records, struct spn_buf *out)
{
    spn_buf_printf(out, "%zu plugins", json_array_size(records));
}

static const char *const argv_plugins[] = { "plugins" };
static const struct list_spec spec = {
    .argv = argv_plugins,
    .argc = 1,
    .field = { { "name", "name", 0, 0, false }, { "summary", "what it does", -1, 1, false } },
    .id = "name",
    .glyph = glyph,
    .detail = detail,
    .state = state,
};

static spn_status open_plugins(const struct spn_host *h, struct spn_screen *s, int argc,
                               char **argv, void **out, struct spn_err *err)
{
    pane_table.title(pane_table.pane(s, "list"), "plugins");
    return list_open(&spec, s, argc, argv, out, err);
}

static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    if (a == SPN_WANT_OPEN)
        pane_table.focus(pane_table.pane(list_screen(view), "detail"));
    return a == SPN_WANT_OPEN;
}

static const struct spn_want_help acts[] = { { SPN_WANT_OPEN, "list", "read", 0 }, { 0 } };

const struct spn_view view_plugins = {
    .summary = "the plugins that are loaded, and why one is not",
    .layout = "list 55 | detail",
    .acts = acts,
    .open = open_plugins,
    .close = list_close,
    .act = act,
    .chosen = list_chosen,
    .command = list_command,
};
