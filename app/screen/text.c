/* text.c - a pane of text: blocks below each other, each laid out once for a width. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "screen/flow.h"
#include "screen/pane.h"
#include "screen/theme.h"

#define BLOCK_CEILING ((size_t)64 << 20)
#define WIDEST        100 /* longer lines are hard to read */

struct block {
    uint64_t id;
    enum spn_text_format format;
    uint8_t style;
    char *head, *foot;
    struct spn_span *span; /* of a plain text; NULL: none */
    size_t n_spans;
    struct spn_buf text;
    struct flow flow;
    bool laid_out;
};
struct text {
    struct block *block;
    size_t n, room, choice;
    long top;        /* first line shown, counted over all blocks */
    bool stays;      /* the person went up: what is new does not scroll */
    long seen;       /* lines there were when following stopped */
    int width, page; /* as drawn last */
};

static void block_free(struct block *b)
{
    spn_free(b->head);
    spn_free(b->foot);
    spn_free(b->span);
    spn_buf_free(&b->text);
    flow_free(&b->flow);
}

static void free_text(struct spn_pane *p)
{
    struct text *t = p->content;
    size_t i;

    for (i = 0; i < t->n; i++)
        block_free(&t->block[i]);
    spn_free(t->block);
    spn_free(t);
}

static struct block *find_block(struct text *t, uint64_t id)
{
    size_t i;

    for (i = t->n; i-- > 0;)
        if (t->block[i].id == id)
            return &t->block[i];
    return NULL;
}

void text_block(struct spn_pane *p, uint64_t id, enum spn_text_format format, const char *head,
                enum spn_style style, const char *text, size_t n)
{
    struct text *t = pane_content(p, &pane_text, sizeof *t);
    struct block *b = t != NULL ? find_block(t, id) : NULL;

    if (t == NULL)
        return;
    if (b == NULL) {
        if (t->n == t->room) {
            size_t room = t->room > 0 ? t->room * 2 : 8;
            struct block *grown = spn_realloc(t->block, room, sizeof *grown);

            if (grown == NULL)
                return;
            t->block = grown;
            t->room = room;
        }
        if (t->n > 0 && t->choice == t->n - 1 && !t->stays)
            t->choice = t->n;
        b = &t->block[t->n++];
        *b = (struct block){ .id = id, .text = SPN_BUF_INIT(BLOCK_CEILING) };
    }
    spn_free(b->head);
    spn_free(b->foot);
    spn_free(b->span);
    b->foot = NULL;
    b->span = NULL;
    b->n_spans = 0;
    b->head = head != NULL ? spn_strdup(head) : NULL;
    b->format = format;
    b->style = (uint8_t)style;
    b->laid_out = false;
    spn_buf_trim(&b->text, 0);
    spn_buf_add(&b->text, text, n);
}

void text_foot(struct spn_pane *p, uint64_t id, const char *text)
{
    struct text *t = p->kind == &pane_text ? p->content : NULL;
    struct block *b = t != NULL ? find_block(t, id) : NULL;

    if (b == NULL)
        return;
    spn_free(b->foot);
    b->foot = text != NULL && text[0] != '\0' ? spn_strdup(text) : NULL;
}

void text_spans(struct spn_pane *p, uint64_t id, const struct spn_span *spans, size_t n)
{
    struct text *t = p->kind == &pane_text ? p->content : NULL;
    struct block *b = t != NULL ? find_block(t, id) : NULL;

    if (b == NULL)
        return;
    spn_free(b->span);
    b->n_spans = 0;
    b->span = n > 0 ? spn_calloc(n, sizeof *b->span) : NULL;
    if (b->span == NULL)
        return;
    memcpy(b->span, spans, n * sizeof *spans);
    b->n_spans = n;
    b->laid_out = false;
}

void text_append(struct spn_pane *p, uint64_t id, const char *text, size_t n)
{
    struct text *t = p->kind == &pane_text ? p->content : NULL;
    struct block *b = t != NULL ? find_block(t, id) : NULL;

    if (b != NULL) {
        spn_buf_add(&b->text, text, n);
        b->laid_out = false;
    }
}

void text_remove(struct spn_pane *p, uint64_t id)
{
    struct text *t = p->kind == &pane_text ? p->content : NULL;
    struct block *b = t != NULL ? find_block(t, id) : NULL;

    if (b == NULL)
        return;
    block_free(b);
    memmove(b, b + 1, (size_t)(t->block + t->n - b - 1) * sizeof *b);
    t->n--;
    if (t->choice >= t->n)
        t->choice = t->n > 0 ? t->n - 1 : 0;
}

bool text_choice(const struct spn_pane *p, uint64_t *id)
{
    const struct text *t = p->kind == &pane_text ? p->content : NULL;

    if (t == NULL || t->choice >= t->n)
        return false;
    *id = t->block[t->choice].id;
    return true;
}

/* ---- lines ---- */

static void lay_out(struct text *t, struct block *b)
{
    if (b->laid_out && b->flow.width == t->width)
        return;
    if (b->n_spans > 0)
        flow_spans(&b->flow, b->text.data != NULL ? b->text.data : "", b->text.length, b->span,
                   b->n_spans, t->width);
    else
        flow_text(&b->flow, b->format, b->text.data != NULL ? b->text.data : "", b->text.length,
              t->width, SPN_STYLE_TEXT);
    b->flow.width = t->width;
    b->laid_out = true;
}

/* Lines of a block: its head, its text, a blank one when others follow. */
static long block_lines(struct text *t, size_t i)
{
    lay_out(t, &t->block[i]);
    return (long)t->block[i].flow.n_lines + (t->block[i].head != NULL) +
           (t->block[i].foot != NULL) + (i + 1 < t->n);
}

static long first_line(struct text *t, size_t block)
{
    long n = 0;
    size_t i;

    for (i = 0; i < block && i < t->n; i++)
        n += block_lines(t, i);
    return n;
}

static long all_lines(struct text *t)
{
    return first_line(t, t->n);
}

static void settle(struct spn_pane *p, struct text *t)
{
    long total = all_lines(t), most = total > t->page ? total - t->page : 0;

    if (!t->stays || t->top > most)
        t->top = most;
    if (t->top < 0)
        t->top = 0;
    if (t->stays && t->top == most && most == total - t->page && t->seen == total)
        t->seen = total;
    if (p->search != NULL && p->search[0] != '\0')
        snprintf(p->note, sizeof p->note, "%d of %d", p->hit, p->hits);
    else if (t->stays && total > t->seen && t->seen > 0)
        snprintf(p->note, sizeof p->note, "%ld new", total - t->seen);
    else
        p->note[0] = '\0';
}

static void draw_pieces(struct spn_pane *p, struct area a, int row, const struct flow *f,
                        const struct flow_line *l, int left)
{
    int at = left + l->indent;
    size_t i;

    if (l->fill)
        area_fill(area_part(a, row, left, 1, a.columns - left), SPN_STYLE_CODE, 0);
    for (i = l->first; i < l->first + l->n; i++) {
        const struct piece *s = &f->piece[i];
        int n = area_text(a, row, at, s->text, s->n, -1, s->style, s->attributes);

        if (p->search != NULL && p->search[0] != '\0') {
            size_t from = 0;
            ptrdiff_t hit;

            while ((hit = find_text(s->text + from, s->n - from, p->search)) >= 0) {
                from += (size_t)hit;
                area_role(a, row, at + text_columns(s->text, from),
                          text_columns(s->text + from, strlen(p->search)), ROLE_HIT);
                from += strlen(p->search);
            }
        }
        at += n;
    }
}

/* "who<tab>when": the second part stands at the right edge. */
static void draw_head(struct area a, int row, const struct block *b, bool chosen, int width)
{
    const char *tab = strchr(b->head, '\t');
    size_t n = tab != NULL ? (size_t)(tab - b->head) : strlen(b->head);

    if (chosen)
        area_puts(a, row, 0, ">", ROLE_KEY);
    area_fit(a, row, 1, b->head, n, width, b->style, 0);
    if (tab != NULL) {
        int w = text_columns(tab + 1, strlen(tab + 1));

        if (w < width)
            area_puts(a, row, 1 + width - w, tab + 1, SPN_STYLE_DIM);
    }
}

static void draw(struct spn_pane *p, struct area a, bool focused)
{
    struct text *t = p->content;
    int row = 0;
    size_t i;
    long at = 0;

    t->width = a.columns - 2 < WIDEST ? a.columns - 2 : WIDEST;
    t->page = a.rows;
    settle(p, t);
    for (i = 0; i < t->n && row < a.rows; i++) {
        struct block *b = &t->block[i];
        long lines = block_lines(t, i), k = t->top > at ? t->top - at : 0;
        bool chosen = focused && t->n > 1 && i == t->choice;

        for (; k < lines && row < a.rows; k++, row++) {
            long line = k - (b->head != NULL);

            if (line < 0)
                draw_head(a, row, b, chosen, t->width);
            else if (line < (long)b->flow.n_lines)
                draw_pieces(p, a, row, &b->flow, &b->flow.line[line], 1);
            else if (line == (long)b->flow.n_lines && b->foot != NULL)
                area_fit(a, row, 1, b->foot, strlen(b->foot), t->width, SPN_STYLE_DIM, 0);
        }
        at += lines;
    }
}

/* ---- moving ---- */

static void go_to(struct text *t, long top)
{
    long total = all_lines(t), most = total > t->page ? total - t->page : 0;

    t->top = top < 0 ? 0 : top > most ? most : top;
    if (!t->stays)
        t->seen = total;
    t->stays = t->top < most;
}

/* Choose the next block, or scroll inside one that is longer than the page. */
static enum pane_told step(struct text *t, int way)
{
    long first = first_line(t, t->choice),
         last = first + (t->n > 0 ? block_lines(t, t->choice) : 0);

    if (t->n <= 1 || (way > 0 && last > t->top + t->page && first <= t->top) ||
        (way < 0 && first < t->top)) {
        go_to(t, t->top + way);
        return PANE_DONE;
    }
    if ((way < 0 && t->choice == 0) || (way > 0 && t->choice + 1 >= t->n))
        return PANE_DONE;
    t->choice = way < 0 ? t->choice - 1 : t->choice + 1;
    first = first_line(t, t->choice);
    last = first + block_lines(t, t->choice);
    if (first < t->top || last - first > t->page)
        go_to(t, first);
    else if (last > t->top + t->page)
        go_to(t, last - t->page);
    return PANE_CHOSEN;
}

/* Offsets of the hits: number WANT of them (from 1) decides where to go. */
static int hits(struct text *t, const char *what, int want, size_t *block, size_t *offset)
{
    int n = 0;
    size_t i;

    for (i = 0; i < t->n; i++) {
        const char *s = t->block[i].text.data;
        size_t from = 0, length = t->block[i].text.length;
        ptrdiff_t at;

        while (s != NULL && (at = find_text(s + from, length - from, what)) >= 0) {
            from += (size_t)at;
            if (++n == want) {
                *block = i;
                *offset = from;
            }
            from += strlen(what);
        }
    }
    return n;
}

static void show_hit(struct spn_pane *p, int want)
{
    struct text *t = p->content;
    size_t block = 0, offset = 0, i, k;
    const struct flow *f;
    const char *spot;

    p->hits = hits(t, p->search, want, &block, &offset);
    p->hit = p->hits == 0 ? 0 : want;
    if (p->hits == 0)
        return;
    lay_out(t, &t->block[block]);
    f = &t->block[block].flow;
    spot = t->block[block].text.data + offset;
    t->choice = block;
    for (i = 0; i < f->n_lines; i++)
        for (k = f->line[i].first; k < f->line[i].first + f->line[i].n; k++)
            if (spot >= f->piece[k].text && spot < f->piece[k].text + f->piece[k].n) {
                go_to(t, first_line(t, block) + (t->block[block].head != NULL) + (long)i -
                             t->page / 2);
                t->stays = true;
                return;
            }
}

static void find(struct spn_pane *p, const char *text)
{
    p->hit = p->hits = 0;
    if (text[0] != '\0')
        show_hit(p, 1);
}

static enum pane_told command(struct spn_pane *p, enum command c, int n)
{
    struct text *t = p->content;

    switch (c) {
    case CMD_UP:
        return step(t, -1);
    case CMD_DOWN:
        return step(t, 1);
    case CMD_PAGE_UP:
        go_to(t, t->top - (t->page > 2 ? t->page - 2 : 1));
        return PANE_DONE;
    case CMD_PAGE_DOWN:
        go_to(t, t->top + (t->page > 2 ? t->page - 2 : 1));
        return PANE_DONE;
    case CMD_TOP:
        t->choice = 0;
        go_to(t, 0);
        return PANE_CHOSEN;
    case CMD_END:
    case CMD_FOLLOW:
        t->choice = t->n > 0 ? t->n - 1 : 0;
        t->stays = c == CMD_FOLLOW && !t->stays;
        t->seen = all_lines(t);
        return PANE_CHOSEN;
    case CMD_OPEN:
        return t->n > 0 ? PANE_OPENED : PANE_NOT_MINE;
    case CMD_NEXT_HIT:
    case CMD_LAST_HIT:
        if (p->search == NULL || p->search[0] == '\0')
            return PANE_NOT_MINE;
        if (p->hits > 0)
            show_hit(p, c == CMD_NEXT_HIT ? p->hit % p->hits + 1
                        : p->hit > 1      ? p->hit - 1
                                          : p->hits);
        return PANE_DONE;
    default:
        return PANE_NOT_MINE;
    }
}

static enum pane_told click(struct spn_pane *p, int row, int column, bool twice)
{
    struct text *t = p->content;
    long at = 0;
    size_t i;

    for (i = 0; i < t->n; i++) {
        at += block_lines(t, i);
        if (t->top + row < at) {
            t->choice = i;
            return twice ? PANE_OPENED : PANE_CHOSEN;
        }
    }
    return PANE_DONE;
}

static void scroll(struct spn_pane *p, int rows)
{
    struct text *t = p->content;

    go_to(t, t->top + rows);
}

static bool write_text(struct spn_pane *p, struct spn_buf *out, bool json)
{
    struct text *t = p->content;
    size_t i;

    for (i = 0; !json && i < t->n; i++) {
        if (t->block[i].head != NULL)
            spn_buf_printf(out, "%s\n", t->block[i].head);
        spn_buf_add(out, t->block[i].text.data != NULL ? t->block[i].text.data : "",
                    t->block[i].text.length);
        if (out->length > 0 && out->data[out->length - 1] != '\n')
            spn_buf_puts(out, "\n");
        if (t->block[i].foot != NULL)
            spn_buf_printf(out, "%s\n", t->block[i].foot);
        if (i + 1 < t->n)
            spn_buf_puts(out, "\n");
    }
    return !json;
}

static bool copy(struct spn_pane *p, struct spn_buf *out, bool json)
{
    struct text *t = p->content;
    const struct block *b = t->choice < t->n ? &t->block[t->choice] : NULL;

    if (b == NULL || json)
        return false;
    spn_buf_add(out, b->text.data != NULL ? b->text.data : "", b->text.length);
    return true;
}

const struct pane_kind pane_text = {
    .free_ = free_text,
    .draw = draw,
    .command = command,
    .click = click,
    .scroll = scroll,
    .find = find,
    .write = write_text,
    .copy = copy,
};

void text_choose(struct spn_pane *p, uint64_t id)
{
    struct text *t = p->kind == &pane_text ? p->content : NULL;
    struct block *b = t != NULL ? find_block(t, id) : NULL;

    if (b == NULL)
        return;
    t->choice = (size_t)(b - t->block);
    go_to(t, first_line(t, t->choice));
}
