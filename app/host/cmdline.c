#include "config.h"

#include "host/cmdline.h"

#include <string.h>

#include "base/mem.h"
#include "host/registry.h"
#include "host/settings.h"

#define CHOSEN_MAX 8

/* A choice that was made: `--reason fot:trees=8`, and what short forms add to it. */
struct chosen {
    const char *option, *name; /* "reason", "fot" */
    size_t n_name;
    const struct spn_option *table;
    struct spn_buf text; /* "fot:trees=8,…" */
    bool extended;
};

struct parser {
    struct cmdline *c;
    const struct cmdline_command *what;
    struct chosen chosen[CHOSEN_MAX];
    size_t n_chosen;
    int argc, at;
    char **argv;
};

/* ---- tables ---- */

static size_t append(struct spn_option *table, size_t n, const struct spn_option *more)
{
    for (; more != NULL && more->name != NULL; more++) {
        size_t i;

        if (spn_option_find(table, more->name, strlen(more->name)) != NULL)
            continue;
        table[n] = *more;
        for (i = 0; i < n; i++)
            if (table[i].letter != 0 && table[i].letter == more->letter)
                table[n].letter = 0; /* the command's own letter wins */
        n++;
    }
    return n;
}

static size_t length(const struct spn_option *table)
{
    size_t n = 0;

    while (table != NULL && table[n].name != NULL)
        n++;
    return n;
}

struct spn_option *cmdline_table(const struct spn_command *command, size_t *n_own,
                                 struct spn_err *err)
{
    size_t room = length(command->options) + length(common_all) + length(common_model) +
                  length(common_records) + 1,
           n;
    struct spn_option *table = spn_calloc(room, sizeof *table);

    if (table == NULL) {
        spn_fail(err, SPN_ENOMEM, "options: no memory");
        return NULL;
    }
    n = append(table, 0, command->options);
    *n_own = n;
    if (command->records)
        n = append(table, n, common_records);
    if (command->model)
        n = append(table, n, common_model);
    append(table, n, common_all);
    return table;
}

/* ---- choices ---- */

static enum spn_point choice_point(const char *option)
{
    size_t i;

    for (i = 0; cmdline_choices[i].option != NULL; i++)
        if (strcmp(cmdline_choices[i].option, option) == 0)
            return cmdline_choices[i].point;
    return SPN_POINT_COUNT;
}

/* Values that are built in and so not registered. */
static bool built_in(const char *name, size_t n)
{
    static const char *const names[] = { "none", "auto", "plain", "full", "local" };
    size_t i;

    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
            return true;
    return false;
}

static spn_status no_such_choice(const char *option, enum spn_point point, const char *name,
                                 struct spn_err *err)
{
    struct spn_buf have = SPN_BUF_INIT(400);
    const char *other, *near = NULL;
    int best = 3;
    size_t i;

    for (i = 0; registry_at(point, i, &other, NULL) != NULL; i++) {
        int d = spn_edit_distance(name, other, 2);

        spn_buf_printf(&have, "%s%s", i > 0 ? ", " : "", other);
        if (d < best) {
            best = d;
            near = other;
        }
    }
    spn_fail(err, SPN_EUSAGE, "--%s: there is no %s \"%.64s\"; there are: %s", option,
             point_name(point), name, have.data != NULL ? have.data : "none");
    spn_buf_free(&have);
    return near != NULL ? spn_cure(err, "--%s %s", option, near) : SPN_EUSAGE;
}

/* VALUE as it stands behind "key=": a comma is no end of it. */
static void put_value(struct spn_buf *b, const char *value)
{
    for (; *value != '\0'; value++)
        spn_buf_printf(b, "%s%c", *value == ',' ? "\\" : "", *value);
}

static spn_status choose_server(struct parser *p, const char *option, const char *url,
                                struct spn_err *err);

/* Note that OPTION was given VALUE; the last one counts. */
static spn_status choose(struct parser *p, const char *option, const char *value,
                         struct spn_err *err)
{
    enum spn_point point = choice_point(option);
    struct chosen *ch = NULL;
    const void *impl;
    char name[64];
    size_t i, n = strcspn(value, ":");

    if (point == SPN_POINT_COUNT || built_in(value, n))
        return SPN_OK;
    if (point == SPN_POINT_ENGINE && strncmp(value + n, "://", 3) == 0)
        return choose_server(p, option, value, err);
    if (n == 0 || n >= sizeof name)
        return spn_fail(err, SPN_EUSAGE, "--%s: \"%.80s\" does not begin with a name", option,
                        value);
    memcpy(name, value, n);
    name[n] = '\0';
    impl = registry_find(point, name);
    if (impl == NULL)
        return no_such_choice(option, point, name, err);
    for (i = 0; i < p->n_chosen; i++)
        if (strcmp(p->chosen[i].option, option) == 0)
            ch = &p->chosen[i];
    if (ch == NULL && p->n_chosen == CHOSEN_MAX)
        return spn_fail(err, SPN_EUSAGE, "--%s: more than %d choices", option, CHOSEN_MAX);
    if (ch == NULL)
        ch = &p->chosen[p->n_chosen++];
    spn_buf_free(&ch->text);
    *ch = (struct chosen){ .option = option,
                           .name = value,
                           .n_name = n,
                           .table = registry_options(point, impl),
                           .text = SPN_BUF_INIT(1 << 16) };
    return spn_buf_puts(&ch->text, value);
}

/* `--engine http://…` is short for `--engine remote:url=http://…`. */
static spn_status choose_server(struct parser *p, const char *option, const char *url,
                                struct spn_err *err)
{
    spn_status st = choose(p, option, "remote", err);
    struct chosen *ch = NULL;
    size_t i;

    for (i = 0; i < p->n_chosen; i++)
        if (strcmp(p->chosen[i].option, option) == 0)
            ch = &p->chosen[i];
    if (st != SPN_OK || ch == NULL)
        return st;
    spn_buf_puts(&ch->text, ":url=");
    put_value(&ch->text, url);
    ch->extended = true;
    return ch->text.failed ? spn_fail(err, SPN_EUSAGE, "--%s: the address is too long", option)
                           : SPN_OK;
}

/* Are the options of each choice good?  Found here, not after a model was loaded. */
static spn_status check_choices(struct parser *p, struct spn_err *err)
{
    spn_status st = SPN_OK;
    size_t i;

    for (i = 0; st == SPN_OK && i < p->n_chosen; i++) {
        struct chosen *ch = &p->chosen[i];
        struct spn_values *v = spn_values_new(ch->table);
        const char *rest = ch->text.data != NULL ? strchr(ch->text.data, ':') : NULL;
        struct spn_err why = SPN_ERR_INIT;

        st = v == NULL ? SPN_ENOMEM : spn_values_parse(v, rest != NULL ? rest + 1 : NULL, &why);
        if (st != SPN_OK) {
            spn_fail(err, st, "--%s %.*s: %s", ch->option, (int)ch->n_name, ch->name, why.text);
            if (why.cure[0] != '\0')
                spn_cure(err, "--%s %.*s:%s=…", ch->option, (int)ch->n_name, ch->name, why.cure);
        }
        spn_values_free(v);
        if (st == SPN_OK && ch->extended)
            st = spn_values_set(p->c->values, ch->option, ch->text.data, err);
    }
    return st;
}

/* ---- argv ---- */

/* The value of an option that takes one: behind "=", or the next word. */
static spn_status value_of(struct parser *p, const char *shown, const char *attached,
                           const char **value, struct spn_err *err)
{
    if (attached != NULL)
        *value = attached;
    else if (p->at + 1 < p->argc)
        *value = p->argv[++p->at];
    else
        return spn_fail(err, SPN_EUSAGE, "%s: a value is missing", shown);
    return SPN_OK;
}

static spn_status set(struct parser *p, const struct spn_option *o, const char *value,
                      struct spn_err *err)
{
    struct spn_err why = SPN_ERR_INIT;
    spn_status st = spn_values_set(p->c->values, o->name, value, &why);

    return st == SPN_OK ? SPN_OK : spn_fail(err, st, "--%s", why.text);
}

/* `--trees 8` where a chosen reasoner has `trees`. */
static spn_status short_form(struct parser *p, const char *word, size_t n, const char *attached,
                             struct spn_err *err)
{
    const struct spn_option *found = NULL, *o;
    struct chosen *in = NULL;
    const char *value = "yes";
    char shown[80];
    size_t i;
    spn_status st = SPN_OK;

    snprintf(shown, sizeof shown, "--%.*s", (int)(n < 64 ? n : 64), word);
    for (i = 0; i < p->n_chosen; i++) {
        o = spn_option_find(p->chosen[i].table, word, n);
        if (o != NULL && found != NULL) {
            spn_fail(err, SPN_EUSAGE, "%s: means %.*s or %.*s", shown, (int)in->n_name, in->name,
                     (int)p->chosen[i].n_name, p->chosen[i].name);
            return spn_cure(err, "--%s %.*s:%s=…", in->option, (int)in->n_name, in->name,
                            found->name);
        }
        if (o != NULL) {
            found = o;
            in = &p->chosen[i];
        }
    }
    if (found == NULL)
        return SPN_ENOTFOUND;
    if (found->kind != SPN_OPT_FLAG || attached != NULL)
        st = value_of(p, shown, attached, &value, err);
    if (st != SPN_OK)
        return st;
    in->extended = true;
    spn_buf_printf(&in->text, "%c%s=", strchr(in->text.data, ':') == NULL ? ':' : ',', found->name);
    put_value(&in->text, value);
    return in->text.failed ? spn_fail(err, SPN_EUSAGE, "%s: options of %.*s are too long", shown,
                                      (int)in->n_name, in->name)
                           : SPN_OK;
}

static spn_status unknown(struct parser *p, const char *word, size_t n, struct spn_err *err)
{
    const struct spn_option *o, *near = NULL;
    char name[80];
    int best = 3;

    snprintf(name, sizeof name, "%.*s", (int)(n < 64 ? n : 64), word);
    for (o = p->c->table; o->name != NULL; o++) {
        int d = spn_edit_distance(name, o->name, 2);

        if (d < best) {
            best = d;
            near = o;
        }
    }
    spn_fail(err, SPN_EUSAGE, "--%s: %s has no such option", name, p->what->name);
    return near != NULL ? spn_cure(err, "spinney %s --%s", p->what->name, near->name)
                        : spn_cure(err, "spinney %s --help", p->what->name);
}

static spn_status long_option(struct parser *p, const char *word, struct spn_err *err)
{
    size_t n = strcspn(word, "=");
    const char *attached = word[n] == '=' ? word + n + 1 : NULL, *value = NULL;
    const struct spn_option *o = spn_option_find(p->c->table, word, n);
    char shown[80];
    spn_status st;

    if (o == NULL && n > 3 && memcmp(word, "no-", 3) == 0 && attached == NULL) {
        o = spn_option_find(p->c->table, word + 3, n - 3);
        if (o != NULL && o->kind == SPN_OPT_FLAG)
            return set(p, o, "no", err);
        o = NULL;
    }
    if (o == NULL) {
        st = short_form(p, word, n, attached, err);
        return st == SPN_ENOTFOUND ? unknown(p, word, n, err) : st;
    }
    if (o->kind == SPN_OPT_FLAG)
        return set(p, o, attached, err);
    snprintf(shown, sizeof shown, "--%s", o->name);
    st = value_of(p, shown, attached, &value, err);
    return st == SPN_OK ? set(p, o, value, err) : st;
}

/* -q0, -mMODEL, -m MODEL. */
static spn_status letters(struct parser *p, const char *word, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (; st == SPN_OK && *word != '\0'; word++) {
        const struct spn_option *o = p->c->table;
        char shown[3] = { '-', *word, '\0' };
        const char *value = NULL;

        while (o->name != NULL && o->letter != *word)
            o++;
        if (o->name == NULL) {
            spn_fail(err, SPN_EUSAGE, "-%c: %s has no such option", *word, p->what->name);
            return spn_cure(err, "spinney %s --help", p->what->name);
        }
        if (o->kind == SPN_OPT_FLAG) {
            st = set(p, o, NULL, err);
            continue;
        }
        st = value_of(p, shown, word[1] != '\0' ? word + 1 : NULL, &value, err);
        return st == SPN_OK ? set(p, o, value, err) : st;
    }
    return st;
}

/* Before anything else: is help wanted, and what is chosen?  `--trees 8` may stand left of
 * `--reason fot`. */
static spn_status look_ahead(struct parser *p, struct spn_err *err)
{
    spn_status st = SPN_OK;
    size_t k;
    int i;

    for (i = 0; i < p->argc && strcmp(p->argv[i], "--") != 0; i++)
        if (strcmp(p->argv[i], "--help") == 0 || strcmp(p->argv[i], "-h") == 0)
            p->c->help = true;
    for (k = 0; !p->c->help && st == SPN_OK && cmdline_choices[k].option != NULL; k++) {
        const char *option = cmdline_choices[k].option, *value = NULL;
        const struct spn_option *o = spn_option_find(p->c->table, option, strlen(option));
        size_t n = strlen(option);

        if (o == NULL || o->kind == SPN_OPT_FLAG)
            continue;
        value = o->kind == SPN_OPT_STRING || o->kind == SPN_OPT_CHOICE
                    ? spn_value_str(p->c->values, option)
                    : NULL;
        for (i = 0; i < p->argc && strcmp(p->argv[i], "--") != 0; i++)
            if (strncmp(p->argv[i], "--", 2) == 0 && strncmp(p->argv[i] + 2, option, n) == 0) {
                if (p->argv[i][n + 2] == '=')
                    value = p->argv[i] + n + 3;
                else if (p->argv[i][n + 2] == '\0' && i + 1 < p->argc)
                    value = p->argv[i + 1];
            }
        if (value != NULL)
            st = choose(p, option, value, err);
    }
    return st;
}

static spn_status parse_words(struct parser *p, struct spn_err *err)
{
    spn_status st = SPN_OK;
    bool only_args = false;

    for (p->at = 0; st == SPN_OK && p->at < p->argc; p->at++) {
        const char *word = p->argv[p->at];

        if (!only_args && strcmp(word, "--") == 0)
            only_args = true;
        else if (!only_args && word[0] == '-' && word[1] == '-')
            st = long_option(p, word + 2, err);
        else if (!only_args && word[0] == '-' && word[1] != '\0')
            st = letters(p, word + 1, err);
        else
            p->c->args[p->c->n_args++] = word;
    }
    return st;
}

static spn_status check_args(const struct parser *p, struct spn_err *err)
{
    const struct spn_command *c = p->what->command;
    int n = p->c->n_args;

    if (c->arguments_max >= 0 && n > c->arguments_max) {
        spn_fail(err, SPN_EUSAGE, "%s: \"%.80s\" is one argument too many, it takes %d",
                 p->what->name, p->c->args[c->arguments_max], c->arguments_max);
        return spn_cure(err, "spinney %s --help", p->what->name);
    }
    if (n < c->arguments_min) {
        spn_fail(err, SPN_EUSAGE, "%s: %d of %d arguments", p->what->name, n, c->arguments_min);
        return spn_cure(err, "spinney %s", c->usage != NULL ? c->usage : "help");
    }
    return SPN_OK;
}

spn_status cmdline_parse(struct cmdline *c, const struct cmdline_command *what, int argc,
                         char **argv, struct spn_err *err)
{
    struct parser p = { .c = c, .what = what, .argc = argc, .argv = argv };
    spn_status st = SPN_OK;
    size_t i;

    *c = (struct cmdline){ 0 };
    c->table = cmdline_table(what->command, &c->n_own, err);
    if (c->table == NULL)
        return SPN_ENOMEM;
    c->values = spn_values_new(c->table);
    c->args = spn_calloc((size_t)argc + 1, sizeof *c->args);
    if (c->values == NULL || c->args == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for its options", what->name);
    if (st == SPN_OK)
        st = settings_apply_common(c->values, common_all, common_model, err);
    if (st == SPN_OK)
        st = settings_apply(c->values, what->key, err);
    if (st == SPN_OK)
        st = look_ahead(&p, err);
    if (st == SPN_OK && !c->help)
        st = parse_words(&p, err);
    if (st == SPN_OK && !c->help)
        st = check_choices(&p, err);
    if (st == SPN_OK && !c->help)
        st = check_args(&p, err);
    for (i = 0; i < p.n_chosen; i++)
        spn_buf_free(&p.chosen[i].text);
    return st;
}

void cmdline_free(struct cmdline *c)
{
    spn_values_free(c->values);
    spn_free(c->table);
    spn_free(c->args);
    *c = (struct cmdline){ 0 };
}

/* Options that change where and how fast, not what. */
static bool decides(const char *name)
{
    static const char *const names[] = { "help",   "json",         "quiet",      "plugin-dir",
                                         "dir",    "keep-plugins", "threads",    "output",
                                         "resume", "shard",        "files-from", "null",
                                         "model",  "engine",       "unordered" };
    size_t i;

    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return false;
    return true;
}

static void value_text(struct spn_buf *b, const struct spn_values *v, const struct spn_option *o)
{
    size_t i;

    switch (o->kind) {
    case SPN_OPT_INT:
        spn_buf_printf(b, " %s=%lld", o->name, (long long)spn_value_int(v, o->name));
        break;
    case SPN_OPT_FLOAT:
        spn_buf_printf(b, " %s=%.17g", o->name, spn_value_float(v, o->name));
        break;
    case SPN_OPT_FLAG:
        spn_buf_printf(b, " %s=%s", o->name, spn_value_flag(v, o->name) ? "on" : "off");
        break;
    default:
        if (o->many)
            for (i = 0; i < spn_value_count(v, o->name); i++)
                spn_buf_printf(b, " %s=%s", o->name, spn_value_nth(v, o->name, i));
        else if (spn_value_str(v, o->name) != NULL)
            spn_buf_printf(b, " %s=%s", o->name, spn_value_str(v, o->name));
        break;
    }
}

spn_status cmdline_run_text(struct spn_buf *b, const struct cmdline *c, const char *command,
                            const char *model)
{
    const struct spn_option *o;

    spn_buf_puts(b, command);
    if (model != NULL)
        spn_buf_printf(b, " model=%s", model);
    for (o = c->table; o->name != NULL; o++)
        if (decides(o->name) &&
            (spn_value_given(c->values, o->name) || strcmp(o->name, "seed") == 0))
            value_text(b, c->values, o);
    return b->failed ? SPN_ENOMEM : SPN_OK;
}
