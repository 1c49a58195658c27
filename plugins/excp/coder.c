/* coder.c - liblzma, where the build has it. */
#include "config.h"

#include "coder.h"

#include <string.h>

#ifdef HAVE_LZMA
#include <lzma.h>
#endif

#include "base/mem.h"

#ifdef HAVE_LZMA

#define DICT_BYTES   (1u << 20) /* indices repeat over short stretches only */
#define MEMORY_BYTES (64u << 20)

struct excp_coder {
    lzma_stream s;
};

bool excp_coder_there(enum excp_coder_kind kind)
{
    return kind <= EXCP_RANGE;
}

static spn_status failed(lzma_ret ret, const char *what, struct spn_err *err)
{
    return ret == LZMA_MEM_ERROR
               ? spn_fail(err, SPN_ENOMEM, "excp: no memory for LZMA's %s", what)
               : spn_fail(err, SPN_EFORMAT, "excp: LZMA's %s ends with code %d", what, (int)ret);
}

static spn_status new_coder(struct excp_coder **out, struct spn_err *err)
{
    static const lzma_stream fresh = LZMA_STREAM_INIT;

    *out = spn_calloc(1, sizeof **out);
    if (*out == NULL)
        return spn_fail(err, SPN_ENOMEM, "excp: no memory for a coder");
    (*out)->s = fresh;
    return SPN_OK;
}

spn_status excp_encoder_new(struct excp_coder **out, struct spn_err *err)
{
    lzma_options_lzma o;
    const lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &o }, { LZMA_VLI_UNKNOWN, NULL } };
    spn_status st = new_coder(out, err);
    lzma_ret ret;

    if (st != SPN_OK)
        return st;
    if (lzma_lzma_preset(&o, LZMA_PRESET_DEFAULT))
        return spn_fail(err, SPN_EINTERNAL, "excp: LZMA has no default");
    o.dict_size = DICT_BYTES;
    o.pb = 0; /* bytes of indices have no alignment */
    ret = lzma_stream_encoder(&(*out)->s, filters, LZMA_CHECK_NONE); /* chunks have checksums */
    return ret == LZMA_OK ? SPN_OK : failed(ret, "encoder", err);
}

spn_status excp_decoder_new(struct excp_coder **out, struct spn_err *err)
{
    spn_status st = new_coder(out, err);
    lzma_ret ret;

    if (st != SPN_OK)
        return st;
    ret = lzma_stream_decoder(&(*out)->s, MEMORY_BYTES, 0);
    return ret == LZMA_OK ? SPN_OK : failed(ret, "decoder", err);
}

void excp_coder_free(struct excp_coder *c)
{
    if (c != NULL)
        lzma_end(&c->s);
    spn_free(c);
}

spn_status excp_encode(struct excp_coder *c, const void *bytes, size_t n, bool last,
                       struct spn_buf *to, struct spn_err *err)
{
    unsigned char part[16384];
    lzma_ret ret = LZMA_OK;

    c->s.next_in = bytes;
    c->s.avail_in = n;
    while (ret == LZMA_OK && (last || c->s.avail_in > 0)) {
        c->s.next_out = part;
        c->s.avail_out = sizeof part;
        ret = lzma_code(&c->s, last ? LZMA_FINISH : LZMA_RUN);
        if (spn_buf_add(to, part, sizeof part - c->s.avail_out) != SPN_OK)
            return spn_fail(err, SPN_ENOMEM, "excp: no memory for packed bytes");
    }
    return ret == LZMA_OK || ret == LZMA_STREAM_END ? SPN_OK : failed(ret, "encoder", err);
}

spn_status excp_decode(struct excp_coder *c, const unsigned char **bytes, size_t *n,
                       unsigned char **out, size_t *room, bool *ended, struct spn_err *err)
{
    lzma_ret ret;

    c->s.next_in = *bytes;
    c->s.avail_in = *n;
    c->s.next_out = *out;
    c->s.avail_out = *room;
    ret = lzma_code(&c->s, LZMA_RUN);
    *bytes = c->s.next_in;
    *n = c->s.avail_in;
    *out = c->s.next_out;
    *room = c->s.avail_out;
    *ended = ret == LZMA_STREAM_END;
    return ret == LZMA_OK || ret == LZMA_STREAM_END || ret == LZMA_BUF_ERROR
               ? SPN_OK
               : failed(ret, "decoder", err);
}

#else

bool excp_coder_there(enum excp_coder_kind kind)
{
    return kind == EXCP_PLAIN || kind == EXCP_RANGE;
}

static spn_status missing(struct spn_err *err)
{
    return spn_fail(err, SPN_ENOTFOUND, "excp: this build has no LZMA (liblzma-dev was missing)");
}

spn_status excp_encoder_new(struct excp_coder **out, struct spn_err *err)
{
    *out = NULL;
    return missing(err);
}

spn_status excp_decoder_new(struct excp_coder **out, struct spn_err *err)
{
    *out = NULL;
    return missing(err);
}

void excp_coder_free(struct excp_coder *c)
{
}

spn_status excp_encode(struct excp_coder *c, const void *bytes, size_t n, bool last,
                       struct spn_buf *to, struct spn_err *err)
{
    return missing(err);
}

spn_status excp_decode(struct excp_coder *c, const unsigned char **bytes, size_t *n,
                       unsigned char **out, size_t *room, bool *ended, struct spn_err *err)
{
    return missing(err);
}

#endif
