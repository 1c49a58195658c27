/* rows.h - inside of a pane of rows: shared by rows.c (what there is) and rows_draw.c (how it
 * looks). */
#ifndef APP_SCREEN_ROWS_H
#define APP_SCREEN_ROWS_H
#include "base/mem.h"
#include "screen/pane.h"

#define ROWS_COLUMNS_MAX 24
#define ROWS_DEPTH_MAX   64

struct row {
    uint64_t id;
    int depth;
    bool group, folded, heading, warning, marked;
    char glyph;
    size_t field; /* index of its first field */
    int n;
};
struct field {
    const char *text;
    double number;
    uint8_t style;
};
struct row_set {
    struct spn_arena *texts;
    struct row *row;
    struct field *field;
    size_t n, room, n_field, field_room;
    bool short_of_memory;
};
struct rows {
    bool branches; /* lines from father to child are drawn */
    struct row_set now, next; /* what is shown; what begin() … end() collects */
    struct spn_column column[ROWS_COLUMNS_MAX];
    char *column_name[ROWS_COLUMNS_MAX];
    int n_columns, sort; /* sort: column, -1: as they came */
    bool turned, marks, hidden[ROWS_COLUMNS_MAX];
    size_t *shown; /* rows after folding, filter and order */
    size_t n_shown;
    size_t choice, first; /* index into shown: the chosen one, the top one */
    bool has_choice;
    int sideways; /* columns scrolled off to the left */
    int page;     /* rows that fit when it was drawn last */
};

struct rows *rows_of(struct spn_pane *p); /* makes it; NULL: no memory */
void rows_arrange(struct spn_pane *p);    /* shown[] anew; the choice stays on its row */
/* Widths of the columns in ROOM cells; -1: not shown. */
void rows_widths(const struct rows *r, int room, int out[ROWS_COLUMNS_MAX]);
void rows_draw(struct spn_pane *p, struct area a, bool focused);
const struct field *rows_field(const struct rows *r, const struct row *row, int column);

#endif
