#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "screen/rows.h"

#define TEXT_CEILING ((size_t)1 << 30)
#define ROWS_MAX     ((size_t)1 << 24)

static void set_free(struct row_set *s)
{
    spn_arena_free(s->texts);
    spn_free(s->row);
    spn_free(s->field);
    *s = (struct row_set){ 0 };
}

static void free_rows(struct spn_pane *p)
{
    struct rows *r = p->content;
    int i;

    set_free(&r->now);
    set_free(&r->next);
    for (i = 0; i < r->n_columns; i++)
        spn_free(r->column_name[i]);
    spn_free(r->shown);
    spn_free(r);
}

struct rows *rows_of(struct spn_pane *p)
{
    bool fresh = p->kind != &pane_rows;
    struct rows *r = pane_content(p, &pane_rows, sizeof *r);

    if (r != NULL && fresh) {
        r->n_columns = 1;
        r->column[0] = (struct spn_column){ .width = -1 };
        r->sort = -1;
    }
    return r;
}

void rows_columns(struct spn_pane *p, const struct spn_column *c, size_t n)
{
    struct rows *r = rows_of(p);
    size_t i;

    if (r == NULL)
        return;
    for (i = 0; i < (size_t)r->n_columns; i++)
        spn_free(r->column_name[i]);
    if (n > ROWS_COLUMNS_MAX)
        n = ROWS_COLUMNS_MAX;
    for (i = 0; i < n; i++) {
        r->column[i] = c[i];
        r->column_name[i] = spn_strdup(c[i].name != NULL ? c[i].name : "");
        r->column[i].name = r->column_name[i] != NULL ? r->column_name[i] : "";
        r->hidden[i] = false;
    }
    r->n_columns = (int)n;
    r->sort = -1;
}

void rows_begin(struct spn_pane *p)
{
    struct rows *r = rows_of(p);

    if (r == NULL)
        return;
    set_free(&r->next);
    r->next.texts = spn_arena_new(TEXT_CEILING);
    r->next.short_of_memory = r->next.texts == NULL;
}

static bool grow(void **block, size_t *room, size_t need, size_t size)
{
    size_t more = *room > 0 ? *room * 2 : 64;
    void *grown;

    if (need <= *room)
        return true;
    if (more < need)
        more = need;
    grown = spn_realloc(*block, more, size);
    if (grown == NULL)
        return false;
    *block = grown;
    *room = more;
    return true;
}

void rows_add(struct spn_pane *p, const struct spn_row *row)
{
    struct rows *r = rows_of(p);
    struct row_set *s = r != NULL ? &r->next : NULL;
    size_t i, n = row->n < ROWS_COLUMNS_MAX ? row->n : ROWS_COLUMNS_MAX;

    if (s == NULL || s->texts == NULL || s->short_of_memory)
        return;
    if (s->n >= ROWS_MAX || !grow((void **)&s->row, &s->room, s->n + 1, sizeof *s->row) ||
        !grow((void **)&s->field, &s->field_room, s->n_field + n, sizeof *s->field)) {
        s->short_of_memory = true;
        return;
    }
    s->row[s->n] = (struct row){
        .id = row->id,
        .depth = row->depth < 0                ? 0
                 : row->depth > ROWS_DEPTH_MAX ? ROWS_DEPTH_MAX
                                               : row->depth,
        .group = row->group,
        .folded = row->group && row->folded,
        .heading = row->heading,
        .warning = row->warning,
        .glyph = row->glyph,
        .field = s->n_field,
        .n = (int)n,
    };
    for (i = 0; i < n; i++) {
        const char *text = row->fields[i].text != NULL ? row->fields[i].text : "";
        char *copy = spn_arena_strndup(s->texts, text, strlen(text));

        if (copy == NULL) {
            s->short_of_memory = true;
            return;
        }
        s->field[s->n_field++] =
            (struct field){ copy, row->fields[i].number, (uint8_t)row->fields[i].style };
    }
    s->n++;
}

/* Rows of before by id, to carry folds and marks over. */
static int by_id(const void *a, const void *b)
{
    const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static void carry_over(const struct row_set *from, struct row_set *to)
{
    const struct row **index = spn_calloc(from->n + 1, sizeof *index);
    size_t i, n = 0;

    if (index == NULL)
        return;
    for (i = 0; i < from->n; i++)
        if (from->row[i].group || from->row[i].marked)
            index[n++] = &from->row[i];
    qsort(index, n, sizeof *index, by_id);
    for (i = 0; n > 0 && i < to->n; i++) {
        const struct row *key = &to->row[i];
        const struct row **old = bsearch(&key, index, n, sizeof *index, by_id);

        if (old != NULL) {
            to->row[i].marked = (*old)->marked;
            if (to->row[i].group && (*old)->group)
                to->row[i].folded = (*old)->folded;
        }
    }
    spn_free(index);
}

void rows_end(struct spn_pane *p)
{
    struct rows *r = rows_of(p);
    uint64_t id;
    bool had;

    if (r == NULL)
        return;
    had = rows_choice(p, &id);
    carry_over(&r->now, &r->next);
    set_free(&r->now);
    r->now = r->next;
    r->next = (struct row_set){ 0 };
    r->n_shown = 0;
    rows_arrange(p);
    if (had)
        rows_choose(p, id);
}

const struct field *rows_field(const struct rows *r, const struct row *row, int column)
{
    static const struct field none = { "", NAN, SPN_STYLE_TEXT };

    return column < row->n ? &r->now.field[row->field + (size_t)column] : &none;
}

/* ---- choice, marks ---- */

bool rows_choice(const struct spn_pane *p, uint64_t *id)
{
    const struct rows *r = p->kind == &pane_rows ? p->content : NULL;

    if (r == NULL || !r->has_choice || r->choice >= r->n_shown)
        return false;
    *id = r->now.row[r->shown[r->choice]].id;
    return true;
}

void rows_choose(struct spn_pane *p, uint64_t id)
{
    struct rows *r = rows_of(p);
    size_t i;

    for (i = 0; r != NULL && i < r->n_shown; i++)
        if (r->now.row[r->shown[i]].id == id && !r->now.row[r->shown[i]].heading) {
            r->choice = i;
            r->has_choice = true;
            return;
        }
}

bool rows_marked(const struct spn_pane *p, uint64_t id)
{
    const struct rows *r = p->kind == &pane_rows ? p->content : NULL;
    size_t i;

    for (i = 0; r != NULL && i < r->now.n; i++)
        if (r->now.row[i].id == id)
            return r->now.row[i].marked;
    return false;
}

void rows_marks(struct spn_pane *p, bool on)
{
    struct rows *r = rows_of(p);

    if (r != NULL)
        r->marks = on;
}

void rows_branches(struct spn_pane *p, bool on)
{
    struct rows *r = rows_of(p);

    if (r != NULL)
        r->branches = on;
}

size_t rows_count(const struct spn_pane *p)
{
    const struct rows *r = p->kind == &pane_rows ? p->content : NULL;

    return r != NULL ? r->n_shown : 0;
}

static struct row *chosen(struct rows *r)
{
    return r->has_choice && r->choice < r->n_shown ? &r->now.row[r->shown[r->choice]] : NULL;
}

/* Move by STEP over headings; false: there is nothing further. */
static bool move(struct rows *r, long step)
{
    long i = (long)r->choice, n = (long)r->n_shown, way = step < 0 ? -1 : 1;

    if (n == 0)
        return false;
    i += step;
    i = i < 0 ? 0 : i >= n ? n - 1 : i;
    while (i >= 0 && i < n && r->now.row[r->shown[i]].heading)
        i += way;
    if (i < 0 || i >= n) { /* only headings that way: the last row before them */
        if (way < 0)
            r->first = 0;
        for (i = way < 0 ? 0 : n - 1; i >= 0 && i < n && r->now.row[r->shown[i]].heading; i -= way)
            continue;
        if (i < 0 || i >= n)
            return false;
    }
    if ((size_t)i == r->choice && r->has_choice)
        return false;
    r->choice = (size_t)i;
    r->has_choice = true;
    return true;
}

static enum pane_told fold(struct spn_pane *p, struct row *row, bool folded)
{
    row->folded = folded;
    rows_arrange(p);
    return PANE_DONE;
}

/* Left: fold, else go to the row above that this one belongs to. */
static enum pane_told go_left(struct spn_pane *p, struct rows *r)
{
    struct row *row = chosen(r);
    size_t i;

    if (r->sideways > 0) {
        r->sideways--;
        return PANE_DONE;
    }
    if (row == NULL)
        return PANE_NOT_MINE;
    if (row->group && !row->folded)
        return fold(p, row, true);
    for (i = r->choice; i-- > 0;)
        if (r->now.row[r->shown[i]].depth < row->depth) {
            r->choice = i;
            return PANE_CHOSEN;
        }
    return PANE_NOT_MINE;
}

static enum pane_told warning(struct rows *r, bool back)
{
    size_t i, n = r->n_shown;

    for (i = 1; i <= n; i++) {
        size_t k = (r->choice + (back ? n - i : i)) % n;

        if (r->now.row[r->shown[k]].warning) {
            r->choice = k;
            r->has_choice = true;
            return PANE_CHOSEN;
        }
    }
    return PANE_NOT_MINE;
}

static enum pane_told command(struct spn_pane *p, enum command c, int n)
{
    struct rows *r = p->content;
    struct row *row = chosen(r);
    long page = r->page > 1 ? r->page - 1 : 1;

    switch (c) {
    case CMD_UP:
        return move(r, -1) ? PANE_CHOSEN : PANE_DONE;
    case CMD_DOWN:
        return move(r, 1) ? PANE_CHOSEN : PANE_DONE;
    case CMD_PAGE_UP:
        return move(r, -page) ? PANE_CHOSEN : PANE_DONE;
    case CMD_PAGE_DOWN:
        return move(r, page) ? PANE_CHOSEN : PANE_DONE;
    case CMD_TOP:
        r->first = 0;
        return move(r, -(long)r->n_shown) ? PANE_CHOSEN : PANE_DONE;
    case CMD_END:
        return move(r, (long)r->n_shown) ? PANE_CHOSEN : PANE_DONE;
    case CMD_LEFT:
        return go_left(p, r);
    case CMD_RIGHT:
        return row != NULL && row->group && row->folded ? fold(p, row, false) : PANE_NOT_MINE;
    case CMD_FOLD:
        return row != NULL && row->group ? fold(p, row, !row->folded) : PANE_NOT_MINE;
    case CMD_OPEN:
        if (row == NULL)
            return PANE_NOT_MINE;
        if (row->group)
            return fold(p, row, !row->folded);
        return PANE_OPENED;
    case CMD_MARK:
        if (!r->marks || row == NULL)
            return PANE_NOT_MINE;
        row->marked = !row->marked;
        return move(r, 1) ? PANE_CHOSEN : PANE_DONE;
    case CMD_SORT:
        r->sort = r->sort + 1 >= r->n_columns ? -1 : r->sort + 1;
        r->turned = r->sort >= 0 && r->column[r->sort].right; /* figures: the greatest first */
        rows_arrange(p);
        return PANE_DONE;
    case CMD_SORT_TURN:
        r->turned = !r->turned;
        rows_arrange(p);
        return PANE_DONE;
    case CMD_NEXT_HIT:
    case CMD_LAST_HIT:
        if (p->search != NULL && p->search[0] != '\0')
            return move(r, c == CMD_NEXT_HIT ? 1 : -1) ? PANE_CHOSEN : PANE_DONE;
        return warning(r, c == CMD_LAST_HIT);
    default:
        return PANE_NOT_MINE;
    }
}

static enum pane_told click(struct spn_pane *p, int row, int column, bool twice)
{
    struct rows *r = p->content;
    bool heads = r->n_columns > 1 || r->column[0].name != NULL;
    size_t i;

    heads = heads && p->area.rows > 1;
    if (row < (heads ? 1 : 0))
        return PANE_DONE;
    i = r->first + (size_t)row - (heads ? 1 : 0);
    if (i >= r->n_shown || r->now.row[r->shown[i]].heading)
        return PANE_DONE;
    r->choice = i;
    r->has_choice = true;
    return twice ? command(p, CMD_OPEN, 0) : PANE_CHOSEN;
}

static void scroll(struct spn_pane *p, int rows)
{
    move(p->content, rows);
}

static void find(struct spn_pane *p, const char *text)
{
    rows_arrange(p);
}

/* ---- out ---- */

static bool field_json(json_t *object, const char *name, const struct field *f)
{
    json_t *v = isnan(f->number) ? json_string(f->text) : json_real(f->number);

    if (v == NULL)
        v = json_string("?"); /* JSON takes UTF-8 only */
    return json_object_set_new(object, name, v) == 0;
}

static void write_row(const struct rows *r, const struct row *row, struct spn_buf *out, bool json)
{
    json_t *object = json ? json_object() : NULL;
    char *line;
    int i, d;

    for (i = 0; i < r->n_columns; i++) {
        const struct field *f = rows_field(r, row, i);
        const char *name = r->column_name[i];

        if (json) {
            field_json(object, name != NULL && name[0] != '\0' ? name : "text", f);
            continue;
        }
        for (d = 0; i == 0 && d < row->depth; d++)
            spn_buf_puts(out, "  ");
        spn_buf_printf(out, "%s%s", i > 0 ? "\t" : "", f->text);
    }
    if (json) {
        line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12));
        spn_buf_puts(out, line != NULL ? line : "{}");
        free(line);
        json_decref(object);
    }
    spn_buf_puts(out, "\n");
}

static bool write_rows(struct spn_pane *p, struct spn_buf *out, bool json)
{
    const struct rows *r = p->content;
    size_t i;

    for (i = 0; i < r->n_shown; i++)
        if (!json || !r->now.row[r->shown[i]].heading)
            write_row(r, &r->now.row[r->shown[i]], out, json);
    return true;
}

static bool copy_row(struct spn_pane *p, struct spn_buf *out, bool json)
{
    struct rows *r = p->content;
    const struct row *row = chosen(r);

    if (row == NULL)
        return false;
    write_row(r, row, out, json);
    spn_buf_trim(out, out->length - 1);
    return true;
}

const struct pane_kind pane_rows = {
    .free_ = free_rows,
    .draw = rows_draw,
    .command = command,
    .click = click,
    .scroll = scroll,
    .find = find,
    .write = write_rows,
    .copy = copy_row,
};
