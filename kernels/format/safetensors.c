/* safetensors.c - u64 n, n bytes of JSON, data: name -> { dtype, shape, data_offsets [begin, end)
 * of the data }.
 *
 * The data has no holes and no overlaps: by offset, each tensor begins where the last one ended, up
 * to the file's end.
 */
#include "config.h"

#include "format/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "format/json_text.h"

enum { HEADER_BYTES_MAX = 100000000, NAME_BYTES_MAX = 65535 };

/* In the order in which tensors are written. */
static const struct {
    const char *name;
    int dtype;
} types[] = {
    { "U64", SPN_U64 }, { "I64", SPN_I64 }, { "F64", SPN_F64 }, { "C64", SPN_C64 },
    { "F32", SPN_F32 }, { "U32", SPN_U32 }, { "I32", SPN_I32 }, { "BF16", SPN_BF16 },
    { "F16", SPN_F16 }, { "U16", SPN_U16 }, { "I16", SPN_I16 }, { "F8_E8M0", SPN_F8_E8M0 },
    { "F8_E4M3", SPN_F8_E4M3 }, { "F8_E5M2", SPN_F8_E5M2 },
    { "F8_E4M3FNUZ", SPN_F8_E4M3FNUZ }, { "F8_E5M2FNUZ", SPN_F8_E5M2FNUZ },
    { "I8", SPN_I8 }, { "U8", SPN_U8 }, { "BOOL", SPN_BOOL },
};
enum { TYPES = sizeof types / sizeof *types };

int k_safetensors_rank(int dtype)
{
    for (int i = 0; i < TYPES; i++)
        if (types[i].dtype == dtype)
            return i;
    return -1;
}

const char *k_safetensors_type(int dtype)
{
    int i = k_safetensors_rank(dtype);

    return i >= 0 ? types[i].name : NULL;
}

static int type_by_name(const char *name)
{
    for (int i = 0; i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].dtype;
    return -1;
}

/* Where a text of the header begins in the file. */
static size_t place_of(const struct k_file *f, struct k_text t)
{
    return (size_t)((const unsigned char *)t.s - f->data);
}

static spn_status load_string(struct spn_reader *r, const struct k_file *f, struct k_text t,
                              const char **out, size_t *length, const char *what,
                              struct spn_err *err)
{
    json_t *j = NULL;
    spn_status st = k_json_load(&j, f->name, t, place_of(f, t), err);

    if (st == SPN_OK && !json_is_string(j))
        st = spn_fail(err, SPN_EFORMAT, "%s: %s at byte %zu is not a string", f->name, what,
                      place_of(f, t));
    if (st == SPN_OK) {
        *length = json_string_length(j);
        st = k_reader_dup(r, out, json_string_value(j), *length, err);
    }
    json_decref(j);
    return st;
}

static spn_status load_name(struct spn_reader *r, const struct k_file *f, struct k_text t,
                            const char **out, struct spn_err *err)
{
    size_t length = 0;
    spn_status st = load_string(r, f, t, out, &length, "a name", err);

    if (st == SPN_OK && (length == 0 || length > NAME_BYTES_MAX || strlen(*out) != length))
        st = spn_fail(err, SPN_EFORMAT,
                      "%s: name of %zu bytes at byte %zu: 1 to %d are possible, none of them 0",
                      f->name, length, place_of(f, t), NAME_BYTES_MAX);
    return st;
}

static spn_status read_metadata(struct spn_reader *r, const struct k_file *f, struct k_text text,
                                struct spn_err *err)
{
    struct k_json_walk w;
    struct k_text key, value;
    const char *name = NULL;
    spn_status st = k_json_walk_begin(&w, f->name, text, place_of(f, text), err);

    while (st == SPN_OK) {
        struct spn_meta v = { .kind = SPN_META_STRING };

        st = k_json_walk_next(&w, &key, &value, err);
        if (st != SPN_OK || w.done)
            break;
        st = load_name(r, f, key, &name, err);
        if (st == SPN_OK)
            st = load_string(r, f, value, &v.s, &v.s_length, "a value of __metadata__", err);
        if (st == SPN_OK)
            st = k_reader_add_meta(r, name, &v, err);
    }
    return st;
}

/* A whole number >= 0 of an array. */
static bool elem_u64(const json_t *array, size_t i, uint64_t *out)
{
    const json_t *j = json_array_get(array, i);

    if (!json_is_integer(j) || json_integer_value(j) < 0)
        return false;
    *out = (uint64_t)json_integer_value(j);
    return true;
}

static spn_status read_shape(const struct k_file *f, const char *name, const json_t *shape,
                             int64_t *dim, int *ndim, struct spn_err *err)
{
    size_t n = json_array_size(shape);
    uint64_t v;

    if (!json_is_array(shape) || n > SPN_DIMS_MAX)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tensor %.100s: its shape is not an array of at most %d dimensions",
                        f->name, name, SPN_DIMS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!elem_u64(shape, i, &v) || !spn_i64_of_u64(v, &dim[i]))
            return spn_fail(err, SPN_EFORMAT,
                            "%s: tensor %.100s: dimension %zu is not a whole number", f->name, name,
                            i);
    }
    *ndim = (int)n;
    return SPN_OK;
}

/* J: { dtype, shape, data_offsets }; DATA bytes begin at START of the file. */
static spn_status read_entry(struct spn_reader *r, const struct k_file *f, uint64_t start,
                             const char *name, const json_t *j, struct spn_err *err)
{
    const json_t *type = json_object_get(j, "dtype"), *offsets = json_object_get(j, "data_offsets");
    uint64_t begin, end, data = f->size - start;
    int64_t dim[SPN_DIMS_MAX];
    struct spn_tensor t;
    int ndim = 0, dtype;
    spn_status st;

    if (!json_is_string(type) || !json_is_array(offsets))
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %.100s lacks a dtype or data_offsets",
                        f->name, name);
    dtype = type_by_name(json_string_value(type));
    if (dtype < 0)
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %.100s has type %.40s, which is not read",
                        f->name, name, json_string_value(type));
    st = read_shape(f, name, json_object_get(j, "shape"), dim, &ndim, err);
    if (st != SPN_OK)
        return st;
    if (json_array_size(offsets) != 2 || !elem_u64(offsets, 0, &begin) ||
        !elem_u64(offsets, 1, &end) || begin > end)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tensor %.100s: data_offsets are not two growing whole numbers",
                        f->name, name);
    if (end > data && !r->partial)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tensor %.100s ends at %" PRIu64 " of the data, which has %" PRIu64
                        " bytes",
                        f->name, name, end, data);
    st = k_tensor_init(&t, dtype, ndim, dim, end > data ? NULL : f->data + start + begin, f, name,
                       err);
    if (st != SPN_OK)
        return st;
    if (spn_tensor_bytes(&t) != end - begin)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tensor %.100s has %" PRIu64 " bytes of data, its shape takes %" PRIu64,
                        f->name, name, end - begin, spn_tensor_bytes(&t));
    if (end > data) {
        k_reader_absent(r, name);
        return SPN_OK;
    }
    return k_reader_add_entry(r, name, &t, f, start + begin, err);
}

static spn_status read_member(struct spn_reader *r, const struct k_file *f, uint64_t start,
                              bool with_meta, struct k_text key, struct k_text value,
                              struct spn_err *err)
{
    const char *name = NULL;
    json_t *j = NULL;
    spn_status st = load_name(r, f, key, &name, err);

    if (st == SPN_OK && strcmp(name, "__metadata__") == 0)
        return with_meta ? read_metadata(r, f, value, err) : SPN_OK;
    if (st == SPN_OK)
        st = k_json_load(&j, f->name, value, place_of(f, value), err);
    if (st == SPN_OK)
        st = read_entry(r, f, start, name, j, err);
    json_decref(j);
    return st;
}

static int compare_places(const void *a, const void *b)
{
    const struct spn_entry *const *x = a, *const *y = b;
    uint64_t m = spn_tensor_bytes(&(*x)->t), n = spn_tensor_bytes(&(*y)->t);

    if ((*x)->offset != (*y)->offset)
        return (*x)->offset > (*y)->offset ? 1 : -1;
    return (m > n) -
           (m < n); /* an empty tensor comes before the one that begins at the same place */
}

static spn_status check_places(struct spn_reader *r, const struct k_file *f, uint64_t start,
                               size_t first, struct spn_err *err)
{
    const struct spn_entry **order = NULL;
    size_t n = r->n_entries - first;
    uint64_t end = start;
    spn_status st = k_reader_alloc(r, &order, n, sizeof *order, err);

    if (st != SPN_OK)
        return st;
    for (size_t i = 0; i < n; i++)
        order[i] = &r->entries[first + i];
    if (n > 1)
        qsort(order, n, sizeof *order, compare_places);
    for (size_t i = 0; i < n; i++) {
        /* Between those that are there may be room for those that are not. */
        if (order[i]->offset < end || (order[i]->offset > end && r->n_absent == 0))
            return spn_fail(err, SPN_EFORMAT,
                            "%s: tensor %.100s begins at byte %" PRIu64
                            ", %s the last one's end at %" PRIu64,
                            f->name, order[i]->name, order[i]->offset,
                            order[i]->offset < end ? "before" : "after", end);
        end = order[i]->offset + spn_tensor_bytes(&order[i]->t);
    }
    if (end != f->size && r->n_absent == 0)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: its tensors end at byte %" PRIu64 ", the file at %" PRIu64, f->name,
                        end, f->size);
    return SPN_OK;
}

spn_status k_safetensors_read(struct spn_reader *r, const struct k_file *f, bool with_meta,
                              struct spn_err *err)
{
    struct k_text text, key, value;
    struct k_json_walk w;
    size_t first = r->n_entries, count = 0;
    uint64_t n;
    spn_status st;

    if (f->size < 8)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: %" PRIu64 " bytes, a safetensors file has at least 8", f->name,
                        f->size);
    n = k_load_u64(f->data);
    if (n > HEADER_BYTES_MAX || n > f->size - 8)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: a header of %" PRIu64 " bytes; %" PRIu64
                        " are left in the file and %d is the limit",
                        f->name, n, f->size - 8, HEADER_BYTES_MAX);
    text = (struct k_text){ (const char *)f->data + 8, (size_t)n };
    if (n == 0 || text.s[0] != '{')
        return spn_fail(err, SPN_EFORMAT,
                        "%s: its header of %" PRIu64 " bytes does not begin with {", f->name, n);
    /* Once to count, so that the entries are allocated in one piece; once to read. */
    st = k_json_walk_begin(&w, f->name, text, 8, err);
    while (st == SPN_OK && !w.done) {
        st = k_json_walk_next(&w, &key, &value, err);
        count++;
    }
    if (st == SPN_OK)
        st = k_reader_reserve_entries(r, count - 1, err);
    if (st == SPN_OK)
        st = k_json_walk_begin(&w, f->name, text, 8, err);
    while (st == SPN_OK) {
        st = k_json_walk_next(&w, &key, &value, err);
        if (st != SPN_OK || w.done)
            break;
        st = read_member(r, f, 8 + n, with_meta, key, value, err);
    }
    return st == SPN_OK ? check_places(r, f, 8 + n, first, err) : st;
}

static spn_status read_safetensors(struct spn_reader *r, const struct k_file *f,
                                   struct spn_err *err)
{
    return k_safetensors_read(r, f, true, err);
}

/* The format has no magic: a name that says so, or a header length followed by a brace. */
static bool knows_safetensors(const struct k_file *f)
{
    size_t n = strlen(f->name);

    if (f->size > 0 && n > 12 && strcmp(f->name + n - 12, ".safetensors") == 0)
        return true;
    return f->size > 8 && f->data[8] == '{' && k_load_u64(f->data) <= f->size - 8;
}

const struct spn_format k_format_safetensors = { .name = "safetensors",
                                                 .knows = knows_safetensors,
                                                 .read = read_safetensors };
