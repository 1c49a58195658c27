/* bind.c - the weights of the llama family: places, shapes and the names that GGUF and Hugging Face
 * give them. */
#include "config.h"

#include <math.h>
#include <stddef.h>

#include "base/arith.h"
#include "base/mem.h"
#include "lm/bind.h"

#define GLOBAL(field)      offsetof(struct spn_lm, field), false, 0
#define LAYER(field)       offsetof(struct spn_lm_layer, field), true, 0
#define ONLY(field, mixes) offsetof(struct spn_lm_layer, field), true, mixes

const struct lm_slot lm_slots[] = {
    { GLOBAL(embed), LM_VOCAB, LM_EMBD, LM_MUST, "token_embd.weight", "model.embed_tokens.weight" },
    { GLOBAL(pos_embed), LM_CONTEXT, LM_EMBD, LM_MAY, "position_embd.weight", NULL },
    { GLOBAL(embed_norm), LM_EMBD, LM_NONE, LM_MAY, "token_embd_norm.weight", NULL },
    { GLOBAL(embed_norm_bias), LM_EMBD, LM_NONE, LM_MAY, "token_embd_norm.bias", NULL },
    { LAYER(attn_norm), LM_EMBD, LM_NONE, LM_NORM_BEFORE, "attn_norm.weight",
      "input_layernorm.weight" },
    { LAYER(attn_norm_bias), LM_EMBD, LM_NONE, LM_MAY, "attn_norm.bias", "input_layernorm.bias" },
    { ONLY(q, LM_MIX(ATTENTION) | LM_MIX(LATENT)), LM_Q, LM_EMBD, LM_FULL_Q, "attn_q.weight",
      "self_attn.q_proj.weight" },
    { ONLY(k, LM_MIX(ATTENTION)), LM_K, LM_EMBD, LM_MUST, "attn_k.weight",
      "self_attn.k_proj.weight" },
    { ONLY(v, LM_MIX(ATTENTION)), LM_V, LM_EMBD, LM_MUST, "attn_v.weight",
      "self_attn.v_proj.weight" },
    { ONLY(o, LM_MIX(ATTENTION) | LM_MIX(LATENT)), LM_EMBD, LM_O, LM_MUST, "attn_output.weight",
      "self_attn.o_proj.weight" },
    { ONLY(q_a, LM_MIX(LATENT)), LM_Q_RANK, LM_EMBD, LM_LOW_Q, "attn_q_a.weight",
      "self_attn.q_a_proj.weight" },
    { ONLY(q_a_norm, LM_MIX(LATENT)), LM_Q_RANK, LM_NONE, LM_LOW_Q, "attn_q_a_norm.weight",
      "self_attn.q_a_layernorm.weight" },
    { ONLY(q_b, LM_MIX(LATENT)), LM_Q, LM_Q_RANK, LM_LOW_Q, "attn_q_b.weight",
      "self_attn.q_b_proj.weight" },
    { ONLY(kv_a, LM_MIX(LATENT)), LM_KV_A, LM_EMBD, LM_MUST, "attn_kv_a_mqa.weight",
      "self_attn.kv_a_proj_with_mqa.weight" },
    { ONLY(kv_a_norm, LM_MIX(LATENT)), LM_KV_RANK, LM_NONE, LM_MUST, "attn_kv_a_norm.weight",
      "self_attn.kv_a_layernorm.weight" },
    { ONLY(ssm_in, LM_MIX(MAMBA) | LM_MIX(MAMBA2)), LM_SSM_IN, LM_EMBD, LM_MUST, "ssm_in.weight",
      "mixer.in_proj.weight" },
    { ONLY(ssm_x, LM_MIX(MAMBA)), LM_SSM_XBC, LM_SSM_INNER, LM_MUST, "ssm_x.weight",
      "mixer.x_proj.weight" },
    { ONLY(ssm_dt, LM_MIX(MAMBA)), LM_SSM_INNER, LM_SSM_RANK, LM_MUST, "ssm_dt.weight",
      "mixer.dt_proj.weight" },
    { ONLY(ssm_out, LM_MIX(MAMBA) | LM_MIX(MAMBA2)), LM_EMBD, LM_SSM_INNER, LM_MUST,
      "ssm_out.weight", "mixer.out_proj.weight" },
    { ONLY(q_bias, LM_MIX(ATTENTION)), LM_Q, LM_NONE, LM_BIAS, "attn_q.bias",
      "self_attn.q_proj.bias" },
    { ONLY(k_bias, LM_MIX(ATTENTION)), LM_K, LM_NONE, LM_BIAS, "attn_k.bias",
      "self_attn.k_proj.bias" },
    { ONLY(v_bias, LM_MIX(ATTENTION)), LM_V, LM_NONE, LM_BIAS, "attn_v.bias",
      "self_attn.v_proj.bias" },
    { LAYER(o_bias), LM_EMBD, LM_NONE, LM_MAY, "attn_output.bias", "self_attn.o_proj.bias" },
    { ONLY(q_norm, LM_MIX(ATTENTION)), LM_Q_NORM, LM_NONE, LM_QKNORM, "attn_q_norm.weight",
      "self_attn.q_norm.weight" },
    { ONLY(k_norm, LM_MIX(ATTENTION)), LM_K_NORM, LM_NONE, LM_QKNORM, "attn_k_norm.weight",
      "self_attn.k_norm.weight" },
    { LAYER(post_attn_norm), LM_EMBD, LM_NONE, LM_MAY, "post_attention_norm.weight", NULL },
    { LAYER(post_attn_norm_bias), LM_EMBD, LM_NONE, LM_MAY, "post_attention_norm.bias", NULL },
    { LAYER(ffn_norm), LM_EMBD, LM_NONE, LM_SECOND, "ffn_norm.weight",
      "post_attention_layernorm.weight" },
    { LAYER(ffn_norm_bias), LM_EMBD, LM_NONE, LM_MAY, "ffn_norm.bias",
      "post_attention_layernorm.bias" },
    { LAYER(gate), LM_FF, LM_EMBD, LM_GATE, "ffn_gate.weight", "mlp.gate_proj.weight" },
    { LAYER(up), LM_FF, LM_EMBD, LM_DENSE, "ffn_up.weight", "mlp.up_proj.weight" },
    { LAYER(down), LM_EMBD, LM_FF, LM_DENSE, "ffn_down.weight", "mlp.down_proj.weight" },
    { LAYER(gate_bias), LM_FF, LM_NONE, LM_MAY, "ffn_gate.bias", "mlp.gate_proj.bias" },
    { LAYER(up_bias), LM_FF, LM_NONE, LM_MAY, "ffn_up.bias", "mlp.up_proj.bias" },
    { LAYER(down_bias), LM_EMBD, LM_NONE, LM_MAY, "ffn_down.bias", "mlp.down_proj.bias" },
    { LAYER(router), LM_EXPERTS, LM_EMBD, LM_MAY, "ffn_gate_inp.weight", "mlp.gate.weight" },
    { LAYER(shared_router), LM_ONE, LM_EMBD, LM_MAY, "ffn_gate_inp_shexp.weight",
      "mlp.shared_expert_gate.weight" },
    { LAYER(shared_gate), LM_FF_SHARED, LM_EMBD, LM_MAY, "ffn_gate_shexp.weight",
      "mlp.shared_expert.gate_proj.weight" },
    { LAYER(shared_up), LM_FF_SHARED, LM_EMBD, LM_MAY, "ffn_up_shexp.weight",
      "mlp.shared_expert.up_proj.weight" },
    { LAYER(shared_down), LM_EMBD, LM_FF_SHARED, LM_MAY, "ffn_down_shexp.weight",
      "mlp.shared_expert.down_proj.weight" },
    { LAYER(post_ffn_norm), LM_EMBD, LM_NONE, LM_MAY, "post_ffw_norm.weight", NULL },
    { LAYER(post_ffn_norm_bias), LM_EMBD, LM_NONE, LM_MAY, "post_ffw_norm.bias", NULL },
    { GLOBAL(out_norm), LM_EMBD, LM_NONE, LM_NORM, "output_norm.weight", "model.norm.weight" },
    { GLOBAL(out_norm_bias), LM_EMBD, LM_NONE, LM_MAY, "output_norm.bias", "model.norm.bias" },
    { GLOBAL(output), LM_VOCAB, LM_EMBD, LM_OUTPUT, "output.weight", "lm_head.weight" },
    { GLOBAL(output_bias), LM_VOCAB, LM_NONE, LM_MAY, "output.bias", "lm_head.bias" },
};
const int lm_n_slots = sizeof lm_slots / sizeof *lm_slots;

int64_t lm_dim_of(const struct spn_lm *m, enum lm_dim d, int64_t layer)
{
    const struct spn_lm_shape *s = &m->shape;
    int64_t heads = m->layer != NULL ? m->layer[layer].n_head : s->n_head;
    int64_t heads_kv = m->layer != NULL ? m->layer[layer].n_head_kv : s->n_head_kv;
    bool mamba2 = m->arch->mix == SPN_MIX_MAMBA2;

    switch (d) {
    case LM_NONE:
        return 0;
    case LM_VOCAB:
        return s->n_vocab;
    case LM_EMBD:
        return s->n_embd;
    case LM_FF:
        return m->layer != NULL ? m->layer[layer].n_ff : s->n_ff;
    case LM_Q:
        return heads * s->dim_k;
    case LM_K:
        return heads_kv * s->dim_k;
    case LM_V:
        return heads_kv * s->dim_v;
    case LM_O:
        return heads * s->dim_v;
    case LM_Q_NORM:
        return s->qk_norm_row ? heads * s->dim_k : s->dim_k;
    case LM_K_NORM:
        return s->qk_norm_row ? heads_kv * s->dim_k : s->dim_k;
    case LM_CONTEXT:
        return s->context;
    case LM_EXPERTS:
        return s->n_expert;
    case LM_FF_SHARED:
        return s->n_ff_shared;
    case LM_ONE:
        return 1;
    case LM_PAIRS:
        return s->n_rot / 2;
    case LM_EXPERTS_FF:
        return s->n_expert * s->n_ff_expert;
    case LM_EXPERTS_EMBD:
        return s->n_expert * s->n_embd;
    case LM_HEADS:
        return heads;
    case LM_Q_RANK:
        return s->q_rank;
    case LM_KV_RANK:
        return s->kv_rank;
    case LM_KV_A:
        return s->kv_rank + s->n_rot;
    case LM_SSM_INNER:
        return s->ssm_inner;
    case LM_SSM_RANK:
        return s->ssm_rank;
    case LM_SSM_STATE:
        return s->ssm_state;
    case LM_SSM_XBC:
        return s->ssm_rank + 2 * s->ssm_state;
    case LM_SSM_CHANNELS:
        return s->ssm_inner + (mamba2 ? 2 * s->ssm_groups * s->ssm_state : 0);
    case LM_SSM_KERNELS:
        return lm_dim_of(m, LM_SSM_CHANNELS, layer) * s->ssm_conv;
    case LM_SSM_IN:
        return s->ssm_inner + lm_dim_of(m, LM_SSM_CHANNELS, layer) + (mamba2 ? s->ssm_rank : 0);
    case LM_SSM_STEPS:
        return mamba2 ? s->ssm_rank : s->ssm_inner;
    case LM_SSM_DECAY:
        return mamba2 ? s->ssm_rank : s->ssm_inner * s->ssm_state;
    }
    return 0;
}

struct spn_weight *lm_slot_weight(struct spn_lm *m, const struct lm_slot *slot, int64_t layer)
{
    char *base = slot->in_layer ? (char *)&m->layer[layer] : (char *)m;

    return (struct spn_weight *)(base + slot->at);
}

bool lm_gated(enum spn_ffn_kind ffn)
{
    return ffn != SPN_FFN_GELU && ffn != SPN_FFN_GELU_ERF && ffn != SPN_FFN_RELU2;
}

bool lm_has(const struct spn_lm *m, unsigned mixes, int64_t l)
{
    return mixes == 0 || m->layer == NULL || (mixes >> m->layer[l].mix & 1) != 0;
}

bool lm_slot_created(const struct spn_arch *arch, const struct spn_lm_shape *s,
                     const struct lm_slot *slot)
{
    switch (slot->need) {
    case LM_MUST:
        return true;
    case LM_MAY:
        return false;
    case LM_BIAS:
        return arch->qkv_bias;
    case LM_QKNORM:
        return arch->qk_norm;
    case LM_NORM_BEFORE:
        return !arch->post_only && !arch->plain_norm && !arch->encoder;
    case LM_NORM:
        return !arch->plain_norm && !arch->encoder;
    case LM_SECOND:
        return !arch->post_only && !arch->plain_norm && !s->parallel && !arch->no_ffn &&
               !arch->encoder;
    case LM_GATE:
        return lm_gated(s->ffn) && s->n_expert == 0 && !arch->no_ffn;
    case LM_DENSE:
        return s->n_expert == 0 && !arch->no_ffn;
    case LM_OUTPUT:
        return !s->tied && !arch->encoder;
    case LM_FULL_Q:
        return s->q_rank == 0;
    case LM_LOW_Q:
        return s->q_rank > 0;
    }
    return false;
}

bool lm_slot_rotates(const struct lm_slot *slot)
{
    return slot->rows == LM_Q || slot->rows == LM_K || slot->need == LM_QKNORM;
}

static void put(struct spn_weight *w, struct spn_weight **list, int *n)
{
    if (w->t.data == NULL)
        return;
    if (list != NULL)
        list[*n] = w;
    (*n)++;
}

/* What a layer has besides slots: plain floats, heads' matrices, experts. */
static void behind_slots(struct spn_lm_layer *w, struct spn_weight **list, int *n)
{
    struct spn_experts *e = &w->experts;

    for (int i = 0; i < lm_n_floats; i++)
        put((struct spn_weight *)((char *)w + lm_floats[i].at), list, n);
    for (int i = 0; i < w->k_b.n; i++)
        put(&w->k_b.w[i], list, n);
    for (int i = 0; i < w->v_b.n; i++)
        put(&w->v_b.w[i], list, n);
    for (int i = 0; i < e->n; i++)
        put(&e->gate[i], list, n);
    for (int i = 0; i < e->n; i++)
        put(&e->up[i], list, n);
    for (int i = 0; i < e->n; i++)
        put(&e->down[i], list, n);
}

/* Calls FN for every slot: the globals once, those of a layer for each layer, in the table's order
 * layer by layer. */
static void for_each(struct spn_lm *m, struct spn_weight **list, int *n)
{
    int first = 0;

    *n = 0;
    while (first < lm_n_slots) {
        int end = first;

        while (end < lm_n_slots && lm_slots[end].in_layer == lm_slots[first].in_layer)
            end++;
        for (int64_t l = 0; l < (lm_slots[first].in_layer ? m->shape.n_layer : 1); l++)
            for (int i = first; i < end; i++)
                put(lm_slot_weight(m, &lm_slots[i], l), list, n);
        first = end;
    }
    for (int64_t l = 0; l < m->shape.n_layer; l++)
        behind_slots(&m->layer[l], list, n);
}

spn_status lm_list(struct spn_lm *m, struct spn_err *err)
{
    int n;

    for_each(m, NULL, &n);
    m->list = spn_arena_alloc(m->arena, (size_t)n, sizeof *m->list);
    if (m->list == NULL)
        return spn_fail(err, SPN_ENOMEM, "list of %d weights: no memory", n);
    for_each(m, m->list, &m->n_list);
    m->params = 0;
    for (int i = 0; i < m->n_list; i++)
        m->params += (uint64_t)spn_tensor_elems(&m->list[i]->t);
    return SPN_OK;
}

struct spn_weight *spn_lm_weight(struct spn_lm *m, int i)
{
    return i >= 0 && i < m->n_list ? m->list[i] : NULL;
}

static spn_status range(const char *place, const char *what, int64_t v, int64_t lo, int64_t hi,
                        struct spn_err *err)
{
    if (v >= lo && v <= hi)
        return SPN_OK;
    return spn_fail(err, SPN_EFORMAT, "%s: %s is %lld, it must be between %lld and %lld", place,
                    what, (long long)v, (long long)lo, (long long)hi);
}

spn_status spn_lm_shape_check(const struct spn_lm_shape *s, const char *place, struct spn_err *err)
{
    const struct {
        const char *what;
        int64_t v, lo, hi;
    } bounds[] = {
        { "number of layers", s->n_layer, 1, 1024 },
        { "embedding length", s->n_embd, 1, 1 << 20 },
        { "vocabulary size", s->n_vocab, 1, 1 << 24 },
        { "feed-forward length", s->n_ff, 1, 1 << 24 },
        { "head count", s->n_head, 1, 4096 },
        { "key/value head count", s->n_head_kv, 1, 4096 },
        { "key length", s->dim_k, 1, 1024 },
        { "value length", s->dim_v, 1, 1024 },
        { "rotary dimension count", s->n_rot, 0, s->dim_k },
        { "context length", s->context, 1, 1 << 30 },
        { "attention window", s->window, 0, 1 << 30 },
        { "expert count", s->n_expert, 0, 4096 },
        { "used expert count", s->n_expert_used, s->n_expert > 0, s->n_expert },
        { "expert feed-forward length", s->n_ff_expert, s->n_expert > 0, 1 << 24 },
        { "shared feed-forward length", s->n_ff_shared, 0, 1 << 24 },
        { "expert group count", s->n_group, 0, 64 },
        { "used expert group count", s->n_group_used, s->n_group > 1, s->n_group },
        { "rank of queries", s->q_rank, 0, 1 << 20 },
        { "rank of keys and values", s->kv_rank, 0, 1024 - s->n_rot },
        { "inner size of states", s->ssm_inner, 0, 1 << 20 },
        { "state size", s->ssm_state, 0, 1024 },
        { "convolution length", s->ssm_conv, s->ssm_inner > 0 ? 2 : 0, 64 },
        { "rank of time steps", s->ssm_rank, s->ssm_inner > 0, 1 << 20 },
        { "group count of states", s->ssm_groups, 0, 4096 },
    };
    spn_status st = SPN_OK;

    for (size_t i = 0; i < sizeof bounds / sizeof *bounds && st == SPN_OK; i++)
        st = range(place, bounds[i].what, bounds[i].v, bounds[i].lo, bounds[i].hi, err);
    if (st != SPN_OK)
        return st;
    if (s->n_head % s->n_head_kv != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: %lld heads cannot be shared by %lld key/value heads",
                        place, (long long)s->n_head, (long long)s->n_head_kv);
    if (s->n_rot % 2 != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: rotary dimension count %lld is odd", place,
                        (long long)s->n_rot);
    if (!(s->norm_eps >= 0 && s->norm_eps < 1))
        return spn_fail(err, SPN_EFORMAT, "%s: norm epsilon %g is not between 0 and 1", place,
                        (double)s->norm_eps);
    if (!(s->rope_base > 0 && isfinite(s->rope_base)) ||
        !(s->rope_scale > 0 && s->rope_scale <= 1024))
        return spn_fail(err, SPN_EFORMAT, "%s: rotary base %g with scale %g cannot be", place,
                        (double)s->rope_base, (double)s->rope_scale);
    return SPN_OK;
}
