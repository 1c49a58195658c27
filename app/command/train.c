/* train.c - `spinney train RECIPE`: the registered data sources of a recipe, its run, its model
 * file. */
#include "config.h"

#include "command/commands.h"

#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "tensor/dtype.h"
#include "train/loop.h"

static const struct spn_option options[] = {
    { "out", SPN_OPT_STRING, .help = "folder of the run: checkpoints, log.jsonl", .letter = 'o',
      .arg = "RUN" },
    { "resume", SPN_OPT_FLAG, .help = "go on from the newest checkpoint of the run" },
    { "from", SPN_OPT_STRING, .arg = "RUN",
      .help = "begin with the tokenizer and the newest weights of another run" },
    { "steps", SPN_OPT_INT, .lo = 0, .hi = 1e9, .help = "steps in all, instead of the recipe's",
      .arg = "N" },
    { "until", SPN_OPT_INT, .lo = 0, .hi = 1e9, .arg = "N",
      .help = "save and stop after this step; the schedule stays as it is" },
    { "seed", SPN_OPT_INT, .lo = 0, .hi = 9e15, .help = "seed, instead of the recipe's",
      .arg = "N" },
    { "threads", SPN_OPT_INT, .lo = 0, .hi = 1024,
      .help = "threads; 0: as many as this process may use", .arg = "N" },
    { "export", SPN_OPT_STRING, .help = "write the model there as GGUF at the end", .arg = "FILE" },
    { "type", SPN_OPT_STRING,
      .help = "type of its matrices, instead of the recipe's: f32, f16, bf16, q8_0",
      .arg = "TYPE" },
    { 0 }
};

/* ---- data sources ---- */

struct source {
    const struct spn_data  *data;
    struct spn_values      *values;
    struct spn_data_source *open;
    struct spn_train_part  *part; size_t room;
};

struct sources {
    struct source           *item;
    struct spn_train_source *list;
    size_t n;
};

static void sources_close(struct sources *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->item[i].open != NULL)
            s->item[i].data->close(s->item[i].open);
        spn_values_free(s->item[i].values);
        spn_free(s->item[i].part);
    }
    spn_free(s->item);
    spn_free(s->list);
    *s = (struct sources){ 0 };
}

/* The core has its own struct for a part, since it knows nothing of the plugin header. */
static spn_status example(void *ctx, uint64_t index, const struct spn_train_part **parts, size_t *n,
                          struct spn_err *err)
{
    struct source *s = ctx;
    const struct spn_example_part *from = NULL;
    spn_status st = s->data->example(s->open, index, &from, n, err);

    if (st == SPN_OK && *n > s->room) {
        struct spn_train_part *more = spn_realloc(s->part, *n, sizeof *more);
        if (more == NULL)
            return spn_fail(err, SPN_ENOMEM, "train: no memory left for an example of %zu parts",
                            *n);
        s->part = more;
        s->room = *n;
    }
    for (size_t i = 0; st == SPN_OK && i < *n; i++)
        s->part[i] = (struct spn_train_part){ from[i].text, from[i].length, from[i].weight,
                                              from[i].special };
    *parts = s->part;
    return st;
}

/* A path in a recipe is meant from the recipe's folder, so that a recipe works from wherever it is
 * called; a file that is not there is one of the caller's. */
static char *beside_recipe(const char *recipe, const char *file)
{
    const char *slash = strrchr(recipe, '/');
    char *dir, *path;

    if (slash == NULL || file[0] == '/')
        return spn_strdup(file);
    dir = spn_strndup(recipe, (size_t)(slash - recipe) + 1);
    path = dir != NULL ? spn_path_join(dir, file) : NULL;
    spn_free(dir);
    if (path != NULL && !spn_path_exists(path) && spn_path_exists(file)) {
        spn_free(path);
        path = spn_strdup(file);
    }
    return path;
}

static spn_status set_options(struct source *s, const struct spn_recipe *r,
                              const struct spn_recipe_data *d, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < d->n_options; i++) {
        const struct spn_recipe_pair *p = &d->option[i];
        const struct spn_option *o = spn_option_find(s->data->options, p->key, strlen(p->key));
        bool file = o != NULL && o->arg != NULL && strcmp(o->arg, "FILE") == 0;
        char *value = file ? beside_recipe(r->path, p->value) : spn_strdup(p->value);
        struct spn_err why = SPN_ERR_INIT;

        if (value == NULL)
            return spn_fail(err, SPN_ENOMEM, "%s:%d: no memory left for %s", r->path, p->line,
                            p->key);
        st = spn_values_set(s->values, p->key, value, &why);
        if (st != SPN_OK)
            st = spn_fail(err, SPN_EFORMAT, "%s:%d: [%s] %s", r->path, p->line, d->section,
                          why.text);
        spn_free(value);
    }
    return st;
}

static spn_status source_open(struct source *s, const struct spn_registry_api *registry,
                              const struct spn_recipe *r, const struct spn_recipe_data *d,
                              uint64_t seed, struct spn_err *err)
{
    spn_status st;

    s->data = registry->find(SPN_POINT_DATA, d->point);
    if (s->data == NULL) {
        spn_fail(err, SPN_ENOTFOUND, "%s:%d: no data source is called %s", r->path, d->line,
                 d->point);
        return spn_cure(err, "spinney plugins");
    }
    s->values = spn_values_new(s->data->options);
    if (s->values == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s:%d: no memory left for the options of %s", r->path,
                        d->line, d->point);
    st = set_options(s, r, d, err);
    return st == SPN_OK ? s->data->open(&s->open, s->values, seed, err) : st;
}

static spn_status sources_open(struct sources *s, const struct spn_host *h,
                               const struct spn_recipe *r, uint64_t seed, struct spn_err *err)
{
    const struct spn_registry_api *registry = h->query("registry", 1);
    spn_status st = SPN_OK;

    if (registry == NULL)
        return spn_fail(err, SPN_EINTERNAL, "train: this host has no table \"registry\" 1");
    s->item = spn_calloc(r->n_data, sizeof *s->item);
    s->list = spn_calloc(r->n_data, sizeof *s->list);
    if (s->item == NULL || s->list == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory left for %zu data sources", r->path,
                        r->n_data);
    for (s->n = 0; st == SPN_OK && s->n < r->n_data; s->n++) {
        st = source_open(&s->item[s->n], registry, r, &r->data[s->n], seed, err);
        s->list[s->n] = (struct spn_train_source){ r->data[s->n].section, r->data[s->n].weight,
                                                   example, &s->item[s->n] };
    }
    return st;
}

/* ---- the run ---- */

struct view {
    const struct spn_job_api *api;
    struct spn_job *job;
    struct spn_train_step last;
};

static void on_step(void *ctx, const struct spn_train_step *s)
{
    struct view *v = ctx;
    struct spn_buf what = SPN_BUF_INIT(256);

    v->last = *s;
    if (s->logged && v->api->json(v->job))
        v->api->emit(v->job,
                     json_pack("{s:I, s:f, s:f, s:f, s:I, s:I, s:f}", "step", (json_int_t)s->step,
                               "loss", s->loss, "lr", s->lr, "grad_norm", s->grad_norm, "tokens",
                               (json_int_t)s->tokens, "loss_tokens", (json_int_t)s->loss_tokens,
                               "tokens_per_s", s->tokens_per_s),
                     NULL, NULL);
    spn_buf_printf(&what, "loss %.4f, rate %.2e, %.0f tokens/s", s->loss, s->lr, s->tokens_per_s);
    v->api->progress(v->job, (double)s->step, (double)s->total,
                     what.data != NULL ? what.data : "training");
    spn_buf_free(&what);
}

static void say_start(const struct view *v, const struct spn_train *t)
{
    struct spn_buf line = SPN_BUF_INIT(512);
    struct spn_train_info i;

    spn_train_info_get(t, &i);
    spn_buf_printf(&line,
                   "train: %.3f M parameters, vocabulary %lld, %d worker%s, %.0f MB, "
                   "step %lld of %lld",
                   (double)i.params / 1e6, (long long)i.vocab, i.workers, i.workers == 1 ? "" : "s",
                   (double)i.bytes / 1e6, (long long)i.step, (long long)i.total);
    if (line.data != NULL)
        v->api->say(v->job, line.data);
    spn_buf_free(&line);
}

/* The last line: where the work of the run lies. */
static spn_status emit_end(const struct view *v, const struct spn_train *t, const char *run,
                           const char *file, struct spn_err *err)
{
    struct spn_buf text = SPN_BUF_INIT(16384);
    struct spn_train_info i;
    json_t *o;
    spn_status st;

    spn_train_info_get(t, &i);
    o = json_pack("{s:b, s:I, s:o, s:s?, s:s?}", "done", 1, "step", (json_int_t)i.step, "loss",
        v->last.step > 0 ? json_real(v->last.loss) : json_null(), "run", run, "file", file);
    spn_buf_printf(&text, "step\t%lld\n", (long long)i.step);
    if (v->last.step > 0)
        spn_buf_printf(&text, "loss\t%.4f\n", v->last.loss);
    if (run != NULL)
        spn_buf_printf(&text, "run\t%s\n", run);
    if (file != NULL)
        spn_buf_printf(&text, "file\t%s\n", file);
    st = v->api->emit(v->job, o, text.data, err);
    spn_buf_free(&text);
    return st;
}

static spn_status pick_type(const struct spn_recipe *r, const char *name, int *type,
                            struct spn_err *err)
{
    *type = name != NULL ? spn_dtype_by_name(name) : r->export_dtype;
    if (*type < 0 || !spn_dtype_info(*type)->encode)
        return spn_fail(err, SPN_EUSAGE,
                        "train: --type %s: no type that can be written (f32, f16, bf16, q8_0)",
                        name);
    return SPN_OK;
}

static spn_status run(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct view view = { .api = h->query("job", 1), .job = job };
    const char *dir = spn_value_str(v, "out"), *file = spn_value_str(v, "export");
    int threads = (int)spn_value_int(v, "threads"), type = 0;
    struct spn_train_options o = { .run = dir,
                                   .resume = spn_value_flag(v, "resume"),
                                   .from = spn_value_str(v, "from"),
                                   .steps = spn_value_int(v, "steps"),
                                   .until = spn_value_int(v, "until"),
                                   .cancel = view.api->cancel(job),
                                   .on_step = on_step,
                                   .ctx = &view };
    struct spn_recipe *r = NULL;
    struct spn_train *t = NULL;
    struct sources sources = { 0 };
    spn_status st;

    if (dir == NULL && file == NULL) {
        spn_fail(err, SPN_EUSAGE, "train: neither -o RUN nor --export FILE: nothing would be kept");
        return spn_cure(err, "spinney train %s -o RUN", argv[0]);
    }
    if (o.resume && dir == NULL)
        return spn_fail(err, SPN_EUSAGE, "train: --resume wants -o RUN, the run that goes on");
    st = spn_recipe_open(&r, argv[0], err);
    if (st == SPN_OK)
        st = pick_type(r, spn_value_str(v, "type"), &type, err);
    if (st == SPN_OK) {
        o.seed = spn_value_given(v, "seed") ? spn_value_int(v, "seed") : r->seed;
        o.pool = spn_pool_new(threads > 0 ? threads : spn_threads_allowed());
        st = o.pool != NULL ? sources_open(&sources, h, r, (uint64_t)o.seed, err)
                            : spn_fail(err, SPN_ENOMEM, "train: no memory left for threads");
    }
    if (st == SPN_OK)
        st = spn_train_open(&t, r, sources.list, sources.n, &o, err);
    if (st == SPN_OK) {
        say_start(&view, t);
        st = spn_train_run(t, err);
    }
    if (st == SPN_OK && file != NULL)
        st = spn_train_export(t, file, type, err);
    if (st == SPN_OK)
        st = emit_end(&view, t, dir, file, err);
    spn_train_close(t);
    sources_close(&sources);
    spn_pool_free(o.pool);
    spn_recipe_free(r);
    return st;
}

const struct spn_command command_train = {
    .summary = "train a small model from a recipe",
    .usage = "train RECIPE [-o RUN] [--resume] [--from RUN] [--steps N] [--export FILE]",
    .details = "Trains the model that RECIPE describes on the data that it names, from scratch. "
               "RUN receives checkpoint-N folders and log.jsonl;\n"
               "a run that was stopped, or killed, goes on with --resume to the same weights as "
               "one that was not. Ctrl-C saves a checkpoint first.\n"
               "\n"
               "--from begins with what another run has learnt; its recipe has to describe the "
               "same model. The rate, the moments and the\n"
               "count of steps begin anew.\n"
               "\n"
               "Paths in a recipe are meant from the recipe's folder; files that are not there, "
               "from where spinney was called. The number of\n"
               "threads does not change the weights.",
    .examples = "spinney train share/recipes/mini.ini -o /tmp/run --steps 2 --export "
                "/tmp/mini.gguf\n",
    .options = options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
