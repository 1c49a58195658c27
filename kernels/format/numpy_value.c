/* numpy_value.c - arrays and scalars that NumPy pickled: bytes with a type, a shape, an order. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "format/torch.h"
#include "tensor/half.h"

static const struct { const char *name; int dtype; } types[] = {
    { "f4", SPN_F32 }, { "f8", SPN_F64 }, { "f2", SPN_F16 }, { "V2", SPN_BF16 }, { "i1", SPN_I8 },
    { "i2", SPN_I16 }, { "i4", SPN_I32 }, { "i8", SPN_I64 }, { "u1", SPN_U8 }, { "u2", SPN_U16 },
    { "u4", SPN_U32 }, { "u8", SPN_U64 }, { "b1", SPN_BOOL }, { "c8", SPN_C64 },
    { "c16", SPN_C128 }, { "?", SPN_BOOL },
};

bool k_numpy_dtype(const char *s, size_t n, int *dtype, bool *big)
{
    *big = n > 0 && s[0] == '>';
    if (n > 0 && (s[0] == '<' || s[0] == '>' || s[0] == '|' || s[0] == '=')) {
        s++;
        n--;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i].name) == n && memcmp(types[i].name, s, n) == 0) {
            *dtype = types[i].dtype;
            return true;
        }
    return false;
}

/* numpy.dtype('f4', …) with the state (3, '<', …). */
static bool dtype_of(const struct k_value *v, int *dtype, bool *big)
{
    const struct k_value *name, *order;

    if (strcmp(k_callee(v), "numpy.dtype") != 0)
        return false;
    name = k_item(v->u.o->args, 0);
    order = k_item(v->u.o->state, 1);
    if (name == NULL || name->kind != KV_TEXT ||
        !k_numpy_dtype((const char *)name->u.s, (size_t)name->n, dtype, big))
        return false;
    *big = *big || k_is_text(order, ">");
    return true;
}

/* Bytes, or a text that stands for them: each of its characters, all below 256, is one. */
static spn_status bytes_of(struct k_torch *t, const struct k_value *v, const unsigned char **out,
                           uint64_t *n, struct spn_err *err)
{
    unsigned char *copy = NULL;
    uint64_t used = 0;
    spn_status st;

    if (strcmp(k_callee(v), "_codecs.encode") == 0) {
        v = k_item(v->u.o->args, 0);
    } else if (strcmp(k_callee(v), "builtins.bytearray") == 0 ||
               strcmp(k_callee(v), "__builtin__.bytearray") == 0 ||
               strcmp(k_callee(v), "__builtin__.bytes") == 0) {
        v = k_item(v->u.o->args, 0);
        if (v == NULL) {
            *out = (const unsigned char *)"";
            *n = 0;
            return SPN_OK;
        }
        return v->kind == KV_OBJECT && strcmp(k_callee(v), "_codecs.encode") != 0
                   ? spn_fail(err, SPN_EFORMAT, "%s: an array of its pickle has no bytes",
                              t->f->name)
                   : bytes_of(t, v, out, n, err);
    } else if (v != NULL && (v->kind == KV_BYTES || v->kind == KV_TEXT)) {
        *out = v->u.s;
        *n = v->n;
        return SPN_OK;
    }
    if (v == NULL || v->kind != KV_TEXT)
        return spn_fail(err, SPN_EFORMAT, "%s: an array of its pickle has no bytes", t->f->name);
    st = k_reader_alloc(t->r, &copy, v->n, 1, err);
    for (uint64_t i = 0; st == SPN_OK && i < v->n; i++) {
        unsigned c = v->u.s[i];

        if (c >= 0x80) {
            if ((c & 0xfc) != 0xc0 || i + 1 >= v->n || (v->u.s[i + 1] & 0xc0) != 0x80)
                return spn_fail(err, SPN_EFORMAT,
                                "%s: an array of its pickle has characters that are no bytes",
                                t->f->name);
            c = (c & 3) << 6 | (v->u.s[++i] & 63);
        }
        copy[used++] = (unsigned char)c;
    }
    *out = copy;
    *n = used;
    return st;
}

static bool shape_of(const struct k_value *v, struct k_torch_tensor *out)
{
    if (v == NULL || v->kind != KV_TUPLE || v->n > SPN_DIMS_MAX)
        return false;
    out->ndim = (int)v->n;
    for (int i = 0; i < out->ndim; i++)
        if (!k_int(v->u.items[i], &out->dim[i]) || out->dim[i] < 0)
            return false;
    return true;
}

/* Row by row, or (FORTRAN) column by column. */
static bool set_strides(struct k_torch_tensor *out, bool fortran)
{
    int64_t step = 1;

    for (int i = 0; i < out->ndim; i++) {
        int k = fortran ? i : out->ndim - 1 - i;

        out->stride[k] = step;
        if (__builtin_mul_overflow(step, out->dim[k] > 0 ? out->dim[k] : 1, &step))
            return false;
    }
    return true;
}

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static bool is_numpy(const char *name, const char *what)
{
    return (starts(name, "numpy.core.") && strcmp(name + 11, what) == 0) ||
           (starts(name, "numpy._core.") && strcmp(name + 12, what) == 0);
}

spn_status k_numpy_array(struct k_torch *t, const struct k_value *v, struct k_torch_tensor *out,
                         bool *is, struct spn_err *err)
{
    const struct k_value *shape, *type, *bytes;
    const unsigned char *data = NULL;
    bool fortran, big = false;
    int64_t flag = 0;
    uint64_t n = 0;
    spn_status st;

    *is = true;
    if (is_numpy(k_callee(v), "multiarray._reconstruct")) {
        shape = k_item(v->u.o->state, 1);
        type = k_item(v->u.o->state, 2);
        fortran = k_int(k_item(v->u.o->state, 3), &flag) && flag != 0;
        bytes = k_item(v->u.o->state, 4);
    } else if (is_numpy(k_callee(v), "numeric._frombuffer")) {
        bytes = k_item(v->u.o->args, 0);
        type = k_item(v->u.o->args, 1);
        shape = k_item(v->u.o->args, 2);
        fortran = k_is_text(k_item(v->u.o->args, 3), "F");
    } else {
        *is = false;
        return SPN_OK;
    }
    if (!dtype_of(type, &out->dtype, &big)) {
        *is = false;                   /* texts, objects, records: no numbers */
        return SPN_OK;
    }
    if (!shape_of(shape, out) || !set_strides(out, fortran))
        return spn_fail(err, SPN_EFORMAT, "%s: an array of its pickle has no shape that is read",
                        t->f->name);
    st = bytes_of(t, bytes, &data, &n, err);
    if (st != SPN_OK)
        return st;
    out->first = 0;
    out->s = (struct k_storage){ .data = data, .bytes = n, .file = t->f, .swap = big };
    if ((uintptr_t)data >= (uintptr_t)t->f->data &&
        (uintptr_t)data - (uintptr_t)t->f->data <= t->f->size)
        out->s.offset = (uint64_t)((uintptr_t)data - (uintptr_t)t->f->data);
    return SPN_OK;
}

bool k_numpy_scalar(struct k_torch *t, const struct k_value *v, struct spn_meta *out)
{
    const unsigned char *p = NULL;
    unsigned char b[8] = { 0 };
    uint64_t n = 0, bits;
    bool big = false;
    int dtype = -1;

    if (!is_numpy(k_callee(v), "multiarray.scalar") ||
        !dtype_of(k_item(v->u.o->args, 0), &dtype, &big) ||
        bytes_of(t, k_item(v->u.o->args, 1), &p, &n, NULL) != SPN_OK || n > 8 ||
        n != (uint64_t)spn_dtype_info(dtype)->block_bytes)
        return false;
    for (uint64_t i = 0; i < n; i++)
        b[i] = p[big ? n - 1 - i : i];
    bits = k_load_u64(b);
    *out = (struct spn_meta){ .kind = SPN_META_FLOAT };
    switch (dtype) {
    case SPN_F64:  memcpy(&out->f, &bits, sizeof out->f); return true;
    case SPN_F32:  out->f = (double)spn_f32_of_bits((uint32_t)bits); return true;
    case SPN_F16:  out->f = (double)spn_f32_of_f16((uint16_t)bits); return true;
    case SPN_BOOL: out->kind = SPN_META_BOOL; out->b = bits != 0; return true;
    case SPN_I8:   out->i = (int8_t)bits; break;
    case SPN_I16:  out->i = (int16_t)bits; break;
    case SPN_I32:  out->i = (int32_t)bits; break;
    case SPN_I64:  out->i = (int64_t)bits; break;
    case SPN_U8:
    case SPN_U16:
    case SPN_U32:  out->i = (int64_t)bits; break;
    case SPN_U64:  out->kind = SPN_META_UINT; out->u = bits; return true;
    default:       return false;
    }
    out->kind = SPN_META_INT;
    return true;
}
