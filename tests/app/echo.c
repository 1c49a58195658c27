/* echo.c - a plugin for the tests of batch mode: its command gives each record back, fails when it
 * is told to, takes its time. */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "spinney/plugin.h"

static const struct spn_option options[] = {
    { "prompt", SPN_OPT_STRING, .letter = 'p', .arg = "TEXT",
      .help = "one prompt; stdin is attached" },
    { "reason", SPN_OPT_STRING, .dflt.s = "none", .arg = "NAME", .help = "a reasoner" },
    { "task", SPN_OPT_STRING, .dflt.s = "auto", .arg = "NAME", .help = "a task" },
    { "loud", SPN_OPT_FLAG, .help = "upper case" },
    { "fence", SPN_OPT_FLAG, .dflt.b = true, .help = "angles around the text" },
    { "scale", SPN_OPT_FLOAT, .lo = 0, .hi = 10, .dflt.f = 0.1, .help = "a number" },
    { "sleep-ms", SPN_OPT_INT, .hi = 100000, .help = "time for each record" },
    { 0 }
};

static spn_status one(const struct spn_job_api *api, struct spn_job *job,
                      const struct spn_record *r, const struct spn_values *v, struct spn_err *err)
{
    const char *prompt = json_string_value(json_object_get(r->object, "prompt"));
    struct spn_buf b = SPN_BUF_INIT(1 << 24);
    json_t *o, *id = json_object_get(r->object, "id");
    struct timespec t = { spn_value_int(v, "sleep-ms") / 1000,
                          spn_value_int(v, "sleep-ms") % 1000 * 1000000 };
    size_t i;
    spn_status st;

    if (prompt == NULL)
        prompt = "messages";
    if (strcmp(prompt, "crash") == 0)
        raise(SIGSEGV);
    if (strncmp(prompt, "fail", 4) == 0)
        return spn_fail(err, SPN_EFORMAT, "record %lld: told to fail", (long long)r->index);
    nanosleep(&t, NULL);
    if (spn_cancelled(api->cancel(job)))
        return SPN_ECANCEL;
    spn_buf_printf(&b, "%s%s%s\n", spn_value_flag(v, "fence") ? "<" : "", prompt,
                   spn_value_flag(v, "fence") ? ">" : "");
    for (i = 0; spn_value_flag(v, "loud") && i < b.length; i++)
        if (b.data[i] >= 'a' && b.data[i] <= 'z')
            b.data[i] -= 32;
    o = json_pack("{s:O?, s:I, s:s, s:f, s:s}", "id", id, "index", (json_int_t)r->index, "text",
                  b.data, "scale", spn_value_float(v, "scale"), "reason",
                  spn_value_str(v, "reason"));
    st = api->emit(job, o, b.data, err);
    spn_buf_free(&b);
    return st;
}

static spn_status run(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    const struct spn_job_api *api = h->query("job", 1);
    struct spn_record *r;
    spn_status st = SPN_OK;

    while (st == SPN_OK) {
        struct spn_err why = SPN_ERR_INIT;

        st = api->next_record(job, &r, &why);
        if (st == SPN_OK && r == NULL)
            return SPN_OK;
        if (st == SPN_OK)
            st = one(api, job, r, v, &why);
        if (st == SPN_EFORMAT && r != NULL) {
            api->record_failed(job, r, &why);
            st = SPN_OK;
        } else if (st != SPN_OK) {
            *err = why;
        }
        api->progress(job, 1, 2, "records");
    }
    return st;
}

static const struct spn_command command = {
    .summary = "give records back",
    .usage = "echo [-p TEXT] [FILE…]",
    .options = options,
    .records = true,
    .arguments_max = -1,
    .run = run,
};

static const struct spn_option forest[] = {
    { "trees", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 8, .help = "trees" },
    { "stop", SPN_OPT_FLAG, .dflt.b = true, .help = "stop early" },
    { "note", SPN_OPT_STRING, .help = "a text" },
    { 0 }
};
static spn_status no_run(const struct spn_reason_request *r, struct spn_reason_result *out,
                         struct spn_err *err)
{
    return spn_fail(err, SPN_EUSAGE, "only a name");
}
static const struct spn_reasoner grove = { .summary = "only a name",
                                           .options = forest,
                                           .run = no_run };

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);
    spn_status st = registry->add(host, SPN_POINT_COMMAND, "echo", &command, err);

    return st != SPN_OK ? st : registry->add(host, SPN_POINT_REASONER, "grove", &grove, err);
}

SPN_PLUGIN(echo) = {
    SPN_PLUGIN_HEAD,
    .name = "echo",
    .summary = "batch mode's test plugin",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_COMMAND) | SPN_HAS(SPN_POINT_REASONER),
    .declare = declare,
};
