/* blocks.h - private to the codec: a parameter's indices through the range coder, blocks at once.
 */
#ifndef EXCP_BLOCKS_H
#define EXCP_BLOCKS_H
#include "work.h"

/* W's indices into stream 1. */
spn_status excp_blocks_write(struct excp_writer *to, const struct excp_work *w,
                             const struct excp_rule *rule, const struct excp_row *row,
                             struct spn_pool *pool, struct spn_err *err);
/* W's indices from stream 1. SPN_EFORMAT. */
spn_status excp_blocks_read(struct excp_reader *from, struct excp_work *w,
                            const struct excp_rule *rule, const struct excp_row *row,
                            struct spn_pool *pool, const char *path, struct spn_err *err);
/* Bytes that they would take. */
spn_status excp_blocks_measure(double *bytes, const struct excp_work *w,
                               const struct excp_rule *rule, const struct excp_row *row,
                               struct spn_pool *pool, struct spn_err *err);

#endif
