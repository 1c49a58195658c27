/* reader.c - the streams of a packed step, each read on its own from one row of chunks. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "coder.h"
#include "head.h"
#include "stream.h"

struct cursor {
    size_t chunk;              /* where the next chunk's head stands */
    const unsigned char *from; /* what is left of this one */
    size_t left;
    struct excp_coder *coder;
    bool ended; /* the coded stream */
};
struct excp_reader {
    const struct spn_codec_packed *packed;
    struct cursor stream[EXCP_STREAMS];
};

/* The chunk at *AT, moved on. */
static spn_status read_chunk(const struct spn_codec_packed *p, size_t *at, uint32_t head[3],
                             struct spn_err *err)
{
    size_t head_bytes = 3 * sizeof *head;

    if (p->n < *at || p->n - *at < head_bytes)
        return spn_fail(err, SPN_EFORMAT, "%s: ends at byte %zu, inside a chunk", p->path, p->n);
    memcpy(head, (const char *)p->bytes + *at, head_bytes);
    if (head[0] > EXCP_END || head[1] > p->n - *at - head_bytes ||
        (head[0] == EXCP_END && (head[1] != 0 || p->n - *at != head_bytes)))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: a chunk of stream %u with %u bytes at byte %zu of %zu", p->path,
                        head[0], head[1], *at, p->n);
    *at += head_bytes + head[1];
    return SPN_OK;
}

spn_status excp_reader_new(struct excp_reader **out, struct excp_head *head,
                           const struct spn_codec_packed *packed, struct spn_err *err)
{
    struct excp_reader *r = NULL;
    spn_status st = excp_head_get(head, packed, err);

    *out = NULL;
    if (st != SPN_OK)
        return st;
    *out = r = spn_calloc(1, sizeof *r);
    if (r == NULL)
        return spn_fail(err, SPN_ENOMEM, "excp: no memory for a reader");
    r->packed = packed;
    for (int s = 0; st == SPN_OK && s < EXCP_STREAMS; s++) {
        r->stream[s].chunk = EXCP_HEAD_BYTES;
        if (s != EXCP_TABLE && head->coder == EXCP_LZMA)
            st = excp_decoder_new(&r->stream[s].coder, err);
    }
    return st;
}

/* Go to the next chunk of stream S that has bytes; *FOUND false: there is none. */
static spn_status next_chunk(struct excp_reader *r, int s, bool *found, struct spn_err *err)
{
    struct cursor *c = &r->stream[s];
    uint32_t head[3];

    *found = false;
    for (;;) {
        size_t at = c->chunk;
        spn_status st = read_chunk(r->packed, &at, head, err);

        if (st != SPN_OK || head[0] == EXCP_END)
            return st;
        c->chunk = at;
        if ((int)head[0] != s || head[1] == 0)
            continue;
        c->from = (const unsigned char *)r->packed->bytes + at - head[1];
        c->left = head[1];
        if (excp_crc(0, c->from, c->left) != head[2])
            return spn_fail(err, SPN_EFORMAT, "%s: a wrong checksum before byte %zu",
                            r->packed->path, at);
        *found = true;
        return SPN_OK;
    }
}

spn_status excp_reader_get(struct excp_reader *r, int stream, void *bytes, size_t n,
                           struct spn_err *err)
{
    struct cursor *c = &r->stream[stream];
    unsigned char *to = bytes;
    bool found = true;
    spn_status st = SPN_OK;

    while (st == SPN_OK && n > 0) {
        size_t wanted = n, left;

        if (c->left == 0)
            st = next_chunk(r, stream, &found, err);
        if (st != SPN_OK)
            break;
        left = c->left;
        if (c->coder == NULL) {
            size_t part = n < c->left ? n : c->left;

            if (part > 0)
                memcpy(to, c->from, part);
            to += part;
            n -= part;
            c->from += part;
            c->left -= part;
        } else if (!c->ended) {
            st = excp_decode(c->coder, &c->from, &c->left, &to, &n, &c->ended, err);
        }
        if (st == SPN_OK && n == wanted && left == c->left) /* nothing in, nothing out */
            st = spn_fail(err, SPN_EFORMAT, "%s: stream %d ends, %zu bytes more are wanted",
                          r->packed->path, stream, n);
    }
    return st;
}

spn_status excp_reader_end(struct excp_reader *r, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (int s = 0; st == SPN_OK && s < EXCP_STREAMS; s++) {
        struct cursor *c = &r->stream[s];
        unsigned char more, *to = &more;
        size_t room = 1;
        bool found = c->left > 0;

        while (st == SPN_OK && c->coder != NULL && !c->ended && room > 0) {
            if (c->left == 0)
                st = next_chunk(r, s, &found, err);
            if (st == SPN_OK && c->left == 0)
                break;
            if (st == SPN_OK)
                st = excp_decode(c->coder, &c->from, &c->left, &to, &room, &c->ended, err);
        }
        found = c->left > 0;
        if (st == SPN_OK && !found)
            st = next_chunk(r, s, &found, err);
        if (st == SPN_OK && (found || room == 0 || (c->coder != NULL && !c->ended)))
            st = spn_fail(err, SPN_EFORMAT, "%s: stream %d does not end where it should",
                          r->packed->path, s);
    }
    return st;
}

void excp_reader_free(struct excp_reader *r)
{
    for (int s = 0; r != NULL && s < EXCP_STREAMS; s++)
        excp_coder_free(r->stream[s].coder);
    spn_free(r);
}

spn_status excp_check(const struct spn_codec_packed *packed, struct excp_head *head,
                      struct spn_err *err)
{
    uint32_t chunk[3] = { 0 };
    size_t at = EXCP_HEAD_BYTES;
    spn_status st = excp_head_get(head, packed, err);

    while (st == SPN_OK && chunk[0] != EXCP_END) {
        st = read_chunk(packed, &at, chunk, err);
        if (st == SPN_OK &&
            excp_crc(0, (const char *)packed->bytes + at - chunk[1], chunk[1]) != chunk[2])
            st = spn_fail(err, SPN_EFORMAT, "%s: a wrong checksum before byte %zu", packed->path,
                          at);
    }
    return st;
}
