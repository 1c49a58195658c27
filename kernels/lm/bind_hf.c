/* bind_hf.c - hyper-parameters of a language model from the config.json of a Hugging Face folder.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
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
    size_t n = 0;

    if (!spn_reader_meta(m->reader, "config.architectures", &list) ||
        !spn_meta_elem_str(&list, 0, &name, &n))
        return spn_fail(err, SPN_EFORMAT, "%s: config.json names no architecture", path);
    for (int i = 0; (m->arch = spn_arch_at(i)) != NULL; i++)
        if (among(m->arch->hf_names, name, n))
            return SPN_OK;
    return spn_fail(err, SPN_EFORMAT,
                    "%s: architecture \"%.64s\" is not known (llama, mistral, qwen2 and qwen3 for "
                    "causal language "
                    "models are)",
                    path, name);
}

static spn_status must_int(const struct spn_lm *m, const char *path, const char *name, int64_t *out,
                           struct spn_err *err)
{
    char key[96];

    snprintf(key, sizeof key, "config.%s", name);
    if (spn_meta_int(m->reader, key, out))
        return SPN_OK;
    return spn_fail(err, SPN_EFORMAT, "%s: config.json: %s is missing or not an integer", path,
                    name);
}

/* NAME of the rotary settings: newer configs keep them in rope_parameters, older ones in
 * rope_scaling. */
static bool rope_float(const struct spn_reader *r, const char *name, double *out)
{
    char key[96];

    snprintf(key, sizeof key, "config.rope_parameters.%s", name);
    if (spn_meta_float(r, key, out))
        return true;
    snprintf(key, sizeof key, "config.rope_scaling.%s", name);
    return spn_meta_float(r, key, out);
}

static const char *rope_type(const struct spn_reader *r)
{
    static const char *const keys[] = { "config.rope_parameters.rope_type",
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
    float *f;

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
    f = spn_arena_alloc(m->arena, (size_t)half + 1, sizeof *f);
    if (f == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %" PRId64 " rotary divisors", path,
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
    m->rope_divisors.name = "rope_freqs.weight";
    return spn_tensor_init(&m->rope_divisors.t, SPN_F32, 1, &half, f, err);
}

static spn_status rope(struct spn_lm *m, const char *path, struct spn_err *err)
{
    const char *type = rope_type(m->reader);
    double v;

    m->shape.rope_base = 10000;
    if (spn_meta_float(m->reader, "config.rope_theta", &v) ||
        rope_float(m->reader, "rope_theta", &v))
        m->shape.rope_base = (float)v;
    m->shape.rope_scale = 1;
    if (strcmp(type, "default") == 0)
        return SPN_OK;
    if (strcmp(type, "llama3") == 0)
        return llama3_divisors(m, path, err);
    if (strcmp(type, "linear") == 0 && rope_float(m->reader, "factor", &v) && v > 0) {
        m->shape.rope_scale = (float)(1 / v);
        return SPN_OK;
    }
    return spn_fail(err, SPN_EFORMAT,
                    "%s: config.json: rotary scaling \"%.32s\" is not handled (default, linear "
                    "with a factor, and llama3 are)",
                    path, type);
}

/* Settings that would change the result and are not handled: said, not ignored. */
static spn_status refuse(const struct spn_lm *m, const char *path, struct spn_err *err)
{
    const char *act = spn_meta_str(m->reader, "config.hidden_act");
    bool on;

    if (act != NULL && strcmp(act, "silu") != 0)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: config.json: hidden_act \"%.32s\" is not handled (silu is)", path,
                        act);
    if (spn_meta_bool(m->reader, "config.mlp_bias", &on) && on)
        return spn_fail(err, SPN_EFORMAT, "%s: config.json: mlp_bias is not handled", path);
    if (spn_meta_bool(m->reader, "config.use_sliding_window", &on) && on)
        return spn_fail(
            err, SPN_EFORMAT,
            "%s: config.json: use_sliding_window (windows in some layers) is not handled", path);
    if (spn_reader_meta(m->reader, "config.quantization_config.quant_method",
                        &(struct spn_meta){ 0 }))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: config.json: quantization_config is not handled: open the unquantised "
                        "folder or a GGUF",
                        path);
    return SPN_OK;
}

spn_status lm_bind_hf(struct spn_lm *m, struct spn_err *err)
{
    const char *path = spn_reader_path(m->reader);
    struct spn_lm_shape *s = &m->shape;
    const struct spn_entry *embed = spn_reader_find(m->reader, "model.embed_tokens.weight");
    const struct {
        const char *name;
        int64_t *out;
    } must[] = {
        { "hidden_size", &s->n_embd },
        { "num_hidden_layers", &s->n_layer },
        { "intermediate_size", &s->n_ff },
        { "num_attention_heads", &s->n_head },
        { "max_position_embeddings", &s->context },
    };
    bool use_window = true, tie = false;
    double v;
    spn_status st = find_arch(m, path, err);

    for (size_t i = 0; i < sizeof must / sizeof *must && st == SPN_OK; i++)
        st = must_int(m, path, must[i].name, must[i].out, err);
    if (st == SPN_OK)
        st = refuse(m, path, err);
    if (st != SPN_OK)
        return st;
    if (s->n_head < 1)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: config.json: num_attention_heads is %" PRId64
                        ", it must be at least 1",
                        path, s->n_head);
    if (!spn_meta_int(m->reader, "config.num_key_value_heads", &s->n_head_kv))
        s->n_head_kv = s->n_head;
    if (!spn_meta_int(m->reader, "config.head_dim", &s->dim_k)) {
        if (s->n_embd % s->n_head != 0)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: hidden size %" PRId64 " cannot be split over %" PRId64 " heads",
                            path, s->n_embd, s->n_head);
        s->dim_k = s->n_embd / s->n_head;
    }
    s->dim_v = s->n_rot = s->dim_k;
    if (spn_meta_float(m->reader, "config.partial_rotary_factor", &v) ||
        rope_float(m->reader, "partial_rotary_factor", &v))
        s->n_rot = v > 0 && v <= 1 ? (int64_t)((double)s->dim_k * v) : -1;
    /* Mistral sets a window for every layer; Qwen2 and Qwen3 name one but use it only when told to
     * (refused above). */
    if (spn_meta_bool(m->reader, "config.use_sliding_window", &use_window) ||
        !spn_meta_int(m->reader, "config.sliding_window", &s->window))
        s->window = 0;
    s->norm_eps = spn_meta_float(m->reader, "config.rms_norm_eps", &v) ? (float)v : 1e-6f;
    if (embed == NULL || embed->t.ndim != 2)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tensor model.embed_tokens.weight is missing or not a matrix", path);
    s->n_vocab = embed->t.dim[0];
    spn_meta_bool(m->reader, "config.tie_word_embeddings", &tie);
    s->tied = tie || spn_reader_find(m->reader, "lm_head.weight") == NULL;
    m->pairs = m->arch->pairs_hf;
    m->name = spn_meta_str(m->reader, "config._name_or_path");
    m->chat_template = spn_meta_str(m->reader, "tokenizer_config.chat_template");
    s->rope_base = 10000;
    s->rope_scale = 1;
    st = spn_lm_shape_check(s, path, err);
    if (st == SPN_OK)
        st = rope(m, path, err);
    return st == SPN_OK ? spn_lm_shape_check(s, path, err) : st;
}
