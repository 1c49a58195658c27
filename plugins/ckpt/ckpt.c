/* ckpt.c - `spinney ckpt VERB PATH …`: the table of verbs and the options that each takes. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/pool.h"
#include "screen.h"
#include "verbs.h"

static const struct spn_option options[] = {
    { "sort", SPN_OPT_CHOICE, .choices = "file name size dtype", .dflt.s = "file",
      .help = "order of the rows" },
    { "reverse", SPN_OPT_FLAG, .letter = 'r', .help = "turn the order round" },
    { "tree", SPN_OPT_FLAG, .help = "ls: totals by prefix, layers that repeat as one line" },
    { "depth", SPN_OPT_INT, .hi = 64, .arg = "N", .help = "ls --tree: levels shown, 0 all" },
    { "unfold", SPN_OPT_FLAG, .help = "ls --tree: every layer a line of its own" },
    { "percentiles", SPN_OPT_STRING, .dflt.s = "1,5,25,50,75,95,99", .arg = "LIST",
      .help = "exact percentiles, or none (several times faster)" },
    { "bins", SPN_OPT_INT, .hi = SPN_BINS_MAX, .arg = "N",
      .help = "bins of the histogram, 0: hist 40, stats none" },
    { "slice", SPN_OPT_STRING, .arg = "LIST",
      .help = "show, heat: ranges by dimension, as 0:4,10:12" },
    { "cell", SPN_OPT_CHOICE, .choices = "mean peak rms", .dflt.s = "mean",
      .help = "heat: what a cell shows; peak is the number farthest from zero" },
    { "log", SPN_OPT_FLAG, .help = "heat: four decades instead of a straight scale" },
    { "down", SPN_OPT_INT, .hi = 8192, .arg = "N", .help = "heat: cells down, 0 as fits" },
    { "across", SPN_OPT_INT, .hi = 8192, .arg = "N", .help = "heat: cells across, 0 as fits" },
    { "plot", SPN_OPT_FLAG, .help = "series: bars below the table" },
    { "dtype", SPN_OPT_STRING, .arg = "TYPE",
      .help = "convert, export: type of what is written, as f32, bf16, q8_0" },
    { "output", SPN_OPT_STRING, .letter = 'o', .arg = "FILE",
      .help = "export: the file; heat: a PGM image" },
    { "codec", SPN_OPT_STRING, .dflt.s = "excp", .arg = "NAME[:OPTIONS]",
      .help = "compress: the codec, see spinney plugins" },
    { "key-every", SPN_OPT_INT, .hi = 1000000, .dflt.i = 10, .arg = "N",
      .help = "compress: every Nth step hangs on no other, 0 only the first" },
    { "step", SPN_OPT_INT, .hi = 9007199254740992.0, .arg = "N",
      .help = "restore, export: which step of a store, else the newest" },
    { "before", SPN_OPT_STRING, .arg = "DIR",
      .help = "restore: the step that a compressed.pt of the codec's own program hangs on" },
    { "tol", SPN_OPT_FLOAT, .hi = 1e300, .arg = "T",
      .help = "diff: largest relative error that counts as the same" },
    { "threads", SPN_OPT_INT, .hi = 1024, .arg = "N",
      .help = "threads, 0 as many as this process may use" },
    { 0 }
};

static const struct verb {
    const char *name;
    verb_fn *run;
    int arguments_min, arguments_max; /* -1: any number */
    const char *options;              /* of its own, blank between; threads is everybody's */
    const char *usage;
} verbs[] = {
    { "ls", verb_ls, 1, -1, "sort reverse tree depth unfold", "ls PATH [GLOB...]" },
    { "show", verb_show, 2, 2, "slice percentiles", "show PATH TENSOR" },
    { "stats", verb_stats, 1, -1, "sort reverse percentiles bins", "stats PATH [GLOB...]" },
    { "hist", verb_hist, 1, -1, "sort reverse bins", "hist PATH [GLOB...]" },
    { "heat", verb_heat, 2, 2, "slice cell log down across output", "heat PATH TENSOR" },
    { "series", verb_series, 1, -1, "plot", "series RUN [GLOB...]" },
    { "convert", verb_convert, 2, 2, "dtype", "convert IN OUT" },
    { "export", verb_export, 1, -1, "dtype output sort reverse step",
      "export PATH [GLOB...] -o FILE" },
    { "compress", verb_compress, 1, 1, "codec key-every output", "compress RUN -o STORE" },
    { "restore", verb_restore, 1, 1, "step output before codec", "restore STORE --step N -o DIR" },
    { "diff", verb_diff, 2, -1, "tol", "diff A B [GLOB...]" },
    { "meta", verb_meta, 1, 2, "", "meta PATH [KEY]" },
    { "health", verb_health, 1, -1, "", "health PATH [GLOB...]" },
    { "verify", verb_verify, 1, 1, "", "verify PATH" },
};

static bool among(const char *list, const char *word)
{
    size_t n = strlen(word);

    while (*list != '\0') {
        size_t len = strcspn(list, " ");

        if (len == n && memcmp(list, word, n) == 0)
            return true;
        list += len + (list[len] == ' ');
    }
    return false;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static spn_status no_verb(const char *name, struct spn_err *err)
{
    const char *near = "ls";
    int least = 3;

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        int d = spn_edit_distance(name, verbs[i].name, least);

        if (d < least) {
            least = d;
            near = verbs[i].name;
        }
    }
    spn_fail(err, SPN_EUSAGE, "ckpt: %.100s is none of its verbs", name);
    return spn_cure(err, "spinney ckpt %s PATH", near);
}

static spn_status check_use(const struct verb *verb, const struct run *r, struct spn_err *err)
{
    for (const struct spn_option *o = options; o->name != NULL; o++)
        if (strcmp(o->name, "threads") != 0 && spn_value_given(r->v, o->name) &&
            !among(verb->options, o->name))
            return spn_fail(err, SPN_EUSAGE, "ckpt %s: --%s is not one of its options", verb->name,
                            o->name);
    if (r->argc < verb->arguments_min ||
        (verb->arguments_max >= 0 && r->argc > verb->arguments_max)) {
        spn_fail(err, SPN_EUSAGE, "ckpt %s: %d arguments follow", verb->name, r->argc);
        return spn_cure(err, "spinney ckpt %s", verb->usage);
    }
    return SPN_OK;
}

static void progress(void *ctx, int64_t done, int64_t total)
{
    const struct run *r = ctx;

    r->api->progress(r->job, (double)done / 1e6, (double)total / 1e6, "million numbers");
}

static spn_status run(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    const struct verb *verb = find_verb(argv[0]);
    int64_t threads = spn_value_int(v, "threads");
    struct run r = { .host = h,
                     .job = job,
                     .api = h->query("job", 1),
                     .v = v,
                     .verb = argv[0],
                     .argc = argc - 1,
                     .argv = argv + 1 };
    spn_status st;

    if (verb == NULL)
        return no_verb(argv[0], err);
    st = check_use(verb, &r, err);
    if (st != SPN_OK)
        return st;
    r.pool = spn_pool_new(threads > 0 ? (int)threads : spn_threads_allowed());
    if (r.pool == NULL)
        return spn_fail(err, SPN_ENOMEM, "ckpt: no memory for threads");
    r.how = (struct spn_measure){
        .pool = r.pool, .cancel = r.api->cancel(job), .progress = progress, .progress_ctx = &r
    };
    st = verb->run(&r, err);
    spn_pool_free(r.pool);
    return st;
}

static const struct spn_command command = {
    .summary = "look into checkpoints: list, statistics, compare, convert",
    .usage = "ckpt VERB PATH [ARGUMENT...]",
    .details =
        "PATH is a file of tensors (GGUF, safetensors and what else spinney-formats(5) lists), a\n"
        "folder of a model or of a training step, or a run, whose newest step is taken. A GLOB\n"
        "keeps the tensors whose name matches; a name up to a dot keeps all below it.\n"
        "\n"
        "  ls PATH [GLOB...]        tensors: name, type, shape, bytes, offset, file\n"
        "  show PATH TENSOR         numbers of one tensor (--slice), and its statistics\n"
        "  stats PATH [GLOB...]     smallest, largest, mean, deviation, norm, zeros, NaN,\n"
        "                           infinities, exact percentiles, histogram (--bins)\n"
        "  hist PATH [GLOB...]      histograms as bars\n"
        "  heat PATH TENSOR         a matrix as a picture in characters, or a PGM file (-o)\n"
        "  series RUN [GLOB...]     a run from step to step: norms, sizes of updates, dead units\n"
        "  convert IN OUT           OUT is .safetensors, .gguf, .pt, .npz, or a folder. A\n"
        "                           model changes names and row order too, between GGUF and\n"
        "                           Hugging Face\n"
        "  export PATH [GLOB...]    some tensors into a file of their own (-o); of a store a step\n"
        "                           (--step) as the method's own program writes it\n"
        "  compress RUN -o STORE    every step of a run packed by a codec; a store that is there\n"
        "                           goes on after its last step\n"
        "  restore STORE -o DIR     a step (--step) as files again; also of a file that export\n"
        "                           or the method's own program wrote, over --before DIR\n"
        "  diff A B [GLOB...]       tensor by tensor: missing, renamed, shape, largest absolute\n"
        "                           and relative error, cosine; exit 1 when they differ beyond\n"
        "                           --tol. A model folder and its GGUF compare by meaning:\n"
        "                           names mapped, quantised values decoded\n"
        "  meta PATH [KEY]          what else the file says: keys, settings, tokenizer\n"
        "  health PATH [GLOB...]    NaN, infinities, zero rows, shapes or types unlike their\n"
        "                           kind, layers and shards missing, copies; exit 1 when any\n"
        "  verify PATH              is a file, folder or store whole, what do its pickles name;\n"
        "                           exit 1 when it is not, or names what no checkpoint needs\n"
        "\n"
        "The relative error is the norm of the difference over the norm of B. Figures are over\n"
        "finite numbers; NaN and infinities are counted apart. Results do not depend on the\n"
        "number of threads.",
    .examples = "spinney ckpt ls share/models/forest-mini.gguf --sort size\n"
                "spinney ckpt ls share/models/forest-mini.gguf --tree\n"
                "spinney ckpt stats share/models/forest-mini.gguf 'blk.0.*' --json\n"
                "spinney ckpt hist share/models/forest-mini.gguf token_embd.weight\n"
                "spinney ckpt heat share/models/forest-mini.gguf blk.0.attn_q.weight --cell rms\n"
                "spinney ckpt convert share/models/forest-mini.gguf /tmp/forest-mini-hf\n"
                "spinney ckpt export share/models/forest-mini.gguf blk.0 -o /tmp/blk0.safetensors\n"
                "spinney ckpt meta share/models/forest-mini.gguf general.architecture\n"
                "spinney ckpt diff share/models/forest-mini.gguf share/models/forest-mini.gguf\n",
    .options = options,
    .arguments_min = 1,
    .arguments_max = -1,
    .run = run,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);
    spn_status st;

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "ckpt: this host has no table \"registry\" 1");
    st = registry->add(host, SPN_POINT_COMMAND, "ckpt", &command, err);
    return st == SPN_OK ? registry->add(host, SPN_POINT_VIEW, "ckpt", &ckpt_view_screen, err) : st;
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    float x[5] = { 3, -4, 0, 12, 0 };
    const int64_t dim = 5;
    struct spn_tensor t;
    struct spn_stats s;
    spn_status st = spn_tensor_init(&t, SPN_F32, 1, &dim, x, err);

    if (st == SPN_OK)
        st = spn_stats_run(&s, &t, NULL, err);
    if (st == SPN_OK && !(s.norm == 13 && s.min == -4 && s.max == 12 && s.zeros == 2))
        st = spn_fail(err, SPN_ENO, "ckpt: statistics of five numbers are wrong: norm %g", s.norm);
    if (st == SPN_OK && ckpt_compare_names("layers.9.w", "layers.10.w") >= 0)
        st = spn_fail(err, SPN_ENO, "ckpt: layer 9 does not come before layer 10");
    return st;
}

SPN_PLUGIN(ckpt) = {
    SPN_PLUGIN_HEAD,
    .name = "ckpt",
    .summary = "look into checkpoints: tensors, statistics, differences",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_COMMAND) | SPN_HAS(SPN_POINT_VIEW),
    .declare = declare,
    .selftest = selftest,
};
