/* tensor.c - views: sizes that are checked once, when a view is made. */
#include "config.h"

#include "tensor/tensor.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/arith.h"

spn_status spn_tensor_init(struct spn_tensor *t, int dtype, int ndim, const int64_t *dim,
                           void *data, struct spn_err *err)
{
    const struct spn_dtype_info *info = spn_dtype_info(dtype);
    struct spn_tensor made = { .dtype = dtype, .ndim = ndim, .data = data };
    uint64_t row_bytes, bytes;
    int64_t elems = 1, rows = 1;

    if (info == NULL)
        return spn_fail(err, SPN_EFORMAT, "tensor: element type %d is not known", dtype);
    if (ndim < 0 || ndim > SPN_DIMS_MAX)
        return spn_fail(err, SPN_EFORMAT, "tensor: %d dimensions, 0 to %d are possible", ndim,
                        SPN_DIMS_MAX);
    for (int i = ndim - 1; i >= 0; i--) {
        if (dim[i] < 0)
            return spn_fail(err, SPN_EFORMAT, "tensor: dimension %d is %" PRId64, i, dim[i]);
        made.dim[i] = dim[i];
        made.stride[i] = elems;
        if (__builtin_mul_overflow(elems, dim[i], &elems))
            return spn_fail(err, SPN_EFORMAT,
                            "tensor: the number of elements overflows at dimension %d (%" PRId64
                            ")",
                            i, dim[i]);
        if (i < ndim - 1)
            rows *= dim[i]; /* no larger than elems unless the last dimension is 0 */
        if (i == ndim - 1 && dim[i] == 0)
            rows = 0;
    }
    if (!spn_dtype_row_bytes(dtype, ndim > 0 ? dim[ndim - 1] : 1, &row_bytes))
        return spn_fail(err, SPN_EFORMAT,
                        "tensor: a row of %" PRId64 " elements is not whole blocks of %d (%s)",
                        ndim > 0 ? dim[ndim - 1] : 1, info->block_elems, info->name);
    if (!spn_mul_u64(row_bytes, (uint64_t)rows, &bytes) || bytes > INT64_MAX)
        return spn_fail(err, SPN_EFORMAT,
                        "tensor: its size in bytes overflows (%" PRId64 " elements of %s)", elems,
                        info->name);
    *t = made;
    return SPN_OK;
}

int64_t spn_tensor_elems(const struct spn_tensor *t)
{
    int64_t n = 1;

    for (int i = 0; i < t->ndim; i++)
        n *= t->dim[i];
    return n;
}

uint64_t spn_tensor_bytes(const struct spn_tensor *t)
{
    const struct spn_dtype_info *info = spn_dtype_info(t->dtype);

    if (info == NULL)
        return 0;
    return (uint64_t)spn_tensor_elems(t) / (uint64_t)info->block_elems *
           (uint64_t)info->block_bytes;
}

bool spn_tensor_contiguous(const struct spn_tensor *t)
{
    int64_t want = 1;

    for (int i = t->ndim - 1; i >= 0; i--) {
        if (t->dim[i] != 1 && t->stride[i] != want)
            return false;
        want *= t->dim[i];
    }
    return true;
}

void spn_tensor_shape_text(const struct spn_tensor *t, char *out, size_t room)
{
    static const char *const symbol[] = { "rows", "out", "keys" };
    size_t used = 0;

    if (room == 0)
        return;
    for (int i = -1; i <= t->ndim && used < room; i++) {
        int n;

        if (i == -1)
            n = snprintf(out + used, room - used, "[");
        else if (i == t->ndim)
            n = snprintf(out + used, room - used, "]");
        else if (t->dim[i] < 0 && t->dim[i] >= -3) /* a plan's symbol */
            n = snprintf(out + used, room - used, "%s%s", i > 0 ? ", " : "",
                         symbol[-1 - t->dim[i]]);
        else
            n = snprintf(out + used, room - used, "%s%" PRId64, i > 0 ? ", " : "", t->dim[i]);
        if (n < 0)
            break;
        used += (size_t)n;
    }
    out[used < room ? used : room - 1] = '\0';
}
