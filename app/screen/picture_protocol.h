/* picture_protocol.h - one encoder a protocol, for picture_encode.c. */
#ifndef APP_SCREEN_PICTURE_PROTOCOL_H
#define APP_SCREEN_PICTURE_PROTOCOL_H
#include "screen/picture_encode.h"

/* Each appends pieces to OUT. PIXELS: those of P at the task's size. */
spn_status picture_encode_sixel(struct picture_stream *out, const struct picture_task *t,
                                const uint8_t *pixels, const struct spn_pixels *p,
                                struct spn_err *err);
spn_status picture_encode_kitty(struct picture_stream *out, const struct picture_task *t,
                                const uint8_t *pixels, const struct spn_pixels *p,
                                struct spn_err *err);
spn_status picture_encode_iterm(struct picture_stream *out, const struct picture_task *t,
                                const uint8_t *pixels, const struct spn_pixels *p,
                                struct spn_err *err);
/* What was appended since BEGUN is a piece, for cell (ROW, COLUMN) of the picture. */
spn_status picture_piece_end(struct picture_stream *s, size_t begun, int row, int column,
                             struct spn_err *err);

/* iTerm2's protocol by libchafa, which needs no PNG; *OUT is freed with picture_chafa_release. */
spn_status picture_chafa_iterm(char **out, size_t *n, const struct picture_task *t,
                               const uint8_t *rgb, struct spn_err *err);
void picture_chafa_release(char *bytes);

#endif
