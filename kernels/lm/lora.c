/* lora.c - low-rank adapters (Hu and others 2021): a GGUF of type adapter, or a PEFT folder.
 *
 * An adapter's tensors are looked for under the names that its source would give the model's
 * matrices, so a PEFT folder fits a GGUF and the other way round; rows of B follow the model where
 * it pairs rotated rows otherwise or takes a fused matrix apart.  Whatever belongs to no matrix is
 * an error: an adapter that is applied in part gives text of neither model.
 */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arith.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/reader.h"
#include "lm/bind.h"
#include "lm/lora.h"
#include "tensor/product.h"

/* An adapter that is being read. */
struct source {
    struct spn_lm view; /* the model as this adapter's names and rows would have it */
    bool hf;
    const char *path;
    double alpha;
    bool root; /* alpha / sqrt(rank) */
    float scale;
    size_t taken; /* tensors that found their place, counted once each */
};

static spn_status no_room(const struct source *s, struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "%s: no memory for an adapter", s->path);
}

/* ---- settings ---- */

static spn_status peft_settings(struct source *s, struct spn_err *err)
{
    char *path = spn_path_join(s->path, "adapter_config.json");
    json_error_t why;
    json_t *j = path != NULL ? json_load_file(path, 0, &why) : NULL;
    const char *type = json_string_value(json_object_get(j, "peft_type"));
    const char *bias = json_string_value(json_object_get(j, "bias"));
    spn_status st = SPN_OK;

    spn_free(path);
    if (j == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: adapter_config.json cannot be read", s->path);
    s->alpha = json_number_value(json_object_get(j, "lora_alpha"));
    s->root = json_is_true(json_object_get(j, "use_rslora"));
    if (type == NULL || strcmp(type, "LORA") != 0)
        st = spn_fail(err, SPN_EFORMAT, "%s: an adapter of type %.32s is not handled (LORA is)",
                      s->path, type != NULL ? type : "none");
    else if (json_is_true(json_object_get(j, "use_dora")) ||
             json_object_size(json_object_get(j, "alpha_pattern")) > 0 ||
             (bias != NULL && strcmp(bias, "none") != 0))
        st = spn_fail(err, SPN_EFORMAT,
                      "%s: use_dora, alpha_pattern and trained biases are not handled", s->path);
    json_decref(j);
    return st;
}

static spn_status gguf_settings(struct source *s, struct spn_err *err)
{
    struct spn_reader *r = s->view.reader;
    const char *type = spn_meta_str(r, "adapter.type"),
               *arch = spn_meta_str(r, "general.architecture");

    if (type == NULL || strcmp(type, "lora") != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: this GGUF is no LoRA adapter", s->path);
    if (arch != NULL && strcmp(arch, s->view.arch->name) != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: the adapter is for %.64s, the model is %s", s->path,
                        arch, s->view.arch->name);
    if (!spn_meta_float(r, "adapter.lora.alpha", &s->alpha))
        return spn_fail(err, SPN_EFORMAT, "%s: key adapter.lora.alpha is missing", s->path);
    return SPN_OK;
}

static spn_status open_source(struct source *s, const struct spn_lm *m,
                              const struct spn_lm_adapter *a, struct spn_err *err)
{
    static const char *const files[] = { "adapter_model.safetensors", "adapter_model.bin" };
    struct stat info;
    spn_status st = SPN_ENOTFOUND;

    *s = (struct source){ .view = *m, .path = a->path, .scale = a->scale };
    s->view.reader = NULL;
    s->hf = stat(a->path, &info) == 0 && S_ISDIR(info.st_mode);
    if (s->hf) {
        for (int i = 0; i < 2 && s->view.reader == NULL; i++) {
            char *path = spn_path_join(a->path, files[i]);

            if (path == NULL)
                return no_room(s, err);
            if (i == 1 || stat(path, &info) == 0)
                st = spn_reader_open(&s->view.reader, path, err);
            spn_free(path);
        }
        s->view.pairs = m->arch->pairs_hf;
        s->view.name_lead = "base_model.model.";
        s->view.name_tail = ".lora_B.weight";
        return st == SPN_OK ? peft_settings(s, err) : st;
    }
    st = spn_reader_open(&s->view.reader, a->path, err);
    s->view.pairs = m->arch->pairs_gguf;
    s->view.name_tail = ".weight.lora_b";
    return st == SPN_OK ? gguf_settings(s, err) : st;
}

/* ---- matrices ---- */

/* The partner of a B called NAME: the same with an A. */
static const struct spn_entry *partner(const struct source *s, const char *name)
{
    size_t n = strlen(name), tail = strlen(s->view.name_tail);
    char other[200];

    if (n < tail || n >= sizeof other)
        return NULL;
    snprintf(other, sizeof other, "%.*s%s", (int)(n - tail), name,
             s->hf ? ".lora_A.weight" : ".weight.lora_a");
    return spn_reader_find(s->view.reader, other);
}

static bool plain(const struct spn_entry *e)
{
    const struct spn_dtype_info *info = spn_dtype_info(e->t.dtype);

    return info != NULL && info->decode && e->t.ndim == 2;
}

static spn_status take_rows(struct spn_lm *m, struct source *s, const struct lm_source *from,
                            const struct spn_weight *of, struct spn_weight *to, struct spn_err *err)
{
    int64_t rows = of->t.dim[0], rank = from->e->t.dim[1];
    const int64_t dim[2] = { rows, rank };
    float *f = spn_arena_alloc(m->arena, (size_t)rows, (size_t)rank * sizeof *f);
    uint64_t row_bytes = 0;
    spn_status st = SPN_OK;

    if (f == NULL || !spn_dtype_row_bytes(from->e->t.dtype, rank, &row_bytes))
        return no_room(s, err);
    for (int64_t r = 0; r < rows && st == SPN_OK; r++) {
        int64_t at = spn_lm_source_row(&s->view, of, m->pairs, r);

        at = from->first + (from->run > 0 ? at / from->run * from->step + at % from->run : at);
        st = spn_dequant(from->e->t.dtype, (const char *)from->e->t.data + (uint64_t)at * row_bytes,
                         f + r * rank, rank, err);
    }
    return st == SPN_OK ? spn_tensor_init(&to->t, SPN_F32, 2, dim, f, err) : st;
}

static spn_status take_all(struct spn_lm *m, const struct source *s, const struct spn_entry *e,
                           struct spn_weight *to, struct spn_err *err)
{
    int64_t n = spn_tensor_elems(&e->t);
    float *f = spn_arena_alloc(m->arena, (size_t)n, sizeof *f);
    spn_status st = f != NULL ? spn_dequant(e->t.dtype, e->t.data, f, n, err) : no_room(s, err);

    return st == SPN_OK ? spn_tensor_init(&to->t, SPN_F32, 2, e->t.dim, f, err) : st;
}

/* Another adapter beside W. */
static spn_status add(struct spn_lm *m, struct source *s, const struct lm_source *from,
                      struct spn_weight *w, const struct spn_lm_options *o, struct spn_err *err)
{
    const struct spn_entry *a = partner(s, from->name);
    struct lm_source b = *from;
    struct lm_lora *l, *more;
    int64_t rank = from->e->t.ndim == 2 ? from->e->t.dim[1] : 0;
    spn_status st;

    if (a == NULL || !plain(from->e) || !plain(a) || from->e->t.dim[0] != from->rows || rank < 1 ||
        a->t.dim[0] != rank || a->t.dim[1] != w->t.dim[1])
        return spn_fail(err, SPN_EFORMAT,
                        "%s: %s and its partner do not fit %s of [%" PRId64 ", %" PRId64 "]",
                        s->path, from->name, w->name, w->t.dim[0], w->t.dim[1]);
    more = spn_realloc(m->lora, (size_t)m->n_lora + 1, sizeof *more);
    if (more == NULL)
        return no_room(s, err);
    m->lora = more;
    l = &m->lora[m->n_lora];
    *l = (struct lm_lora){ .of = w };
    l->a.name = l->b.name = w->name;
    l->scale = s->scale * (float)(s->alpha / (s->root ? sqrt((double)rank) : (double)rank));
    st = lm_whole_entry(&s->view, &b.e, err);
    if (st == SPN_OK)
        st = take_rows(m, s, &b, w, &l->b, err);
    if (st == SPN_OK)
        st = lm_whole_entry(&s->view, &a, err);
    if (st == SPN_OK)
        st = take_all(m, s, a, &l->a, err);
    m->n_lora++;
    if (st == SPN_OK && o->pack)
        st = spn_pack_new(&l->a.pack, &l->a.t, o->act, o->pool, err);
    if (st == SPN_OK && o->pack)
        st = spn_pack_new(&l->b.pack, &l->b.t, o->act, o->pool, err);
    if (st == SPN_OK && o->pack)
        m->bytes_packed += spn_pack_bytes(l->a.pack) + spn_pack_bytes(l->b.pack);
    return st;
}

static spn_status from_source(struct spn_lm *m, struct source *s, const struct spn_lm_options *o,
                              struct spn_err *err)
{
    size_t all = spn_reader_count(s->view.reader);
    bool *used = spn_calloc(all + 1, sizeof *used);
    spn_status st = used != NULL ? SPN_OK : no_room(s, err);

    for (int i = 0; i < lm_n_slots && st == SPN_OK; i++)
        for (int64_t l = 0; l < (lm_slots[i].in_layer ? m->shape.n_layer : 1) && st == SPN_OK;
             l++) {
            struct spn_weight *w = lm_slot_weight(m, &lm_slots[i], l);
            const struct spn_entry *first = spn_reader_at(s->view.reader, 0);
            struct lm_source from;

            if (w == &m->output && m->shape.tied)
                w = &m->embed;
            else if (w == &m->embed)
                continue;
            if (w->t.data == NULL || w->t.ndim != 2 || w == &m->pos_embed)
                continue;
            lm_find_source(&s->view, &lm_slots[i], l, s->hf, &from);
            if (from.e == NULL)
                continue;
            st = add(m, s, &from, w, o, err);
            if (st == SPN_OK) {
                used[from.e - first] = true;
                used[partner(s, from.name) - first] = true;
            }
        }
    for (size_t i = 0; i < all && st == SPN_OK; i++)
        if (!used[i])
            st = spn_fail(err, SPN_EFORMAT, "%s: tensor %s belongs to no matrix of the model",
                          s->path, spn_reader_at(s->view.reader, i)->name);
    spn_free(used);
    return st;
}

spn_status lm_lora_bind(struct spn_lm *m, const struct spn_lm_adapter *adapter, int n,
                        const struct spn_lm_options *o, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (int i = 0; i < n && st == SPN_OK; i++) {
        struct source s;

        st = open_source(&s, m, &adapter[i], err);
        if (st == SPN_OK)
            st = from_source(m, &s, o, err);
        if (st == SPN_OK)
            st = spn_reader_check(s.view.reader, err);
        spn_reader_close(s.view.reader);
    }
    return st;
}

void lm_lora_free(struct spn_lm *m)
{
    for (int i = 0; i < m->n_lora; i++) {
        spn_pack_free(m->lora[i].a.pack);
        spn_pack_free(m->lora[i].b.pack);
    }
    spn_free(m->lora);
}
