/* diff.c - what is there on both sides is compared by its numbers; what is there on one only may
 * have another name on the other. */
#include "config.h"

#include "diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define RENAMES_MAX 4096 /* pairs that are tried for a new name */

static int by_name(const void *a, const void *b)
{
    const struct diff_item *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* ---- opening ---- */

static bool is_gguf(const struct ckpt *c)
{
    return strncmp(spn_reader_format(c->reader), "gguf", 4) == 0;
}

static spn_status take_rows(struct diff_side *s, struct spn_err *err)
{
    s->item = spn_calloc(s->c.n + 1, sizeof *s->item);
    if (s->item == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu rows", s->c.path, s->c.n);
    for (size_t i = 0; i < s->c.n; i++)
        s->item[s->n++] =
            (struct diff_item){ s->c.row[i].e->name, &s->c.row[i].e->t, s->c.row[i].e, NULL };
    return SPN_OK;
}

static spn_status take_weights(struct diff_side *s, struct spn_err *err)
{
    size_t n = 0;

    while (spn_lm_weight(s->lm, (int)n) != NULL)
        n++;
    s->item = spn_calloc(n + 1, sizeof *s->item);
    if (s->item == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu weights", s->c.path, n);
    for (; s->n < n; s->n++) {
        const struct spn_weight *w = spn_lm_weight(s->lm, (int)s->n);

        s->item[s->n] = (struct diff_item){ w->name, &w->t, NULL, w };
    }
    return SPN_OK;
}

spn_status diff_open(struct diff_side *a, struct diff_side *b, const char *path_a,
                     const char *path_b, char *const *pattern, size_t n_patterns,
                     struct spn_err *plain, struct spn_err *err)
{
    struct diff_side *side[2] = { a, b };
    const char *path[2] = { path_a, path_b };
    spn_status st = SPN_OK;

    for (int i = 0; i < 2; i++)
        *side[i] = (struct diff_side){ .c = { .step = -1 } };
    for (int i = 0; st == SPN_OK && i < 2; i++)
        st = ckpt_open(&side[i]->c, path[i], err);
    if (st == SPN_OK && is_gguf(&a->c) != is_gguf(&b->c)) {
        struct spn_lm_options o;
        spn_status lm = SPN_OK;

        spn_lm_options_default(&o);
        o.pack = o.tokenizer = false;
        for (int i = 0; lm == SPN_OK && i < 2; i++)
            lm = spn_lm_open(&side[i]->lm, side[i]->c.path, &o, plain);
        for (int i = 0; lm != SPN_OK && i < 2; i++) {
            spn_lm_close(side[i]->lm);
            side[i]->lm = NULL;
        }
    }
    for (int i = 0; st == SPN_OK && i < 2; i++) {
        if (side[i]->lm != NULL)
            st = take_weights(side[i], err);
        else
            st = take_rows(side[i], err);
        if (st == SPN_OK && side[i]->n > 1)
            qsort(side[i]->item, side[i]->n, sizeof *side[i]->item, by_name);
    }
    /* Patterns choose among the shared names; one that only one side has is fine. */
    if (st == SPN_OK && n_patterns > 0) {
        size_t any = 0;

        for (int i = 0; i < 2; i++) {
            size_t kept = 0;

            for (size_t k = 0; k < side[i]->n; k++) {
                bool keep = false;

                for (size_t p = 0; p < n_patterns && !keep; p++)
                    keep = ckpt_matches(pattern[p], side[i]->item[k].name);
                if (keep)
                    side[i]->item[kept++] = side[i]->item[k];
            }
            side[i]->n = kept;
            any += kept;
        }
        if (any == 0)
            st = spn_fail(err, SPN_ENOTFOUND, "%s: no tensor of either side matches \"%.200s\"",
                          path_a, pattern[0]);
    }
    if (st != SPN_OK)
        for (int i = 0; i < 2; i++)
            diff_close(side[i]);
    return st;
}

void diff_close(struct diff_side *s)
{
    spn_lm_close(s->lm);
    spn_free(s->item);
    ckpt_close(&s->c);
    *s = (struct diff_side){ .c = { .step = -1 } };
}

/* ---- comparing ---- */

static bool same_shape(const struct spn_tensor *a, const struct spn_tensor *b)
{
    bool same = a->ndim == b->ndim;

    for (int d = 0; same && d < a->ndim; d++)
        same = a->dim[d] == b->dim[d];
    return same;
}

struct rows {
    const struct spn_lm *lm;
    const struct spn_weight *weight;
    enum spn_rope_pairs pairs;
};

static int64_t row_of(const void *ctx, int64_t r)
{
    const struct rows *x = ctx;

    return spn_lm_source_row(x->lm, x->weight, x->pairs, r);
}

static spn_status view(struct spn_tensor *t, void **copy, const struct diff_side *s,
                       const struct diff_item *x, struct spn_err *err)
{
    *copy = NULL;
    if (x->entry != NULL)
        return ckpt_view(t, copy, &s->c, x->entry, err);
    *t = *x->t;
    return SPN_OK;
}

/* *UNREAD: numbers of such a type are not decoded; then bytes are compared, and differ counts 1. */
static spn_status compare(struct spn_difference *d, bool *unread, const struct diff_side *a,
                          const struct diff_side *b, const struct diff_item *x,
                          const struct diff_item *y, const struct spn_measure *how,
                          struct spn_err *err)
{
    struct rows rows = { a->lm, x->weight, b->lm != NULL ? b->lm->pairs : SPN_ROPE_NORMAL };
    struct spn_row_map map = { row_of, &rows };
    bool mapped = x->weight != NULL && a->lm->pairs != b->lm->pairs;
    struct spn_tensor s, t;
    void *copy_s = NULL, *copy_t = NULL;
    spn_status st = view(&s, &copy_s, a, x, err);

    if (st == SPN_OK)
        st = view(&t, &copy_t, b, y, err);
    *unread = st == SPN_OK && (!spn_measurable(s.dtype) || !spn_measurable(t.dtype));
    if (*unread)
        *d = (struct spn_difference){ .differ = s.dtype != t.dtype ||
                                                memcmp(s.data, t.data,
                                                       (size_t)spn_tensor_bytes(&s)) != 0 };
    else if (st == SPN_OK)
        st = spn_difference_run(d, &s, &t, mapped ? &map : NULL, how, err);
    spn_free(copy_s);
    spn_free(copy_t);
    return st;
}

/* NaN and infinities that do not match are beyond any tolerance, and so is a NaN here. */
static const char *judge(const struct spn_difference *d, double tol)
{
    if (d->differ == 0)
        return "same";
    return d->lost == 0 && d->rel <= tol ? "close" : "differs";
}

/* Pairs of equal names; items without a partner are marked in LEFT_A and LEFT_B. */
static spn_status partners(const struct diff_side *a, const struct diff_side *b, double tol,
                           const struct spn_measure *how, diff_pair_fn *fn, void *ctx,
                           struct spn_difference *total, size_t *wrong, bool *left_a, bool *left_b,
                           struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0, k = 0; st == SPN_OK && (i < a->n || k < b->n);) {
        int order = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->item[i].name, b->item[k].name);
        struct diff_pair p = { .a = order <= 0 ? &a->item[i] : NULL,
                               .b = order >= 0 ? &b->item[k] : NULL };

        if (order < 0)
            left_a[i] = true;
        if (order > 0)
            left_b[k] = true;
        i += order <= 0;
        k += order >= 0;
        if (order != 0)
            continue;
        if (!same_shape(p.a->t, p.b->t)) {
            p.status = "shape";
        } else {
            bool unread;

            st = compare(&p.d, &unread, a, b, p.a, p.b, how, err);
            p.status = unread && p.d.differ > 0 ? "unread" : judge(&p.d, tol);
            if (st == SPN_OK)
                spn_difference_add(total, &p.d);
        }
        *wrong += strcmp(p.status, "same") != 0 && strcmp(p.status, "close") != 0;
        if (st == SPN_OK)
            st = fn(ctx, &p, err);
    }
    return st;
}

/* The tensor of B without a partner that is most like X, if it is very much so. */
static spn_status new_name(size_t *best, struct spn_difference *d, const struct diff_side *a,
                           const struct diff_side *b, const struct diff_item *x, bool *left_b,
                           size_t *tries, const struct spn_measure *how, struct spn_err *err)
{
    double most = 0.99;
    spn_status st = SPN_OK;

    *best = SIZE_MAX;
    for (size_t k = 0; st == SPN_OK && k < b->n && *tries < RENAMES_MAX; k++) {
        struct spn_difference one;

        bool unread;

        if (!left_b[k] || !same_shape(x->t, b->item[k].t))
            continue;
        ++*tries;
        st = compare(&one, &unread, a, b, x, &b->item[k], how, err);
        if (st == SPN_OK && !unread && one.cosine > most) {
            most = one.cosine;
            *best = k;
            *d = one;
        }
    }
    return st;
}

spn_status diff_run(const struct diff_side *a, const struct diff_side *b, double tol,
                    const struct spn_measure *how, diff_pair_fn *fn, void *ctx,
                    struct spn_difference *total, size_t *wrong, struct spn_err *err)
{
    bool *left = spn_calloc(a->n + b->n + 1, sizeof *left), *left_b = left + a->n;
    size_t tries = 0;
    spn_status st;

    *total = (struct spn_difference){ .cosine = 1 };
    *wrong = 0;
    if (left == NULL)
        return spn_fail(err, SPN_ENOMEM, "diff: no memory for %zu names", a->n + b->n);
    st = partners(a, b, tol, how, fn, ctx, total, wrong, left, left_b, err);
    for (size_t i = 0; st == SPN_OK && i < a->n; i++) {
        struct diff_pair p = { .status = "missing_in_b", .a = &a->item[i] };
        size_t k;

        if (!left[i])
            continue;
        ++*wrong;
        st = new_name(&k, &p.d, a, b, p.a, left_b, &tries, how, err);
        if (st == SPN_OK && k != SIZE_MAX) {
            p.status = "renamed";
            p.b = &b->item[k];
            left_b[k] = false;
        }
        if (st == SPN_OK)
            st = fn(ctx, &p, err);
    }
    for (size_t k = 0; st == SPN_OK && k < b->n; k++)
        if (left_b[k]) {
            ++*wrong;
            st = fn(ctx, &(struct diff_pair){ .status = "missing_in_a", .b = &b->item[k] }, err);
        }
    spn_free(left);
    return st;
}
