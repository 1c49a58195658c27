/* plot.c - the pane that holds a plot, and the colours it is drawn in. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "screen/pane.h"
#include "screen/plot.h"
#include "screen/term.h"
#include "screen/theme.h"
#include "screen/ui.h"

#define POINTS_MAX ((size_t)1 << 24)
#define SERIES_MAX 64

struct plot {
    struct spn_plot plot; /* its arrays and names are of MEMORY */
    struct spn_arena *memory;
    struct plot_kept kept;
};

static void free_plot(struct spn_pane *p)
{
    struct plot *t = p->content;

    picture_service()->forget(picture_service()->ctx, p);
    plot_kept_free(&t->kept);
    spn_arena_free(t->memory);
    spn_free(t);
}

static double *dup_doubles(struct plot *t, const double *from, size_t n)
{
    double *to = from != NULL ? spn_arena_alloc(t->memory, n > 0 ? n : 1, sizeof *to) : NULL;

    if (to != NULL)
        memcpy(to, from, n * sizeof *to);
    return to;
}

static char *dup_text(struct plot *t, const char *s)
{
    return s != NULL ? spn_arena_strndup(t->memory, s, strlen(s)) : NULL;
}

void plot_set(struct spn_pane *p, const struct spn_plot *plot)
{
    struct plot *t = pane_content(p, &pane_plot, sizeof *t);
    struct spn_series *series;
    const char **labels = NULL;
    size_t i, k;

    if (t == NULL)
        return;
    plot_kept_free(&t->kept);
    spn_arena_free(t->memory);
    *t = (struct plot){ .plot = *plot, .memory = spn_arena_new((size_t)1 << 30) };
    t->plot.series = NULL;
    t->plot.labels = NULL;
    t->plot.heat = NULL;
    t->plot.n = t->plot.rows = 0;
    t->plot.x_name = t->plot.y_name = NULL;
    if (t->memory == NULL)
        return;
    t->plot.x_name = dup_text(t, plot->x_name);
    t->plot.y_name = dup_text(t, plot->y_name);
    t->plot.series = series = spn_arena_alloc(t->memory, plot->n + 1, sizeof *series);
    for (i = 0; series != NULL && i < plot->n && i < SERIES_MAX; i++) {
        const struct spn_series *s = &plot->series[i];
        size_t n = s->n < POINTS_MAX ? s->n : POINTS_MAX;

        series[i] = (struct spn_series){ dup_text(t, s->name), dup_doubles(t, s->x, n),
                                         dup_doubles(t, s->y, n), n };
        if (series[i].y == NULL || (s->x != NULL && series[i].x == NULL))
            break;
        t->plot.n = i + 1;
    }
    if (plot->labels != NULL && t->plot.n > 0) {
        t->plot.labels = labels = spn_arena_alloc(t->memory, series[0].n + 1, sizeof *labels);
        for (k = 0; labels != NULL && k < series[0].n; k++)
            labels[k] = dup_text(t, plot->labels[k]);
    }
    if (plot->kind == SPN_PLOT_HEAT && plot->heat != NULL && plot->columns > 0 &&
        plot->rows <= POINTS_MAX / plot->columns) {
        t->plot.heat = dup_doubles(t, plot->heat, plot->rows * plot->columns);
        t->plot.rows = t->plot.heat != NULL ? plot->rows : 0;
    }
}

/* ---- colours ---- */

void plot_look_ground(struct plot_look *l, int32_t ground)
{
    static const struct plot_look
        dark = { 0, 0, { 0x7fc8d8, 0xe3c16f, 0xd59be8, 0x8fce8a, 0xf28b82, 0x86b7ff } },
        light = { 0, 0, { 0x1f6f8b, 0x8a5a00, 0x7a3e9d, 0x2e7d32, 0xb3261e, 0x1a56c4 } };
    bool is_light;

    ground = ground >= 0 ? ground : 0;
    is_light = (ground >> 16 & 255) * 3 + (ground >> 8 & 255) * 6 + (ground & 255) > 1275;
    *l = is_light ? light : dark;
    l->ground = ground;
    for (int k = 16; k >= 0; k -= 8) { /* a little off the ground, towards the other end */
        int32_t c = ground >> k & 255;

        l->grid |= (is_light ? c * 85 / 100 : c + (255 - c) * 18 / 100) << k;
    }
}

void plot_look_theme(struct plot_look *l, const struct theme *t, int colours, int32_t terminal)
{
    int32_t ground = theme_shown(t->role[SPN_STYLE_TEXT].bg, colours);

    plot_look_ground(l, ground >= 0 ? ground : terminal);
    for (int i = 0; i < 6; i++) {
        int32_t c = theme_shown(t->role[SPN_STYLE_SERIES_1 + i].fg, colours);

        if (c >= 0)
            l->series[i] = c;
    }
}

static void look_of(struct plot_look *l, const struct spn_pane *p)
{
    const struct ui *ui = p->screen != NULL ? p->screen->ui : NULL;
    const struct term_facts *f = ui != NULL && ui->term != NULL ? term_facts(ui->term) : NULL;

    if (ui != NULL)
        plot_look_theme(l, &ui->theme, f != NULL ? f->colours : 256,
                        f != NULL && f->has_ground ? f->ground : -1);
    else
        plot_look_ground(l, -1);
}

static void draw(struct spn_pane *p, struct area a, bool focused)
{
    const struct picture_service *s = picture_service();
    struct plot *t = p->content;
    struct plot_look look;

    look_of(&look, p);
    plot_draw(&t->plot, a, s, p, &look, &t->kept);
}

/* The figures behind it, tab-separated. */
static bool write_plot(struct spn_pane *p, struct spn_buf *out, bool json)
{
    const struct spn_plot *t = &((const struct plot *)p->content)->plot;
    size_t i, k;

    if (json)
        return false;
    for (i = 0; i < t->n; i++)
        for (k = 0; k < t->series[i].n; k++)
            spn_buf_printf(out, "%s\t%.9g\t%.9g\n",
                           t->series[i].name != NULL ? t->series[i].name : "",
                           plot_x_at(&t->series[i], k), t->series[i].y[k]);
    for (i = 0; i < t->rows; i++)
        for (k = 0; k < t->columns; k++)
            spn_buf_printf(out, "%.9g%s", t->heat[i * t->columns + k],
                           k + 1 < t->columns ? "\t" : "\n");
    return true;
}

static enum pane_told command(struct spn_pane *p, enum command c, int n)
{
    return PANE_NOT_MINE;
}

const struct pane_kind pane_plot = {
    .free_ = free_plot, .draw = draw, .command = command, .write = write_plot
};
