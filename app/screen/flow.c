#include "config.h"

#include "screen/flow.h"

#include <string.h>

#include "base/mem.h"
#include "host/visible.h"
#include "screen/cells.h"

#define CODE_PIECES_MAX 256

void flow_free(struct flow *f)
{
    spn_free(f->piece);
    spn_free(f->line);
    *f = (struct flow){ 0 };
}

static void add_piece(struct flow *f, struct piece p)
{
    if (f->n_pieces == f->piece_room) {
        size_t room = f->piece_room > 0 ? f->piece_room * 2 : 32;
        struct piece *grown = spn_realloc(f->piece, room, sizeof *grown);

        if (grown == NULL) {
            f->short_of_memory = true;
            return;
        }
        f->piece = grown;
        f->piece_room = room;
    }
    f->piece[f->n_pieces++] = p;
}

static void add_line(struct flow *f, size_t first, int indent, bool fill)
{
    if (f->n_lines == f->line_room) {
        size_t room = f->line_room > 0 ? f->line_room * 2 : 16;
        struct flow_line *grown = spn_realloc(f->line, room, sizeof *grown);

        if (grown == NULL) {
            f->short_of_memory = true;
            return;
        }
        f->line = grown;
        f->line_room = room;
    }
    f->line[f->n_lines++] = (struct flow_line){ first, f->n_pieces - first, indent, fill };
}

void flow_put(struct flow *f, const struct piece *pieces, size_t n, int indent, bool fill)
{
    size_t first = f->n_pieces, i;

    for (i = 0; i < n; i++)
        if (pieces[i].n > 0)
            add_piece(f, pieces[i]);
    add_line(f, first, indent, fill);
}

/* A place between two characters of a run of pieces. */
struct spot {
    size_t piece, byte;
};

static void emit(struct flow *f, const struct piece *p, struct spot from, struct spot to,
                 int indent)
{
    size_t first = f->n_pieces, i;

    for (i = from.piece; i <= to.piece; i++) {
        size_t a = i == from.piece ? from.byte : 0, b = i == to.piece ? to.byte : p[i].n;

        if (b > a)
            add_piece(f, (struct piece){ p[i].text + a, b - a, p[i].style, p[i].attributes });
        if (i == to.piece)
            break;
    }
    add_line(f, first, indent, false);
}

static int columns_of(const struct visible *v, char first)
{
    int width;

    if (v->code == 0)
        return first == '\t' || first == '\n' ? 1 : (int)strlen(v->text);
    width = code_columns(v->code);
    return width < 0 ? 1 : width;
}

void flow_wrap(struct flow *f, const struct piece *p, size_t n, int first, int hang)
{
    struct spot start = { 0, 0 }, blank = { 0, 0 }, after = { 0, 0 }, at = { 0, 0 };
    int indent = first, room = f->width - indent, used = 0;
    bool can_break = false;

    while (at.piece < n) {
        struct visible v;
        int width;

        if (at.byte >= p[at.piece].n) {
            at = (struct spot){ at.piece + 1, 0 };
            continue;
        }
        v = visible_next(p[at.piece].text + at.byte, p[at.piece].n - at.byte);
        width = columns_of(&v, p[at.piece].text[at.byte]);
        if (v.code == ' ') {
            blank = at;
            after = (struct spot){ at.piece, at.byte + 1 };
            can_break = used > 0;
        }
        if (used + width > room && used > 0 && v.code != ' ') {
            struct spot end = can_break ? blank : at;

            emit(f, p, start, end, indent);
            start = at = can_break ? after : at;
            indent = hang;
            room = f->width - indent > 4 ? f->width - indent : 4;
            used = 0;
            can_break = false;
            continue;
        }
        used += width;
        at.byte += v.bytes;
        if (width == 2) { /* East Asian text breaks between any two */
            blank = after = at;
            can_break = true;
        }
    }
    if (n > 0)
        emit(f, p, start, (struct spot){ n - 1, p[n - 1].n }, indent);
    else
        add_line(f, f->n_pieces, first, false);
}

static void plain(struct flow *f, const char *text, size_t n, uint8_t style)
{
    size_t i = 0;

    while (i < n) {
        const char *nl = memchr(text + i, '\n', n - i);
        size_t k = nl != NULL ? (size_t)(nl - text) - i : n - i;
        struct piece p = { text + i, k, style, 0 };

        flow_wrap(f, &p, k > 0 ? 1 : 0, 0, 0);
        i += k + 1;
    }
}

static void code(struct flow *f, const char *text, size_t n)
{
    struct piece pieces[CODE_PIECES_MAX];
    int state = 0;
    size_t i = 0;

    while (i < n) {
        const char *nl = memchr(text + i, '\n', n - i);
        size_t k = nl != NULL ? (size_t)(nl - text) - i : n - i;

        flow_put(f, pieces, code_pieces(text + i, k, "", 0, &state, pieces, CODE_PIECES_MAX), 0,
                 true);
        i += k + 1;
    }
}

void flow_text(struct flow *f, enum spn_text_format format, const char *text, size_t n, int width,
               uint8_t style)
{
    f->n_pieces = f->n_lines = 0;
    f->short_of_memory = false;
    f->width = width > 4 ? width : 4;
    if (format == SPN_TEXT_MARKDOWN)
        flow_markdown(f, text, n, style);
    else if (format == SPN_TEXT_CODE)
        code(f, text, n);
    else
        plain(f, text, n, style);
}

void flow_spans(struct flow *f, const char *text, size_t n, const struct spn_span *spans,
                size_t n_spans, int width)
{
    struct piece *line = spn_calloc(n_spans + 1, sizeof *line);
    size_t at = 0, k = 0, used = 0, pieces = 0; /* USED: bytes of span K that were taken */

    f->n_pieces = f->n_lines = 0;
    f->width = width > 4 ? width : 4;
    f->short_of_memory = line == NULL;
    while (line != NULL && at < n) {
        const char *nl = memchr(text + at, '\n', n - at);
        size_t end = nl != NULL ? (size_t)(nl - text) : n;

        for (pieces = 0; at < end;) {
            size_t left = k < n_spans ? spans[k].n - used : n - at,
                   take = left < end - at ? left : end - at;
            bool marked = k < n_spans && spans[k].marked;

            if (take > 0)
                line[pieces++] =
                    (struct piece){ text + at, take,
                                    (uint8_t)(k < n_spans ? spans[k].style : SPN_STYLE_TEXT),
                                    (uint8_t)(marked ? CELL_REVERSE : 0) };
            at += take;
            used += take;
            if (k < n_spans && used >= spans[k].n) {
                k++;
                used = 0;
            }
        }
        flow_wrap(f, line, pieces, 0, 0);
        at = end + 1;
        if (k < n_spans && ++used >= spans[k].n) { /* the end of the line is in a span too */
            k++;
            used = 0;
        }
    }
    spn_free(line);
}
