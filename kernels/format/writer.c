/* writer.c - what all writers share: metadata and tensors are gathered, checked, and written in one
 * go. */
#include "config.h"

#include "format/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "tensor/half.h"

enum { PAIRS_BYTES_MAX = 1 << 30, PART_BYTES = 4 << 20 };

void k_store_u32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

void k_store_u64(unsigned char *p, uint64_t v)
{
    k_store_u32(p, (uint32_t)v);
    k_store_u32(p + 4, (uint32_t)(v >> 32));
}

static spn_status create(struct spn_writer **out, const struct k_writer_format *format,
                         const char *path, struct spn_err *err)
{
    struct spn_writer *w = spn_calloc(1, sizeof *w);

    if (w == NULL || (w->path = spn_strdup(path)) == NULL) {
        spn_free(w);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to write it", path);
    }
    w->format = format;
    w->pairs = (struct spn_buf)SPN_BUF_INIT(PAIRS_BYTES_MAX);
    *out = w;
    return SPN_OK;
}

spn_status spn_gguf_create(struct spn_writer **out, const char *path, struct spn_err *err)
{
    return create(out, &k_gguf_writer, path, err);
}

spn_status spn_safetensors_create(struct spn_writer **out, const char *path, struct spn_err *err)
{
    return create(out, &k_safetensors_writer, path, err);
}

spn_status spn_npz_create(struct spn_writer **out, const char *path, struct spn_err *err)
{
    return create(out, &k_npz_writer, path, err);
}

spn_status spn_torch_create(struct spn_writer **out, const char *path, enum spn_torch_layout layout,
                            struct spn_err *err)
{
    return create(out,
                  layout == SPN_TORCH_OPTIMIZER ? &k_torch_optimizer_writer
                  : layout == SPN_TORCH_DICTS   ? &k_torch_dicts_writer
                                                : &k_torch_writer,
                  path, err);
}

void spn_writer_free(struct spn_writer *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->n_keys; i++)
        spn_free(w->keys[i].name);
    for (size_t i = 0; i < w->n_tensors; i++)
        spn_free(w->tensors[i].name);
    spn_free(w->keys);
    spn_free(w->tensors);
    spn_free(w->path);
    spn_buf_free(&w->pairs);
    spn_free(w);
}

/* Room for one more item of SIZE bytes in the array at *ITEMS. */
static bool grow(void *items, size_t size, size_t n, size_t *room)
{
    void *old, *grown;
    size_t want = n + n / 2 + 16;

    if (n < *room)
        return true;
    memcpy(&old, items, sizeof old);
    grown = spn_realloc(old, want, size);
    if (grown == NULL)
        return false;
    memcpy(items, &grown, sizeof grown);
    *room = want;
    return true;
}

static spn_status no_memory(struct spn_writer *w, const char *name)
{
    return spn_fail(&w->why, SPN_ENOMEM, "%s: no memory to add %.100s", w->path, name);
}

static spn_status add_pair(struct spn_writer *w, const char *key, int type, int64_t count,
                           const void *bytes, size_t n)
{
    char *copy;

    if (w->why.code != SPN_OK)
        return w->why.code;
    if (key[0] == '\0' || strlen(key) > 65535)
        return spn_fail(&w->why, SPN_EUSAGE,
                        "%s: a metadata key of %zu bytes, 1 to 65535 are possible", w->path,
                        strlen(key));
    copy = spn_strdup(key);
    if (copy == NULL || !grow(&w->keys, sizeof *w->keys, w->n_keys, &w->room_keys)) {
        spn_free(copy);
        return no_memory(w, key);
    }
    w->keys[w->n_keys++].name = copy;
    return w->format->pair(w, key, type, count, bytes, n);
}

spn_status spn_writer_str(struct spn_writer *w, const char *key, const char *s, size_t length)
{
    struct spn_buf b = SPN_BUF_INIT(PAIRS_BYTES_MAX);
    unsigned char head[8];
    spn_status st;

    k_store_u64(head, length);
    if (spn_buf_add(&b, head, sizeof head) != SPN_OK || spn_buf_add(&b, s, length) != SPN_OK)
        st = no_memory(w, key);
    else
        st = add_pair(w, key, K_STRING, -1, b.data, b.length);
    spn_buf_free(&b);
    return st;
}

spn_status spn_writer_u32(struct spn_writer *w, const char *key, uint32_t v)
{
    unsigned char b[4];

    k_store_u32(b, v);
    return add_pair(w, key, K_U32, -1, b, sizeof b);
}

spn_status spn_writer_f32(struct spn_writer *w, const char *key, float v)
{
    unsigned char b[4];

    k_store_u32(b, spn_bits_of_f32(v));
    return add_pair(w, key, K_F32, -1, b, sizeof b);
}

spn_status spn_writer_i64(struct spn_writer *w, const char *key, int64_t v)
{
    unsigned char b[8];

    k_store_u64(b, (uint64_t)v);
    return add_pair(w, key, K_I64, -1, b, sizeof b);
}

static void store_f64(unsigned char b[8], double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    k_store_u64(b, bits);
}

spn_status spn_writer_f64(struct spn_writer *w, const char *key, double v)
{
    unsigned char b[8];

    store_f64(b, v);
    return add_pair(w, key, K_F64, -1, b, sizeof b);
}

spn_status spn_writer_f64s(struct spn_writer *w, const char *key, const double *v, size_t n)
{
    unsigned char *b = spn_calloc(n, 8);
    spn_status st;

    if (b == NULL)
        return no_memory(w, key);
    for (size_t i = 0; i < n; i++)
        store_f64(b + 8 * i, v[i]);
    st = add_pair(w, key, K_F64, (int64_t)n, b, 8 * n);
    spn_free(b);
    return st;
}

spn_status spn_writer_bool(struct spn_writer *w, const char *key, bool v)
{
    unsigned char b = v;

    return add_pair(w, key, K_BOOL, -1, &b, 1);
}

spn_status spn_writer_strs(struct spn_writer *w, const char *key, const char *const *s,
                           const size_t *length, size_t n)
{
    struct spn_buf b = SPN_BUF_INIT(PAIRS_BYTES_MAX);
    unsigned char head[8];
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < n; i++) {
        k_store_u64(head, length[i]);
        st = spn_buf_add(&b, head, sizeof head);
        if (st == SPN_OK)
            st = spn_buf_add(&b, s[i], length[i]);
    }
    st =
        st == SPN_OK ? add_pair(w, key, K_STRING, (int64_t)n, b.data, b.length) : no_memory(w, key);
    spn_buf_free(&b);
    return st;
}

/* N words of 4 bytes, given by their bits. */
static spn_status add_words(struct spn_writer *w, const char *key, int type, const void *v,
                            size_t n)
{
    unsigned char *b = spn_calloc(n, 4);
    uint32_t bits;
    spn_status st;

    if (b == NULL)
        return no_memory(w, key);
    for (size_t i = 0; i < n; i++) {
        memcpy(&bits, (const char *)v + 4 * i, 4);
        k_store_u32(b + 4 * i, bits);
    }
    st = add_pair(w, key, type, (int64_t)n, b, 4 * n);
    spn_free(b);
    return st;
}

spn_status spn_writer_i32s(struct spn_writer *w, const char *key, const int32_t *v, size_t n)
{
    return add_words(w, key, K_I32, v, n);
}

spn_status spn_writer_f32s(struct spn_writer *w, const char *key, const float *v, size_t n)
{
    return add_words(w, key, K_F32, v, n);
}

spn_status spn_writer_tensor(struct spn_writer *w, const char *name, const struct spn_tensor *t)
{
    char *copy;
    spn_status st;

    if (w->why.code != SPN_OK)
        return w->why.code;
    if (!spn_tensor_contiguous(t))
        return spn_fail(&w->why, SPN_EUSAGE, "%s: tensor %.100s is not contiguous", w->path, name);
    st = w->format->check(w, name, t);
    if (st != SPN_OK)
        return st;
    copy = spn_strdup(name);
    if (copy == NULL || !grow(&w->tensors, sizeof *w->tensors, w->n_tensors, &w->room_tensors)) {
        spn_free(copy);
        return no_memory(w, name);
    }
    w->tensors[w->n_tensors++] = (struct k_written){ .name = copy, .t = *t };
    return SPN_OK;
}

/* Names are compared once, at the end. */
static spn_status check_names(struct spn_writer *w, const void *items, size_t size, size_t n,
                              const char *what, struct spn_err *err)
{
    const void **p = spn_calloc(n, sizeof *p);
    const char *twice;
    spn_status st = SPN_OK;

    if (p == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to sort %zu names", w->path, n);
    for (size_t i = 0; i < n; i++)
        p[i] = (const char *)items + i * size;
    twice = k_sort_names(p, n);
    if (twice != NULL)
        st = spn_fail(err, SPN_EUSAGE, "%s: %s %.100s was added twice", w->path, what, twice);
    spn_free(p);
    return st;
}

spn_status spn_writer_stream(struct spn_writer *w, const char *name, const struct spn_tensor *shape,
                             spn_fill fill, void *ctx)
{
    spn_status st = spn_writer_tensor(w, name, shape);

    if (st == SPN_OK) {
        w->tensors[w->n_tensors - 1].fill = fill;
        w->tensors[w->n_tensors - 1].ctx = ctx;
    }
    return st;
}

spn_status spn_writer_entry(struct spn_writer *w, const char *name, const struct spn_reader *r,
                            const struct spn_entry *e)
{
    spn_status st = spn_writer_tensor(w, name, &e->t);

    if (st == SPN_OK) {
        w->tensors[w->n_tensors - 1].reader = r;
        w->tensors[w->n_tensors - 1].entry = e;
    }
    return st;
}

spn_status spn_writer_commit(struct spn_writer *w, struct spn_err *err)
{
    struct spn_out out;
    spn_status st;

    if (w->why.code != SPN_OK)
        return spn_fail(err, w->why.code, "%s", w->why.text);
    st = check_names(w, w->keys, sizeof *w->keys, w->n_keys, "metadata key", err);
    if (st == SPN_OK)
        st = check_names(w, w->tensors, sizeof *w->tensors, w->n_tensors, "tensor", err);
    if (st == SPN_OK)
        st = spn_out_open(&out, w->path, err);
    if (st != SPN_OK)
        return st;
    st = w->format->write(w, out.f, err);
    if (st == SPN_OK)
        st = spn_out_commit(&out, err);
    else
        spn_out_abandon(&out);
    return st;
}

/* ---- helpers of the formats ---- */

spn_status k_put(const struct spn_writer *w, FILE *f, const void *bytes, size_t n,
                 struct spn_err *err)
{
    if (n > 0 && fwrite(bytes, 1, n, f) != n)
        return spn_fail(err, SPN_EIO, "%s: writing failed: %s", w->path, strerror(errno));
    return SPN_OK;
}

spn_status k_put_zeros(const struct spn_writer *w, FILE *f, uint64_t n, struct spn_err *err)
{
    static const char zeros[64];
    spn_status st = SPN_OK;

    for (; st == SPN_OK && n > 0; n -= n < sizeof zeros ? n : sizeof zeros)
        st = k_put(w, f, zeros, n < sizeof zeros ? (size_t)n : sizeof zeros, err);
    return st;
}

spn_status k_each_part(const struct spn_writer *w, const struct k_written *x, k_sink sink,
                       void *ctx, struct spn_err *err)
{
    const struct spn_dtype_info *info = spn_dtype_info(x->t.dtype);
    int64_t elems = spn_tensor_elems(&x->t);
    int64_t most = PART_BYTES / info->block_bytes * (int64_t)info->block_elems;
    spn_status st = SPN_OK;
    void *part;

    if (x->fill == NULL && x->entry == NULL)
        return sink(ctx, x->t.data, (size_t)spn_tensor_bytes(&x->t), err);
    part = spn_aligned_alloc(64, PART_BYTES);
    if (part == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to write %.100s", w->path, x->name);
    for (int64_t at = 0; st == SPN_OK && at < elems;) {
        int64_t n = elems - at < most ? elems - at : most;

        st = x->fill != NULL ? x->fill(x->ctx, at, n, part, err)
                             : spn_entry_read(x->reader, x->entry, at, n, part, err);
        if (st == SPN_OK)
            st = sink(ctx, part,
                      (size_t)(n / info->block_elems) * (size_t)info->block_bytes, err);
        at += n;
    }
    spn_free(part);
    return st;
}

struct file_sink { const struct spn_writer *w; FILE *f; };

static spn_status put_part(void *ctx, const void *bytes, size_t n, struct spn_err *err)
{
    const struct file_sink *s = ctx;

    return k_put(s->w, s->f, bytes, n, err);
}

spn_status k_put_tensor(const struct spn_writer *w, FILE *f, const struct k_written *x,
                        struct spn_err *err)
{
    struct file_sink s = { w, f };

    return k_each_part(w, x, put_part, &s, err);
}
