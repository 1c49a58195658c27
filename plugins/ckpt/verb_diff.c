/* verb_diff.c - `spinney ckpt diff A B`. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "diff.h"
#include "verbs.h"

static json_t *pair_json(const char *name, const struct diff_pair *p)
{
    const struct spn_difference *d = &p->d;
    bool numbers = d->count > 0 || strcmp(p->status, "same") == 0;
    json_t *o = json_pack("{s:o, s:s, s:o, s:o, s:o}", "name", string_json(name), "status",
                          p->status, "max_abs", numbers ? number_json(d->max_abs) : json_null(),
                          "rel", numbers ? number_json(d->rel) : json_null(), "cosine",
                          numbers ? number_json(d->cosine) : json_null());

    if (o == NULL)
        return NULL;
    if (strcmp(p->status, "renamed") == 0)
        json_object_set_new(o, "renamed", string_json(p->b->name));
    if (p->a != NULL) {
        json_object_set_new(o, "dtype_a", json_string(spn_dtype_name(p->a->t->dtype)));
        json_object_set_new(o, "shape_a", shape_json(p->a->t));
    }
    if (p->b != NULL) {
        json_object_set_new(o, "dtype_b", json_string(spn_dtype_name(p->b->t->dtype)));
        json_object_set_new(o, "shape_b", shape_json(p->b->t));
    }
    json_object_set_new(o, "count", json_integer(d->count));
    json_object_set_new(o, "differ", json_integer(d->differ));
    json_object_set_new(o, "nan_a", json_integer(d->nan_a));
    json_object_set_new(o, "nan_b", json_integer(d->nan_b));
    json_object_set_new(o, "inf_a", json_integer(d->inf_a));
    json_object_set_new(o, "inf_b", json_integer(d->inf_b));
    return o;
}

/* What a reader wants beside the figures. */
static void note(char *out, size_t room, const struct diff_pair *p)
{
    char a[128], b[128];

    out[0] = '\0';
    if (strcmp(p->status, "renamed") == 0)
        snprintf(out, room, "is %.160s", p->b->name);
    else if (strcmp(p->status, "shape") == 0)
        snprintf(out, room, "%s and %s", shape_text(a, sizeof a, p->a->t),
                 shape_text(b, sizeof b, p->b->t));
    else if (p->a != NULL && p->b != NULL && p->a->t->dtype != p->b->t->dtype)
        snprintf(out, room, "%s and %s", spn_dtype_name(p->a->t->dtype),
                 spn_dtype_name(p->b->t->dtype));
    if (p->d.nan_a + p->d.nan_b + p->d.inf_a + p->d.inf_b > 0) {
        size_t n = strlen(out);

        snprintf(out + n, room - n,
                 "%sNaN %" PRId64 " and %" PRId64 ", infinite %" PRId64 " and %" PRId64,
                 n > 0 ? "; " : "", p->d.nan_a, p->d.nan_b, p->d.inf_a, p->d.inf_b);
    }
}

static spn_status put_pair(void *ctx, const struct diff_pair *p, struct spn_err *err)
{
    struct table *t = ctx;
    const char *name = p->a != NULL ? p->a->name : p->b->name;
    char far[NUMBER_BYTES], rel[NUMBER_BYTES], cosine[NUMBER_BYTES], more[512];
    bool numbers = p->d.count > 0;
    const char *cells[] = { name,
                            p->status,
                            number_text(far, numbers ? p->d.max_abs : NAN),
                            number_text(rel, numbers ? p->d.rel : NAN),
                            number_text(cosine, numbers ? p->d.cosine : NAN),
                            more };

    note(more, sizeof more, p);
    return table_row(t, pair_json(name, p), cells, err);
}

spn_status verb_diff(struct run *r, struct spn_err *err)
{
    static const char *const heads[] = { "name", "status", "max_abs", "rel", "cosine", "note" };
    struct table t;
    struct diff_side a, b;
    struct spn_difference total;
    struct spn_err plain = SPN_ERR_INIT;
    size_t wrong = 0;
    spn_status st =
        diff_open(&a, &b, r->argv[0], r->argv[1], r->argv + 2, (size_t)r->argc - 2, &plain, err);

    if (st != SPN_OK)
        return st;
    if (plain.code != SPN_OK)
        r->api->say(r->job, plain.text);
    table_begin(&t, r, heads, 6);
    st = diff_run(&a, &b, spn_value_float(r->v, "tol"), &r->how, put_pair, &t, &total, &wrong, err);
    if (st == SPN_OK) {
        char far[NUMBER_BYTES], rel[NUMBER_BYTES], cosine[NUMBER_BYTES], more[128];
        const char *status = wrong > 0 ? "differs" : total.differ > 0 ? "close" : "same";
        const char *cells[] = { "(total)",
                                status,
                                number_text(far, total.max_abs),
                                number_text(rel, total.rel),
                                number_text(cosine, total.cosine),
                                more };
        struct diff_pair p = { .status = status, .d = total };
        json_t *object = pair_json("", &p);

        snprintf(more, sizeof more, "%zu wrong", wrong);
        if (object != NULL) {
            json_object_set_new(object, "name", json_null());
            json_object_set_new(object, "total", json_true());
            json_object_set_new(object, "wrong", json_integer((json_int_t)wrong));
        }
        st = table_row(&t, object, cells, err);
    }
    st = check_rows(&a.c, table_end(&t, st, err), err);
    st = check_rows(&b.c, st, err);
    diff_close(&a);
    diff_close(&b);
    if (st == SPN_OK && wrong > 0)
        st = r->api->json(r->job) ? SPN_ENO
                                  : spn_fail(err, SPN_ENO, "%s and %s: %zu tensors differ",
                                             r->argv[0], r->argv[1], wrong);
    return st;
}
