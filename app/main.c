/* main.c - the program: finds the command, its plugins and its options, runs it, prints what went
 * wrong, ends. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "command/commands.h"
#include "engine/net.h"
#include "host/conversations.h"
#include "host/engines.h"
#include "host/guard.h"
#include "host/help.h"
#include "host/input.h"
#include "host/job.h"
#include "host/message.h"
#include "host/output.h"
#include "host/paths.h"
#include "host/plugins.h"
#include "host/registry.h"
#include "host/settings.h"
#include "host/tables.h"
#include "screen/picture_way.h"
#include "screen/screens.h"
#include "screen/ui.h"

/* What is needed before plugins, and with them the commands, are known. */
struct early {
    const char **plugin_dirs;
    size_t n_plugin_dirs;
    const char *dir, *command;
    bool quiet, keep, version, help;
    char **argv;
    int argc; /* everything but the program's and the command's name */
};

/* Options of the screens, which have no command. */
static const struct spn_option screen_options[] = {
    { "script", SPN_OPT_STRING, .arg = "FILE",
      .help = "run the screens without a terminal on the keys in FILE; - is stdin" },
    { "size", SPN_OPT_STRING, .arg = "80x24", .help = "with --script: columns and rows" },
    { "screen", SPN_OPT_STRING, .arg = "NAME", .help = "begin with this screen" },
    { 0 }
};

static bool of_screens(const char *word)
{
    return strncmp(word, "--", 2) == 0 &&
           spn_option_find(screen_options, word + 2, strlen(word + 2)) != NULL;
}

/* Options that stand before the command, and those of common_all wherever they stand. */
static spn_status look_early(struct early *e, int argc, char **argv, struct spn_err *err)
{
    bool over = false;
    int i;

    e->argv = spn_calloc((size_t)argc + 1, sizeof *e->argv);
    e->plugin_dirs = spn_calloc((size_t)argc + 1, sizeof *e->plugin_dirs);
    if (e->argv == NULL || e->plugin_dirs == NULL)
        return spn_fail(err, SPN_ENOMEM, "spinney: no memory");
    for (i = 1; i < argc; i++) {
        const char *w = argv[i], *value = NULL;
        bool takes = !over && (strcmp(w, "--plugin-dir") == 0 || strcmp(w, "--dir") == 0 ||
                               strcmp(w, "--pictures") == 0 ||
                               (e->command == NULL && of_screens(w)));
        bool is_dir = !over && strncmp(w, "--dir", 5) == 0 && (w[5] == '\0' || w[5] == '=');
        bool is_plugins =
            !over && strncmp(w, "--plugin-dir", 12) == 0 && (w[12] == '\0' || w[12] == '=');

        if (strcmp(w, "--") == 0)
            over = true;
        if (e->command == NULL && (w[0] != '-' || w[1] == '\0') && !over) {
            e->command = w;
            continue;
        }
        e->argv[e->argc++] = argv[i];
        if (takes && i + 1 < argc)
            value = e->argv[e->argc++] = argv[++i];
        else if (is_dir || is_plugins)
            value = strchr(w, '=') != NULL ? strchr(w, '=') + 1 : NULL;
        if (is_dir)
            e->dir = value;
        if (is_plugins && value != NULL)
            e->plugin_dirs[e->n_plugin_dirs++] = value;
        e->quiet |= !over && (strcmp(w, "-q") == 0 || strcmp(w, "--quiet") == 0);
        e->keep |= !over && strcmp(w, "--keep-plugins") == 0;
        e->version |= e->command == NULL && strcmp(w, "--version") == 0;
        e->help |= e->command == NULL && (strcmp(w, "--help") == 0 || strcmp(w, "-h") == 0);
    }
    return SPN_OK;
}

static void log_line(void *ctx, enum spn_log_level level, const char *text)
{
    const struct early *e = ctx;

    if (level == SPN_LOG_WARN && !e->quiet)
        message_warn("%s", text);
}

/* To stdout, as a command's results go there. */
static spn_status put(const struct spn_buf *b, bool *pipe_closed, struct spn_err *err)
{
    struct output o;
    spn_status st = output_open(&o, NULL, false, NULL, false, err);

    if (st == SPN_OK && b->data != NULL)
        st = output_bytes(&o, b->data, b->length, err);
    *pipe_closed |= o.closed;
    output_close(&o, NULL);
    return st;
}

static spn_status show_help(const struct cmdline_command *what, bool *pipe_closed,
                            struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(4 << 20);
    spn_status st = help_text(&b, what, err);

    if (st == SPN_OK)
        st = put(&b, pipe_closed, err);
    spn_buf_free(&b);
    return st;
}

/* Inputs of a command with records: its arguments, or the names in --files-from. */
static spn_status input_files(char ***names, size_t *n, const struct cmdline *c,
                              struct spn_err *err)
{
    const char *list = spn_value_str(c->values, "files-from");

    *names = NULL;
    *n = 0;
    return list != NULL ? input_names(names, n, list, spn_value_flag(c->values, "null"), err)
                        : SPN_OK;
}

static const char *text_option(const struct cmdline *c, const char *name)
{
    return spn_option_find(c->table, name, strlen(name)) != NULL ? spn_value_str(c->values, name)
                                                                 : NULL;
}

static bool flag_option(const struct cmdline *c, const char *name)
{
    return spn_option_find(c->table, name, strlen(name)) != NULL && spn_value_flag(c->values, name);
}

static spn_status run_job(const struct cmdline_command *what, struct cmdline *c, const char *owner,
                          bool *pipe_closed, struct spn_err *err)
{
    struct job_setup s = { .command = what->name,
                           .values = c->values,
                           .json = spn_value_flag(c->values, "json"),
                           .quiet = spn_value_flag(c->values, "quiet"),
                           .records = what->command->records };
    struct spn_buf run = SPN_BUF_INIT(1 << 20);
    struct spn_host host;
    struct spn_job *job = NULL;
    char **names = NULL, *identity = NULL;
    size_t n_names = 0, i;
    spn_status st = SPN_OK, end;

    tables_host(&host, (struct plugin *)plugins_find(owner));
    if (s.records) {
        s.output = spn_value_str(c->values, "output");
        s.resume = spn_value_flag(c->values, "resume");
        s.shard = spn_value_str(c->values, "shard");
        s.prompt = text_option(c, "prompt");
        s.prompt_key = spn_value_str(c->values, "prompt-key");
        st = input_files(&names, &n_names, c, err);
        s.files = n_names > 0 ? (const char *const *)names : c->args;
        s.n_files = n_names > 0 ? n_names : (size_t)c->n_args;
    }
    if (st == SPN_OK && s.output != NULL && what->command->model)
        st = engines_identity(&identity, err);
    if (st == SPN_OK && cmdline_run_text(&run, c, what->name, identity) != SPN_OK)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory", what->name);
    s.run = run.data;
    if (st == SPN_OK)
        st = job_open(&job, &s, err);
    if (st == SPN_OK) {
        const char *before = plugins_enter(owner);
        struct spn_err late = SPN_ERR_INIT;

        plugins_hold(owner, what->name);
        st = what->command->run(&host, job, c->values, c->n_args, (char **)c->args, err);
        plugins_release(owner, what->name);
        plugins_leave(before);
        *pipe_closed = job_pipe_closed(job);
        if (st == SPN_OK && job_failed(job) > 0)
            st = SPN_ENO;
        else if (st == SPN_EIO && net_is_url(err->text))
            job_say_lost(job, err);
        /* In order, unless that was not wanted or holes are left. */
        end = job_close(job, st == SPN_OK && !flag_option(c, "unordered"), &late);
        if (end != SPN_OK && (st == SPN_OK || st == SPN_ENO || st == SPN_ECANCEL)) {
            st = end;
            *err = late;
        }
    }
    for (i = 0; i < n_names; i++)
        spn_free(names[i]);
    spn_free(names);
    spn_free(identity);
    spn_buf_free(&run);
    return st;
}

/* --pictures, for commands and screens alike. Only on the command line does it mean pipes too: a
 * setting must not change what scripts read. */
static void ask_pictures(const struct cmdline *c, int argc, char **argv)
{
    static const char name[] = "--pictures";
    bool given = false;
    int i;

    for (i = 0; i < argc; i++)
        given |= strncmp(argv[i], name, sizeof name - 1) == 0;
    if (spn_option_find(c->table, name + 2, sizeof name - 3) != NULL)
        picture_way_ask(picture_way_parse(spn_value_str(c->values, name + 2)), given);
}

static spn_status run_command(const struct cmdline_command *what, const char *owner, int argc,
                              char **argv, bool *pipe_closed, struct spn_err *err)
{
    struct cmdline c;
    spn_status st = cmdline_parse(&c, what, argc, argv, err);

    if (st == SPN_OK && c.help)
        st = show_help(what, pipe_closed, err);
    else if (st == SPN_OK) {
        ask_pictures(&c, argc, argv);
        if (what->command->model)
            st = engines_configure(c.values, spn_value_flag(c.values, "quiet"), err);
        if (st == SPN_OK)
            st = run_job(what, &c, owner, pipe_closed, err);
    }
    cmdline_free(&c);
    return st;
}

/* `spinney FILE` on a terminal opens the screen that looks into it. */
static bool opens_screen(const struct early *e)
{
    return e->argc == 0 && isatty(0) && isatty(1) &&
           registry_find(SPN_POINT_VIEW, "ckpt") != NULL;
}

/* `spinney FILE` is `ckpt ls FILE`. */
static spn_status look_into(const struct early *e, const struct cmdline_command *what,
                            bool *pipe_closed, struct spn_err *err)
{
    char **argv = spn_calloc((size_t)e->argc + 2, sizeof *argv);
    spn_status st;

    if (argv == NULL)
        return spn_fail(err, SPN_ENOMEM, "spinney: no memory");
    argv[0] = (char *)"ls";
    argv[1] = (char *)e->command;
    memcpy(argv + 2, e->argv, (size_t)e->argc * sizeof *argv);
    st = run_command(what, "ckpt", e->argc + 2, argv, pipe_closed, err);
    spn_free(argv);
    return st;
}

/* A bench NAME is a command of its own: its options are not those of `bench`. */
static spn_status dispatch(const struct early *e, bool *pipe_closed, struct spn_err *err)
{
    const char *bench = NULL, *owner = "spinney", *name;
    struct help_command c;
    int i, argc = e->argc;
    size_t k;

    if (strcmp(e->command, "bench") == 0)
        for (i = 0; i < argc && bench == NULL; i++)
            if (registry_find(SPN_POINT_BENCH, e->argv[i]) != NULL) {
                bench = e->argv[i];
                memmove(e->argv + i, e->argv + i + 1, (size_t)(argc - i) * sizeof *e->argv);
                argc--;
            }
    if (help_command_find(&c, e->command, bench)) {
        enum spn_point point = bench != NULL ? SPN_POINT_BENCH : SPN_POINT_COMMAND;
        const char *who = NULL;

        for (k = 0; registry_at(point, k, &name, &who) != NULL; k++)
            if (strcmp(name, bench != NULL ? bench : e->command) == 0)
                owner = who;
        return run_command(&c.what, owner, argc, e->argv, pipe_closed, err);
    }
    if ((spn_path_exists(e->command) || strchr(e->command, '/') != NULL) &&
        help_command_find(&c, "ckpt", NULL)) {
        char *argv[] = { (char *)e->command };

        return opens_screen(e) ? screens_run("ckpt", 1, argv, err)
                               : look_into(e, &c.what, pipe_closed, err);
    }
    name = help_near(e->command);
    spn_fail(err, SPN_EUSAGE, "%s: no such command or file", e->command);
    return spn_cure(err, "spinney %s", name != NULL ? name : "help");
}

static spn_status start(const struct early *e, struct spn_err *err)
{
    spn_status st = paths_init(e->dir, err);
    size_t i;

    if (st == SPN_OK)
        st = spn_isa_check(err);
    if (st == SPN_OK)
        st = settings_load(err);
    if (st == SPN_OK)
        st = commands_register(err);
    if (st == SPN_OK)
        st = views_register(err);
    if (st == SPN_OK)
        st = plugins_start(e->plugin_dirs, e->n_plugin_dirs, err);
    for (i = 0; st == SPN_OK && !e->quiet && i < plugins_count(); i++)
        if (!plugins_at(i)->loaded && (e->command == NULL || strcmp(e->command, "plugins") != 0))
            message_warn("plugin refused: %s", plugins_at(i)->why_not);
    return st;
}

/* The screens, on a terminal or on a script. */
static spn_status run_screens(const struct cmdline *c, struct spn_err *err)
{
    const char *script = spn_value_str(c->values, "script"),
               *screen = spn_value_str(c->values, "screen");

    if (script != NULL)
        return screens_script(script, spn_value_str(c->values, "size"), screen, 0, NULL, err);
    return screens_run(screen, 0, NULL, err);
}

/* Without a command. */
static spn_status no_command(const struct early *e, int *code, bool *pipe_closed,
                             struct spn_err *err)
{
    static const struct spn_command none = { .summary = "", .options = screen_options };
    const struct cmdline_command what = { "help", "spinney", &none };
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    bool usage;
    struct cmdline c;
    spn_status st = cmdline_parse(&c, &what, e->argc, e->argv, err);

    usage = st == SPN_OK && !e->help && spn_value_str(c.values, "script") == NULL &&
            (!isatty(0) || !isatty(1));
    if (st == SPN_OK && (e->help || usage))
        help_overview(&b);
    else if (st == SPN_OK) {
        ask_pictures(&c, e->argc, e->argv);
        st = run_screens(&c, err);
    }
    cmdline_free(&c);
    if (st == SPN_OK && usage)
        fputs(b.data, stderr);
    else if (st == SPN_OK && b.length > 0)
        st = put(&b, pipe_closed, err);
    spn_buf_free(&b);
    *code = usage ? 2 : 0;
    return st;
}

static int exit_code(spn_status st)
{
    int number = job_signal() != 0 ? job_signal() : screens_signal();

    if (st == SPN_ECANCEL && number != 0)
        return 128 + number;
    return spn_exit_code(st);
}

int main(int argc, char **argv)
{
    struct spn_err err = SPN_ERR_INIT;
    struct early e = { 0 };
    bool pipe_closed = false;
    int code = 0;
    spn_status st;

    guard_install();
    job_signals();
    st = look_early(&e, argc, argv, &err);
    spn_log_sink(log_line, &e);
    if (st == SPN_OK && e.version && e.command == NULL) {
        e.command = "version";
        e.argc = 0;
    }
    if (st == SPN_OK)
        st = start(&e, &err);
    if (st == SPN_OK)
        st = e.command != NULL ? dispatch(&e, &pipe_closed, &err)
                               : no_command(&e, &code, &pipe_closed, &err);
    if (st == SPN_OK && fflush(stdout) != 0 && !pipe_closed)
        st = spn_fail(&err, SPN_EIO, "stdout: the results could not be written");
    if (st == SPN_ECANCEL && !pipe_closed)
        message_warn("stopped");
    else if (st != SPN_OK && !pipe_closed && (st != SPN_ENO || err.text[0] != '\0'))
        message_error(&err);
    if (st != SPN_OK)
        code = exit_code(st);
    engines_end();
    conversations_end();
    plugins_end(e.keep);
    registry_end();
    settings_end();
    paths_free();
    spn_free(e.argv);
    spn_free(e.plugin_dirs);
    if (pipe_closed) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return code;
}
