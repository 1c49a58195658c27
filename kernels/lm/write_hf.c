/* write_hf.c - a language model written as a folder of Hugging Face: config.json and
 * model.safetensors, names and row order of that side. */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "base/file.h"
#include "base/mem.h"
#include "lm/bind.h"

struct out {
    const struct spn_lm *m;
    struct spn_writer *w;
    struct spn_arena *arena; /* converted tensors, until the commit */
    float *row;              /* one row of the widest matrix */
    int dtype;               /* of matrices; -1: as they are, blocks as F16 */
    char name[128];
};

/* What safetensors can hold of W: its own type where nothing else is asked. */
static int type_of(const struct out *o, const struct spn_weight *w)
{
    if (o->dtype >= 0)
        return o->dtype;
    return spn_dtype_info(w->t.dtype)->block_elems > 1 ? SPN_F16 : w->t.dtype;
}

static spn_status add_weight(struct out *o, const struct spn_weight *w, struct spn_err *err)
{
    bool vector = w->t.ndim == 1, turned = o->m->pairs != o->m->arch->pairs_hf;
    int64_t rows = w->t.dim[0], cols = vector ? 1 : w->t.dim[1];
    int to = type_of(o, w);
    uint64_t from_bytes, to_bytes, bytes;
    struct spn_tensor t;
    spn_status st;

    if (!turned && to == w->t.dtype)
        return spn_writer_tensor(o->w, o->name, &w->t);
    if (!spn_dtype_row_bytes(w->t.dtype, cols, &from_bytes) ||
        !spn_dtype_row_bytes(to, cols, &to_bytes) || !spn_mul_u64(to_bytes, (uint64_t)rows, &bytes))
        return spn_fail(err, SPN_EFORMAT, "tensor %s: rows of %" PRId64 " numbers cannot be %s",
                        w->name, cols, spn_dtype_name(to));
    st = spn_tensor_init(&t, to, w->t.ndim, w->t.dim, spn_arena_alloc(o->arena, (size_t)bytes, 1),
                         err);
    if (st == SPN_OK && t.data == NULL)
        st = spn_fail(err, SPN_ENOMEM, "tensor %s: no memory for its %" PRIu64 " bytes as %s",
                      w->name, bytes, spn_dtype_name(to));
    for (int64_t r = 0; r < rows && st == SPN_OK; r++) {
        int64_t from = spn_lm_source_row(o->m, w, o->m->arch->pairs_hf, r);

        st = spn_dequant(w->t.dtype, (const char *)w->t.data + (uint64_t)from * from_bytes, o->row,
                         cols, err);
        if (st == SPN_OK)
            st = spn_quant(to, o->row, (char *)t.data + (uint64_t)r * to_bytes, cols, err);
    }
    return st == SPN_OK ? spn_writer_tensor(o->w, o->name, &t) : st;
}

static spn_status add_weights(struct out *o, struct spn_err *err)
{
    struct spn_lm *m = (struct spn_lm *)o->m; /* only read */
    spn_status st = SPN_OK;

    for (int i = 0; i < lm_n_slots && st == SPN_OK; i++)
        for (int64_t l = 0; l < (lm_slots[i].in_layer ? m->shape.n_layer : 1) && st == SPN_OK;
             l++) {
            const struct spn_weight *w = lm_slot_weight(m, &lm_slots[i], l);

            if (w->t.data == NULL)
                continue;
            if (lm_slots[i].in_layer)
                snprintf(o->name, sizeof o->name, "model.layers.%" PRId64 ".%s", l, lm_slots[i].hf);
            else
                snprintf(o->name, sizeof o->name, "%s", lm_slots[i].hf);
            st = add_weight(o, w, err);
        }
    return st;
}

static json_t *config(const struct spn_lm *m, int dtype)
{
    const struct spn_lm_shape *s = &m->shape;
    bool mistral = s->window > 0 && strcmp(m->arch->name, "llama") == 0;
    const char *class = mistral ? "MistralForCausalLM" : m->arch->hf_names;
    const char *type = dtype == SPN_F32 ? "float32" : dtype == SPN_BF16 ? "bfloat16" : "float16";
    json_t *o =
        json_pack("{s:[s%], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b, s:s, s:s}",
                  "architectures", class, strcspn(class, " "), "model_type",
                  mistral ? "mistral" : m->arch->name, "vocab_size", (json_int_t)s->n_vocab,
                  "hidden_size", (json_int_t)s->n_embd, "num_hidden_layers", (json_int_t)s->n_layer,
                  "intermediate_size", (json_int_t)s->n_ff, "num_attention_heads",
                  (json_int_t)s->n_head, "num_key_value_heads", (json_int_t)s->n_head_kv,
                  "head_dim", (json_int_t)s->dim_k, "max_position_embeddings",
                  (json_int_t)s->context, "rms_norm_eps", (double)s->norm_eps, "rope_theta",
                  (double)s->rope_base, "tie_word_embeddings", s->tied, "torch_dtype", type,
                  "hidden_act", "silu");

    if (o != NULL && s->window > 0)
        json_object_set_new(o, "sliding_window", json_integer(s->window));
    if (o != NULL && s->rope_scale != 1)
        json_object_set_new(o, "rope_scaling",
                            json_pack("{s:s, s:f}", "rope_type", "linear", "factor",
                                      1 / (double)s->rope_scale));
    if (o != NULL && strcmp(m->arch->name, "llama") == 0 && m->layer[0].q_bias.t.data != NULL)
        json_object_set_new(o, "attention_bias", json_true());
    return o;
}

/* What only this form cannot say. */
static spn_status check(const struct spn_lm *m, int dtype, const char *dir, struct spn_err *err)
{
    if (dtype >= 0 && dtype != SPN_F32 && dtype != SPN_F16 && dtype != SPN_BF16)
        return spn_fail(err, SPN_EUSAGE, "%s: matrices can be f32, f16 or bf16 there, not %s", dir,
                        spn_dtype_name(dtype));
    if (m->rope_divisors.t.data != NULL)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: the model has rotary divisors as numbers, config.json has no place "
                        "for them",
                        dir);
    if (m->shape.dim_v != m->shape.dim_k)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: keys of %" PRId64 " and values of %" PRId64
                        " numbers a head; config.json has one figure for both",
                        dir, m->shape.dim_k, m->shape.dim_v);
    if (m->shape.n_rot != m->shape.dim_k)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: %" PRId64 " of %" PRId64 " numbers a head are rotated, which is not "
                        "written",
                        dir, m->shape.n_rot, m->shape.dim_k);
    return SPN_OK;
}

static spn_status write_config(const struct out *o, const char *dir, struct spn_err *err)
{
    json_t *j = config(o->m, type_of(o, &o->m->embed));
    char *text = j != NULL ? json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    char *path = spn_path_join(dir, "config.json");
    spn_status st = text != NULL && path != NULL
                        ? spn_file_write(path, text, strlen(text), err)
                        : spn_fail(err, SPN_ENOMEM, "%s: no memory for its configuration", dir);

    spn_free(path);
    free(text);
    json_decref(j);
    return st;
}

static int64_t widest_row(const struct spn_lm *m)
{
    int64_t n = 1;

    for (int i = 0; i < m->n_list; i++)
        if (m->list[i]->t.ndim == 2 && m->list[i]->t.dim[1] > n)
            n = m->list[i]->t.dim[1];
    return n;
}

spn_status spn_lm_write_hf(const struct spn_lm *m, const char *dir, int dtype, struct spn_err *err)
{
    struct out o = { .m = m, .dtype = dtype };
    char *path = spn_path_join(dir, "model.safetensors");
    spn_status st = check(m, dtype, dir, err);

    o.row = spn_calloc((size_t)widest_row(m), sizeof *o.row);
    o.arena = spn_arena_new(SIZE_MAX / 4);
    if (st == SPN_OK && (path == NULL || o.row == NULL || o.arena == NULL))
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory to write a model", dir);
    if (st == SPN_OK)
        st = spn_safetensors_create(&o.w, path, err);
    if (st == SPN_OK)
        st = spn_writer_str(o.w, "format", "pt", 2);
    if (st == SPN_OK)
        st = add_weights(&o, err);
    if (o.w != NULL && (st == SPN_OK || (err != NULL && err->code != st)))
        st = spn_writer_commit(o.w, err); /* the writer's own calls leave their sentence to it */
    if (st == SPN_OK)
        st = write_config(&o, dir, err);
    spn_writer_free(o.w);
    spn_arena_free(o.arena);
    spn_free(o.row);
    spn_free(path);
    return st;
}
