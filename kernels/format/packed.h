/* packed.h - private: compressed bytes of a file, read from any place. */
#ifndef SPN_PACKED_H
#define SPN_PACKED_H
#include <stddef.h>
#include <stdint.h>

#include "format/source.h"

struct k_cursor;

struct k_packed {
    const unsigned char *in;           /* N bytes of DEFLATE data */
    size_t n;
    uint64_t skip;                     /* unpacked bytes before the tensor's */
    struct k_cursor *cursor;
};

/* Room for a compressed tensor; the cursor is made with the first one. Memory is R's. */
spn_status k_packed_new(struct k_packed **out, struct spn_reader *r, const void *in, size_t n,
                        uint64_t skip, struct spn_err *err);
/* Bytes [FIRST, FIRST + N) of what P unpacks to, into DST. The cursor goes on where it stands, or
 * from the beginning. FILE and NAME are for the message. */
spn_status k_packed_read(const struct k_packed *p, const char *file, const char *name,
                         uint64_t first, size_t n, void *dst, struct spn_err *err);

#endif
