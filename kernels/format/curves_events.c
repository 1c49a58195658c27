/* curves_events.c - TensorBoard's event files: framed records of protocol bytes.
 *
 * A record is its length (u64, little-endian), the masked CRC-32C of these 8 bytes, the event, and
 * the event's masked CRC-32C.  Of an event only scalars are taken: summary values with
 * simple_value, or with a tensor of one element whose tag belongs to the plugin "scalars".
 * An event that says a second session starts drops the points from its step on, as TensorBoard
 * does. */
#include "config.h"

#include "format/curves_in.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { RECORD_MAX = 16 << 20, HEAD_BYTES = 12, TAIL_BYTES = 4, TAG_MAX = 1024 };
enum { DT_FLOAT = 1, DT_DOUBLE, DT_INT32, DT_INT64 = 9, DT_BF16 = 14, DT_HALF = 19 };

uint32_t k_crc32c(const unsigned char *bytes, size_t n)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < n; i++) {
        static const uint32_t nibble[16] = {
            0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
            0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
            0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75
        };

        crc ^= bytes[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

static uint32_t masked(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static uint64_t little(const unsigned char *p, int n)
{
    uint64_t v = 0;

    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

/* ---- protocol bytes ---- */

struct wire {
    const unsigned char *p, *end;
    bool broken;
};
struct member {
    uint32_t number, kind;             /* kind: 0 varint, 1 eight bytes, 2 bytes, 5 four bytes */
    uint64_t value;                    /* kinds 0, 1, 5 */
    struct wire bytes;                 /* kind 2 */
};

static uint64_t varint(struct wire *w)
{
    uint64_t v = 0;

    for (int shift = 0; shift < 64; shift += 7) {
        if (w->p == w->end)
            break;
        v |= (uint64_t)(*w->p & 0x7f) << shift;
        if ((*w->p++ & 0x80) == 0)
            return v;
    }
    w->broken = true;
    return 0;
}

static bool next_member(struct wire *w, struct member *m)
{
    uint64_t head;
    size_t take;

    if (w->broken || w->p == w->end)
        return false;
    head = varint(w);
    m->number = (uint32_t)(head >> 3);
    m->kind = head & 7;
    m->value = 0;
    take = m->kind == 1 ? 8 : 4;
    if (m->kind == 0) {
        m->value = varint(w);
    } else if (m->kind == 1 || m->kind == 5) {
        if ((size_t)(w->end - w->p) < take)
            w->broken = true;
        else {
            m->value = little(w->p, (int)take);
            w->p += take;
        }
    } else if (m->kind == 2) {
        uint64_t n = varint(w);

        if (n > (uint64_t)(w->end - w->p))
            w->broken = true;
        else {
            m->bytes = (struct wire){ w->p, w->p + n, false };
            w->p += n;
        }
    } else {
        w->broken = true;
    }
    return !w->broken;
}

static double as_f64(uint64_t bits)
{
    double d;

    memcpy(&d, &bits, sizeof d);
    return d;
}

static double as_f32(uint64_t bits)
{
    uint32_t b = (uint32_t)bits;
    float f;

    memcpy(&f, &b, sizeof f);
    return (double)f;
}

static double as_f16(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023), sign = bits & 0x8000 ? -1 : 1;

    if (exponent == 31)
        return fraction == 0 ? sign * (double)INFINITY : (double)NAN;
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 1024, exponent - 25));
}

/* The first element of BITS in the type DTYPE; false: a type that no scalar has. */
static bool element(uint64_t dtype, uint64_t bits, double *out)
{
    switch (dtype) {
    case DT_FLOAT:
        *out = as_f32(bits);
        return true;
    case DT_DOUBLE:
        *out = as_f64(bits);
        return true;
    case DT_INT32:
        *out = (double)(int32_t)(uint32_t)bits;
        return true;
    case DT_INT64:
        *out = (double)(int64_t)bits;
        return true;
    case DT_BF16:
        *out = as_f32(bits << 16 & 0xffffffffu);
        return true;
    case DT_HALF:
        *out = as_f16(bits & 0xffff);
        return true;
    default:
        return false;
    }
}

static int bytes_of(uint64_t dtype)
{
    return dtype == DT_DOUBLE || dtype == DT_INT64 ? 8
           : dtype == DT_BF16 || dtype == DT_HALF  ? 2
                                                   : 4;
}

/* A TensorProto of one element. */
static bool tensor_scalar(struct wire w, double *out)
{
    static const uint32_t list_of[] = { [DT_FLOAT] = 5, [DT_DOUBLE] = 6, [DT_INT32] = 7,
                                        [DT_INT64] = 10, [DT_BF16] = 13, [DT_HALF] = 13 };
    uint64_t dtype = 0;
    struct wire whole = w;
    struct member m;
    bool found = false;

    while (next_member(&whole, &m))
        if (m.number == 1 && m.kind == 0)
            dtype = m.value;
    while (next_member(&w, &m)) {
        bool is_content = m.number == 4 && m.kind == 2;
        bool is_list = dtype < sizeof list_of / sizeof *list_of && m.number == list_of[dtype];
        int n = bytes_of(dtype);
        uint64_t bits = m.value;

        if (is_content && m.bytes.end - m.bytes.p != n)
            return false;
        if (is_content)
            bits = little(m.bytes.p, n);
        else if (is_list && m.kind == 2 && dtype != DT_FLOAT && dtype != DT_DOUBLE)
            bits = varint(&m.bytes);
        else if (is_list && m.kind == 2) {
            if (m.bytes.end - m.bytes.p != n)
                return false;
            bits = little(m.bytes.p, n);
        }
        if (is_content || is_list)
            found = element(dtype, bits, out);
    }
    return found && !w.broken;
}

/* SummaryMetadata: is the plugin "scalars"? */
static bool of_scalars(struct wire w)
{
    struct member m, k;

    while (next_member(&w, &m))
        while (m.number == 1 && m.kind == 2 && next_member(&m.bytes, &k))
            if (k.number == 1 && k.kind == 2 && k.bytes.end - k.bytes.p == 7 &&
                memcmp(k.bytes.p, "scalars", 7) == 0)
                return true;
    return false;
}

static spn_status summary_value(struct spn_curves *c, struct wire w, double step,
                                struct spn_err *err)
{
    char tag[TAG_MAX] = "";
    bool simple = false, scalars = false, has_tensor = false;
    struct wire tensor = { NULL, NULL, false };
    double value = 0;
    struct member m;

    while (next_member(&w, &m))
        if (m.number == 1 && m.kind == 2) {
            size_t n = (size_t)(m.bytes.end - m.bytes.p);

            if (n >= sizeof tag)
                n = sizeof tag - 1;
            memcpy(tag, m.bytes.p, n);
            tag[n] = '\0';
        } else if (m.number == 2 && m.kind == 5) {
            simple = true;
            value = as_f32(m.value);
        } else if (m.number == 8 && m.kind == 2) {
            has_tensor = true;
            tensor = m.bytes;
        } else if (m.number == 9 && m.kind == 2) {
            scalars = of_scalars(m.bytes);
        }
    if (!simple && has_tensor && (scalars || k_curves_has(c, tag)))
        simple = tensor_scalar(tensor, &value); /* later values may come without the name */
    return simple && tag[0] != '\0' ? k_curves_add(c, tag, step, value, err) : SPN_OK;
}

spn_status k_curves_event(struct spn_curves *c, const char *place, const unsigned char *bytes,
                          size_t n, struct spn_err *err)
{
    struct wire w = { bytes, bytes + n, false }, again = w;
    struct member m, k;
    double step = 0;
    spn_status st = SPN_OK;

    while (next_member(&w, &m))
        if (m.number == 2 && m.kind == 0)
            step = (double)(int64_t)m.value;
    if (w.broken)
        return spn_fail(err, SPN_EFORMAT, "%s: an event of %zu bytes is broken", place, n);
    while (st == SPN_OK && next_member(&again, &m)) {
        if (m.kind != 2 || (m.number != 5 && m.number != 7))
            continue;
        while (st == SPN_OK && next_member(&m.bytes, &k))
            if (m.number == 5 && k.number == 1 && k.kind == 2)
                st = summary_value(c, k.bytes, step, err);
            else if (m.number == 7 && k.number == 1 && k.kind == 0 && k.value == 1)
                k_curves_session(c, step);
    }
    return st;
}

/* ---- records ---- */

/* N bytes at AT; false: they are not there (yet). */
static bool read_at(int fd, void *out, size_t n, int64_t at)
{
    size_t got = 0;

    while (got < n) {
        ssize_t k = pread(fd, (char *)out + got, n - got, (off_t)at + (off_t)got);

        if (k <= 0)
            return false;
        got += (size_t)k;
    }
    return true;
}

spn_status k_curves_events(struct spn_curves *c, struct k_curve_file *f, int fd,
                           struct spn_err *err)
{
    unsigned char head[HEAD_BYTES], *bytes = NULL;
    size_t room = 0;
    spn_status st = SPN_OK;

    while (st == SPN_OK && read_at(fd, head, sizeof head, f->offset)) {
        uint64_t n = little(head, 8);

        if (masked(k_crc32c(head, 8)) != (uint32_t)little(head + 8, 4)) {
            st = spn_fail(err, SPN_EFORMAT,
                          "%s: the length of the record at byte %" PRId64
                          " does not match its checksum",
                          f->path, f->offset);
            break;
        }
        if (n > (uint64_t)INT64_MAX - (uint64_t)f->offset - HEAD_BYTES - TAIL_BYTES ||
            (int64_t)n > f->size - f->offset - HEAD_BYTES - TAIL_BYTES)
            break; /* its end is not written yet */
        if (n <= RECORD_MAX) { /* a larger one is a picture or a graph, no scalar */
            size_t need = (size_t)n + TAIL_BYTES;

            if (need > room) {
                unsigned char *grown = spn_realloc(bytes, need, 1);

                if (grown == NULL) {
                    st = spn_fail(err, SPN_ENOMEM, "%s: no memory for a record", f->path);
                    break;
                }
                bytes = grown;
                room = need;
            }
            if (!read_at(fd, bytes, need, f->offset + HEAD_BYTES))
                break;
            if (masked(k_crc32c(bytes, (size_t)n)) != (uint32_t)little(bytes + n, 4)) {
                st = spn_fail(err, SPN_EFORMAT,
                              "%s: the record at byte %" PRId64 " does not match its checksum",
                              f->path, f->offset);
                break;
            }
            st = k_curves_event(c, f->path, bytes, (size_t)n, err);
        }
        f->offset += (int64_t)n + HEAD_BYTES + TAIL_BYTES;
    }
    spn_free(bytes);
    return st;
}
