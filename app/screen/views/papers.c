/* papers.c - the papers by topic: what each does, what implements it here, how to try it. */
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
    return json_is_true(json_object_get(record, "implemented")) ? '*' : '.';
}

static enum spn_style style(const json_t *record, int field)
{
    bool implemented = json_is_true(json_object_get(record, "implemented"));

    return field == 0 && implemented ? SPN_STYLE_GOOD : field == 2 ? SPN_STYLE_DIM : SPN_STYLE_TEXT;
}

/* How a plugin of a point is used in batch mode. */
static void usage(const char *point, const char *plugin, struct spn_buf *text)
{
    static const struct {
        const char *point, *command;
    } all[] = {
        { "reasoner", "spinney chat -p \"4 5 6 10\" --reason %s" },
        { "decoder", "spinney chat -m MODEL -p TEXT --decoder %s" },
        { "kv_policy", "spinney chat -m MODEL -p TEXT --kv %s" },
        { "segmenter", "spinney seg PICTURE -m MODEL" },
        { "token_reducer", "spinney video CLIP -q QUESTION -m MODEL" },
        { "classifier", "spinney video CLIP -m MODEL" },
        { "codec", "spinney ckpt compress RUN -o STORE --codec %s" },
        { "trainer", "spinney train RECIPE" },
        { "bench", "spinney bench %s" },
    };
    size_t i;

    for (i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].point, point) == 0) {
            const char *mark = strstr(all[i].command, "%s");

            spn_buf_puts(text, "\n## in batch mode\n\n```sh\n");
            spn_buf_add(text, all[i].command,
                        mark != NULL ? (size_t)(mark - all[i].command) : strlen(all[i].command));
            if (mark != NULL)
                spn_buf_printf(text, "%s%s", plugin, mark + 2);
            spn_buf_puts(text, "\n```\n");
        }
}

static void detail(const json_t *record, struct spn_buf *title, struct spn_buf *text)
{
    const char *plugin = get(record, "plugin");
    bool implemented = json_is_true(json_object_get(record, "implemented"));

    spn_buf_printf(title, "%s", get(record, "key"));
    spn_buf_printf(text, "# %s\n\narXiv:%s, %s\n\n%s\n\n", get(record, "title"),
                   get(record, "arxiv"), get(record, "point"), get(record, "summary"));
    if (implemented)
        spn_buf_printf(text, "Implemented by the plugin `%s`; its selftest passed.\n", plugin);
    else if (plugin[0] != '\0')
        spn_buf_printf(text, "The plugin `%s` names it; its selftest did not pass here.\n", plugin);
    else
        spn_buf_puts(text, "No loaded plugin implements it.\n");
    if (plugin[0] != '\0')
        usage(get(record, "point"), plugin, text);
}

static void state(const json_t *records, struct spn_buf *out)
{
    size_t i, n = 0;
    json_t *r;

    json_array_foreach(records, i, r) n += json_is_true(json_object_get(r, "implemented"));
    spn_buf_printf(out, "%zu papers, %zu implemented", json_array_size(records), n);
}

static const char *const argv_papers[] = { "papers" };
static const struct list_spec spec = {
    .argv = argv_papers,
    .argc = 1,
    .field = { { "key", "paper", 0, 0, false },
               { "title", "title", -1, 3, false },
               { "plugin", "plugin", 0, 4, false } },
    .group = "point",
    .id = "key",
    .glyph = glyph,
    .style = style,
    .detail = detail,
    .state = state,
};

static spn_status open_papers(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                              void **out, struct spn_err *err)
{
    pane_table.title(pane_table.pane(s, "list"), "papers");
    return list_open(&spec, s, argc, argv, out, err);
}

/* Enter starts what the paper's plugin is for, where a screen has it. */
static bool act(void *view, struct spn_pane *p, enum spn_want a, int n)
{
    const json_t *record = list_record(view);
    char command[160], *argv[3] = { "--reason", command, NULL };

    if (a == SPN_WANT_RUN_AGAIN) {
        list_again(view);
        return true;
    }
    if (a != SPN_WANT_OPEN || record == NULL)
        return false;
    if (strcmp(get(record, "point"), "reasoner") == 0 && get(record, "plugin")[0] != '\0') {
        snprintf(command, sizeof command, "%s", get(record, "plugin"));
        pane_table.go(list_screen(view), "chat", 2, argv);
        return true;
    }
    pane_table.focus(pane_table.pane(list_screen(view), "detail"));
    return true;
}

static const struct spn_want_help acts[] = {
    { SPN_WANT_OPEN, "list", "try it", 0 },
    { SPN_WANT_RUN_AGAIN, "", "read again", 0 },
    { 0 },
};

const struct spn_view view_papers = {
    .summary = "the papers by topic, and which are implemented here",
    .layout = "list 55 | detail",
    .place = 'p',
    .acts = acts,
    .open = open_papers,
    .close = list_close,
    .act = act,
    .chosen = list_chosen,
    .command = list_command,
};
