/* jinja_filter.c - filters of texts and numbers. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text/jinja_parts.h"

typedef struct j_value (*filter_fn)(struct j_run *r, struct j_value v, const struct j_args *a);

const struct j_value *j_arg(const struct j_args *a, size_t i, const char *name)
{
    if (i < a->n)
        return &a->at[i];
    for (size_t k = 0; k < a->n_named; k++)
        if (j_is(a->name[k], name))
            return &a->named[k];
    return NULL;
}

int64_t j_int_arg(struct j_run *r, const struct j_args *a, size_t i, const char *name,
                       int64_t otherwise)
{
    const struct j_value *v = j_arg(a, i, name);

    if (v == NULL || v->kind == J_NONE)
        return otherwise;
    if (v->kind == J_INT || v->kind == J_BOOL)
        return v->kind == J_INT ? v->i : v->b;
    j_fail(r, SPN_EFORMAT, "\"%s\" is to be a number, not %s", name, j_kind_name(v));
    return otherwise;
}

bool j_flag_arg(const struct j_args *a, size_t i, const char *name)
{
    const struct j_value *v = j_arg(a, i, name);

    return v != NULL && j_truth(v);
}

struct j_str j_text_arg(struct j_run *r, const struct j_args *a, size_t i, const char *name,
                             const char *otherwise)
{
    const struct j_value *v = j_arg(a, i, name);

    return v == NULL ? j_text(otherwise).s : j_str_of(r, v);
}

/* ---- texts ---- */

static struct j_value f_trim(struct j_run *r, struct j_value v, const struct j_args *a)
{
    const struct j_value *chars = j_arg(a, 0, "chars");
    struct j_str s = j_str_of(r, &v), set = chars != NULL ? j_str_of(r, chars) : s;

    return j_step(r, s.n)
               ? j_string(j_strip(s, chars != NULL && chars->kind != J_NONE ? &set : NULL, true,
                                  true))
               : j_none();
}

static struct j_value change_case(struct j_run *r, struct j_value v, enum j_case how)
{
    return j_string(j_change_case(r, j_str_of(r, &v), how));
}

static struct j_value f_upper(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return change_case(r, v, J_UPPER);
}

static struct j_value f_lower(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return change_case(r, v, J_LOWER);
}

static struct j_value f_capitalize(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return change_case(r, v, J_CAPITALIZE);
}

static struct j_value f_title(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return change_case(r, v, J_TITLE);
}

static struct j_value f_string(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return j_string(j_str_of(r, &v));
}

static struct j_value f_replace(struct j_run *r, struct j_value v, const struct j_args *a)
{
    struct j_str old = j_text_arg(r, a, 0, "old", ""), by = j_text_arg(r, a, 1, "new", "");

    return j_string(j_replace(r, j_str_of(r, &v), old, by, j_int_arg(r, a, 2, "count", -1)));
}

static struct j_value f_tojson(struct j_run *r, struct j_value v, const struct j_args *a)
{
    const struct j_value *indent = j_arg(a, 1, "indent"), *parts = j_arg(a, 2, "separators");
    struct j_json how = { .indent = indent != NULL && indent->kind != J_NONE
                                        ? (int)(j_int_arg(r, a, 1, "indent", 0) & 63)
                                        : -1,
                          .sort = j_flag_arg(a, 3, "sort_keys"),
                          .ascii = j_flag_arg(a, 0, "ensure_ascii") };
    struct j_out o = { NULL, NULL, 0, 0 };

    how.comma = j_text(how.indent >= 0 ? "," : ", ").s;
    how.colon = j_text(": ").s;
    if (parts != NULL && (parts->kind == J_TUPLE || parts->kind == J_LIST) &&
        parts->list->n == 2) {
        how.comma = j_str_of(r, &parts->list->at[0]);
        how.colon = j_str_of(r, &parts->list->at[1]);
    }
    j_add_json(r, &o, &v, &how, 0);
    return j_string(j_out_str(&o));
}

static struct j_value f_indent(struct j_run *r, struct j_value v, const struct j_args *a)
{
    const struct j_value *width = j_arg(a, 0, "width");
    bool first = j_flag_arg(a, 1, "first"), blank = j_flag_arg(a, 2, "blank");
    struct j_str s = j_str_of(r, &v), pad = { NULL, NULL, 0 };
    struct j_out o = { NULL, NULL, 0, 0 }, spaces = { NULL, NULL, 0, 0 };

    if (width != NULL && width->kind == J_STR) {
        pad = width->s;
    } else {
        for (int64_t n = j_int_arg(r, a, 0, "width", 4) & 1023; n > 0 && r->st == SPN_OK; n--)
            j_puts(r, &spaces, " ");
        pad = j_out_str(&spaces);
    }
    for (size_t at = 0, line = 0; at <= s.n && r->st == SPN_OK; line++) {
        size_t end = j_find(s, j_text("\n").s, at), n = (end == SIZE_MAX ? s.n : end) - at;

        if (line > 0)
            j_puts(r, &o, "\n");
        if ((line > 0 || first) && (n > 0 || blank || line == 0))
            j_add(r, &o, pad);
        j_add(r, &o, j_sub(s, at, n));
        if (end == SIZE_MAX)
            break;
        at = end + 1;
    }
    return j_string(j_out_str(&o));
}

static struct j_value f_escape(struct j_run *r, struct j_value v, const struct j_args *a)
{
    static const char *const pairs[][2] = {
        { "&", "&amp;" }, { "<", "&lt;" }, { ">", "&gt;" }, { "'", "&#39;" }, { "\"", "&#34;" }
    };
    struct j_str s = j_str_of(r, &v);

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        s = j_replace(r, s, j_text(pairs[i][0]).s, j_text(pairs[i][1]).s, -1);
    return j_string(s);
}

/* ---- numbers ---- */

static struct j_value f_int(struct j_run *r, struct j_value v, const struct j_args *a)
{
    char text[64], *end;
    struct j_str s;
    double f;

    if (j_is_number(&v)) {
        f = j_number(&v);
        return v.kind != J_FLOAT ? j_int(v.kind == J_INT ? v.i : v.b)
               : fabs(f) < 9e18  ? j_int((int64_t)f)
                                 : j_int(j_int_arg(r, a, 0, "default", 0));
    }
    s = v.kind == J_STR ? j_strip(v.s, NULL, true, true) : (struct j_str){ "", NULL, 0 };
    if (s.n > 0 && s.n < sizeof text) {
        memcpy(text, s.s, s.n);
        text[s.n] = '\0';
        f = strtod(text, &end);
        if (*end == '\0' && fabs(f) < 9e15)
            return j_int((int64_t)f);
    }
    return j_int(j_int_arg(r, a, 0, "default", 0));
}

static struct j_value f_float(struct j_run *r, struct j_value v, const struct j_args *a)
{
    const struct j_value *otherwise = j_arg(a, 0, "default");
    struct j_value out = { .kind = J_FLOAT };
    char text[64], *end;

    if (j_is_number(&v)) {
        out.f = j_number(&v);
        return out;
    }
    if (v.kind == J_STR && v.s.n > 0 && v.s.n < sizeof text) {
        memcpy(text, v.s.s, v.s.n);
        text[v.s.n] = '\0';
        out.f = strtod(text, &end);
        if (*end == '\0')
            return out;
    }
    out.f = 0;
    return otherwise != NULL ? *otherwise : out;
}

static struct j_value f_abs(struct j_run *r, struct j_value v, const struct j_args *a)
{
    if (v.kind == J_FLOAT)
        v.f = fabs(v.f);
    else if (v.kind == J_INT && v.i < 0 && v.i != INT64_MIN)
        v.i = -v.i;
    else if (!j_is_number(&v))
        j_fail(r, SPN_EFORMAT, "abs of %s", j_kind_name(&v));
    return v;
}

static struct j_value f_round(struct j_run *r, struct j_value v, const struct j_args *a)
{
    struct j_str method = j_text_arg(r, a, 1, "method", "common");
    int64_t digits = j_int_arg(r, a, 0, "precision", 0);
    double scale = pow(10, (double)digits), f;

    if (!j_is_number(&v) || digits < -300 || digits > 300) {
        j_fail(r, SPN_EFORMAT, "round of %s to %lld digits", j_kind_name(&v), (long long)digits);
        return v;
    }
    f = j_number(&v) * scale;
    f = j_is(method, "ceil") ? ceil(f) : j_is(method, "floor") ? floor(f) : nearbyint(f);
    return (struct j_value){ .kind = J_FLOAT, .f = f / scale };
}

static struct j_value f_safe(struct j_run *r, struct j_value v, const struct j_args *a)
{
    return v;
}

static const struct {
    const char *name;
    filter_fn run;
} filters[] = {
    { "trim", f_trim }, { "tojson", f_tojson }, { "string", f_string }, { "upper", f_upper },
    { "lower", f_lower }, { "capitalize", f_capitalize }, { "title", f_title },
    { "replace", f_replace }, { "int", f_int }, { "float", f_float }, { "abs", f_abs },
    { "round", f_round }, { "indent", f_indent }, { "escape", f_escape }, { "e", f_escape },
    { "safe", f_safe },
};

struct j_value j_filter(struct j_run *r, struct j_str name, struct j_value v,
                        const struct j_args *a)
{
    bool known;

    if (!j_step(r, 0))
        return j_none();
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        if (j_is(name, filters[i].name))
            return filters[i].run(r, v, a);
    v = j_list_filter(r, name, v, a, &known);
    if (!known)
        j_fail(r, SPN_EFORMAT, "filter \"%.*s\" is not known", (int)(name.n < 40 ? name.n : 40),
               name.s);
    return v;
}
