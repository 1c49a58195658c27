/* npz_write.c - NPZ: each tensor an NPY file of version 1, or 2 where the header is long. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "format/zip_write.h"

static const char *descr(int dtype)
{
    switch (dtype) {
    case SPN_F32:  return "<f4";
    case SPN_F64:  return "<f8";
    case SPN_F16:  return "<f2";
    case SPN_BF16: return "|V2";
    case SPN_I8:   return "|i1";
    case SPN_I16:  return "<i2";
    case SPN_I32:  return "<i4";
    case SPN_I64:  return "<i8";
    case SPN_U8:   return "|u1";
    case SPN_U16:  return "<u2";
    case SPN_U32:  return "<u4";
    case SPN_U64:  return "<u8";
    case SPN_BOOL: return "|b1";
    case SPN_C64:  return "<c8";
    case SPN_C128: return "<c16";
    case SPN_F8_E4M3:
    case SPN_F8_E5M2:
    case SPN_F8_E4M3FNUZ:
    case SPN_F8_E5M2FNUZ:
    case SPN_F8_E8M0: return "|V1";
    default:       return NULL;
    }
}

static spn_status pair(struct spn_writer *w, const char *key, int type, int64_t count,
                       const void *bytes, size_t n)
{
    return SPN_OK;                     /* an NPZ has no place for metadata: it is left out */
}

static spn_status check(struct spn_writer *w, const char *name, const struct spn_tensor *t)
{
    if (name[0] == '\0' || strlen(name) > 65000)
        return spn_fail(&w->why, SPN_EUSAGE, "%s: an array's name has 1 to 65000 bytes", w->path);
    if (descr(t->dtype) == NULL)
        return spn_fail(&w->why, SPN_EUSAGE,
                        "%s: tensor %.100s is of type %s, which NumPy has no array of", w->path,
                        name, spn_dtype_name(t->dtype));
    return SPN_OK;
}

static spn_status put_part(void *ctx, const void *bytes, size_t n, struct spn_err *err)
{
    return k_zip_put(ctx, bytes, n, err);
}

/* "\x93NUMPY", 1.0, u16 length, a dict padded so that the data begins at a multiple of 64. */
static spn_status make_header(struct spn_buf *b, const struct k_written *x)
{
    spn_status st = spn_buf_add(b, "\x93NUMPY\1\0\0\0", 10);

    if (st == SPN_OK)
        st = spn_buf_printf(b, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                            descr(x->t.dtype));
    for (int i = 0; st == SPN_OK && i < x->t.ndim; i++)
        st = spn_buf_printf(b, "%" PRId64 "%s", x->t.dim[i],
                            i + 1 < x->t.ndim || x->t.ndim == 1 ? ", " : "");
    if (st == SPN_OK)
        st = spn_buf_puts(b, "), }");
    while (st == SPN_OK && b->length % 64 != 63)
        st = spn_buf_puts(b, " ");
    if (st == SPN_OK)
        st = spn_buf_puts(b, "\n");
    if (st == SPN_OK) {
        b->data[8] = (char)(b->length - 10);
        b->data[9] = (char)((b->length - 10) >> 8);
    }
    return st;
}

static spn_status put_array(struct k_zip_out *z, const struct k_written *x, struct spn_err *err)
{
    struct spn_buf header = SPN_BUF_INIT(1024), name = SPN_BUF_INIT(1 << 17);
    spn_status st = SPN_OK;

    if (make_header(&header, x) != SPN_OK || spn_buf_printf(&name, "%s.npy", x->name) != SPN_OK)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory to write %.100s", z->w->path, x->name);
    if (st == SPN_OK)
        st = k_zip_begin(z, name.data, header.length + spn_tensor_bytes(&x->t), err);
    if (st == SPN_OK)
        st = k_zip_put(z, header.data, header.length, err);
    if (st == SPN_OK)
        st = k_each_part(z->w, x, put_part, z, err);
    if (st == SPN_OK)
        st = k_zip_end(z, err);
    spn_buf_free(&header);
    spn_buf_free(&name);
    return st;
}

static spn_status write_npz(struct spn_writer *w, FILE *f, struct spn_err *err)
{
    struct k_zip_out z;
    spn_status st = SPN_OK;

    k_zip_out_init(&z, w, f);
    for (size_t i = 0; st == SPN_OK && i < w->n_tensors; i++)
        st = put_array(&z, &w->tensors[i], err);
    if (st == SPN_OK)
        st = k_zip_finish(&z, err);
    k_zip_out_free(&z);
    return st;
}

const struct k_writer_format k_npz_writer = { "npz", pair, check, write_npz };
