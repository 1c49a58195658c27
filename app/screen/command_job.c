/* command_job.c - a command of batch mode as a job of a screen: the same function, its results as
 * objects. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "host/cmdline.h"
#include "host/engines.h"
#include "host/help.h"
#include "host/job.h"
#include "host/plugins.h"
#include "host/registry.h"
#include "host/tables.h"
#include "screen/work.h"

struct command_job {
    struct help_command found;
    struct cmdline line;
    char **argv; /* copies */
    int argc;
    const char *owner;
    struct spn_work *work;
    void (*record)(void *ctx, json_t *object_take);
    void (*done)(void *ctx, spn_status st, const struct spn_err *err);
    void *ctx;
};

static void free_job(struct command_job *c)
{
    int i;

    cmdline_free(&c->line);
    for (i = 0; c->argv != NULL && i < c->argc; i++)
        spn_free(c->argv[i]);
    spn_free(c->argv);
    spn_free(c);
}

/* ---- on the job's thread ---- */

static void on_record(void *ctx, json_t *object_take)
{
    struct command_job *c = ctx;

    work_post(c->work, object_take);
}

static void on_progress(void *ctx, double done, double total)
{
    struct command_job *c = ctx;

    work_progress(c->work, done, total);
}

static void on_say(void *ctx, const char *text)
{
}

static spn_status run(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct command_job *c = ctx;
    struct job_sink sink = { on_record, on_progress, on_say, work_cancel(w), c };
    struct job_setup setup = { .command = c->found.what.name,
                               .values = c->line.values,
                               .json = true,
                               .quiet = true,
                               .records = c->found.what.command->records,
                               .files = c->line.args,
                               .n_files = (size_t)c->line.n_args,
                               .sink = &sink };
    struct spn_job *job = NULL;
    struct spn_host host;
    spn_status st, end;

    c->work = w;
    if (spn_option_find(c->line.table, "prompt", 6) != NULL)
        setup.prompt = spn_value_str(c->line.values, "prompt");
    tables_host(&host, (struct plugin *)plugins_find(c->owner));
    st = job_open(&job, &setup, err);
    if (st != SPN_OK)
        return st;
    st = c->found.what.command->run(&host, job, c->line.values, c->line.n_args,
                                    (char **)c->line.args, err);
    end = job_close(job, false, st == SPN_OK ? err : NULL);
    return st != SPN_OK ? st : end;
}

/* ---- on the main thread ---- */

static void message(void *ctx, void *message_take)
{
    struct command_job *c = ctx;

    c->record(c->ctx, message_take);
}

static void done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct command_job *c = ctx;

    plugins_release(c->owner, c->found.what.name);
    if (c->done != NULL)
        c->done(c->ctx, st, err);
    free_job(c);
}

static const char *owner_of(const char *command)
{
    const char *name, *who;
    size_t i;

    for (i = 0; registry_at(SPN_POINT_COMMAND, i, &name, &who) != NULL; i++)
        if (strcmp(name, command) == 0)
            return who;
    return "spinney";
}

spn_status command_start(struct spn_screen *s, int argc, const char *const *argv,
                         void (*record)(void *ctx, json_t *object_take),
                         void (*on_done)(void *ctx, spn_status st, const struct spn_err *err),
                         void *ctx, struct spn_err *err)
{
    struct command_job *c = spn_calloc(1, sizeof *c);
    struct spn_work_spec spec = { .run = run, .message = message, .done = done, .ctx = c };
    spn_status st = SPN_OK;
    int i;

    if (c != NULL)
        c->argv = spn_calloc((size_t)argc + 1, sizeof *c->argv);
    if (c == NULL || c->argv == NULL) {
        spn_free(c);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", argv[0]);
    }
    for (i = 1; st == SPN_OK && i < argc; i++)
        if ((c->argv[c->argc++] = spn_strdup(argv[i])) == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory", argv[0]);
    c->record = record;
    c->done = on_done;
    c->ctx = ctx;
    if (st == SPN_OK && !help_command_find(&c->found, argv[0], NULL))
        st = spn_fail(err, SPN_EUSAGE, "%s: no such command", argv[0]);
    if (st == SPN_OK)
        st = cmdline_parse(&c->line, &c->found.what, c->argc, c->argv, err);
    if (st == SPN_OK && c->found.what.command->model)
        st = engines_configure(c->line.values, true, err);
    if (st == SPN_OK) {
        c->owner = owner_of(argv[0]);
        spec.what = c->found.what.name;
        plugins_hold(c->owner, c->found.what.name);
        st = work_start(s, &spec, err);
        if (st != SPN_OK)
            plugins_release(c->owner, c->found.what.name);
    }
    if (st != SPN_OK)
        free_job(c);
    return st;
}
