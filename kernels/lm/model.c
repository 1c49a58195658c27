/* model.c - opening a language model: weights found by name, checked by shape, mapped, and packed
 * for products. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "lm/bind.h"
#include "lm/lora.h"

void spn_lm_options_default(struct spn_lm_options *o)
{
    *o = (struct spn_lm_options){ .act = SPN_ACT_INT8, .pack = true, .tokenizer = true };
}

/* What the packed form of a matrix takes, nearly: its own bytes with rows filled up to a panel of
 * 32, and a sixteenth for scales. */
static uint64_t packed_estimate(const struct spn_tensor *t)
{
    uint64_t row, bytes;

    if (!spn_dtype_row_bytes(t->dtype, t->dim[1], &row) ||
        !spn_mul_u64(row, ((uint64_t)t->dim[0] + 31) / 32 * 32, &bytes))
        return UINT64_MAX / 2;
    return bytes + bytes / 16;
}

static bool aligned(const struct spn_tensor *t)
{
    const struct spn_dtype_info *info = spn_dtype_info(t->dtype);

    return info->block_elems != 1 || (uintptr_t)t->data % (uintptr_t)info->block_bytes == 0;
}

/* The source of SLOT has the shape and a type that it can have. */
static spn_status check_entry(const struct spn_lm *m, const struct lm_slot *slot, int64_t l,
                              const struct lm_source *src, struct spn_err *err)
{
    const char *path = spn_reader_path(m->reader);
    const struct spn_entry *e = src->e;
    const struct spn_dtype_info *info = spn_dtype_info(e->t.dtype);
    int64_t cols = lm_dim_of(m, slot->cols, l);
    int ndim = slot->cols == LM_NONE ? 1 : 2, in = src->transposed ? 0 : 1;
    char want[64], got[128];

    if (info == NULL || !info->decode)
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %s has type %s, which is not handled", path,
                        e->name, spn_dtype_name(e->t.dtype));
    /* A matrix of one row may be written as a vector. */
    if (slot->rows == LM_ONE && e->t.ndim == 1 && e->t.dim[0] == cols)
        return SPN_OK;
    if (e->t.ndim == ndim && (ndim == 1 ? e->t.dim[0] == src->rows
                                        : e->t.dim[1 - in] == src->rows && e->t.dim[in] == cols))
        return SPN_OK;
    if (ndim == 1)
        snprintf(want, sizeof want, "[%" PRId64 "]", src->rows);
    else
        snprintf(want, sizeof want, "[%" PRId64 ", %" PRId64 "]",
                 src->transposed ? cols : src->rows, src->transposed ? src->rows : cols);
    spn_tensor_shape_text(&e->t, got, sizeof got);
    return spn_fail(err, SPN_EFORMAT, "%s: tensor %s is %s, the hyper-parameters ask for %s", path,
                    e->name, got, want);
}

static spn_status name_weight(struct spn_lm *m, const struct lm_slot *slot, int64_t l,
                              struct spn_weight *w, struct spn_err *err)
{
    char name[96];

    if (slot->in_layer)
        snprintf(name, sizeof name, "blk.%" PRId64 ".%s", l, slot->gguf);
    else
        snprintf(name, sizeof name, "%s", slot->gguf);
    w->name = spn_arena_strndup(m->arena, name, strlen(name));
    return w->name != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "weight %s: no memory", name);
}

/* Row of the source that row R of the weight is. */
static int64_t source_row(const struct lm_source *src, int64_t r)
{
    return src->first + (src->run > 0 ? r / src->run * src->step + r % src->run : r);
}

static spn_status no_room(const struct spn_lm *m, const struct spn_entry *e, uint64_t bytes,
                          struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "%s: no memory for the %" PRIu64 " bytes of %s",
                    spn_reader_path(m->reader), bytes, e->name);
}

/* Vectors are read by ops as floats, whatever the file's type: a copy in f32. */
static spn_status take_vector(struct spn_lm *m, const struct lm_slot *slot, int64_t l,
                              const struct lm_source *src, bool hf, struct spn_weight *w,
                              struct spn_err *err)
{
    int64_t n = lm_dim_of(m, slot->rows, l);
    float *all = spn_arena_alloc(m->arena, (size_t)src->rows, sizeof *all), *f = all;
    float more = hf && m->arch->norm_plus_one && strstr(slot->gguf, "norm.weight") != NULL ? 1 : 0;
    spn_status st;

    if (all != NULL && n != src->rows)
        f = spn_arena_alloc(m->arena, (size_t)n, sizeof *f);
    if (f == NULL)
        return no_room(m, src->e, (uint64_t)src->rows * sizeof *f, err);
    st = spn_dequant(src->e->t.dtype, src->e->t.data, all, src->rows, err);
    for (int64_t i = 0; i < n && st == SPN_OK; i++)
        f[i] = all[source_row(src, i)] + more;
    return st == SPN_OK ? spn_tensor_init(&w->t, SPN_F32, 1, &n, f, err) : st;
}

/* The rows of a matrix whose source is [in, out], as floats. */
static spn_status take_transposed(struct spn_lm *m, const struct lm_source *src, int64_t n,
                                  int64_t k, struct spn_weight *w, struct spn_err *err)
{
    const struct spn_entry *e = src->e;
    uint64_t row_bytes = 0, bytes = 0;
    float *row = NULL, *f = NULL;
    const int64_t dim[2] = { n, k };
    spn_status st = SPN_OK;

    if (spn_mul_u64((uint64_t)n * sizeof *f, (uint64_t)k, &bytes) &&
        spn_dtype_row_bytes(e->t.dtype, src->rows, &row_bytes)) {
        row = spn_calloc((size_t)src->rows, sizeof *row);
        f = spn_arena_alloc(m->arena, (size_t)bytes, 1);
    }
    if (row == NULL || f == NULL)
        st = no_room(m, e, bytes, err);
    for (int64_t c = 0; c < k && st == SPN_OK; c++) {
        st = spn_dequant(e->t.dtype, (const char *)e->t.data + (uint64_t)c * row_bytes, row,
                         src->rows, err);
        for (int64_t r = 0; r < n && st == SPN_OK; r++)
            f[r * k + c] = row[source_row(src, r)];
    }
    spn_free(row);
    return st == SPN_OK ? spn_tensor_init(&w->t, SPN_F32, 2, dim, f, err) : st;
}

/* A matrix stays in the mapping in its own type; rows that lie apart, and plain numbers that lie
 * askew, are copied. */
static spn_status take_matrix(struct spn_lm *m, const struct lm_slot *slot, int64_t l,
                              const struct lm_source *src, struct spn_weight *w,
                              struct spn_err *err)
{
    const struct spn_entry *e = src->e;
    const int64_t dim[2] = { lm_dim_of(m, slot->rows, l), lm_dim_of(m, slot->cols, l) };
    uint64_t row_bytes, bytes;
    char *data;
    spn_status st;

    if (src->transposed)
        return take_transposed(m, src, dim[0], dim[1], w, err);
    if (!spn_dtype_row_bytes(e->t.dtype, dim[1], &row_bytes) ||
        !spn_mul_u64(row_bytes, (uint64_t)dim[0], &bytes))
        return spn_fail(err, SPN_EFORMAT, "%s: rows of %" PRId64 " numbers of %s cannot be %s",
                        spn_reader_path(m->reader), dim[1], e->name, spn_dtype_name(e->t.dtype));
    st = spn_tensor_init(&w->t, e->t.dtype, 2, dim,
                         (char *)e->t.data + (uint64_t)src->first * row_bytes, err);
    m->bytes_mapped += bytes;
    if (st != SPN_OK || (aligned(&w->t) && src->run == 0))
        return st;
    data = spn_arena_alloc(m->arena, (size_t)bytes, 1);
    if (data == NULL)
        return no_room(m, e, bytes, err);
    for (int64_t r = 0; r < dim[0]; r++)
        memcpy(data + (uint64_t)r * row_bytes,
               (const char *)e->t.data + (uint64_t)source_row(src, r) * row_bytes,
               (size_t)row_bytes);
    w->t.data = data;
    return SPN_OK;
}

/* The rows of a matrix scaled to a length of 1, in f32. */
static spn_status take_unit_rows(struct spn_lm *m, struct spn_weight *w, struct spn_err *err)
{
    int64_t n = w->t.dim[0], k = w->t.dim[1];
    float *f = spn_arena_alloc(m->arena, (size_t)n, (size_t)k * sizeof *f);
    uint64_t row_bytes = 0;
    spn_status st = SPN_OK;

    if (f == NULL || !spn_dtype_row_bytes(w->t.dtype, k, &row_bytes))
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %s", spn_reader_path(m->reader),
                        w->name);
    for (int64_t r = 0; r < n && st == SPN_OK; r++) {
        double squares = 0, scale;

        st = spn_dequant(w->t.dtype, (const char *)w->t.data + (uint64_t)r * row_bytes, f + r * k,
                         k, err);
        for (int64_t i = 0; i < k; i++)
            squares += (double)f[r * k + i] * (double)f[r * k + i];
        scale = 1 / fmax(sqrt(squares), 1e-12);
        for (int64_t i = 0; i < k; i++)
            f[r * k + i] = (float)((double)f[r * k + i] * scale);
    }
    w->t.dtype = SPN_F32;
    return st == SPN_OK ? spn_tensor_init(&w->t, SPN_F32, 2, (const int64_t[]){ n, k }, f, err)
                        : st;
}

/* Weights of 1 for a norm that has none. */
static spn_status take_ones(struct spn_lm *m, const struct lm_slot *slot, int64_t l,
                            struct spn_weight *w, struct spn_err *err)
{
    int64_t n = lm_dim_of(m, slot->rows, l);
    float *f = spn_arena_alloc(m->arena, (size_t)n, sizeof *f);

    if (f == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for a norm", spn_reader_path(m->reader));
    for (int64_t i = 0; i < n; i++)
        f[i] = 1;
    return spn_tensor_init(&w->t, SPN_F32, 1, &n, f, err);
}

spn_status lm_whole_entry(struct spn_lm *m, const struct spn_entry **e, struct spn_err *err)
{
    uint64_t bytes = spn_tensor_bytes(&(*e)->t);
    struct spn_entry *copy;

    if ((*e)->layout == NULL)
        return SPN_OK;
    copy = spn_arena_alloc(m->arena, 1, sizeof *copy);
    if (copy != NULL) {
        *copy = **e;
        copy->layout = NULL;
        copy->t.data = spn_arena_alloc(m->arena, (size_t)bytes, 1);
    }
    if (copy == NULL || copy->t.data == NULL)
        return no_room(m, *e, bytes, err);
    if (spn_entry_read(m->reader, *e, 0, spn_tensor_elems(&(*e)->t), copy->t.data, err) != SPN_OK)
        return err != NULL ? err->code : SPN_EIO;
    *e = copy;
    return SPN_OK;
}

static spn_status bind_slot(struct spn_lm *m, const struct lm_slot *slot, int64_t l, bool hf,
                            struct spn_err *err)
{
    struct spn_weight *w = lm_slot_weight(m, slot, l);
    bool norm = slot->need == LM_NORM || slot->need == LM_NORM_BEFORE || slot->need == LM_SECOND;
    struct lm_source src;
    spn_status st;

    lm_find_source(m, slot, l, hf, &src);
    if ((slot->need == LM_OUTPUT && (m->shape.tied || m->arch->encoder)) ||
        (slot->need == LM_GATE && !lm_gated(m->shape.ffn)) ||
        (slot->in_layer && !lm_has(m, slot->mixes, l)))
        return SPN_OK;
    if (slot->need == LM_QKNORM && !m->arch->qk_norm) {
        if (src.e != NULL)
            return spn_fail(err, SPN_EFORMAT, "%s: tensor %s does not belong to %s",
                            spn_reader_path(m->reader), src.name, m->arch->name);
        return SPN_OK;
    }
    if (src.e == NULL && norm && m->arch->plain_norm) {
        st = name_weight(m, slot, l, w, err);
        return st == SPN_OK ? take_ones(m, slot, l, w, err) : st;
    }
    if (src.e == NULL) {
        if (!lm_slot_created(m->arch, &m->shape, slot))
            return SPN_OK;
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %s is missing", spn_reader_path(m->reader),
                        src.name);
    }
    st = check_entry(m, slot, l, &src, err);
    if (st == SPN_OK)
        st = lm_whole_entry(m, &src.e, err);
    if (st == SPN_OK)
        st = name_weight(m, slot, l, w, err);
    if (st == SPN_OK)
        st = slot->cols == LM_NONE ? take_vector(m, slot, l, &src, hf, w, err)
                                   : take_matrix(m, slot, l, &src, w, err);
    if (st == SPN_OK && hf && w == &m->output && m->arch->unit_rows > 0 &&
        m->arch->unit_rows == m->shape.n_vocab)
        st = take_unit_rows(m, w, err);
    return st;
}

/* The first row of an encoder's table of token types: every token is of that type. */
static spn_status take_token_type(struct spn_lm *m, bool hf, struct spn_err *err)
{
    const char *names = hf ? lm_hf_name(m->arch, "token_types", 11) : "token_types";
    int64_t n = m->shape.n_embd;
    const struct spn_entry *e;
    char name[160];
    float *f;
    spn_status st;

    if (!m->arch->encoder || names == NULL)
        return SPN_OK;
    e = lm_find_named(m, "", 0, names, ".weight", name, sizeof name);
    if (e == NULL)
        return SPN_OK;
    st = lm_whole_entry(m, &e, err);
    if (st == SPN_OK &&
        (spn_dtype_info(e->t.dtype) == NULL || !spn_dtype_info(e->t.dtype)->decode ||
         e->t.ndim < 1 || e->t.dim[e->t.ndim - 1] != n || spn_tensor_elems(&e->t) < n))
        st = spn_fail(err, SPN_EFORMAT, "%s: tensor %s has no rows of %" PRId64 " numbers",
                      spn_reader_path(m->reader), name, n);
    if (st != SPN_OK)
        return st;
    f = spn_arena_alloc(m->arena, (size_t)n, sizeof *f);
    if (f == NULL)
        return no_room(m, e, (uint64_t)n * sizeof *f, err);
    m->token_type.name = "token_types.weight";
    st = spn_dequant(e->t.dtype, e->t.data, f, n, err);
    return st == SPN_OK ? spn_tensor_init(&m->token_type.t, SPN_F32, 1, &n, f, err) : st;
}

/* What is made of what was bound: ones for norms over groups of columns. */
static spn_status make_ones(struct spn_lm *m, struct spn_err *err)
{
    int64_t n = m->shape.ssm_groups > 1 ? m->shape.ssm_inner / m->shape.ssm_groups : 0;
    float *f;

    if (n < 1)
        return SPN_OK;
    f = spn_arena_alloc(m->arena, (size_t)n, sizeof *f);
    if (f == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for a norm", spn_reader_path(m->reader));
    for (int64_t i = 0; i < n; i++)
        f[i] = 1;
    m->group_ones.name = "ones";
    return spn_tensor_init(&m->group_ones.t, SPN_F32, 1, &n, f, err);
}

static spn_status bind_weights(struct spn_lm *m, bool hf, struct spn_err *err)
{
    static const struct lm_slot divisors = {
        .at = offsetof(struct spn_lm, rope_divisors),
        .rows = LM_PAIRS,
        .need = LM_MAY,
        .gguf = "rope_freqs.weight",
    };
    spn_status st = SPN_OK;

    for (int i = 0; i < lm_n_slots && st == SPN_OK; i++)
        for (int64_t l = 0; l < (lm_slots[i].in_layer ? m->shape.n_layer : 1) && st == SPN_OK; l++)
            st = bind_slot(m, &lm_slots[i], l, hf, err);
    if (st == SPN_OK && !hf && m->rope_divisors.t.data == NULL)
        st = bind_slot(m, &divisors, 0, hf, err);
    if (st == SPN_OK)
        st = make_ones(m, err);
    if (st == SPN_OK)
        st = take_token_type(m, hf, err);
    for (int64_t l = 0; l < m->shape.n_layer && st == SPN_OK; l++) {
        st = lm_bind_floats(m, l, hf, err);
        if (st == SPN_OK)
            st = lm_bind_latent(m, l, hf, err);
        if (st == SPN_OK && m->shape.n_expert > 0)
            st = lm_bind_experts(m, l, hf, err);
    }
    return st == SPN_OK ? lm_list(m, err) : st;
}

/* The table serves two uses: rows by token in its own type, and the product of the logits when the
 * output is tied to it. */
static bool is_product(const struct spn_lm *m, const struct spn_weight *w)
{
    return w->t.ndim == 2 && w != &m->pos_embed &&
           (w != &m->embed || (m->shape.tied && !m->arch->encoder));
}

static spn_status check_memory(const struct spn_lm *m, struct spn_err *err)
{
    uint64_t need = 0, free_bytes = spn_memory_free_bytes();

    for (int i = 0; i < m->n_list; i++)
        if (is_product(m, m->list[i]) && !spn_add_u64(need, packed_estimate(&m->list[i]->t), &need))
            need = UINT64_MAX;
    if (need <= free_bytes)
        return SPN_OK;
    spn_fail(err, SPN_ENOMEM, "%s: its packed weights need %.2f GB, %.2f GB are free",
             spn_reader_path(m->reader), (double)need / 1e9, (double)free_bytes / 1e9);
    return SPN_ENOMEM;
}

static spn_status pack(struct spn_lm *m, const struct spn_lm_options *o, struct spn_err *err)
{
    spn_status st = check_memory(m, err);

    for (int i = 0; i < m->n_list && st == SPN_OK; i++) {
        struct spn_weight *w = m->list[i];

        if (!is_product(m, w))
            continue;
        st = spn_pack_new(&w->pack, &w->t, o->act, o->pool, err);
        if (st == SPN_OK)
            m->bytes_packed += spn_pack_bytes(w->pack);
    }
    return st;
}

static spn_status open_tokenizer(struct spn_lm *m, struct spn_err *err)
{
    spn_status st = spn_tokenizer_open(&m->tokenizer, m->reader, err);

    /* A folder may keep its template in a file of its own, which the tokenizer reads. */
    if (st == SPN_OK && spn_tokenizer_chat_template(m->tokenizer) != NULL)
        m->chat_template = spn_tokenizer_chat_template(m->tokenizer);

    if (st == SPN_OK && spn_token_count(m->tokenizer) > m->shape.n_vocab)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: the tokenizer has %d tokens, the embedding table only %" PRId64
                        " rows",
                        spn_reader_path(m->reader), (int)spn_token_count(m->tokenizer),
                        m->shape.n_vocab);
    return st;
}

spn_status spn_lm_open(struct spn_lm **out, const char *path, const struct spn_lm_options *o,
                       struct spn_err *err)
{
    struct spn_lm_options dflt;
    struct spn_lm *m = spn_calloc(1, sizeof *m);
    bool hf = false;
    spn_status st;

    if (m == NULL || (m->arena = spn_arena_new(SIZE_MAX / 4)) == NULL) {
        spn_free(m);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to open a model", path);
    }
    if (o == NULL) {
        spn_lm_options_default(&dflt);
        o = &dflt;
    }
    st = spn_reader_open(&m->reader, path, err);
    if (st == SPN_OK) {
        hf = strncmp(spn_reader_format(m->reader), "gguf", 4) != 0;
        st = hf ? lm_bind_hf(m, err) : lm_bind_gguf(m, err);
    }
    if (st == SPN_OK) {
        m->layer = spn_arena_alloc(m->arena, (size_t)m->shape.n_layer, sizeof *m->layer);
        m->shape.expand = o->expand;
        st = m->layer != NULL ? lm_plan_layers(m, hf, err)
                              : spn_fail(err, SPN_ENOMEM, "%s: no memory for %" PRId64 " layers",
                                         path, m->shape.n_layer);
        if (st == SPN_OK)
            st = bind_weights(m, hf, err);
    }
    if (st == SPN_OK && o->tokenizer)
        st = open_tokenizer(m, err);
    if (st == SPN_OK && o->pack)
        st = pack(m, o, err);
    if (st == SPN_OK && o->n_adapter > 0)
        st = lm_lora_bind(m, o->adapter, o->n_adapter, o, err);
    if (st == SPN_OK)
        st = spn_reader_check(m->reader, err);
    if (st != SPN_OK) {
        spn_lm_close(m);
        return st;
    }
    *out = m;
    return SPN_OK;
}

void spn_lm_close(struct spn_lm *m)
{
    if (m == NULL)
        return;
    for (int i = 0; i < m->n_list; i++)
        spn_pack_free(m->list[i]->pack);
    lm_lora_free(m);
    spn_tokenizer_free(m->tokenizer);
    spn_reader_close(m->reader);
    spn_free(m->block);
    spn_arena_free(m->arena);
    spn_free(m);
}
