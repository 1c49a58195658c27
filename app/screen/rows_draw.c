#include "config.h"

#include <stdio.h>
#include <string.h>

#include "screen/rows.h"
#include "screen/theme.h"

#define WIDEST 40 /* of a column that takes what it needs */
#define GAP    2

static int natural(const struct rows *r, int column)
{
    int widest = text_columns(r->column[column].name != NULL ? r->column[column].name : "", 64);
    size_t i, from = r->first > 200 ? r->first - 200 : 0;

    /* The rows around the window decide: measuring a million would show. */
    for (i = from; i < r->n_shown && i < r->first + 400; i++) {
        const struct row *row = &r->now.row[r->shown[i]];
        int n;

        if (row->heading)
            continue;
        n = text_columns(rows_field(r, row, column)->text, 4 * WIDEST);
        if (column == 0)
            n += 2 * row->depth + (row->group || row->glyph != 0 ? 2 : 0);
        if (n > widest)
            widest = n;
    }
    return widest < WIDEST ? widest : WIDEST;
}

void rows_widths(const struct rows *r, int room, int out[ROWS_COLUMNS_MAX])
{
    int i, used = 0, greedy = 0, rank;

    for (i = 0; i < r->n_columns; i++) {
        int w = r->column[i].width;

        out[i] = r->hidden[i] ? -1 : w > 0 ? w : w == 0 ? natural(r, i) : 8;
        if (out[i] >= 0) {
            used += out[i] + (used > 0 ? GAP : 0);
            greedy += w < 0;
        }
    }
    /* Too wide: the highest ranks go, the last column of a rank first. */
    for (rank = 9; rank > 0 && used > room; rank--)
        for (i = r->n_columns - 1; i >= 0 && used > room; i--)
            if (r->column[i].rank == rank && out[i] >= 0) {
                used -= out[i] + GAP;
                greedy -= r->column[i].width < 0;
                out[i] = -1;
            }
    for (i = 0; i < r->n_columns; i++)
        if (out[i] >= 0 && r->column[i].width < 0 && used < room) {
            int more = (room - used) / (greedy > 0 ? greedy : 1);

            out[i] += more;
            used += more;
            greedy--;
        }
    /* Still too wide: the first column that can gives way. */
    for (i = 0; i < r->n_columns && used > room; i++)
        if (out[i] > 8) {
            int less = used - room < out[i] - 8 ? used - room : out[i] - 8;

            out[i] -= less;
            used -= less;
        }
}

static void heads(const struct rows *r, struct area a, const int *width, int left)
{
    int i, at = left;

    for (i = 0; i < r->n_columns; i++) {
        char text[80];
        int n;

        if (width[i] < 0)
            continue;
        snprintf(text, sizeof text, "%s%s", r->column[i].name != NULL ? r->column[i].name : "",
                 i != r->sort ? ""
                 : r->turned  ? " v"
                              : " ^");
        n = text_columns(text, sizeof text);
        area_text(a, 0, at + (r->column[i].right && n < width[i] ? width[i] - n : 0), text,
                  sizeof text, width[i], SPN_STYLE_DIM, 0);
        at += width[i] + GAP;
    }
}

static void mark_hits(struct area a, int row, int left, const char *text, const char *what,
                      int width)
{
    ptrdiff_t at = find_text(text, strlen(text), what);
    int from, n;

    if (at < 0)
        return;
    from = text_columns(text, (size_t)at);
    n = text_columns(text + at, strlen(what));
    if (from + n <= width)
        area_role(a, row, left + from, n, ROLE_HIT);
}

/* Does a row of DEPTH come after row I, below the same father? */
static bool goes_on(const struct rows *r, size_t i, int depth)
{
    size_t k;

    for (k = i + 1; k < r->n_shown; k++) {
        int d = r->now.row[r->shown[k]].depth;

        if (d <= depth)
            return d == depth;
    }
    return false;
}

/* The branches of a tree from its father's row to this one. */
static void draw_branches(const struct rows *r, struct area a, int line, size_t i, int left,
                          int shift)
{
    const struct row *row = &r->now.row[r->shown[i]];
    bool ascii = a.on->ascii;
    int d, at;

    for (d = 1; d <= row->depth; d++) {
        bool more = goes_on(r, i, d);

        at = left + shift - 2 * (row->depth - d) - 2;
        if (at < left)
            continue;
        if (d < row->depth && more)
            area_glyph(a, line, at, ascii ? '|' : 0x2502, ROLE_BORDER, 0);
        else if (d == row->depth)
            area_glyph(a, line, at, ascii ? (more ? '|' : '`') : more ? 0x251c : 0x2514,
                       ROLE_BORDER, 0);
        if (d == row->depth)
            area_glyph(a, line, at + 1, ascii ? '-' : 0x2500, ROLE_BORDER, 0);
    }
}

static void draw_row(struct spn_pane *p, struct area a, int line, const struct row *row,
                     size_t index, const int *width, bool is_choice, bool focused)
{
    struct rows *r = p->content;
    int i, at = 2;
    char lead[3] = { is_choice ? '>' : ' ', row->marked ? '#' : ' ', 0 };

    area_text(a, line, 0, lead, 2, 2, SPN_STYLE_TEXT, 0);
    if (row->heading) {
        area_fit(a, line, 1, rows_field(r, row, 0)->text, SIZE_MAX, a.columns - 1, SPN_STYLE_HEAD,
                 0);
        return;
    }
    for (i = 0; i < r->n_columns; i++) {
        const struct field *f = rows_field(r, row, i);
        int shift = 0, n;

        if (width[i] < 0)
            continue;
        if (i == 0) {
            shift = 2 * row->depth < width[i] - 6 ? 2 * row->depth
                    : width[i] > 6                ? width[i] - 6
                                                  : 0;
            if (r->branches && row->depth > 0)
                draw_branches(r, a, line, index, at, shift);
            if ((row->group && !r->branches) || row->glyph != 0 || row->folded) {
                char glyph[3] = { row->glyph != 0 ? row->glyph : row->folded ? '+' : '-', ' ', 0 };

                area_text(a, line, at + shift, glyph, 2, width[i] - shift,
                          row->glyph != 0 ? f->style : SPN_STYLE_DIM, 0);
                shift += 2;
            }
        } else if (r->column[i].right) {
            n = text_columns(f->text, 4 * (size_t)width[i] + 4);
            shift = n < width[i] ? width[i] - n : 0;
        }
        area_fit(a, line, at + shift, f->text, SIZE_MAX, width[i] - shift, f->style, 0);
        if (p->search != NULL && p->search[0] != '\0')
            mark_hits(a, line, at + shift, f->text, p->search, width[i] - shift);
        at += width[i] + GAP;
    }
    if (is_choice) {
        area_role(a, line, 0, a.columns, focused ? ROLE_CHOICE : ROLE_CHOICE_WEAK);
    }
}

void rows_draw(struct spn_pane *p, struct area a, bool focused)
{
    struct rows *r = p->content;
    int width[ROWS_COLUMNS_MAX], line = 0;
    bool has_heads = r->n_columns > 1 && a.rows > 1;
    size_t i;

    r->page = a.rows - (has_heads ? 1 : 0);
    if (r->page < 1)
        r->page = 1;
    if (r->choice < r->first)
        r->first = r->choice;
    /* A heading right above the top row is shown with it. */
    while (r->has_choice && r->first == r->choice && r->first > 0 && r->page > 1 &&
           r->now.row[r->shown[r->first - 1]].heading)
        r->first--;
    if (r->choice >= r->first + (size_t)r->page)
        r->first = r->choice - (size_t)r->page + 1;
    if (r->n_shown <= (size_t)r->page)
        r->first = 0;
    else if (r->first > r->n_shown - (size_t)r->page)
        r->first = r->n_shown - (size_t)r->page;
    rows_widths(r, a.columns - 3, width);
    if (has_heads)
        heads(r, area_part(a, line++, 0, 1, a.columns), width, 2);
    for (i = r->first; i < r->n_shown && line < a.rows; i++, line++)
        draw_row(p, a, line, &r->now.row[r->shown[i]], i, width, r->has_choice && i == r->choice,
                 focused);
    if (r->n_shown == 0 && a.rows > 1)
        area_puts(a, line, 2,
                  p->search != NULL && p->search[0] != '\0' ? "nothing matches; Esc shows all"
                                                            : "nothing here yet",
                  SPN_STYLE_DIM);
    else if (r->now.short_of_memory && line < a.rows)
        area_puts(a, line, 2, "memory was short: rows are missing", SPN_STYLE_BAD);
}
