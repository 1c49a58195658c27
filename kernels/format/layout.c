/* layout.c - tensors read by parts, wherever their bytes are: boxes of strided memory copied row
 * by row, swapped where the file has the other byte order.
 */
#include "config.h"

#include "format/layout.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "format/packed.h"

/* An expanded view (stride 0) may be this much larger than what the file holds of it. */
#define EXPANDED_BYTES_MAX ((uint64_t)1 << 30)

size_t k_swap_unit(int dtype)
{
    const struct spn_dtype_info *info = spn_dtype_info(dtype);

    switch (dtype) {
    case SPN_C32:
    case SPN_C64:
    case SPN_C128: return (size_t)info->block_bytes / 2;
    default: return info != NULL && info->block_elems == 1 ? (size_t)info->block_bytes : 0;
    }
}

/* ---- reading ---- */

static void swap_units(unsigned char *p, size_t unit, size_t n)
{
    for (; n > 0; n--, p += unit)
        for (size_t i = 0; i < unit / 2; i++) {
            unsigned char c = p[i];

            p[i] = p[unit - 1 - i];
            p[unit - 1 - i] = c;
        }
}

/* N elements, STRIDE elements apart. */
static void copy_row(const struct spn_layout *l, const struct k_box *b, const unsigned char *src,
                     int64_t stride, int64_t n, unsigned char *dst)
{
    size_t size = l->elem_bytes;

    if (stride == 1 || n == 1)
        memcpy(dst, src, size * (size_t)n);
    else
        for (int64_t i = 0; i < n; i++)
            memcpy(dst + size * (size_t)i, src + (int64_t)size * stride * i, size);
    if (b->swap && l->unit_bytes > 1)
        swap_units(dst, l->unit_bytes, (size_t)n * (size / l->unit_bytes));
}

/* Row ROW of a box (all its dimensions but the last): where it begins in the tensor, and in
 * memory, both in elements. */
static void row_at(const struct spn_layout *l, const struct k_box *b, int64_t row, int64_t *at,
                   int64_t *from)
{
    int64_t step = l->ndim > 0 ? l->dim[l->ndim - 1] : 1;

    *at = l->ndim > 0 ? b->lo[l->ndim - 1] : 0;
    *from = 0;
    for (int i = l->ndim - 2; i >= 0; i--) {
        int64_t k = row % b->size[i];

        row /= b->size[i];
        *at += (b->lo[i] + k) * step;
        *from += k * b->stride[i];
        step *= l->dim[i];
    }
}

/* What of box B lies in [first, first + n). Its rows begin at growing places of the tensor. */
static void copy_box(const struct spn_layout *l, const struct k_box *b, int64_t first, int64_t n,
                     unsigned char *dst)
{
    int64_t width = l->ndim > 0 ? b->size[l->ndim - 1] : 1, rows = 1, lo = 0, hi, at, from;
    int64_t stride = l->ndim > 0 ? b->stride[l->ndim - 1] : 1;

    for (int i = 0; i < l->ndim - 1; i++)
        rows *= b->size[i];
    if (width == 0)
        return;
    for (hi = rows; lo < hi;) {               /* the first row that ends after FIRST */
        int64_t mid = lo + (hi - lo) / 2;

        row_at(l, b, mid, &at, &from);
        if (at + width <= first)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (int64_t row = lo; row < rows; row++) {
        int64_t skip, count;

        row_at(l, b, row, &at, &from);
        if (at >= first + n)
            break;
        skip = at < first ? first - at : 0;
        count = (at + width < first + n ? at + width : first + n) - at - skip;
        copy_row(l, b, b->data + (int64_t)l->elem_bytes * (from + skip * stride), stride, count,
                 dst + l->elem_bytes * (size_t)(at + skip - first));
    }
}

/* Row by row what is wanted is unpacked in place; an array by columns is unpacked whole first. */
static spn_status read_packed(const struct spn_entry *e, int64_t first, int64_t n, void *dst,
                              struct spn_err *err)
{
    const struct spn_layout *l = e->layout;
    struct k_box box = l->boxes[0];
    int64_t elems = spn_tensor_elems(&e->t);
    bool rows = true;
    void *whole;
    spn_status st;

    for (int i = 0; i < l->ndim; i++)
        rows = rows && (l->dim[i] == 1 || box.stride[i] == e->t.stride[i]);
    if (rows) {
        st = k_packed_read(l->packed, e->file, e->name, (uint64_t)first * l->elem_bytes,
                           (size_t)n * l->elem_bytes, dst, err);
        if (st == SPN_OK && box.swap && l->unit_bytes > 1)
            swap_units(dst, l->unit_bytes, (size_t)n * (l->elem_bytes / l->unit_bytes));
        return st;
    }
    whole = spn_calloc((size_t)elems, l->elem_bytes);
    if (whole == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to unpack the %" PRIu64
                        " bytes of tensor %.100s",
                        e->file, spn_tensor_bytes(&e->t), e->name);
    st = k_packed_read(l->packed, e->file, e->name, 0, (size_t)elems * l->elem_bytes, whole, err);
    box.data = whole;
    if (st == SPN_OK)
        copy_box(l, &box, first, n, dst);
    spn_free(whole);
    return st;
}

spn_status spn_entry_read(const struct spn_reader *r, const struct spn_entry *e, int64_t first,
                          int64_t n, void *dst, struct spn_err *err)
{
    const struct spn_dtype_info *info = spn_dtype_info(e->t.dtype);
    const struct spn_layout *l = e->layout;
    int64_t elems = spn_tensor_elems(&e->t);

    if (first < 0 || n < 0 || first > elems || n > elems - first ||
        first % info->block_elems != 0 || n % info->block_elems != 0)
        return spn_fail(err, SPN_EUSAGE,
                        "%s: tensor %.100s has %" PRId64 " elements in blocks of %d, %" PRId64
                        " from %" PRId64 " on are asked for",
                        e->file, e->name, elems, info->block_elems, n, first);
    if (n == 0)
        return SPN_OK;
    if (l == NULL) {
        size_t block = (size_t)info->block_bytes;

        memcpy(dst, (const char *)e->t.data + block * (size_t)(first / info->block_elems),
               block * (size_t)(n / info->block_elems));
        return SPN_OK;
    }
    if (l->n_boxes > 1)                       /* pieces that overlap leave holes elsewhere */
        memset(dst, 0, l->elem_bytes * (size_t)n);
    if (l->packed != NULL)
        return read_packed(e, first, n, dst, err);
    for (size_t i = 0; i < l->n_boxes; i++)
        copy_box(l, &l->boxes[i], first, n, dst);
    return SPN_OK;
}

spn_status spn_entry_view(const struct spn_reader *r, const struct spn_entry *e,
                          struct spn_tensor *t, void **copy, struct spn_err *err)
{
    uint64_t bytes = spn_tensor_bytes(&e->t);
    void *block = NULL;
    size_t size;
    spn_status st;

    *copy = NULL;
    *t = e->t;
    if (e->layout == NULL)
        return SPN_OK;
    if (spn_size_of_u64(bytes, &size))
        block = spn_aligned_alloc(64, size > 0 ? size : 1);
    if (block == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for the %" PRIu64 " bytes of tensor %.100s",
                        e->file, bytes, e->name);
    st = spn_entry_read(r, e, 0, spn_tensor_elems(&e->t), block, err);
    if (st != SPN_OK) {
        spn_free(block);
        return st;
    }
    t->data = *copy = block;
    return SPN_OK;
}

/* ---- adding ---- */

/* The last element of the view, which has some, lies before ELEMS. */
static bool view_inside(int ndim, const int64_t *dim, const int64_t *stride, int64_t first,
                        uint64_t elems)
{
    uint64_t last = (uint64_t)first, step;

    for (int i = 0; i < ndim; i++)
        if (!spn_mul_u64((uint64_t)(dim[i] - 1), (uint64_t)stride[i], &step) ||
            !spn_add_u64(last, step, &last))
            return false;
    return last < elems;
}

static bool any_zero(int ndim, const int64_t *dim)
{
    for (int i = 0; i < ndim; i++)
        if (dim[i] == 0)
            return true;
    return false;
}

static spn_status add_layout(struct spn_reader *r, const char *name, const struct spn_tensor *t,
                             const struct spn_layout *l, const struct k_file *f, uint64_t offset,
                             struct spn_err *err)
{
    spn_status st = k_reader_add_entry(r, name, t, f, offset, err);

    if (st == SPN_OK)
        r->entries[r->n_entries - 1].layout = l;
    return st;
}

spn_status k_add_boxes(struct spn_reader *r, const char *name, int dtype, int ndim,
                       const int64_t *dim, int box_ndim, const int64_t *box_dim,
                       const struct k_box *boxes, size_t n, const struct k_file *f, uint64_t offset,
                       struct spn_err *err)
{
    struct spn_layout *l = NULL;
    struct spn_tensor t;
    uint64_t covered = 0;
    spn_status st = k_tensor_init(&t, dtype, ndim, dim, NULL, f, name, err);

    if (st == SPN_OK)
        st = k_reader_alloc(r, &l, 1, sizeof *l, err);
    if (st != SPN_OK)
        return st;
    l->ndim = box_ndim;
    if (box_ndim > 0)
        memcpy(l->dim, box_dim, (size_t)box_ndim * sizeof *box_dim);
    l->elem_bytes = (size_t)spn_dtype_info(dtype)->block_bytes;
    l->unit_bytes = k_swap_unit(dtype);
    l->n_boxes = n;
    l->boxes = boxes;
    for (size_t i = 0; i < n; i++) {
        uint64_t volume = 1;

        for (int k = 0; k < box_ndim; k++) {
            if (boxes[i].lo[k] < 0 || boxes[i].size[k] < 0 ||
                !spn_inside_u64((uint64_t)boxes[i].lo[k], (uint64_t)boxes[i].size[k],
                                (uint64_t)box_dim[k]))
                return spn_fail(err, SPN_EFORMAT,
                                "%s: tensor %.100s: a piece of it lies at %" PRId64 " to %" PRId64
                                " of dimension %d, which has %" PRId64,
                                f->name, name, boxes[i].lo[k], boxes[i].lo[k] + boxes[i].size[k], k,
                                box_dim[k]);
            volume *= (uint64_t)boxes[i].size[k];
        }
        covered += volume;
    }
    if (covered != (uint64_t)spn_tensor_elems(&t))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tensor %.100s has %" PRId64 " elements, its %zu pieces hold %" PRIu64,
                        f->name, name, spn_tensor_elems(&t), n, covered);
    return add_layout(r, name, &t, l, f, offset, err);
}

spn_status k_add_strided(struct spn_reader *r, const char *name, int dtype, int ndim,
                         const int64_t *dim, const int64_t *stride, int64_t first,
                         const struct k_storage *s, struct spn_err *err)
{
    size_t size = (size_t)spn_dtype_info(dtype)->block_bytes;
    uint64_t elems = s->bytes / size, offset = s->offset;
    struct k_box *b = NULL;
    struct spn_tensor t;
    bool direct = true, empty = any_zero(ndim, dim);
    spn_status st = k_tensor_init(&t, dtype, ndim, dim, NULL, s->file, name, err);

    if (st != SPN_OK)
        return st;
    for (int i = 0; i < ndim; i++) {
        if (stride[i] < 0)
            return spn_fail(err, SPN_EFORMAT, "%s: tensor %.100s: stride %d is %" PRId64,
                            s->file->name, name, i, stride[i]);
        direct = direct && (dim[i] == 1 || stride[i] == t.stride[i]);
    }
    if (first < 0 || (!empty && !view_inside(ndim, dim, stride, first, elems)))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tensor %.100s from element %" PRId64
                        " on reaches past the %" PRIu64 " elements of its storage",
                        s->file->name, name, first, elems);
    if (spn_tensor_bytes(&t) > EXPANDED_BYTES_MAX &&
        spn_tensor_bytes(&t) - EXPANDED_BYTES_MAX > s->bytes)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tensor %.100s of %" PRIu64 " bytes repeats %" PRIu64
                        " of the file: more than is looked at",
                        s->file->name, name, spn_tensor_bytes(&t), s->bytes);
    if (!empty)
        offset += (uint64_t)first * size;
    if (empty || (direct && s->packed == NULL && (!s->swap || k_swap_unit(dtype) == 1))) {
        t.data = s->data != NULL ? (void *)(uintptr_t)(s->data + offset - s->offset) : NULL;
        return k_reader_add_entry(r, name, &t, s->file, offset, err);
    }
    st = k_reader_alloc(r, &b, 1, sizeof *b, err);
    if (st != SPN_OK)
        return st;
    for (int i = 0; i < ndim; i++) {
        b->size[i] = dim[i];
        b->stride[i] = stride[i];
    }
    b->data = s->packed == NULL ? s->data + (uint64_t)first * size : NULL;
    b->swap = s->swap;
    st = k_add_boxes(r, name, dtype, ndim, dim, ndim, dim, b, 1, s->file, offset, err);
    if (st == SPN_OK)
        ((struct spn_layout *)(uintptr_t)r->entries[r->n_entries - 1].layout)->packed = s->packed;
    return st;
}
