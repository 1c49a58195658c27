/* picture_cells.c - the floor of all pictures: two pixels a cell as half blocks, shades in ASCII.
 */
#include "config.h"

#include "screen/picture.h"

static const struct picture_service *in_use = &picture_cells;

const struct picture_service *picture_service(void)
{
    return in_use;
}

void picture_use(const struct picture_service *s)
{
    in_use = s != NULL ? s : &picture_cells;
}

/* A / B rounded, 1 to MOST. */
static int share(int64_t a, int64_t b, int most)
{
    int64_t n = (2 * a + b) / (2 * b);

    return n < 1 ? 1 : n > most ? most : (int)n;
}

void picture_fit(const struct spn_pixels *p, int rows, int columns, int cell_w, int cell_h,
                 int *out_rows, int *out_columns)
{
    int64_t w = (int64_t)columns * cell_w, h = (int64_t)rows * cell_h;

    *out_rows = rows;
    *out_columns = columns;
    if (w * p->height > h * p->width) /* the height decides */
        *out_columns = share(h * p->width, (int64_t)p->height * cell_w, columns);
    else
        *out_rows = share(w * p->height, (int64_t)p->width * cell_h, rows);
}

/* Mean colour of the pixels that fall on part (X, Y) of W x H. */
static int32_t mean(const struct spn_pixels *p, int x, int y, int w, int h)
{
    int x0 = (int)((int64_t)x * p->width / w), x1 = (int)((int64_t)(x + 1) * p->width / w);
    int y0 = (int)((int64_t)y * p->height / h), y1 = (int)((int64_t)(y + 1) * p->height / h), i, k;
    int64_t sum[3] = { 0 }, n = 0;

    if (p->kind ==
        SPN_PIXELS_PALETTE) { /* classes are never mixed: the middle one stands for all */
        const uint8_t *c =
            p->palette +
            3 * p->data[(size_t)((y0 + y1) / 2) * (size_t)p->width + (size_t)((x0 + x1) / 2)];

        return c[0] << 16 | c[1] << 8 | c[2];
    }
    for (i = y0; i < (y1 > y0 ? y1 : y0 + 1); i++)
        for (k = x0; k < (x1 > x0 ? x1 : x0 + 1); k++) {
            const uint8_t *c = p->data + 3 * ((size_t)i * (size_t)p->width + (size_t)k);

            sum[0] += c[0];
            sum[1] += c[1];
            sum[2] += c[2];
            n++;
        }
    return (int32_t)(sum[0] / n << 16 | sum[1] / n << 8 | sum[2] / n);
}

void picture_blocks(struct area a, const struct spn_pixels *p, bool letters)
{
    static const char shades[] = " .:-=+*#%@";

    for (int r = 0; r < a.rows; r++)
        for (int k = 0; k < a.columns; k++) {
            int32_t upper = mean(p, k, 2 * r, a.columns, 2 * a.rows);
            int32_t lower = mean(p, k, 2 * r + 1, a.columns, 2 * a.rows);

            if (letters || a.on->ascii) {
                int grey = (int)(((upper >> 16 & 255) * 30 + (upper >> 8 & 255) * 59 +
                                  (upper & 255) * 11) /
                                 100);

                area_glyph(a, r, k, (unsigned char)shades[grey * 10 / 256], SPN_STYLE_TEXT, 0);
            } else {
                area_glyph(a, r, k, 0x2580, SPN_STYLE_TEXT, 0);
                area_colours(a, r, k, upper, lower);
            }
        }
}

static void draw_cells(void *ctx, const void *key, struct area a, struct picture_source *s,
                       bool fill)
{
    int rows = a.rows, columns = a.columns;

    if (!fill)
        picture_fit(&s->pixels, a.rows, a.columns, 1, 2, &rows, &columns);
    picture_blocks(area_part(a, (a.rows - rows) / 2, (a.columns - columns) / 2, rows, columns),
                   &s->pixels, false);
}

static void forget_none(void *ctx, const void *key)
{
}

static bool no_cell(void *ctx, int *cell_w, int *cell_h)
{
    return false;
}

const struct picture_service picture_cells = { "blocks", draw_cells, forget_none, no_cell, NULL };
