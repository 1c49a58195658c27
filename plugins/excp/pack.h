/* pack.h - private to the codec: one parameter pruned and indexed. */
#ifndef EXCP_PACK_H
#define EXCP_PACK_H
#include "work.h"

/* The options as a rule, and the coder. NOW: for alpha=auto. SPN_EUSAGE. */
spn_status excp_settle(struct excp_head *head, const struct spn_values *options,
                       const struct spn_codec_source *now, struct spn_err *err);
/* Prune, cluster and index W, which holds P's numbers with R in place of the weight, into ROW. */
spn_status excp_shrink(struct excp_work *w, const struct excp_rule *rule, struct spn_pool *pool,
                       struct excp_row *row, struct spn_err *err);
/* W's indices, or its numbers where ROW is raw, from R's streams; checked. */
spn_status excp_read_parts(struct excp_reader *r, struct excp_work *w, const struct excp_head *head,
                           const struct excp_row *row, struct spn_pool *pool, const char *path,
                           struct spn_err *err);
/* W's numbers from ROW's indices: the weight less BEFORE's, moments. False: impossible indices. */
bool excp_grow(struct excp_work *w, const struct excp_rule *rule, const struct excp_row *row);

#endif
