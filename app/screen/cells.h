/* cells.h - a grid of cells: what every widget draws on, what a terminal shows, a test compares and
 * :save-display writes. */
#ifndef APP_SCREEN_CELLS_H
#define APP_SCREEN_CELLS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "spinney/view.h"

/* Attributes over a role; a theme adds its own. */
enum { CELL_BOLD = 1, CELL_REVERSE = 2, CELL_UNDERLINE = 4, CELL_DIM = 8, CELL_ITALIC = 16 };

#define CELL_NO_COLOUR (-1)
struct cell {
    uint32_t code, mark; /* a character and one combining mark (0: none); code 0: blank */
    uint32_t mark2;      /* of a picture's placeholder: its second mark; else 0 */
    int32_t fg, bg;      /* 0xRRGGBB that wins over the role's, or CELL_NO_COLOUR */
    uint8_t role;        /* enum spn_style, or one of the frame's (theme.h) */
    uint8_t attributes;
    uint8_t width;   /* 1, 2; 0: the right half of the wide character before it */
    uint8_t picture; /* not 0: drawn by the picture service; the cell itself stays blank, or holds
                        the placeholder of a picture of that number */
};

struct cells {
    struct cell *cell; /* [rows][columns] */
    int rows, columns;
    bool ascii; /* every character outside ASCII has a stand-in */
};
/* A rectangle of a grid; drawing never leaves it. */
struct area {
    struct cells *on;
    int top, left, rows, columns;
};

spn_status cells_resize(struct cells *c, int rows, int columns, struct spn_err *err);
void cells_free(struct cells *c);
void cells_clear(struct cells *c);

struct area cells_area(struct cells *c);
/* The part of A at TOP, LEFT; cut where A ends. */
struct area area_part(struct area a, int top, int left, int rows, int columns);
void area_fill(struct area a, uint8_t role, uint8_t attributes);
/* Write text from outside, made visible, from ROW, COLUMN of A; at most MAX columns (-1: to the
   edge). Ends at a NUL or after N bytes. A newline or tab shows as a blank. Returns the columns
   taken. */
int area_text(struct area a, int row, int column, const char *text, size_t n, int max, uint8_t role,
              uint8_t attributes);
int area_puts(struct area a, int row, int column, const char *text, uint8_t role);
/* As area_text, with ".." at the end of what does not fit. */
int area_fit(struct area a, int row, int column, const char *text, size_t n, int max, uint8_t role,
             uint8_t attributes);
/* One printable character of ours. */
void area_glyph(struct area a, int row, int column, uint32_t code, uint8_t role,
                uint8_t attributes);
void area_colours(struct area a, int row, int column, int32_t fg, int32_t bg);
/* Set a role or add attributes over COLUMNS cells that are there. */
void area_attributes(struct area a, int row, int column, int columns, uint8_t attributes);
void area_role(struct area a, int row, int column, int columns, uint8_t role);
/* A line of COUNT cells: '-' or '|' (box characters when the grid may show them). */
void area_line(struct area a, int row, int column, int count, bool upright, uint8_t role);

/* Columns that the text takes once visible. */
int text_columns(const char *text, size_t n);
/* Columns of one character: 0, 1 or 2; -1: none that a terminal agrees on. */
int code_columns(uint32_t code);
/* Bytes of TEXT that fit into COLUMNS. */
size_t text_fit(const char *text, size_t n, int columns);

/* The grid as lines of UTF-8, trailing blanks cut: rows [first, last). */
spn_status cells_text(const struct cells *c, int first, int last, struct spn_buf *out);

#endif
