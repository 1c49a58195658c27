/* meta.c - metadata by key and by element, whatever the width it was written with. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "tensor/half.h"
#include "format/reader.h"
#include "format/source.h"

/* In the form that the getters read: as if the array stood in a GGUF file. */
spn_status k_reader_add_strings(struct spn_reader *r, const char *key, const char *const *s,
                                const size_t *length, size_t n, struct spn_err *err)
{
    struct spn_meta v = { .kind = SPN_META_ARRAY, .elem = SPN_META_STRING, .count = n,
                          .raw_type = K_STRING };
    struct k_strings *t = NULL;
    unsigned char *base = NULL;
    uint64_t *start = NULL, bytes = 0;
    spn_status st;

    for (size_t i = 0; i < n; i++)
        bytes += 8 + (uint64_t)length[i];
    st = k_reader_alloc(r, &t, 1, sizeof *t, err);
    if (st == SPN_OK)
        st = k_reader_alloc(r, &start, (uint64_t)n + 1, sizeof *start, err);
    if (st == SPN_OK)
        st = k_reader_alloc(r, &base, bytes, 1, err);
    if (st != SPN_OK)
        return st;
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < 8; k++)
            base[start[i] + (unsigned)k] = (unsigned char)((uint64_t)length[i] >> 8 * k);
        if (length[i] > 0)
            memcpy(base + start[i] + 8, s[i], length[i]);
        start[i + 1] = start[i] + 8 + length[i];
    }
    t->base = base;
    t->start = start;
    v.raw = t;
    return k_reader_add_meta(r, key, &v, err);
}

size_t spn_reader_meta_count(const struct spn_reader *r)
{
    return r->n_meta;
}

const char *spn_reader_meta_at(const struct spn_reader *r, size_t i, struct spn_meta *value)
{
    if (i >= r->n_meta)
        return NULL;
    *value = r->meta[i].v;
    return r->meta[i].key;
}

bool spn_reader_meta(const struct spn_reader *r, const char *key, struct spn_meta *value)
{
    struct k_meta want = { .key = key };
    const struct k_meta *p = &want, **at = NULL;

    if (r->n_meta > 0)
        at = bsearch(&p, r->by_key, r->n_meta, sizeof *r->by_key, k_compare_names);
    if (at == NULL)
        return false;
    *value = (*at)->v;
    return true;
}

bool spn_meta_int(const struct spn_reader *r, const char *key, int64_t *out)
{
    struct spn_meta v;

    if (!spn_reader_meta(r, key, &v))
        return false;
    if (v.kind == SPN_META_UINT)
        return spn_i64_of_u64(v.u, out);
    if (v.kind != SPN_META_INT)
        return false;
    *out = v.i;
    return true;
}

/* An integer is a number too: configurations write 10000 where 10000.0 is meant. */
bool spn_meta_float(const struct spn_reader *r, const char *key, double *out)
{
    struct spn_meta v;

    if (!spn_reader_meta(r, key, &v))
        return false;
    switch (v.kind) {
    case SPN_META_FLOAT: *out = v.f; return true;
    case SPN_META_INT:   *out = (double)v.i; return true;
    case SPN_META_UINT:  *out = (double)v.u; return true;
    default:             return false;
    }
}

bool spn_meta_bool(const struct spn_reader *r, const char *key, bool *out)
{
    struct spn_meta v;

    if (!spn_reader_meta(r, key, &v) || v.kind != SPN_META_BOOL)
        return false;
    *out = v.b;
    return true;
}

const char *spn_meta_str(const struct spn_reader *r, const char *key)
{
    struct spn_meta v;

    return spn_reader_meta(r, key, &v) && v.kind == SPN_META_STRING ? v.s : NULL;
}

bool spn_meta_elem_int(const struct spn_meta *array, uint64_t i, int64_t *out)
{
    const unsigned char *p = array->raw;

    if (array->kind != SPN_META_ARRAY || i >= array->count)
        return false;
    switch (array->raw_type) {
    case K_U8:  *out = p[i]; return true;
    case K_I8:  *out = (int8_t)p[i]; return true;
    case K_U16: *out = spn_load_u16(p + 2 * i); return true;
    case K_I16: *out = (int16_t)spn_load_u16(p + 2 * i); return true;
    case K_U32: *out = k_load_u32(p + 4 * i); return true;
    case K_I32: *out = (int32_t)k_load_u32(p + 4 * i); return true;
    case K_U64: return spn_i64_of_u64(k_load_u64(p + 8 * i), out);
    case K_I64: *out = (int64_t)k_load_u64(p + 8 * i); return true;
    case K_BOOL: *out = p[i] != 0; return true;
    default:    return false;
    }
}

bool spn_meta_elem_float(const struct spn_meta *array, uint64_t i, double *out)
{
    const unsigned char *p = array->raw;
    uint64_t bits;
    int64_t whole;

    if (array->kind != SPN_META_ARRAY || i >= array->count)
        return false;
    switch (array->raw_type) {
    case K_F32:
        *out = (double)spn_f32_of_bits(k_load_u32(p + 4 * i));
        return true;
    case K_F64:
        bits = k_load_u64(p + 8 * i);
        memcpy(out, &bits, sizeof bits);
        return true;
    case K_BOOL:
        return false;
    default:
        if (!spn_meta_elem_int(array, i, &whole))
            return false;
        *out = (double)whole;
        return true;
    }
}

bool spn_meta_elem_str(const struct spn_meta *array, uint64_t i, const char **s, size_t *length)
{
    const struct k_strings *t = array->raw;

    if (array->kind != SPN_META_ARRAY || array->raw_type != K_STRING || i >= array->count)
        return false;
    *s = (const char *)t->base + t->start[i] + 8;
    *length = (size_t)(t->start[i + 1] - t->start[i] - 8);
    return true;
}
