/* flow.h - text as lines of styled pieces: wrapping, Markdown, highlighted code. Knows no pane. */
#ifndef APP_SCREEN_FLOW_H
#define APP_SCREEN_FLOW_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "spinney/view.h"

struct piece {
    const char *text; /* lent: of the source, or static */
    size_t n;
    uint8_t style, attributes;
};
struct flow_line {
    size_t first, n; /* pieces */
    int indent;
    bool fill; /* a line of code: its ground goes to the edge */
};
struct flow {
    struct piece *piece;
    struct flow_line *line;
    size_t n_pieces, piece_room, n_lines, line_room;
    int width;
    bool short_of_memory;
};

void flow_free(struct flow *f);
/* Lines of TEXT (which stays where it is) in WIDTH columns. */
void flow_text(struct flow *f, enum spn_text_format format, const char *text, size_t n, int width,
               uint8_t style);

/* The same of a plain text in SPANS. */
void flow_spans(struct flow *f, const char *text, size_t n, const struct spn_span *spans,
                size_t n_spans, int width);

/* ---- inside ---- */
/* Append PIECES, wrapped: the first line indented by FIRST, the others by HANG. */
void flow_wrap(struct flow *f, const struct piece *pieces, size_t n, int first, int hang);
/* One line as it is, cut at the edge by who draws. */
void flow_put(struct flow *f, const struct piece *pieces, size_t n, int indent, bool fill);
void flow_markdown(struct flow *f, const char *text, size_t n, uint8_t style);
/* Pieces of one line of code in LANGUAGE ("c", "python" …); *STATE is 0 before the first line. At
   most ROOM. */
size_t code_pieces(const char *line, size_t n, const char *language, size_t language_n, int *state,
                   struct piece *out, size_t room);

#endif
