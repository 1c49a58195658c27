/* create.c - a language model with random weights, all f32 in one block, for training. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "lm/bind.h"

static const double init_std = 0.02;

static spn_status add_weight(struct spn_lm *m, const struct lm_slot *slot, int64_t l,
                             uint64_t *used, struct spn_err *err)
{
    struct spn_weight *w = lm_slot_weight(m, slot, l);
    int64_t dim[2] = { lm_dim_of(m, slot->rows, l), lm_dim_of(m, slot->cols, l) };
    char name[96];
    spn_status st;

    snprintf(name, sizeof name, "%s", slot->gguf);
    if (slot->in_layer)
        snprintf(name, sizeof name, "blk.%" PRId64 ".%s", l, slot->gguf);
    w->name = spn_arena_strndup(m->arena, name, strlen(name));
    if (w->name == NULL)
        return spn_fail(err, SPN_ENOMEM, "weight %s: no memory", name);
    st = spn_tensor_init(&w->t, SPN_F32, slot->cols == LM_NONE ? 1 : 2, dim,
                         m->block != NULL ? m->block + *used : NULL, err);
    if (st == SPN_OK && !spn_add_u64(*used, (uint64_t)spn_tensor_elems(&w->t), used))
        st = spn_fail(err, SPN_ENOMEM, "weight %s: too many parameters", name);
    return st;
}

/* Lay the weights out in the order of spn_lm_weight; the first pass, without a block, only counts.
 */
static spn_status lay_out(struct spn_lm *m, uint64_t *used, struct spn_err *err)
{
    spn_status st = SPN_OK;
    int first = 0, end;

    for (*used = 0; first < lm_n_slots && st == SPN_OK; first = end) {
        for (end = first; end < lm_n_slots && lm_slots[end].in_layer == lm_slots[first].in_layer;
             end++)
            ;
        for (int64_t l = 0; l < (lm_slots[first].in_layer ? m->shape.n_layer : 1) && st == SPN_OK;
             l++)
            for (int i = first; i < end && st == SPN_OK; i++)
                if (lm_slot_created(m->arch, &m->shape, &lm_slots[i]) &&
                    lm_has(m, lm_slots[i].mixes, l))
                    st = add_weight(m, &lm_slots[i], l, used, err);
    }
    return st;
}

static bool ends_with(const char *s, const char *tail)
{
    size_t n = strlen(s), k = strlen(tail);

    return n >= k && memcmp(s + n - k, tail, k) == 0;
}

static void fill(const struct spn_lm *m, const struct spn_weight *w, uint64_t seed)
{
    float *f = w->t.data;
    int64_t n = spn_tensor_elems(&w->t);
    double std = init_std;
    struct spn_rng rng;

    if (w->t.ndim == 1) {
        for (int64_t i = 0; i < n; i++)
            f[i] = ends_with(w->name, ".bias") ? 0.0f : 1.0f;
        return;
    }
    /* What is added to the residual stream 2 n_layer times starts smaller (Radford and others
     * 2019). */
    if (ends_with(w->name, "attn_output.weight") || ends_with(w->name, "ffn_down.weight"))
        std /= sqrt(2.0 * (double)m->shape.n_layer);
    spn_rng_init(&rng, spn_key_str(spn_key_seed(seed), w->name));
    for (int64_t i = 0; i < n; i++)
        f[i] = (float)(std * spn_rng_normal(&rng));
}

spn_status spn_lm_create(struct spn_lm **out, const struct spn_arch *arch,
                         const struct spn_lm_shape *shape, uint64_t seed, struct spn_err *err)
{
    struct spn_lm *m;
    uint64_t n = 0, bytes = 0;
    spn_status st = spn_lm_shape_check(shape, arch->name, err);

    if (st != SPN_OK)
        return st;
    m = spn_calloc(1, sizeof *m);
    if (m == NULL || (m->arena = spn_arena_new((size_t)1 << 30)) == NULL) {
        spn_free(m);
        return spn_fail(err, SPN_ENOMEM, "no memory to create a model");
    }
    m->arch = arch;
    m->shape = *shape;
    m->shape.ffn = arch->ffn;
    m->pairs = arch->pairs_gguf;
    m->layer = spn_arena_alloc(m->arena, (size_t)shape->n_layer, sizeof *m->layer);
    st = m->layer != NULL
             ? lm_plan_layers(m, false, err)
             : spn_fail(err, SPN_ENOMEM, "no memory for %" PRId64 " layers", shape->n_layer);
    if (st == SPN_OK)
        st = lay_out(m, &n, err);
    if (st == SPN_OK &&
        (!spn_mul_u64(n, sizeof *m->block, &bytes) || bytes > spn_memory_free_bytes()))
        st = spn_fail(err, SPN_ENOMEM,
                      "a model of %" PRIu64 " parameters needs %.2f GB, %.2f GB are free", n,
                      (double)bytes / 1e9, (double)spn_memory_free_bytes() / 1e9);
    if (st == SPN_OK && (m->block = spn_aligned_alloc(64, (size_t)bytes)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "no memory for %" PRIu64 " parameters (%.2f GB)", n,
                      (double)bytes / 1e9);
    if (st == SPN_OK)
        st = lay_out(m, &n, err);
    if (st == SPN_OK)
        st = lm_list(m, err);
    for (int i = 0; i < m->n_list && st == SPN_OK; i++)
        fill(m, m->list[i], seed);
    if (st != SPN_OK) {
        spn_lm_close(m);
        return st;
    }
    *out = m;
    return SPN_OK;
}
