/* pages.c - counted pages of one layer: taking, sharing, giving back. */
#include "config.h"

#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "lm/pages.h"

bool lm_pages_size(struct lm_pages *p, const struct spn_kv_layer *layer, int dtype)
{
    const uint64_t notes = 2 * SPN_ATTENTION_BLOCK * sizeof(int32_t);

    return spn_dtype_row_bytes(dtype, layer->width_k, &p->bytes_k) &&
           spn_dtype_row_bytes(dtype, layer->width_v, &p->bytes_v) &&
           spn_mul_u64(p->bytes_k, SPN_ATTENTION_BLOCK, &p->bytes_k) &&
           spn_mul_u64(p->bytes_v, SPN_ATTENTION_BLOCK, &p->bytes_v) &&
           spn_add_u64(p->bytes_k, p->bytes_v, &p->stride) &&
           spn_align_u64(p->stride, 64, &p->stride) && spn_add_u64(p->stride, notes, &p->bytes);
}

bool lm_pages_init(struct lm_pages *p, int tier, int32_t n, unsigned char *base)
{
    p->tier[tier].free = spn_calloc((size_t)n + 1, sizeof(int32_t));
    p->tier[tier].refs = spn_calloc((size_t)n + 1, sizeof(int32_t));
    if (p->tier[tier].free == NULL || p->tier[tier].refs == NULL)
        return false;
    p->tier[tier].base = base;
    p->tier[tier].n = p->tier[tier].n_free = n;
    for (int32_t i = 0; i < n; i++)
        p->tier[tier].free[i] = n - 1 - i;
    return true;
}

void lm_pages_free(struct lm_pages *p)
{
    for (int t = 0; t < SPN_KV_TIERS; t++) {
        spn_free(p->tier[t].free);
        spn_free(p->tier[t].refs);
    }
}

bool lm_page_take(struct lm_pages *p, int tier, uint32_t *page)
{
    for (int t = 0; t < p->n_tiers; t++) {
        if ((tier >= 0 && t != tier) || p->tier[t].n_free == 0)
            continue;
        uint32_t i = (uint32_t)p->tier[t].free[--p->tier[t].n_free];

        p->tier[t].refs[i] = 1;
        *page = (uint32_t)t << 28 | i;
        return true;
    }
    return false;
}

void lm_page_ref(struct lm_pages *p, uint32_t page)
{
    int t = lm_page_tier(page);

    p->tier[t].n_shared += ++p->tier[t].refs[lm_page_index(page)] == 2;
}

void lm_page_unref(struct lm_pages *p, uint32_t page)
{
    int t = lm_page_tier(page);
    uint32_t i = lm_page_index(page);

    p->tier[t].n_shared -= p->tier[t].refs[i] == 2;
    if (--p->tier[t].refs[i] == 0)
        p->tier[t].free[p->tier[t].n_free++] = (int32_t)i;
}

void lm_page_copy(const struct lm_pages *p, uint32_t to, uint32_t from)
{
    memcpy(lm_page_k(p, to), lm_page_k(p, from), (size_t)p->stride);
    memcpy(lm_page_pos(p, to), lm_page_pos(p, from), (size_t)(p->bytes - p->stride));
}

int32_t lm_pages_left(const struct lm_pages *p)
{
    int32_t n = 0;

    for (int t = 0; t < p->n_tiers; t++)
        n += p->tier[t].n_free;
    return n;
}
