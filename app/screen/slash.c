/* slash.c - commands by name: ":name args" in a pane, "/name args" in the line, and the palette. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/registry.h"
#include "screen/paper_list.h"
#include "screen/ui.h"

static void quit(struct ui *ui, const char *args)
{
    ui_leave(ui);
}

static void help(struct ui *ui, const char *args)
{
    ui_help(ui);
}

static void equal(struct ui *ui, const char *args)
{
    ui_equal(ui);
}

static void save_display(struct ui *ui, const char *args)
{
    struct spn_buf b = SPN_BUF_INIT((size_t)16 << 20);
    struct spn_err err = SPN_ERR_INIT;
    spn_status st;

    ui_draw(ui);
    st = cells_text(&ui->cells, 0, ui->cells.rows, &b);
    if (st == SPN_OK)
        st = spn_file_write(args, b.data, b.length, &err);
    if (st != SPN_OK)
        ui_fail(ui, &err);
    spn_buf_free(&b);
}

static void write_keys(struct ui *ui, const char *args)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 20);
    struct spn_err err = SPN_ERR_INIT;

    keys_text(&ui->keys, &b);
    if (spn_file_write(args, b.data != NULL ? b.data : "", b.length, &err) != SPN_OK)
        ui_fail(ui, &err);
    spn_buf_free(&b);
}

static void theme(struct ui *ui, const char *args)
{
    struct spn_err err = SPN_ERR_INIT;

    if (theme_load(&ui->theme, args, &err) != SPN_OK)
        ui_fail(ui, &err);
}

static void mouse(struct ui *ui, const char *args)
{
    ui->mouse = strcmp(args, "off") != 0;
}

static void set_option(struct ui *ui, const char *args)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_err err = SPN_ERR_INIT;

    if (s->options == NULL)
        ui_say(ui, SPN_STYLE_WARN, "this screen has no options", NULL);
    else if (spn_values_parse(s->options, args, &err) != SPN_OK)
        ui_fail(ui, &err);
    else if (s->view->changed != NULL)
        s->view->changed(s->state, s->options);
}

static void focus(struct ui *ui, const char *args)
{
    struct spn_screen *s = ui_shown(ui);
    int i;

    for (i = 0; i < s->n_panes; i++)
        if (strcmp(s->pane[i].name, args) == 0) {
            s->focus = i;
            s->in_line = false;
            return;
        }
    ui_say(ui, SPN_STYLE_WARN, "no pane of that name here", NULL);
}

static void go_paper(struct ui *ui, const char *args)
{
    char *argv[1] = { (char *)args };

    ui_go(ui, "papers", 1, argv);
}

static const struct {
    const char *name, *args, *what;
    void (*run)(struct ui *ui, const char *args);
    bool needs; /* an argument */
} commands[] = {
    { "help", "", "the keys of this screen", help, false },
    { "quit", "", "leave", quit, false },
    { "bye", "", "leave", quit, false },
    { "equal", "", "the equal batch command", equal, false },
    { "save-display", "FILE", "this screen as text", save_display, true },
    { "theme", "NAME", "dark, light, mono, contrast, default or one of yours", theme, true },
    { "mouse", "on|off", "the mouse", mouse, true },
    { "set", "KEY=VALUE", "an option of this screen", set_option, true },
    { "focus", "PANE", "go to a pane by its name", focus, true },
    { "keys", "FILE", "write the table of keys", write_keys, true },
    { "paper", "KEY", "a paper by its key", go_paper, true },
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

/* "a b c" as arguments; quotes keep blanks together. */
static int words(char *text, char *argv[], int most)
{
    int n = 0;

    while (n < most) {
        char quote = '\0';
        char *out;

        while (*text == ' ')
            text++;
        if (*text == '\0')
            break;
        argv[n++] = out = text;
        while (*text != '\0' && (quote != '\0' || *text != ' ')) {
            if (quote == '\0' && (*text == '"' || *text == '\''))
                quote = *text;
            else if (quote != '\0' && *text == quote)
                quote = '\0';
            else
                *out++ = *text;
            text++;
        }
        if (*text != '\0')
            text++;
        *out = '\0';
    }
    return n;
}

static bool view_run(struct ui *ui, const char *name, const char *args)
{
    const char *found, *owner;
    char *copy, *argv[16];
    size_t k;

    for (k = 0; registry_at(SPN_POINT_VIEW, k, &found, &owner) != NULL; k++)
        if (strcmp(found, name) == 0) {
            copy = spn_strdup(args);
            if (copy != NULL)
                ui_go(ui, found, words(copy, argv, 16), argv);
            spn_free(copy);
            return true;
        }
    return false;
}

bool slash_run(struct ui *ui, const char *line)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_err err = SPN_ERR_INIT;
    const struct spn_slash *c;
    size_t n = strcspn(line, " "), i;
    const char *args = line + n + strspn(line + n, " ");
    char *name = spn_strndup(line, n);
    bool known = false;

    if (name == NULL)
        return false;
    for (c = s->view->slashes; !known && c != NULL && c->name != NULL; c++)
        if (strcmp(c->name, name) == 0) {
            known = true;
            if (!s->view->slash(s->state, name, args, &err))
                ui_fail(ui, &err);
        }
    for (i = 0; !known && i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) {
            char text[120];

            known = true;
            if (commands[i].needs && *args == '\0') {
                snprintf(text, sizeof text, ":%s wants %s", name, commands[i].args);
                ui_say(ui, SPN_STYLE_WARN, text, NULL);
            } else {
                commands[i].run(ui, args);
            }
        }
    if (!known)
        known = view_run(ui, name, args);
    for (i = 0; !known && i < ui->keys.n; i++) /* a command of the key table */
        if (ui->keys.binding[i].command != CMD_NONE &&
            (ui->keys.binding[i].place == PLACE_PANE || ui->keys.binding[i].place == PLACE_LEAD) &&
            strcmp(ui->keys.binding[i].name, name) == 0) {
            known = true;
            ui_do(ui, &ui->keys.binding[i]);
            break;
        }
    spn_free(name);
    return known;
}

static void paper_line(void *ctx, const json_t *paper)
{
    const char *key = json_string_value(json_object_get(paper, "key"));
    const char *title = json_string_value(json_object_get(paper, "title"));

    if (key != NULL && title != NULL)
        spn_buf_printf(ctx, "paper %s\t%.80s\n", key, title);
}

void slash_candidates(struct ui *ui, const char *typed)
{
    struct spn_screen *s = ui_shown(ui);
    struct spn_buf b = SPN_BUF_INIT(1 << 20);
    const struct spn_slash *c;
    const struct spn_view *v;
    const char *name, *owner;
    size_t i;

    for (c = s->view->slashes; c != NULL && c->name != NULL; c++)
        spn_buf_printf(&b, "%s\t%s  %s\n", c->name, c->args != NULL ? c->args : "", c->what);
    for (i = 0; (v = registry_at(SPN_POINT_VIEW, i, &name, &owner)) != NULL; i++)
        spn_buf_printf(&b, "%s\t%s\n", name, v->summary);
    for (i = 0; i < N_COMMANDS; i++)
        spn_buf_printf(&b, "%s\t%s%s%s\n", commands[i].name, commands[i].args,
                       commands[i].args[0] != '\0' ? "  " : "", commands[i].what);
    for (i = 0; i < ui->keys.n; i++) {
        const struct binding *k = &ui->keys.binding[i];

        if (k->place == PLACE_PANE && (k->command == CMD_ZOOM || k->command == CMD_WRITE ||
                                       k->command == CMD_COPY || k->command == CMD_OPTIONS))
            spn_buf_printf(&b, "%s\t%s\n", k->name, k->what);
    }
    if (typed[0] != '\0')
        papers_each(paper_line, &b);
    candidates_show(ui, b.data != NULL ? b.data : "", typed);
    spn_buf_free(&b);
}
