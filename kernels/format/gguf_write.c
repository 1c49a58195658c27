/* gguf_write.c - GGUF version 3: pairs as they were added, infos, data padded to general.alignment
 * (32 unless set). */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "format/writer.h"

enum { NAME_BYTES_MAX = 63, DIMS_MAX = 4, ALIGNMENT_DEFAULT = 32 };

static spn_status add(struct spn_writer *w, const void *bytes, size_t n)
{
    if (n > 0 && spn_buf_add(&w->pairs, bytes, n) != SPN_OK)
        return spn_fail(&w->why, SPN_ENOMEM, "%s: no memory for %zu bytes of metadata", w->path,
                        w->pairs.length + n);
    return SPN_OK;
}

static spn_status add_u32(struct spn_writer *w, uint32_t v)
{
    unsigned char b[4];

    k_store_u32(b, v);
    return add(w, b, sizeof b);
}

static spn_status add_u64(struct spn_writer *w, uint64_t v)
{
    unsigned char b[8];

    k_store_u64(b, v);
    return add(w, b, sizeof b);
}

static spn_status pair(struct spn_writer *w, const char *key, int type, int64_t count,
                       const void *bytes, size_t n)
{
    spn_status st;

    if (strcmp(key, "general.alignment") == 0) {
        w->alignment = type == K_U32 && count < 0 ? k_load_u32(bytes) : 0;
        if (w->alignment == 0 || (w->alignment & (w->alignment - 1)) != 0)
            return spn_fail(&w->why, SPN_EUSAGE, "%s: %s must be a u32 and a power of two", w->path,
                            key);
    }
    st = add_u64(w, strlen(key));
    if (st == SPN_OK)
        st = add(w, key, strlen(key));
    if (st == SPN_OK && count >= 0)
        st = add_u32(w, K_ARRAY);
    if (st == SPN_OK)
        st = add_u32(w, (uint32_t)type);
    if (st == SPN_OK && count >= 0)
        st = add_u64(w, (uint64_t)count);
    if (st == SPN_OK)
        st = add(w, bytes, n);
    return st;
}

static spn_status check(struct spn_writer *w, const char *name, const struct spn_tensor *t)
{
    if (name[0] == '\0' || strlen(name) > NAME_BYTES_MAX)
        return spn_fail(&w->why, SPN_EUSAGE,
                        "%s: tensor name %.100s has %zu bytes, 1 to %d are possible", w->path, name,
                        strlen(name), NAME_BYTES_MAX);
    if (t->ndim > DIMS_MAX)
        return spn_fail(&w->why, SPN_EUSAGE, "%s: tensor %s has %d dimensions, GGUF holds %d",
                        w->path, name, t->ndim, DIMS_MAX);
    if (t->dtype >= SPN_U8 || spn_dtype_info(t->dtype) == NULL)
        return spn_fail(&w->why, SPN_EUSAGE, "%s: tensor %s is of type %s, which GGUF lacks",
                        w->path, name, spn_dtype_name(t->dtype));
    return SPN_OK;
}

/* name, n_dims, dims from the contiguous one on, type, offset. A number alone is a row of one. */
static spn_status put_info(const struct spn_writer *w, FILE *f, const struct k_written *x,
                           uint64_t offset, struct spn_err *err)
{
    unsigned char b[8 + NAME_BYTES_MAX + 4 + 8 * DIMS_MAX + 4 + 8], *p = b;
    size_t n = strlen(x->name);
    int ndim = x->t.ndim > 0 ? x->t.ndim : 1;

    k_store_u64(p, n);
    memcpy(p + 8, x->name, n);
    p += 8 + n;
    k_store_u32(p, (uint32_t)ndim);
    p += 4;
    for (int i = 0; i < ndim; i++, p += 8)
        k_store_u64(p, x->t.ndim > 0 ? (uint64_t)x->t.dim[ndim - 1 - i] : 1);
    k_store_u32(p, (uint32_t)x->t.dtype);
    k_store_u64(p + 4, offset);
    return k_put(w, f, b, (size_t)(p + 12 - b), err);
}

static spn_status put_header(const struct spn_writer *w, FILE *f, uint64_t alignment,
                             uint64_t *written, struct spn_err *err)
{
    unsigned char head[24] = "GGUF";
    uint64_t offset = 0, infos = 0;
    spn_status st;

    k_store_u32(head + 4, 3);
    k_store_u64(head + 8, w->n_tensors);
    k_store_u64(head + 16, w->n_keys);
    st = k_put(w, f, head, sizeof head, err);
    if (st == SPN_OK)
        st = k_put(w, f, w->pairs.data, w->pairs.length, err);
    for (size_t i = 0; st == SPN_OK && i < w->n_tensors; i++) {
        const struct k_written *x = &w->tensors[i];
        uint64_t padded;

        if (!spn_align_u64(spn_tensor_bytes(&x->t), alignment, &padded))
            return spn_fail(err, SPN_EUSAGE, "%s: tensor %s is too large", w->path, x->name);
        st = put_info(w, f, x, offset, err);
        infos += 8 + strlen(x->name) + 4 + 8 * (uint64_t)(x->t.ndim > 0 ? x->t.ndim : 1) + 12;
        if (!spn_add_u64(offset, padded, &offset))
            return spn_fail(err, SPN_EUSAGE, "%s: the tensors together are too large", w->path);
    }
    *written = sizeof head + w->pairs.length + infos;
    return st;
}

static spn_status put_padding(const struct spn_writer *w, FILE *f, uint64_t at, uint64_t alignment,
                              struct spn_err *err)
{
    return k_put_zeros(w, f, (alignment - at % alignment) % alignment, err);
}

static spn_status write_gguf(struct spn_writer *w, FILE *f, struct spn_err *err)
{
    uint64_t alignment = w->alignment != 0 ? w->alignment : ALIGNMENT_DEFAULT, written = 0;
    spn_status st = put_header(w, f, alignment, &written, err);

    if (st == SPN_OK)
        st = put_padding(w, f, written, alignment, err);
    for (size_t i = 0; st == SPN_OK && i < w->n_tensors; i++) {
        st = k_put_tensor(w, f, &w->tensors[i], err);
        if (st == SPN_OK)
            st = put_padding(w, f, spn_tensor_bytes(&w->tensors[i].t), alignment, err);
    }
    return st;
}

const struct k_writer_format k_gguf_writer = { "gguf", pair, check, write_gguf };
