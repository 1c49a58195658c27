/* pages.h - counted pages of one layer over several tiers (inside the library). */
#ifndef LM_PAGES_H
#define LM_PAGES_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "lm/store.h"
#include "tensor/ops.h"

/* A handle: tier in the upper 4 bits, index within the tier below. */
static inline int lm_page_tier(uint32_t page) { return (int)(page >> 28); }

static inline uint32_t lm_page_index(uint32_t page) { return page & 0x0fffffffu; }

/* Pages of one layer, each tier two arrays: [K | V] of all pages, then [positions | rows] of all.
   A page's keys are [heads, dim, BLOCK], its values [heads, BLOCK, dim]; both together usually are
   whole memory pages, so that a core which fetches ahead stops where another core writes. */
struct lm_pages {
    int64_t width_k, width_v, state; /* state: floats of a sequence, beside the pages */
    int heads;
    uint64_t bytes_k, bytes_v; /* of a page: keys, values */
    uint64_t stride, bytes;    /* from page to page; all that a page takes */
    struct {
        unsigned char *base;             /* lent by the store */
        int32_t n, n_free, *free, *refs; /* a stack of free indices; references by index */
        int32_t n_shared;                /* pages with more than one reference */
    } tier[SPN_KV_TIERS];
    int n_tiers;
};

/* Sizes of P's pages; false when they overflow. */
bool lm_pages_size(struct lm_pages *p, const struct spn_kv_layer *layer, int dtype);
bool lm_pages_init(struct lm_pages *p, int tier, int32_t n,
                   unsigned char *base); /* false: no memory */
void lm_pages_free(struct lm_pages *p);
/* A free page of the first tier that has one, with one reference; TIER >= 0: of that tier alone.
 * False: none left. */
bool lm_page_take(struct lm_pages *p, int tier, uint32_t *page);
void lm_page_ref(struct lm_pages *p, uint32_t page);
void lm_page_unref(struct lm_pages *p, uint32_t page);
void lm_page_copy(const struct lm_pages *p, uint32_t to, uint32_t from);
int32_t lm_pages_left(const struct lm_pages *p);

static inline unsigned char *lm_page_k(const struct lm_pages *p, uint32_t page)
{
    return p->tier[lm_page_tier(page)].base + (uint64_t)lm_page_index(page) * p->stride;
}

static inline unsigned char *lm_page_v(const struct lm_pages *p, uint32_t page)
{
    return lm_page_k(p, page) + p->bytes_k;
}

static inline int32_t *lm_page_pos(const struct lm_pages *p, uint32_t page)
{
    unsigned char *all =
        p->tier[lm_page_tier(page)].base + (uint64_t)p->tier[lm_page_tier(page)].n * p->stride;

    return (int32_t *)(void *)all + (uint64_t)lm_page_index(page) * 2 * SPN_ATTENTION_BLOCK;
}

static inline int32_t *lm_page_row(const struct lm_pages *p, uint32_t page)
{
    return lm_page_pos(p, page) + SPN_ATTENTION_BLOCK;
}

#endif
