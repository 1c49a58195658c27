#include "config.h"

#include "screen/cells.h"

#include <string.h>
#include <wchar.h>

#include "base/mem.h"
#include "host/visible.h"

#define SIDE_MAX 2000 /* a terminal that claims more is not believed */

spn_status cells_resize(struct cells *c, int rows, int columns, struct spn_err *err)
{
    struct cell *grown;

    rows = rows < 1 ? 1 : rows > SIDE_MAX ? SIDE_MAX : rows;
    columns = columns < 1 ? 1 : columns > SIDE_MAX ? SIDE_MAX : columns;
    grown = spn_realloc(c->cell, (size_t)rows * (size_t)columns, sizeof *grown);
    if (grown == NULL)
        return spn_fail(err, SPN_ENOMEM, "screen: no memory for %d x %d cells", columns, rows);
    c->cell = grown;
    c->rows = rows;
    c->columns = columns;
    cells_clear(c);
    return SPN_OK;
}

void cells_free(struct cells *c)
{
    spn_free(c->cell);
    c->cell = NULL;
    c->rows = c->columns = 0;
}

static const struct cell blank = { .fg = CELL_NO_COLOUR, .bg = CELL_NO_COLOUR, .width = 1 };

void cells_clear(struct cells *c)
{
    size_t i, n = (size_t)c->rows * (size_t)c->columns;

    for (i = 0; i < n; i++)
        c->cell[i] = blank;
}

struct area cells_area(struct cells *c)
{
    return (struct area){ c, 0, 0, c->rows, c->columns };
}

struct area area_part(struct area a, int top, int left, int rows, int columns)
{
    if (top < 0)
        top = 0;
    if (left < 0)
        left = 0;
    if (rows > a.rows - top)
        rows = a.rows - top;
    if (columns > a.columns - left)
        columns = a.columns - left;
    a.top += top;
    a.left += left;
    a.rows = rows > 0 ? rows : 0;
    a.columns = columns > 0 ? columns : 0;
    return a;
}

static struct cell *at(struct area a, int row, int column)
{
    if (row < 0 || row >= a.rows || column < 0 || column >= a.columns)
        return NULL;
    return a.on->cell + (size_t)(a.top + row) * (size_t)a.on->columns + (size_t)(a.left + column);
}

int code_columns(uint32_t code)
{
    if (code >= 0x20 && code < 0x7f)
        return 1;
    return wcwidth((wchar_t)code);
}

/* What stands for a character where the terminal shows ASCII only. */
static uint32_t ascii_for(uint32_t code)
{
    static const struct {
        uint32_t code;
        char stand_in;
    } known[] = {
        { 0x2500, '-' }, { 0x2502, '|' }, { 0x253c, '+' }, { 0x251c, '|' },  { 0x2524, '|' },
        { 0x252c, '+' }, { 0x2534, '+' }, { 0x2026, '~' }, { 0x2018, '\'' }, { 0x2019, '\'' },
        { 0x201c, '"' }, { 0x201d, '"' }, { 0x2013, '-' }, { 0x2014, '-' },  { 0x2022, '*' },
        { 0x00d7, 'x' }, { 0x00f7, '/' }, { 0x2212, '-' }, { 0x2192, '>' },  { 0x2190, '<' },
        { 0x23ce, '$' }, { 0x00a0, ' ' },
    };
    size_t i;

    for (i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].code == code)
            return (unsigned char)known[i].stand_in;
    if (code >= 0x2581 && code <= 0x2588) /* lower blocks, by height */
        return (unsigned char)"_.:-=+*#"[code - 0x2581];
    return '?';
}

/* Overwriting half of a wide character leaves no half behind. */
static void split_wide(struct area a, int row, int column)
{
    struct cell *c = at(a, row, column);

    if (c == NULL)
        return;
    if (c->width == 0 && a.left + column > 0) {
        c[-1].code = ' ';
        c[-1].mark = 0;
        c[-1].width = 1;
    }
    if (c->width == 2 && a.left + column + 1 < a.on->columns) {
        c[1].code = ' ';
        c[1].width = 1;
    }
}

void area_fill(struct area a, uint8_t role, uint8_t attributes)
{
    int r, k;

    for (r = 0; r < a.rows; r++) {
        split_wide(a, r, 0);
        split_wide(a, r, a.columns - 1);
        for (k = 0; k < a.columns; k++) {
            struct cell *c = at(a, r, k);

            *c = blank;
            c->role = role;
            c->attributes = attributes;
        }
    }
}

static void put(struct area a, int row, int column, uint32_t code, int width, uint8_t role,
                uint8_t attributes)
{
    struct cell *c = at(a, row, column);

    if (c == NULL)
        return;
    split_wide(a, row, column);
    if (width == 2)
        split_wide(a, row, column + 1);
    *c = blank;
    c->code = code;
    c->width = (uint8_t)width;
    c->role = role;
    c->attributes = attributes;
    if (width == 2) {
        c[1] = *c;
        c[1].code = 0;
        c[1].width = 0;
    }
}

void area_glyph(struct area a, int row, int column, uint32_t code, uint8_t role, uint8_t attributes)
{
    if (a.on->ascii && code >= 0x7f)
        code = ascii_for(code);
    put(a, row, column, code, 1, role, attributes);
}

void area_colours(struct area a, int row, int column, int32_t fg, int32_t bg)
{
    struct cell *c = at(a, row, column);

    if (c != NULL) {
        c->fg = fg;
        c->bg = bg;
    }
}

void area_attributes(struct area a, int row, int column, int columns, uint8_t attributes)
{
    int k;

    for (k = 0; k < columns; k++) {
        struct cell *c = at(a, row, column + k);

        if (c != NULL)
            c->attributes |= attributes;
    }
}

void area_role(struct area a, int row, int column, int columns, uint8_t role)
{
    int k;

    for (k = 0; k < columns; k++) {
        struct cell *c = at(a, row, column + k);

        if (c != NULL)
            c->role = role;
    }
}

int area_text(struct area a, int row, int column, const char *text, size_t n, int max, uint8_t role,
              uint8_t attributes)
{
    int room = a.columns - column, taken = 0;
    size_t i = 0;

    if (max >= 0 && max < room)
        room = max;
    while (i < n && text[i] != '\0') {
        struct visible v = visible_next(text + i, n - i);
        int width = v.code != 0 ? code_columns(v.code) : (int)strlen(v.text), k;

        if (text[i] == '\n' || text[i] == '\t') {
            v.code = ' ';
            width = 1;
        } else if (v.code != 0 && (width < 0 || (a.on->ascii && v.code >= 0x7f))) {
            v.code = a.on->ascii && width >= 0 ? ascii_for(v.code) : 0xfffd;
            v.code = a.on->ascii && v.code > 0x7f ? '?' : v.code;
            width = width == 0 ? 0 : 1;
        }
        i += v.bytes;
        if (width == 0) { /* a combining mark joins the cell before it */
            struct cell *c = taken > 0 ? at(a, row, column + taken - 1) : NULL;

            if (c != NULL && c->width == 0)
                c--;
            if (c != NULL && c->mark == 0 && !a.on->ascii)
                c->mark = v.code;
            continue;
        }
        if (taken + width > room)
            break;
        if (v.code != 0)
            put(a, row, column + taken, v.code, width, role, attributes);
        else
            for (k = 0; v.text[k] != '\0'; k++)
                put(a, row, column + taken + k, (unsigned char)v.text[k], 1, role, attributes);
        taken += width;
    }
    return taken;
}

int area_puts(struct area a, int row, int column, const char *text, uint8_t role)
{
    return area_text(a, row, column, text, strlen(text), -1, role, 0);
}

int area_fit(struct area a, int row, int column, const char *text, size_t n, int max, uint8_t role,
             uint8_t attributes)
{
    int room = a.columns - column, taken;

    if (max >= 0 && max < room)
        room = max;
    if (room <= 0)
        return 0;
    n = strnlen(text, n);
    if (text_fit(text, n, room) >= n || room < 4)
        return area_text(a, row, column, text, n, room, role, attributes);
    taken = area_text(a, row, column, text, n, room - 2, role, attributes);
    return taken + area_text(a, row, column + taken, "..", 2, 2, role, attributes);
}

void area_line(struct area a, int row, int column, int count, bool upright, uint8_t role)
{
    int i;

    for (i = 0; i < count; i++)
        area_glyph(a, row + (upright ? i : 0), column + (upright ? 0 : i),
                   upright ? 0x2502 : 0x2500, role, 0);
}

static int step_columns(const struct visible *v, char first)
{
    int width;

    if (first == '\n' || first == '\t')
        return 1;
    if (v->code == 0)
        return (int)strlen(v->text);
    width = code_columns(v->code);
    return width < 0 ? 1 : width;
}

int text_columns(const char *text, size_t n)
{
    size_t i = 0;
    int columns = 0;

    while (i < n && text[i] != '\0' && columns < SIDE_MAX * 8) {
        struct visible v = visible_next(text + i, n - i);

        columns += step_columns(&v, text[i]);
        i += v.bytes;
    }
    return columns;
}

size_t text_fit(const char *text, size_t n, int columns)
{
    size_t i = 0;

    while (i < n && text[i] != '\0') {
        struct visible v = visible_next(text + i, n - i);

        columns -= step_columns(&v, text[i]);
        if (columns < 0)
            break;
        i += v.bytes;
    }
    return i;
}

static spn_status row_text(const struct cells *c, int row, struct spn_buf *out)
{
    const struct cell *line = c->cell + (size_t)row * (size_t)c->columns;
    int end = c->columns, k;

    while (end > 0 && (line[end - 1].code == 0 || line[end - 1].code == ' ') &&
           line[end - 1].width == 1)
        end--;
    for (k = 0; k < end; k++) {
        char bytes[4];

        if (line[k].width == 0)
            continue;
        if (line[k].picture != 0) {
            spn_buf_add(out, " ", 1);
            continue;
        }
        spn_buf_add(out, bytes, visible_put_utf8(bytes, line[k].code != 0 ? line[k].code : ' '));
        if (line[k].mark != 0)
            spn_buf_add(out, bytes, visible_put_utf8(bytes, line[k].mark));
    }
    return spn_buf_puts(out, "\n");
}

spn_status cells_text(const struct cells *c, int first, int last, struct spn_buf *out)
{
    spn_status st = SPN_OK;
    int row;

    for (row = first; st == SPN_OK && row < last && row < c->rows; row++)
        st = row_text(c, row, out);
    return st;
}
