/* coder.h - the lossless stage: bytes of one stream through liblzma, piece by piece. */
#ifndef EXCP_CODER_H
#define EXCP_CODER_H
#include "base/buf.h"
#include "stream.h"

struct excp_coder;
spn_status excp_encoder_new(struct excp_coder **out, struct spn_err *err);
spn_status excp_decoder_new(struct excp_coder **out, struct spn_err *err);
void excp_coder_free(struct excp_coder *c); /* NULL is fine */
/* N more bytes, what comes of them is added to TO. LAST: and there are no more. */
spn_status excp_encode(struct excp_coder *c, const void *bytes, size_t n, bool last,
                       struct spn_buf *to, struct spn_err *err);
/* Up to *ROOM bytes at OUT from *N bytes at *BYTES; all three are moved on. *ENDED: the coded
   stream ends here. SPN_EFORMAT: not what an encoder wrote. */
spn_status excp_decode(struct excp_coder *c, const unsigned char **bytes, size_t *n,
                       unsigned char **out, size_t *room, bool *ended, struct spn_err *err);

#endif
