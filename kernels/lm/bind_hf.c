/* bind_hf.c - hyper-parameters of a language model from the config.json of a Hugging Face folder.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lm/bind.h"

static const double two_pi = 6.283185307179586;

/* Is WORD one of the blank-separated words of LIST? */
static bool among(const char *list, const char *word, size_t n)
{
    while (*list != '\0') {
        size_t len = strcspn(list, " ");

        if (len == n && memcmp(list, word, n) == 0)
            return true;
        list += len + (list[len] == ' ');
    }
    return false;
}

static spn_status find_arch(struct spn_lm *m, const char *path, struct spn_err *err)
{
    struct spn_meta list;
    const char *name = NULL;
    const char *type = spn_meta_str(m->reader, "config.model_type");
    const struct spn_arch *a, *found = NULL;
    char names[1024];
    size_t n = 0;

    if (!spn_reader_meta(m->reader, "config.architectures", &list) ||
        !spn_meta_elem_str(&list, 0, &name, &n))
        return spn_fail(err, SPN_EFORMAT, "%s: config.json names no architecture", path);
    /* Some classes serve several types of model: of these the one with the type's name. */
    for (int i = 0; (a = spn_arch_at(i)) != NULL; i++)
        if (among(a->hf_names, name, n) &&
            (found == NULL || (type != NULL && strcmp(a->name, type) == 0)))
            found = a;
    m->arch = found;
    if (found != NULL)
        return SPN_OK;
    lm_arch_names(names, sizeof names);
    return spn_fail(err, SPN_EFORMAT,
                    "%s: architecture \"%.*s\" is not known (those of %s for causal language "
                    "models are)",
                    path, n < 64 ? (int)n : 64, name, names);
}

/* KEY, or the largest of its list where layers may differ. */
static bool int_or_largest(const struct spn_lm *m, const char *key, int64_t *out)
{
    struct spn_meta v;
    int64_t next;

    if (spn_meta_int(m->reader, key, out))
        return true;
    if (!m->arch->layered || !spn_reader_meta(m->reader, key, &v) || v.kind != SPN_META_ARRAY ||
        !spn_meta_elem_int(&v, 0, out))
        return false;
    for (uint64_t i = 1; i < v.count; i++)
        if (spn_meta_elem_int(&v, i, &next) && next > *out)
            *out = next;
    return true;
}

/* The first of NAMES, separated by blanks, that config.json has. */
bool lm_hf_int(const struct spn_lm *m, const char *names, int64_t *out)
{
    char key[96];
    int n;

    for (; (n = (int)strcspn(names, " ")) > 0; names += n + (names[n] == ' ')) {
        snprintf(key, sizeof key, "config.%.*s", n, names);
        if (int_or_largest(m, key, out))
            return true;
    }
    return false;
}

bool lm_hf_float(const struct spn_lm *m, const char *names, float *out)
{
    char key[96];
    double v;
    int n;

    for (; (n = (int)strcspn(names, " ")) > 0; names += n + (names[n] == ' ')) {
        snprintf(key, sizeof key, "config.%.*s", n, names);
        if (spn_meta_float(m->reader, key, &v)) {
            *out = (float)v;
            return true;
        }
    }
    return false;
}

static spn_status must_int(const struct spn_lm *m, const char *path, const char *names,
                           int64_t *out, struct spn_err *err)
{
    if (lm_hf_int(m, names, out))
        return SPN_OK;
    return spn_fail(err, SPN_EFORMAT, "%s: config.json: %.*s is missing or not an integer", path,
                    (int)strcspn(names, " "), names);
}

/* NAME of the rotary settings: newer configs keep them in rope_parameters, older ones in
 * rope_scaling. */
static bool rope_float(const struct spn_reader *r, const char *name, double *out)
{
    char key[96];

    snprintf(key, sizeof key, "config.rope_parameters.full_attention.%s", name);
    if (spn_meta_float(r, key, out))
        return true;
    snprintf(key, sizeof key, "config.rope_parameters.%s", name);
    if (spn_meta_float(r, key, out))
        return true;
    snprintf(key, sizeof key, "config.rope_scaling.%s", name);
    return spn_meta_float(r, key, out);
}

static const char *rope_type(const struct spn_reader *r)
{
    static const char *const keys[] = { "config.rope_parameters.full_attention.rope_type",
                                        "config.rope_parameters.rope_type",
                                        "config.rope_scaling.rope_type",
                                        "config.rope_parameters.type", "config.rope_scaling.type" };
    const char *type = NULL;

    for (size_t i = 0; i < sizeof keys / sizeof *keys && type == NULL; i++)
        type = spn_meta_str(r, keys[i]);
    return type != NULL ? type : "default";
}

/* Llama 3's scaling: long waves are slowed by FACTOR, short ones kept, those between blended. */
static spn_status llama3_divisors(struct spn_lm *m, const char *path, struct spn_err *err)
{
    double factor, low, high, original;
    int64_t half = m->shape.n_rot / 2;
    float f[512];

    if (!rope_float(m->reader, "factor", &factor) ||
        !rope_float(m->reader, "low_freq_factor", &low) ||
        !rope_float(m->reader, "high_freq_factor", &high) ||
        !rope_float(m->reader, "original_max_position_embeddings", &original) ||
        !(factor > 0 && low > 0 && high > low && original > 0))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: config.json: llama3 rotary scaling without factor, low_freq_factor < "
                        "high_freq_factor "
                        "and original_max_position_embeddings",
                        path);
    if (half > (int64_t)(sizeof f / sizeof *f))
        return spn_fail(err, SPN_EFORMAT, "%s: %" PRId64 " rotary divisors are too many", path,
                        half);
    for (int64_t i = 0; i < half; i++) {
        double wave = two_pi * pow(m->shape.rope_base, 2.0 * (double)i / (double)m->shape.n_rot);
        double s = (original / wave - low) / (high - low);

        if (wave < original / high)
            f[i] = 1;
        else if (wave > original / low)
            f[i] = (float)factor;
        else
            f[i] = (float)(1 / ((1 - s) / factor + s));
    }
    return lm_rope_divisors(m, f, err);
}

static spn_status yarn(struct spn_lm *m, const char *path, struct spn_err *err)
{
    struct lm_yarn y = {
        .original = (double)m->shape.context, .beta_fast = 32, .beta_slow = 1, .truncate = true
    };
    double attn, mscale = 0, all = 0;

    if (!rope_float(m->reader, "factor", &y.factor))
        return spn_fail(err, SPN_EFORMAT, "%s: config.json: YaRN without a factor", path);
    rope_float(m->reader, "original_max_position_embeddings", &y.original);
    rope_float(m->reader, "beta_fast", &y.beta_fast);
    rope_float(m->reader, "beta_slow", &y.beta_slow);
    spn_meta_bool(m->reader, "config.rope_parameters.truncate", &y.truncate);
    spn_meta_bool(m->reader, "config.rope_scaling.truncate", &y.truncate);
    rope_float(m->reader, "mscale", &mscale);
    rope_float(m->reader, "mscale_all_dim", &all);
    m->shape.rope_mscale = y.factor > 1 ? (float)(0.1 * log(y.factor) + 1) : 1;
    /* DeepSeek's two scales: one of the angles' parts, one of all scores. */
    if (mscale != 0 && all != 0 && y.factor > 1)
        m->shape.rope_mscale =
            (float)((0.1 * mscale * log(y.factor) + 1) / (0.1 * all * log(y.factor) + 1));
    if (rope_float(m->reader, "attention_factor", &attn))
        m->shape.rope_mscale = (float)attn;
    if (m->arch->mix == SPN_MIX_LATENT && all != 0 && y.factor > 1)
        m->shape.attn_scale =
            (float)(pow(0.1 * all * log(y.factor) + 1, 2) / sqrt((double)m->shape.dim_k));
    return lm_rope_yarn(m, &y, err);
}

/* LongRoPE (Ding and others 2024): a list of factors for contexts past the original one. */
static spn_status long_rope(struct spn_lm *m, const char *path, struct spn_err *err)
{
    int64_t half = m->shape.n_rot / 2, old = m->shape.context;
    struct spn_meta list;
    double original, attn, v, ratio;
    bool longer;
    float f[512];
    char key[96];

    if (rope_float(m->reader, "original_max_position_embeddings", &original))
        old = (int64_t)original;
    else
        spn_meta_int(m->reader, "config.original_max_position_embeddings", &old);
    longer = m->shape.context > old;
    snprintf(key, sizeof key, "config.rope_parameters.%s_factor", longer ? "long" : "short");
    if (!spn_reader_meta(m->reader, key, &list)) {
        snprintf(key, sizeof key, "config.rope_scaling.%s_factor", longer ? "long" : "short");
        spn_reader_meta(m->reader, key, &list);
    }
    if (old < 2 || list.kind != SPN_META_ARRAY || list.count != (uint64_t)half ||
        half > (int64_t)(sizeof f / sizeof *f))
        return spn_fail(err, SPN_EFORMAT, "%s: config.json: %s has not %" PRId64 " numbers", path,
                        key, half);
    for (int64_t i = 0; i < half; i++) {
        if (!spn_meta_elem_float(&list, (uint64_t)i, &v) || !(v > 0))
            return spn_fail(err, SPN_EFORMAT, "%s: config.json: %s has a factor that cannot be",
                            path, key);
        f[i] = (float)v;
    }
    ratio = rope_float(m->reader, "factor", &v) ? v : (double)m->shape.context / (double)old;
    m->shape.rope_mscale = rope_float(m->reader, "attention_factor", &attn) ? (float)attn
                           : ratio > 1 ? (float)sqrt(1 + log(ratio) / log((double)old))
                                       : 1;
    return lm_rope_divisors(m, f, err);
}

static spn_status rope(struct spn_lm *m, const char *path, struct spn_err *err)
{
    const char *type = rope_type(m->reader);
    double v;

    m->shape.rope_base = 10000;
    if (spn_meta_float(m->reader, "config.rope_theta", &v) ||
        spn_meta_float(m->reader, "config.rope_freq_constant", &v) ||
        spn_meta_float(m->reader, "config.rotary_emb_base", &v) ||
        rope_float(m->reader, "rope_theta", &v))
        m->shape.rope_base = (float)v;
    m->shape.rope_scale = 1;
    if (strcmp(type, "default") == 0)
        return SPN_OK;
    if (strcmp(type, "llama3") == 0)
        return llama3_divisors(m, path, err);
    if (strcmp(type, "yarn") == 0)
        return yarn(m, path, err);
    if (strcmp(type, "longrope") == 0 || strcmp(type, "su") == 0)
        return long_rope(m, path, err);
    if (strcmp(type, "linear") == 0 && rope_float(m->reader, "factor", &v) && v > 0) {
        m->shape.rope_scale = (float)(1 / v);
        return SPN_OK;
    }
    return spn_fail(err, SPN_EFORMAT,
                    "%s: config.json: rotary scaling \"%.32s\" is not handled (default, linear "
                    "with a factor, llama3, yarn and longrope are)",
                    path, type);
}

/* The hidden layer's function, with or without the gate that the architecture has. */
static spn_status activation(struct spn_lm *m, const char *path, struct spn_err *err)
{
    static const struct {
        const char *hf;
        enum spn_ffn_kind gated, plain;
    } known[] = {
        { "silu", SPN_FFN_SWIGLU, SPN_FFN_SWIGLU },
        { "swish", SPN_FFN_SWIGLU, SPN_FFN_SWIGLU },
        { "swiglu", SPN_FFN_SWIGLU, SPN_FFN_SWIGLU },
        { "gelu", SPN_FFN_GEGLU_ERF, SPN_FFN_GELU_ERF },
        { "gelu_new", SPN_FFN_GEGLU, SPN_FFN_GELU },
        { "gelu_fast", SPN_FFN_GEGLU, SPN_FFN_GELU },
        { "gelu_pytorch_tanh", SPN_FFN_GEGLU, SPN_FFN_GELU },
        { "relu2", SPN_FFN_SWIGLU, SPN_FFN_RELU2 },
    };
    static const char *const keys[] = { "config.hidden_activation", "config.hidden_act",
                                        "config.activation_function", "config.activation",
                                        "config.activation_fn_name" };
    bool gated = lm_gated(m->arch->ffn);
    const char *act = NULL;

    for (size_t i = 0; i < sizeof keys / sizeof *keys && act == NULL; i++)
        act = spn_meta_str(m->reader, keys[i]);
    m->shape.ffn = m->arch->ffn;
    if (act == NULL)
        return SPN_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(act, known[i].hf) == 0) {
            m->shape.ffn = gated ? known[i].gated : known[i].plain;
            if (lm_gated(m->shape.ffn) == gated)
                return SPN_OK;
        }
    return spn_fail(err, SPN_EFORMAT, "%s: config.json: hidden_act \"%.32s\" is not handled", path,
                    act);
}

/* Settings that would change the result and are not handled: said, not ignored. */
static spn_status refuse(const struct spn_lm *m, const char *path, struct spn_err *err)
{
    static const char *const wrong[] = { "qk_layernorm",
                                         "use_qk_norm",
                                         "alibi",
                                         "apply_residual_connection_post_layernorm",
                                         "scale_attn_by_inverse_layer_idx",
                                         "add_cross_attention" };
    const char *positions;
    char key[96];
    struct spn_meta v;
    bool on;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(key, sizeof key, "config.%s", wrong[i]);
        if (spn_meta_bool(m->reader, key, &on) && on)
            return spn_fail(err, SPN_EFORMAT, "%s: config.json: %s is not handled", path, wrong[i]);
    }
    if ((spn_reader_meta(m->reader, "config.clip_qkv", &v) ||
         spn_reader_meta(m->reader, "config.attn_config.clip_qkv", &v)) &&
        (v.kind == SPN_META_FLOAT || v.kind == SPN_META_INT || v.kind == SPN_META_UINT))
        return spn_fail(err, SPN_EFORMAT, "%s: config.json: clip_qkv is not handled", path);
    if (spn_meta_bool(m->reader, "config.use_sliding_window", &on) && on &&
        !spn_reader_meta(m->reader, "config.layer_types", &v))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: config.json: use_sliding_window without layer_types is not handled",
                        path);
    positions = spn_meta_str(m->reader, "config.position_embedding_type");
    if (m->arch->encoder && positions != NULL && strcmp(positions, "absolute") != 0 &&
        m->arch->no_rope)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: config.json: position_embedding_type \"%.32s\" is not handled", path,
                        positions);
    if (spn_reader_meta(m->reader, "config.quantization_config.quant_method", &v) &&
        !(m->arch->sinks && v.kind == SPN_META_STRING && strcmp(v.s, "mxfp4") == 0))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: config.json: quantization_config is not handled: open the unquantised "
                        "folder or a GGUF",
                        path);
    return SPN_OK;
}

/* Scales and caps: 0 where there are none. */
static void scales(struct spn_lm *m)
{
    struct spn_lm_shape *s = &m->shape;
    float v;

    s->embed_scale = m->arch->embed_sqrt ? sqrtf((float)s->n_embd) : 0;
    lm_hf_float(m, "embedding_multiplier", &s->embed_scale);
    lm_hf_float(m, "residual_multiplier", &s->residual_scale);
    lm_hf_float(m, "scale_emb", &s->embed_scale);
    if (lm_hf_float(m, "scale_depth", &v) && s->n_layer > 0)
        s->residual_scale = v / sqrtf((float)s->n_layer);
    if (lm_hf_float(m, "dim_model_base", &v) && v > 0)
        s->logit_scale = v / (float)s->n_embd;
    lm_hf_float(m, "attention_multiplier attn_config.softmax_scale", &s->attn_scale);
    if (lm_hf_float(m, "query_pre_attn_scalar", &v) && v > 0)
        s->attn_scale = 1 / sqrtf(v);
    lm_hf_float(m, "attn_logit_softcapping", &s->attn_cap);
    lm_hf_float(m, "final_logit_softcapping", &s->logit_cap);
    if (lm_hf_float(m, "logits_scaling", &v) && v != 0)
        s->logit_scale = 1 / v;
    lm_hf_float(m, "logit_scale", &s->logit_scale);
    s->alibi =
        m->arch->alibi_layers > 0 && s->n_layer == m->arch->alibi_layers ? 8 : m->arch->alibi;
    lm_hf_float(m, "attn_config.alibi_bias_max", &s->alibi);
    s->base_windowed = m->arch->base_windowed;
    lm_hf_float(m, "rope_local_base_freq rope_parameters.sliding_attention.rope_theta",
                &s->base_windowed);
    s->qk_norm_row = m->arch->qk_norm_row;
    s->parallel = m->arch->parallel;
    spn_meta_bool(m->reader, "config.use_parallel_residual", &s->parallel);
    spn_meta_bool(m->reader, "config.parallel_attn", &s->parallel);
}

/* Falcon's two generations: one key/value head for all, or fused groups. */
static void key_value_heads(struct spn_lm *m)
{
    bool one = false, groups = false;

    m->shape.n_head_kv = m->shape.n_head;
    lm_hf_int(m, "num_key_value_heads num_kv_heads", &m->shape.n_head_kv);
    if (spn_meta_bool(m->reader, "config.new_decoder_architecture", &groups) && !groups &&
        spn_meta_bool(m->reader, "config.multi_query", &one))
        m->shape.n_head_kv = one ? 1 : m->shape.n_head;
}

spn_status lm_bind_hf(struct spn_lm *m, struct spn_err *err)
{
    static const struct lm_slot table = { .at = offsetof(struct spn_lm, embed),
                                          .rows = LM_VOCAB,
                                          .cols = LM_EMBD,
                                          .gguf = "token_embd.weight",
                                          .hf = "model.embed_tokens.weight" };
    const char *path = spn_reader_path(m->reader);
    struct spn_lm_shape *s = &m->shape;
    const struct {
        const char *name;
        int64_t *out;
    } must[] = {
        { "hidden_size n_embd d_model model_dim", &s->n_embd },
        { "num_hidden_layers n_layer n_layers num_layers num_transformer_layers", &s->n_layer },
        { "num_attention_heads n_head n_heads num_query_heads num_heads", &s->n_head },
    };
    static const struct lm_slot output = { .at = offsetof(struct spn_lm, output),
                                           .rows = LM_VOCAB,
                                           .cols = LM_EMBD,
                                           .gguf = "output.weight",
                                           .hf = "lm_head.weight" };
    struct lm_source embed, out;
    bool use_window = true, tie = false;
    double v;
    spn_status st = find_arch(m, path, err);

    bool states = st == SPN_OK && !m->arch->hybrid && m->arch->mix >= SPN_MIX_MAMBA;

    s->n_head = 1; /* of a model without attention */
    for (size_t i = 0; i < sizeof must / sizeof *must - states && st == SPN_OK; i++)
        st = must_int(m, path, must[i].name, must[i].out, err);
    if (st == SPN_OK)
        st = activation(m, path, err);
    if (st == SPN_OK)
        st = refuse(m, path, err);
    if (st != SPN_OK)
        return st;
    if (s->n_head < 1)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: config.json: num_attention_heads is %" PRId64
                        ", it must be at least 1",
                        path, s->n_head);
    s->context = states ? 1 << 20 : 2048;
    if (!lm_hf_int(m,
                   "max_position_embeddings n_positions max_seq_len seq_length max_context_length "
                   "model_max_length",
                   &s->context) &&
        s->alibi == 0 && m->arch->alibi == 0 && !states)
        return must_int(m, path, "max_position_embeddings", &s->context, err);
    s->context -= m->arch->pos_first;
    if (s->n_embd < 1 || s->n_embd > 1 << 20)
        return spn_fail(err, SPN_EFORMAT, "%s: config.json: hidden_size %" PRId64 " cannot be",
                        path, s->n_embd);
    if (!lm_hf_int(m, "intermediate_size n_inner ffn_hidden_size", &s->n_ff))
        s->n_ff = 4 * s->n_embd;
    if (m->arch->layered)
        for (int64_t l = 0, n = 0; l < s->n_layer && lm_scaled_width(m, l, &n); l++)
            s->n_ff = l == 0 || n > s->n_ff ? n : s->n_ff;
    if (lm_hf_int(m, "expansion_ratio", &s->n_ff))
        s->n_ff = s->n_ff < 1 << 10 ? s->n_ff * s->n_embd : 0;
    key_value_heads(m);
    if (!spn_meta_int(m->reader, "config.head_dim", &s->dim_k)) {
        if (s->n_embd % s->n_head != 0)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: hidden size %" PRId64 " cannot be split over %" PRId64 " heads",
                            path, s->n_embd, s->n_head);
        s->dim_k = s->n_embd / s->n_head;
    }
    s->dim_v = s->n_rot = s->dim_k;
    if (spn_meta_float(m->reader, "config.partial_rotary_factor", &v) ||
        spn_meta_float(m->reader, "config.rotary_pct", &v) ||
        rope_float(m->reader, "partial_rotary_factor", &v))
        s->n_rot = v > 0 && v <= 1 ? (int64_t)((double)s->dim_k * v) : -1;
    spn_meta_int(m->reader, "config.rotary_dim", &s->n_rot);
    if (m->arch->no_rope)
        s->n_rot = 0;
    /* Mistral sets a window for every layer; Qwen2 and Qwen3 name one but use it only when told
     * to. */
    if ((spn_meta_bool(m->reader, "config.use_sliding_window", &use_window) && !use_window) ||
        !spn_meta_int(m->reader, "config.sliding_window", &s->window))
        s->window = 0;
    s->norm_eps = 1e-6f;
    if (!lm_hf_float(m, "rms_norm_eps layer_norm_eps layer_norm_epsilon norm_epsilon",
                     &s->norm_eps) &&
        m->arch->norm == SPN_NORM_LAYER)
        s->norm_eps = 1e-5f;
    scales(m);
    m->pairs = m->arch->pairs_hf;
    st = lm_bind_kinds_hf(m, err);
    if (st != SPN_OK)
        return st;
    lm_find_source(m, &table, 0, true, &embed);
    if (embed.e == NULL || embed.e->t.ndim != 2)
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %s is missing or not a matrix", path,
                        embed.name);
    s->n_vocab = embed.e->t.dim[0];
    lm_find_source(m, &output, 0, true, &out);
    spn_meta_bool(m->reader, "config.tie_word_embeddings", &tie);
    s->tied = tie || out.e == NULL;
    m->name = spn_meta_str(m->reader, "config._name_or_path");
    m->chat_template = spn_meta_str(m->reader, "tokenizer_config.chat_template");
    s->rope_base = 10000;
    s->rope_scale = 1;
    st = spn_lm_shape_check(s, path, err);
    if (st == SPN_OK && s->n_rot > 0)
        st = rope(m, path, err);
    return st == SPN_OK ? spn_lm_shape_check(s, path, err) : st;
}
