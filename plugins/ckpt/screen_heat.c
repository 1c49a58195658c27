/* screen_heat.c - cells of a matrix as a picture, and the cloud of a pair of tensors. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen.h"
#include "spinney/picture.h"

#define PICTURE_WIDE 480 /* pixels, where the room is not known yet; the host fits it */
#define PICTURE_HIGH 360
#define PICTURE_MOST 1600
#define ODD_INDEX    255 /* colour of NaN and infinities */

/* Colours between anchors, evenly apart. */
static void between(const uint8_t (*anchor)[3], int n, double share, uint8_t out[3])
{
    double at = share * (n - 1);
    int i = at >= n - 1 ? n - 2 : (int)at;

    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)(anchor[i][c] + (anchor[i + 1][c] - anchor[i][c]) * (at - i) + 0.5);
}

/* Signed: 0 to 254, 127 is zero and dark; blue below, orange above. Magnitude: 0 is nothing. */
static void fill_palette(uint8_t palette[256][3], bool magnitude)
{
    static const uint8_t below[][3] = {
        { 16, 16, 20 }, { 20, 60, 140 }, { 60, 150, 235 }, { 190, 230, 255 }
    };
    static const uint8_t above[][3] = {
        { 16, 16, 20 }, { 140, 50, 20 }, { 235, 130, 40 }, { 255, 235, 170 }
    };
    static const uint8_t ramp[][3] = { { 12, 8, 24 },    { 70, 20, 95 },   { 160, 45, 95 },
                                       { 235, 100, 60 }, { 250, 200, 80 }, { 252, 252, 190 } };
    static const uint8_t odd[3] = { 0, 255, 0 };

    for (int i = 0; i < ODD_INDEX; i++)
        if (magnitude)
            between(ramp, 6, i / 254.0, palette[i]);
        else
            between(i < 127 ? below : above, 4, abs(i - 127) / 127.0, palette[i]);
    memcpy(palette[ODD_INDEX], odd, 3);
}

static uint8_t index_of(const struct heat *h, bool magnitude, int i, int j)
{
    double v = heat_value(h, i, j), share = heat_height(h, v);

    if (isnan(v) || h->cell[i * h->across + j].odd > 0)
        return ODD_INDEX;
    return (uint8_t)(magnitude ? share * 254 + 0.5 : 127 + (v < 0 ? -share : share) * 127 + 0.5);
}

/* As the pane is: a matrix has no shape that would have to be kept. */
static void size_of(const struct look *l, const struct spn_pane *p, int *wide, int *high)
{
    const struct spn_picture_api *api = l->host->query("picture", 1);
    int rows, columns, cell_w, cell_h;

    *wide = PICTURE_WIDE;
    *high = PICTURE_HIGH;
    if (api == NULL || !api->room(p, &rows, &columns, &cell_w, &cell_h) || rows < 1 || columns < 1)
        return;
    *wide = columns * cell_w < PICTURE_MOST ? columns * cell_w : PICTURE_MOST;
    *high = rows * cell_h < PICTURE_MOST ? rows * cell_h : PICTURE_MOST;
}

void heat_show(struct look *l, const struct inquiry *q, struct spn_pane *p)
{
    struct heat h = q->heat; /* its cells are lent; how they are looked at may have changed */
    static const char *const values[] = { "mean", "peak", "rms" };
    uint8_t palette[256][3], *data;
    struct spn_buf b = SPN_BUF_INIT(70000);
    int wide, high;

    size_of(l, p, &wide, &high);
    data = spn_calloc((size_t)wide, (size_t)high);
    if (data == NULL || h.cell == NULL) {
        spn_free(data);
        return;
    }
    h.value = values[l->cell];
    h.log = l->log;
    heat_scale(&h);
    fill_palette(palette, l->colours == 1);
    for (int y = 0; y < high; y++)
        for (int x = 0; x < wide; x++)
            data[y * wide + x] =
                index_of(&h, l->colours == 1, y * h.down / high, x * h.across / wide);
    spn_buf_printf(&b,
                   "%s: rows %" PRId64 ":%" PRId64 ", columns %" PRId64 ":%" PRId64
                   ", %s of a cell, %s, %s, brightest %.4g",
                   q->name, h.w.row, h.w.row + h.w.rows, h.w.col, h.w.col + h.w.cols, h.value,
                   l->colours == 1 ? "magnitude" : "signed: blue below, orange above zero",
                   l->log ? "four decades" : "linear", h.most);
    l->api->picture(p, &(struct spn_pixels){ .kind = SPN_PIXELS_PALETTE,
                                             .width = wide,
                                             .height = high,
                                             .data = data,
                                             .palette = palette[0],
                                             .alt = b.data });
    l->api->rule(l->screen, b.data);
    spn_buf_free(&b);
    spn_free(data);
}

void cloud_show(struct look *l, const struct inquiry *q, struct spn_pane *p)
{
    uint8_t palette[256][3], *data = spn_calloc(CLOUD_SIDE, CLOUD_SIDE);
    struct spn_buf b = SPN_BUF_INIT(70000);
    uint32_t most = 1;

    if (data == NULL || q->cloud == NULL) {
        spn_free(data);
        return;
    }
    fill_palette(palette, true);
    for (int i = 0; i < CLOUD_SIDE * CLOUD_SIDE; i++)
        most = q->cloud[i] > most ? q->cloud[i] : most;
    for (int i = 0; i < CLOUD_SIDE * CLOUD_SIDE; i++) {
        int row = i / CLOUD_SIDE, col = i % CLOUD_SIDE;

        /* Few is not none; the diagonal is where both are the same. */
        if (q->cloud[i] > 0)
            data[i] = (uint8_t)(70 + 184 * log(1 + q->cloud[i]) / log(1 + (double)most));
        else
            data[i] = row + col == CLOUD_SIDE - 1 ? 40 : 0;
    }
    spn_buf_printf(&b, "%s: across this file's numbers, up the other's, both %.4g to %.4g", q->name,
                   q->lo, q->hi);
    l->api->picture(p, &(struct spn_pixels){ .kind = SPN_PIXELS_PALETTE,
                                             .width = CLOUD_SIDE,
                                             .height = CLOUD_SIDE,
                                             .data = data,
                                             .palette = palette[0],
                                             .alt = b.data });
    l->api->rule(l->screen, b.data);
    spn_buf_free(&b);
    spn_free(data);
}

/* ---- zoom and panning ---- */

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* N numbers around the middle of [at, at + old), inside [0, all). */
static void resize(int64_t *at, int64_t *n, int64_t want, int64_t all)
{
    int64_t middle = *at + *n / 2;

    *n = clamp(want, all < 4 ? all : 4, all);
    *at = clamp(middle - *n / 2, 0, all - *n);
}

bool heat_act(struct look *l, enum spn_want act)
{
    struct spn_window *w = &l->window, before = *w;
    int64_t rows, cols;

    if (l->answer == NULL || l->answer->tab != TAB_HEAT || w->rows == 0)
        return false;
    rows = spn_matrix_rows(&l->answer->e->t);
    cols = spn_matrix_cols(&l->answer->e->t);
    switch (act) {
    case SPN_WANT_ZOOM_IN:
        resize(&w->row, &w->rows, w->rows / 2, rows);
        resize(&w->col, &w->cols, w->cols / 2, cols);
        break;
    case SPN_WANT_ZOOM_OUT:
        resize(&w->row, &w->rows, w->rows * 2, rows);
        resize(&w->col, &w->cols, w->cols * 2, cols);
        break;
    case SPN_WANT_ZOOM_FIT:
        *w = (struct spn_window){ 0, rows, 0, cols };
        break;
    case SPN_WANT_LEFT:
        w->col = clamp(w->col - (w->cols + 3) / 4, 0, cols - w->cols);
        break;
    case SPN_WANT_RIGHT:
        w->col = clamp(w->col + (w->cols + 3) / 4, 0, cols - w->cols);
        break;
    case SPN_WANT_UP:
        w->row = clamp(w->row - (w->rows + 3) / 4, 0, rows - w->rows);
        break;
    case SPN_WANT_DOWN:
        w->row = clamp(w->row + (w->rows + 3) / 4, 0, rows - w->rows);
        break;
    default:
        return false;
    }
    if (memcmp(&before, w, sizeof before) != 0)
        look_ask(l);
    return true;
}
