/* writer.c - a packed step as a row of chunks. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "coder.h"
#include "head.h"
#include "stream.h"

#define CHUNK_BYTES (1u << 20)
#define FLUSH_BYTES (1u << 16) /* shorter chunks wait */

struct excp_writer {
    const struct spn_codec_sink *sink;
    struct excp_coder *coder[EXCP_STREAMS];
    struct spn_buf coded[EXCP_STREAMS];
    uint64_t bytes;
};

static spn_status put(struct excp_writer *w, const void *bytes, size_t n, struct spn_err *err)
{
    w->bytes += n;
    return n > 0 ? w->sink->write(w->sink->ctx, bytes, n, err) : SPN_OK;
}

static spn_status put_chunk(struct excp_writer *w, int stream, const void *bytes, size_t n,
                            struct spn_err *err)
{
    uint32_t head[3] = { (uint32_t)stream, (uint32_t)n, excp_crc(0, bytes, n) };
    spn_status st = put(w, head, sizeof head, err);

    return st == SPN_OK ? put(w, bytes, n, err) : st;
}

spn_status excp_writer_new(struct excp_writer **out, const struct excp_head *head,
                           const struct spn_codec_sink *sink, struct spn_err *err)
{
    unsigned char bytes[EXCP_HEAD_BYTES];
    struct excp_writer *w = spn_calloc(1, sizeof *w);
    spn_status st = SPN_OK;

    *out = w;
    if (w == NULL)
        return spn_fail(err, SPN_ENOMEM, "excp: no memory for a writer");
    w->sink = sink;
    for (int s = 0; st == SPN_OK && s < EXCP_STREAMS; s++) {
        w->coded[s] = (struct spn_buf)SPN_BUF_INIT(SIZE_MAX / 2);
        if (s != EXCP_TABLE && head->coder == EXCP_LZMA)
            st = excp_encoder_new(&w->coder[s], err);
    }
    excp_head_put(head, bytes);
    return st == SPN_OK ? put(w, bytes, sizeof bytes, err) : st;
}

spn_status excp_writer_add(struct excp_writer *w, int stream, const void *bytes, size_t n,
                           struct spn_err *err)
{
    if (w->coder[stream] != NULL)
        return excp_encode(w->coder[stream], bytes, n, false, &w->coded[stream], err);
    return spn_buf_add(&w->coded[stream], bytes, n) == SPN_OK
               ? SPN_OK
               : spn_fail(err, SPN_ENOMEM, "excp: no memory for %zu packed bytes", n);
}

spn_status excp_writer_plain(struct excp_writer *w, int stream, const void *bytes, size_t n,
                             struct spn_err *err)
{
    const unsigned char *p = bytes;
    spn_status st = SPN_OK;

    for (size_t at = 0; st == SPN_OK && at < n; at += CHUNK_BYTES)
        st = put_chunk(w, stream, p + at, n - at < CHUNK_BYTES ? n - at : CHUNK_BYTES, err);
    return st;
}

static spn_status flush(struct excp_writer *w, size_t least, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (int s = 0; st == SPN_OK && s < EXCP_STREAMS; s++) {
        if (w->coded[s].length < least)
            continue;
        st = excp_writer_plain(w, s, w->coded[s].data, w->coded[s].length, err);
        spn_buf_trim(&w->coded[s], 0);
    }
    return st;
}

spn_status excp_writer_flush(struct excp_writer *w, struct spn_err *err)
{
    return flush(w, FLUSH_BYTES, err);
}

spn_status excp_writer_end(struct excp_writer *w, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (int s = 0; st == SPN_OK && s < EXCP_STREAMS; s++)
        if (w->coder[s] != NULL)
            st = excp_encode(w->coder[s], NULL, 0, true, &w->coded[s], err);
    if (st == SPN_OK)
        st = flush(w, 1, err);
    return st == SPN_OK ? put_chunk(w, EXCP_END, "", 0, err) : st;
}

uint64_t excp_writer_bytes(const struct excp_writer *w)
{
    return w->bytes;
}

void excp_writer_free(struct excp_writer *w)
{
    for (int s = 0; w != NULL && s < EXCP_STREAMS; s++) {
        excp_coder_free(w->coder[s]);
        spn_buf_free(&w->coded[s]);
    }
    spn_free(w);
}
