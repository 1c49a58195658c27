#include "config.h"

#include "screen/picture_levels.h"

#define FRAME_S 0.15

/* Each with the share of the full picture's bytes that a sixel takes, as tests/bench/bench_picture
 * measures it. */
static const struct {
    int divide, colours;
    double share;
} levels[] = {
    { 1, 256, 1.0 }, { 2, 128, 0.45 }, { 3, 64, 0.27 },   { 4, 48, 0.22 },
    { 6, 32, 0.12 }, { 8, 24, 0.1 },   { 12, 16, 0.065 },
};
#define LEVELS ((int)(sizeof levels / sizeof *levels))

double levels_guess(enum picture_way way, enum spn_pixels_kind kind)
{
    bool rgb = kind == SPN_PIXELS_RGB;

    return way == PICTURE_SIXEL ? (rgb ? 0.6 : 0.08) : rgb ? 2.5 : 0.15;
}

/* The protocols that take files let the terminal enlarge them. */
static double share(enum picture_way way, int level)
{
    int d = levels[level].divide;

    return way == PICTURE_SIXEL ? levels[level].share : 1.0 / (d * d);
}

int levels_for(enum picture_way way, double bytes, double rate)
{
    int level = 0;

    while (level + 1 < LEVELS && bytes * share(way, level) > rate * FRAME_S)
        level++;
    return level;
}

static int part(int pixels, int divide)
{
    return pixels / divide > 0 ? pixels / divide : 1;
}

void levels_apply(struct picture_task *t, int level)
{
    int d = levels[level].divide;

    t->width = t->columns * t->plan.cell_w;
    t->height = t->rows * t->plan.cell_h;
    t->colours = levels[level].colours < t->plan.colours ? levels[level].colours : t->plan.colours;
    t->fine_width = part(t->width, d);
    t->fine_height = part(t->height, d);
    if (t->plan.way == PICTURE_SIXEL)
        return;
    t->width = t->fine_width; /* never more pixels than there are is left to the encoder */
    t->height = t->fine_height;
}
