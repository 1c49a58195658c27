/* store_impl.h - page tables of a store, shared by what appends and what edits them (inside the
 * library). */
#ifndef LM_STORE_IMPL_H
#define LM_STORE_IMPL_H
#include <stdbool.h>
#include <stdint.h>
#include "lm/pages.h"
#include "lm/store.h"

/* Keys of one sequence in one layer. The pointer arrays beside PAGE are what spn_keys lends. */
struct lm_table {
    int64_t n;              /* keys */
    int32_t n_blocks, room; /* pages held (places reserved beyond N among them) */
    uint32_t *page;
    const void **k, **v;
    const int32_t **pos, **row;
    bool unordered; /* positions do not rise from key to key */
    bool sparse;    /* some key's position is not its number */
    bool tree;      /* some keys are rows of an unaccepted tree step */
};

struct lm_kv_seq {
    bool used;
    struct lm_table *table; /* [n_layer] */
    float *state;           /* of all layers that have one; NULL: none has */
};

struct spn_kv {
    struct spn_store base;
    int n_layer, n_tiers, dtype, max_seqs;
    struct lm_pages *pages; /* [n_layer] */
    unsigned char *memory[SPN_KV_TIERS];
    struct lm_kv_seq *seq; /* [max_seqs] */
    int64_t *state_at;     /* [n_layer] floats before a layer's state; -1: it has none */
    int64_t state_floats;  /* of a sequence */
    int32_t lost_seq;      /* -1, or a sequence whose append found no place */
    int lost_layer;
};

static inline int32_t lm_blocks_of(int64_t keys)
{
    return (int32_t)((keys + SPN_ATTENTION_BLOCK - 1) / SPN_ATTENTION_BLOCK);
}

/* PAGE becomes block BLOCK of T, which grows; false: no memory. */
bool lm_set_page(struct spn_kv *kv, int layer, struct lm_table *t, int32_t block, uint32_t page);
/* Make page BLOCK of T its own; false: no page is left. */
bool lm_own_page(struct spn_kv *kv, int layer, struct lm_table *t, int32_t block);
/* Give back the pages of T from FIRST on. */
void lm_drop_pages(struct spn_kv *kv, int layer, struct lm_table *t, int32_t first);

#endif
