#include "config.h"

#include "command/commands.h"

#include <string.h>

#include "base/mem.h"
#include "command/listing.h"
#include "host/job.h"
#include "host/model_facts.h"
#include "host/models.h"

static const struct spn_option options[] = {
    { "fits", SPN_OPT_FLAG, .help = "only models that run in the memory that is free now" }, { 0 }
};

static spn_status row(struct listing *l, const char *name, const char *path, const char *source,
                      bool fits, struct spn_err *err)
{
    struct model_facts f;
    char params[32], bytes[32], ctx[32];
    const char *cells[] = { name, f.arch, params, f.type, bytes, ctx, f.chat, source, "yes", path };

    model_facts_read(&f, path);
    if (fits && !f.runs)
        return SPN_OK;
    if (!f.runs)
        cells[8] = f.why_not;
    snprintf(params, sizeof params, "%llu", (unsigned long long)f.params);
    snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)f.bytes);
    snprintf(ctx, sizeof ctx, "%lld", (long long)f.ctx);
    return listing_row(l,
                       json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:s, s:n, s:b, s:s?}",
                                 "name", name, "path", path, "source", source, "arch", f.arch,
                                 "params", (json_int_t)f.params, "type", f.type, "bytes",
                                 (json_int_t)f.bytes, "ctx", (json_int_t)f.ctx, "template", f.chat,
                                 "mmproj", "runs", f.runs, "why_not", f.runs ? NULL : f.why_not),
                       cells, err);
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    static const char *const heads[] = { "NAME",    "ARCH",     "PARAMETERS", "TYPE", "BYTES",
                                         "CONTEXT", "TEMPLATE", "SOURCE",     "RUNS", "PATH" };
    struct model_place *list = NULL;
    struct listing l;
    size_t n = 0, i;
    spn_status st = SPN_OK, end;
    int k;

    listing_begin(&l, job, heads, sizeof heads / sizeof *heads);
    if (argc == 0)
        st = models_list(&list, &n, err);
    for (i = 0; st == SPN_OK && i < n; i++)
        st = row(&l, list[i].name, list[i].path, list[i].source, spn_value_flag(v, "fits"), err);
    for (k = 0; st == SPN_OK && k < argc; k++) {
        char *path = NULL;

        st = models_resolve(&path, NULL, argv[k], err);
        if (st == SPN_OK)
            st = row(&l, argv[k], path, "named", spn_value_flag(v, "fits"), err);
        spn_free(path);
    }
    end = listing_end(&l, st == SPN_OK ? err : NULL);
    models_free(list, n);
    return st != SPN_OK ? st : end;
}

const struct spn_command command_models = {
    .summary = "models that a name can mean, and whether they run",
    .usage = "models [MODEL…] [--fits] [--json]",
    .details = "One row a model of $XDG_DATA_HOME/spinney/models and of those that come with "
               "spinney; with arguments, of these files and\n"
               "folders. RUNS is yes, or why not. A name is looked up in this order: a path, your "
               "models, the shipped ones.",
    .examples = "spinney models\nspinney models --fits --json\n",
    .options = options,
    .arguments_max = -1,
    .run = run,
};
