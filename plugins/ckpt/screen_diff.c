/* screen_diff.c - two checkpoints as one list: the largest error first, coloured by it. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "screen.h"

#define NAME_CELLS 34

struct differing {
    struct look *look;
    struct stopper stop;
    struct spn_work *work;
    char *a, *b;
    struct sheet *other; /* out */
    struct spn_difference total;
    struct spn_err plain;
    struct pair *pair; /* out, by name */
    size_t n, room;
    double done, all;
};

static void free_pairs(struct pair *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        spn_free(p[i].name);
    spn_free(p);
}

/* ---- on the job's thread ---- */

static spn_status on_pair(void *ctx, const struct diff_pair *p, struct spn_err *err)
{
    struct differing *d = ctx;
    struct pair *o;

    if (d->n == d->room) {
        size_t want = d->room * 2 + 64;
        struct pair *grown = spn_realloc(d->pair, want, sizeof *grown);

        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "difference: no memory for %zu pairs", want);
        d->pair = grown;
        d->room = want;
    }
    o = &d->pair[d->n];
    *o = (struct pair){ .status = p->status, .d = p->d };
    o->both = p->a != NULL && p->b != NULL && strcmp(p->status, "shape") != 0;
    o->name = spn_strdup(p->a != NULL ? p->a->name : p->b->name);
    if (o->name == NULL)
        return spn_fail(err, SPN_ENOMEM, "difference: no memory for a name");
    d->n++;
    if (p->a != NULL)
        d->done += (double)spn_tensor_elems(p->a->t);
    d->look->api->work_progress(d->work, d->done, d->all);
    return SPN_OK;
}

/* The other side stays open: its tensors are looked into one by one. */
static spn_status keep_other(struct differing *d, struct spn_err *err)
{
    spn_status st;

    d->other = spn_calloc(1, sizeof *d->other);
    if (d->other == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", d->b);
    d->other->users = 1;
    st = ckpt_open(&d->other->c, d->b, err);
    if (st != SPN_OK) {
        spn_free(d->other);
        d->other = NULL;
    }
    return st;
}

static spn_status run(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct differing *d = ctx;
    struct spn_pool *pool = spn_pool_new(spn_threads_allowed());
    struct spn_measure how = { .pool = pool, .cancel = d->look->api->work_cancel(w) };
    struct diff_side a, b;
    size_t wrong;
    spn_status st;

    d->work = w;
    stopper_begin(&d->stop, how.cancel);
    if (pool == NULL)
        return spn_fail(err, SPN_ENOMEM, "difference: no memory for threads");
    st = diff_open(&a, &b, d->a, d->b, NULL, 0, &d->plain, err);
    if (st == SPN_OK) {
        for (size_t i = 0; i < a.n; i++)
            d->all += (double)spn_tensor_elems(a.item[i].t);
        st = diff_run(&a, &b, 0, &how, on_pair, d, &d->total, &wrong, err);
        if (st == SPN_OK)
            st = spn_reader_check(a.c.reader, err);
        if (st == SPN_OK)
            st = spn_reader_check(b.c.reader, err);
        diff_close(&a);
        diff_close(&b);
    }
    if (st == SPN_OK)
        st = keep_other(d, err);
    spn_pool_free(pool);
    return st;
}

/* ---- on the main thread ---- */

/* What has no partner first, then the largest error. */
static double rank(const struct pair *p)
{
    return !p->both                                            ? INFINITY
           : p->d.lost > 0 || strcmp(p->status, "unread") == 0 ? 1e300
                                                               : p->d.rel;
}

static int by_error(const void *a, const void *b)
{
    double x = rank(a), y = rank(b);

    if (x != y)
        return x > y ? -1 : 1;
    return ckpt_compare_names(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

static enum spn_style colour_of(const struct pair *p)
{
    double r = rank(p);

    return isinf(r) || r >= 0.1 ? SPN_STYLE_BAD
           : r >= 0.001         ? SPN_STYLE_WARN
           : r > 0              ? SPN_STYLE_ACCENT
                                : SPN_STYLE_DIM;
}

/* The end tells layer and kind; what names have in common stands before. */
static const char *end_of_name(char *out, size_t room, const char *name)
{
    size_t n = strlen(name);
    const char *tail = n > NAME_CELLS ? name + n - NAME_CELLS + 2 : name;

    while (tail > name && ((unsigned char)*tail & 0xc0) == 0x80) /* no half a character */
        tail++;
    snprintf(out, room, "%s%s", tail > name ? ".." : "", tail);
    return out;
}

void diff_fill(struct look *l)
{
    static const struct spn_column columns[] = { { "name", NAME_CELLS, false, 0 },
                                                 { "status", 0, false, 0 },
                                                 { "rel error", 10, true, 1 },
                                                 { "max abs", 10, true, 2 },
                                                 { "cosine", 10, true, 3 } };
    struct spn_buf b = SPN_BUF_INIT(1000);
    size_t n[3] = { 0 };

    l->api->clear(l->tree);
    l->columns_of_tree = false;
    l->api->columns(l->tree, columns, sizeof columns / sizeof *columns);
    l->api->begin(l->tree);
    for (size_t i = 0; i < l->n_pair; i++) {
        const struct pair *p = &l->pair[i];
        enum spn_style style = colour_of(p);
        double v[] = { p->d.rel, p->d.max_abs, p->d.cosine };
        char text[3][24];
        char name[128];
        struct spn_field fields[5] = { { end_of_name(name, sizeof name, p->name), NAN,
                                         style },
                                       { p->status, NAN, style } };

        for (int k = 0; k < 3; k++) {
            snprintf(text[k], sizeof text[k], k == 2 ? "%.7f" : "%.3g", v[k]);
            fields[2 + k] =
                (struct spn_field){ p->both ? text[k] : "", p->both ? v[k] : NAN, style };
        }
        n[!p->both ? 2 : p->d.differ == 0 ? 0 : 1]++;
        l->api->row(l->tree, &(struct spn_row){ .id = i + 1,
                                                .warning = !p->both || p->d.lost > 0,
                                                .fields = fields,
                                                .n = 5 });
    }
    l->api->end(l->tree);
    spn_buf_printf(&b, "%zu same, %zu changed, %zu without partner", n[0], n[1], n[2]);
    l->api->title(l->tree, b.data);
    spn_buf_free(&b);
}

static const struct pair *pair_of(const struct look *l)
{
    for (size_t i = 0; l->chosen != NULL && i < l->n_pair; i++)
        if (strcmp(l->pair[i].name, l->chosen) == 0)
            return &l->pair[i];
    return NULL;
}

void diff_figures(struct look *l)
{
    const struct pair *p = pair_of(l);
    const struct spn_difference *d = p != NULL ? &p->d : &l->total;
    struct spn_buf b = SPN_BUF_INIT(8192);

    if (p != NULL && !p->both) {
        spn_buf_printf(&b, "%s\n", p->status);
    } else {
        spn_buf_printf(
            &b,
            "numbers         %lld\ndiffer          %lld\nlargest |a - b| %.6g\n"
            "relative error  %.6g\ncosine          %.9f\nNaN             %lld and %lld\n"
            "infinite        %lld and %lld\nnorm of this    %.6g\nnorm of other   %.6g\n",
            (long long)d->count, (long long)d->differ, d->max_abs, d->rel, d->cosine,
            (long long)d->nan_a, (long long)d->nan_b, (long long)d->inf_a, (long long)d->inf_b,
            sqrt(d->squares_a), sqrt(d->squares_b));
        if (l->plain != NULL)
            spn_buf_printf(&b, "\nNames are taken as they stand: %s\n", l->plain);
        spn_buf_puts(&b, "\n8 draws both values as a cloud; 2, 3 and 4 show the difference.");
    }
    l->api->clear(l->detail);
    l->api->block(l->detail, 1, SPN_TEXT_PLAIN, p != NULL ? p->name : "all tensors together",
                  SPN_STYLE_HEAD, b.data != NULL ? b.data : "", b.length);
    spn_buf_free(&b);
}

void diff_chosen(struct look *l, uint64_t id)
{
    if (id < 1 || id > l->n_pair)
        return;
    spn_free(l->chosen);
    l->chosen = spn_strdup(l->pair[id - 1].name);
    l->window = (struct spn_window){ 0 };
    l->vals_row = l->vals_col = 0;
    look_ask(l);
}

static void done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct differing *d = ctx;
    struct look *l = d->look;

    if (st == SPN_OK && l->sheet != NULL) {
        free_pairs(l->pair, l->n_pair);
        if (d->n > 1)
            qsort(d->pair, d->n, sizeof *d->pair, by_error);
        sheet_drop(l->other);
        spn_free(l->other_path);
        spn_free(l->plain);
        l->plain = d->plain.text[0] != '\0' ? spn_strdup(d->plain.text) : NULL;
        l->other = d->other;
        l->other_path = d->b;
        l->pair = d->pair;
        l->n_pair = d->n;
        l->total = d->total;
        l->mode = MODE_DIFF;
        d->other = NULL;
        d->b = NULL;
        d->pair = NULL;
        d->n = 0;
        l->tab = TAB_STAT;
        inquiry_free(l->answer);
        l->answer = NULL;
        diff_fill(l);
        look_heading(l);
        tree_rule(l);
        diff_chosen(l, 1);
        l->api->focus(l->tree);
    } else {
        if (st != SPN_OK && st != SPN_ECANCEL)
            look_fail(l, err);
        l->mode = MODE_TREE;
        tree_fill(l);
    }
    sheet_drop(d->other);
    free_pairs(d->pair, d->n);
    spn_free(d->a);
    spn_free(d->b);
    spn_free(d);
}

void diff_start(struct look *l, const char *path)
{
    struct differing *d = spn_calloc(1, sizeof *d);
    struct spn_work_spec spec = { "difference", d, run, NULL, done };
    struct spn_err err = SPN_ERR_INIT;

    if (d == NULL || l->sheet == NULL || (d->a = spn_strdup(l->sheet->c.path)) == NULL ||
        (d->b = spn_strdup(path)) == NULL) {
        if (d != NULL)
            spn_free(d->a);
        spn_free(d);
        return;
    }
    d->look = l;
    if (l->api->work(l->screen, &spec, &err) != SPN_OK) {
        l->api->fail(l->screen, &err);
        spn_free(d->a);
        spn_free(d->b);
        spn_free(d);
    }
}

void diff_end(struct look *l)
{
    free_pairs(l->pair, l->n_pair);
    l->pair = NULL;
    l->n_pair = 0;
    sheet_drop(l->other);
    l->other = NULL;
    spn_free(l->other_path);
    l->other_path = NULL;
    spn_free(l->plain);
    l->plain = NULL;
}
