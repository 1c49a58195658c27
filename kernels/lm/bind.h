/* bind.h - how a source names what a language model needs: hyper-parameters and weights (inside the
 * library). */
#ifndef LM_BIND_H
#define LM_BIND_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "lm/model.h"

/* A dimension of a weight in terms of the hyper-parameters. */
enum lm_dim { LM_NONE, LM_VOCAB, LM_EMBD, LM_FF, LM_Q, LM_K, LM_V, LM_O, LM_HEAD, LM_PAIRS };

enum lm_need {
    LM_MUST,
    LM_MAY,
    LM_BIAS /* must where the description has biases on q, k, v, else may */,
    LM_QKNORM,
    LM_OUTPUT /* may: absent means tied */
};

/* One weight: its place in struct spn_lm (or spn_lm_layer), its shape and its names. A vector has
 * no COLS. */
struct lm_slot {
    size_t at;
    bool in_layer;
    enum lm_dim rows, cols;
    enum lm_need need;
    const char *gguf, *hf; /* of a layer: what follows "blk.N." and "model.layers.N." */
};
extern const struct lm_slot lm_slots[];
extern const int lm_n_slots;

int64_t lm_dim_of(const struct spn_lm_shape *s, enum lm_dim d);
/* The weight of SLOT in layer LAYER (ignored outside layers). */
struct spn_weight *lm_slot_weight(struct spn_lm *m, const struct lm_slot *slot, int64_t layer);
/* Is SLOT part of a model of this architecture and shape made by spn_lm_create? */
bool lm_slot_created(const struct spn_arch *arch, const struct spn_lm_shape *s,
                     const struct lm_slot *slot);
/* Collect the present weights into m->list (from m->arena) and count m->params. */
spn_status lm_list(struct spn_lm *m, struct spn_err *err);
/* Rows of q and k are rotated in pairs: does SLOT hold such rows (bias too)? */
bool lm_slot_rotates(const struct lm_slot *slot);

/* Read arch, shape, pairs and (hf) computed rope divisors from m->reader. */
spn_status lm_bind_gguf(struct spn_lm *m, struct spn_err *err);
spn_status lm_bind_hf(struct spn_lm *m, struct spn_err *err);

#endif
