/* jinja_list.c - filters that walk over lists. */
#include "config.h"

#include <string.h>

#include "text/jinja_parts.h"

typedef struct j_value (*filter_fn)(struct j_run *r, struct j_value v, const struct j_args *a);

static struct j_value f_length(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return j_int(j_length(r, &v));
}

static struct j_value f_list(struct j_run *r, struct j_value v, const struct j_args *a)
{
    v = j_elements(r, &v);
    if (v.kind == J_TUPLE)
        v.kind = J_LIST;
    return v;
}

static struct j_value f_first(struct j_run *r, struct j_value v, const struct j_args *a)
{
    v = j_elements(r, &v);
    if (r->st != SPN_OK || v.list->n == 0)
        return j_undefined(j_text("first").s);
    return v.list->at[0];
}

static struct j_value f_last(struct j_run *r, struct j_value v, const struct j_args *a)
{
    v = j_elements(r, &v);
    if (r->st != SPN_OK || v.list->n == 0)
        return j_undefined(j_text("last").s);
    return v.list->at[v.list->n - 1];
}

static struct j_value f_reverse(struct j_run *r, struct j_value v, const struct j_args *a)
{
    struct j_value none = j_none(), step = j_int(-1);

    if (v.kind != J_STR)
        v = j_elements(r, &v);
    return r->st == SPN_OK ? j_slice(r, &v, &none, &none, &step) : v;
}

static struct j_value f_items(struct j_run *r, struct j_value v, const struct j_args *a)
{
    struct j_value out;

    if (v.kind == J_UNDEFINED)
        return j_new_list(r, 0, J_LIST);
    if (v.kind != J_DICT) {
        j_fail(r, SPN_EFORMAT, "items of %s", j_kind_name(&v));
        return v;
    }
    out = j_new_list(r, v.dict->n, J_LIST);
    for (size_t i = 0; i < v.dict->n && r->st == SPN_OK; i++) {
        struct j_value pair = j_new_list(r, 2, J_TUPLE);

        if (r->st != SPN_OK)
            break;
        pair.list->at[0] = v.dict->key[i];
        pair.list->at[1] = v.dict->value[i];
        out.list->at[i] = pair;
    }
    return out;
}

/* "a.b.0": attribute after attribute; a number is an index. */
static struct j_value attribute(struct j_run *r, struct j_value v, const struct j_value *path)
{
    struct j_str s;

    if (path->kind == J_INT)
        return j_get_item(r, &v, path);
    s = j_str_of(r, path);
    for (size_t at = 0; at <= s.n && r->st == SPN_OK;) {
        size_t end = j_find(s, j_text(".").s, at);
        struct j_str part = j_sub(s, at, (end == SIZE_MAX ? s.n : end) - at);
        struct j_value key = j_string(part);

        if (part.n > 0 && part.n < 10 && strspn(part.s, "0123456789") >= part.n) {
            key = j_int(0);
            for (size_t i = 0; i < part.n; i++)
                key.i = key.i * 10 + (part.s[i] - '0');
        }
        v = j_get_item(r, &v, &key);
        if (end == SIZE_MAX)
            break;
        at = end + 1;
    }
    return v;
}

static struct j_value f_join(struct j_run *r, struct j_value v, const struct j_args *a)
{
    const struct j_value *path = j_arg(a, 1, "attribute");
    struct j_str gap = j_text_arg(r, a, 0, "d", "");
    struct j_out o = { NULL, NULL, 0, 0 };

    v = j_elements(r, &v);
    for (size_t i = 0; r->st == SPN_OK && i < v.list->n; i++) {
        struct j_value item = path == NULL ? v.list->at[i] : attribute(r, v.list->at[i], path);

        if (i > 0)
            j_add(r, &o, gap);
        j_add_value(r, &o, &item);
    }
    return j_string(j_out_str(&o));
}

/* select, reject and their forms with an attribute. */
static struct j_value select_by(struct j_run *r, struct j_value v, const struct j_args *a,
                                bool wanted, bool by_attribute)
{
    size_t skip = by_attribute, kept = 0;
    struct j_args rest = { a->n > skip + 1 ? a->at + skip + 1 : NULL,
                           a->n > skip + 1 ? a->n - skip - 1 : 0, NULL, NULL, 0 };
    struct j_value out;

    if (by_attribute && a->n == 0) {
        j_fail(r, SPN_EFORMAT, "selectattr needs an attribute");
        return v;
    }
    v = j_elements(r, &v);
    out = j_new_list(r, r->st == SPN_OK ? v.list->n : 0, J_LIST);
    for (size_t i = 0; r->st == SPN_OK && i < v.list->n; i++) {
        struct j_value item = by_attribute ? attribute(r, v.list->at[i], &a->at[0])
                                           : v.list->at[i];
        bool hit = a->n > skip ? j_test(r, j_str_of(r, &a->at[skip]), &item, &rest)
                               : j_truth(&item);

        if (hit == wanted)
            out.list->at[kept++] = v.list->at[i];
    }
    if (r->st == SPN_OK)
        out.list->n = kept;
    return out;
}

static struct j_value f_select(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return select_by(r, v, a, true, false);
}

static struct j_value f_reject(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return select_by(r, v, a, false, false);
}

static struct j_value f_selectattr(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return select_by(r, v, a, true, true);
}

static struct j_value f_rejectattr(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return select_by(r, v, a, false, true);
}

static struct j_value f_map(struct j_run *r, struct j_value v, const struct j_args *a)
{
    const struct j_value *path = j_arg(a, SIZE_MAX, "attribute"),
                         *otherwise = j_arg(a, SIZE_MAX, "default");
    struct j_args rest = { a->n > 0 ? a->at + 1 : NULL, a->n - (a->n > 0), a->name, a->named,
                           a->n_named };
    struct j_value out;

    v = j_elements(r, &v);
    out = j_new_list(r, r->st == SPN_OK ? v.list->n : 0, J_LIST);
    if (r->st == SPN_OK && path == NULL && a->n == 0)
        j_fail(r, SPN_EFORMAT, "map needs a filter or an attribute");
    for (size_t i = 0; r->st == SPN_OK && i < v.list->n; i++) {
        struct j_value item = path != NULL ? attribute(r, v.list->at[i], path)
                                           : j_filter(r, j_str_of(r, &a->at[0]), v.list->at[i],
                                                      &rest);

        out.list->at[i] = item.kind == J_UNDEFINED && otherwise != NULL ? *otherwise : item;
    }
    return out;
}

static struct j_value f_default(struct j_run *r, struct j_value v, const struct j_args *a)
{
    const struct j_value *otherwise = j_arg(a, 0, "default_value");

    if (v.kind == J_UNDEFINED || (j_flag_arg(a, 1, "boolean") && !j_truth(&v)))
        return otherwise != NULL ? *otherwise : j_text("");
    return v;
}

static struct j_value sort_key(struct j_run *r, struct j_value v, const struct j_value *path,
                               bool exact)
{
    if (path != NULL && path->kind != J_NONE)
        v = attribute(r, v, path);
    return v.kind == J_STR && !exact ? j_string(j_change_case(r, v.s, J_LOWER)) : v;
}

/* By merging: equal elements keep their order. KEY and ITEM hold N values, the SPARE as many. */
static void merge_sort(struct j_run *r, struct j_value *key, struct j_value *item,
                       struct j_value *spare_key, struct j_value *spare_item, size_t n,
                       bool down)
{
    size_t half = n / 2, i = 0, k = half;

    if (n < 2 || r->st != SPN_OK)
        return;
    merge_sort(r, key, item, spare_key, spare_item, half, down);
    merge_sort(r, key + half, item + half, spare_key, spare_item, n - half, down);
    for (size_t w = 0; w < n && r->st == SPN_OK; w++) {
        int order = i >= half ? 1 : k >= n ? -1 : j_order(r, &key[i], &key[k]);
        bool left = i < half && (k >= n || (down ? order >= 0 : order <= 0));
        size_t from = left ? i++ : k++;

        spare_key[w] = key[from];
        spare_item[w] = item[from];
    }
    memcpy(key, spare_key, n * sizeof *key);
    memcpy(item, spare_item, n * sizeof *item);
}

static struct j_value sorted(struct j_run *r, struct j_value v, const struct j_value *path,
                             bool exact, bool down)
{
    struct j_value out;
    struct j_value *key, *spare;
    size_t n;

    v = j_elements(r, &v);
    n = r->st == SPN_OK ? v.list->n : 0;
    out = j_new_list(r, n, J_LIST);
    key = j_alloc(r, n, sizeof *key);
    spare = j_alloc(r, 2 * n, sizeof *spare);
    for (size_t i = 0; i < n && r->st == SPN_OK; i++) {
        key[i] = sort_key(r, v.list->at[i], path, exact);
        out.list->at[i] = v.list->at[i];
    }
    if (r->st == SPN_OK)
        merge_sort(r, key, out.list->at, spare, spare + n, n, down);
    return out;
}

static struct j_value f_sort(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return sorted(r, v, j_arg(a, 2, "attribute"), j_flag_arg(a, 1, "case_sensitive"),
                  j_flag_arg(a, 0, "reverse"));
}

static struct j_value f_dictsort(struct j_run *r, struct j_value v, const struct j_args *a)
{
    struct j_value by = j_int(j_is(j_text_arg(r, a, 1, "by", "key"), "value"));

    return sorted(r, f_items(r, v, a), &by, j_flag_arg(a, 0, "case_sensitive"),
                  j_flag_arg(a, 2, "reverse"));
}

static struct j_value f_unique(struct j_run *r, struct j_value v, const struct j_args *a)
{
    const struct j_value *path = j_arg(a, 1, "attribute");
    bool exact = j_flag_arg(a, 0, "case_sensitive");
    struct j_value out, seen;
    size_t kept = 0;

    v = j_elements(r, &v);
    out = j_new_list(r, r->st == SPN_OK ? v.list->n : 0, J_LIST);
    seen = j_new_list(r, r->st == SPN_OK ? v.list->n : 0, J_LIST);
    for (size_t i = 0; r->st == SPN_OK && i < v.list->n; i++) {
        struct j_value key = sort_key(r, v.list->at[i], path, exact);

        seen.list->n = kept;
        if (!j_contains(r, &seen, &key)) {
            seen.list->at[kept] = key;
            out.list->at[kept++] = v.list->at[i];
        }
    }
    if (r->st == SPN_OK)
        out.list->n = kept;
    return out;
}

static struct j_value extreme(struct j_run *r, struct j_value v, const struct j_args *a, int sign)
{
    const struct j_value *path = j_arg(a, 1, "attribute");
    bool exact = j_flag_arg(a, 0, "case_sensitive");
    struct j_value best = j_undefined(j_text("min").s), best_key = best;

    v = j_elements(r, &v);
    for (size_t i = 0; r->st == SPN_OK && i < v.list->n; i++) {
        struct j_value key = sort_key(r, v.list->at[i], path, exact);

        if (i == 0 || sign * j_order(r, &key, &best_key) > 0) {
            best = v.list->at[i];
            best_key = key;
        }
    }
    return best;
}

static struct j_value f_min(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return extreme(r, v, a, -1);
}

static struct j_value f_max(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return extreme(r, v, a, 1);
}

static struct j_value f_sum(struct j_run *r, struct j_value v, const struct j_args *a)
{
    const struct j_value *path = j_arg(a, 0, "attribute"), *start = j_arg(a, 1, "start");
    struct j_value sum = start != NULL ? *start : j_int(0);

    v = j_elements(r, &v);
    for (size_t i = 0; r->st == SPN_OK && i < v.list->n; i++) {
        struct j_value item = path == NULL || path->kind == J_NONE
                                  ? v.list->at[i]
                                  : attribute(r, v.list->at[i], path);

        if (!j_is_number(&item) || !j_is_number(&sum))
            j_fail(r, SPN_EFORMAT, "sum of %s", j_kind_name(&item));
        else if (item.kind == J_FLOAT || sum.kind == J_FLOAT)
            sum = (struct j_value){ .kind = J_FLOAT, .f = j_number(&item) + j_number(&sum) };
        else if (__builtin_add_overflow(sum.kind == J_INT ? sum.i : sum.b,
                                        item.kind == J_INT ? item.i : item.b, &sum.i))
            j_fail(r, SPN_EFORMAT, "a sum is too large");
        else
            sum.kind = J_INT;
    }
    return sum;
}

static const struct {
    const char *name;
    filter_fn run;
} filters[] = {
    { "length", f_length }, { "count", f_length }, { "join", f_join }, { "default", f_default },
    { "d", f_default }, { "list", f_list }, { "first", f_first }, { "last", f_last },
    { "items", f_items }, { "select", f_select }, { "reject", f_reject },
    { "selectattr", f_selectattr }, { "rejectattr", f_rejectattr }, { "map", f_map },
    { "reverse", f_reverse }, { "sort", f_sort }, { "dictsort", f_dictsort },
    { "unique", f_unique }, { "min", f_min }, { "max", f_max }, { "sum", f_sum },
};

struct j_value j_list_filter(struct j_run *r, struct j_str name, struct j_value v,
                             const struct j_args *a, bool *known)
{
    *known = true;
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        if (j_is(name, filters[i].name))
            return filters[i].run(r, v, a);
    *known = false;
    return v;
}
