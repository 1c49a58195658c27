/* settings.c - settings of the screens, kept in spinneyrc as they are changed. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"
#include "host/settings.h"
#include "screen/views/views.h"

#define FILE_CEILING (1 << 20)

static const struct spn_option table[] = {
    { "theme", SPN_OPT_CHOICE, .dflt.s = "auto", .choices = "auto default dark light mono contrast",
      .help = "colours; auto asks the terminal" },
    { "mouse", SPN_OPT_FLAG, .dflt.b = true, .help = "wheel, clicks and dragging" },
    { "leader", SPN_OPT_STRING, .dflt.s = "C-o", .help = "the key before a place", .arg = "KEY" },
    { 0 }
};

struct settings {
    struct spn_screen *screen;
    struct spn_pane *form;
    struct spn_values *values;
};

/* The file with `KEY = VALUE` in place of its last line of that key, or added. */
static spn_status keep(const char *key, const char *value, struct spn_err *err)
{
    char *path =
        paths()->config_home != NULL ? spn_path_join(paths()->config_home, "spinneyrc") : NULL;
    char *text = NULL, *line;
    struct spn_buf b = SPN_BUF_INIT(FILE_CEILING);
    spn_status st = SPN_OK;
    bool written = false;

    if (path == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "settings: HOME is not set, nothing is kept");
    if (spn_path_exists(path))
        st = spn_file_read(&text, NULL, path, FILE_CEILING, err);
    for (line = text; st == SPN_OK && line != NULL && *line != '\0';) {
        size_t n = strcspn(line, "\n"), k = strspn(line, " \t"), length = strlen(key);

        if (strncmp(line + k, key, length) == 0 &&
            line[k + length + strspn(line + k + length, " \t")] == '=') {
            if (!written)
                spn_buf_printf(&b, "%s = %s\n", key, value);
            written = true;
        } else {
            spn_buf_add(&b, line, n);
            spn_buf_puts(&b, "\n");
        }
        line += n + (line[n] == '\n');
    }
    if (!written)
        spn_buf_printf(&b, "%s = %s\n", key, value);
    if (st == SPN_OK)
        st = spn_make_dirs(paths()->config_home, err);
    if (st == SPN_OK)
        st = spn_file_write(path, b.data, b.length, err);
    spn_buf_free(&b);
    spn_free(text);
    spn_free(path);
    return st;
}

static void changed(void *ctx)
{
    struct settings *t = ctx;
    struct ui *ui = t->screen->ui;
    struct spn_buf value = SPN_BUF_INIT(1 << 12);
    const struct spn_option *o = form_choice(t->form, &value);
    const char *text = value.data != NULL ? value.data : "";
    struct spn_err err = SPN_ERR_INIT;
    struct key key;

    if (o == NULL)
        return;
    if (strcmp(o->name, "theme") == 0 && strcmp(text, "auto") != 0 &&
        theme_load(&ui->theme, text, &err) != SPN_OK)
        pane_table.fail(t->screen, &err);
    if (strcmp(o->name, "mouse") == 0)
        ui->mouse = spn_value_flag(t->values, "mouse");
    if (strcmp(o->name, "leader") == 0 && !key_parse(text, strlen(text), &key)) {
        pane_table.say(t->screen, "that is no key: C-o, C-x, F2 are");
        spn_buf_free(&value);
        return;
    }
    if (keep(o->name, text, &err) != SPN_OK)
        pane_table.fail(t->screen, &err);
    spn_buf_free(&value);
}

static spn_status open_settings(const struct spn_host *h, struct spn_screen *s, int argc,
                                char **argv, void **out, struct spn_err *err)
{
    struct settings *t = spn_calloc(1, sizeof *t);
    size_t i;

    if (t == NULL || (t->values = spn_values_new(table)) == NULL) {
        spn_free(t);
        return spn_fail(err, SPN_ENOMEM, "settings: no memory");
    }
    t->screen = s;
    t->form = pane_table.pane(s, "settings");
    for (i = 0; table[i].name != NULL; i++)
        if (settings_get(table[i].name) != NULL)
            spn_values_set(t->values, table[i].name, settings_get(table[i].name), NULL);
    pane_table.form(t->form, t->values, changed, t);
    *out = t;
    return SPN_OK;
}

static void close_settings(void *view)
{
    struct settings *t = view;

    spn_values_free(t->values);
    spn_free(t);
}

static const struct spn_want_help acts[] = {
    { SPN_WANT_OPEN, "", "change", 0 },
    { SPN_WANT_LESS, "", "less", 0 },
    { SPN_WANT_MORE, "", "more", 0 },
    { 0 },
};

const struct spn_view view_settings = {
    .summary = "colours, mouse and keys; kept in spinneyrc",
    .layout = "settings",
    .place = ',',
    .acts = acts,
    .open = open_settings,
    .close = close_settings,
};
