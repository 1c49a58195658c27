/* gguf.c - GGUF versions 2 and 3, little-endian: "GGUF", u32 version, u64 tensors, u64 keys, then
 * pairs, infos, padding, data.
 *
 * Strings are a u64 length and bytes. Every length and count is compared with the bytes left before
 * anything is made of it.
 */
#include "config.h"

#include "format/gguf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "base/log.h"
#include "tensor/half.h"

enum { HEADER_BYTES = 24, INFO_BYTES_MIN = 24, PAIR_BYTES_MIN = 13 };
enum { KEY_BYTES_MAX = 65535, NAME_BYTES_MAX = 255 };
enum { ALIGNMENT_DEFAULT = 32, DIMS_MAX = 4 };

/* Strings and arrays have no fixed size: 0. */
static const unsigned char value_bytes[K_VALUE_TYPES] = {
    [K_U8] = 1,  [K_I8] = 1,   [K_U16] = 2, [K_I16] = 2, [K_U32] = 4, [K_I32] = 4,
    [K_F32] = 4, [K_BOOL] = 1, [K_U64] = 8, [K_I64] = 8, [K_F64] = 8,
};

static const enum spn_meta_kind value_kind[K_VALUE_TYPES] = {
    [K_U8] = SPN_META_UINT,     [K_U16] = SPN_META_UINT,  [K_U32] = SPN_META_UINT,
    [K_U64] = SPN_META_UINT,    [K_I8] = SPN_META_INT,    [K_I16] = SPN_META_INT,
    [K_I32] = SPN_META_INT,     [K_I64] = SPN_META_INT,   [K_F32] = SPN_META_FLOAT,
    [K_F64] = SPN_META_FLOAT,   [K_BOOL] = SPN_META_BOOL, [K_STRING] = SPN_META_STRING,
    [K_ARRAY] = SPN_META_ARRAY,
};

struct cursor {
    struct spn_reader *r;
    const struct k_file *f;
    uint64_t pos;                    /* never past f->size */
    char what[128];                  /* "key 3 of 20", "tensor 7 of 300": the place in messages */
    struct spn_err *err;
};

static uint64_t left(const struct cursor *c)
{
    return c->f->size - c->pos;
}

static spn_status take(struct cursor *c, uint64_t n, const char *what, const unsigned char **out)
{
    if (n > left(c))
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: %s: %s takes %" PRIu64 " bytes at offset %" PRIu64 ", %" PRIu64
                        " are left",
                        c->f->name, c->what, what, n, c->pos, left(c));
    *out = c->f->data + c->pos;
    c->pos += n;
    return SPN_OK;
}

static spn_status take_u32(struct cursor *c, const char *what, uint32_t *out)
{
    const unsigned char *p = NULL;
    spn_status st = take(c, 4, what, &p);

    if (st == SPN_OK)
        *out = k_load_u32(p);
    return st;
}

static spn_status take_u64(struct cursor *c, const char *what, uint64_t *out)
{
    const unsigned char *p = NULL;
    spn_status st = take(c, 8, what, &p);

    if (st == SPN_OK)
        *out = k_load_u64(p);
    return st;
}

/* A key or a tensor's name: short, not empty, without NUL. */
static spn_status take_name(struct cursor *c, const char *what, uint64_t max, const char **out)
{
    uint64_t length, at = c->pos;
    const unsigned char *p;
    spn_status st = take_u64(c, what, &length);

    if (st == SPN_OK && (length == 0 || length > max))
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: %s: %s of %" PRIu64 " bytes at offset %" PRIu64 ", 1 to %" PRIu64
                        " are possible",
                        c->f->name, c->what, what, length, at, max);
    if (st == SPN_OK)
        st = take(c, length, what, &p);
    if (st == SPN_OK && memchr(p, 0, (size_t)length) != NULL)
        return spn_fail(c->err, SPN_EFORMAT, "%s: %s: %s at offset %" PRIu64 " holds a NUL byte",
                        c->f->name, c->what, what, at);
    return st == SPN_OK ? k_reader_dup(c->r, out, p, length, c->err) : st;
}

/* ---- metadata ---- */

static void set_scalar(struct spn_meta *v, uint32_t type, const unsigned char *p)
{
    uint64_t bits = 0;

    memset(v, 0, sizeof *v);
    v->kind = value_kind[type];
    for (unsigned i = value_bytes[type]; i > 0; i--)
        bits = bits << 8 | p[i - 1];
    switch (type) {
    case K_I8:  v->i = (int8_t)bits; break;
    case K_I16: v->i = (int16_t)bits; break;
    case K_I32: v->i = (int32_t)bits; break;
    case K_F32: v->f = (double)spn_f32_of_bits((uint32_t)bits); break;
    case K_F64: memcpy(&v->f, &bits, sizeof bits); break;
    case K_BOOL: v->b = bits != 0; break;
    default:
        v->u = bits;
        v->i = bits > INT64_MAX && v->kind == SPN_META_UINT ? INT64_MAX : (int64_t)bits;
        break;
    }
}

static spn_status read_string(struct cursor *c, struct spn_meta *v)
{
    const unsigned char *p;
    uint64_t length;
    spn_status st = take_u64(c, "a string's length", &length);

    memset(v, 0, sizeof *v);
    v->kind = SPN_META_STRING;
    if (st == SPN_OK)
        st = take(c, length, "a string", &p);
    if (st == SPN_OK)
        st = k_reader_dup(c->r, &v->s, p, length, c->err);
    if (st == SPN_OK)
        v->s_length = (size_t)length;
    return st;
}

/* The strings stay in the file; what is kept is where each begins, 8 bytes for the 8 that its
 * length takes there. */
static spn_status read_strings(struct cursor *c, struct spn_meta *v)
{
    struct k_strings *t = NULL;
    uint64_t *start = NULL;
    const unsigned char *p;
    uint64_t length;
    spn_status st;

    if (v->count > left(c) / 8)
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: %s: an array of %" PRIu64 " strings at offset %" PRIu64 ", %" PRIu64
                        " bytes are left",
                        c->f->name, c->what, v->count, c->pos, left(c));
    st = k_reader_alloc(c->r, &t, 1, sizeof *t, c->err);
    if (st == SPN_OK)
        st = k_reader_alloc(c->r, &start, v->count + 1, sizeof *start, c->err);
    for (uint64_t i = 0; st == SPN_OK && i < v->count; i++) {
        start[i] = c->pos;
        st = take_u64(c, "a string's length", &length);
        if (st == SPN_OK)
            st = take(c, length, "a string", &p);
    }
    if (st != SPN_OK)
        return st;
    start[v->count] = c->pos;
    t->base = c->f->data;
    t->start = start;
    v->raw = t;
    return SPN_OK;
}

static spn_status read_array(struct cursor *c, struct spn_meta *v)
{
    const unsigned char *p;
    uint64_t bytes;
    uint32_t type;
    spn_status st = take_u32(c, "an array's type", &type);

    memset(v, 0, sizeof *v);
    v->kind = SPN_META_ARRAY;
    if (st == SPN_OK)
        st = take_u64(c, "an array's count", &v->count);
    if (st != SPN_OK)
        return st;
    if (type == K_ARRAY)
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: %s: an array of arrays at offset %" PRIu64 " is not read", c->f->name,
                        c->what, c->pos);
    if (type >= K_VALUE_TYPES)
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: %s: array of unknown type %" PRIu32 " at offset %" PRIu64, c->f->name,
                        c->what, type, c->pos);
    v->raw_type = (int)type;
    v->elem = value_kind[type];
    if (type == K_STRING)
        return read_strings(c, v);
    if (!spn_mul_u64(v->count, value_bytes[type], &bytes) || bytes > left(c))
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: %s: an array of %" PRIu64 " values of %u bytes at offset %" PRIu64
                        ", %" PRIu64 " bytes are left",
                        c->f->name, c->what, v->count, value_bytes[type], c->pos, left(c));
    st = take(c, bytes, "an array", &p);
    v->raw = p;
    return st;
}

static spn_status read_alignment(struct cursor *c, const struct spn_meta *v, uint32_t type,
                                 uint64_t *alignment)
{
    if (type != K_U32 || v->u == 0 || (v->u & (v->u - 1)) != 0)
        return spn_fail(c->err, SPN_EFORMAT, "%s: general.alignment is %" PRIu64 " (type %" PRIu32
                        "), it must be a power of two of type %d", c->f->name, v->u, type, K_U32);
    *alignment = v->u;
    return SPN_OK;
}

static spn_status read_pair(struct cursor *c, uint64_t *alignment)
{
    const char *key = NULL;
    struct spn_meta v;
    const unsigned char *p;
    uint32_t type;
    spn_status st = take_name(c, "a key", KEY_BYTES_MAX, &key);

    if (st == SPN_OK)
        st = take_u32(c, "a value's type", &type);
    if (st != SPN_OK)
        return st;
    if (type >= K_VALUE_TYPES)
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: %s (%.100s) has unknown type %" PRIu32 " at offset %" PRIu64,
                        c->f->name, c->what, key, type, c->pos - 4);
    if (type == K_STRING) {
        st = read_string(c, &v);
    } else if (type == K_ARRAY) {
        st = read_array(c, &v);
    } else {
        st = take(c, value_bytes[type], "a value", &p);
        if (st == SPN_OK)
            set_scalar(&v, type, p);
    }
    if (st == SPN_OK && strcmp(key, "general.alignment") == 0)
        st = read_alignment(c, &v, type, alignment);
    return st == SPN_OK ? k_reader_add_meta(c->r, key, &v, c->err) : st;
}

/* ---- tensors ---- */

/* Offsets count from the data section until place_tensors adds its start. */
static spn_status read_info(struct cursor *c, uint64_t alignment)
{
    const char *name = NULL;
    uint32_t n_dims, type;
    uint64_t dim, offset, at;
    int64_t dims[DIMS_MAX];
    struct spn_tensor t;
    spn_status st = take_name(c, "a tensor's name", NAME_BYTES_MAX, &name);

    if (st != SPN_OK)
        return st;
    snprintf(c->what, sizeof c->what, "tensor %.100s", name);
    at = c->pos;
    st = take_u32(c, "the number of dimensions", &n_dims);
    if (st == SPN_OK && (n_dims == 0 || n_dims > DIMS_MAX))
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: %s has %" PRIu32 " dimensions at offset %" PRIu64
                        ", 1 to %d are possible",
                        c->f->name, c->what, n_dims, at, DIMS_MAX);
    /* dims[0] of the file is the contiguous one: it becomes the last. */
    for (uint32_t i = 0; st == SPN_OK && i < n_dims; i++) {
        st = take_u64(c, "a dimension", &dim);
        if (st == SPN_OK && !spn_i64_of_u64(dim, &dims[n_dims - 1 - i]))
            return spn_fail(c->err, SPN_EFORMAT, "%s: %s: dimension %" PRIu32 " is %" PRIu64,
                            c->f->name, c->what, i, dim);
    }
    if (st == SPN_OK)
        st = take_u32(c, "a tensor's type", &type);
    if (st == SPN_OK)
        st = take_u64(c, "a tensor's offset", &offset);
    if (st != SPN_OK)
        return st;
    if (type >= SPN_U8 || spn_dtype_info((int)type) == NULL)
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: %s has type %" PRIu32 " at offset %" PRIu64
                        ", which GGUF does not define",
                        c->f->name, c->what, type, c->pos - 12);
    st = k_tensor_init(&t, (int)type, (int)n_dims, dims, NULL, c->f, name, c->err);
    if (st != SPN_OK)
        return st;
    if (offset % alignment != 0)
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: %s begins at %" PRIu64 " of the data, not a multiple of %" PRIu64,
                        c->f->name, c->what, offset, alignment);
    return k_reader_add_entry(c->r, name, &t, c->f, offset, c->err);
}

static int compare_offsets(const void *a, const void *b)
{
    const struct spn_entry *const *x = a, *const *y = b;

    return ((*x)->offset > (*y)->offset) - ((*x)->offset < (*y)->offset);
}

/* No two tensors share a byte. By offset, each must begin where the ones before have ended. */
static spn_status check_overlap(struct cursor *c, size_t first)
{
    const struct spn_entry **order = NULL;
    size_t n = 0, all = c->r->n_entries - first;
    spn_status st = k_reader_alloc(c->r, &order, all, sizeof *order, c->err);

    if (st != SPN_OK)
        return st;
    for (size_t i = first; i < c->r->n_entries; i++)
        if (spn_tensor_bytes(&c->r->entries[i].t) > 0)
            order[n++] = &c->r->entries[i];
    if (n > 1)
        qsort(order, n, sizeof *order, compare_offsets);
    for (size_t i = 1; i < n; i++) {
        uint64_t end = order[i - 1]->offset + spn_tensor_bytes(&order[i - 1]->t);

        if (order[i]->offset < end)
            return spn_fail(c->err, SPN_EFORMAT,
                            "%s: tensor %.100s begins at offset %" PRIu64
                            ", inside %.100s that ends at %" PRIu64,
                            c->f->name, order[i]->name, order[i]->offset, order[i - 1]->name, end);
    }
    return SPN_OK;
}

/* Offsets become places in the file, and data pointers. */
static spn_status place_tensors(struct cursor *c, size_t first, uint64_t alignment)
{
    uint64_t start, canonical = 0, padded;
    bool in_order = true;
    size_t kept = first;

    if (!spn_align_u64(c->pos, alignment, &start))
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: alignment %" PRIu64 " leads past the end of the file", c->f->name,
                        alignment);
    for (size_t i = first; i < c->r->n_entries; i++) {
        struct spn_entry *e = &c->r->entries[i];
        uint64_t bytes = spn_tensor_bytes(&e->t),
                 data = c->f->size > start ? c->f->size - start : 0;

        if (bytes > 0 && !spn_inside_u64(e->offset, bytes, data) && c->r->partial) {
            k_reader_absent(c->r, e->name);
            continue;
        }
        if (bytes > 0 && !spn_inside_u64(e->offset, bytes, data))
            return spn_fail(c->err, SPN_EFORMAT,
                            "%s: tensor %.100s takes %" PRIu64 " bytes at %" PRIu64
                            " of the data, which has %" PRIu64,
                            c->f->name, e->name, bytes, e->offset, data);
        in_order = in_order && e->offset == canonical;
        if (!spn_align_u64(bytes, alignment, &padded) ||
            !spn_add_u64(canonical, padded, &canonical))
            in_order = false;
        if (bytes > 0) {
            e->offset += start;
            e->t.data = (void *)(uintptr_t)(c->f->data + e->offset);
        } else {
            e->offset = c->f->size;      /* nothing there, wherever that was */
            e->t.data = (void *)(uintptr_t)(c->f->data + c->f->size);
        }
        c->r->entries[kept++] = *e;
    }
    c->r->n_entries = kept;
    if (!in_order && c->r->n_absent == 0)
        spn_log(SPN_LOG_WARN, "%s: its tensors do not lie in the order of the header", c->f->name);
    return check_overlap(c, first);
}

static spn_status read_version(struct cursor *c)
{
    uint32_t version = k_load_u32(c->f->data + 4);

    if (memcmp(c->f->data, "GGUF", 4) != 0)
        return spn_fail(c->err, SPN_EFORMAT, "%s: begins with %02x %02x %02x %02x, not with GGUF",
                        c->f->name, c->f->data[0], c->f->data[1], c->f->data[2], c->f->data[3]);
    if ((version & 0xffff) == 0 && version != 0)
        return spn_fail(c->err, SPN_EFORMAT,
                        "%s: a big-endian GGUF file (version reads as %#" PRIx32 "), which is"
                        " not read",
                        c->f->name, version);
    if (version != 2 && version != 3)
        return spn_fail(c->err, SPN_EFORMAT, "%s: GGUF version %" PRIu32 ", 2 and 3 are read",
                        c->f->name, version);
    snprintf(c->r->name, sizeof c->r->name, "gguf v%" PRIu32, version);
    return SPN_OK;
}

spn_status k_gguf_read(struct spn_reader *r, const struct k_file *f, struct spn_err *err)
{
    struct cursor c = { .r = r, .f = f, .err = err, .what = "header" };
    uint64_t n_tensors, n_pairs, alignment = ALIGNMENT_DEFAULT;
    size_t first = r->n_entries;
    spn_status st;

    if (f->size < HEADER_BYTES)
        return spn_fail(err, SPN_EFORMAT, "%s: %" PRIu64 " bytes, a GGUF header takes %d", f->name,
                        f->size, HEADER_BYTES);
    st = read_version(&c);
    if (st != SPN_OK)
        return st;
    n_tensors = k_load_u64(f->data + 8);
    n_pairs = k_load_u64(f->data + 16);
    c.pos = HEADER_BYTES;
    if (n_pairs > left(&c) / PAIR_BYTES_MIN || n_tensors > left(&c) / INFO_BYTES_MIN)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: %" PRIu64 " keys and %" PRIu64 " tensors do not fit into %" PRIu64
                        " bytes",
                        f->name, n_pairs, n_tensors, f->size);
    st = k_reader_reserve_meta(r, n_pairs, err);
    for (uint64_t i = 0; st == SPN_OK && i < n_pairs; i++) {
        snprintf(c.what, sizeof c.what, "key %" PRIu64 " of %" PRIu64, i + 1, n_pairs);
        st = read_pair(&c, &alignment);
    }
    if (st == SPN_OK)
        st = k_reader_reserve_entries(r, n_tensors, err);
    for (uint64_t i = 0; st == SPN_OK && i < n_tensors; i++) {
        snprintf(c.what, sizeof c.what, "tensor %" PRIu64 " of %" PRIu64, i + 1, n_tensors);
        st = read_info(&c, alignment);
    }
    return st == SPN_OK ? place_tensors(&c, first, alignment) : st;
}

static spn_status read_gguf(struct spn_reader *r, const struct k_file *f, struct spn_err *err)
{
    spn_status st = k_gguf_read(r, f, err);

    return st == SPN_OK ? k_gguf_read_parts(r, f, err) : st;
}

static bool knows_gguf(const struct k_file *f)
{
    size_t n = strlen(f->name);

    return (f->size >= 4 && memcmp(f->data, "GGUF", 4) == 0) ||
           (f->size > 0 && n > 5 && strcmp(f->name + n - 5, ".gguf") == 0);
}

const struct spn_format k_format_gguf = { .name = "gguf", .knows = knows_gguf, .read = read_gguf };
