/* bind.h - how a source names what a language model needs: hyper-parameters and weights (inside the
 * library). */
#ifndef LM_BIND_H
#define LM_BIND_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "lm/model.h"

/* A dimension of a weight in terms of the hyper-parameters. */
enum lm_dim {
    LM_NONE,
    LM_VOCAB,
    LM_EMBD,
    LM_FF,
    LM_Q,
    LM_K,
    LM_V,
    LM_O,
    LM_Q_NORM,
    LM_K_NORM,
    LM_PAIRS,
    LM_CONTEXT,
    LM_EXPERTS,
    LM_FF_SHARED,
    LM_ONE
};

enum lm_need {
    LM_MUST,
    LM_MAY,
    LM_BIAS /* must where the description has biases on q, k, v, else may */,
    LM_QKNORM,
    LM_NORM_BEFORE, /* must, but where norms come after or have no weights */
    LM_NORM,        /* must, but where norms have no weights */
    LM_SECOND,      /* like NORM_BEFORE, and absent where one norm serves both halves of a layer */
    LM_GATE,        /* must where the feed-forward has a gate */
    LM_DENSE,       /* must, but in models with experts, whose layers are looked at one by one */
    LM_OUTPUT       /* may: absent means tied */
};

/* One weight: its place in struct spn_lm (or spn_lm_layer), its shape and its names. A vector has
 * no COLS. */
struct lm_slot {
    size_t at;
    bool in_layer;
    enum lm_dim rows, cols;
    enum lm_need need;
    /* Of a layer: what follows "blk.N." and "model.layers.N."; HF NULL: llama has no such. */
    const char *gguf, *hf;
};
extern const struct lm_slot lm_slots[];
extern const int lm_n_slots;

/* In layer LAYER, where layers differ; m->layer may be missing for what all have alike. */
int64_t lm_dim_of(const struct spn_lm *m, enum lm_dim d, int64_t layer);
/* The weight of SLOT in layer LAYER (ignored outside layers). */
struct spn_weight *lm_slot_weight(struct spn_lm *m, const struct lm_slot *slot, int64_t layer);
/* Is SLOT part of a model of this architecture and shape made by spn_lm_create? */
bool lm_slot_created(const struct spn_arch *arch, const struct spn_lm_shape *s,
                     const struct lm_slot *slot);
/* Collect the present weights into m->list (from m->arena) and count m->params. */
spn_status lm_list(struct spn_lm *m, struct spn_err *err);
/* Rows of q and k are rotated in pairs: does SLOT hold such rows (bias too)? */
bool lm_slot_rotates(const struct lm_slot *slot);

/* What fills a weight: all rows of an entry, or some of a fused one (bind_source.c). */
struct lm_source {
    const struct spn_entry *e; /* NULL: absent */
    char name[160];            /* what was looked for */
    bool transposed;           /* E is [in, out] */
    int64_t rows;              /* E should have */
    int64_t first;             /* its first row for this weight, */
    int64_t run, step;         /* which come RUN at a time, STEP apart (run 0: all in one) */
};
void lm_find_source(const struct spn_lm *m, const struct lm_slot *slot, int64_t layer, bool hf,
                    struct lm_source *s);
/* Experts of layer L, where it has a router (bind_experts.c). */
spn_status lm_bind_experts(struct spn_lm *m, int64_t l, bool hf, struct spn_err *err);
/* "llama, qwen2, ...": the architectures there are, in TEXT. */
void lm_arch_names(char *text, size_t room);
/* What a folder of this architecture calls OURS [n]; NULL: it has no name of its own. */
const char *lm_hf_name(const struct spn_arch *arch, const char *ours, size_t n);
/* What comes before a layer's number, one of several separated by blanks. */
const char *lm_before_layer(const struct spn_arch *arch, bool hf);
/* Does the feed-forward of this kind have a gate? */
bool lm_gated(enum spn_ffn_kind ffn);
/* Which layers have the window and rotary positions, how many heads, how wide: m->layer's own
   settings.  HF: where the folder lists them, as it says. */
spn_status lm_plan_layers(struct spn_lm *m, bool hf, struct spn_err *err);
/* The width of layer L by the folder's multipliers; false: it has none. */
bool lm_scaled_width(const struct spn_lm *m, int64_t l, int64_t *n_ff);
/* Element L of an array of integers, or the integer that all layers share. */
bool lm_layer_int(const struct spn_lm *m, const char *key, int64_t l, int64_t *out);
/* Divisors [n_rot / 2] of the angles, from m->arena. */
spn_status lm_rope_divisors(struct spn_lm *m, const float *f, struct spn_err *err);
/* YaRN's divisors (Peng and others 2024). */
struct lm_yarn {
    double factor, original, beta_fast, beta_slow;
    bool truncate;
};
spn_status lm_rope_yarn(struct spn_lm *m, const struct lm_yarn *y, struct spn_err *err);

/* Read arch, shape, pairs and (hf) computed rope divisors from m->reader. */
spn_status lm_bind_gguf(struct spn_lm *m, struct spn_err *err);
spn_status lm_bind_hf(struct spn_lm *m, struct spn_err *err);

#endif
