/* bind_packed.c - experts as gpt-oss's folders keep them: gate and up row by row in one tensor,
 * either as [experts, in, out] numbers or as MXFP4 blocks and scales apart (OCP 2023). */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "lm/bind.h"
#include "tensor/product.h"

/* ggml's block of MXFP4: a scale, then number j in the low and number j + 16 in the high half of
   byte j; a folder's bytes hold neighbours. */
enum { BLOCK = 32, BLOCK_BYTES = 17 };

/* What one matrix of an expert is made of: its row r is row first + r * step of the tensor. */
struct want {
    const char *hf, *ours;
    int64_t rows, cols, all, first, step;
    struct spn_weight *to;
};

static spn_status wrong(const struct spn_lm *m, const char *name, const struct want *k,
                        const struct spn_entry *e, struct spn_err *err)
{
    char got[128];

    if (e == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %s is missing", spn_reader_path(m->reader),
                        name);
    spn_tensor_shape_text(&e->t, got, sizeof got);
    return spn_fail(err, SPN_EFORMAT,
                    "%s: tensor %s is %s %s, the hyper-parameters ask for %" PRId64
                    " experts of %" PRId64 " rows of %" PRId64 " numbers",
                    spn_reader_path(m->reader), name, spn_dtype_name(e->t.dtype), got,
                    m->shape.n_expert, k->all, k->cols);
}

static void repack(const uint8_t *from, uint8_t scale, uint8_t *to)
{
    to[0] = scale;
    for (int j = 0; j < BLOCK / 2; j++) {
        int low = from[j / 2] >> 4 * (j % 2) & 15;
        int high = from[(j + 16) / 2] >> 4 * (j % 2) & 15;

        to[1 + j] = (uint8_t)(low | high << 4);
    }
}

/* Blocks [experts, all, cols / 32, 16] and scales [experts, all, cols / 32]. */
static bool blocks_fit(const struct spn_lm *m, const struct want *k, const struct spn_entry *b,
                       const struct spn_entry *s)
{
    const int64_t *d = b->t.dim, *e = s->t.dim;

    return b->t.dtype == SPN_U8 && s->t.dtype == SPN_U8 && b->layout == NULL && s->layout == NULL &&
           b->t.ndim == 4 && s->t.ndim == 3 && k->cols % BLOCK == 0 && d[0] == m->shape.n_expert &&
           d[1] == k->all && d[2] == k->cols / BLOCK && d[3] == BLOCK / 2 && e[0] == d[0] &&
           e[1] == d[1] && e[2] == d[2];
}

static void copy_blocks(const struct want *k, const struct spn_entry *b, const struct spn_entry *s,
                        int64_t n, uint8_t *to)
{
    int64_t per = k->cols / BLOCK;

    for (int64_t r = 0; r < k->rows; r++) {
        int64_t at = (n * k->all + k->first + r * k->step) * per;

        for (int64_t i = 0; i < per; i++, to += BLOCK_BYTES)
            repack((const uint8_t *)b->t.data + (at + i) * (BLOCK / 2),
                   ((const uint8_t *)s->t.data)[at + i], to);
    }
}

/* Numbers [experts, cols, all] to rows of one type. */
static void copy_numbers(const struct want *k, const struct spn_entry *e, int64_t n, size_t elem,
                         char *to)
{
    const char *from = (const char *)e->t.data + (uint64_t)(n * k->cols * k->all) * elem;

    for (int64_t r = 0; r < k->rows; r++)
        for (int64_t c = 0; c < k->cols; c++)
            memcpy(to + (uint64_t)(r * k->cols + c) * elem,
                   from + (uint64_t)(c * k->all + k->first + r * k->step) * elem, elem);
}

static spn_status take(struct spn_lm *m, const struct want *k, int64_t l, struct spn_err *err)
{
    const char *before = lm_before_layer(m->arch, true);
    char name[160], other[160], own[96];
    const struct spn_entry *e = lm_find_named(m, before, l, k->hf, "", name, sizeof name);
    const struct spn_entry *b = lm_find_named(m, before, l, k->hf, "_blocks", other, sizeof other);
    const struct spn_entry *s = lm_find_named(m, before, l, k->hf, "_scales", other, sizeof other);
    const struct spn_dtype_info *info = e != NULL ? spn_dtype_info(e->t.dtype) : NULL;
    bool blocks = e == NULL && b != NULL && s != NULL;
    const int64_t dim[2] = { k->rows, k->cols };
    uint64_t row_bytes = 0, bytes = 0;
    int dtype = blocks ? SPN_MXFP4 : e != NULL ? e->t.dtype : SPN_F32;
    spn_status st = SPN_OK;

    if (blocks ? !blocks_fit(m, k, b, s)
               : e == NULL || info == NULL || !info->decode || info->block_elems != 1 ||
                     e->layout != NULL || e->t.ndim != 3 || e->t.dim[0] != m->shape.n_expert ||
                     e->t.dim[1] != k->cols || e->t.dim[2] != k->all)
        return wrong(m, blocks ? other : name, k, blocks ? b : e, err);
    if (!spn_dtype_row_bytes(dtype, k->cols, &row_bytes) ||
        !spn_mul_u64(row_bytes, (uint64_t)k->rows, &bytes))
        return wrong(m, name, k, e, err);
    for (int64_t n = 0; n < m->shape.n_expert && st == SPN_OK; n++) {
        void *to = spn_arena_alloc(m->arena, (size_t)bytes, 1);

        snprintf(own, sizeof own, "blk.%" PRId64 ".%s.%" PRId64, l, k->ours, n);
        k->to[n].name = spn_arena_strndup(m->arena, own, strlen(own));
        if (to == NULL || k->to[n].name == NULL)
            return spn_fail(err, SPN_ENOMEM, "%s: no memory for the %" PRIu64 " bytes of %s",
                            spn_reader_path(m->reader), bytes, own);
        if (blocks)
            copy_blocks(k, b, s, n, to);
        else
            copy_numbers(k, e, n, (size_t)info->block_bytes, to);
        st = spn_tensor_init(&k->to[n].t, dtype, 2, dim, to, err);
    }
    return st;
}

/* A bias [experts, all] as rows of its own. */
static spn_status take_bias(struct spn_lm *m, const struct want *k, int64_t l,
                            struct spn_weight *to, struct spn_err *err)
{
    char name[160], own[96];
    const struct spn_entry *e =
        lm_find_named(m, lm_before_layer(m->arch, true), l, k->hf, "_bias", name, sizeof name);
    const struct spn_dtype_info *info = e != NULL ? spn_dtype_info(e->t.dtype) : NULL;
    int64_t n = m->shape.n_expert * k->rows, all = m->shape.n_expert * k->all;
    float *f = spn_arena_alloc(m->arena, (size_t)n, sizeof *f);
    float *row = spn_calloc((size_t)all, sizeof *row);
    spn_status st = SPN_OK;

    snprintf(own, sizeof own, "blk.%" PRId64 ".%s.bias", l, k->ours);
    to->name = spn_arena_strndup(m->arena, own, strlen(own));
    if (info == NULL || !info->decode || e->t.ndim != 2 || e->t.dim[0] != m->shape.n_expert ||
        e->t.dim[1] != k->all)
        st = wrong(m, name, k, e, err);
    else if (f == NULL || row == NULL || to->name == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for %s", spn_reader_path(m->reader), own);
    else
        st = spn_dequant(e->t.dtype, e->t.data, row, all, err);
    for (int64_t i = 0; i < n && st == SPN_OK; i++)
        f[i] = row[i / k->rows * k->all + k->first + i % k->rows * k->step];
    spn_free(row);
    return st == SPN_OK ? spn_tensor_init(&to->t, SPN_F32, 1, &n, f, err) : st;
}

spn_status lm_bind_packed(struct spn_lm *m, int64_t l, struct spn_err *err)
{
    const struct spn_lm_shape *s = &m->shape;
    struct spn_lm_layer *w = &m->layer[l];
    struct spn_experts *e = &w->experts;
    const struct want wants[3] = {
        { "mlp.experts.gate_up_proj", "ffn_gate_exps", s->n_ff_expert, s->n_embd,
          2 * s->n_ff_expert, 0, 2, e->gate },
        { "mlp.experts.gate_up_proj", "ffn_up_exps", s->n_ff_expert, s->n_embd, 2 * s->n_ff_expert,
          1, 2, e->up },
        { "mlp.experts.down_proj", "ffn_down_exps", s->n_embd, s->n_ff_expert, s->n_embd, 0, 1,
          e->down },
    };
    struct spn_weight *const bias[3] = { &w->expert_gate_bias, &w->expert_up_bias,
                                         &w->expert_down_bias };
    spn_status st = SPN_OK;

    for (int i = 0; i < 3 && st == SPN_OK; i++) {
        st = take(m, &wants[i], l, err);
        if (st == SPN_OK)
            st = take_bias(m, &wants[i], l, bias[i], err);
    }
    return st;
}
