/* prefix.h - blocks of keys and values kept by the tokens that made them, for prompts that begin
 * alike (inside the library). */
#ifndef LM_PREFIX_H
#define LM_PREFIX_H
#include <stdbool.h>
#include <stdint.h>
#include "lm/store.h"

enum { LM_PREFIX_ROOT = -1 };

/* A tree of blocks of SPN_ATTENTION_BLOCK tokens; an entry stands for all tokens from the beginning
 * to the end of its block. */
struct lm_prefix;
/* For one model, adapter, policy and KV type: those of KV. At most ENTRIES blocks. NULL: no memory.
 */
struct lm_prefix *lm_prefix_new(struct spn_kv *kv, int n_layer, int32_t entries);
void lm_prefix_free(struct lm_prefix *p);
/* The entry of block TOKENS after PARENT (LM_PREFIX_ROOT: at the beginning), LM_PREFIX_ROOT when it
 * is not known. */
int32_t lm_prefix_find(struct lm_prefix *p, int32_t parent, const int32_t *tokens);
/* The entry, made from block BLOCK of SEQ when it is new; LM_PREFIX_ROOT when there is no room for
 * it. */
int32_t lm_prefix_add(struct lm_prefix *p, int32_t parent, const int32_t *tokens, int32_t seq,
                      int64_t block);
/* Append the entry's block to SEQ. */
spn_status lm_prefix_attach(struct lm_prefix *p, int32_t entry, int32_t seq, struct spn_err *err);
/* While an entry is pinned it and those before it stay. LM_PREFIX_ROOT is ignored. */
void lm_prefix_pin(struct lm_prefix *p, int32_t entry);
void lm_prefix_unpin(struct lm_prefix *p, int32_t entry);
/* Forget the entry that was used longest ago, and its pages; false when every entry is pinned or
 * there is none. */
bool lm_prefix_evict(struct lm_prefix *p);

#endif
