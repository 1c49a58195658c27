#include "config.h"

#include "command/commands.h"

#include <string.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "command/listing.h"
#include "command/model_open.h"
#include "host/job.h"
#include "host/models.h"
#include "text/template.h"

static const struct spn_option options[] = {
    { "fits", SPN_OPT_FLAG, .help = "only models that run in the memory that is free now" }, { 0 }
};

struct facts {
    char arch[64], type[32], tmpl[64], why_not[1100];
    uint64_t params, bytes;
    int64_t ctx;
    bool runs;
};

static uint64_t elements(const struct spn_tensor *t)
{
    uint64_t n = 1;
    int i;

    for (i = 0; i < t->ndim; i++)
        if (!spn_mul_u64(n, (uint64_t)t->dim[i], &n))
            return 0;
    return n;
}

static void read_header(struct facts *f, const struct spn_reader *r)
{
    const char *arch = spn_meta_str(r, "general.architecture"),
               *source = spn_meta_str(r, "tokenizer.chat_template");
    char key[128];
    size_t i;

    if (arch == NULL)
        arch = spn_meta_str(r, "config.model_type");
    snprintf(f->arch, sizeof f->arch, "%s", arch != NULL ? arch : "?");
    for (i = 0; i < spn_reader_count(r); i++) {
        const struct spn_tensor *t = &spn_reader_at(r, i)->t;

        f->params += elements(t);
        f->bytes += spn_tensor_bytes(t);
    }
    snprintf(f->type, sizeof f->type, "%s", spn_reader_count(r) > 0 ? model_type(r) : "none");
    snprintf(key, sizeof key, "%s.context_length", f->arch);
    if (!spn_meta_int(r, key, &f->ctx) &&
        !spn_meta_int(r, "config.max_position_embeddings", &f->ctx))
        f->ctx = 0;
    if (source == NULL)
        source = spn_meta_str(r, "tokenizer_config.chat_template");
    snprintf(f->tmpl, sizeof f->tmpl, "%s", spn_template_name(spn_template_detect(source)));
}

/* Opened as for a run, but without packing weights: every shape and the tokenizer are checked. */
static void look(struct facts *f, const char *path)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_lm_options o;
    struct spn_reader *r = NULL;
    struct spn_lm *lm = NULL;
    uint64_t left = spn_memory_free_bytes();

    *f = (struct facts){ 0 };
    snprintf(f->arch, sizeof f->arch, "?");
    snprintf(f->type, sizeof f->type, "?");
    snprintf(f->tmpl, sizeof f->tmpl, "none");
    if (spn_reader_open(&r, path, &err) == SPN_OK) {
        read_header(f, r);
        spn_lm_options_default(&o);
        o.pack = false;
        f->runs = spn_lm_open(&lm, path, &o, &err) == SPN_OK;
    }
    if (!f->runs) {
        snprintf(f->why_not, sizeof f->why_not, "%s", err.text);
    } else if (f->bytes > left) {
        f->runs = false;
        snprintf(f->why_not, sizeof f->why_not, "needs %.1f GiB for its weights, %.1f are free",
                 (double)f->bytes / (1 << 30), (double)left / (1 << 30));
    }
    spn_lm_close(lm);
    spn_reader_close(r);
}

static spn_status row(struct listing *l, const char *name, const char *path, const char *source,
                      bool fits, struct spn_err *err)
{
    struct facts f;
    char params[32], bytes[32], ctx[32];
    const char *cells[] = { name, f.arch, params, f.type, bytes, ctx, f.tmpl, source, "yes", path };

    look(&f, path);
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
                                 (json_int_t)f.bytes, "ctx", (json_int_t)f.ctx, "template", f.tmpl,
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
