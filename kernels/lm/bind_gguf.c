/* bind_gguf.c - hyper-parameters of a language model from the keys of a GGUF. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lm/bind.h"

struct keys {
    const struct spn_reader *r;
    const char *path, *arch;
    struct spn_err *err;
    spn_status st; /* the first failure */
    char name[128];
};

static const char *key(struct keys *k, const char *suffix)
{
    snprintf(k->name, sizeof k->name, "%s.%s", k->arch, suffix);
    return k->name;
}

/* An integer, or an array of one integer a layer: the largest where layers may differ, else all
 * have to be the same. */
static bool get_int(struct keys *k, const char *suffix, int64_t *out)
{
    const struct spn_arch *arch = spn_arch_find(k->arch);
    struct spn_meta v;
    int64_t first, next;

    if (spn_meta_int(k->r, key(k, suffix), out))
        return true;
    if (!spn_reader_meta(k->r, k->name, &v) || v.kind != SPN_META_ARRAY ||
        !spn_meta_elem_int(&v, 0, &first))
        return false;
    for (uint64_t i = 1; i < v.count; i++)
        if (spn_meta_elem_int(&v, i, &next) && arch != NULL && arch->layered) {
            first = next > first ? next : first;
        } else if (!spn_meta_elem_int(&v, i, &next) || next != first) {
            if (k->st == SPN_OK)
                k->st = spn_fail(k->err, SPN_EFORMAT,
                                 "%s: %s differs between layers, which %s does not do here",
                                 k->path, k->name, k->arch);
            return false;
        }
    *out = first;
    return true;
}

static void must_int(struct keys *k, const char *suffix, int64_t *out)
{
    if (!get_int(k, suffix, out) && k->st == SPN_OK)
        k->st = spn_fail(k->err, SPN_EFORMAT, "%s: key %s is missing or not an integer", k->path,
                         k->name);
}

static void may_int(struct keys *k, const char *suffix, int64_t *out, int64_t absent)
{
    *out = absent;
    get_int(k, suffix, out);
}

static void may_float(struct keys *k, const char *suffix, float *out, float absent)
{
    double v;

    *out = spn_meta_float(k->r, key(k, suffix), &v) ? (float)v : absent;
}

static void fail_rope(struct keys *k, const char *type)
{
    if (k->st == SPN_OK)
        k->st = spn_fail(k->err, SPN_EFORMAT,
                         "%s: rotary scaling \"%s\" is not handled (none, linear, yarn and "
                         "longrope are)",
                         k->path, type);
}

/* Phi-3's factors: the long ones when the model's context is longer than the original. */
static void long_rope(struct keys *k, struct spn_lm *m, float original)
{
    struct spn_lm_shape *s = &m->shape;
    const char *name =
        (float)s->context > original ? "rope_factors_long.weight" : "rope_factors_short.weight";
    const struct spn_entry *e = spn_reader_find(k->r, name);
    double ratio = (double)s->context / (double)original;
    float attn;

    if (e == NULL || !(original > 1))
        return;
    may_float(k, "rope.scaling.attn_factor", &attn,
              ratio > 1 ? (float)sqrt(1 + log(ratio) / log((double)original)) : 1);
    s->rope_mscale = attn;
    if (e->t.ndim != 1 || e->t.dim[0] != s->n_rot / 2 || e->t.dtype != SPN_F32) {
        if (k->st == SPN_OK)
            k->st = spn_fail(k->err, SPN_EFORMAT, "%s: tensor %s has not %" PRId64 " numbers",
                             k->path, name, s->n_rot / 2);
        return;
    }
    if (k->st == SPN_OK)
        k->st = lm_rope_divisors(m, e->t.data, k->err);
}

static void rope_scaling(struct keys *k, struct spn_lm *m)
{
    struct spn_lm_shape *s = &m->shape;
    const char *type = spn_meta_str(k->r, key(k, "rope.scaling.type"));
    float factor, original, fast, slow, attn;

    may_float(k, "rope.scale_linear", &factor, 1);
    may_float(k, "rope.scaling.factor", &factor, factor);
    may_float(k, "rope.scaling.original_context_length", &original, (float)s->context);
    s->rope_scale = 1;
    long_rope(k, m, original);
    if (type != NULL && (strcmp(type, "none") == 0 || strcmp(type, "longrope") == 0))
        return;
    if (!(factor > 0)) {
        if (k->st == SPN_OK)
            k->st = spn_fail(k->err, SPN_EFORMAT, "%s: rotary scaling factor %g cannot be", k->path,
                             (double)factor);
        return;
    }
    if (type != NULL && strcmp(type, "yarn") == 0) {
        may_float(k, "rope.scaling.yarn_beta_fast", &fast, 32);
        may_float(k, "rope.scaling.yarn_beta_slow", &slow, 1);
        may_float(k, "rope.scaling.yarn_attn_factor", &attn, 1);
        may_float(k, "rope.scaling.attn_factor", &attn, attn);
        s->rope_mscale = attn * (float)(0.1 * log((double)factor) + 1);
        if (k->st == SPN_OK)
            k->st = lm_rope_yarn(m,
                                 &(struct lm_yarn){ .factor = (double)factor,
                                                    .original = (double)original,
                                                    .beta_fast = (double)fast,
                                                    .beta_slow = (double)slow,
                                                    .truncate = !m->arch->rope_exact },
                                 k->err);
        return;
    }
    if (type != NULL && strcmp(type, "linear") != 0)
        fail_rope(k, type);
    else
        s->rope_scale = 1 / factor;
}

/* Scales and caps: 0 where the file has none. */
static void scales(struct keys *k, const struct spn_arch *arch, struct spn_lm_shape *s)
{
    may_float(k, "embedding_scale", &s->embed_scale,
              arch->embed_sqrt ? sqrtf((float)s->n_embd) : 0);
    may_float(k, "residual_scale", &s->residual_scale, 0);
    may_float(k, "logit_scale", &s->logit_scale, 0);
    may_float(k, "attention.scale", &s->attn_scale, 0);
    may_float(k, "attn_logit_softcapping", &s->attn_cap,
              strcmp(arch->name, "gemma2") == 0 ? 50 : 0);
    may_float(k, "final_logit_softcapping", &s->logit_cap,
              strcmp(arch->name, "gemma2") == 0 ? 30 : 0);
    may_float(k, "attention.max_alibi_bias", &s->alibi, arch->alibi);
    may_float(k, "rope.freq_base_swa", &s->base_windowed, arch->base_windowed);
    if (arch->alibi_layers > 0 && s->n_layer == arch->alibi_layers)
        may_float(k, "attention.max_alibi_bias", &s->alibi, 8);
    if (strcmp(arch->name, "minicpm") == 0) { /* files from before the keys */
        may_float(k, "embedding_scale", &s->embed_scale, 12);
        may_float(k, "residual_scale", &s->residual_scale, 1.4f / sqrtf((float)s->n_layer));
        may_float(k, "logit_scale", &s->logit_scale, (float)s->n_embd / 256);
    }
    if (arch->divides_logits && s->logit_scale != 0)
        s->logit_scale = 1 / s->logit_scale;
    /* The largest Gemmas scale by the width of a head that they would have without key_length. */
    if ((strcmp(arch->name, "gemma2") == 0 && s->n_layer == 46) ||
        (strcmp(arch->name, "gemma3") == 0 && s->n_layer == 62))
        s->attn_scale = 1 / sqrtf((float)s->n_embd / (float)s->n_head);
    s->ffn = arch->ffn;
    s->qk_norm_row = arch->qk_norm_row;
    s->parallel = arch->parallel;
    if (arch->parallel)
        spn_meta_bool(k->r, key(k, "use_parallel_residual"), &s->parallel);
}

spn_status lm_bind_gguf(struct spn_lm *m, struct spn_err *err)
{
    struct keys k = {
        .r = m->reader, .path = spn_reader_path(m->reader), .err = err, .st = SPN_OK
    };
    struct spn_lm_shape *s = &m->shape;
    const struct spn_entry *embed = spn_reader_find(m->reader, "token_embd.weight");
    const char *type = spn_meta_str(m->reader, "general.type");

    k.arch = spn_meta_str(m->reader, "general.architecture");
    if (k.arch == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: key general.architecture is missing", k.path);
    if (type != NULL && strcmp(type, "model") != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: this GGUF holds \"%.64s\", not a model", k.path,
                        type);
    m->arch = spn_arch_find(k.arch);
    if (m->arch == NULL) {
        char names[1024];

        lm_arch_names(names, sizeof names);
        return spn_fail(err, SPN_EFORMAT, "%s: architecture \"%.64s\" is not known (%s are)",
                        k.path, k.arch, names);
    }
    m->pairs = m->arch->pairs_gguf;
    m->name = spn_meta_str(m->reader, "general.name");
    m->chat_template = spn_meta_str(m->reader, "tokenizer.chat_template");
    must_int(&k, "context_length", &s->context);
    must_int(&k, "embedding_length", &s->n_embd);
    must_int(&k, "block_count", &s->n_layer);
    if (!m->arch->experts || !get_int(&k, "feed_forward_length", &s->n_ff))
        may_int(&k, m->arch->experts ? "expert_feed_forward_length" : "feed_forward_length",
                &s->n_ff, 0);
    may_int(&k, "attention.head_count", &s->n_head, 0);
    if (k.st != SPN_OK)
        return k.st;
    if (s->n_ff == 0 && !m->arch->no_ffn)
        must_int(&k, "feed_forward_length", &s->n_ff);
    if (m->arch->no_ffn && s->n_head == 0)
        s->n_head = 1;
    if (s->n_head == 0)
        must_int(&k, "attention.head_count", &s->n_head);
    if (k.st != SPN_OK)
        return k.st;
    if (s->n_head < 1)
        return spn_fail(err, SPN_EFORMAT, "%s: head count is %" PRId64 ", it must be at least 1",
                        k.path, s->n_head);
    may_int(&k, "attention.head_count_kv", &s->n_head_kv, s->n_head);
    if (s->n_embd % s->n_head != 0 && !get_int(&k, "attention.key_length", &s->dim_k))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: embedding length %" PRId64 " cannot be split over %" PRId64 " heads",
                        k.path, s->n_embd, s->n_head);
    may_int(&k, "attention.key_length", &s->dim_k, s->n_embd / s->n_head);
    may_int(&k, "attention.value_length", &s->dim_v, s->n_embd / s->n_head);
    may_int(&k, "rope.dimension_count", &s->n_rot, s->dim_k);
    may_int(&k, "attention.sliding_window", &s->window, 0);
    may_float(&k, "attention.layer_norm_rms_epsilon", &s->norm_eps, -1);
    may_float(&k, "attention.layer_norm_epsilon", &s->norm_eps, s->norm_eps);
    may_float(&k, "rope.freq_base", &s->rope_base, 10000);
    scales(&k, m->arch, s);
    rope_scaling(&k, m);
    if (k.st == SPN_OK)
        k.st = lm_bind_kinds_gguf(m, err);
    if (k.st != SPN_OK)
        return k.st;
    if (s->n_expert > 0 && !m->arch->experts)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: a mixture of %" PRId64 " experts is not handled in %s", k.path,
                        s->n_expert, m->arch->name);
    if (s->norm_eps < 0)
        return spn_fail(err, SPN_EFORMAT, "%s: key %s is missing", k.path,
                        key(&k, "attention.layer_norm_rms_epsilon"));
    /* The tensor says how many rows there are; the key, where it exists, is informative only. */
    if (embed == NULL || embed->t.ndim != 2)
        return spn_fail(err, SPN_EFORMAT, "%s: tensor token_embd.weight is missing or not a matrix",
                        k.path);
    s->n_vocab = embed->t.dim[0];
    s->tied = spn_reader_find(m->reader, "output.weight") == NULL;
    return spn_lm_shape_check(s, k.path, err);
}
