/* npy.c - NPY: "\x93NUMPY", version, length of a header that is a Python dict of descr,
 * fortran_order and shape, then the array; NPZ: a zip archive of them, stored or deflated.
 */
#include "config.h"

#include "format/npy.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "format/inflate.h"
#include "format/packed.h"
#include "format/torch.h"

/* A deflated byte becomes at most 1032. */
enum { HEADER_BYTES_MAX = 65536, INFLATE_RATIO_MAX = 1032 };

struct header {
    int dtype, ndim;
    bool big, fortran;
    int64_t dim[SPN_DIMS_MAX];
    uint64_t bytes;                    /* of the header: the data follows */
};

/* The header as text, read from left to right. */
struct text { const char *p, *end; };

static void blanks(struct text *t)
{
    while (t->p < t->end && (*t->p == ' ' || *t->p == '\n' || *t->p == '\t'))
        t->p++;
}

static bool eat(struct text *t, char c)
{
    blanks(t);
    if (t->p == t->end || *t->p != c)
        return false;
    t->p++;
    return true;
}

static bool eat_word(struct text *t, const char *word)
{
    size_t n = strlen(word);

    blanks(t);
    if ((size_t)(t->end - t->p) < n || memcmp(t->p, word, n) != 0)
        return false;
    t->p += n;
    return true;
}

/* 'text' or "text", without escapes. */
static bool quoted(struct text *t, const char **s, size_t *n)
{
    char mark;
    const char *close;

    blanks(t);
    mark = t->p < t->end ? *t->p : '\0';
    if (mark != '\'' && mark != '"')
        return false;
    close = memchr(t->p + 1, mark, (size_t)(t->end - t->p - 1));
    if (close == NULL)
        return false;
    *s = t->p + 1;
    *n = (size_t)(close - *s);
    t->p = close + 1;
    return true;
}

static bool shape(struct text *t, struct header *h)
{
    if (!eat(t, '('))
        return false;
    for (h->ndim = 0; !eat(t, ')'); h->ndim++) {
        int64_t v = 0;
        const char *from;

        blanks(t);
        for (from = t->p; t->p < t->end && *t->p >= '0' && *t->p <= '9'; t->p++)
            if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *t->p - '0', &v))
                return false;
        if (t->p == from || h->ndim == SPN_DIMS_MAX)
            return false;
        h->dim[h->ndim] = v;
        eat_word(t, "L");
        if (!eat(t, ',')) {
            h->ndim++;
            return eat(t, ')');
        }
    }
    return true;
}

static bool is_word(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(s, word, n) == 0;
}

/* Exactly the three keys. DESCR: where its text is. */
static bool parse(struct text *t, struct header *h, const char **descr, size_t *descr_bytes)
{
    unsigned seen = 0;

    if (!eat(t, '{'))
        return false;
    while (!eat(t, '}')) {
        const char *key;
        size_t n;
        unsigned bit;

        if (!quoted(t, &key, &n) || !eat(t, ':'))
            return false;
        bit = is_word(key, n, "descr") ? 1 : is_word(key, n, "fortran_order") ? 2
            : is_word(key, n, "shape") ? 4 : 0;
        if (bit == 0 || (seen & bit) != 0)
            return false;
        seen |= bit;
        if (bit == 1 && !quoted(t, descr, descr_bytes))
            return false;
        if (bit == 2) {
            h->fortran = eat_word(t, "True");
            if (!h->fortran && !eat_word(t, "False"))
                return false;
        }
        if (bit == 4 && !shape(t, h))
            return false;
        eat(t, ',');
    }
    blanks(t);
    return seen == 7 && t->p == t->end;
}

/* HEAD: the first N bytes of an NPY file, its header among them. */
static spn_status read_header(struct header *h, const char *place, const char *name,
                              const unsigned char *head, uint64_t n, struct spn_err *err)
{
    const char *descr = "";
    size_t descr_bytes = 0;
    uint64_t start, length;
    struct text t;

    if (n < 10 || memcmp(head, "\x93NUMPY", 6) != 0 || head[6] < 1 || head[6] > 3)
        return spn_fail(err, SPN_EFORMAT, "%s: %.100s is no NPY file of version 1 to 3", place,
                        name);
    start = head[6] == 1 ? 10 : 12;
    length = head[6] == 1 ? k_load_u16(head + 8) : n >= 12 ? k_load_u32(head + 8) : n;
    if (length > HEADER_BYTES_MAX || !spn_inside_u64(start, length, n))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: %.100s: a header of %" PRIu64 " bytes, %" PRIu64 " are left", place,
                        name, length, n < start ? 0 : n - start);
    h->bytes = start + length;
    t = (struct text){ (const char *)head + start, (const char *)head + h->bytes };
    if (!parse(&t, h, &descr, &descr_bytes))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: %.100s: its header is not {descr: a simple type, fortran_order, "
                        "shape of at most %d dimensions}",
                        place, name, SPN_DIMS_MAX);
    if (!k_numpy_dtype(descr, descr_bytes, &h->dtype, &h->big))
        return spn_fail(err, SPN_EFORMAT, "%s: %.100s has type %.*s, which is not read", place,
                        name, descr_bytes < 40 ? (int)descr_bytes : 40, descr);
    return SPN_OK;
}

/* The array of H, whose storage is S. */
static spn_status add_array(struct spn_reader *r, const char *name, const struct header *h,
                            struct k_storage *s, struct spn_err *err)
{
    int64_t stride[SPN_DIMS_MAX] = { 0 }, step = 1;

    s->swap = h->big;
    for (int i = 0; i < h->ndim; i++) {
        int k = h->fortran ? i : h->ndim - 1 - i;

        stride[k] = step;
        if (__builtin_mul_overflow(step, h->dim[k] > 0 ? h->dim[k] : 1, &step))
            return spn_fail(err, SPN_EFORMAT,
                            "%s: array %.100s is larger than the %" PRIu64 " bytes that are there",
                            s->file->name, name, s->bytes);
    }
    return k_add_strided(r, name, h->dtype, h->ndim, h->dim, stride, 0, s, err);
}

/* ---- NPZ ---- */

static spn_status read_stored(struct spn_reader *r, const struct k_file *f, const char *name,
                              const struct k_zip_item *item, struct spn_err *err)
{
    struct k_storage s = { .file = f };
    struct header h;
    spn_status st = read_header(&h, f->name, item->name, f->data + item->data, item->bytes, err);

    if (st != SPN_OK)
        return st;
    s.data = f->data + item->data + h.bytes;
    s.bytes = item->bytes - h.bytes;
    s.offset = item->data + h.bytes;
    return add_array(r, name, &h, &s, err);
}

static spn_status read_deflated(struct spn_reader *r, const struct k_file *f, const char *name,
                                const struct k_zip_item *item, struct spn_err *err)
{
    struct k_storage s = { .file = f, .offset = item->data };
    struct k_packed *probe = NULL, *packed = NULL;
    unsigned char *head = NULL;
    uint64_t most, n = item->bytes < HEADER_BYTES_MAX ? item->bytes : HEADER_BYTES_MAX;
    struct header h;
    spn_status st;

    if (!spn_mul_u64(item->packed_bytes, INFLATE_RATIO_MAX, &most) || item->bytes > most)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: entry %.100s: %" PRIu64 " bytes cannot unpack to %" PRIu64, f->name,
                        item->name, item->packed_bytes, item->bytes);
    st = k_packed_new(&probe, r, f->data + item->data, (size_t)item->packed_bytes, 0, err);
    if (st == SPN_OK)
        st = k_reader_alloc(r, &head, n, 1, err);
    if (st == SPN_OK)
        st = k_packed_read(probe, f->name, item->name, 0, (size_t)n, head, err);
    if (st == SPN_OK)
        st = read_header(&h, f->name, item->name, head, n, err);
    if (st == SPN_OK)
        st = k_packed_new(&packed, r, probe->in, probe->n, h.bytes, err);
    if (st != SPN_OK)
        return st;
    s.bytes = item->bytes - h.bytes;
    s.packed = packed;
    return add_array(r, name, &h, &s, err);
}

spn_status k_npz_read(struct spn_reader *r, const struct k_file *f, const struct k_zip *z,
                      struct spn_err *err)
{
    spn_status st = k_reader_reserve_entries(r, z->n, err);

    for (size_t i = 0; st == SPN_OK && i < z->n; i++) {
        const struct k_zip_item *item = &z->items[i];
        const char *name = NULL;

        st = k_reader_dup(r, &name, item->name, strlen(item->name) - 4, err);
        if (st != SPN_OK)
            break;
        if (item->method == 0)
            st = read_stored(r, f, name, item, err);
        else if (item->method == 8)
            st = read_deflated(r, f, name, item, err);
        else
            st = spn_fail(err, SPN_EFORMAT,
                          "%s: entry %.100s is compressed by method %d, which is not read", f->name,
                          item->name, item->method);
    }
    return st;
}

/* ---- NPY ---- */

/* One array, named "array". */
static spn_status read_npy(struct spn_reader *r, const struct k_file *f, struct spn_err *err)
{
    struct k_storage s = { .file = f };
    struct header h;
    spn_status st = read_header(&h, f->name, "the file", f->data, f->size, err);

    if (st != SPN_OK)
        return st;
    s.data = f->data + h.bytes;
    s.bytes = f->size - h.bytes;
    s.offset = h.bytes;
    return add_array(r, "array", &h, &s, err);
}

static bool knows_npy(const struct k_file *f)
{
    return f->size >= 6 && memcmp(f->data, "\x93NUMPY", 6) == 0;
}

const struct spn_format k_format_npy = { .name = "npy", .knows = knows_npy, .read = read_npy };
