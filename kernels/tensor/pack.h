/* pack.h - weights in the packed layout of tiles.h.  Private to libspinney. */
#ifndef SPN_PACK_H
#define SPN_PACK_H
#include <stdint.h>

#include "tensor/product.h"
#include "tensor/tiles.h"

struct spn_pack {
    enum k_form form;
    enum spn_act act;
    int64_t n, k, panels;
    size_t panel_bytes;
    uint8_t *data;
};

#endif
