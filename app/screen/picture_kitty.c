/* picture_kitty.c - kitty's graphics protocol and iTerm2's: files in base 64 inside sequences.
 * Facts from the protocols' own documents (sw.kovidgoyal.net/kitty/graphics-protocol,
 * iterm2.com/documentation-images). */
#include "config.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "media/image.h"
#include "screen/picture_protocol.h"

#define CHUNK 4096 /* bytes of base 64 in one of kitty's sequences, at most */

void picture_base64(struct spn_buf *out, const void *bytes, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                     (i + 2 < n ? p[i + 2] : 0u);
        char four[4] = { letters[v >> 18], letters[v >> 12 & 63],
                         i + 1 < n ? letters[v >> 6 & 63] : '=',
                         i + 2 < n ? letters[v & 63] : '=' };

        spn_buf_add(out, four, 4);
    }
}

uint32_t picture_mark(int number)
{
    /* Characters of the protocol that say a row or a column: marks above a letter (Unicode 6.0)
       that join none to another character. First of a run, how many. */
    static const struct {
        uint32_t first;
        int n;
    } runs[] = { { 0x0305, 1 },  { 0x030D, 2 },  { 0x0310, 1 },  { 0x0312, 1 },  { 0x033D, 3 },
                 { 0x0346, 1 },  { 0x034A, 3 },  { 0x0350, 3 },  { 0x0357, 1 },  { 0x035B, 1 },
                 { 0x0363, 13 }, { 0x0483, 5 },  { 0x0592, 4 },  { 0x0597, 3 },  { 0x059C, 6 },
                 { 0x05A8, 2 },  { 0x05AB, 2 },  { 0x05AF, 1 },  { 0x05C4, 1 },  { 0x0610, 8 },
                 { 0x0657, 5 },  { 0x065D, 2 },  { 0x06D6, 7 },  { 0x06DF, 4 },  { 0x06E4, 1 },
                 { 0x06E7, 2 },  { 0x06EB, 2 },  { 0x0730, 1 },  { 0x0732, 2 },  { 0x0735, 2 },
                 { 0x073A, 1 },  { 0x073D, 1 },  { 0x073F, 3 },  { 0x0743, 1 },  { 0x0745, 1 },
                 { 0x0747, 1 },  { 0x0749, 2 },  { 0x07EB, 7 },  { 0x07F3, 1 },  { 0x0816, 4 },
                 { 0x081B, 9 },  { 0x0825, 3 },  { 0x0829, 5 },  { 0x0951, 1 },  { 0x0953, 2 },
                 { 0x0F82, 2 },  { 0x0F86, 2 },  { 0x135D, 3 },  { 0x17DD, 1 },  { 0x193A, 1 },
                 { 0x1A17, 1 },  { 0x1A75, 8 },  { 0x1B6B, 1 },  { 0x1B6D, 7 },  { 0x1CD0, 3 },
                 { 0x1CDA, 2 },  { 0x1CE0, 1 },  { 0x1DC0, 2 },  { 0x1DC3, 7 },  { 0x1DCB, 2 },
                 { 0x1DD1, 22 }, { 0x1DFE, 1 },  { 0x20D0, 2 },  { 0x20D4, 4 },  { 0x20DB, 2 },
                 { 0x20E1, 1 },  { 0x20E7, 1 },  { 0x20E9, 1 },  { 0x20F0, 1 },  { 0x2CEF, 3 },
                 { 0x2DE0, 32 }, { 0xA66F, 1 },  { 0xA67C, 2 },  { 0xA6F0, 2 },  { 0xA8E0, 18 },
                 { 0xAAB0, 1 },  { 0xAAB2, 2 },  { 0xAAB7, 2 },  { 0xAABE, 2 },  { 0xAAC1, 1 },
                 { 0xFE20, 7 },  { 0x10A0F, 1 }, { 0x10A38, 1 }, { 0x1D185, 5 }, { 0x1D1AA, 4 },
                 { 0x1D242, 3 } };

    for (size_t i = 0; number >= 0 && i < sizeof runs / sizeof *runs; i++) {
        if (number < runs[i].n)
            return runs[i].first + (uint32_t)number;
        number -= runs[i].n;
    }
    return 0;
}

/* One sequence "ESC BODY ESC \", as it is or wrapped for tmux, where each ESC inside is doubled. */
static void sequence(struct spn_buf *out, bool wrapped, const char *head, const char *body,
                     size_t n)
{
    spn_buf_puts(out, wrapped ? "\033Ptmux;\033\033" : "\033");
    spn_buf_puts(out, head);
    spn_buf_add(out, body, n);
    spn_buf_puts(out, wrapped ? "\033\033\\\033\\" : "\033\\");
}

/* P at its size as a PNG, or (the module spn_media is missing) as plain RGB: *PNG says which. */
static spn_status file_of(struct spn_buf *out, bool *png, const struct picture_task *t,
                          const uint8_t *pixels, const struct spn_pixels *p, struct spn_err *err)
{
    bool rgb = p->kind == SPN_PIXELS_RGB;
    struct spn_image image = { t->width, t->height, rgb ? 3 : 1, (uint8_t *)(uintptr_t)pixels };
    struct spn_err why = SPN_ERR_INIT;
    size_t n = (size_t)t->width * (size_t)t->height;

    *png = spn_image_png(&image, rgb ? NULL : (const uint8_t(*)[3])(const void *)p->palette,
                         rgb ? 0 : 256, out, &why) == SPN_OK;
    if (*png)
        return SPN_OK;
    spn_buf_trim(out, 0);
    if (rgb)
        spn_buf_add(out, pixels, 3 * n);
    for (size_t i = 0; !rgb && i < n; i++)
        spn_buf_add(out, p->palette + 3 * pixels[i], 3);
    return out->failed ? spn_fail(err, SPN_ENOMEM, "picture: no memory for %d x %d pixels",
                                  t->width, t->height)
                       : SPN_OK;
}

spn_status picture_encode_kitty(struct picture_stream *out, const struct picture_task *t,
                                const uint8_t *pixels, const struct spn_pixels *p,
                                struct spn_err *err)
{
    struct spn_buf file = SPN_BUF_INIT((size_t)1 << 30), text = SPN_BUF_INIT((size_t)2 << 30);
    size_t at = 0, begun = 0;
    char head[200];
    bool png;
    spn_status st = file_of(&file, &png, t, pixels, p, err);

    if (st == SPN_OK) {
        picture_base64(&text, file.data, file.length);
        st = text.failed ? spn_fail(err, SPN_ENOMEM, "picture: no memory for its base 64") : SPN_OK;
    }
    while (st == SPN_OK && at < text.length) {
        size_t n = text.length - at < CHUNK ? text.length - at : CHUNK;
        int more = at + n < text.length;

        /* q=2: no answer, which would arrive as typed text in a program that does not expect it. */
        if (at > 0)
            snprintf(head, sizeof head, "_Gm=%d,q=2;", more);
        else if (png)
            snprintf(head, sizeof head, "_Ga=T,f=100,t=d,i=%u,p=1,c=%d,r=%d,C=1,q=2%s,m=%d;",
                     t->image, t->columns, t->rows, t->plan.placeholders ? ",U=1" : "", more);
        else
            snprintf(head, sizeof head,
                     "_Ga=T,f=24,s=%d,v=%d,t=d,i=%u,p=1,c=%d,r=%d,C=1,q=2%s,m=%d;", t->width,
                     t->height, t->image, t->columns, t->rows, t->plan.placeholders ? ",U=1" : "",
                     more);
        sequence(&out->bytes, t->plan.passthrough, head, text.data + at, n);
        at += n;
        if (!more || (t->piece_bytes > 0 && out->bytes.length - begun >= t->piece_bytes)) {
            st = picture_piece_end(out, begun, 0, 0, err);
            begun = out->bytes.length;
        }
    }
    snprintf(out->give_up, sizeof out->give_up, "%s",
             t->plan.passthrough ? "\033Ptmux;\033\033_Gm=0,q=2;\033\033\\\033\\"
                                 : "\033_Gm=0,q=2;\033\\");
    spn_buf_free(&file);
    spn_buf_free(&text);
    return st;
}

void picture_kitty_delete(struct spn_buf *out, const struct picture_plan *plan, unsigned image)
{
    char body[64];
    int n = snprintf(body, sizeof body, "_Ga=d,d=I,i=%u,q=2;", image);

    sequence(out, plan->passthrough, "", body, (size_t)n);
}

spn_status picture_encode_iterm(struct picture_stream *out, const struct picture_task *t,
                                const uint8_t *pixels, const struct spn_pixels *p,
                                struct spn_err *err)
{
    struct spn_buf file = SPN_BUF_INIT((size_t)1 << 30);
    char *bytes = NULL;
    size_t n = 0;
    bool png;
    spn_status st = file_of(&file, &png, t, pixels, p, err);

    if (st == SPN_OK && png) {
        spn_buf_printf(&out->bytes,
                       "\033]1337;File=inline=1;size=%zu;width=%d;height=%d;preserveAspectRatio=0;"
                       "doNotMoveCursor=1:",
                       file.length, t->columns, t->rows);
        picture_base64(&out->bytes, file.data, file.length);
        spn_buf_puts(&out->bytes, "\a");
    } else if (st == SPN_OK) { /* libchafa wraps plain pixels in a file of its own */
        st = picture_chafa_iterm(&bytes, &n, t, (const uint8_t *)file.data, err);
        if (st == SPN_OK)
            spn_buf_add(&out->bytes, bytes, n);
        picture_chafa_release(bytes);
    }
    if (st == SPN_OK)
        st = picture_piece_end(out, 0, 0, 0, err);
    spn_buf_free(&file);
    return st;
}
