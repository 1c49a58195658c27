#include "config.h"

#include "host/help.h"

#include <string.h>

#include "base/mem.h"
#include "host/registry.h"

bool help_command_find(struct help_command *out, const char *name, const char *bench)
{
    const struct spn_command *c = registry_find(SPN_POINT_COMMAND, name);
    const struct spn_bench *b =
        bench != NULL && strcmp(name, "bench") == 0 ? registry_find(SPN_POINT_BENCH, bench) : NULL;

    if (c == NULL)
        return false;
    if (b == NULL) {
        snprintf(out->name, sizeof out->name, "%s", name);
        out->what = (struct cmdline_command){ out->name, out->name, c };
        return true;
    }
    snprintf(out->name, sizeof out->name, "bench %s", bench);
    snprintf(out->key, sizeof out->key, "bench_%s", bench);
    snprintf(out->usage, sizeof out->usage, "%s", b->usage != NULL ? b->usage : out->name);
    out->of_bench = (struct spn_command){ .summary = b->summary,
                                          .usage = out->usage,
                                          .options = b->options,
                                          .model = true,
                                          .arguments_max = -1,
                                          .run = b->run };
    out->what = (struct cmdline_command){ out->name, out->key, &out->of_bench };
    return true;
}

const char *help_near(const char *name)
{
    const char *other, *near = NULL;
    int best = 3;
    size_t i;

    for (i = 0; registry_at(SPN_POINT_COMMAND, i, &other, NULL) != NULL; i++) {
        int d = spn_edit_distance(name, other, 2);

        if (d < best) {
            best = d;
            near = other;
        }
    }
    return near;
}

void help_overview(struct spn_buf *b)
{
    const struct spn_command *c;
    const char *name;
    size_t i;

    spn_buf_puts(b, "usage: spinney [COMMAND [OPTIONS] [ARGUMENTS]] | FILE\n"
                    "       spinney COMMAND --help\n\ncommands\n");
    for (i = 0; (c = registry_at(SPN_POINT_COMMAND, i, &name, NULL)) != NULL; i++)
        spn_buf_printf(b, "  %-10s  %s\n", name, c->summary != NULL ? c->summary : "");
    spn_buf_puts(b, "\nResults go to stdout, everything else to stderr; --json gives JSON Lines.\n"
                    "Exit status: 0 done, 1 the answer is no, 2 usage, 3 bad input, 4 memory or "
                    "device, 5 I/O, 130 and 143 stopped.\n"
                    "The manual is spinney(1).\n");
}

/* ---- parts of a description ---- */

/* "N", "FILE", "a|b|c" */
static void value_name(struct spn_buf *b, const struct spn_option *o)
{
    const char *p;

    if (o->arg != NULL)
        spn_buf_puts(b, o->arg);
    else if (o->kind == SPN_OPT_CHOICE)
        for (p = o->choices; *p != '\0'; p++)
            spn_buf_printf(b, "%c", *p == ' ' ? '|' : *p);
    else
        spn_buf_puts(b, o->kind == SPN_OPT_STRING ? "TEXT" : "N");
}

/* " (1..64, default 8)" */
static void bounds(struct spn_buf *b, const struct spn_option *o)
{
    char dflt[64], range[80] = "";
    bool number = o->kind == SPN_OPT_INT || o->kind == SPN_OPT_FLOAT;

    spn_option_default_text(o, dflt, sizeof dflt);
    if (number && (o->lo != 0 || o->hi != 0))
        snprintf(range, sizeof range, "%.16g..%.16g", o->lo, o->hi);
    if (o->kind == SPN_OPT_FLAG && !o->dflt.b)
        return;
    if (range[0] != '\0' || dflt[0] != '\0')
        spn_buf_printf(b, " (%s%s%s%s)", range, range[0] != '\0' && dflt[0] != '\0' ? ", " : "",
                       dflt[0] != '\0' ? "default " : "", dflt);
    if (o->many)
        spn_buf_puts(b, " (may be repeated)");
}

/* "-m, --model=MODEL"; a flag that is on is shown as what one would write. */
static void option_name(struct spn_buf *b, const struct spn_option *o)
{
    if (o->letter != 0)
        spn_buf_printf(b, "-%c, ", o->letter);
    spn_buf_printf(b, "--%s%s", o->kind == SPN_OPT_FLAG && o->dflt.b ? "no-" : "", o->name);
    if (o->kind != SPN_OPT_FLAG) {
        spn_buf_puts(b, "=");
        value_name(b, o);
    }
}

static void option_lines(struct spn_buf *b, const struct spn_option *from,
                         const struct spn_option *end)
{
    const struct spn_option *o;

    for (o = from; o != end && o->name != NULL; o++) {
        struct spn_buf name = SPN_BUF_INIT(4096);

        if (o->letter == 0)
            spn_buf_puts(&name, "    ");
        option_name(&name, o);
        spn_buf_printf(b, name.length > 26 ? "  %s\n  %-26s  %s" : "  %-26s%s  %s",
                       name.data != NULL ? name.data : "", "", o->help);
        bounds(b, o);
        spn_buf_puts(b, "\n");
        spn_buf_free(&name);
    }
}

typedef void (*each_choice)(struct spn_buf *b, const char *option, const char *name,
                            const struct spn_option *table);

/* Call FN for every registered implementation that an option of TABLE can name and that has
 * options. */
static void choices_of(struct spn_buf *b, const struct spn_option *table, each_choice fn)
{
    size_t k, i;

    for (k = 0; cmdline_choices[k].option != NULL; k++) {
        const struct cmdline_choice *ch = &cmdline_choices[k];
        const struct spn_option *o = spn_option_find(table, ch->option, strlen(ch->option));
        const char *name;
        const void *impl;

        for (i = 0; o != NULL && (impl = registry_at(ch->point, i, &name, NULL)) != NULL; i++)
            if (registry_options(ch->point, impl) != NULL)
                fn(b, ch->option, name, registry_options(ch->point, impl));
    }
}

static void choice_text(struct spn_buf *b, const char *option, const char *name,
                        const struct spn_option *table)
{
    const struct spn_option *o;

    spn_buf_printf(b, "\n--%s %s:KEY=VALUE,…; beside --%s %s also --KEY VALUE\n", option, name,
                   option, name);
    for (o = table; o->name != NULL; o++) {
        struct spn_buf key = SPN_BUF_INIT(4096);

        spn_buf_printf(&key, "%s=", o->name);
        if (o->kind == SPN_OPT_FLAG)
            spn_buf_puts(&key, "on|off");
        else
            value_name(&key, o);
        spn_buf_printf(b, "  %-26s  %s", key.data != NULL ? key.data : "", o->help);
        bounds(b, o);
        spn_buf_puts(b, "\n");
        spn_buf_free(&key);
    }
}

spn_status help_text(struct spn_buf *b, const struct cmdline_command *what, struct spn_err *err)
{
    const struct spn_command *c = what->command;
    size_t n_own;
    struct spn_option *table = cmdline_table(c, &n_own, err);

    if (table == NULL)
        return SPN_ENOMEM;
    spn_buf_printf(b, "spinney %s - %s\nusage: spinney %s\n", what->name,
                   c->summary != NULL ? c->summary : "", c->usage != NULL ? c->usage : what->name);
    if (c->details != NULL)
        spn_buf_printf(b, "\n%s\n", c->details);
    if (n_own > 0) {
        spn_buf_puts(b, "\noptions\n");
        option_lines(b, table, table + n_own);
    }
    spn_buf_puts(b, "\ncommon options\n");
    option_lines(b, table + n_own, NULL);
    choices_of(b, table, choice_text);
    if (c->examples != NULL)
        spn_buf_printf(b, "\nexamples\n%s%s", c->examples,
                       c->examples[strlen(c->examples) - 1] == '\n' ? "" : "\n");
    spn_free(table);
    return b->failed ? spn_fail(err, SPN_ENOMEM, "help: no memory") : SPN_OK;
}

/* ---- the manual ---- */

/* The character at S of two or more bytes as roff's \[uXXXX]; returns its bytes. Our own tables are
   UTF-8; a plugin's may be anything, and a byte that begins nothing is left out. */
static size_t roff_character(struct spn_buf *b, const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 1, i;
    uint32_t code = n == 4 ? p[0] & 7u : n == 3 ? p[0] & 15u : p[0] & 31u;

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return i;
        code = code << 6 | (p[i] & 63u);
    }
    if (n > 1)
        spn_buf_printf(b, "\\[u%04X]", (unsigned)code);
    return n;
}

/* Text for roff: a backslash doubled, a dash that is typed made one that can be copied, no line
 * that begins as a request. */
static void roff(struct spn_buf *b, const char *s)
{
    bool begin = true;

    for (; *s != '\0'; s++) {
        if ((unsigned char)*s >= 0x80) {
            s += roff_character(b, s) - 1;
            begin = false;
            continue;
        }
        if (begin && (*s == '.' || *s == '\''))
            spn_buf_puts(b, "\\&");
        if (*s == '\\')
            spn_buf_puts(b, "\\e");
        else if (*s == '-')
            spn_buf_puts(b, "\\-");
        else
            spn_buf_printf(b, "%c", *s);
        begin = *s == '\n';
    }
}

/* Paragraphs divided by blank lines. */
static void paragraphs(struct spn_buf *b, const char *s)
{
    const char *gap;

    while ((gap = strstr(s, "\n\n")) != NULL) {
        char *part = spn_strndup(s, (size_t)(gap - s));

        if (part != NULL)
            roff(b, part);
        spn_buf_puts(b, "\n.PP\n");
        spn_free(part);
        s = gap + 2;
    }
    roff(b, s);
    spn_buf_puts(b, "\n");
}

static void option_items(struct spn_buf *b, const struct spn_option *from,
                         const struct spn_option *end)
{
    const struct spn_option *o;

    for (o = from; o != end && o->name != NULL; o++) {
        struct spn_buf name = SPN_BUF_INIT(4096), text = SPN_BUF_INIT(4096);

        option_name(&name, o);
        spn_buf_puts(&text, o->help);
        bounds(&text, o);
        spn_buf_puts(b, ".TP\n.B ");
        roff(b, name.data != NULL ? name.data : "");
        spn_buf_puts(b, "\n");
        roff(b, text.data != NULL ? text.data : "");
        spn_buf_puts(b, "\n");
        spn_buf_free(&name);
        spn_buf_free(&text);
    }
}

spn_status help_page(struct spn_buf *b, const struct cmdline_command *what, struct spn_err *err)
{
    const struct spn_command *c = what->command;
    size_t n_own;
    struct spn_option *table = cmdline_table(c, &n_own, err);
    const char *p;

    if (table == NULL)
        return SPN_ENOMEM;
    spn_buf_puts(b, ".TH SPINNEY\\-");
    for (p = what->name; *p != '\0'; p++)
        spn_buf_printf(b, "%c", *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    spn_buf_printf(b,
                   " 1 \"2026-11-24\" \"spinney\" \"spinney manual\"\n"
                   ".SH NAME\nspinney\\-%s \\- ",
                   what->name);
    roff(b, c->summary != NULL ? c->summary : what->name);
    spn_buf_puts(b, "\n.SH SYNOPSIS\n.B spinney ");
    roff(b, c->usage != NULL ? c->usage : what->name);
    spn_buf_puts(b, "\n.SH DESCRIPTION\n");
    paragraphs(b, c->details != NULL ? c->details : c->summary);
    spn_buf_puts(b, ".SH OPTIONS\n");
    option_items(b, table, NULL);
    spn_buf_puts(b, ".SH FILES\n.I $XDG_CONFIG_HOME/spinney/spinneyrc\n(spinneyrc(5)): the key ");
    spn_buf_printf(b, "\\(dq%s.NAME\\(dq sets an option of this command.\n", what->key);
    spn_buf_puts(b, ".SH EXIT STATUS\n0 done; 1 the work ran and the answer is no; 2 wrong usage; "
                    "3 bad input; 4 not enough memory or device;\n"
                    "5 engine or I/O failure; 130 and 143 stopped by a signal.\n");
    if (c->examples != NULL) {
        spn_buf_puts(b, ".SH EXAMPLES\n.nf\n");
        roff(b, c->examples);
        spn_buf_printf(b, "%s.fi\n", c->examples[strlen(c->examples) - 1] == '\n' ? "" : "\n");
    }
    spn_buf_puts(b, ".SH SEE ALSO\nspinney(1), spinneyrc(5)\n");
    spn_free(table);
    return b->failed ? spn_fail(err, SPN_ENOMEM, "help: no memory") : SPN_OK;
}

/* ---- completion ---- */

static void choice_words(struct spn_buf *b, const char *option, const char *name,
                         const struct spn_option *table)
{
    const struct spn_option *o;

    for (o = table; o->name != NULL; o++)
        spn_buf_printf(b, "--%s\t%s (%s %s)\n", o->name, o->help, option, name);
}

static spn_status value_words(struct spn_buf *b, const struct spn_option *table, const char *option,
                              struct spn_err *err)
{
    const struct spn_option *o = spn_option_find(table, option, strlen(option));
    const char *p, *name;
    size_t k, i;

    if (o == NULL)
        return spn_fail(err, SPN_EUSAGE, "--%s: no such option", option);
    for (p = o->kind == SPN_OPT_CHOICE ? o->choices : ""; *p != '\0'; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");

        spn_buf_printf(b, "%.*s\t\n", (int)n, p);
        p += n;
    }
    for (k = 0; cmdline_choices[k].option != NULL; k++)
        if (strcmp(cmdline_choices[k].option, option) == 0)
            for (i = 0; registry_at(cmdline_choices[k].point, i, &name, NULL) != NULL; i++)
                spn_buf_printf(b, "%s\t\n", name);
    return SPN_OK;
}

spn_status help_words(struct spn_buf *b, const struct cmdline_command *what, const char *option,
                      struct spn_err *err)
{
    const struct spn_command *c;
    const struct spn_option *o;
    struct spn_option *table;
    const char *name;
    spn_status st = SPN_OK;
    size_t i;

    if (what == NULL) {
        for (i = 0; (c = registry_at(SPN_POINT_COMMAND, i, &name, NULL)) != NULL; i++)
            spn_buf_printf(b, "%s\t%s\n", name, c->summary != NULL ? c->summary : "");
        return SPN_OK;
    }
    table = cmdline_table(what->command, &i, err);
    if (table == NULL)
        return SPN_ENOMEM;
    if (option != NULL) {
        st = value_words(b, table, option, err);
    } else {
        for (o = table; o->name != NULL; o++) {
            spn_buf_printf(b, "--%s%s\t%s\n", o->kind == SPN_OPT_FLAG && o->dflt.b ? "no-" : "",
                           o->name, o->help);
            if (o->letter != 0)
                spn_buf_printf(b, "-%c\t%s\n", o->letter, o->help);
        }
        choices_of(b, table, choice_words);
        if (strcmp(what->name, "bench") == 0)
            for (i = 0; registry_at(SPN_POINT_BENCH, i, &name, NULL) != NULL; i++)
                spn_buf_printf(
                    b, "%s\t%s\n", name,
                    ((const struct spn_bench *)registry_find(SPN_POINT_BENCH, name))->summary);
    }
    spn_free(table);
    return st;
}
