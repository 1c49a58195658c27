/* bind_kinds.c - settings of what not every model has: mixtures of experts, latent attention,
 * layers with a state, pooling. */
#include "config.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lm/bind.h"

/* What a model without attention has of it. */
static void no_attention(struct spn_lm_shape *s)
{
    s->n_head = s->n_head_kv = s->dim_k = s->dim_v = 1;
    s->n_rot = 0;
}

static bool only_states(const struct spn_arch *arch)
{
    return !arch->hybrid && (arch->mix == SPN_MIX_MAMBA || arch->mix == SPN_MIX_MAMBA2);
}

/* Sizes of states that can be. */
static spn_status check_states(const struct spn_lm *m, struct spn_err *err)
{
    const struct spn_lm_shape *s = &m->shape;
    bool two = m->arch->mix == SPN_MIX_MAMBA2;

    if (s->ssm_inner > 0 && s->ssm_inner <= 1 << 20 && s->ssm_state > 0 && s->ssm_state <= 1024 &&
        s->ssm_conv > 1 && s->ssm_conv <= 64 && s->ssm_rank > 0 && s->ssm_rank <= 1 << 20 &&
        s->ssm_groups > 0 &&
        (!two || (s->ssm_inner % s->ssm_rank == 0 && s->ssm_rank % s->ssm_groups == 0)))
        return SPN_OK;
    return spn_fail(
        err, SPN_EFORMAT,
        "%s: states of %lld channels and %lld numbers, %lld inputs, a rank (or heads) of "
        "%lld and %lld groups cannot be",
        spn_reader_path(m->reader), (long long)s->ssm_inner, (long long)s->ssm_state,
        (long long)s->ssm_conv, (long long)s->ssm_rank, (long long)s->ssm_groups);
}

/* ---- folders ---- */

static void experts_hf(struct spn_lm *m)
{
    struct spn_lm_shape *s = &m->shape;
    const char *scoring = spn_meta_str(m->reader, "config.scoring_func");
    const char *method = spn_meta_str(m->reader, "config.topk_method");
    int64_t shared = 0;

    if (!m->arch->experts ||
        !lm_hf_int(m, "num_local_experts num_experts n_routed_experts", &s->n_expert))
        return;
    lm_hf_int(m, "num_experts_per_tok", &s->n_expert_used);
    s->n_ff_expert = s->n_ff;
    lm_hf_int(m, "moe_intermediate_size", &s->n_ff_expert);
    lm_hf_int(m, "shared_expert_intermediate_size", &s->n_ff_shared);
    if (lm_hf_int(m, "n_shared_experts", &shared) && shared > 0 && shared < 1024 &&
        s->n_ff_expert > 0 && s->n_ff_expert < 1 << 24)
        s->n_ff_shared = shared * s->n_ff_expert;
    s->expert_normed = m->arch->expert_normed;
    spn_meta_bool(m->reader, "config.norm_topk_prob", &s->expert_normed);
    lm_hf_float(m, "routed_scaling_factor", &s->expert_scale);
    lm_hf_float(m, "swiglu_limit", &s->expert_limit);
    if (m->arch->sinks && s->expert_limit == 0)
        s->expert_limit = 7;
    s->expert_sigmoid = (scoring != NULL && strcmp(scoring, "sigmoid") == 0) ||
                        (method != NULL && strcmp(method, "noaux_tc") == 0) ||
                        (scoring == NULL && m->arch->expert_sigmoid);
    if (method == NULL || strcmp(method, "greedy") != 0) {
        lm_hf_int(m, "n_group", &s->n_group);
        lm_hf_int(m, "topk_group", &s->n_group_used);
    }
    if (s->n_group <= 1)
        s->n_group = s->n_group_used = 0;
}

static spn_status latent_hf(struct spn_lm *m, struct spn_err *err)
{
    struct spn_lm_shape *s = &m->shape;
    int64_t nope = 0;
    bool neighbours = true;

    lm_hf_int(m, "q_lora_rank", &s->q_rank);
    if (!lm_hf_int(m, "kv_lora_rank", &s->kv_rank) || !lm_hf_int(m, "qk_nope_head_dim", &nope) ||
        !lm_hf_int(m, "qk_rope_head_dim", &s->n_rot) || !lm_hf_int(m, "v_head_dim", &s->dim_v) ||
        nope < 1 || nope > 1024 || s->n_rot < 1 || s->n_rot > 1024 || s->kv_rank < 1)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: config.json: kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim and "
                        "v_head_dim are not all there",
                        spn_reader_path(m->reader));
    s->dim_k = nope + s->n_rot;
    s->n_head_kv = s->n_head;
    spn_meta_bool(m->reader, "config.rope_interleave", &neighbours);
    if (!neighbours)
        m->pairs = SPN_ROPE_NEOX;
    return SPN_OK;
}

static void states_hf(struct spn_lm *m)
{
    struct spn_lm_shape *s = &m->shape;
    int64_t times = 2, dim = 64;

    lm_hf_int(m, "expand mamba_expand", &times);
    s->ssm_inner = times > 0 && times < 64 ? times * s->n_embd : 0;
    s->ssm_conv = 4;
    lm_hf_int(m, "conv_kernel mamba_d_conv", &s->ssm_conv);
    s->ssm_state = m->arch->mix == SPN_MIX_MAMBA2 ? 128 : 16;
    lm_hf_int(m, "state_size mamba_d_state", &s->ssm_state);
    s->ssm_groups = 1;
    lm_hf_int(m, "n_groups", &s->ssm_groups);
    s->ssm_rank = (s->n_embd + 15) / 16;
    lm_hf_int(m, "time_step_rank mamba_dt_rank", &s->ssm_rank);
    if (m->arch->mix != SPN_MIX_MAMBA2)
        return;
    lm_hf_int(m, "head_dim", &dim);
    s->ssm_rank = dim > 0 ? s->ssm_inner / dim : 0;
    lm_hf_int(m, "num_heads", &s->ssm_rank);
}

/* A sentence transformer's folder says how rows are pooled. */
static void pooling_hf(struct spn_lm *m)
{
    char *path = spn_reader_folder_file(m->reader, "1_Pooling/config.json");
    json_t *j = path != NULL ? json_load_file(path, 0, NULL) : NULL;

    if (json_is_true(json_object_get(j, "pooling_mode_cls_token")))
        m->shape.pooling = SPN_POOL_CLS;
    else if (json_is_true(json_object_get(j, "pooling_mode_lasttoken")))
        m->shape.pooling = SPN_POOL_LAST;
    else if (json_is_true(json_object_get(j, "pooling_mode_mean_tokens")))
        m->shape.pooling = SPN_POOL_MEAN;
    json_decref(j);
    spn_free(path);
}

spn_status lm_bind_kinds_hf(struct spn_lm *m, struct spn_err *err)
{
    bool states = m->arch->mix == SPN_MIX_MAMBA || m->arch->mix == SPN_MIX_MAMBA2;

    experts_hf(m);
    if (states)
        states_hf(m);
    if (only_states(m->arch)) {
        no_attention(&m->shape);
        m->shape.n_ff = 1;
    }
    pooling_hf(m);
    if (states)
        return check_states(m, err);
    return m->arch->mix == SPN_MIX_LATENT ? latent_hf(m, err) : SPN_OK;
}

/* ---- GGUF ---- */

static bool key_int(const struct spn_lm *m, const char *suffix, int64_t *out)
{
    char key[128];

    snprintf(key, sizeof key, "%s.%s", m->arch->name, suffix);
    return spn_meta_int(m->reader, key, out);
}

static bool key_float(const struct spn_lm *m, const char *suffix, float *out)
{
    char key[128];
    double v;

    snprintf(key, sizeof key, "%s.%s", m->arch->name, suffix);
    if (!spn_meta_float(m->reader, key, &v))
        return false;
    *out = (float)v;
    return true;
}

static void experts_gguf(struct spn_lm *m)
{
    struct spn_lm_shape *s = &m->shape;
    int64_t shared = 0, scoring = 0;
    char key[128];

    key_int(m, "expert_count", &s->n_expert);
    key_int(m, "expert_used_count", &s->n_expert_used);
    s->n_ff_expert = s->n_expert > 0 ? s->n_ff : 0;
    key_int(m, "expert_feed_forward_length", &s->n_ff_expert);
    key_int(m, "expert_shared_feed_forward_length", &s->n_ff_shared);
    if (s->n_ff_shared == 0 && key_int(m, "expert_shared_count", &shared) && shared > 0 &&
        shared < 1024 && s->n_ff_expert > 0 && s->n_ff_expert < 1 << 24)
        s->n_ff_shared = shared * s->n_ff_expert;
    s->expert_normed = m->arch->expert_normed;
    snprintf(key, sizeof key, "%s.expert_weights_norm", m->arch->name);
    spn_meta_bool(m->reader, key, &s->expert_normed);
    key_float(m, "expert_weights_scale", &s->expert_scale);
    key_int(m, "expert_gating_func", &scoring); /* 1: softmax, 2: sigmoid */
    s->expert_sigmoid = scoring == 2;
    if (!key_int(m, "expert_group_count", &s->n_group) || s->n_group <= 1 ||
        !key_int(m, "expert_group_used_count", &s->n_group_used))
        s->n_group = s->n_group_used = 0;
    if (m->arch->sinks)
        s->expert_limit = 7;
}

static spn_status latent_gguf(struct spn_lm *m, struct spn_err *err)
{
    struct spn_lm_shape *s = &m->shape;
    float factor = 1, log_mul = 0;

    key_int(m, "attention.q_lora_rank", &s->q_rank);
    /* Newer files give the latent row's sizes as those of a single key and value. */
    key_int(m, "attention.key_length_mla", &s->dim_k);
    key_int(m, "attention.value_length_mla", &s->dim_v);
    s->n_head_kv = s->n_head;
    if (!key_int(m, "attention.kv_lora_rank", &s->kv_rank) || s->kv_rank < 1 ||
        s->n_rot >= s->dim_k)
        return spn_fail(
            err, SPN_EFORMAT,
            "%s: key %s.attention.kv_lora_rank is missing, or %lld of %lld numbers of a "
            "key are rotated",
            spn_reader_path(m->reader), m->arch->name, (long long)s->n_rot, (long long)s->dim_k);
    /* YaRN here leaves the angles' parts as they are and scales all scores instead. */
    if (key_float(m, "rope.scaling.yarn_log_multiplier", &log_mul) && log_mul != 0 &&
        key_float(m, "rope.scaling.factor", &factor) && factor > 1) {
        s->attn_scale =
            (float)(pow(1 + (double)log_mul * log((double)factor), 2) / sqrt((double)s->dim_k));
        s->rope_mscale = 1;
    }
    return SPN_OK;
}

spn_status lm_bind_kinds_gguf(struct spn_lm *m, struct spn_err *err)
{
    struct spn_lm_shape *s = &m->shape;
    bool states = m->arch->mix == SPN_MIX_MAMBA || m->arch->mix == SPN_MIX_MAMBA2;
    int64_t pooling = 0;

    experts_gguf(m);
    if (key_int(m, "pooling_type", &pooling) && pooling >= 0 && pooling <= SPN_POOL_LAST)
        s->pooling = (enum spn_pooling)pooling;
    if (states) {
        s->ssm_groups = 1;
        if (!key_int(m, "ssm.inner_size", &s->ssm_inner) ||
            !key_int(m, "ssm.state_size", &s->ssm_state) ||
            !key_int(m, "ssm.conv_kernel", &s->ssm_conv) ||
            !key_int(m, "ssm.time_step_rank", &s->ssm_rank))
            return spn_fail(err, SPN_EFORMAT,
                            "%s: keys %s.ssm.inner_size, state_size, conv_kernel and "
                            "time_step_rank are not all there",
                            spn_reader_path(m->reader), m->arch->name);
        key_int(m, "ssm.group_count", &s->ssm_groups);
    }
    if (only_states(m->arch)) {
        no_attention(s);
        s->n_ff = 1;
    }
    if (states)
        return check_states(m, err);
    return m->arch->mix == SPN_MIX_LATENT ? latent_gguf(m, err) : SPN_OK;
}

/* ---- hybrids ---- */

bool lm_layer_attends(const struct spn_lm *m, int64_t l, bool hf)
{
    int64_t period = 8, offset = 4, heads = 0;
    char key[128];

    if (hf) {
        lm_hf_int(m, "attn_layer_period", &period);
        lm_hf_int(m, "attn_layer_offset", &offset);
        return period > 0 && l % period == offset;
    }
    snprintf(key, sizeof key, "%s.attention.head_count_kv", m->arch->name);
    return lm_layer_int(m, key, l, &heads) && heads > 0;
}
