/* picture_cells.c - the floor of all pictures: two pixels a cell as half blocks, shades in ASCII;
 * and the pane that holds one. */
#include "config.h"

#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "screen/pane.h"
#include "screen/picture.h"

#define PIXELS_MAX ((size_t)1 << 28)

static const struct picture_service *in_use = &picture_cells;

const struct picture_service *picture_service(void)
{
    return in_use;
}

void picture_use(const struct picture_service *s)
{
    in_use = s != NULL ? s : &picture_cells;
}

void picture_fit(const struct spn_pixels *p, int rows, int columns, int cell_w, int cell_h,
                 int *out_rows, int *out_columns)
{
    int64_t w = (int64_t)columns * cell_w, h = (int64_t)rows * cell_h;

    if (w * p->height > h * p->width) { /* the height decides */
        *out_rows = rows;
        *out_columns = (int)(h * p->width / p->height / cell_w);
    } else {
        *out_columns = columns;
        *out_rows = (int)(w * p->height / p->width / cell_h);
    }
    if (*out_rows < 1)
        *out_rows = 1;
    if (*out_columns < 1)
        *out_columns = 1;
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

static void draw_cells(void *ctx, const void *key, struct area a, const struct spn_pixels *p)
{
    static const char shades[] = " .:-=+*#%@";
    int rows, columns, top, left, r, k;

    picture_fit(p, a.rows, a.columns, 1, 2, &rows, &columns);
    top = (a.rows - rows) / 2;
    left = (a.columns - columns) / 2;
    for (r = 0; r < rows; r++)
        for (k = 0; k < columns; k++) {
            int32_t upper = mean(p, k, 2 * r, columns, 2 * rows);
            int32_t lower = mean(p, k, 2 * r + 1, columns, 2 * rows);

            if (a.on->ascii) {
                int grey = (int)(((upper >> 16 & 255) * 30 + (upper >> 8 & 255) * 59 +
                                  (upper & 255) * 11) /
                                 100);

                area_glyph(a, top + r, left + k, (unsigned char)shades[grey * 10 / 256],
                           SPN_STYLE_TEXT, 0);
            } else {
                area_glyph(a, top + r, left + k, 0x2580, SPN_STYLE_TEXT, 0);
                area_colours(a, top + r, left + k, upper, lower);
            }
        }
}

static void forget_none(void *ctx, const void *key)
{
}

const struct picture_service picture_cells = { "blocks", draw_cells, forget_none, NULL };

/* ---- the pane ---- */

struct picture {
    struct spn_pixels pixels; /* its data and words are owned */
    uint8_t *data, *palette;
    char *alt;
};

static void drop(struct spn_pane *p, struct picture *t)
{
    picture_service()->forget(picture_service()->ctx, p);
    spn_free(t->data);
    spn_free(t->palette);
    spn_free(t->alt);
    *t = (struct picture){ 0 };
}

static void free_picture(struct spn_pane *p)
{
    drop(p, p->content);
    spn_free(p->content);
}

static void *dup_bytes(const void *from, size_t n)
{
    void *to = spn_calloc(n > 0 ? n : 1, 1);

    if (to != NULL)
        memcpy(to, from, n);
    return to;
}

void picture_set(struct spn_pane *p, const struct spn_pixels *pixels)
{
    struct picture *t = pane_content(p, &pane_picture, sizeof *t);
    size_t n = pixels->width > 0 && pixels->height > 0 ? (size_t)pixels->width : 0;

    if (t == NULL)
        return;
    drop(p, t);
    if (n == 0 || (size_t)pixels->height > PIXELS_MAX / n)
        return;
    n *= (size_t)pixels->height;
    t->data = dup_bytes(pixels->data, pixels->kind == SPN_PIXELS_RGB ? 3 * n : n);
    if (pixels->kind == SPN_PIXELS_PALETTE)
        t->palette = dup_bytes(pixels->palette, 768);
    t->alt = pixels->alt != NULL ? spn_strdup(pixels->alt) : NULL;
    if (t->data == NULL || (pixels->kind == SPN_PIXELS_PALETTE && t->palette == NULL)) {
        drop(p, t);
        return;
    }
    t->pixels = *pixels;
    t->pixels.data = t->data;
    t->pixels.palette = t->palette;
    t->pixels.alt = t->alt;
}

static void draw(struct spn_pane *p, struct area a, bool focused)
{
    const struct picture *t = p->content;

    if (t->data == NULL)
        area_puts(a, 0, 1, "no picture", SPN_STYLE_DIM);
    else if (a.rows > 0 && a.columns > 0)
        picture_service()->draw(picture_service()->ctx, p, a, &t->pixels);
}

static enum pane_told command(struct spn_pane *p, enum command c, int n)
{
    return PANE_NOT_MINE;
}

static bool write_picture(struct spn_pane *p, struct spn_buf *out, bool json)
{
    const struct picture *t = p->content;

    spn_buf_printf(out, "%s\n", t->alt != NULL ? t->alt : "a picture");
    return !json;
}

const struct pane_kind pane_picture = {
    .free_ = free_picture, .draw = draw, .command = command, .write = write_picture
};
