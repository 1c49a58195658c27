/* bind_experts.c - the matrices of a layer's experts: one tensor for all, or a tensor each. */
#include "config.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "lm/bind.h"

/* One kind of matrix: [ROWS, COLS] an expert. */
struct kind {
    const char *ours, *hf; /* # stands for the expert's number */
    int64_t rows, cols;
    bool second; /* behind another of its size in one tensor */
    struct spn_weight *to;
};

static spn_status wrong(const struct spn_lm *m, const char *name, const struct kind *k,
                        const struct spn_entry *e, struct spn_err *err)
{
    char got[128];

    if (e == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %s is missing", spn_reader_path(m->reader),
                        name);
    spn_tensor_shape_text(&e->t, got, sizeof got);
    return spn_fail(err, SPN_EFORMAT,
                    "%s: tensor %s is %s %s, the hyper-parameters ask for %" PRId64
                    " experts of [%" PRId64 ", %" PRId64 "]",
                    spn_reader_path(m->reader), name, spn_dtype_name(e->t.dtype), got,
                    m->shape.n_expert, k->rows, k->cols);
}

static spn_status take_expert(struct spn_lm *m, const struct kind *k, int64_t l, int64_t n, bool hf,
                              struct spn_err *err)
{
    const char *names = hf ? lm_hf_name(m->arch, k->ours, strlen(k->ours)) : k->ours;
    const char *before = lm_before_layer(m->arch, hf), *hash;
    const struct spn_entry *e;
    const struct spn_dtype_info *info;
    const int64_t dim[2] = { k->rows, k->cols };
    int64_t first = 0, all;
    uint64_t row_bytes, at, bytes;
    char name[160], own[96];
    void *data;

    names = names != NULL ? names : k->hf;
    hash = strchr(names, '#');
    if (hash == NULL)
        snprintf(name, sizeof name, "%s%" PRId64 ".%s.weight", before, l, names);
    else
        snprintf(name, sizeof name, "%s%" PRId64 ".%.*s%" PRId64 "%s.weight", before, l,
                 (int)(hash - names), names, n, hash + 1);
    e = spn_reader_find(m->reader, name);
    if (e != NULL && lm_whole_entry(m, &e, err) != SPN_OK)
        return err != NULL ? err->code : SPN_EIO;
    info = e != NULL ? spn_dtype_info(e->t.dtype) : NULL;
    if (info == NULL || !info->decode || !spn_dtype_row_bytes(e->t.dtype, k->cols, &row_bytes))
        return wrong(m, name, k, e, err);
    if (hash == NULL) {
        all = e->t.ndim == 3 ? e->t.dim[1] : 0;
        if (e->t.ndim != 3 || e->t.dim[0] != m->shape.n_expert || e->t.dim[2] != k->cols ||
            (all != k->rows && all != 2 * k->rows))
            return wrong(m, name, k, e, err);
        first = n * all + (all != k->rows && k->second ? k->rows : 0);
    } else if (e->t.ndim != 2 || e->t.dim[0] != k->rows || e->t.dim[1] != k->cols) {
        return wrong(m, name, k, e, err);
    }
    /* Within the entry, whose own size the reader has checked. */
    if (!spn_mul_u64(row_bytes, (uint64_t)first, &at) ||
        !spn_mul_u64(row_bytes, (uint64_t)k->rows, &bytes))
        return wrong(m, name, k, e, err);
    data = (char *)e->t.data + at;
    if (info->block_elems == 1 && (uintptr_t)data % (uintptr_t)info->block_bytes != 0) {
        void *copy = spn_arena_alloc(m->arena, (size_t)bytes, 1);

        if (copy == NULL)
            return spn_fail(err, SPN_ENOMEM, "%s: no memory for the %" PRIu64 " bytes of %s",
                            spn_reader_path(m->reader), bytes, name);
        data = memcpy(copy, data, (size_t)bytes);
    }
    snprintf(own, sizeof own, "blk.%" PRId64 ".%s.%" PRId64, l, k->ours, n);
    k->to[n].name = spn_arena_strndup(m->arena, own, strlen(own));
    if (k->to[n].name == NULL)
        return spn_fail(err, SPN_ENOMEM, "weight %s: no memory", own);
    m->bytes_mapped += bytes;
    return spn_tensor_init(&k->to[n].t, e->t.dtype, 2, dim, data, err);
}

spn_status lm_bind_experts(struct spn_lm *m, int64_t l, bool hf, struct spn_err *err)
{
    const struct spn_lm_shape *s = &m->shape;
    struct spn_lm_layer *w = &m->layer[l];
    struct spn_experts *e = &w->experts;
    struct spn_weight *all;
    spn_status st = SPN_OK;

    if (w->router.t.data == NULL) {
        if (w->up.t.data != NULL && w->down.t.data != NULL &&
            (w->gate.t.data != NULL || !lm_gated(s->ffn)))
            return SPN_OK;
        return spn_fail(err, SPN_EFORMAT,
                        "%s: layer %" PRId64 " has neither a router nor a dense feed-forward",
                        spn_reader_path(m->reader), l);
    }
    all = spn_arena_alloc(m->arena, (size_t)s->n_expert, 3 * sizeof *all);
    if (all == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %" PRId64 " experts",
                        spn_reader_path(m->reader), s->n_expert);
    *e = (struct spn_experts){ .n = (int)s->n_expert,
                               .used = (int)s->n_expert_used,
                               .normed = s->expert_normed,
                               .embd = s->n_embd,
                               .ff = s->n_ff_expert,
                               .sigmoid = s->expert_sigmoid,
                               .choice_bias = w->choice_bias.t.data,
                               .groups = (int)s->n_group,
                               .groups_used = (int)s->n_group_used,
                               .scale = s->expert_scale,
                               .limit = s->expert_limit,
                               .gate = all,
                               .up = all + s->n_expert,
                               .down = all + 2 * s->n_expert };
    const struct kind kinds[] = {
        { "ffn_gate_exps", "mlp.experts.#.gate_proj", s->n_ff_expert, s->n_embd, false, e->gate },
        { "ffn_up_exps", "mlp.experts.#.up_proj", s->n_ff_expert, s->n_embd, true, e->up },
        { "ffn_down_exps", "mlp.experts.#.down_proj", s->n_embd, s->n_ff_expert, false, e->down },
    };

    if (hf && m->arch->sinks)
        st = lm_bind_packed(m, l, err);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !(hf && m->arch->sinks) && st == SPN_OK;
         i++)
        for (int64_t n = 0; n < s->n_expert && st == SPN_OK; n++)
            st = take_expert(m, &kinds[i], l, n, hf, err);
    e->gate_bias = w->expert_gate_bias.t.data;
    e->up_bias = w->expert_up_bias.t.data;
    e->down_bias = w->expert_down_bias.t.data;
    return st;
}
