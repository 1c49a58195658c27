/* range.h - indices of one parameter as an adaptive binary range coder keeps them.
 *
 * Of each element R's index first, then E1's, then E2's: whether it is zero, then its bits from the
 * top.  Every such decision has a chance of its own, learnt as it goes, that is picked by what is
 * known already: how many of the last elements of the row and of the column were kept, and the
 * index that the part before has here.  What pruning has settled is not said at all: a moment
 * whose weight's change is zero (joint mask), a second moment whose first one is.
 *
 * A parameter is cut into blocks that know nothing of each other, so that threads share it.
 */
#ifndef EXCP_RANGE_H
#define EXCP_RANGE_H
#include "base/buf.h"
#include "method.h"

#define EXCP_BLOCK (1u << 20) /* elements */

/* What a block is cut from. Indices stand as excp_index leaves them, one an element. */
struct excp_grid {
    bool joint;           /* no moment is kept where R is zero */
    int bits[EXCP_PARTS]; /* 0: the parameter has no such part */
    size_t n, columns;    /* elements; of one row, at least 1 */
};
size_t excp_blocks(const struct excp_grid *g);
/* Bytes of block I's indices as they are. */
size_t excp_block_plain(const struct excp_grid *g, size_t i);
/* Block I of PACKED is added to OUT: never more than its plain bytes, which it then is. SPN_ENOMEM.
 */
spn_status excp_block_encode(const struct excp_grid *g, size_t i,
                             const unsigned char *const packed[EXCP_PARTS], struct spn_buf *out,
                             struct spn_err *err);
/* The reverse: N coded bytes (any bytes at all are some indices, the caller checks them) into
   PACKED. SPN_EFORMAT: N is more than the plain bytes. SPN_ENOMEM. */
spn_status excp_block_decode(const struct excp_grid *g, size_t i, const unsigned char *bytes,
                             size_t n, unsigned char *const packed[EXCP_PARTS],
                             struct spn_err *err);

#endif
