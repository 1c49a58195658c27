/* picture_encode.h - pixels to the bytes of a protocol, in pieces between which text may go. */
#ifndef APP_SCREEN_PICTURE_ENCODE_H
#define APP_SCREEN_PICTURE_ENCODE_H
#include "base/buf.h"
#include "screen/picture.h"
#include "screen/picture_way.h"

struct picture_task {
    struct picture_plan plan;
    int rows, columns;           /* cells that it fills */
    int width, height;           /* pixels that are sent: up to rows * cell_h x columns * cell_w */
    int fine_width, fine_height; /* pixels that it is made of; SIXEL enlarges them */
    int colours;                 /* of a sixel, 2 to 256 */
    size_t piece_bytes;          /* about so many a piece; 0: one piece */
    uint32_t image;              /* KITTY: its number, 1 to 255 */
};
/* A piece: whole sequences. ROW, COLUMN: cell of the picture where the cursor has to be. */
struct picture_piece {
    int row, column;
    size_t at, n; /* bytes of the stream */
};
struct picture_stream {
    struct spn_buf bytes;
    struct picture_piece *piece;
    size_t n;
    /* What takes back a stream that was begun and is not sent on; "": nothing is needed. */
    char give_up[48];
};
/* KITTY, ITERM and SIXEL. Thread: any; what it needs is opened on first use. SPN_ENOTFOUND: the
 * module is missing. Free OUT with picture_stream_free. */
spn_status picture_encode(struct picture_stream *out, const struct picture_task *t,
                          const struct spn_pixels *p, struct spn_err *err);
void picture_stream_free(struct picture_stream *s); /* NULL is fine; frees S too */

/* BYTES in base 64, appended. */
void picture_base64(struct spn_buf *out, const void *bytes, size_t n);
/* The character that stands for a cell of a kitty picture: two marks over it say row and column,
 * its foreground colour the number of the picture. */
#define PICTURE_PLACEHOLDER 0x10EEEEu
uint32_t picture_mark(int number); /* the mark that says NUMBER; 0: beyond those there are */
/* What takes picture IMAGE off a kitty terminal and out of its memory. */
void picture_kitty_delete(struct spn_buf *out, const struct picture_plan *plan, unsigned image);

#endif
