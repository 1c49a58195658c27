/* picture_batch.c - "picture/1": pictures and plots of a command's output. */
#include "config.h"

#include "screen/picture_batch.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/job.h"
#include "screen/dots.h"
#include "screen/plot.h"
#include "screen/term.h"
#include "screen/ui.h"

#define PAGE_ROWS    24 /* of a pipe */
#define PAGE_COLUMNS 80

/* The terminal of stdout as far as commands have to know; asked once. */
static struct {
    bool known, terminal, true_colour;
    struct picture_plan plan;
    int rows, columns, colours;
    int32_t ground; /* -1: not known */
} out;

static void know(void)
{
    const char *colour = getenv("COLORTERM"), *none = getenv("NO_COLOR");
    struct term_facts f = { .utf8 = true, .colours = 256 };
    enum picture_way wanted = picture_way_asked(NULL);

    if (out.known)
        return;
    out.known = true;
    out.terminal = isatty(1) != 0;
    out.rows = PAGE_ROWS;
    out.columns = PAGE_COLUMNS;
    out.true_colour =
        !out.terminal ||
        (colour != NULL && (strcmp(colour, "truecolor") == 0 || strcmp(colour, "24bit") == 0));
    if (out.terminal) {
        setlocale(LC_CTYPE, "");
        term_ask(&f, wanted == PICTURE_AUTO, &out.rows, &out.columns);
        if (wanted == PICTURE_AUTO)
            wanted = picture_way_kept(&f);
    }
    if (none != NULL && none[0] != '\0') {
        f.colours = 0;
        out.true_colour = false;
    }
    out.ground = f.has_ground ? f.ground : -1;
    out.colours = f.colours;
    picture_plan_make(&out.plan, wanted, &f);
}

static bool wanted(struct spn_job *j)
{
    bool given;
    enum picture_way w = picture_way_asked(&given);

    if (w == PICTURE_NONE || table_job.json(j))
        return false;
    if (!table_job.terminal(j))
        return given && w != PICTURE_AUTO;
    know();
    return out.plan.way != PICTURE_NONE;
}

/* What the terminal shows at once, with room for the lines around it. */
static void room_of(int *rows, int *columns)
{
    int most = out.rows > 8 ? out.rows - 4 : out.rows;

    if (*rows <= 0 || *rows > most)
        *rows = most;
    if (*columns <= 0 || *columns > out.columns)
        *columns = out.columns;
}

static spn_status page_open(struct picture_page *p, int rows, int columns, struct spn_err *err)
{
    spn_status st = picture_page_open(p, rows, columns, &out.plan, err);

    p->true_colour = out.true_colour;
    p->colours = out.plan.way == PICTURE_ASCII ? 0 : out.colours;
    return st;
}

static spn_status page_end(struct spn_job *j, struct picture_page *p, spn_status st,
                           struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT((size_t)1 << 30);

    if (st == SPN_OK)
        st = picture_page_print(p, &b, err);
    if (st == SPN_OK)
        st = job_raw(j, b.data, b.length, err);
    spn_buf_free(&b);
    picture_page_close(p);
    return st;
}

static spn_status show(struct spn_job *j, const struct spn_pixels *px, int rows, int columns,
                       struct spn_err *err)
{
    struct picture_source *s = picture_source_new(px);
    struct picture_page p = { 0 };
    spn_status st;

    if (s == NULL)
        return spn_fail(err, SPN_ENOMEM, "picture: no memory for %d x %d pixels", px->width,
                        px->height);
    know();
    room_of(&rows, &columns);
    picture_fit(px, rows, columns, out.plan.cell_w, out.plan.cell_h, &rows, &columns);
    st = page_open(&p, rows, columns, err);
    if (st == SPN_OK)
        p.service.draw(&p, &p, cells_area(&p.cells), s, true);
    picture_source_unref(s);
    return page_end(j, &p, st, err);
}

static spn_status plot(struct spn_job *j, const struct spn_plot *what, int rows, int columns,
                       struct spn_err *err)
{
    struct picture_page p = { 0 };
    struct plot_look look;
    spn_status st;

    know();
    room_of(&rows, &columns);
    st = page_open(&p, rows, columns, err);
    if (st == SPN_OK) {
        plot_look_ground(&look, out.ground);
        plot_draw(what, cells_area(&p.cells), &p.service, &p, &look, NULL);
    }
    return page_end(j, &p, st, err);
}

static bool room(const struct spn_pane *p, int *rows, int *columns, int *cell_w, int *cell_h)
{
    const struct picture_service *s = picture_service();

    if (!p->shown)
        return false;
    *rows = p->area.rows;
    *columns = p->area.columns;
    if (!s->cell(s->ctx, cell_w, cell_h)) {
        *cell_w = 1;
        *cell_h = 2;
    }
    return true;
}

static void heat_colour(double v, uint8_t rgb[3])
{
    int32_t c = dots_heat_colour(v);

    rgb[0] = (uint8_t)(c >> 16);
    rgb[1] = (uint8_t)(c >> 8);
    rgb[2] = (uint8_t)c;
}

const struct spn_picture_api table_picture = {
    .size = sizeof table_picture,
    .wanted = wanted,
    .show = show,
    .plot = plot,
    .room = room,
    .heat_colour = heat_colour,
};
