/* store.h - sequence memory: keys and values in pages that sequences share, copied when one of them
 * writes.
 *
 * Each sequence has, per layer, a page table and a length of its own; a page holds
 * SPN_ATTENTION_BLOCK keys of one layer with their positions.  A page handle names a tier; tier 0
 * is filled first.  Nothing here depends on what attention computes.
 */
#ifndef SPN_LM_STORE_H
#define SPN_LM_STORE_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "tensor/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPN_KV_TIERS 4

/* Numbers of one key and of one value: heads * dim_k, heads * dim_v. */
struct spn_kv_layer {
    int64_t width_k, width_v; /* 0, 0: the layer keeps no keys; width_v 0: keys alone */
    int heads;                /* key/value heads, which lie apart in a page; 0 means 1 */
    int64_t state; /* floats of a state of fixed size that a sequence has here; 0: none */
};
struct spn_kv_options {
    int n_layer;
    const struct spn_kv_layer *layer; /* [n_layer], copied */
    int dtype;                        /* SPN_F32 or SPN_F16 */
    int n_tiers;                      /* 1..SPN_KV_TIERS */
    int64_t tokens[SPN_KV_TIERS]; /* keys a layer has room for in each tier, rounded up to pages */
    int max_seqs;
};

struct spn_kv;
/* Bytes that spn_kv_new takes for O; UINT64_MAX when the product overflows.  Beside them each
   sequence in use takes its states (spn_kv_state_bytes). */
uint64_t spn_kv_bytes_for(const struct spn_kv_options *o);
uint64_t spn_kv_state_bytes(const struct spn_kv_options *o);
/* All pages are taken at once (the system backs them when they are first written). SPN_EUSAGE: a
 * width or count below 1. */
spn_status spn_kv_new(struct spn_kv **out, const struct spn_kv_options *o, struct spn_err *err);
void spn_kv_free(struct spn_kv *kv); /* NULL is fine */
/* For spn_run.store. */
struct spn_store *spn_kv_store(struct spn_kv *kv);
/* An append that found no reserved place (or a position below 0) since the last call:
 * SPN_EINTERNAL, once. Call after a run. */
spn_status spn_kv_check(struct spn_kv *kv, struct spn_err *err);

/* ---- sequences: small numbers, reused after free ---- */
/* SPN_ENOMEM: max_seqs are in use. */
spn_status spn_kv_seq_new(struct spn_kv *kv, int32_t *seq, struct spn_err *err);
void spn_kv_seq_free(struct spn_kv *kv, int32_t seq);
/* A child that shares every page of SEQ and has copies of its states. */
spn_status spn_kv_seq_fork(struct spn_kv *kv, int32_t seq, int32_t *child, struct spn_err *err);
int64_t spn_kv_length(const struct spn_kv *kv, int32_t seq, int layer);
/* Places for N more keys in every layer (layer -1) or one; pages that others share are copied where
   they would be written. Must come before the run that appends them. SPN_ENOMEM: no page is left;
   what was reserved stays. */
spn_status spn_kv_reserve(struct spn_kv *kv, int32_t seq, int layer, int64_t n,
                          struct spn_err *err);
/* Pages that spn_kv_reserve of N keys in every layer would take. */
int64_t spn_kv_reserve_pages(const struct spn_kv *kv, int32_t seq, int64_t n);
/* Forget the keys after the first N of a layer (-1: every layer); as if they had never been
   there.  A state knows only its present: trimmed to 0 it begins anew, else it stays as it is. */
void spn_kv_trim(struct spn_kv *kv, int32_t seq, int layer, int64_t n);
/* Keep of a layer's keys (-1: every layer) those whose KEEP [length] is true, in order; positions
   stay with their keys. SPN_ENOMEM: a shared page had to be copied and none is left; then nothing
   changed. */
spn_status spn_kv_keep(struct spn_kv *kv, int32_t seq, int layer, const bool *keep,
                       struct spn_err *err);
/* After a step with tree rows: keep of the keys that step stored those of ROWS (batch rows, any
 * order), drop the others. */
spn_status spn_kv_accept(struct spn_kv *kv, int32_t seq, const int32_t *rows, int64_t n,
                         struct spn_err *err);
/* Move block BLOCK of SEQ's keys in LAYER to TIER; sequences that share the page keep the
   old one. */
spn_status spn_kv_move(struct spn_kv *kv, int32_t seq, int layer, int64_t block, int tier,
                       struct spn_err *err);

/* ---- pages that outlive a sequence (prefix cache) ---- */
/* Handles of block BLOCK, full in every layer, into PAGE [n_layer], each counted once more. False:
 * not full everywhere, or a layer keeps a state, which belongs to no block. */
bool spn_kv_share(struct spn_kv *kv, int32_t seq, int64_t block, uint32_t *page);
/* Append a block of shared pages to SEQ, whose lengths are multiples of SPN_ATTENTION_BLOCK. */
spn_status spn_kv_attach(struct spn_kv *kv, int32_t seq, const uint32_t *page, struct spn_err *err);
/* Give back what spn_kv_share counted. */
void spn_kv_release(struct spn_kv *kv, const uint32_t *page);
/* References to a page of LAYER: 1 means that only its holder is left. */
int32_t spn_kv_refs(const struct spn_kv *kv, int layer, uint32_t page);

/* Pages of one layer each; a shared page counts once. */
struct spn_kv_stats {
    int64_t pages_used, pages_shared, pages_total;
};
void spn_kv_stats(const struct spn_kv *kv, struct spn_kv_stats *s);
/* Free pages of the layer that has fewest. */
int64_t spn_kv_pages_free(const struct spn_kv *kv);

#ifdef __cplusplus
}
#endif
#endif
