/* bind_latent.c - the matrices of multi-head latent attention, a head at a time: from a latent row
 * to keys and values, or, where the store keeps latent rows, from queries to what they are compared
 * with (the "absorbed" form of DeepSeek-AI 2024). */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "lm/bind.h"
#include "tensor/product.h"

/* Rows of an entry that belong to heads: ROWS of COLS from row FIRST, STEP rows from head to head.
 */
struct part {
    const struct spn_entry *e;
    int64_t first, step, rows, cols;
    bool turned; /* wanted the other way round */
};

static spn_status no_room(const struct spn_lm *m, const char *name, struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "%s: no memory for %s", spn_reader_path(m->reader), name);
}

/* Row R of the part of head H as floats. */
static spn_status row_of(const struct part *p, int64_t h, int64_t r, uint64_t row_bytes, float *to,
                         struct spn_err *err)
{
    return spn_dequant(p->e->t.dtype,
                       (const char *)p->e->t.data +
                           (uint64_t)(p->first + h * p->step + r) * row_bytes,
                       to, p->cols, err);
}

static spn_status turned(struct spn_lm *m, const struct part *p, int64_t h, uint64_t row_bytes,
                         struct spn_weight *w, struct spn_err *err)
{
    const int64_t dim[2] = { p->cols, p->rows };
    float *f = spn_arena_alloc(m->arena, (size_t)p->cols, (size_t)p->rows * sizeof *f);
    float *row = spn_calloc((size_t)p->cols, sizeof *row);
    spn_status st = f != NULL && row != NULL ? SPN_OK : no_room(m, w->name, err);

    for (int64_t r = 0; r < p->rows && st == SPN_OK; r++) {
        st = row_of(p, h, r, row_bytes, row, err);
        for (int64_t c = 0; c < p->cols && st == SPN_OK; c++)
            f[c * p->rows + r] = row[c];
    }
    spn_free(row);
    return st == SPN_OK ? spn_tensor_init(&w->t, SPN_F32, 2, dim, f, err) : st;
}

/* The matrix of head H: in the mapping where it can stay there. */
static spn_status take_head(struct spn_lm *m, const struct part *p, int64_t h, struct spn_weight *w,
                            struct spn_err *err)
{
    const struct spn_dtype_info *info = spn_dtype_info(p->e->t.dtype);
    const int64_t dim[2] = { p->rows, p->cols };
    uint64_t row_bytes, bytes;
    char *data;

    if (info == NULL || !info->decode || !spn_dtype_row_bytes(p->e->t.dtype, p->cols, &row_bytes) ||
        !spn_mul_u64(row_bytes, (uint64_t)p->rows, &bytes))
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %s has type %s, which is not handled",
                        spn_reader_path(m->reader), p->e->name, spn_dtype_name(p->e->t.dtype));
    if (p->turned)
        return turned(m, p, h, row_bytes, w, err);
    data = (char *)p->e->t.data + (uint64_t)(p->first + h * p->step) * row_bytes;
    if (info->block_elems == 1 && (uintptr_t)data % (uintptr_t)info->block_bytes != 0) {
        void *copy = spn_arena_alloc(m->arena, (size_t)bytes, 1);

        if (copy == NULL)
            return no_room(m, w->name, err);
        data = memcpy(copy, data, (size_t)bytes);
    }
    m->bytes_mapped += bytes;
    return spn_tensor_init(&w->t, p->e->t.dtype, 2, dim, data, err);
}

static spn_status take_heads(struct spn_lm *m, const struct part *p, int64_t l, const char *ours,
                             struct spn_heads *to, struct spn_err *err)
{
    int64_t n = m->layer[l].n_head;
    char name[96];
    spn_status st = SPN_OK;

    to->w = spn_arena_alloc(m->arena, (size_t)n, sizeof *to->w);
    if (to->w == NULL)
        return no_room(m, ours, err);
    to->n = (int)n;
    to->rows = p->turned ? p->cols : p->rows;
    to->cols = p->turned ? p->rows : p->cols;
    for (int64_t h = 0; h < n && st == SPN_OK; h++) {
        snprintf(name, sizeof name, "blk.%" PRId64 ".%s.%" PRId64, l, ours, h);
        to->w[h].name = spn_arena_strndup(m->arena, name, strlen(name));
        st = to->w[h].name != NULL ? take_head(m, p, h, &to->w[h], err) : no_room(m, name, err);
    }
    return st;
}

static spn_status wrong(const struct spn_lm *m, const char *name, const struct spn_entry *e,
                        struct spn_err *err)
{
    char got[128];

    if (e == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %s is missing", spn_reader_path(m->reader),
                        name);
    spn_tensor_shape_text(&e->t, got, sizeof got);
    return spn_fail(err, SPN_EFORMAT,
                    "%s: tensor %s is %s, the hyper-parameters ask for %" PRId64
                    " heads of keys of "
                    "%" PRId64 ", values of %" PRId64 " and a rank of %" PRId64,
                    spn_reader_path(m->reader), name, got, m->shape.n_head,
                    m->shape.dim_k - m->shape.n_rot, m->shape.dim_v, m->shape.kv_rank);
}

/* One tensor for keys and values of all heads. */
static spn_status from_one(struct spn_lm *m, int64_t l, const struct spn_entry *e,
                           struct spn_err *err)
{
    const struct spn_lm_shape *s = &m->shape;
    int64_t nope = s->dim_k - s->n_rot, both = nope + s->dim_v;
    struct part k = { e, 0, both, nope, s->kv_rank, !s->expand };
    struct part v = { e, nope, both, s->dim_v, s->kv_rank, false };
    spn_status st;

    if (e->t.ndim != 2 || e->t.dim[0] != m->layer[l].n_head * both || e->t.dim[1] != s->kv_rank)
        return wrong(m, e->name, e, err);
    st = take_heads(m, &k, l, "attn_k_b", &m->layer[l].k_b, err);
    return st == SPN_OK ? take_heads(m, &v, l, "attn_v_b", &m->layer[l].v_b, err) : st;
}

/* Two tensors, that of the keys in the absorbed form: [heads, kv_rank, nope]. */
static spn_status from_two(struct spn_lm *m, int64_t l, const struct spn_entry *k_e,
                           const struct spn_entry *v_e, struct spn_err *err)
{
    const struct spn_lm_shape *s = &m->shape;
    int64_t nope = s->dim_k - s->n_rot, n = m->layer[l].n_head;
    struct part k = { k_e, 0, s->kv_rank, s->kv_rank, nope, s->expand };
    struct part v = { v_e, 0, s->dim_v, s->dim_v, s->kv_rank, false };
    spn_status st;

    if (k_e->t.ndim != 3 || k_e->t.dim[0] != n || k_e->t.dim[1] != s->kv_rank ||
        k_e->t.dim[2] != nope)
        return wrong(m, k_e->name, k_e, err);
    if (v_e == NULL || v_e->t.ndim != 3 || v_e->t.dim[0] != n || v_e->t.dim[1] != s->dim_v ||
        v_e->t.dim[2] != s->kv_rank)
        return wrong(m, "attn_v_b.weight", v_e, err);
    st = take_heads(m, &k, l, "attn_k_b", &m->layer[l].k_b, err);
    return st == SPN_OK ? take_heads(m, &v, l, "attn_v_b", &m->layer[l].v_b, err) : st;
}

spn_status lm_bind_latent(struct spn_lm *m, int64_t l, bool hf, struct spn_err *err)
{
    const char *before = lm_before_layer(m->arch, hf);
    char name[160], other[160];
    const struct spn_entry *one, *k;

    if (m->layer[l].mix != SPN_MIX_LATENT)
        return SPN_OK;
    one = lm_find_named(m, before, l, hf ? "self_attn.kv_b_proj" : "attn_kv_b", ".weight", name,
                        sizeof name);
    if (one != NULL) {
        spn_status st = lm_whole_entry(m, &one, err);

        return st == SPN_OK ? from_one(m, l, one, err) : st;
    }
    k = hf ? NULL : lm_find_named(m, before, l, "attn_k_b", ".weight", other, sizeof other);
    if (k == NULL)
        return wrong(m, name, NULL, err);
    return from_two(m, l, k,
                    lm_find_named(m, before, l, "attn_v_b", ".weight", other, sizeof other), err);
}
