/* write.c - a language model written as GGUF in llama's conventions. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "lm/bind.h"

/* general.file_type of a file whose matrices are DTYPE. */
static uint32_t file_type(int dtype)
{
    switch (dtype) {
    case SPN_F16:
        return 1;
    case SPN_Q4_0:
        return 2;
    case SPN_Q8_0:
        return 7;
    case SPN_Q4_K:
        return 14;
    case SPN_Q6_K:
        return 18;
    case SPN_BF16:
        return 32;
    default:
        return 0;
    }
}

/* DTYPE, or the next type whose blocks divide rows of N numbers. */
static int type_for_row(int dtype, int64_t n)
{
    uint64_t bytes;

    if (spn_dtype_row_bytes(dtype, n, &bytes))
        return dtype;
    dtype = dtype == SPN_Q4_K ? SPN_Q4_0 : SPN_Q8_0;
    return spn_dtype_row_bytes(dtype, n, &bytes) ? dtype : SPN_F16;
}

/* Row that row R takes when halves of a head become neighbouring pairs; only the first n_rot rows
   of a head are in pairs. */
static int64_t row_of_halves(const struct spn_lm_shape *s, int64_t r)
{
    int64_t head = r / s->dim_k * s->dim_k, i = r % s->dim_k;

    return i < s->n_rot ? head + i / 2 + i % 2 * (s->n_rot / 2) : r;
}

/* And when neighbours become halves. */
static int64_t row_of_neighbours(const struct spn_lm_shape *s, int64_t r)
{
    int64_t head = r / s->dim_k * s->dim_k, i = r % s->dim_k, half = s->n_rot / 2;

    return i < s->n_rot ? head + i % half * 2 + i / half : r;
}

int64_t spn_lm_source_row(const struct spn_lm *m, const struct spn_weight *w,
                          enum spn_rope_pairs pairs, int64_t r)
{
    if (pairs == m->pairs)
        return r;
    for (int i = 0; i < lm_n_slots; i++) {
        size_t n = strlen(w->name), tail = strlen(lm_slots[i].gguf);

        if (lm_slot_rotates(&lm_slots[i]) && n > tail && w->name[n - tail - 1] == '.' &&
            strcmp(w->name + n - tail, lm_slots[i].gguf) == 0)
            return pairs == SPN_ROPE_NORMAL ? row_of_halves(&m->shape, r)
                                            : row_of_neighbours(&m->shape, r);
    }
    return r;
}

struct out {
    const struct spn_lm *m;
    struct spn_writer *w;
    struct spn_arena *arena; /* converted tensors, until the commit */
    float *row;              /* one row of the widest matrix */
    bool permute;
};

/* W converted row by row; a vector is one row, or single numbers when it is permuted. */
static spn_status add_weight(struct out *o, const struct spn_weight *w, const struct lm_slot *slot,
                             int dtype, struct spn_err *err)
{
    bool vector = w->t.ndim == 1, permute = o->permute && slot != NULL && lm_slot_rotates(slot);
    int64_t rows = vector ? 1 : w->t.dim[0], cols = vector ? w->t.dim[0] : w->t.dim[1];
    int to = vector ? SPN_F32 : type_for_row(dtype, cols);
    struct spn_tensor t;
    uint64_t from_bytes, to_bytes, bytes;
    spn_status st = SPN_OK;

    if (!spn_dtype_row_bytes(w->t.dtype, cols, &from_bytes) ||
        !spn_dtype_row_bytes(to, cols, &to_bytes) || !spn_mul_u64(to_bytes, (uint64_t)rows, &bytes))
        return spn_fail(err, SPN_EFORMAT, "tensor %s: rows of %" PRId64 " numbers cannot be %s",
                        w->name, cols, spn_dtype_name(to));
    if (!permute && to == w->t.dtype)
        return spn_writer_tensor(o->w, w->name, &w->t);
    st = spn_tensor_init(&t, to, w->t.ndim, w->t.dim, spn_arena_alloc(o->arena, (size_t)bytes, 1),
                         err);
    if (st == SPN_OK && t.data == NULL)
        st = spn_fail(err, SPN_ENOMEM, "tensor %s: no memory for its %" PRIu64 " bytes as %s",
                      w->name, bytes, spn_dtype_name(to));
    for (int64_t r = 0; r < rows && st == SPN_OK; r++) {
        int64_t from = permute && !vector ? row_of_halves(&o->m->shape, r) : r;

        st = spn_dequant(w->t.dtype, (const char *)w->t.data + (uint64_t)from * from_bytes, o->row,
                         cols, err);
        if (st == SPN_OK && permute && vector)
            for (int64_t i = 0; i < cols; i++)
                ((float *)t.data)[i] = o->row[row_of_halves(&o->m->shape, i)];
        else if (st == SPN_OK)
            st = spn_quant(to, o->row, (char *)t.data + (uint64_t)r * to_bytes, cols, err);
    }
    return st == SPN_OK ? spn_writer_tensor(o->w, w->name, &t) : st;
}

static spn_status add_weights(struct out *o, int dtype, struct spn_err *err)
{
    struct spn_lm *m = (struct spn_lm *)o->m; /* only read */
    spn_status st = SPN_OK;

    for (int i = 0; i < lm_n_slots && st == SPN_OK; i++)
        for (int64_t l = 0; l < (lm_slots[i].in_layer ? m->shape.n_layer : 1) && st == SPN_OK;
             l++) {
            struct spn_weight *w = lm_slot_weight(m, &lm_slots[i], l);

            if (w->t.data != NULL)
                st = add_weight(o, w, &lm_slots[i], dtype, err);
        }
    if (st == SPN_OK && m->rope_divisors.t.data != NULL)
        st = add_weight(o, &m->rope_divisors, NULL, dtype, err);
    return st;
}

static spn_status put_u32(struct spn_writer *w, const char *arch, const char *suffix, int64_t v)
{
    char key[96];

    snprintf(key, sizeof key, "%s.%s", arch, suffix);
    return spn_writer_u32(w, key, (uint32_t)v);
}

static spn_status put_f32(struct spn_writer *w, const char *arch, const char *suffix, float v)
{
    char key[96];

    snprintf(key, sizeof key, "%s.%s", arch, suffix);
    return spn_writer_f32(w, key, v);
}

static spn_status put_str(struct spn_writer *w, const char *key, const char *s)
{
    return spn_writer_str(w, key, s, strlen(s));
}

static spn_status add_keys(struct spn_writer *w, const struct spn_lm *m, int dtype,
                           const char *name)
{
    const struct spn_lm_shape *s = &m->shape;
    const char *a = m->arch->name;
    const struct {
        const char *suffix;
        int64_t v;
    } ints[] = {
        { "context_length", s->context },      { "embedding_length", s->n_embd },
        { "block_count", s->n_layer },         { "feed_forward_length", s->n_ff },
        { "attention.head_count", s->n_head }, { "attention.head_count_kv", s->n_head_kv },
        { "attention.key_length", s->dim_k },  { "attention.value_length", s->dim_v },
        { "rope.dimension_count", s->n_rot },  { "vocab_size", s->n_vocab },
    };
    char key[96];
    spn_status st = put_str(w, "general.architecture", a);

    if (st == SPN_OK && name != NULL)
        st = put_str(w, "general.name", name);
    if (st == SPN_OK)
        st = spn_writer_u32(w, "general.file_type", file_type(dtype));
    if (st == SPN_OK)
        st = spn_writer_u32(w, "general.quantization_version", 2);
    for (size_t i = 0; i < sizeof ints / sizeof *ints && st == SPN_OK; i++)
        st = put_u32(w, a, ints[i].suffix, ints[i].v);
    if (st == SPN_OK && s->window > 0)
        st = put_u32(w, a, "attention.sliding_window", s->window);
    if (st == SPN_OK)
        st = put_f32(w, a, "attention.layer_norm_rms_epsilon", s->norm_eps);
    if (st == SPN_OK)
        st = put_f32(w, a, "rope.freq_base", s->rope_base);
    if (st == SPN_OK && s->rope_scale != 1) {
        snprintf(key, sizeof key, "%s.rope.scaling.type", a);
        st = put_str(w, key, "linear");
        if (st == SPN_OK)
            st = put_f32(w, a, "rope.scaling.factor", 1 / s->rope_scale);
    }
    return st;
}

static int64_t widest_row(const struct spn_lm *m)
{
    int64_t n = m->shape.n_rot;

    for (int i = 0; i < m->n_list; i++) {
        const struct spn_tensor *t = &m->list[i]->t;

        if (t->dim[t->ndim - 1] > n)
            n = t->dim[t->ndim - 1];
    }
    return n;
}

spn_status spn_lm_write_gguf(const struct spn_lm *m, const char *path, int dtype,
                             const struct spn_tokenizer *tok, const char *name,
                             const char *chat_template, const char *prompts, struct spn_err *err)
{
    const struct spn_dtype_info *info = spn_dtype_info(dtype);
    struct out o = { .m = m,
                     .permute =
                         m->pairs == SPN_ROPE_NEOX && m->arch->pairs_gguf == SPN_ROPE_NORMAL };
    spn_status st;

    if (info == NULL || !info->encode)
        return spn_fail(err, SPN_EUSAGE, "%s: tensors cannot be written as %s", path,
                        spn_dtype_name(dtype));
    if (!m->arch->writes || m->shape.n_expert > 0)
        return spn_fail(err, SPN_EUSAGE, "%s: models of architecture %s%s cannot be written yet",
                        path, m->arch->name, m->shape.n_expert > 0 ? " with experts" : "");
    o.row = spn_calloc((size_t)widest_row(m), sizeof *o.row);
    o.arena = spn_arena_new(SIZE_MAX / 4);
    if (o.row == NULL || o.arena == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory to write a model", path);
    else
        st = spn_gguf_create(&o.w, path, err);
    if (st == SPN_OK)
        st = add_keys(o.w, m, dtype, name);
    if (st == SPN_OK && tok != NULL && (st = spn_tokenizer_write(tok, o.w)) == SPN_EUSAGE)
        spn_fail(err, st, "%s: a WordPiece tokenizer cannot be written to a GGUF", path);
    if (st == SPN_OK && chat_template != NULL &&
        (tok == NULL || spn_tokenizer_chat_template(tok) == NULL))
        st = put_str(o.w, "tokenizer.chat_template", chat_template);
    if (st == SPN_OK && prompts != NULL)
        st = put_str(o.w, "spinney.prompts", prompts);
    if (st == SPN_OK)
        st = add_weights(&o, dtype, err);
    if (st == SPN_OK)
        st = spn_writer_commit(o.w, err);
    else if (err != NULL && err->code != st)
        spn_fail(err, st, "%s: no memory to write a model",
                 path); /* the writer's own calls leave no sentence */
    spn_writer_free(o.w);
    spn_arena_free(o.arena);
    spn_free(o.row);
    return st;
}
