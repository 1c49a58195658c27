/* head.c - the first bytes of a packed step, and the checksum of all others. */
#include "config.h"

#include "head.h"

#include <string.h>

#define ORDER 0x01020304u
enum { FLAG_JOINT = 1, FLAG_HALF = 2, FLAG_SHARED = 4, FLAG_CLAMP = 8, FLAGS = 15 };

/* CRC-32C of each half byte. */
static const uint32_t nibble[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                     0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                     0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                     0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };

uint32_t excp_crc(uint32_t crc, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

struct place {
    unsigned char *at;
};

static void put(struct place *p, const void *bytes, size_t n)
{
    memcpy(p->at, bytes, n);
    p->at += n;
}

void excp_head_put(const struct excp_head *h, unsigned char bytes[EXCP_HEAD_BYTES])
{
    const struct excp_rule *r = &h->rule;
    uint32_t coder = h->coder, order = ORDER, crc, flags = 0;
    struct place p = { bytes };

    flags = (r->joint ? FLAG_JOINT : 0u) | (r->half ? FLAG_HALF : 0u) |
            (r->shared ? FLAG_SHARED : 0u) | (r->clamp ? FLAG_CLAMP : 0u);
    put(&p, "SPNEXCP1", 8);
    put(&p, &order, 4);
    put(&p, &coder, 4);
    put(&p, &h->step, 8);
    put(&p, &h->before, 8);
    put(&p, &h->n, 8);
    put(&p, &r->alpha, 8);
    put(&p, &r->beta, 8);
    for (int k = 0; k < EXCP_PARTS; k++) {
        uint32_t bits = (uint32_t)r->bits[k];

        put(&p, &bits, 4);
    }
    put(&p, &flags, 4);
    crc = excp_crc(0, bytes, EXCP_HEAD_BYTES - 4);
    put(&p, &crc, 4);
}

spn_status excp_head_get(struct excp_head *h, const struct spn_codec_packed *packed,
                         struct spn_err *err)
{
    const unsigned char *b = packed->bytes;
    uint32_t order, coder, bits[EXCP_PARTS], flags, crc;
    struct excp_rule *r = &h->rule;
    bool good = true;

    if (packed->n < EXCP_HEAD_BYTES || memcmp(b, "SPNEXCP1", 8) != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: not a step packed by excp", packed->path);
    memcpy(&order, b + 8, 4);
    memcpy(&coder, b + 12, 4);
    memcpy(&crc, b + EXCP_HEAD_BYTES - 4, 4);
    if (order != ORDER)
        return spn_fail(err, SPN_EFORMAT, "%s: packed on a machine of another byte order",
                        packed->path);
    if (crc != excp_crc(0, b, EXCP_HEAD_BYTES - 4))
        return spn_fail(err, SPN_EFORMAT, "%s: the checksum of its head is wrong", packed->path);
    memcpy(&h->step, b + 16, 8);
    memcpy(&h->before, b + 24, 8);
    memcpy(&h->n, b + 32, 8);
    memcpy(&r->alpha, b + 40, 8);
    memcpy(&r->beta, b + 48, 8);
    memcpy(bits, b + 56, sizeof bits);
    memcpy(&flags, b + 68, 4);
    for (int k = 0; k < EXCP_PARTS; k++) {
        good = good && (bits[k] == 1 || bits[k] == 2 || bits[k] == 4 || bits[k] == 8);
        r->bits[k] = good ? (int)bits[k] : 8;
    }
    if (!good || coder > EXCP_RANGE || flags > FLAGS || h->before < -1)
        return spn_fail(err, SPN_EFORMAT, "%s: its head asks for what this version has not",
                        packed->path);
    if (!excp_coder_there((enum excp_coder_kind)coder))
        return spn_fail(err, SPN_ENOTFOUND,
                        "%s: coded by LZMA, which this build has not (liblzma-dev was missing)",
                        packed->path);
    h->coder = (enum excp_coder_kind)coder;
    r->joint = flags & FLAG_JOINT;
    r->half = flags & FLAG_HALF;
    r->shared = flags & FLAG_SHARED;
    r->clamp = flags & FLAG_CLAMP;
    return SPN_OK;
}
