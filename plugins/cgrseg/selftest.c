/* selftest.c - the digest's numbers through the whole path: a file in memory, the reader, the
 * network. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fill.h"
#include "model.h"
#include "network.h"
#include "shapes.h"

struct file {
    struct spn_buf header;
    uint64_t floats;
    float *data; /* second pass: where the next tensor goes */
};

static int write_header(void *ctx, const char *name, int ndim, const int64_t *dim)
{
    struct file *f = ctx;
    uint64_t n = 1;

    spn_buf_printf(&f->header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", f->floats > 0 ? "," : "{",
                   name);
    for (int i = 0; i < ndim; i++) {
        n *= (uint64_t)dim[i];
        spn_buf_printf(&f->header, "%s%" PRId64, i > 0 ? "," : "", dim[i]);
    }
    spn_buf_printf(&f->header, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", 4 * f->floats,
                   4 * (f->floats + n));
    f->floats += n;
    return f->header.failed ? -1 : 0;
}

static int write_data(void *ctx, const char *name, int ndim, const int64_t *dim)
{
    struct file *f = ctx;
    uint64_t hash = fill_hash(name), n = 1;
    double lo, hi;

    for (int i = 0; i < ndim; i++)
        n *= (uint64_t)dim[i];
    fill_range(name, ndim, dim, &lo, &hi);
    for (uint64_t i = 0; i < n; i++)
        *f->data++ = (float)(lo + (hi - lo) * fill_unit(hash, i));
    return 0;
}

/* A safetensors file of cgrseg-t; free with spn_free. */
static unsigned char *make_file(size_t *size)
{
    struct file f = { .header = SPN_BUF_INIT(1 << 20) };
    unsigned char *bytes = NULL;
    uint64_t head;

    if (cgrseg_tensors(cgrseg_sizes_of('T'), write_header, &f) == 0)
        spn_buf_puts(&f.header, "}");
    while (!f.header.failed && f.header.length % 8 != 0)
        spn_buf_puts(&f.header, " ");
    head = f.header.length;
    *size = 8 + head + 4 * f.floats;
    if (!f.header.failed)
        bytes = spn_aligned_alloc(64, *size);
    if (bytes != NULL) {
        for (int i = 0; i < 8; i++)
            bytes[i] = (unsigned char)(head >> 8 * i);
        memcpy(bytes + 8, f.header.data, head);
        f.data = (float *)(void *)(bytes + 8 + head);
        cgrseg_tensors(cgrseg_sizes_of('T'), write_data, &f);
    }
    spn_buf_free(&f.header);
    return bytes;
}

static spn_status check(struct spn_seg_model *m, struct spn_err *err)
{
    static const double want[4] = { .672382, -.415160, -.336422, -.252824 };
    static const int at[4] = { 0, 1, 74, 149 };
    enum { H = 96, W = 160 };
    float *x = spn_calloc(H * W, 3 * sizeof *x);
    uint64_t hash = fill_hash("input");
    struct spn_tensor t;
    spn_status st;

    if (x == NULL)
        return spn_fail(err, SPN_ENOMEM, "cgrseg: no memory for a picture");
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < H * W; i++)
            x[i * 3 + c] = (float)(-2 + 4 * fill_unit(hash, (uint64_t)(c * H * W + i)));
    st = cgrseg_segmenter.run(m, x, 1, H, W, &t, err);
    for (int i = 0; st == SPN_OK && i < 4; i++)
        if (!(fabs((double)((const float *)t.data)[at[i]] - want[i]) <= 1e-4))
            st = spn_fail(err, SPN_ENO, "cgrseg: logit %d is %.6f, the official modules give %.6f",
                          at[i], (double)((const float *)t.data)[at[i]], want[i]);
    spn_free(x);
    return st;
}

spn_status cgrseg_selftest(struct spn_err *err)
{
    size_t size = 0;
    unsigned char *bytes = make_file(&size);
    struct spn_reader *r = NULL;
    struct spn_seg_model *m = NULL;
    spn_status st = SPN_OK;

    if (bytes == NULL)
        st = spn_fail(err, SPN_ENOMEM, "cgrseg: no memory for a network of %zu bytes", size);
    if (st == SPN_OK)
        st = spn_reader_open_memory(&r, "safetensors", bytes, size, err);
    if (st == SPN_OK)
        st = cgrseg_segmenter.open(&m, r, NULL, false, err);
    if (st == SPN_OK)
        st = check(m, err);
    cgrseg_segmenter.close(m);
    spn_reader_close(r);
    spn_free(bytes);
    return st;
}
