/* picture_sixel.c - sixel pictures in strips of whole rows of cells, so that text can go between
 * them.  Each strip brings the colours that it uses: terminals keep none from one to the next. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/picture_modules.h"
#include "screen/picture_protocol.h"

#define SIDE_MAX 1000 /* pixels: xterm takes no larger sixel */

/* ---- photographs: the nearest of the palette ---- */

#define CUBE (32 * 32 * 32) /* colours by their upper 5 bits */

static int nearest(const uint8_t (*palette)[3], int n, int r, int g, int b)
{
    int best = 0, least = 1 << 30;

    for (int i = 0; i < n; i++) {
        int dr = palette[i][0] - r, dg = palette[i][1] - g, db = palette[i][2] - b;
        int far = dr * dr * 2 + dg * dg * 4 + db * db;

        if (far < least) {
            least = far;
            best = i;
        }
    }
    return best;
}

/* Up to 256 colours as they are: the palette, and indices. How many; 0: there are more. */
static int exact(uint8_t (*palette)[3], uint8_t *out, const uint8_t *rgb, size_t n)
{
    int16_t table[1024];
    int colours = 0;

    memset(table, 0xff, sizeof table);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *c = rgb + 3 * i;
        unsigned h = (c[0] * 769u + c[1] * 31u + c[2]) & 1023;

        while (table[h] >= 0 && memcmp(palette[table[h]], c, 3) != 0)
            h = (h + 1) & 1023;
        if (table[h] < 0) {
            if (colours == 256)
                return 0;
            memcpy(palette[colours], c, 3);
            table[h] = (int16_t)colours++;
        }
        out[i] = (uint8_t)table[h];
    }
    return colours;
}

/* Each colour of the palette becomes the mean of the pixels that take it: median cut rounds. */
static void settle(uint8_t (*palette)[3], int colours, const uint8_t *indices, const uint8_t *rgb,
                   size_t n)
{
    uint64_t sum[256][4] = { { 0 } };

    for (size_t i = 0; i < n; i++) {
        uint64_t *s = sum[indices[i]];

        s[0] += rgb[3 * i];
        s[1] += rgb[3 * i + 1];
        s[2] += rgb[3 * i + 2];
        s[3]++;
    }
    for (int k = 0; k < colours; k++)
        for (int j = 0; j < 3; j++)
            if (sum[k][3] > 0)
                palette[k][j] = (uint8_t)((sum[k][j] + sum[k][3] / 2) / sum[k][3]);
}

static bool to_indices(uint8_t *out, const uint8_t *rgb, size_t n, const uint8_t (*palette)[3],
                       int colours)
{
    int16_t *cube = spn_realloc(NULL, CUBE, sizeof *cube);

    if (cube == NULL)
        return false;
    memset(cube, 0xff, CUBE * sizeof *cube); /* -1: not yet looked for */
    for (size_t i = 0; i < n; i++) {
        const uint8_t *c = rgb + 3 * i;
        int16_t *at = &cube[c[0] >> 3 << 10 | c[1] >> 3 << 5 | c[2] >> 3];

        if (*at < 0)
            *at = (int16_t)nearest(palette, colours, c[0] | 4, c[1] | 4, c[2] | 4);
        out[i] = (uint8_t)*at;
    }
    spn_free(cube);
    return true;
}

/* ---- strips ---- */

static void put(void *ctx, const char *bytes, size_t n)
{
    spn_buf_add(ctx, bytes, n);
}

/* A part of the picture: cells [row, bottom) x [left, right). */
struct tile {
    int row, bottom, left, right;
};

/* Part T of INDICES with those colours alone that are in it, numbered anew; how many. */
static int cut(uint8_t *out, uint8_t (*used)[3], const struct picture_task *t, const struct tile *c,
               const uint8_t *indices, const uint8_t (*palette)[3], int *width, int *height)
{
    int x0 = (int)((int64_t)c->left * t->width / t->columns);
    int y0 = (int)((int64_t)c->row * t->height / t->rows);
    int16_t number[256];
    int colours = 0;

    *width = (int)((int64_t)c->right * t->width / t->columns) - x0;
    *height = (int)((int64_t)c->bottom * t->height / t->rows) - y0;
    memset(number, 0xff, sizeof number);
    for (int y = 0; y < *height; y++) {
        const uint8_t *from = indices + (size_t)(y0 + y) * (size_t)t->width + (size_t)x0;

        for (int x = 0; x < *width; x++) {
            if (number[from[x]] < 0) {
                memcpy(used[colours], palette[from[x]], 3);
                number[from[x]] = (int16_t)colours++;
            }
            *out++ = (uint8_t)number[from[x]];
        }
    }
    return colours;
}

static spn_status tile(struct picture_stream *out, const struct picture_task *t,
                       const struct tile *c, uint8_t *room, const uint8_t *indices,
                       const uint8_t (*palette)[3], const struct spn_sixel_module *m,
                       struct spn_err *err)
{
    uint8_t used[256][3];
    size_t begun = out->bytes.length;
    int width, height, colours = cut(room, used, t, c, indices, palette, &width, &height);

    if (width < 1 || height < 1)
        return SPN_OK;
    /* P2 = 1: what no pixel covers stays, so a last band of less than six lines paints nothing
       below the tile. */
    spn_buf_puts(&out->bytes, t->plan.passthrough ? "\033Ptmux;\033\033P0;1;0q" : "\033P0;1;0q");
    if (m->encode(put, &out->bytes, room, width, height, (const uint8_t(*)[3])used, colours) !=
        SPN_OK)
        return spn_fail(err, SPN_ENOMEM, "picture: no memory for %d x %d pixels", width, height);
    spn_buf_puts(&out->bytes, t->plan.passthrough ? "\033\033\\\033\\" : "\033\\");
    return picture_piece_end(out, begun, c->row, c->left, err);
}

static spn_status strips(struct picture_stream *out, const struct picture_task *t,
                         const uint8_t *indices, const uint8_t (*palette)[3],
                         const struct spn_sixel_module *m, struct spn_err *err)
{
    uint8_t *room = spn_realloc(NULL, (size_t)t->width * (size_t)t->height, 1);
    bool split = t->plan.cell_known;
    int columns = split && t->width > SIDE_MAX ? SIDE_MAX / t->plan.cell_w : t->columns;
    int rows_most = split && t->height > SIDE_MAX ? SIDE_MAX / t->plan.cell_h : t->rows;
    int rows = split && t->piece_bytes > 0 ? 1 : rows_most;
    struct tile c = { 0 };
    spn_status st = SPN_OK;

    if (room == NULL)
        return spn_fail(err, SPN_ENOMEM, "picture: no memory for %d x %d pixels", t->width,
                        t->height);
    for (; st == SPN_OK && c.row < t->rows; c.row = c.bottom) {
        size_t begun = out->bytes.length, made;

        c.bottom = c.row + rows < t->rows ? c.row + rows : t->rows;
        for (c.left = 0; st == SPN_OK && c.left < t->columns; c.left = c.right) {
            c.right = c.left + columns < t->columns ? c.left + columns : t->columns;
            st = tile(out, t, &c, room, indices, palette, m, err);
        }
        /* The next one as the last one came out: at most twice as many rows. */
        made = out->bytes.length - begun;
        if (split && t->piece_bytes > 0 && made > 0) {
            size_t want = (size_t)rows * t->piece_bytes / made;

            rows = want < 1 ? 1 : want > 2 * (size_t)rows ? 2 * rows : (int)want;
            rows = rows < rows_most ? rows : rows_most;
        }
    }
    spn_free(room);
    return st;
}

/* INDICES at the fine size, enlarged to that of the task where they differ. */
static spn_status enlarged(struct picture_stream *out, const struct picture_task *t,
                           const uint8_t *indices, const uint8_t *palette,
                           const struct spn_sixel_module *m, struct spn_err *err)
{
    const struct spn_pixels small = {
        SPN_PIXELS_PALETTE, t->fine_width, t->fine_height, indices, palette, NULL
    };
    uint8_t *large;
    spn_status st;

    if (t->fine_width == t->width && t->fine_height == t->height)
        return strips(out, t, indices, (const uint8_t(*)[3])(const void *)palette, m, err);
    large = spn_realloc(NULL, (size_t)t->width * (size_t)t->height, 1);
    if (large == NULL)
        return spn_fail(err, SPN_ENOMEM, "picture: no memory for %d x %d pixels", t->width,
                        t->height);
    picture_scale(large, t->width, t->height, &small);
    st = strips(out, t, large, (const uint8_t(*)[3])(const void *)palette, m, err);
    spn_free(large);
    return st;
}

spn_status picture_encode_sixel(struct picture_stream *out, const struct picture_task *t,
                                const uint8_t *pixels, const struct spn_pixels *p,
                                struct spn_err *err)
{
    const struct spn_sixel_module *m = picture_sixel(err);
    size_t n = (size_t)t->fine_width * (size_t)t->fine_height;
    uint8_t *indices, palette[256][3];
    spn_status st;
    int colours = 0;

    if (m == NULL)
        return SPN_ENOTFOUND;
    if (p->kind == SPN_PIXELS_PALETTE)
        return enlarged(out, t, pixels, p->palette, m, err);
    indices = spn_realloc(NULL, n, 1);
    st = indices != NULL ? SPN_OK : SPN_ENOMEM;
    if (st == SPN_OK)
        colours = exact(palette, indices, pixels, n);
    if (st == SPN_OK && (colours == 0 || colours > t->colours)) {
        st = m->palette(palette, &colours, pixels, t->fine_width, t->fine_height, t->colours);
        /* Twice: the colours move to where their pixels are, and pixels to the nearest again. */
        for (int round = 0; st == SPN_OK && round < 2; round++) {
            if (!to_indices(indices, pixels, n, (const uint8_t(*)[3])palette, colours))
                st = SPN_ENOMEM;
            else
                settle(palette, colours, indices, pixels, n);
        }
    }
    st = st == SPN_OK
             ? enlarged(out, t, indices, palette[0], m, err)
             : spn_fail(err, st, "picture: no memory for %d x %d pixels", t->width, t->height);
    spn_free(indices);
    return st;
}
