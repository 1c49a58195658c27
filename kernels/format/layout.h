/* layout.h - private: a tensor whose bytes do not lie in its file in one piece: strided, swapped,
 * or put together from pieces.
 */
#ifndef SPN_LAYOUT_H
#define SPN_LAYOUT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/source.h"

/* A box of the tensor: elements [lo, lo + size) of each dimension, at DATA + stride elements. */
struct k_box {
    int64_t lo[SPN_DIMS_MAX], size[SPN_DIMS_MAX], stride[SPN_DIMS_MAX];
    const unsigned char *data;
    bool swap;                             /* most significant byte first */
};

struct k_packed;                           /* packed.h */

struct spn_layout {
    int ndim;                              /* of the boxes: runs of a flattened tensor have 1 */
    int64_t dim[SPN_DIMS_MAX];
    size_t elem_bytes;
    size_t unit_bytes;                     /* what is swapped: half of a complex element */
    size_t n_boxes;
    const struct k_box *boxes;
    const struct k_packed *packed;         /* not NULL: what the box points into is compressed */
};

/* Memory that holds numbers: a storage of PyTorch, the data of an NPY file. */
struct k_storage {
    const unsigned char *data;
    uint64_t bytes;
    uint64_t offset;                       /* of DATA in FILE */
    const struct k_file *file;
    bool swap;
    bool absent;                           /* not there whole, of a partial reader */
    const struct k_packed *packed;         /* not NULL: compressed, DATA is NULL */
};

/* Add tensor NAME to R: DIM and STRIDE (elements, >= 0) over S from element FIRST on. Every element
 * must lie inside S. NAME must live as long as R. */
spn_status k_add_strided(struct spn_reader *r, const char *name, int dtype, int ndim,
                         const int64_t *dim, const int64_t *stride, int64_t first,
                         const struct k_storage *s, struct spn_err *err);
/* The same by N boxes over NDIM dimensions of BOX_DIM; they must fill the tensor of DTYPE and DIM.
 * Their memory is R's. OFFSET: of the first one in F. */
spn_status k_add_boxes(struct spn_reader *r, const char *name, int dtype, int ndim,
                       const int64_t *dim, int box_ndim, const int64_t *box_dim,
                       const struct k_box *boxes, size_t n, const struct k_file *f, uint64_t offset,
                       struct spn_err *err);
/* Bytes that are swapped together in an element of DTYPE; 0: a type of blocks, never swapped. */
size_t k_swap_unit(int dtype);

#endif
