/* inflate.h - private: bytes compressed by DEFLATE (RFC 1951), unpacked as they are asked for. */
#ifndef SPN_INFLATE_H
#define SPN_INFLATE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { K_WINDOW_BYTES = 32768, K_CODE_BITS_MAX = 15 };

struct k_codes {                       /* canonical: codes of a length follow each other */
    uint16_t count[K_CODE_BITS_MAX + 1];
    uint16_t symbol[288];
};

/* Where unpacking stands; 43 KB. */
struct k_inflate {
    const unsigned char *in, *end;
    uint64_t out;                      /* bytes made so far */
    uint64_t bits;
    unsigned n_bits;
    enum { K_BLOCK_HEAD, K_BLOCK_STORED, K_BLOCK_CODED, K_BLOCK_LAST, K_BLOCK_BAD } state;
    bool last;                         /* the block under way is the last one */
    uint32_t left;                     /* of a stored block, or of the copy under way */
    uint32_t distance;                 /* of the copy under way */
    struct k_codes literals, distances;
    unsigned char window[K_WINDOW_BYTES];
};

/* Begin with the N bytes at IN, which stay where they are. */
void k_inflate_begin(struct k_inflate *z, const void *in, size_t n);
/* The next bytes, at most N, to DST (NULL: they are passed over). *GOT is less only at the end of
 * the data. False: the data is wrong or cut. */
bool k_inflate_next(struct k_inflate *z, unsigned char *dst, size_t n, size_t *got);

#endif
