/* prefix.c - a table of blocks by (entry before, tokens), least recently used first out; leaves
 * before what they stand on. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "lm/prefix.h"
#include "tensor/ops.h"

enum { BLOCK = SPN_ATTENTION_BLOCK };

struct entry {
    bool live;
    int32_t parent, children, pins, next; /* next: in its hash chain */
    uint64_t hash, used;
    int32_t tokens[BLOCK];
};

struct lm_prefix {
    struct spn_kv *kv;
    int n_layer;
    int32_t n, n_live, n_buckets;
    int32_t *bucket; /* first entry of a chain, -1 none */
    struct entry *entry;
    uint32_t *page; /* [n, n_layer] */
    uint64_t clock;
};

struct lm_prefix *lm_prefix_new(struct spn_kv *kv, int n_layer, int32_t entries)
{
    struct lm_prefix *p = spn_calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    p->kv = kv;
    p->n_layer = n_layer;
    p->n = entries;
    p->n_buckets = 2 * entries + 1;
    p->bucket = spn_calloc((size_t)p->n_buckets, sizeof *p->bucket);
    p->entry = spn_calloc((size_t)entries, sizeof *p->entry);
    p->page = spn_calloc((size_t)entries, (size_t)n_layer * sizeof *p->page);
    if (p->bucket == NULL || p->entry == NULL || p->page == NULL) {
        lm_prefix_free(p);
        return NULL;
    }
    for (int32_t i = 0; i < p->n_buckets; i++)
        p->bucket[i] = -1;
    return p;
}

void lm_prefix_free(struct lm_prefix *p)
{
    if (p == NULL)
        return;
    spn_free(p->bucket);
    spn_free(p->entry);
    spn_free(p->page);
    spn_free(p);
}

static uint64_t hash_of(const struct lm_prefix *p, int32_t parent, const int32_t *tokens)
{
    uint64_t h = parent == LM_PREFIX_ROOT ? spn_key_seed(0) : p->entry[parent].hash;

    for (int i = 0; i < BLOCK; i++)
        h = spn_key_int(h, (uint64_t)(uint32_t)tokens[i]);
    return h;
}

static uint32_t *pages_of(struct lm_prefix *p, int32_t entry)
{
    return p->page + (size_t)entry * (size_t)p->n_layer;
}

int32_t lm_prefix_find(struct lm_prefix *p, int32_t parent, const int32_t *tokens)
{
    uint64_t hash = hash_of(p, parent, tokens);

    /* The tokens themselves are compared: a collision must not answer with another text. */
    for (int32_t i = p->bucket[hash % (uint64_t)p->n_buckets]; i >= 0; i = p->entry[i].next) {
        struct entry *e = &p->entry[i];

        if (e->hash == hash && e->parent == parent &&
            memcmp(e->tokens, tokens, sizeof e->tokens) == 0) {
            e->used = ++p->clock;
            return i;
        }
    }
    return LM_PREFIX_ROOT;
}

static void unlink_entry(struct lm_prefix *p, int32_t i)
{
    int32_t *at = &p->bucket[p->entry[i].hash % (uint64_t)p->n_buckets];

    while (*at != i)
        at = &p->entry[*at].next;
    *at = p->entry[i].next;
}

bool lm_prefix_evict(struct lm_prefix *p)
{
    int32_t oldest = -1;

    for (int32_t i = 0; i < p->n; i++) {
        const struct entry *e = &p->entry[i];

        if (e->live && e->children == 0 && e->pins == 0 &&
            (oldest < 0 || e->used < p->entry[oldest].used))
            oldest = i;
    }
    if (oldest < 0)
        return false;
    unlink_entry(p, oldest);
    spn_kv_release(p->kv, pages_of(p, oldest));
    if (p->entry[oldest].parent != LM_PREFIX_ROOT)
        p->entry[p->entry[oldest].parent].children--;
    p->entry[oldest].live = false;
    p->n_live--;
    return true;
}

int32_t lm_prefix_add(struct lm_prefix *p, int32_t parent, const int32_t *tokens, int32_t seq,
                      int64_t block)
{
    int32_t i = lm_prefix_find(p, parent, tokens), *first;
    struct entry *e;

    if (i != LM_PREFIX_ROOT)
        return i;
    if (p->n_live == p->n && !lm_prefix_evict(p))
        return LM_PREFIX_ROOT;
    for (i = 0; p->entry[i].live; i++)
        ;
    if (!spn_kv_share(p->kv, seq, block, pages_of(p, i)))
        return LM_PREFIX_ROOT;
    e = &p->entry[i];
    *e = (struct entry){
        .live = true, .parent = parent, .hash = hash_of(p, parent, tokens), .used = ++p->clock
    };
    memcpy(e->tokens, tokens, sizeof e->tokens);
    first = &p->bucket[e->hash % (uint64_t)p->n_buckets];
    e->next = *first;
    *first = i;
    if (parent != LM_PREFIX_ROOT)
        p->entry[parent].children++;
    p->n_live++;
    return i;
}

spn_status lm_prefix_attach(struct lm_prefix *p, int32_t entry, int32_t seq, struct spn_err *err)
{
    return spn_kv_attach(p->kv, seq, pages_of(p, entry), err);
}

void lm_prefix_pin(struct lm_prefix *p, int32_t entry)
{
    if (entry != LM_PREFIX_ROOT)
        p->entry[entry].pins++;
}

void lm_prefix_unpin(struct lm_prefix *p, int32_t entry)
{
    if (entry != LM_PREFIX_ROOT)
        p->entry[entry].pins--;
}
