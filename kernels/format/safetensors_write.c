/* safetensors_write.c - header padded with spaces to 8 bytes; tensors widest type first, then by
 * name, without gaps. */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "format/safetensors.h"
#include "format/writer.h"

enum { HEADER_BYTES_MAX = 100000000 };

/* A string as JSON, quoted; SPN_EUSAGE when it is not UTF-8. */
static spn_status add_quoted(struct spn_buf *b, const char *path, const char *s, size_t n,
                             struct spn_err *err)
{
    json_t *j = json_stringn(s, n);
    char *text = j != NULL ? json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    spn_status st = SPN_OK;

    if (text == NULL)
        st = spn_fail(err, SPN_EUSAGE, "%s: %.100s is not UTF-8 text, or memory is short", path, s);
    else if (spn_buf_puts(b, text) != SPN_OK)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for its header", path);
    free(text);
    json_decref(j);
    return st;
}

/* "key":"value" with commas between: the inside of __metadata__. */
static spn_status pair(struct spn_writer *w, const char *key, int type, int64_t count,
                       const void *bytes, size_t n)
{
    spn_status st = SPN_OK;

    if (type != K_STRING || count >= 0)
        return spn_fail(&w->why, SPN_EUSAGE,
                        "%s: metadata %.100s is no string, safetensors holds only strings", w->path,
                        key);
    if (w->pairs.length > 0 && spn_buf_puts(&w->pairs, ",") != SPN_OK)
        st = spn_fail(&w->why, SPN_ENOMEM, "%s: no memory for its header", w->path);
    if (st == SPN_OK)
        st = add_quoted(&w->pairs, w->path, key, strlen(key), &w->why);
    if (st == SPN_OK && spn_buf_puts(&w->pairs, ":") != SPN_OK)
        st = spn_fail(&w->why, SPN_ENOMEM, "%s: no memory for its header", w->path);
    if (st == SPN_OK)
        st = add_quoted(&w->pairs, w->path, (const char *)bytes + 8, n - 8, &w->why);
    return st;
}

static spn_status check(struct spn_writer *w, const char *name, const struct spn_tensor *t)
{
    if (name[0] == '\0' || strcmp(name, "__metadata__") == 0)
        return spn_fail(&w->why, SPN_EUSAGE, "%s: \"%s\" cannot be a tensor's name", w->path, name);
    if (k_safetensors_type(t->dtype) == NULL)
        return spn_fail(&w->why, SPN_EUSAGE,
                        "%s: tensor %.100s is of type %s, which safetensors lacks", w->path, name,
                        spn_dtype_name(t->dtype));
    return SPN_OK;
}

static int compare_tensors(const void *a, const void *b)
{
    const struct k_written *x = a, *y = b;
    int m = k_safetensors_rank(x->t.dtype), n = k_safetensors_rank(y->t.dtype);

    if (m != n)
        return m < n ? -1 : 1;
    return strcmp(x->name, y->name);
}

static spn_status add_entry(struct spn_buf *b, const struct spn_writer *w,
                            const struct k_written *x, uint64_t begin, uint64_t end,
                            struct spn_err *err)
{
    spn_status st = add_quoted(b, w->path, x->name, strlen(x->name), err), put;

    if (st != SPN_OK)
        return st;
    put = spn_buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", k_safetensors_type(x->t.dtype));
    for (int i = 0; put == SPN_OK && i < x->t.ndim; i++)
        put = spn_buf_printf(b, "%s%" PRId64, i > 0 ? "," : "", x->t.dim[i]);
    if (put == SPN_OK)
        put = spn_buf_printf(b, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, end);
    return put == SPN_OK ? SPN_OK
                         : spn_fail(err, SPN_ENOMEM, "%s: no memory for its header", w->path);
}

static spn_status make_header(struct spn_buf *b, const struct spn_writer *w, struct spn_err *err)
{
    uint64_t begin = 0, end;
    spn_status st = SPN_OK, put = spn_buf_puts(b, "{");

    if (put == SPN_OK && w->n_keys > 0)
        put = spn_buf_puts(b, "\"__metadata__\":{");
    if (put == SPN_OK && w->n_keys > 0)
        put = spn_buf_puts(b, w->pairs.data);
    if (put == SPN_OK && w->n_keys > 0)
        put = spn_buf_puts(b, w->n_tensors > 0 ? "}," : "}");
    for (size_t i = 0; put == SPN_OK && st == SPN_OK && i < w->n_tensors; i++) {
        const struct k_written *x = &w->tensors[i];

        if (!spn_add_u64(begin, spn_tensor_bytes(&x->t), &end))
            return spn_fail(err, SPN_EUSAGE, "%s: the tensors together are too large", w->path);
        if (i > 0)
            put = spn_buf_puts(b, ",");
        if (put == SPN_OK)
            st = add_entry(b, w, x, begin, end, err);
        begin = end;
    }
    if (put == SPN_OK && st == SPN_OK)
        put = spn_buf_puts(b, "}");
    while (put == SPN_OK && st == SPN_OK && b->length % 8 != 0)
        put = spn_buf_puts(b, " ");
    if (put != SPN_OK)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for its header", w->path);
    return st;
}

static spn_status write_safetensors(struct spn_writer *w, FILE *f, struct spn_err *err)
{
    struct spn_buf header = SPN_BUF_INIT(HEADER_BYTES_MAX);
    unsigned char length[8];
    spn_status st;

    if (w->n_tensors > 1)
        qsort(w->tensors, w->n_tensors, sizeof *w->tensors, compare_tensors);
    st = make_header(&header, w, err);
    k_store_u64(length, header.length);
    if (st == SPN_OK)
        st = k_put(w, f, length, sizeof length, err);
    if (st == SPN_OK)
        st = k_put(w, f, header.data, header.length, err);
    for (size_t i = 0; st == SPN_OK && i < w->n_tensors; i++)
        st = k_put_tensor(w, f, &w->tensors[i], err);
    spn_buf_free(&header);
    return st;
}

const struct k_writer_format k_safetensors_writer = { "safetensors", pair, check,
                                                      write_safetensors };
