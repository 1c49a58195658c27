/* deepspeed_cut.c - parameters out of the flat runs of the ranks. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "format/deepspeed.h"

struct pieces {
    struct k_box *box;
    size_t n;
    const struct k_zero_flat *first; /* where the first one lies, and from which number on */
    int64_t from;
    bool absent;
    int dtype;
};

/* N numbers of F from number FROM on are numbers LO … of the parameter. */
static spn_status add_piece(struct k_zero *z, struct pieces *p, const struct k_zero_flat *f,
                            int64_t from, int64_t lo, int64_t n, const char *name,
                            struct spn_err *err)
{
    struct k_box *b = &p->box[p->n];
    int64_t size;

    if (p->n > 0 && f->x.dtype != p->dtype)
        return spn_fail(err, SPN_EFORMAT, "%s: the ranks keep %.100s in different types", z->dir,
                        name);
    p->dtype = f->x.dtype;
    p->absent |= f->x.s.absent;
    size = spn_dtype_info(f->x.dtype)->block_bytes;
    *b = (struct k_box){ .lo = { lo }, .size = { n }, .stride = { 1 }, .swap = f->x.s.swap };
    if (!f->x.s.absent)
        b->data = f->x.s.data + (f->x.first + from) * size;
    if (p->n++ == 0) {
        p->first = f;
        p->from = from;
    }
    return SPN_OK;
}

static spn_status add_parameter(struct k_zero *z, const char *name, const struct k_zero_shape *s,
                                const struct pieces *p, struct spn_err *err)
{
    const struct k_torch_tensor *x = &p->first->x;
    int64_t box_dim[1] = { s->n }, stride[SPN_DIMS_MAX], step = 1;
    uint64_t offset;

    if (p->absent) {
        k_reader_absent(z->r, name);
        return SPN_OK;
    }
    offset = x->s.offset +
             (uint64_t)(x->first + p->from) * (uint64_t)spn_dtype_info(p->dtype)->block_bytes;
    if (p->n > 1)
        return k_add_boxes(z->r, name, p->dtype, s->ndim, s->dim, 1, box_dim, p->box, p->n,
                           x->s.file, offset, err);
    for (int i = s->ndim - 1; i >= 0; i--) {
        stride[i] = step;
        step *= s->dim[i];
    }
    return k_add_strided(z->r, name, p->dtype, s->ndim, s->dim, stride, x->first + p->from, &x->s,
                         err);
}

/* Numbers [at, at + s->n) of the runs RUN[0..n_runs), which follow one another. */
static spn_status cut(struct k_zero *z, const char *name, const struct k_zero_shape *s,
                      const struct k_zero_flat *const *run, size_t n_runs, int64_t at,
                      struct spn_err *err)
{
    struct pieces p = { .n = 0 };
    int64_t begin = 0, got = 0;
    spn_status st = k_reader_alloc(z->r, &p.box, n_runs, sizeof *p.box, err);

    for (size_t i = 0; st == SPN_OK && i < n_runs; begin += run[i++]->n) {
        int64_t from = at > begin ? at - begin : 0, n;

        if (from >= run[i]->n && s->n > 0)
            continue;
        n = run[i]->n - from < s->n - got ? run[i]->n - from : s->n - got;
        if (n > 0 || (s->n == 0 && p.n == 0))
            st = add_piece(z, &p, run[i], from, got, n, name, err);
        got += n > 0 ? n : 0;
        if (got == s->n && p.n > 0)
            break;
    }
    if (st == SPN_OK && (got != s->n || p.n == 0))
        st = spn_fail(err, SPN_EFORMAT,
                      "%s: %.200s has %" PRId64 " numbers, its ranks keep %" PRId64 " of them",
                      z->dir, name, s->n, got);
    return st == SPN_OK ? add_parameter(z, name, s, &p, err) : st;
}

static uint64_t rounded(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Stages 1 and 2. */
spn_status k_zero_cut_group(struct k_zero *z, size_t kind, size_t group, struct spn_err *err)
{
    const struct k_zero_flat **run = NULL;
    uint64_t have = 0, want = 0, unit = 2 * (uint64_t)z->n_ranks;
    int64_t at = 0;
    spn_status st = k_reader_alloc(z->r, &run, z->n_ranks, sizeof *run, err);

    for (size_t i = 0; st == SPN_OK && i < z->n_ranks; i++) {
        const struct k_zero_rank *r = &z->ranks[i];

        if (group >= r->n_groups || r->flat[kind * r->n_groups + group].x.s.file == NULL)
            return spn_fail(err, SPN_EFORMAT, "%s: rank %zu lacks %s of group %zu", z->dir, i,
                            z->kinds[kind], group);
        run[i] = &r->flat[kind * r->n_groups + group];
        have += (uint64_t)run[i]->n;
    }
    for (size_t i = 0; st == SPN_OK && i < z->n_shapes; i++) {
        const struct k_zero_shape *s = &z->shapes[i];
        const char *name = NULL;

        if (s->group != group)
            continue;
        st = k_zero_name(z, "optimizer.state.", s->name, ".", z->kinds[kind], &name, err);
        if (st == SPN_OK)
            st = cut(z, name, s, run, z->n_ranks, at, err);
        at += s->n;
        want += (uint64_t)s->n;
    }
    if (st == SPN_OK && kind == 0 && rounded(want, unit) != rounded(have, unit))
        st = spn_fail(err, SPN_EFORMAT,
                      "%s: group %zu has %" PRIu64 " numbers, its %zu ranks keep %" PRIu64, z->dir,
                      group, want, z->n_ranks, have);
    return st;
}

/* What ranks keep of parameter S of stage 3: one piece each, from number AT of their runs on. */
static spn_status cut_ranks(struct k_zero *z, const char *name, const struct k_zero_shape *s,
                            size_t kind, int64_t at, int64_t part, struct spn_err *err)
{
    struct pieces p = { .n = 0 };
    int64_t got = 0;
    size_t most = 0;
    spn_status st;

    for (size_t r = 0; r < z->n_ranks; r++)
        most += z->ranks[r].n_groups;
    st = k_reader_alloc(z->r, &p.box, most, sizeof *p.box, err);
    for (size_t r = 0; st == SPN_OK && r < z->n_ranks; r++) {
        const struct k_zero_rank *rank = &z->ranks[r];
        int64_t begin = 0, from = at, left = part < s->n - got ? part : s->n - got;

        for (size_t g = 0; st == SPN_OK && g < rank->n_groups && (left > 0 || p.n == 0); g++) {
            const struct k_zero_flat *f = &rank->flat[kind * rank->n_groups + g];
            int64_t n = begin + f->n - from;

            if (f->x.s.file != NULL && (n > 0 || s->n == 0)) {
                n = n < left ? n : left;
                st = add_piece(z, &p, f, from - begin, got, n > 0 ? n : 0, name, err);
                from += n > 0 ? n : 0;
                got += n > 0 ? n : 0;
                left -= n > 0 ? n : 0;
            }
            begin += f->n;
        }
    }
    if (st == SPN_OK && (got != s->n || p.n == 0))
        st = spn_fail(err, SPN_EFORMAT,
                      "%s: %.200s has %" PRId64 " numbers, its ranks keep %" PRId64 " of them",
                      z->dir, name, s->n, got);
    return st == SPN_OK ? add_parameter(z, name, s, &p, err) : st;
}

spn_status k_zero_cut_stage3(struct k_zero *z, struct spn_err *err)
{
    int64_t at = 0;
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < z->n_shapes; i++) {
        const struct k_zero_shape *s = &z->shapes[i];
        int64_t ranks = (int64_t)z->n_ranks, part = s->n / ranks + (s->n % ranks != 0);

        for (size_t k = 0; st == SPN_OK && k < z->n_kinds; k++) {
            const char *name = NULL;

            st = k == 0 ? k_zero_name(z, s->name, "", "", "", &name, err)
                        : k_zero_name(z, "optimizer.state.", s->name, ".", z->kinds[k], &name, err);
            if (st == SPN_OK)
                st = cut_ranks(z, name, s, k, at, part, err);
        }
        if (at > INT64_MAX - part)
            return spn_fail(err, SPN_EFORMAT, "%s: param_shapes: more numbers than can be", z->dir);
        at += part;
    }
    for (size_t i = 0; st == SPN_OK && i < z->n_frozen; i++) {
        const struct k_zero_flat **run = NULL;
        const char *name = NULL;

        st = k_reader_alloc(z->r, &run, z->n_ranks, sizeof *run, err);
        for (size_t k = 0; st == SPN_OK && k < z->n_ranks; k++)
            run[k] = &z->fragment[i * z->n_ranks + k];
        if (st == SPN_OK)
            st = k_zero_name(z, z->frozen[i].name, "", "", "", &name, err);
        if (st == SPN_OK)
            st = cut(z, name, &z->frozen[i], run, z->n_ranks, 0, err);
    }
    return st;
}

spn_status k_zero_add_shared(struct k_zero *z, struct spn_err *err)
{
    const struct k_value *d = k_dict(z->shared);
    uint64_t n = d != NULL                                         ? d->n / 2
                 : z->shared != NULL && z->shared->kind == KV_LIST ? z->shared->n
                                                                   : 0;
    spn_status st = SPN_OK;

    for (uint64_t i = 0; st == SPN_OK && z->stage == 3 && i < n; i++) {
        const struct k_value *pair = d != NULL ? NULL : z->shared->u.items[i];
        const struct k_value *alias = d != NULL ? d->u.items[2 * i] : k_item(pair, 0),
                             *kept = d != NULL ? d->u.items[2 * i + 1] : k_item(pair, 1);
        const char *plain = NULL, *from = NULL, *to = NULL;
        size_t at = SIZE_MAX;

        if (alias == NULL || kept == NULL || !k_zero_key(alias) || !k_zero_key(kept))
            continue;
        st = k_reader_dup(z->r, &plain, kept->u.s, kept->n, err);
        if (st == SPN_OK)
            st = k_zero_name(z, plain, "", "", "", &from, err);
        if (st == SPN_OK)
            st = k_reader_dup(z->r, &plain, alias->u.s, alias->n, err);
        if (st == SPN_OK)
            st = k_zero_name(z, plain, "", "", "", &to, err);
        for (size_t k = 0; st == SPN_OK && k < z->r->n_entries; k++) {
            if (strcmp(z->r->entries[k].name, to) == 0)
                break; /* it is there by itself */
            if (strcmp(z->r->entries[k].name, from) == 0)
                at = k;
        }
        if (st == SPN_OK && at != SIZE_MAX && k_zero_shape_of(z, plain) == NULL) {
            struct spn_entry copy;

            st = k_reader_reserve_entries(z->r, 1, err);
            copy = z->r->entries[at];
            copy.name = to;
            if (st == SPN_OK)
                z->r->entries[z->r->n_entries++] = copy;
        }
    }
    return st;
}
