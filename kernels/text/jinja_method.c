/* jinja_method.c - what stands behind a dot or in brackets, methods of texts and dicts, and the few
 * functions of a template. Nothing else of a value can be reached. */
#include "config.h"

#include <string.h>
#include <time.h>

#include "text/jinja_parts.h"
#include "text/unicode.h"

static const char *const text_methods[] = {
    "strip",   "lstrip", "rstrip",       "split",        "rsplit",  "splitlines", "replace",
    "upper",   "lower",  "startswith",   "endswith",     "title",   "capitalize", "find",
    "rfind",   "count",  "removeprefix", "removesuffix", "isdigit", "isalpha",    "isspace",
    "isalnum", "join",   "isupper",      "islower",      NULL
};
static const char *const dict_methods[] = { "items", "keys", "values", "get", NULL };
static const char *const list_methods[] = { "index", "count", NULL };

bool j_has_method(const struct j_value *v, struct j_str name)
{
    const char *const *list = v->kind == J_STR                          ? text_methods
                              : v->kind == J_DICT                       ? dict_methods
                              : v->kind == J_LIST || v->kind == J_TUPLE ? list_methods
                                                                        : NULL;

    for (; list != NULL && *list != NULL; list++)
        if (j_is(name, *list))
            return true;
    return false;
}

static struct j_value method(struct j_run *r, const struct j_value *v, struct j_str name)
{
    struct j_value out = { .kind = J_METHOD, .method = j_alloc(r, 1, sizeof(struct j_method)) };

    if (out.method == NULL)
        return j_none();
    out.method->self = *v;
    out.method->name = name;
    return out;
}

static struct j_value missing(struct j_run *r, const struct j_value *v, struct j_str name)
{
    if (v->kind == J_UNDEFINED)
        j_fail(r, SPN_EFORMAT, "\"%.*s\" is undefined, so it has no \"%.*s\"",
               (int)(v->s.n < 60 ? v->s.n : 60), v->s.s, (int)(name.n < 60 ? name.n : 60), name.s);
    return j_undefined(name);
}

struct j_value j_get_attr(struct j_run *r, const struct j_value *v, struct j_str name)
{
    struct j_value key = j_string(name), *found;

    if (v->kind == J_DICT && j_has_method(v, name))
        return method(r, v, name);
    if (v->kind == J_DICT || v->kind == J_NAMESPACE) {
        found = j_dict_find(r, v->dict, &key);
        return found != NULL ? *found : missing(r, v, name);
    }
    return j_has_method(v, name) ? method(r, v, name) : missing(r, v, name);
}

struct j_value j_get_item(struct j_run *r, const struct j_value *v, const struct j_value *key)
{
    struct j_value *found;
    int64_t i = key->kind == J_INT ? key->i : key->kind == J_BOOL ? key->b : 0, n;

    if (v->kind == J_DICT || v->kind == J_NAMESPACE) {
        found = j_dict_find(r, v->dict, key);
        if (found != NULL)
            return *found;
    } else if ((v->kind == J_LIST || v->kind == J_TUPLE || v->kind == J_STR) &&
               (key->kind == J_INT || key->kind == J_BOOL)) {
        n = j_length(r, v);
        i += i < 0 ? n : 0;
        if (i < 0 || i >= n)
            return j_undefined(j_text("an index").s);
        if (v->kind == J_STR) {
            size_t at = j_char_offset(v->s, (size_t)i);

            return j_string(
                j_sub(v->s, at, j_char_offset(j_sub(v->s, at, v->s.n - at), 1)));
        }
        return v->list->at[i];
    }
    if (key->kind == J_STR)
        return j_has_method(v, key->s) ? method(r, v, key->s) : missing(r, v, key->s);
    return missing(r, v, j_text("an index").s);
}

/* Bound X of a slice of N elements, as Python clips it. */
static int64_t bound(const struct j_value *x, int64_t n, int64_t otherwise, bool down)
{
    int64_t i = x != NULL && x->kind == J_INT ? x->i : otherwise;

    if (x == NULL || x->kind != J_INT)
        return otherwise;
    if (i < 0)
        i = i < -n ? (down ? -1 : 0) : i + n;
    else if (i >= n)
        i = down ? n - 1 : n;
    return i;
}

struct j_value j_slice(struct j_run *r, const struct j_value *v, const struct j_value *from,
                       const struct j_value *to, const struct j_value *step)
{
    int64_t by = step != NULL && step->kind == J_INT ? step->i : 1, n, begin, end, count;
    struct j_value all, out;
    struct j_out text = { NULL, NULL, 0, 0 };

    if (by == 0 || by == INT64_MIN ||
        (v->kind != J_LIST && v->kind != J_TUPLE && v->kind != J_STR)) {
        j_fail(r, SPN_EFORMAT, "a slice of %s with step %lld", j_kind_name(v), (long long)by);
        return j_none();
    }
    n = j_length(r, v);
    begin = bound(from, n, by > 0 ? 0 : n - 1, by < 0);
    end = bound(to, n, by > 0 ? n : -1, by < 0);
    count = by > 0 ? (end > begin ? (end - begin - 1) / by + 1 : 0)
                   : (begin > end ? (begin - end - 1) / -by + 1 : 0);
    if (v->kind == J_STR && by == 1) {
        size_t at = j_char_offset(v->s, (size_t)begin);

        return j_string(j_sub(v->s, at,
                              j_char_offset(j_sub(v->s, at, v->s.n - at), (size_t)count)));
    }
    all = j_elements(r, v);
    out = j_new_list(r, r->st == SPN_OK ? (size_t)count : 0, all.kind);
    for (int64_t i = 0; r->st == SPN_OK && i < count; i++)
        out.list->at[i] = all.list->at[begin + i * by];
    if (v->kind != J_STR || r->st != SPN_OK)
        return out;
    for (int64_t i = 0; i < count; i++)
        j_add(r, &text, out.list->at[i].s);
    return j_string(j_out_str(&text));
}

/* ---- methods of texts ---- */

struct parts { /* of a split */
    struct j_value list;
    size_t room;
};

static void add_part(struct j_run *r, struct parts *p, struct j_str s)
{
    struct j_list *l = p->list.list;

    if (r->st != SPN_OK)
        return;
    if (l->n == p->room) {
        size_t room = p->room < 8 ? 8 : p->room * 2;
        struct j_value *grown = j_alloc(r, room, sizeof *grown);

        if (grown == NULL)
            return;
        if (l->n > 0)
            memcpy(grown, l->at, l->n * sizeof *grown);
        l->at = grown;
        p->room = room;
    }
    l->at[l->n++] = j_string(s);
}

static void split_blank(struct j_run *r, struct parts *p, struct j_str s, int64_t most)
{
    while (r->st == SPN_OK) {
        size_t end = 0;
        unsigned length;

        s = j_strip(s, NULL, true, p->list.list->n > 0 && most == 0);
        if (s.n == 0)
            return;
        if (most == 0) {
            add_part(r, p, s);
            return;
        }
        while (end < s.n &&
               !j_is_space(uni_decode((const unsigned char *)s.s + end, s.n - end, &length)))
            end += length;
        add_part(r, p, j_sub(s, 0, end));
        s = j_sub(s, end, s.n - end);
        most--;
    }
}

static size_t find_last(struct j_str s, struct j_str what)
{
    size_t last = SIZE_MAX, at = j_find(s, what, 0);

    while (at != SIZE_MAX) {
        last = at;
        at = j_find(s, what, at + 1);
    }
    return last;
}

static void reverse(struct j_list *l)
{
    for (size_t i = 0; i < l->n / 2; i++) {
        struct j_value swap = l->at[i];

        l->at[i] = l->at[l->n - 1 - i];
        l->at[l->n - 1 - i] = swap;
    }
}

static struct j_value split(struct j_run *r, struct j_str s, const struct j_args *a, bool right)
{
    const struct j_value *gap = j_arg(a, 0, "sep"), *limit = j_arg(a, 1, "maxsplit");
    int64_t most = limit != NULL && limit->kind == J_INT ? limit->i : -1;
    struct parts p = { .list = j_new_list(r, 0, J_LIST) };

    if (gap == NULL || gap->kind == J_NONE) {
        if (right && most >= 0)
            j_fail(r, SPN_EFORMAT, "rsplit at white space with a limit is not known");
        split_blank(r, &p, s, most);
        return p.list;
    }
    if (gap->kind != J_STR || gap->s.n == 0) {
        j_fail(r, SPN_EFORMAT, "split needs a text that is not empty");
        return p.list;
    }
    for (; most != 0 && r->st == SPN_OK; most--) {
        size_t at = right ? find_last(s, gap->s) : j_find(s, gap->s, 0);

        if (at == SIZE_MAX || !j_step(r, right ? s.n : at))
            break;
        if (right) {
            add_part(r, &p, j_sub(s, at + gap->s.n, s.n - at - gap->s.n));
            s.n = at;
        } else {
            add_part(r, &p, j_sub(s, 0, at));
            s = j_sub(s, at + gap->s.n, s.n - at - gap->s.n);
        }
    }
    add_part(r, &p, s);
    if (right && r->st == SPN_OK)
        reverse(p.list.list);
    return p.list;
}

static struct j_value split_lines(struct j_run *r, struct j_str s, bool keep)
{
    struct parts p = { .list = j_new_list(r, 0, J_LIST) };

    for (size_t at = 0; at < s.n && r->st == SPN_OK;) {
        size_t end = at, next;

        while (end < s.n && s.s[end] != '\n' && s.s[end] != '\r')
            end++;
        next = end < s.n ? end + 1 : end;
        if (next < s.n && s.s[end] == '\r' && s.s[next] == '\n')
            next++;
        add_part(r, &p, j_sub(s, at, (keep ? next : end) - at));
        at = next;
    }
    return p.list;
}

static bool begins(struct j_str s, struct j_str with)
{
    return with.n <= s.n && (with.n == 0 || memcmp(s.s, with.s, with.n) == 0);
}

static bool ends(struct j_str s, struct j_str with)
{
    return with.n <= s.n && (with.n == 0 || memcmp(s.s + s.n - with.n, with.s, with.n) == 0);
}

/* startswith and endswith take one text or a tuple of them. */
static bool edge(struct j_run *r, struct j_str s, const struct j_value *with, bool end)
{
    if (with != NULL && with->kind == J_STR)
        return end ? ends(s, with->s) : begins(s, with->s);
    if (with == NULL || with->kind != J_TUPLE) {
        j_fail(r, SPN_EFORMAT, "startswith and endswith need a text");
        return false;
    }
    for (size_t i = 0; i < with->list->n; i++)
        if (with->list->at[i].kind == J_STR && edge(r, s, &with->list->at[i], end))
            return true;
    return false;
}

static bool all_of(struct j_str s, struct j_str name)
{
    unsigned length;

    for (size_t i = 0; i < s.n; i += length) {
        int32_t c = uni_decode((const unsigned char *)s.s + i, s.n - i, &length);
        enum uni_class k = uni_class_of(c);

        if (!(j_is(name, "isdigit")   ? k == UNI_NUMBER
              : j_is(name, "isalpha") ? k == UNI_LETTER
              : j_is(name, "isspace") ? j_is_space(c)
                                      : k == UNI_NUMBER || k == UNI_LETTER))
            return false;
    }
    return s.n > 0;
}

static struct j_value find(struct j_str s, struct j_str what, bool last)
{
    size_t at = last ? find_last(s, what) : j_find(s, what, 0);

    return j_int(at == SIZE_MAX ? -1 : (int64_t)j_count_chars(j_sub(s, 0, at)));
}

static struct j_value count(struct j_str s, struct j_str what)
{
    int64_t n = 0;

    if (what.n == 0)
        return j_int((int64_t)j_count_chars(s) + 1);
    for (size_t at = j_find(s, what, 0); at != SIZE_MAX; at = j_find(s, what, at + what.n))
        n++;
    return j_int(n);
}

static struct j_value text_method(struct j_run *r, struct j_str s, struct j_str name,
                                  const struct j_args *a)
{
    const struct j_value *first = j_arg(a, 0, "chars");
    struct j_str what = first != NULL && first->kind != J_NONE ? j_str_of(r, first)
                                                               : (struct j_str){ "", NULL, 0 };
    struct j_value text = j_string(s), by = j_text(""), none = j_none();

    if (!j_step(r, s.n))
        return none;
    if (j_is(name, "strip") || j_is(name, "lstrip") || j_is(name, "rstrip"))
        return j_string(j_strip(s, first != NULL && first->kind == J_STR ? &what : NULL,
                                !j_is(name, "rstrip"), !j_is(name, "lstrip")));
    if (j_is(name, "split") || j_is(name, "rsplit"))
        return split(r, s, a, j_is(name, "rsplit"));
    if (j_is(name, "splitlines")) {
        const struct j_value *keep = j_arg(a, 0, "keepends");

        return split_lines(r, s, keep != NULL && j_truth(keep));
    }
    if (j_is(name, "startswith") || j_is(name, "endswith"))
        return j_bool(edge(r, s, first, j_is(name, "endswith")));
    if (j_is(name, "find") || j_is(name, "rfind"))
        return find(s, what, j_is(name, "rfind"));
    if (j_is(name, "count"))
        return count(s, what);
    if (j_is(name, "removeprefix"))
        return j_string(begins(s, what) ? j_sub(s, what.n, s.n - what.n) : s);
    if (j_is(name, "removesuffix"))
        return j_string(ends(s, what) ? j_sub(s, 0, s.n - what.n) : s);
    if (j_is(name, "isupper") || j_is(name, "islower"))
        return j_bool(j_test(r, j_is(name, "isupper") ? j_text("upper").s : j_text("lower").s,
                             &text, a));
    if (name.n > 2 && memcmp(name.s, "is", 2) == 0)
        return j_bool(all_of(s, name));
    if (j_is(name, "join")) {
        struct j_args one = { &by, 1, NULL, NULL, 0 };

        by = text;
        return j_filter(r, j_text("join").s, first != NULL ? *first : none, &one);
    }
    return j_filter(r, name, text, a); /* replace, upper, lower, title, capitalize */
}

/* ---- methods of dicts and lists ---- */

static struct j_value dict_method(struct j_run *r, const struct j_value *d, struct j_str name,
                                  const struct j_args *a)
{
    const struct j_value *key = j_arg(a, 0, "key"), *otherwise = j_arg(a, 1, "default"), *found;
    struct j_args no = { NULL, 0, NULL, NULL, 0 };
    struct j_value pairs;

    if (j_is(name, "get")) {
        if (key == NULL) {
            j_fail(r, SPN_EFORMAT, "get needs a key");
            return j_none();
        }
        found = j_dict_find(r, d->dict, key);
        return found != NULL ? *found : otherwise != NULL ? *otherwise : j_none();
    }
    if (j_is(name, "keys"))
        return j_elements(r, d);
    pairs = j_filter(r, j_text("items").s, *d, &no);
    if (j_is(name, "values"))
        for (size_t i = 0; r->st == SPN_OK && i < pairs.list->n; i++)
            pairs.list->at[i] = d->dict->value[i];
    return pairs;
}

static struct j_value list_method(struct j_run *r, const struct j_list *l, struct j_str name,
                                  const struct j_args *a)
{
    const struct j_value *what = j_arg(a, 0, "value");
    int64_t n = 0;

    for (size_t i = 0; what != NULL && i < l->n && r->st == SPN_OK; i++) {
        if (!j_equal(r, &l->at[i], what))
            continue;
        if (j_is(name, "index"))
            return j_int((int64_t)i);
        n++;
    }
    if (j_is(name, "index"))
        j_fail(r, SPN_EFORMAT, "index: the value is not in the list");
    return j_int(n);
}

struct j_value j_call_method(struct j_run *r, const struct j_method *m, const struct j_args *a)
{
    if (m->self.kind == J_STR)
        return text_method(r, m->self.s, m->name, a);
    if (m->self.kind == J_DICT)
        return dict_method(r, &m->self, m->name, a);
    return list_method(r, m->self.list, m->name, a);
}

/* ---- functions ---- */

static struct j_value range(struct j_run *r, const struct j_args *a)
{
    int64_t v[3] = { 0, 0, 1 }, count;
    struct j_value out;

    for (size_t i = 0; i < a->n && i < 3; i++) {
        if (a->at[i].kind != J_INT || a->at[i].i > INT32_MAX || a->at[i].i < INT32_MIN) {
            j_fail(r, SPN_EFORMAT, "range needs numbers");
            return j_none();
        }
        v[i] = a->at[i].i;
    }
    if (a->n == 1) {
        v[1] = v[0];
        v[0] = 0;
    }
    if (a->n == 0 || v[2] == 0) {
        j_fail(r, SPN_EFORMAT, "range needs an end, and a step that is not 0");
        return j_none();
    }
    count = v[2] > 0 ? (v[1] > v[0] ? (v[1] - v[0] - 1) / v[2] + 1 : 0)
                     : (v[0] > v[1] ? (v[0] - v[1] - 1) / -v[2] + 1 : 0);
    if (count > 100000) {
        j_fail(r, SPN_EFORMAT, "range: %lld numbers, at most 100000 are given", (long long)count);
        return j_none();
    }
    out = j_new_list(r, (size_t)count, J_LIST);
    for (int64_t i = 0; r->st == SPN_OK && i < count; i++)
        out.list->at[i] = j_int(v[0] + i * v[2]);
    return out;
}

static struct j_value new_object(struct j_run *r, const struct j_args *a, enum j_kind kind)
{
    struct j_value out = j_new_dict(r);

    for (size_t i = 0; r->st == SPN_OK && a->n > 0 && a->at[0].kind == J_DICT &&
                       i < a->at[0].dict->n; i++)
        j_dict_set(r, out.dict, a->at[0].dict->key[i], a->at[0].dict->value[i]);
    for (size_t i = 0; r->st == SPN_OK && i < a->n_named; i++)
        j_dict_set(r, out.dict, j_string(a->name[i]), a->named[i]);
    if (r->st == SPN_OK)
        out.kind = kind;
    return out;
}

static struct j_value time_text(struct j_run *r, const struct j_args *a)
{
    time_t now = r->now != 0 ? (time_t)r->now : time(NULL);
    struct tm tm;
    char format[128], text[512];
    struct j_str f = a->n > 0 ? j_str_of(r, &a->at[0]) : (struct j_str){ "", NULL, 0 };
    struct j_out o = { NULL, NULL, 0, 0 };

    if (f.n == 0 || f.n >= sizeof format || localtime_r(&now, &tm) == NULL) {
        j_fail(r, SPN_EFORMAT, "strftime_now needs a format of at most %zu bytes",
               sizeof format - 1);
        return j_none();
    }
    memcpy(format, f.s, f.n);
    format[f.n] = '\0';
    text[strftime(text, sizeof text, format, &tm)] = '\0';
    j_puts(r, &o, text);
    return j_string(j_out_str(&o));
}

struct j_value j_call_function(struct j_run *r, const char *name, const struct j_args *a)
{
    if (strcmp(name, "range") == 0)
        return range(r, a);
    if (strcmp(name, "namespace") == 0)
        return new_object(r, a, J_NAMESPACE);
    if (strcmp(name, "dict") == 0)
        return new_object(r, a, J_DICT);
    if (strcmp(name, "strftime_now") == 0)
        return time_text(r, a);
    if (strcmp(name, "raise_exception") == 0) {
        struct j_str s = a->n > 0 ? j_str_of(r, &a->at[0]) : j_text("refused").s;

        if (r->st == SPN_OK)
            r->raised = true;
        j_fail(r, SPN_EUSAGE, "%.*s", (int)(s.n < 400 ? s.n : 400), s.s);
    }
    return j_none();
}
