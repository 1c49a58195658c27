#include "config.h"

#include "command/commands.h"

#include <string.h>

#include "command/selftest_core.h"
#include "host/job.h"
#include "host/plugins.h"
#include "host/verdicts.h"

struct tap {
    struct spn_job *job;
    int run, failed;
};

static spn_status result(struct tap *t, const char *name, spn_status verdict,
                         const struct spn_err *why, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 14);
    json_t *o;
    spn_status st;

    t->run++;
    t->failed += verdict != SPN_OK;
    spn_buf_printf(&b, "%s %d - %s\n", verdict == SPN_OK ? "ok" : "not ok", t->run, name);
    if (verdict != SPN_OK)
        spn_buf_printf(&b, "# %s\n", why->text);
    o = json_pack("{s:s, s:b}", "name", name, "ok", verdict == SPN_OK);
    if (verdict != SPN_OK)
        json_object_set_new(o, "error", json_string(why->text));
    st = table_job.emit(t->job, o, b.data, err);
    spn_buf_free(&b);
    return st;
}

static spn_status plugin_test(struct tap *t, const struct plugin *p, struct spn_err *err)
{
    struct spn_err why = SPN_ERR_INIT;
    char name[96];

    if (p->loaded && p->desc.selftest == NULL)
        return SPN_OK;
    snprintf(name, sizeof name, "plugin %s", p->name);
    if (!p->loaded)
        return result(t, name, spn_fail(&why, p->refused, "%s", p->why_not), &why, err);
    return result(t, name, verdicts_run(p, &why), &why, err);
}

static spn_status plugin_tests(struct tap *t, int argc, char **argv, struct spn_err *err)
{
    spn_status st = SPN_OK;
    size_t i;
    int k;

    for (k = 0; k < argc; k++)
        if (strcmp(argv[k], "core") != 0 && plugins_find(argv[k]) == NULL) {
            spn_fail(err, SPN_ENOTFOUND, "%s: no such plugin is loaded", argv[k]);
            return spn_cure(err, "spinney plugins");
        }
    for (i = 0; st == SPN_OK && i < plugins_count(); i++) {
        bool wanted = argc == 0;

        for (k = 0; k < argc; k++)
            wanted |= strcmp(argv[k], plugins_at(i)->name) == 0;
        if (spn_cancelled(table_job.cancel(t->job)))
            return SPN_ECANCEL;
        if (wanted)
            st = plugin_test(t, plugins_at(i), err);
    }
    return st;
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct tap t = { .job = job };
    struct spn_err why = SPN_ERR_INIT;
    char plan[32];
    bool core = argc == 0;
    spn_status st = SPN_OK;
    size_t i;
    int k;

    for (k = 0; k < argc; k++)
        core |= strcmp(argv[k], "core") == 0;
    verdicts_load();
    for (i = 0; core && st == SPN_OK; i++) {
        char name[128];
        spn_status verdict = selftest_core(i, name, sizeof name, &why);

        if (verdict == SPN_ENOTFOUND)
            break;
        st = result(&t, name, verdict, &why, err);
    }
    if (st == SPN_OK)
        st = plugin_tests(&t, argc, argv, err);
    snprintf(plan, sizeof plan, "1..%d\n", t.run);
    if (st == SPN_OK)
        st = table_job.emit(job, NULL, plan, err);
    verdicts_save(false, NULL);
    verdicts_end();
    if (st == SPN_OK && t.failed > 0)
        return spn_fail(err, SPN_ENO, "selftest: %d of %d failed", t.failed, t.run);
    return st;
}

const struct spn_command command_selftest = {
    .summary = "checks of the core on this processor and of each plugin",
    .usage = "selftest [core] [PLUGIN…] [--json]",
    .details = "Prints TAP: the core's checks with the instruction set in use, then the selftest "
               "of every plugin. Names choose some of them.\n"
               "Exit status 1 when one failed.",
    .examples = "spinney selftest\nspinney selftest core\n",
    .arguments_max = -1,
    .run = run,
};
