/* lab.c - `spinney lab`: the curves of training runs as records. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "format/curves.h"
#include "lab.h"

static const struct spn_option options[] = {
    { "curve", SPN_OPT_STRING, .arg = "GLOB", .many = true,
      .help = "only curves whose name fits, as \"train/*\"" },
    { "smooth", SPN_OPT_FLOAT, .lo = 0, .hi = 0.9999, .arg = "W",
      .help = "weight of the exponential mean, freed of its beginning at zero" },
    { "points", SPN_OPT_FLAG, .help = "a row a point instead of one a curve" },
    { 0 }
};

struct lab {
    struct spn_job *job;
    const struct spn_job_api *api;
    const char *glob[16];
    size_t n_globs;
    double smooth;
    bool points;
    int found;
    spn_status st;
    struct spn_err *err;
};

/* Names come from files: what is no UTF-8 is written byte by byte as U+00xx. */
static json_t *text_json(const char *s)
{
    json_t *o = json_string(s);
    struct spn_buf b = SPN_BUF_INIT(1 << 16);

    if (o != NULL)
        return o;
    for (; *s != '\0'; s++) {
        unsigned char ch = (unsigned char)*s;

        if (ch < 0x80)
            spn_buf_add(&b, s, 1);
        else
            spn_buf_printf(&b, "%c%c", 0xc0 | ch >> 6, 0x80 | (ch & 0x3f));
    }
    o = json_string(b.data != NULL ? b.data : "");
    spn_buf_free(&b);
    return o;
}

/* NaN has no JSON: it is null. */
static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static void cell(struct spn_buf *b, const char *s)
{
    for (; *s != '\0'; s++)
        spn_buf_add(b, *s == '\t' || *s == '\n' ? " " : s, 1);
    spn_buf_puts(b, "\t");
}

static void emit(struct lab *l, json_t *o, struct spn_buf *text)
{
    if (o == NULL || text->failed) {
        json_decref(o);
        l->st = spn_fail(l->err, SPN_ENOMEM, "lab: no memory for a row");
    } else {
        l->st = l->api->emit(l->job, o, text->data, l->err);
    }
    spn_buf_free(text);
}

static void curve_row(struct lab *l, const char *run, const char *kind, const struct spn_curve *c,
                      const double *smoothed)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    size_t low = 0, n = c->n;
    json_t *o;

    for (size_t i = 1; i < n; i++)
        if (!(smoothed[low] <= smoothed[i]) && !isnan(smoothed[i]))
            low = i;
    cell(&b, run);
    cell(&b, c->name);
    spn_buf_printf(&b, "%zu\t%.9g\t%.9g\t%.9g\t%.9g\t%.9g\n", n, c->step[n - 1], smoothed[0],
                   smoothed[n - 1], smoothed[low], c->step[low]);
    o = json_pack("{s:o, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "run", text_json(run), "kind",
                  kind, "curve", text_json(c->name), "points", (json_int_t)n, "last_step",
                  number(c->step[n - 1]), "first", number(smoothed[0]), "last",
                  number(smoothed[n - 1]), "min", number(smoothed[low]), "min_step",
                  number(c->step[low]));
    emit(l, o, &b);
}

static void point_rows(struct lab *l, const char *run, const struct spn_curve *c,
                       const double *smoothed)
{
    for (size_t i = 0; l->st == SPN_OK && i < c->n; i++) {
        struct spn_buf b = SPN_BUF_INIT(1 << 16);
        json_t *o =
            json_pack("{s:o, s:o, s:o, s:o}", "run", text_json(run), "curve", text_json(c->name),
                      "step", number(c->step[i]), "value", number(c->value[i]));

        cell(&b, run);
        cell(&b, c->name);
        spn_buf_printf(&b, "%.17g\t%.17g", c->step[i], c->value[i]);
        if (l->smooth > 0) {
            spn_buf_printf(&b, "\t%.17g", smoothed[i]);
            if (o != NULL)
                json_object_set_new(o, "smoothed", number(smoothed[i]));
        }
        spn_buf_puts(&b, "\n");
        emit(l, o, &b);
    }
}

static void one_run(void *ctx, const char *path)
{
    struct lab *l = ctx;
    struct spn_curves *c = NULL;

    l->found++;
    if (l->st != SPN_OK)
        return;
    l->st = spn_curves_open(&c, path, l->err);
    for (size_t i = 0; l->st == SPN_OK && i < spn_curves_count(c); i++) {
        const struct spn_curve *k = spn_curves_at(c, i);
        double *smoothed;

        if (k->n == 0 || !lab_wanted(k->name, l->glob, l->n_globs))
            continue;
        if (spn_cancelled(l->api->cancel(l->job))) {
            l->st = spn_fail(l->err, SPN_ECANCEL, "lab: stopped");
            break;
        }
        smoothed = spn_calloc(k->n, sizeof *smoothed);
        if (smoothed == NULL) {
            l->st = spn_fail(l->err, SPN_ENOMEM, "%s: no memory for %zu points", path, k->n);
            break;
        }
        spn_curve_smooth(smoothed, k->value, k->n, l->smooth);
        if (l->points)
            point_rows(l, path, k, smoothed);
        else
            curve_row(l, path, spn_curves_kind(c), k, smoothed);
        spn_free(smoothed);
    }
    spn_curves_close(c);
}

static spn_status run(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct lab l = { .job = job,
                     .api = h->query("job", 1),
                     .smooth = spn_value_float(v, "smooth"),
                     .points = spn_value_flag(v, "points"),
                     .err = err };

    for (size_t i = 0; i < spn_value_count(v, "curve") && i < sizeof l.glob / sizeof *l.glob; i++)
        l.glob[l.n_globs++] = spn_value_nth(v, "curve", i);
    if (argc == 0) {
        lab_find(".", one_run, &l);
        if (l.found == 0)
            return spn_fail(err, SPN_ENOTFOUND, "lab: no training run lies here, nor in folders "
                                                "three levels down");
    }
    for (int i = 0; i < argc; i++)
        one_run(&l, argv[i]);
    return l.st;
}

static const struct spn_command command = {
    .summary = "curves of training runs, as figures",
    .usage = "lab [RUN...] [--curve GLOB] [--smooth W] [--points]",
    .details =
        "Reads what programs write while they train: log.jsonl of spinney train, "
        "trainer_state.json of the Hugging Face Trainer (that of the newest checkpoint in a "
        "folder), event files of TensorBoard (a folder's together, what a restart overwrote left "
        "out), JSON Lines and CSV with a step. Without RUN it takes the runs of this folder and of "
        "folders below it.\n\n"
        "A row a curve: run, curve, points, last step, first, last and least value, and its step. "
        "--points gives run, curve, step and value, and with --smooth the mean.",
    .examples = "spinney lab share/demo/run\n"
                "spinney lab share/demo/run --curve loss --smooth 0.9 --points --json\n",
    .options = options,
    .arguments_max = -1,
    .run = run,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);
    spn_status st;

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "lab: this host has no table \"registry\" 1");
    st = registry->add(host, SPN_POINT_COMMAND, "lab", &command, err);
    return st == SPN_OK ? registry->add(host, SPN_POINT_VIEW, "lab", &lab_view, err) : st;
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    double v[] = { 2, 4, (double)NAN, 8 };

    (void)host;
    spn_curve_smooth(v, v, 4, 0.5);
    /* 2; (0.5 * 1 + 2) / 0.75; skipped; (0.5 * 2.5 + 4) / 0.875. */
    if (!(fabs(v[0] - 2) < 1e-12 && fabs(v[1] - 10.0 / 3) < 1e-12 && isnan(v[2]) &&
          fabs(v[3] - 6) < 1e-12))
        return spn_fail(err, SPN_ENO, "lab: the mean of 2, 4, 8 is %g, %g, %g", v[0], v[1], v[3]);
    return SPN_OK;
}

SPN_PLUGIN(lab) = {
    SPN_PLUGIN_HEAD,
    .name = "lab",
    .summary = "training runs of any program, watched while they grow",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_COMMAND) | SPN_HAS(SPN_POINT_VIEW),
    .declare = declare,
    .selftest = selftest,
};
