/* screen_run.c - a tensor over the steps of its run. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "screen.h"
#include "series.h"

struct walking {
    struct look *look;
    struct stopper stop;
    struct spn_work *work;
    char *folder, *name;
    size_t steps;
    struct point *point; /* out */
    size_t n;
};

static spn_status on_point(void *ctx, const struct series_point *p, struct spn_err *err)
{
    struct walking *w = ctx;

    if (p->name == NULL || strcmp(p->name, w->name) != 0) /* a name is a pattern for others too */
        return SPN_OK;
    if (w->n < w->steps) /* a run that grew meanwhile: its new steps are for the next time */
        w->point[w->n++] = (struct point){ p->step, p->norm, p->update };
    w->look->api->work_progress(w->work, (double)w->n, (double)w->steps);
    return SPN_OK;
}

static spn_status run(void *ctx, struct spn_work *work, struct spn_err *err)
{
    struct walking *w = ctx;
    struct spn_pool *pool = spn_pool_new(spn_threads_allowed());
    struct spn_measure how = { .pool = pool, .cancel = w->look->api->work_cancel(work) };
    spn_status st;

    w->work = work;
    stopper_begin(&w->stop, how.cancel);
    w->point = spn_calloc(w->steps + 1, sizeof *w->point);
    st = pool == NULL || w->point == NULL
             ? spn_fail(err, SPN_ENOMEM, "steps: no memory")
             : series_run(w->folder, &w->name, 1, &how, on_point, w, err);
    spn_pool_free(pool);
    return st;
}

void series_forget(struct look *l)
{
    spn_free(l->point);
    spn_free(l->point_of);
    l->point = NULL;
    l->point_of = NULL;
    l->n_point = 0;
}

static void done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct walking *w = ctx;
    struct look *l = w->look;
    bool unwanted = w->stop.wanted != 0;

    l->walking = NULL;
    if (st == SPN_OK && !unwanted) {
        series_forget(l);
        l->point = w->point;
        l->n_point = w->n;
        l->point_of = w->name;
        w->point = NULL;
        w->name = NULL;
        tabs_show(l);
    } else if (st != SPN_OK && st != SPN_ECANCEL) {
        look_fail(l, err);
    }
    spn_free(w->point);
    spn_free(w->name);
    spn_free(w->folder);
    spn_free(w);
    if (unwanted)
        look_ask(l);
}

void series_start(struct look *l)
{
    struct walking *w;
    struct spn_work_spec spec = { "steps", NULL, run, NULL, done };
    struct spn_err err = SPN_ERR_INIT;
    const char *slash;

    if (l->walking != NULL) {
        stopper_stop(l->walking);
        return;
    }
    if (l->chosen == NULL || l->n_step == 0 ||
        (l->point_of != NULL && strcmp(l->point_of, l->chosen) == 0)) {
        tabs_show(l);
        return;
    }
    w = spn_calloc(1, sizeof *w);
    if (w == NULL)
        return;
    slash = strrchr(l->step[0].path, '/');
    w->look = l;
    w->steps = l->n_step;
    w->name = spn_strdup(l->chosen);
    w->folder = slash != NULL ? spn_strndup(l->step[0].path, (size_t)(slash - l->step[0].path))
                              : spn_strdup(".");
    spec.ctx = w;
    l->walking = &w->stop;
    if (w->name == NULL || w->folder == NULL || l->api->work(l->screen, &spec, &err) != SPN_OK) {
        l->walking = NULL;
        if (err.code != SPN_OK)
            l->api->fail(l->screen, &err);
        spn_free(w->name);
        spn_free(w->folder);
        spn_free(w);
    }
}

void series_show(struct look *l, struct spn_pane *p)
{
    double *x, *y;
    struct spn_series series[2];

    if (l->n_point == 0)
        return;
    x = spn_calloc(3 * l->n_point, sizeof *x);
    if (x == NULL)
        return;
    y = x + l->n_point;
    for (size_t i = 0; i < l->n_point; i++) {
        x[i] = (double)l->point[i].step;
        y[i] = l->point[i].norm;
        y[l->n_point + i] = l->point[i].update * l->point[i].norm;
    }
    series[0] = (struct spn_series){ "norm", x, y, l->n_point };
    series[1] = (struct spn_series){ "norm of the change", x, y + l->n_point, l->n_point };
    l->api->plot(
        p, &(struct spn_plot){
               .kind = SPN_PLOT_LINE, .series = series, .n = 2, .log_y = true, .x_name = "step" });
    spn_free(x);
}
