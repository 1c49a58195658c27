/* tensor.h - a view of numbers: type, up to 8 dimensions in row-major order, strides. */
#ifndef SPN_TENSOR_H
#define SPN_TENSOR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "tensor/dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPN_DIMS_MAX 8

/* dim[ndim-1] is the contiguous one: a linear map's weight is [out, in], as in PyTorch (GGUF lists
   it reversed). stride[] counts elements (bytes make no sense inside a block); for block types only
   whole rows are addressable. The view never owns DATA. */
struct spn_tensor {
    int dtype; /* enum spn_dtype */
    int ndim;  /* 0: one element */
    int64_t dim[SPN_DIMS_MAX];
    int64_t stride[SPN_DIMS_MAX];
    void *data;
};

/* Fill T as a contiguous view. SPN_EFORMAT when a dimension is negative or the element count or
 * byte size overflows. */
spn_status spn_tensor_init(struct spn_tensor *t, int dtype, int ndim, const int64_t *dim,
                           void *data, struct spn_err *err);
int64_t spn_tensor_elems(const struct spn_tensor *t); /* checked at init, so the product is safe */
uint64_t spn_tensor_bytes(const struct spn_tensor *t);
bool spn_tensor_contiguous(const struct spn_tensor *t);
/* "[50304, 1024]" into OUT, always terminated. */
void spn_tensor_shape_text(const struct spn_tensor *t, char *out, size_t room);

#ifdef __cplusplus
}
#endif
#endif
