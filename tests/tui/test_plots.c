/* test_plots.c - what pictures are drawn by, how they are paced, plots in pixels, printed pages. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "host/paths.h"
#include "screen/picture_batch.h"
#include "screen/picture_levels.h"
#include "screen/picture_modules.h"
#include "screen/picture_pace.h"
#include "screen/plot.h"
#include "screen/term.h"
#include "sixel.h"
#include "tap.h"

/* ---- pacing: a line of RATE bytes a second, WAY_US long each way ---- */

struct sent {
    size_t bytes;
    int64_t answer_us;
};

static void test_pace(double rate, int64_t way_us)
{
    struct pace p;
    struct sent on[PACE_MARKS];
    int first = 0, n = 0;
    int64_t now = 0, line_free = 0, most_us = 0, begun = 0;
    size_t total = 0;

    pace_init(&p, false, 0);
    while (total < 3000000) {
        size_t piece = pace_piece_bytes(&p);

        while (n > 0 && on[first].answer_us <= now) {
            pace_answered(&p, on[first].answer_us);
            first = (first + 1) % PACE_MARKS;
            n--;
        }
        if (n == 0) { /* a question alone goes first */
            on[(first + n++) % PACE_MARKS] = (struct sent){ 0, now + 2 * way_us };
            pace_sent(&p, 0, now);
        }
        if (pace_may(&p, now)) {
            int64_t from = line_free > now ? line_free : now;

            line_free = from + (int64_t)((double)piece / rate * 1e6);
            on[(first + n++) % PACE_MARKS] = (struct sent){ piece, line_free + 2 * way_us };
            pace_sent(&p, piece, now);
            total += piece;
            if (total > 300000 && begun == 0)
                begun = now;
            /* How long a key's answer would queue. */
            if (total > 300000 && line_free - now > most_us)
                most_us = line_free - now;
        }
        now += 500;
    }
    ok(most_us <= 45000, "%.0f kB/s: an answer queues %.0f ms at most", rate / 1000,
       (double)most_us / 1000);
    ok(fabs(p.rate - rate) < 0.3 * rate, "the rate is found: %.0f kB/s", p.rate / 1000);
    ok((double)(now - begun) / 1e6 < 1.6 * 2700000 / rate + 0.5, "the line is used: %.1f s",
       (double)(now - begun) / 1e6);
}

static void test_silence(void)
{
    struct pace p;

    pace_init(&p, false, 0);
    pace_sent(&p, 10000, 1000000);
    ok(!pace_idle(&p, 2000000), "it waits for an answer");
    ok(pace_idle(&p, 9000000) && p.by_rate, "none comes: by a rate from then on");
    ok(pace_may(&p, 9000000), "and pieces go on");
    pace_sent(&p, 500000, 9000000);
    ok(!pace_may(&p, 9100000) && pace_may(&p, 9600000), "500 kB take half a second");
}

/* ---- plots, pages ---- */

static void test_ticks(void)
{
    double at[PLOT_TICKS_MAX];
    int n = plot_ticks(&(struct plot_range){ -0.98, 1.01 }, false, 5, at);

    ok(n == 4 && at[0] == -0.5 && at[3] == 1, "halves from -0.98 to 1.01: %d, from %g", n, at[0]);
    n = plot_ticks(&(struct plot_range){ 0, 3969 }, false, 5, at);
    ok(n == 4 && at[3] == 3000, "0 to 3969 by thousands: %d", n);
    n = plot_ticks(&(struct plot_range){ -3.2, 2.1 }, true, 6, at);
    ok(n >= 3 && at[0] == round(at[0]), "powers of ten");
}

static void test_counts(void)
{
    static const double samples[] = { 0, 1, 1, 2, 2, 2, 3, NAN }, middles[] = { .5, 1.5, 2.5 },
                        counts[] = { 4, 0, 9 };
    struct spn_series s = { "s", NULL, samples, 8 };
    struct spn_plot p = { .kind = SPN_PLOT_HISTOGRAM, .series = &s, .n = 1, .bins = 4 };
    struct plot_range x, y;
    int bins;
    double *c = plot_counts(&p, 100, &bins, &x, &y);

    ok(bins == 4 && c[0] == 1 && c[1] == 2 && c[2] == 3 && c[3] == 1, "samples are counted");
    ok(x.lo == 0 && x.hi == 3 && y.hi == 3, "their ranges");
    spn_free(c);
    s = (struct spn_series){ "s", middles, counts, 3 };
    c = plot_counts(&p, 100, &bins, &x, &y);
    ok(bins == 3 && c[0] == 4 && c[1] == 0 && c[2] == 9, "counted bins stay");
    ok(x.lo == 0 && x.hi == 3 && y.hi == 9, "and their edges");
    spn_free(c);
}

/* The same plot in pixels: the line runs through its points, the ground is exact. */
static void test_plot_pixels(void)
{
    double y[50];
    struct spn_series s = { "s", NULL, y, 50 };
    struct spn_plot p = { .kind = SPN_PLOT_LINE, .series = &s, .n = 1 };
    struct plot_look look;
    struct picture_source *src;
    int through = 0;

    for (int i = 0; i < 50; i++)
        y[i] = i * i;
    y[20] = NAN;
    plot_look_ground(&look, 0x16191f);
    src = plot_pixels_lines(&p, 491, 246, &look);
    ok(src != NULL && src->pixels.kind == SPN_PIXELS_PALETTE, "a line plot is a palette picture");
    ok(memcmp(src->pixels.palette, "\x16\x19\x1f", 3) == 0, "its ground is the ground");
    for (int i = 0; i < 50; i++) {
        int px = i * 10, py = (int)lround((1 - y[i] / 2401) * 245);

        through += i != 20 && src->pixels.data[py * 491 + px] > 10;
    }
    ok_int(through, 49, "points on the line");
    ok(src->pixels.data[(int)lround((1 - 400 / 2401.0) * 245) * 491 + 200] < 2, "a gap is a gap");
    picture_source_unref(src);
}

static void test_page(void)
{
    struct picture_plan plan = { .way = PICTURE_SIXEL, .cell_w = 8, .cell_h = 16, .colours = 256 };
    struct spn_plot p = { .kind = SPN_PLOT_HEAT,
                          .rows = 3,
                          .columns = 4,
                          .heat = (const double[12]){ 0, 1, 2, 3, 4, 5, 6, 7, 8, NAN, 10, 11 } };
    uint8_t *got = spn_calloc(320 * 160, 3);
    struct picture_page page;
    struct plot_look look;
    struct spn_buf b = SPN_BUF_INIT(1 << 24);
    struct spn_err err = SPN_ERR_INIT;
    const char *dcs;
    struct sixel x = { 0 };
    int lines = 0;

    plot_look_ground(&look, -1);
    ok(picture_page_open(&page, 11, 40, &plan, &err) == SPN_OK, "a page");
    plot_draw(&p, cells_area(&page.cells), &page.service, &page, &look, NULL);
    ok(picture_page_print(&page, &b, &err) == SPN_OK, "is printed: %s", err.text);
    for (size_t i = 0; i < b.length; i++)
        lines += b.data[i] == '\n';
    ok_int(lines, 11, "lines");
    ok(strstr(b.data, "11\n") != NULL, "the scale ends with the largest");
    dcs = memmem(b.data, b.length, "\033P", 2);
    ok(dcs != NULL && memmem(b.data, b.length, "\0337\033[11A\r", 8) != NULL,
       "back up, to its row");
    ok(dcs != NULL && sixel_decode(&x, dcs, b.data + b.length, got, 320, 320, 160), "a sixel");
    ok(x.width == 320 && x.height == 160 && x.after != NULL && memcmp(x.after, "\0338", 2) == 0,
       "of the size of its cells, cursor put back");
    ok(abs(got[0] - 68) <= 1 && abs(got[3 * (320 * 159 + 319)] - 253) <= 1, "least and most");
    picture_page_close(&page);
    spn_buf_free(&b);

    plan.way = PICTURE_ASCII;
    b = (struct spn_buf)SPN_BUF_INIT(1 << 24);
    ok(picture_page_open(&page, 11, 40, &plan, &err) == SPN_OK, "a page in ASCII");
    plot_draw(&p, cells_area(&page.cells), &page.service, &page, &look, NULL);
    ok(picture_page_print(&page, &b, &err) == SPN_OK && memchr(b.data, '\033', b.length) == NULL,
       "has no sequences");
    picture_page_close(&page);
    spn_buf_free(&b);
    spn_free(got);
}

/* ---- ways ---- */

static void check_way(const struct term_facts *f, enum picture_way wanted, enum picture_way want,
                      const char *what)
{
    struct picture_plan p;

    picture_plan_make(&p, wanted, f);
    ok_str(picture_way_name(p.way), picture_way_name(want), what);
}

static void test_ways(bool sixel)
{
    struct term_facts f = {
        .name = "xterm-256color", .colours = 256, .utf8 = true, .answered = true
    };

    check_way(&f, PICTURE_AUTO, PICTURE_BLOCKS, "a terminal that names nothing");
    f.sixel = true;
    check_way(&f, PICTURE_AUTO, sixel ? PICTURE_SIXEL : PICTURE_BLOCKS, "one with field 4");
    snprintf(f.version, sizeof f.version, "kitty(0.35.2)");
    check_way(&f, PICTURE_AUTO, PICTURE_KITTY, "kitty");
    check_way(&f, PICTURE_ASCII, PICTURE_ASCII, "what is asked for");
    snprintf(f.version, sizeof f.version, "iTerm2 3.5.0");
    check_way(&f, PICTURE_AUTO, PICTURE_ITERM, "iTerm2");
    f = (struct term_facts){ .name = "vt100", .ascii = true };
    check_way(&f, PICTURE_AUTO, PICTURE_ASCII, "a VT100");
    ok(picture_way_parse("sixel") == PICTURE_SIXEL && picture_way_parse("six") == PICTURE_WAYS,
       "names");
}

int main(void)
{
    struct spn_err err = SPN_ERR_INIT;
    bool sixel;

    if (paths_init(NULL, &err) != SPN_OK)
        return skip_all(err.text);
    sixel = picture_sixel(&err) != NULL;
    test_pace(250e3, 80000);
    test_pace(250e3, 40000);
    test_pace(2e6, 20000);
    test_pace(40e6, 200);
    test_silence();
    test_ticks();
    test_counts();
    test_plot_pixels();
    if (sixel)
        test_page();
    else
        skip(err.text);
    test_ways(sixel);
    paths_free();
    return done();
}
