/* gallery.c - the example of spinney-plugin(7): a list, a plot, a picture, a job with progress. */
#include <math.h>

#include "base/mem.h"
#include "spinney/plugin.h"

struct gallery {
    const struct spn_pane_api *api;
    struct spn_screen *screen;
    struct spn_pane *list;
};

static void show(void *view, struct spn_pane *p, uint64_t id)
{
    struct gallery *g = view;
    struct spn_pane *right = g->api->pane(g->screen, "drawing");
    uint8_t rgb[8 * 8 * 3];
    double y[64];

    for (int i = 0; i < 64; i++) {
        y[i] = id == 1 ? sin(i / 6.0) : i * i;
        rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = (uint8_t)(i / 8 + i % 8 > 7 ? 255 : 0);
    }
    if (id == 3)
        g->api->picture(right, &(struct spn_pixels){ .width = 8, .height = 8, .data = rgb });
    else
        g->api->plot(right, &(struct spn_plot){ .kind = SPN_PLOT_LINE, .n = 1,
            .series = &(struct spn_series){ id == 1 ? "sine" : "square", NULL, y, 64 } });
}

static spn_status count(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct gallery *g = ctx;

    for (int i = 0; i < 1000; i++) {
        if (spn_cancelled(g->api->work_cancel(w)))
            return SPN_ECANCEL;
        g->api->work_progress(w, i, 1000);
    }
    return SPN_OK;
}

static void counted(void *ctx, spn_status st, const struct spn_err *err)
{
    struct gallery *g = ctx;

    g->api->say(g->screen, st == SPN_OK ? "counted to 1000" : "stopped");
}

static bool act(void *view, struct spn_pane *p, enum spn_want want, int n)
{
    struct gallery *g = view;
    struct spn_err err = SPN_ERR_INIT;

    if (want != SPN_WANT_RUN_AGAIN)
        return false;
    if (g->api->work(g->screen, &(struct spn_work_spec){ .what = "counting", .ctx = g, .run = count,
                                                         .done = counted }, &err) != SPN_OK)
        g->api->fail(g->screen, &err);
    return true;
}

static spn_status open_view(const struct spn_host *h, struct spn_screen *s, int argc, char **argv,
                            void **out, struct spn_err *err)
{
    static const char *const names[] = { "wave", "square", "picture" };
    struct gallery *g = spn_calloc(1, sizeof *g);

    if (g == NULL)
        return spn_fail(err, SPN_ENOMEM, "gallery: no memory");
    *g = (struct gallery){ (const struct spn_pane_api *)h->query("pane", 1), s, NULL };
    g->list = g->api->pane(s, "list");
    g->api->begin(g->list);
    for (int i = 0; i < 3; i++)
        g->api->row(g->list, &(struct spn_row){ .id = (uint64_t)i + 1, .n = 1,
            .fields = &(struct spn_field){ names[i], NAN, SPN_STYLE_TEXT } });
    g->api->end(g->list);
    show(g, g->list, 1);
    *out = g;
    return SPN_OK;
}

static const struct spn_want_help acts[] = { { SPN_WANT_RUN_AGAIN, "", "count", 0 },
                                             { SPN_WANT_NONE } };
static const struct spn_view view = {
    .summary = "a view from outside the tree", .layout = "list 40 | drawing", .acts = acts,
    .open = open_view, .close = spn_free, .act = act, .chosen = show,
};

static spn_status declare(const struct spn_host *h, struct spn_err *err)
{
    const struct spn_registry_api *r = (const struct spn_registry_api *)h->query("registry", 1);

    return r->add(h, SPN_POINT_VIEW, "gallery", &view, err);
}

SPN_PLUGIN(gallery) = { SPN_PLUGIN_HEAD, .name = "gallery", .summary = "an example of a view",
                        .papers = "", .needs = "", .points = SPN_HAS(SPN_POINT_VIEW),
                        .declare = declare };
