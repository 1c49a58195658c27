/* bind_source.c - where a weight comes from: the name its source gives it, or rows of a fused
 * matrix; and what the file leaves to rules: which layers have windows, divisors of angles. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lm/bind.h"

static const double pi = 3.141592653589793;

const char *lm_hf_name(const struct spn_arch *arch, const char *ours, size_t n)
{
    for (const struct spn_arch_name *k = arch->hf; k != NULL && k->ours != NULL; k++)
        if (strlen(k->ours) == n && memcmp(k->ours, ours, n) == 0)
            return k->hf;
    return NULL;
}

const char *lm_own_name(const struct spn_arch *arch, bool hf, const char *ours, size_t n)
{
    if (hf)
        return lm_hf_name(arch, ours, n);
    for (const struct spn_arch_name *k = arch->gguf; k != NULL && k->ours != NULL; k++)
        if (strlen(k->ours) == n && memcmp(k->ours, ours, n) == 0)
            return k->hf;
    return NULL;
}

void lm_arch_names(char *text, size_t room)
{
    const struct spn_arch *a, *before = NULL;
    size_t at = 0;

    text[0] = '\0';
    for (int i = 0; (a = spn_arch_at(i)) != NULL && at + 1 < room; i++) {
        if (before != NULL && strcmp(before->name, a->name) == 0)
            continue;
        snprintf(text + at, room - at, "%s%s", at > 0 ? ", " : "", a->name);
        at += strlen(text + at);
        before = a;
    }
}

const char *lm_before_layer(const struct spn_arch *arch, bool hf)
{
    const char *own = hf ? lm_hf_name(arch, "blk", 3) : NULL;

    return own != NULL ? own : hf ? "model.layers." : "blk.";
}

/* Word I of a list separated by blanks; its length, 0 past the end. */
static int word(const char **list)
{
    *list += strspn(*list, " ");
    return (int)strcspn(*list, " ");
}

/* The first of the alternatives NAMES (with SUFFIX) that the source has, under each of the
 * alternatives BEFORE a layer's number. */
const struct spn_entry *lm_find_named(const struct spn_lm *m, const char *before, int64_t layer,
                                      const char *names, const char *suffix, char *name,
                                      size_t room)
{
    const struct spn_entry *e = NULL;
    const char *lead = m->name_lead != NULL ? m->name_lead : "";
    int n, len;

    if (m->name_tail != NULL)
        suffix = strcmp(suffix, ".weight") == 0 ? m->name_tail : "-"; /* adapters have no biases */
    for (const char *b = before; e == NULL; b += n) {
        n = word(&b);
        for (const char *w = names; e == NULL && (len = word(&w)) > 0; w += len) {
            if (n > 0)
                snprintf(name, room, "%s%.*s%" PRId64 ".%.*s%s", lead, n, b, layer, len, w, suffix);
            else
                snprintf(name, room, "%s%.*s%s", lead, len, w, suffix);
            e = spn_reader_find(m->reader, name);
        }
        if (n == 0 || b[n] == '\0')
            break;
    }
    return e;
}

/* Name of a fused matrix, with suffix, in this source. */
static const struct spn_entry *find_fused(const struct spn_lm *m, const char *ours, bool hf,
                                          const char *before, int64_t layer, const char *suffix,
                                          struct lm_source *s)
{
    const char *names = hf                                 ? lm_hf_name(m->arch, ours, strlen(ours))
                        : strcmp(ours, "ffn_gate_up") == 0 ? "ffn_up"
                                                           : ours;

    if (names == NULL)
        return NULL;
    return lm_find_named(m, before, layer, names, suffix, s->name, sizeof s->name);
}

/* Rows of q, k or v in a fused matrix. */
static void part_of_qkv(const struct spn_lm *m, enum lm_dim rows, int64_t l, bool hf,
                        struct lm_source *s)
{
    const struct spn_lm_shape *h = &m->shape;
    const struct spn_lm_layer *w = &m->layer[l];
    int64_t q = w->n_head * h->dim_k, k = w->n_head_kv * h->dim_k, v = w->n_head_kv * h->dim_v;
    int64_t group = w->n_head / w->n_head_kv * h->dim_k;

    s->rows = q + k + v;
    if (!hf || m->arch->qkv_hf == SPN_QKV_BLOCKS) {
        s->first = rows == LM_Q ? 0 : rows == LM_K ? q : q + k;
        return;
    }
    s->first = rows == LM_Q ? 0 : rows == LM_K ? group : group + h->dim_k;
    s->run = rows == LM_Q ? group : rows == LM_K ? h->dim_k : h->dim_v;
    s->step = group + h->dim_k + h->dim_v;
}

void lm_find_source(const struct spn_lm *m, const struct lm_slot *slot, int64_t layer, bool hf,
                    struct lm_source *s)
{
    const char *suffix = strrchr(slot->gguf, '.'), *names, *before = lm_before_layer(m->arch, hf);
    size_t base = (size_t)(suffix - slot->gguf);
    char fallback[96];

    *s = (struct lm_source){ .rows = lm_dim_of(m, slot->rows, layer) };
    s->transposed = hf && m->arch->transposed_hf && slot->in_layer && slot->cols != LM_NONE;
    snprintf(fallback, sizeof fallback, "%.*s", (int)base, slot->gguf);
    names = fallback;
    if (!hf && lm_own_name(m->arch, false, slot->gguf, base) != NULL) {
        names = lm_own_name(m->arch, false, slot->gguf, base);
    } else if (hf) {
        names = lm_hf_name(m->arch, slot->gguf, base);
        if (names == NULL && slot->hf != NULL) {
            snprintf(fallback, sizeof fallback, "%.*s", (int)(strrchr(slot->hf, '.') - slot->hf),
                     slot->hf);
            names = fallback;
        }
    } else if (strcmp(m->arch->name, "falcon") == 0 && strncmp(slot->gguf, "attn_norm.", 10) == 0) {
        /* The larger Falcons name the norm before attention second. */
        names = "attn_norm_2 attn_norm";
    } else if (strcmp(m->arch->name, "falcon") == 0 && strncmp(slot->gguf, "ffn_norm.", 9) == 0 &&
               lm_find_named(m, before, layer, "attn_norm_2", ".weight", s->name, sizeof s->name) !=
                   NULL) {
        names = "attn_norm";
    }
    if (hf && slot->rows == LM_CONTEXT) {
        s->first = m->arch->pos_first;
        s->rows += s->first;
    }
    if (names != NULL && *names != '\0')
        s->e = lm_find_named(m, slot->in_layer ? before : "", layer, names, suffix, s->name,
                             sizeof s->name);
    if (slot->in_layer && (slot->rows == LM_Q || slot->rows == LM_K || slot->rows == LM_V) &&
        s->e == NULL) {
        s->e = find_fused(m, "attn_qkv", hf, before, layer, suffix, s);
        if (s->e != NULL)
            part_of_qkv(m, slot->rows, layer, hf, s);
    } else if (slot->rows == LM_FF && lm_gated(m->shape.ffn) &&
               (slot->need == LM_GATE || s->e == NULL ||
                s->e->t.dim[0] == 2 * lm_dim_of(m, LM_FF, layer))) {
        const struct spn_entry *e =
            s->e != NULL && slot->need == LM_GATE
                ? NULL
                : find_fused(m, "ffn_gate_up", hf, before, layer, suffix, s);

        int64_t n_ff = lm_dim_of(m, LM_FF, layer);

        if (e != NULL && e->t.dim[0] == 2 * n_ff) {
            s->e = e;
            s->rows = 2 * n_ff;
            s->first = strncmp(slot->gguf, "ffn_gate", 8) == 0 ? 0 : n_ff;
        }
    }
}

/* ---- layers ---- */

/* Element L of the list NAME of a folder's settings as a truth: of layer types, is it a window? */
static bool listed(const struct spn_lm *m, const char *name, int64_t l, bool *yes)
{
    struct spn_meta v;
    const char *type;
    int64_t flag;
    size_t n;

    if (!spn_reader_meta(m->reader, name, &v) || v.kind != SPN_META_ARRAY)
        return false;
    if (spn_meta_elem_str(&v, (uint64_t)l, &type, &n)) {
        *yes = n >= 7 && memcmp(type, "sliding", 7) == 0;
        return true;
    }
    if (!spn_meta_elem_int(&v, (uint64_t)l, &flag))
        return false;
    *yes = flag != 0;
    return true;
}

static bool every(int n, int64_t l)
{
    return n > 0 && (l + 1) % n == 0;
}

bool lm_layer_int(const struct spn_lm *m, const char *key, int64_t l, int64_t *out)
{
    struct spn_meta v;

    if (spn_meta_int(m->reader, key, out))
        return true;
    return spn_reader_meta(m->reader, key, &v) && v.kind == SPN_META_ARRAY &&
           spn_meta_elem_int(&v, (uint64_t)l, out);
}

/* OpenELM's widths: the multiplier times the model's, rounded to a multiple of DIVISOR as its code
 * does. */
static int64_t rounded_width(double v, int64_t divisor)
{
    int64_t n = (int64_t)((v + (double)divisor / 2) / (double)divisor) * divisor;

    n = n > divisor ? n : divisor;
    return (double)n < 0.9 * v ? n + divisor : n;
}

bool lm_scaled_width(const struct spn_lm *m, int64_t l, int64_t *n_ff)
{
    int64_t divisor = 256;
    struct spn_meta v;
    double times;

    spn_meta_int(m->reader, "config.ffn_dim_divisor", &divisor);
    if (!spn_reader_meta(m->reader, "config.ffn_multipliers", &v) || v.kind != SPN_META_ARRAY ||
        !spn_meta_elem_float(&v, (uint64_t)l, &times) || !(times > 0 && times < 1024) ||
        divisor < 1 || divisor > 1 << 20)
        return false;
    *n_ff = rounded_width(times * (double)m->shape.n_embd, divisor);
    return true;
}

/* Heads and width of layer L, where the file has a list of them. */
static void layer_sizes(const struct spn_lm *m, int64_t l, bool hf, struct spn_lm_layer *w)
{
    char key[96];

    if (hf) {
        lm_layer_int(m, "config.num_query_heads", l, &w->n_head);
        lm_layer_int(m, "config.num_kv_heads", l, &w->n_head_kv);
        lm_scaled_width(m, l, &w->n_ff);
        return;
    }
    snprintf(key, sizeof key, "%s.attention.head_count", m->arch->name);
    lm_layer_int(m, key, l, &w->n_head);
    snprintf(key, sizeof key, "%s.attention.head_count_kv", m->arch->name);
    lm_layer_int(m, key, l, &w->n_head_kv);
    snprintf(key, sizeof key, "%s.feed_forward_length", m->arch->name);
    lm_layer_int(m, key, l, &w->n_ff);
}

spn_status lm_plan_layers(struct spn_lm *m, bool hf, struct spn_err *err)
{
    bool no_rope = m->arch->no_rope ||
                   (m->arch->alibi_layers > 0 && m->shape.n_layer == m->arch->alibi_layers);

    for (int64_t l = 0; l < m->shape.n_layer; l++) {
        struct spn_lm_layer *w = &m->layer[l];
        bool rope = true;

        w->n_head = m->shape.n_head;
        w->n_head_kv = m->shape.n_head_kv;
        w->n_ff = m->shape.n_ff;
        if (m->arch->layered && m->reader != NULL)
            layer_sizes(m, l, hf, w);
        w->mix = m->arch->hybrid && m->reader != NULL && lm_layer_attends(m, l, hf)
                     ? SPN_MIX_ATTENTION
                     : m->arch->mix;
        if (m->arch->hybrid && w->mix != SPN_MIX_ATTENTION)
            w->n_head_kv = m->shape.n_head_kv;
        if (w->n_head < 1 || w->n_head > m->shape.n_head || w->n_head_kv < 1 ||
            w->n_head % w->n_head_kv != 0 || w->n_ff < 1 || w->n_ff > m->shape.n_ff)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: layer %" PRId64 ": %" PRId64 " heads on %" PRId64
                            " of keys and a width of %" PRId64 " cannot be",
                            m->reader != NULL ? spn_reader_path(m->reader) : m->arch->name, l,
                            w->n_head, w->n_head_kv, w->n_ff);
        w->windowed = m->shape.window > 0 && !every(m->arch->full_every, l);
        if (hf)
            listed(m, "config.layer_types", l, &w->windowed);
        w->window = w->windowed ? m->shape.window : 0;
        w->nope = no_rope || every(m->arch->nope_every, l) ||
                  (m->arch->full_is_nope && m->shape.window > 0 && !w->windowed);
        if (hf && listed(m, "config.no_rope_layers", l, &rope))
            w->nope = !rope;
    }
    return SPN_OK;
}

/* ---- angles ---- */

spn_status lm_rope_divisors(struct spn_lm *m, const float *f, struct spn_err *err)
{
    int64_t half = m->shape.n_rot / 2;
    float *kept = spn_arena_alloc(m->arena, (size_t)half + 1, sizeof *kept);

    if (kept == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %" PRId64 " rotary divisors",
                        spn_reader_path(m->reader), half);
    memcpy(kept, f, (size_t)half * sizeof *f);
    m->rope_divisors.name = "rope_freqs.weight";
    return spn_tensor_init(&m->rope_divisors.t, SPN_F32, 1, &half, kept, err);
}

/* The pair whose wave turns TURNS times in the original context. */
static double pair_of(const struct spn_lm_shape *s, double original, double turns)
{
    return (double)s->n_rot * log(original / (turns * 2 * pi)) / (2 * log((double)s->rope_base));
}

spn_status lm_rope_yarn(struct spn_lm *m, const struct lm_yarn *y, struct spn_err *err)
{
    const struct spn_lm_shape *s = &m->shape;
    float f[512];
    double low, high;

    if (!(y->factor > 0 && y->original > 0 && y->beta_fast > y->beta_slow && y->beta_slow > 0) ||
        s->n_rot > 2 * (int64_t)(sizeof f / sizeof *f))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: YaRN with factor %g from %g positions, betas %g and %g cannot be",
                        spn_reader_path(m->reader), y->factor, y->original, y->beta_fast,
                        y->beta_slow);
    low = pair_of(s, y->original, y->beta_fast);
    high = pair_of(s, y->original, y->beta_slow);
    if (y->truncate) {
        low = floor(low);
        high = ceil(high);
    }
    low = low > 0 ? low : 0;
    high = high < (double)s->n_rot - 1 ? high : (double)s->n_rot - 1;
    if (low == high)
        high += 0.001;
    for (int64_t i = 0; i < s->n_rot / 2; i++) {
        double ramp = ((double)i - low) / (high - low);

        ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
        f[i] = (float)(1 / (ramp / y->factor + 1 - ramp));
    }
    return lm_rope_divisors(m, f, err);
}
