/* rle.h - COCO's run lengths of a binary mask.
 *
 * Runs go down the columns, the first one counts zeros.  In the compressed form a count (from the
 * third on its difference to the one two before) is written in groups of 5 bits, lowest first, as
 * characters from '0' on; bit 5 says that more follow; the last group's bit 4 is the sign.
 * Source: COCO API documentation.
 */
#ifndef SEG_RLE_H
#define SEG_RLE_H
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

/* Append the compressed runs of the pixels of IDS [h][w] that equal ID. SPN_ENOMEM. */
spn_status rle_encode(struct spn_buf *out, const uint8_t *ids, int w, int h, int id);
/* Set the pixels of IDS [h][w] that TEXT's runs cover to ID. SPN_EFORMAT: runs that leave the
 * picture or end before it does. */
spn_status rle_decode(uint8_t *ids, int w, int h, int id, const char *text, struct spn_err *err);
/* The same of a list of N counts. */
spn_status rle_runs(uint8_t *ids, int w, int h, int id, const int64_t *counts, size_t n,
                    struct spn_err *err);

#endif
