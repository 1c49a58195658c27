/* model.h - a language model: description (what it computes) x binding (how a source names it),
 * weights mapped or packed. */
#ifndef SPN_LM_MODEL_H
#define SPN_LM_MODEL_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"
#include "format/reader.h"
#include "tensor/ops.h"
#include "tensor/plan.h"
#include "tensor/product.h"
#include "text/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- description: a table row an architecture, numbers from the file ---- */
enum spn_norm_kind { SPN_NORM_RMS, SPN_NORM_LAYER };
/* The last three have one matrix to the hidden layer, no gate; gelu in its tanh form or by erf. */
enum spn_ffn_kind {
    SPN_FFN_SWIGLU,
    SPN_FFN_GEGLU,
    SPN_FFN_GEGLU_ERF,
    SPN_FFN_GELU,
    SPN_FFN_GELU_ERF,
    SPN_FFN_RELU2 /* max(0, x)^2 */
};
/* What a layer mixes rows by. */
enum spn_mix_kind {
    SPN_MIX_ATTENTION,
    SPN_MIX_LATENT, /* multi-head latent attention (DeepSeek-AI 2024) */
    SPN_MIX_MAMBA,
    SPN_MIX_MAMBA2
};
/* What makes a vector of the rows of a text. */
enum spn_pooling { SPN_POOL_NONE, SPN_POOL_MEAN, SPN_POOL_CLS, SPN_POOL_LAST };
/* How a fused matrix of queries, keys and values orders its rows: [all q, all k, all v], or for
   each key/value head [its queries, k, v]. */
enum spn_qkv_order { SPN_QKV_BLOCKS, SPN_QKV_GROUPS };
/* What a Hugging Face folder calls OURS (a GGUF name without .weight): HF, or one of several
   separated by blanks.  "blk" is what comes before a layer's number, "attn_qkv" and "ffn_gate_up"
   are fused matrices; "" does not exist. */
struct spn_arch_name {
    const char *ours, *hf;
};
struct spn_arch {     /* registered; `architecture` extension point */
    const char *name; /* "llama", "qwen2", "qwen3": general.architecture of a GGUF */
    enum spn_norm_kind norm;
    enum spn_ffn_kind ffn; /* where the file does not say */
    bool qkv_bias, qk_norm;
    bool qk_norm_row;   /* q and k are normed as whole rows, not a head at a time */
    bool post_only;     /* norms after attention and feed-forward, none before them */
    bool plain_norm;    /* norms without weights */
    bool parallel;      /* attention and feed-forward of one input, added together */
    bool norm_plus_one; /* a folder's norm weights lack 1, and that of a GGUF do not */
    bool embed_sqrt;    /* embeddings times sqrt(n_embd) */
    bool no_rope;
    bool divides_logits; /* logit_scale divides */
    float alibi;         /* largest bias; 0: none */
    int full_every;      /* every n-th layer has no window; 0: the window is for all */
    int nope_every;      /* every n-th layer has no rotary positions */
    bool full_is_nope;   /* layers without a window have none */
    float base_windowed; /* rotary base of windowed layers where the file has none; 0: the same */
    float window_dflt;
    enum spn_rope_pairs pairs_gguf, pairs_hf; /* rope pairing as stored by each source */
    const char *hf_names;                     /* "LlamaForCausalLM MistralForCausalLM" */
    const struct spn_arch_name *hf;           /* where they differ from llama's; ends with NULL */
    const struct spn_arch_name *gguf;         /* the same of a GGUF */
    enum spn_qkv_order qkv_hf;
    bool transposed_hf;    /* matrices of layers are [in, out] */
    bool writes;           /* spn_lm_write_gguf can */
    bool experts;          /* may have a mixture of experts */
    bool expert_normed;    /* their weights are divided by their sum, where the file does not say */
    enum spn_mix_kind mix; /* of its layers; of a hybrid, of those without attention */
    bool hybrid;           /* some layers have attention, as the file lists them */
    bool no_ffn;
    bool expert_sigmoid; /* where a folder does not say how experts are scored */
    bool sinks;          /* a number more under each head's softmax */
    bool rope_exact;     /* YaRN's bounds are not rounded, where a GGUF cannot say so */
    bool encoder;     /* rows see later ones too, norms stand behind the sums; it makes no text */
    int pos_first;    /* a folder's table of positions has so many rows before position 0 */
    bool layered;     /* heads and feed-forward widths may differ from layer to layer */
    int alibi_layers; /* with so many layers: ALiBi and no rotary positions; 0: never */
    int unit_rows; /* a folder's output rows are made 1 long where the vocabulary is this; 0: never
                    */
};
const struct spn_arch *spn_arch_find(const char *name);
const struct spn_arch *spn_arch_at(int i); /* NULL past the end */
/* Another architecture, from a plugin: ARCH is static.  Call it before models are opened, from one
   thread.  SPN_EUSAGE: its name is taken; SPN_ENOMEM: too many. */
spn_status spn_arch_register(const struct spn_arch *arch, struct spn_err *err);

struct spn_lm_shape {
    int64_t n_vocab, n_embd, n_layer, n_ff, n_head, n_head_kv, dim_k, dim_v, n_rot, context;
    float norm_eps, rope_base, rope_scale;
    bool tied;      /* logits use the embedding table */
    int64_t window; /* query i sees keys j with i - j < window; 0: all */
    /* Zero: 1 for the scales, no cap, no bias, the base above. */
    float embed_scale, residual_scale, logit_scale, attn_scale /* 1/sqrt(dim_k) */;
    float attn_cap, logit_cap, alibi, base_windowed;
    float rope_mscale; /* what cosine and sine are multiplied by */
    enum spn_ffn_kind ffn;
    bool qk_norm_row, parallel;
    int64_t n_expert, n_expert_used, n_ff_expert, n_ff_shared; /* 0: none */
    bool expert_normed, expert_sigmoid;
    int64_t n_group, n_group_used;    /* of experts; 0: no groups */
    float expert_scale, expert_limit; /* 0: 1, none */
    int64_t q_rank, kv_rank; /* latent attention: of queries (0: full), of keys and values */
    bool expand;             /* its store keeps keys and values, not their latent rows */
    /* Rank of time steps: of Mamba 2 the number of heads. */
    int64_t ssm_inner, ssm_state, ssm_conv, ssm_rank, ssm_groups;
    enum spn_pooling pooling;
};

/* ---- weights by canonical name ---- */
struct spn_lm_layer {
    struct spn_weight attn_norm, q, k, v, o, q_bias, k_bias, v_bias, o_bias, q_norm, k_norm;
    struct spn_weight ffn_norm, gate, up, down;
    struct spn_weight attn_norm_bias, ffn_norm_bias, gate_bias, up_bias, down_bias;
    struct spn_weight post_attn_norm, post_ffn_norm, post_attn_norm_bias, post_ffn_norm_bias;
    struct spn_weight q_a, q_a_norm, q_b, kv_a, kv_a_norm; /* latent attention */
    struct spn_weight ssm_in, ssm_x, ssm_dt, ssm_out;
    struct spn_weight ssm_conv, ssm_conv_bias, ssm_dt_bias, ssm_a, ssm_d, ssm_norm;
    struct spn_weight ssm_dt_norm, ssm_b_norm, ssm_c_norm;
    struct spn_weight sinks, router_bias, choice_bias;
    struct spn_weight expert_gate_bias, expert_up_bias, expert_down_bias;
    /* Of each head: [kv_rank, dim_k - n_rot] (expanded: the other way round), [dim_v, kv_rank]. */
    struct spn_heads k_b, v_b;
    enum spn_mix_kind mix;
    struct spn_weight router, shared_router, shared_gate, shared_up, shared_down;
    struct spn_experts experts;      /* n 0: the feed-forward is dense */
    int64_t n_head, n_head_kv, n_ff; /* of this layer */
    int64_t window;                  /* of this layer */
    bool windowed;                   /* one of the layers that the window is for */
    bool nope;                       /* no rotary positions */
};
struct spn_lm {
    const struct spn_arch *arch;
    struct spn_lm_shape shape;
    enum spn_rope_pairs pairs;                                /* as this source stores q and k */
    struct spn_weight embed, out_norm, output, rope_divisors; /* t.data NULL: absent */
    struct spn_weight out_norm_bias, output_bias, pos_embed, embed_norm, embed_norm_bias;
    struct spn_weight group_ones;     /* weights of 1 for a norm over groups */
    struct spn_weight token_type;     /* what every row's embedding gets besides */
    struct spn_lm_layer *layer;       /* [n_layer] */
    struct spn_tokenizer *tokenizer;  /* NULL: none needed (logits of given ids) */
    const char *name, *chat_template; /* NULL: none */
    struct spn_reader *reader;        /* NULL for a model made by train */
    struct spn_arena *arena;
    uint64_t bytes_packed, bytes_mapped, params;
    struct spn_weight **list; /* [n_list] every weight in spn_lm_weight's order */
    int n_list;
    float *block;         /* spn_lm_create: all weights one after another; else NULL */
    struct lm_lora *lora; /* [n_lora] low-rank additions to products */
    int n_lora;
    const char *name_lead, *name_tail; /* of the reader's names, where it is an adapter's */
};

/* A low-rank adapter (Hu and others 2021): a GGUF of type adapter or a PEFT folder, times SCALE. */
struct spn_lm_adapter {
    const char *path;
    float scale;
};
struct spn_lm_options {
    enum spn_act act; /* SPN_ACT_INT8 by default; `--act f32` */
    bool pack; /* pack products for generation (default true); else products run on the file's types
                */
    bool tokenizer; /* a missing tokenizer is an error (default true) */
    bool expand;    /* latent attention keeps keys and values, not their latent rows (false) */
    const struct spn_lm_adapter *adapter; /* [n_adapter] applied one beside the other */
    int n_adapter;
    struct spn_pool *pool;
};
void spn_lm_options_default(struct spn_lm_options *o);
/* Open a GGUF file or Hugging Face folder; O NULL: the defaults. Every shape is checked against the
   hyper-parameters before use. SPN_ENOMEM when packed weights would not fit what is free: the
   sentence has both figures. SPN_EFORMAT: architecture not known, a setting that is not handled, a
   tensor missing or of another shape, no tokenizer, a tokenizer larger than the table, an adapter
   that does not fit. */
spn_status spn_lm_open(struct spn_lm **out, const char *path, const struct spn_lm_options *o,
                       struct spn_err *err);
/* A model with random weights for training, all f32: normal with deviation 0.02, the matrices that
   write into the residual stream (attn_output, ffn_down) times 1/sqrt(2 n_layer), norms 1, biases
   0; each tensor from a stream of its own, keyed by its name. Its arrays lie one after another in
   one block, in spn_lm_weight's order: (*out)->block, (*out)->params floats. */
spn_status spn_lm_create(struct spn_lm **out, const struct spn_arch *arch,
                         const struct spn_lm_shape *shape, uint64_t seed, struct spn_err *err);
void spn_lm_close(struct spn_lm *m); /* NULL is fine */
/* Every trainable weight, in a fixed order, with its canonical (GGUF) name; NULL past the end. The
 * rope divisors are not among them. */
struct spn_weight *spn_lm_weight(struct spn_lm *m, int i);
/* Write config.json and model.safetensors into the folder DIR, which exists, as Hugging Face lays
   them out: matrices and vectors as DTYPE (f32, f16, bf16; -1: as they are, quantised ones as f16),
   rows of q and k in the order of that side.  No tokenizer is written. */
spn_status spn_lm_write_hf(const struct spn_lm *m, const char *dir, int dtype, struct spn_err *err);
/* The row of W, a weight of M, that is row R where rotated rows are paired as PAIRS: R itself but
   for queries and keys of a source that pairs differently. */
int64_t spn_lm_source_row(const struct spn_lm *m, const struct spn_weight *w,
                          enum spn_rope_pairs pairs, int64_t r);
/* Ranges and divisibility of SHAPE, PLACE first in the sentence: what open and create demand. */
spn_status spn_lm_shape_check(const struct spn_lm_shape *shape, const char *place,
                              struct spn_err *err);
/* Write as GGUF in llama's conventions: matrices as DTYPE (rows that DTYPE's blocks do not divide:
   Q4_K as Q4_0, Q6_K as Q8_0, then F16), norms and biases f32, q and k rows permuted where this
   source pairs them differently; TOK, NAME and CHAT_TEMPLATE may be NULL; a template that TOK
   brings wins.  PROMPTS: the set of prompts that the model was trained on, NULL: none in
   particular. */
spn_status spn_lm_write_gguf(const struct spn_lm *m, const char *path, int dtype,
                             const struct spn_tokenizer *tok, const char *name,
                             const char *chat_template, const char *prompts, struct spn_err *err);

/* What layer L keeps of a token, for a store (lm/store.h); and the bytes of a token in all layers.
 */
struct spn_kv_layer;
void spn_lm_kv_layer(const struct spn_lm *m, int64_t l, struct spn_kv_layer *out);
uint64_t spn_lm_kv_token_bytes(const struct spn_lm *m, int kv_dtype);
/* Bytes that a sequence takes whatever its length: states of layers that have them. */
uint64_t spn_lm_state_bytes(const struct spn_lm *m);

/* ---- the forward, written once ---- */
/* EMBED: no logits; output "hidden" [R, n_embd] is the last layer's stream under the last norm. */
enum spn_lm_use { SPN_LM_GENERATE, SPN_LM_TRAIN, SPN_LM_EMBED };
/* Record the forward into P. Input "hidden" is used instead of tokens when a run starts at a mark.
   Marks: 0 after the embedding, l+1 after layer l. Output "logits" [OUT, n_vocab] (generate) or [R,
   n_vocab] (train). Returns the logits' value, -1 on failure. */
spn_val spn_lm_forward(struct spn_lm *m, struct spn_plan *p, enum spn_lm_use use);

#ifdef __cplusplus
}
#endif
#endif
