/* head.h - the first bytes of a packed step. */
#ifndef EXCP_HEAD_H
#define EXCP_HEAD_H
#include "stream.h"

#define EXCP_HEAD_BYTES 76

void excp_head_put(const struct excp_head *h, unsigned char bytes[EXCP_HEAD_BYTES]);
/* SPN_EFORMAT: these are not the first bytes of a packed step. */
spn_status excp_head_get(struct excp_head *h, const struct spn_codec_packed *packed,
                         struct spn_err *err);

#endif
