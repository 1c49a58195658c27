/* view.c - the lab: runs beside their curves, followed while another program writes them. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "format/curves.h"
#include "lab.h"

enum { RUNS_MAX = 64, FOLLOW_MS = 1000, SERIES_MAX = 24, ZOOM_MAX = 4096 };

static const double weights[] = { 0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99 };
enum { WEIGHTS = sizeof weights / sizeof *weights };
static const char *const looks[] = { "", "log y", "log x", "log x y" };

struct run {
    uint64_t id;
    char *path;
    struct spn_curves *curves; /* NULL: not read yet, or not readable */
    char *why;                 /* it is not; NULL: it is */
    bool gone;                 /* taken out of the view while a job reads */
};
struct lab {
    const struct spn_pane_api *api;
    struct spn_screen *screen;
    struct spn_pane *runs, *names, *plot, *figures;
    struct run run[RUNS_MAX]; /* a job's while `reading` */
    int n;
    uint64_t last_id;
    bool reading, follow, again; /* again: asked for while a job reads */
    char *curve;                 /* the one that is drawn */
    int weight, look;
    int zoom; /* the last 1/zoom of the steps */
    char **name;
    size_t n_names; /* all curves' names, sorted */
};

struct reading {
    struct lab *lab;
    bool changed;
};

/* ---- reading, on a thread of its own ---- */

static spn_status read_runs(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct reading *r = ctx;

    for (int i = 0; i < r->lab->n; i++) {
        struct run *run = &r->lab->run[i];
        struct spn_err why = SPN_ERR_INIT;
        bool changed = true;
        spn_status st;

        if (spn_cancelled(r->lab->api->work_cancel(w)))
            return spn_fail(err, SPN_ECANCEL, "lab: stopped");
        st = run->curves == NULL ? spn_curves_open(&run->curves, run->path, &why)
                                 : spn_curves_update(run->curves, &changed, &why);
        if (st != SPN_OK && (run->why == NULL || strcmp(run->why, why.text) != 0)) {
            spn_free(run->why);
            run->why = spn_strdup(why.text);
            changed = true;
        } else if (st == SPN_OK) {
            changed |= run->why != NULL;
            spn_free(run->why);
            run->why = NULL;
        } else {
            changed = false;
        }
        r->changed |= changed;
    }
    return SPN_OK;
}

/* ---- what is shown ---- */

static bool drawn(const struct lab *l, const struct run *run)
{
    bool any = false;

    for (int i = 0; i < l->n; i++)
        any |= l->api->marked(l->runs, l->run[i].id);
    return run->curves != NULL && (!any || l->api->marked(l->runs, run->id));
}

static void fill_runs(struct lab *l)
{
    l->api->begin(l->runs);
    for (int i = 0; i < l->n; i++) {
        const struct run *run = &l->run[i];
        double last = run->curves != NULL ? spn_curves_last_step(run->curves) : (double)NAN;
        char step[32] = "";
        struct spn_field f[3] = { { lab_name(run->path), NAN, SPN_STYLE_TEXT },
                                  { step, last, SPN_STYLE_TEXT },
                                  { run->why != NULL      ? run->why
                                    : run->curves != NULL ? spn_curves_kind(run->curves)
                                                          : "reading",
                                    NAN, run->why != NULL ? SPN_STYLE_BAD : SPN_STYLE_DIM } };
        struct spn_row row = { .id = run->id, .fields = f, .n = 3, .warning = run->why != NULL,
                               .glyph = run->why != NULL ? '!' : 0 };

        if (isfinite(last))
            snprintf(step, sizeof step, "%.10g", last);
        l->api->row(l->runs, &row);
    }
    l->api->end(l->runs);
}

static void forget_names(struct lab *l)
{
    for (size_t i = 0; i < l->n_names; i++)
        spn_free(l->name[i]);
    spn_free(l->name);
    l->name = NULL;
    l->n_names = 0;
}

static void add_name(struct lab *l, const char *name)
{
    size_t at = 0;
    char **grown, *copy;

    while (at < l->n_names && strcmp(l->name[at], name) < 0)
        at++;
    if (at < l->n_names && strcmp(l->name[at], name) == 0)
        return;
    grown = spn_realloc(l->name, l->n_names + 1, sizeof *grown);
    if (grown == NULL)
        return;
    l->name = grown;
    if ((copy = spn_strdup(name)) == NULL)
        return;
    memmove(grown + at + 1, grown + at, (l->n_names - at) * sizeof *grown);
    grown[at] = copy;
    l->n_names++;
}

/* A run is looked at for its loss. */
static size_t best_name(const struct lab *l)
{
    static const char *const first[] = { "loss", "train/loss", "train_loss", "eval_loss" };

    for (size_t k = 0; k < sizeof first / sizeof *first; k++)
        for (size_t i = 0; i < l->n_names; i++)
            if (strcmp(l->name[i], first[k]) == 0)
                return i;
    for (size_t i = 0; i < l->n_names; i++)
        if (strstr(l->name[i], "loss") != NULL)
            return i;
    return 0;
}

static void fill_names(struct lab *l)
{
    size_t chosen = l->n_names;

    forget_names(l);
    for (int i = 0; i < l->n; i++)
        for (size_t k = 0; drawn(l, &l->run[i]) && k < spn_curves_count(l->run[i].curves); k++)
            add_name(l, spn_curves_at(l->run[i].curves, k)->name);
    chosen = l->n_names;
    for (size_t i = 0; l->curve != NULL && i < l->n_names; i++)
        if (strcmp(l->name[i], l->curve) == 0)
            chosen = i;
    if (chosen == l->n_names && l->n_names > 0) {
        chosen = best_name(l);
        spn_free(l->curve);
        l->curve = spn_strdup(l->name[chosen]);
    }
    l->api->begin(l->names);
    for (size_t i = 0; i < l->n_names; i++) {
        struct spn_field f = { l->name[i], NAN, SPN_STYLE_TEXT };
        struct spn_row row = { .id = i + 1, .fields = &f, .n = 1 };

        l->api->row(l->names, &row);
    }
    l->api->end(l->names);
    if (chosen < l->n_names)
        l->api->choose(l->names, chosen + 1);
}

/* One run's part of the plot, copied: [from, n) of its curve, smoothed. */
struct part {
    struct spn_series series;
    double *value;
    const struct spn_curve *curve;
    const char *run;
};

static int parts_of(struct lab *l, struct part *part)
{
    int n = 0;
    double last = (double)NAN, first = (double)NAN, from;

    for (int i = 0; i < l->n && n < SERIES_MAX && l->curve != NULL; i++) {
        const struct spn_curve *c =
            drawn(l, &l->run[i]) ? spn_curves_find(l->run[i].curves, l->curve) : NULL;

        if (c == NULL || c->n == 0)
            continue;
        part[n] = (struct part){ .value = spn_calloc(c->n, sizeof(double)), .curve = c };
        if (part[n].value == NULL)
            break;
        spn_curve_smooth(part[n].value, c->value, c->n, weights[l->weight]);
        part[n].run = lab_name(l->run[i].path);
        part[n].series = (struct spn_series){ part[n].run, c->step, part[n].value, c->n };
        if (!(c->step[c->n - 1] <= last))
            last = c->step[c->n - 1];
        if (!(c->step[0] >= first))
            first = c->step[0];
        n++;
    }
    from = last - (last - first) / l->zoom;
    for (int k = 0; k < n && l->zoom > 1; k++) {
        struct spn_series *s = &part[k].series;
        size_t skip = 0;

        while (skip + 1 < s->n && s->x[skip] < from)
            skip++;
        s->x += skip;
        s->y += skip;
        s->n -= skip;
    }
    return n;
}

static void fill_figures(struct lab *l, const struct part *part, int n)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);

    for (int k = 0; k < n; k++) {
        const struct spn_curve *c = part[k].curve;
        const double *v = part[k].value;
        size_t low = 0;

        for (size_t i = 1; i < c->n; i++)
            if (!(v[low] <= v[i]) && !isnan(v[i]))
                low = i;
        spn_buf_printf(&b, "%s\n  last %.6g at %.10g   least %.6g at %.10g   %zu points\n",
                       part[k].run, v[c->n - 1], c->step[c->n - 1], v[low], c->step[low], c->n);
    }
    for (int i = 0; i < l->n; i++)
        if (l->run[i].why != NULL)
            spn_buf_printf(&b, "%s\n", l->run[i].why);
    l->api->clear(l->figures);
    l->api->block(l->figures, 1, SPN_TEXT_PLAIN, NULL, SPN_STYLE_TEXT,
                  b.data != NULL ? b.data : "", b.length);
    spn_buf_free(&b);
}

static void draw_plot(struct lab *l)
{
    struct part part[SERIES_MAX];
    struct spn_series series[SERIES_MAX];
    int n = parts_of(l, part);
    char title[160], more[80] = "";
    struct spn_plot plot = { .kind = SPN_PLOT_LINE,
                             .series = series,
                             .n = (size_t)n,
                             .log_y = l->look == 1 || l->look == 3,
                             .log_x = l->look >= 2,
                             .x_name = "step" };

    for (int k = 0; k < n; k++)
        series[k] = part[k].series;
    if (l->weight > 0)
        snprintf(more, sizeof more, "  mean %.2f", weights[l->weight]);
    snprintf(title, sizeof title, "%.80s%s%s%s", l->curve != NULL ? l->curve : "plot", more,
             l->look > 0 ? "  " : "", looks[l->look]);
    l->api->title(l->plot, title);
    if (n > 0)
        l->api->plot(l->plot, &plot);
    else
        l->api->clear(l->plot);
    fill_figures(l, part, n);
    for (int k = 0; k < n; k++)
        spn_free(part[k].value);
}

static void show_heading(struct lab *l)
{
    char text[160];

    snprintf(text, sizeof text, "lab   %d run%s", l->n, l->n == 1 ? "" : "s");
    l->api->heading(l->screen, text);
    l->api->state(l->screen, l->follow ? "following" : "held: f follows");
}

static void fill(struct lab *l)
{
    if (l->reading) { /* its job has the runs: done() comes back here */
        l->again = true;
        return;
    }
    fill_runs(l);
    fill_names(l);
    draw_plot(l);
    show_heading(l);
}

/* ---- jobs ---- */

static void drop_gone(struct lab *l)
{
    int kept = 0;

    for (int i = 0; i < l->n; i++) {
        if (l->run[i].gone) {
            spn_curves_close(l->run[i].curves);
            spn_free(l->run[i].path);
            spn_free(l->run[i].why);
        } else {
            l->run[kept++] = l->run[i];
        }
    }
    l->n = kept;
}

static void done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct reading *r = ctx;
    struct lab *l = r->lab;
    bool show = r->changed || l->again;

    spn_free(r);
    l->reading = l->again = false;
    drop_gone(l);
    if (show)
        fill(l);
    l->api->timer(l->screen, l->follow ? FOLLOW_MS : 0);
}

static void read_on(struct lab *l)
{
    struct spn_work_spec spec = { .what = "", .run = read_runs, .done = done };
    struct spn_err err = SPN_ERR_INIT;
    struct reading *r;

    if (l->reading || (r = spn_calloc(1, sizeof *r)) == NULL)
        return;
    r->lab = l;
    spec.ctx = r;
    l->reading = true;
    if (l->api->work(l->screen, &spec, &err) != SPN_OK) {
        l->reading = false;
        spn_free(r);
        l->api->fail(l->screen, &err);
    }
}

static void timer(void *view)
{
    read_on(view);
}

/* ---- the view ---- */

static void add_run(void *ctx, const char *path)
{
    struct lab *l = ctx;

    for (int i = 0; i < l->n; i++)
        if (!l->run[i].gone && strcmp(l->run[i].path, path) == 0)
            return;
    if (l->n == RUNS_MAX || l->reading)
        return;
    l->run[l->n] = (struct run){ .id = ++l->last_id, .path = spn_strdup(path) };
    if (l->run[l->n].path != NULL)
        l->n++;
}

static spn_status open_view(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                            void **out, struct spn_err *err)
{
    static const struct spn_column runs[] = { { "run", -1, false, 0 },
                                              { "step", 0, true, 1 },
                                              { "kind", 12, false, 2 } };
    struct lab *l = spn_calloc(1, sizeof *l);

    if (l == NULL)
        return spn_fail(err, SPN_ENOMEM, "lab: no memory");
    l->api = h->query("pane", 1);
    l->screen = s;
    l->runs = l->api->pane(s, "runs");
    l->names = l->api->pane(s, "curves");
    l->plot = l->api->pane(s, "plot");
    l->figures = l->api->pane(s, "figures");
    l->follow = true;
    l->zoom = 1;
    l->api->columns(l->runs, runs, 3);
    l->api->marks(l->runs, true);
    for (int i = 0; i < argc; i++)
        add_run(l, argv[i]);
    if (argc == 0)
        lab_find(".", add_run, l);
    *out = l;
    fill(l);
    if (l->n == 0)
        l->api->say(s, "no training run lies here or below; :add PATH shows one");
    read_on(l);
    return SPN_OK;
}

static void close_view(void *view)
{
    struct lab *l = view;

    for (int i = 0; i < l->n; i++)
        l->run[i].gone = true;
    drop_gone(l);
    forget_names(l);
    spn_free(l->curve);
    spn_free(l);
}

static void choose_curve(struct lab *l, size_t i)
{
    if (i >= l->n_names || (l->curve != NULL && strcmp(l->curve, l->name[i]) == 0))
        return;
    spn_free(l->curve);
    l->curve = spn_strdup(l->name[i]);
    if (l->reading)
        l->again = true;
    else
        draw_plot(l);
}

static void chosen(void *view, struct spn_pane *p, uint64_t id)
{
    struct lab *l = view;

    if (p == l->names)
        choose_curve(l, (size_t)id - 1);
    else if (p == l->runs)
        fill(l); /* its marks may have changed */
}

static void step_curve(struct lab *l, int way)
{
    size_t at = 0;

    for (size_t i = 0; l->curve != NULL && i < l->n_names; i++)
        if (strcmp(l->name[i], l->curve) == 0)
            at = i;
    if (l->n_names > 0) {
        at = (at + l->n_names + (size_t)(l->n_names + (way < 0 ? -1 : 1))) % l->n_names;
        choose_curve(l, at);
        l->api->choose(l->names, at + 1);
    }
}

static void remove_run(struct lab *l)
{
    uint64_t id;

    if (!l->api->choice(l->runs, &id))
        return;
    for (int i = 0; i < l->n; i++)
        if (l->run[i].id == id)
            l->run[i].gone = true;
    if (!l->reading)
        drop_gone(l);
    fill(l);
}

static bool act(void *view, struct spn_pane *p, enum spn_want want, int n)
{
    struct lab *l = view;

    switch (want) {
    case SPN_WANT_OPEN:
        l->api->focus(p == l->runs ? l->names : l->plot);
        return true;
    case SPN_WANT_NEXT_LOOK:
        l->look = (l->look + 1) % 4;
        break;
    case SPN_WANT_LESS:
        l->weight -= l->weight > 0;
        break;
    case SPN_WANT_MORE:
        l->weight += l->weight + 1 < WEIGHTS;
        break;
    case SPN_WANT_LESS_BIG:
        l->weight = 0;
        break;
    case SPN_WANT_MORE_BIG:
        l->weight = WEIGHTS - 1;
        break;
    case SPN_WANT_ZOOM_IN:
        l->zoom *= l->zoom < ZOOM_MAX ? 2 : 1;
        break;
    case SPN_WANT_ZOOM_OUT:
        l->zoom /= l->zoom > 1 ? 2 : 1;
        break;
    case SPN_WANT_ZOOM_FIT:
        l->zoom = 1;
        break;
    case SPN_WANT_SERIES_BACK:
    case SPN_WANT_SERIES_ON:
        step_curve(l, want == SPN_WANT_SERIES_ON ? 1 : -1);
        return true;
    case SPN_WANT_FOLLOW:
        l->follow = !l->follow;
        l->api->timer(l->screen, l->follow ? FOLLOW_MS : 0);
        break;
    case SPN_WANT_RUN_AGAIN:
        l->again = true;
        read_on(l);
        return true;
    case SPN_WANT_REMOVE:
        if (p != l->runs)
            return false;
        remove_run(l);
        return true;
    case SPN_WANT_ADD:
        l->api->say(l->screen, ":add PATH shows another run");
        return true;
    default:
        return false;
    }
    fill(l);
    return true;
}

static bool slash(void *view, const char *name, const char *args, struct spn_err *err)
{
    struct lab *l = view;

    if (strcmp(name, "add") != 0)
        return false;
    if (args[0] == '\0' || spn_curves_probe(args) == NULL) {
        spn_fail(err, SPN_EFORMAT, "%s: no training run that can be read",
                 args[0] != '\0' ? args : ":add");
        return false;
    }
    if (l->reading) {
        spn_fail(err, SPN_EUSAGE, ":add: the runs are being read, once more please");
        return false;
    }
    add_run(l, args);
    fill(l);
    read_on(l);
    return true;
}

static void batch(void *view, struct spn_buf *out)
{
    struct lab *l = view;

    spn_buf_puts(out, "spinney lab");
    for (int i = 0; i < l->n; i++)
        if (!l->run[i].gone && (l->reading || drawn(l, &l->run[i])))
            lab_quote(out, l->run[i].path);
    if (l->curve != NULL) {
        spn_buf_puts(out, " --curve");
        lab_quote(out, l->curve);
    }
    if (l->weight > 0)
        spn_buf_printf(out, " --smooth %g", weights[l->weight]);
}

static const struct spn_want_help acts[] = { { SPN_WANT_NEXT_LOOK, "", "lin, log", 0 },
                                             { SPN_WANT_LESS, "", "rougher", 0 },
                                             { SPN_WANT_MORE, "", "smoother", 0 },
                                             { SPN_WANT_SERIES_BACK, "", "curve before", 0 },
                                             { SPN_WANT_SERIES_ON, "", "next curve", 0 },
                                             { SPN_WANT_ZOOM_IN, "", "last half", 0 },
                                             { SPN_WANT_ZOOM_OUT, "", "more", 0 },
                                             { SPN_WANT_ZOOM_FIT, "", "all", 0 },
                                             { SPN_WANT_FOLLOW, "", "follow, hold", 0 },
                                             { SPN_WANT_RUN_AGAIN, "", "read again", 0 },
                                             { SPN_WANT_REMOVE, "runs", "out of view", 0 },
                                             { SPN_WANT_ADD, "", "add a run", 0 },
                                             { SPN_WANT_OPEN, "", "go on", 0 },
                                             { 0 } };
static const struct spn_slash slashes[] = { { "add", "PATH", "another run beside these" }, { 0 } };

const struct spn_view lab_view = {
    .summary = "training runs while they grow",
    .layout = "(runs 40 / curves) 34 | (plot 74 / figures)",
    .place = 'l',
    .acts = acts,
    .slashes = slashes,
    .open = open_view,
    .close = close_view,
    .act = act,
    .chosen = chosen,
    .slash = slash,
    .command = batch,
    .timer = timer,
};
