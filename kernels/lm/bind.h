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
    LM_ONE,
    LM_HEADS,
    LM_EXPERTS_FF, /* numbers of a bias of all experts */
    LM_EXPERTS_EMBD,
    LM_Q_RANK,
    LM_KV_RANK,
    LM_KV_A, /* a latent row and its rotated part */
    LM_SSM_IN,
    LM_SSM_INNER,
    LM_SSM_XBC, /* what mamba makes of a row: step, B, C */
    LM_SSM_RANK,
    LM_SSM_STATE,
    LM_SSM_CHANNELS, /* of the short convolution */
    LM_SSM_KERNELS,  /* its weights */
    LM_SSM_STEPS,    /* of time, a row */
    LM_SSM_DECAY
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
    LM_OUTPUT,      /* may: absent means tied */
    LM_FULL_Q,      /* must where queries are not made through a narrow layer, */
    LM_LOW_Q        /* and where they are */
};

/* One weight: its place in struct spn_lm (or spn_lm_layer), its shape and its names. A vector has
 * no COLS. */
struct lm_slot {
    size_t at;
    bool in_layer;
    unsigned mixes; /* bits of the kinds of layers that have it; 0: all */
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
#define LM_MIX(kind) (1u << SPN_MIX_##kind)
/* Has layer L what only layers of these kinds have? */
bool lm_has(const struct spn_lm *m, unsigned mixes, int64_t l);
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
/* A tensor that lies in its file otherwise than its shape says (a view of a PyTorch file) gives its
   place to a copy. */
spn_status lm_whole_entry(struct spn_lm *m, const struct spn_entry **e, struct spn_err *err);
void lm_find_source(const struct spn_lm *m, const struct lm_slot *slot, int64_t layer, bool hf,
                    struct lm_source *s);
/* A weight that ops read as plain floats, whole, whatever its shape: a vector in f32. */
struct lm_float {
    size_t at; /* in struct spn_lm_layer */
    enum lm_dim n;
    unsigned mixes;
    bool must, decay;      /* decay: a folder keeps log(-x) */
    const char *gguf, *hf; /* behind a layer's number; alternatives separated by blanks */
};
extern const struct lm_float lm_floats[];
extern const int lm_n_floats;
spn_status lm_bind_floats(struct spn_lm *m, int64_t l, bool hf, struct spn_err *err);
/* The first of NAMES (separated by blanks) with SUFFIX that the source has, in layer LAYER when
   BEFORE is not empty; NAME is what was looked for last. */
const struct spn_entry *lm_find_named(const struct spn_lm *m, const char *before, int64_t layer,
                                      const char *names, const char *suffix, char *name,
                                      size_t room);
/* Each head's matrices of latent attention in layer L (bind_latent.c). */
spn_status lm_bind_latent(struct spn_lm *m, int64_t l, bool hf, struct spn_err *err);
/* Settings of mixtures, latent attention and states (bind_kinds.c). */
spn_status lm_bind_kinds_hf(struct spn_lm *m, struct spn_err *err);
spn_status lm_bind_kinds_gguf(struct spn_lm *m, struct spn_err *err);
/* The first of NAMES, separated by blanks, that config.json has. */
bool lm_hf_int(const struct spn_lm *m, const char *names, int64_t *out);
bool lm_hf_float(const struct spn_lm *m, const char *names, float *out);
/* Is layer L of a hybrid one with attention? */
bool lm_layer_attends(const struct spn_lm *m, int64_t l, bool hf);
/* Experts as gpt-oss's folders keep them, into what lm_bind_experts has made (bind_packed.c). */
spn_status lm_bind_packed(struct spn_lm *m, int64_t l, struct spn_err *err);
/* Experts of layer L, where it has a router (bind_experts.c). */
spn_status lm_bind_experts(struct spn_lm *m, int64_t l, bool hf, struct spn_err *err);
/* "llama, qwen2, ...": the architectures there are, in TEXT. */
void lm_arch_names(char *text, size_t room);
/* What a folder of this architecture calls OURS [n]; NULL: it has no name of its own. */
const char *lm_hf_name(const struct spn_arch *arch, const char *ours, size_t n);
/* The same of a folder or a GGUF. */
const char *lm_own_name(const struct spn_arch *arch, bool hf, const char *ours, size_t n);
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
