#include "config.h"

#include "screen/picture_encode.h"

#include "base/mem.h"
#include "screen/picture_protocol.h"

spn_status picture_piece_end(struct picture_stream *s, size_t begun, int row, int column,
                             struct spn_err *err)
{
    struct picture_piece *grown;

    if (s->bytes.failed)
        return spn_fail(err, SPN_ENOMEM, "picture: no memory past %zu bytes", s->bytes.length);
    grown = spn_realloc(s->piece, s->n + 1, sizeof *grown);
    if (grown == NULL)
        return spn_fail(err, SPN_ENOMEM, "picture: no memory for %zu pieces", s->n + 1);
    s->piece = grown;
    s->piece[s->n++] = (struct picture_piece){ row, column, begun, s->bytes.length - begun };
    return SPN_OK;
}

static void end(struct picture_stream *s)
{
    spn_buf_free(&s->bytes);
    spn_free(s->piece);
    *s = (struct picture_stream){ 0 };
}

void picture_stream_free(struct picture_stream *s)
{
    if (s != NULL)
        end(s);
    spn_free(s);
}

spn_status picture_encode(struct picture_stream *out, const struct picture_task *t,
                          const struct spn_pixels *p, struct spn_err *err)
{
    size_t n = (size_t)t->fine_width * (size_t)t->fine_height * (p->kind == SPN_PIXELS_RGB ? 3 : 1);
    uint8_t *pixels = spn_realloc(NULL, n > 0 ? n : 1, 1);
    spn_status st;

    *out = (struct picture_stream){ .bytes = SPN_BUF_INIT((size_t)1 << 30) };
    if (pixels == NULL || !picture_scale(pixels, t->fine_width, t->fine_height, p)) {
        spn_free(pixels);
        return spn_fail(err, SPN_ENOMEM, "picture: no memory for %d x %d pixels", t->width,
                        t->height);
    }
    st = t->plan.way == PICTURE_SIXEL   ? picture_encode_sixel(out, t, pixels, p, err)
         : t->plan.way == PICTURE_KITTY ? picture_encode_kitty(out, t, pixels, p, err)
         : t->plan.way == PICTURE_ITERM
             ? picture_encode_iterm(out, t, pixels, p, err)
             : spn_fail(err, SPN_EINTERNAL, "picture: %s is not drawn by bytes",
                        picture_way_name(t->plan.way));
    spn_free(pixels);
    if (st != SPN_OK)
        end(out);
    return st;
}
