/* picture_page.c - cells with pictures over them, as bytes for a terminal or a pipe. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "host/visible.h"
#include "screen/picture_batch.h"
#include "screen/picture_encode.h"
#include "screen/picture_levels.h"
#include "screen/picture_modules.h"
#include "screen/theme.h"

#define IMAGE_FIRST 64 /* kitty's numbers of printed pictures; those of the screens are below */
#define IMAGE_LAST  255

struct picture_on_page {
    int top, left;
    struct picture_stream stream;
};

/* ---- drawing ---- */

static void encode(struct picture_page *p, struct area a, struct picture_source *s)
{
    static unsigned image; /* so that one printed picture does not replace another */
    struct picture_on_page *grown = spn_realloc(p->on, (size_t)p->n + 1, sizeof *grown);
    struct picture_task t = { .plan = p->plan,
                              .rows = a.rows,
                              .columns = a.columns,
                              .image = IMAGE_FIRST + image++ % (IMAGE_LAST - IMAGE_FIRST + 1) };

    if (grown == NULL) {
        p->st = spn_fail(&p->why, SPN_ENOMEM, "picture: no memory");
        return;
    }
    p->on = grown;
    levels_apply(&t, 0);
    p->on[p->n] = (struct picture_on_page){ .top = a.top, .left = a.left };
    p->st = picture_encode(&p->on[p->n].stream, &t, &s->pixels, &p->why);
    if (p->st == SPN_OK)
        p->n++;
    for (int r = 0; p->st == SPN_OK && r < a.rows; r++)
        for (int k = 0; k < a.columns; k++) {
            struct cell *c = &a.on->cell[(a.top + r) * a.on->columns + a.left + k];

            area_glyph(a, r, k, ' ', SPN_STYLE_TEXT, 0);
            c->picture = (uint8_t)t.image;
            if (p->plan.placeholders) {
                c->code = PICTURE_PLACEHOLDER;
                c->mark = picture_mark(r);
                c->mark2 = picture_mark(k);
            }
        }
}

static void draw(void *ctx, const void *key, struct area a, struct picture_source *s, bool fill)
{
    struct picture_page *p = ctx;
    int rows = a.rows, columns = a.columns;

    if (p->st != SPN_OK || rows < 1 || columns < 1)
        return;
    if (!fill)
        picture_fit(&s->pixels, a.rows, a.columns, p->plan.cell_w, p->plan.cell_h, &rows, &columns);
    if (p->plan.way == PICTURE_KITTY && picture_mark(columns - 1) == 0)
        columns = 297; /* more cells than the protocol has marks for */
    a = area_part(a, 0, 0, rows, columns);
    if (p->plan.way == PICTURE_ASCII)
        picture_blocks(a, &s->pixels, true);
    else if (p->plan.way == PICTURE_BLOCKS && !picture_symbols(a, &s->pixels))
        picture_blocks(a, &s->pixels, false);
    else if (p->plan.way != PICTURE_BLOCKS)
        encode(p, a, s);
}

static void forget(void *ctx, const void *key)
{
}

static bool cell(void *ctx, int *cell_w, int *cell_h)
{
    const struct picture_page *p = ctx;

    *cell_w = p->plan.cell_w;
    *cell_h = p->plan.cell_h;
    return p->plan.way != PICTURE_BLOCKS && p->plan.way != PICTURE_ASCII;
}

spn_status picture_page_open(struct picture_page *p, int rows, int columns,
                             const struct picture_plan *plan, struct spn_err *err)
{
    *p = (struct picture_page){ .plan = *plan, .why = SPN_ERR_INIT };
    p->service = (struct picture_service){ picture_way_name(plan->way), draw, forget, cell, p };
    p->cells.ascii = plan->way == PICTURE_ASCII;
    return cells_resize(&p->cells, rows, columns, err);
}

void picture_page_close(struct picture_page *p)
{
    for (int i = 0; i < p->n; i++) {
        spn_buf_free(&p->on[i].stream.bytes);
        spn_free(p->on[i].stream.piece);
    }
    spn_free(p->on);
    cells_free(&p->cells);
    *p = (struct picture_page){ 0 };
}

/* ---- printing ---- */

static void colour(struct spn_buf *b, const struct picture_page *p, int what, int32_t c)
{
    if (c < 0)
        spn_buf_printf(b, ";%d", what + 9);
    else if (p->true_colour)
        spn_buf_printf(b, ";%d;2;%d;%d;%d", what + 8, c >> 16 & 255, c >> 8 & 255, c & 255);
    else
        spn_buf_printf(b, ";%d;5;%d", what + 8, theme_256(c));
}

/* Roles have the palette's colours here: no theme is loaded, and the ground is not known. */
static int role_colour(uint8_t role)
{
    static const int series[6] = { 36, 33, 35, 32, 31, 34 };

    return role >= SPN_STYLE_SERIES_1 && role <= SPN_STYLE_SERIES_6
               ? series[role - SPN_STYLE_SERIES_1]
               : 39;
}

static bool same_look(const struct cell *a, const struct cell *b)
{
    return a->fg == b->fg && a->bg == b->bg && a->role == b->role &&
           a->attributes == b->attributes && a->picture == b->picture;
}

static void look(struct spn_buf *b, const struct picture_page *p, const struct cell *c)
{
    if (p->colours == 0)
        return;
    spn_buf_puts(b, "\033[0");
    if (c->role == SPN_STYLE_DIM || c->role == ROLE_BORDER)
        spn_buf_puts(b, ";2");
    if (c->attributes & CELL_BOLD)
        spn_buf_puts(b, ";1");
    if (c->picture != 0 && c->mark != 0)
        spn_buf_printf(b, ";38;5;%d", c->picture);
    else if (c->fg != CELL_NO_COLOUR)
        colour(b, p, 30, c->fg);
    else if (role_colour(c->role) != 39)
        spn_buf_printf(b, ";%d", role_colour(c->role));
    if (c->bg != CELL_NO_COLOUR)
        colour(b, p, 40, c->bg);
    spn_buf_puts(b, "m");
}

static void put_code(struct spn_buf *b, uint32_t code)
{
    char bytes[4];

    spn_buf_add(b, bytes, visible_put_utf8(bytes, code));
}

static void print_row(const struct picture_page *p, int row, struct spn_buf *b)
{
    static const struct cell plain = { .fg = CELL_NO_COLOUR, .bg = CELL_NO_COLOUR, .width = 1 };
    const struct cell *line = p->cells.cell + (size_t)row * (size_t)p->cells.columns,
                      *last = &plain;
    int end = p->cells.columns;

    while (end > 0 && (line[end - 1].code == 0 || line[end - 1].code == ' ') &&
           line[end - 1].width == 1 && line[end - 1].bg == CELL_NO_COLOUR)
        end--;
    for (int k = 0; k < end; k++) {
        if (line[k].width == 0)
            continue;
        if (!same_look(&line[k], last))
            look(b, p, &line[k]);
        last = &line[k];
        put_code(b, line[k].code != 0 ? line[k].code : ' ');
        if (line[k].mark != 0)
            put_code(b, line[k].mark);
        if (line[k].mark2 != 0)
            put_code(b, line[k].mark2);
    }
    spn_buf_puts(b, last != &plain && p->colours > 0 ? "\033[0m\n" : "\n");
}

spn_status picture_page_print(struct picture_page *p, struct spn_buf *out, struct spn_err *err)
{
    if (p->st != SPN_OK)
        return spn_fail(err, p->st, "%s", p->why.text);
    for (int r = 0; r < p->cells.rows; r++)
        print_row(p, r, out);
    /* The lines have made their room, scrolling where they had to: back up for each picture. */
    for (int i = 0; i < p->n; i++) {
        const struct picture_on_page *on = &p->on[i];

        for (size_t k = 0; k < on->stream.n; k++) {
            const struct picture_piece *piece = &on->stream.piece[k];

            spn_buf_printf(out, "\0337\033[%dA\r", p->cells.rows - on->top - piece->row);
            if (on->left + piece->column > 0)
                spn_buf_printf(out, "\033[%dC", on->left + piece->column);
            spn_buf_add(out, on->stream.bytes.data + piece->at, piece->n);
            spn_buf_puts(out, "\0338");
        }
    }
    return out->failed ? spn_fail(err, SPN_ENOMEM, "picture: no memory to print it") : SPN_OK;
}
