#include "config.h"

#include "screen/dots.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

spn_status dots_open(struct dots *d, struct area a)
{
    size_t n = (size_t)a.rows * (size_t)a.columns;

    *d = (struct dots){ .area = a,
                        .width = a.columns * (a.on->ascii ? 1 : 2),
                        .height = a.rows * (a.on->ascii ? 2 : 4),
                        .mask = spn_calloc(n, 1),
                        .series = spn_calloc(n, 1) };
    if (d->mask != NULL && d->series != NULL)
        return SPN_OK;
    spn_free(d->mask);
    spn_free(d->series);
    return SPN_ENOMEM;
}

void dots_set(struct dots *d, int x, int y, int series)
{
    /* Bits of a braille cell by [row][column]. */
    static const uint8_t bit[4][2] = { { 1, 8 }, { 2, 16 }, { 4, 32 }, { 64, 128 } };
    bool ascii = d->area.on->ascii;
    size_t i;

    if (x < 0 || y < 0 || x >= d->width || y >= d->height)
        return;
    i = (size_t)(y / (ascii ? 2 : 4)) * (size_t)d->area.columns + (size_t)(x / (ascii ? 1 : 2));
    d->mask[i] |= ascii ? (uint8_t)(1 << y % 2) : bit[y % 4][x % 2];
    d->series[i] = (uint8_t)series;
}

void dots_line(struct dots *d, int x0, int y0, int x1, int y1, int series)
{
    int dx = abs(x1 - x0), dy = -abs(y1 - y0), step_x = x0 < x1 ? 1 : -1, step_y = y0 < y1 ? 1 : -1;
    int error = dx + dy, twice;

    for (;;) {
        dots_set(d, x0, y0, series);
        if (x0 == x1 && y0 == y1)
            return;
        twice = 2 * error;
        if (twice >= dy) {
            error += dy;
            x0 += step_x;
        }
        if (twice <= dx) {
            error += dx;
            y0 += step_y;
        }
    }
}

uint32_t dots_mark(int series)
{
    return (unsigned char)"*o+x#@"[series % 6];
}

void dots_close(struct dots *d)
{
    int r, k;

    for (r = 0; r < d->area.rows; r++)
        for (k = 0; k < d->area.columns; k++) {
            size_t i = (size_t)r * (size_t)d->area.columns + (size_t)k;
            uint8_t role = (uint8_t)(SPN_STYLE_SERIES_1 + d->series[i] % 6);

            if (d->mask[i] == 0)
                continue;
            if (d->area.on->ascii)
                area_glyph(d->area, r, k,
                           d->series[i] > 0  ? dots_mark(d->series[i])
                           : d->mask[i] == 1 ? '\''
                           : d->mask[i] == 2 ? '.'
                                             : ':',
                           role, 0);
            else
                area_glyph(d->area, r, k, 0x2800u + d->mask[i], role, 0);
        }
    spn_free(d->mask);
    spn_free(d->series);
}

void dots_bar(struct area a, double share, uint8_t role)
{
    int eighths = (int)lround(share * a.columns * 8), k;

    for (k = 0; k < a.columns && eighths > 0; k++, eighths -= 8) {
        if (a.on->ascii)
            area_glyph(a, 0, k, eighths >= 4 ? '#' : '.', role, 0);
        else
            area_glyph(a, 0, k, eighths >= 8 ? 0x2588 : 0x2588u + 8 - (unsigned)eighths, role, 0);
    }
}

void dots_column(struct area a, int column, double share, uint8_t role)
{
    int eighths = (int)lround(share * a.rows * 8), r;

    if (share > 0 && eighths == 0)
        eighths = 1; /* few is not none */
    for (r = a.rows - 1; r >= 0 && eighths > 0; r--, eighths -= 8)
        area_glyph(a, r, column, eighths >= 8 ? 0x2588 : 0x2580u + (unsigned)eighths, role, 0);
}

int32_t dots_heat_colour(double v)
{
    /* Corner colours of an even ramp, from dark violet over teal to yellow. */
    static const double ramp[5][3] = {
        { 68, 1, 84 }, { 59, 82, 139 }, { 33, 145, 140 }, { 94, 201, 98 }, { 253, 231, 37 }
    };
    double at, part;
    int i, k;
    int32_t c = 0;

    if (!(v >= 0))
        v = 0;
    if (v > 1)
        v = 1;
    at = v * 4;
    i = at >= 4 ? 3 : (int)at;
    part = at - i;
    for (k = 0; k < 3; k++)
        c = c << 8 | (int32_t)lround(ramp[i][k] + (ramp[i + 1][k] - ramp[i][k]) * part);
    return c;
}

void dots_shade(struct area a, int row, int column, double v)
{
    static const char shades[] = " .:-=+*#%@";
    int level;

    if (!isfinite(v)) {
        area_glyph(a, row, column, '?', SPN_STYLE_DIM, 0);
        return;
    }
    level = (int)(v * 9.999);
    area_glyph(a, row, column,
               (unsigned char)shades[level < 0   ? 0
                                     : level > 9 ? 9
                                                 : level],
               SPN_STYLE_TEXT, 0);
    area_colours(a, row, column, v > 0.6 ? 0x000000 : 0xffffff, dots_heat_colour(v));
}
