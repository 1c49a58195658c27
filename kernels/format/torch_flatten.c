/* torch_flatten.c - the nested values of a pickle as tensors and metadata with dotted names. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/torch.h"

enum { DEPTH_MAX = 200, NAME_BYTES_MAX = 65535, META_TEXT_BYTES_MAX = 16 << 20 };

struct walk {
    struct k_torch *t;
    struct spn_err *err;
    struct spn_buf name;
    uint64_t visits_left;
    int depth;
};

static spn_status walk(struct walk *w, const struct k_value *v);

static const char *place(const struct walk *w)
{
    return w->t->f->name;
}

/* ---- names ---- */

/* The name could not grow by N bytes. */
static spn_status too_long(struct walk *w, size_t n)
{
    if (n < NAME_BYTES_MAX && w->name.length + n + 1 < NAME_BYTES_MAX)
        return spn_fail(w->err, SPN_ENOMEM, "%s: no memory for names of its pickle", place(w));
    return spn_fail(w->err, SPN_EFORMAT, "%s: keys of its pickle make a name of over %d bytes",
                    place(w), NAME_BYTES_MAX);
}

/* V, at NAME.KEY. */
static spn_status walk_at(struct walk *w, const void *key, size_t n, const struct k_value *v)
{
    size_t length = w->name.length;
    spn_status st = SPN_OK;

    if (n > 0 && memchr(key, '\0', n) != NULL)
        return spn_fail(w->err, SPN_EFORMAT, "%s: a key of its pickle after %.100s holds a NUL",
                        place(w), length > 0 ? w->name.data : "the beginning");
    if ((length > 0 && spn_buf_puts(&w->name, ".") != SPN_OK) ||
        spn_buf_add(&w->name, key, n) != SPN_OK)
        st = too_long(w, n);
    if (st == SPN_OK)
        st = walk(w, v);
    spn_buf_trim(&w->name, length);
    return st;
}

static spn_status walk_index(struct walk *w, const char *mark, uint64_t i, const struct k_value *v)
{
    char key[32];
    int n = snprintf(key, sizeof key, "%s%" PRIu64, mark, i);

    return walk_at(w, key, (size_t)n, v);
}

static spn_status walk_key(struct walk *w, const struct k_value *key, uint64_t i,
                           const struct k_value *v)
{
    char text[32];

    if (key->kind == KV_TEXT)
        return walk_at(w, key->u.s, (size_t)key->n, v);
    if (key->kind == KV_INT) {
        int n = snprintf(text, sizeof text, "%" PRId64, key->u.i);

        return walk_at(w, text, (size_t)n, v);
    }
    return walk_index(w, "#", i / 2, v);           /* a tuple, None, …: by its place */
}

/* The name so far, kept by the reader. A value that is the whole pickle has none. */
static spn_status keep_name(struct walk *w, const char *fallback, const char **out)
{
    if (w->name.length == 0)
        return k_reader_dup(w->t->r, out, fallback, strlen(fallback), w->err);
    return k_reader_dup(w->t->r, out, w->name.data, w->name.length, w->err);
}

/* ---- metadata ---- */

static spn_status add_meta(struct walk *w, const struct spn_meta *v)
{
    const char *key = NULL;
    spn_status st = keep_name(w, "value", &key);

    return st == SPN_OK ? k_reader_add_meta(w->t->r, key, v, w->err) : st;
}

static spn_status add_text(struct walk *w, const struct k_value *v)
{
    struct spn_meta m = { .kind = SPN_META_STRING, .s_length = (size_t)v->n };
    spn_status st;

    if (v->n > META_TEXT_BYTES_MAX)
        return SPN_OK;
    st = k_reader_dup(w->t->r, &m.s, v->u.s, v->n, w->err);
    return st == SPN_OK ? add_meta(w, &m) : st;
}

/* Integers, floats and booleans, alone or mixed, have a common type; -1: V holds something else. */
static int number_type(const struct k_value *v)
{
    int type = -1;

    for (uint64_t i = 0; i < v->n; i++) {
        int kind = v->u.items[i]->kind;

        if (kind == KV_FLOAT || (kind == KV_INT && type != K_F64))
            type = kind == KV_FLOAT ? K_F64 : K_I64;
        else if (kind == KV_BOOL && (type < 0 || type == K_BOOL))
            type = K_BOOL;
        else if (kind != KV_INT)
            return -1;
    }
    return type;
}

static bool all_texts(const struct k_value *v)
{
    for (uint64_t i = 0; i < v->n; i++)
        if (v->u.items[i]->kind != KV_TEXT)
            return false;
    return v->n > 0;
}

static spn_status add_numbers(struct walk *w, const struct k_value *v, int type)
{
    struct spn_meta m = { .kind = SPN_META_ARRAY, .count = v->n, .raw_type = type };
    unsigned char *raw = NULL;
    spn_status st = k_reader_alloc(w->t->r, &raw, v->n, 8, w->err);

    if (st != SPN_OK)
        return st;
    for (uint64_t i = 0; i < v->n; i++) {
        const struct k_value *x = v->u.items[i];
        double real = x->kind == KV_FLOAT ? x->u.f : (double)x->u.i;
        uint64_t bits = (uint64_t)x->u.i;

        if (type == K_BOOL) {
            raw[i] = x->u.i != 0;
            continue;
        }
        if (type == K_F64)
            memcpy(&bits, &real, sizeof bits);
        for (int k = 0; k < 8; k++)
            raw[8 * i + (unsigned)k] = (unsigned char)(bits >> 8 * k);
    }
    m.elem = type == K_F64 ? SPN_META_FLOAT : type == K_BOOL ? SPN_META_BOOL : SPN_META_INT;
    m.raw = raw;
    return add_meta(w, &m);
}

static spn_status add_texts(struct walk *w, const struct k_value *v)
{
    const char **s = NULL, *key = NULL;
    size_t *length = NULL;
    spn_status st = k_reader_alloc(w->t->r, &s, v->n, sizeof *s, w->err);

    if (st == SPN_OK)
        st = k_reader_alloc(w->t->r, &length, v->n, sizeof *length, w->err);
    if (st == SPN_OK)
        st = keep_name(w, "value", &key);
    if (st != SPN_OK)
        return st;
    for (uint64_t i = 0; i < v->n; i++) {
        s[i] = (const char *)v->u.items[i]->u.s;
        length[i] = (size_t)v->u.items[i]->n;
    }
    return k_reader_add_strings(w->t->r, key, s, length, (size_t)v->n, w->err);
}

/* ---- values ---- */

static spn_status add_tensor(struct walk *w, const struct k_torch_tensor *x)
{
    const char *name = NULL;
    spn_status st = keep_name(w, "tensor", &name);

    if (st == SPN_OK && x->s.absent) {
        k_reader_absent(w->t->r, name);
        return SPN_OK;
    }
    if (st == SPN_OK)
        st = k_add_strided(w->t->r, name, x->dtype, x->ndim, x->dim, x->stride, x->first, &x->s,
                           w->err);
    return st;
}

static spn_status walk_items(struct walk *w, const struct k_value *v)
{
    int type = number_type(v);
    spn_status st = SPN_OK;

    if (type >= 0)
        return add_numbers(w, v, type);
    if (all_texts(v))
        return add_texts(w, v);
    for (uint64_t i = 0; st == SPN_OK && i < v->n; i++)
        st = walk_index(w, "", i, v->u.items[i]);
    return st;
}

/* What modules keep their parts in is no part of a parameter's name. */
static bool module_part(const struct k_value *key)
{
    return k_is_text(key, "_parameters") || k_is_text(key, "_buffers") ||
           k_is_text(key, "_modules");
}

static spn_status walk_pairs(struct walk *w, const struct k_value *v)
{
    spn_status st = SPN_OK;

    for (uint64_t i = 0; st == SPN_OK && i + 1 < v->n; i += 2) {
        const struct k_value *key = v->u.items[i], *value = v->u.items[i + 1];

        st = key->kind == KV_TEXT && module_part(key) && k_dict(value) != NULL
                 ? walk(w, value)
                 : walk_key(w, key, i, value);
    }
    return st;
}

/* OrderedDict([(key, value), …]), as protocols 0 and 1 write it. */
static spn_status walk_pair_list(struct walk *w, const struct k_value *list)
{
    spn_status st = SPN_OK;

    for (uint64_t i = 0; st == SPN_OK && i < list->n; i++) {
        const struct k_value *pair = list->u.items[i];

        if (k_item(pair, 1) != NULL)
            st = walk_key(w, k_item(pair, 0), 2 * i, k_item(pair, 1));
    }
    return st;
}

/* (indices, values, size) under their words. */
static spn_status walk_sparse(struct walk *w, const struct k_value *parts)
{
    static const char *const words[] = { "indices", "values", "size" };
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < 3 && k_item(parts, i) != NULL; i++)
        st = walk_at(w, words[i], strlen(words[i]), k_item(parts, i));
    return st;
}

/* A call that is no tensor: its arguments, what was put into it, its state. */
static spn_status walk_object(struct walk *w, const struct k_value *v)
{
    const struct k_object *o = v->u.o;
    const struct k_value *only = o->args->n == 1 ? k_item(o->args, 0) : NULL, *state = o->state;
    const char *name = k_callee(v);
    bool ordered = strcmp(name, "collections.OrderedDict") == 0;
    spn_status st = SPN_OK;

    if (strcmp(name, "torch._utils._rebuild_sparse_tensor") == 0)
        return walk_sparse(w, k_item(o->args, 1));
    if (ordered && only != NULL && only->kind == KV_LIST)
        st = walk_pair_list(w, only);
    else if (only != NULL)
        st = walk(w, only);                         /* torch.Size, torch.device, an enum's value */
    else
        for (uint64_t i = 0; st == SPN_OK && i < o->args->n; i++)
            if (k_dict(o->args->u.items[i]) != NULL || o->args->u.items[i]->kind == KV_OBJECT)
                st = walk_index(w, "args.", i, o->args->u.items[i]);
    if (st == SPN_OK)
        st = walk_pairs(w, &o->pairs);
    for (uint64_t i = 0; st == SPN_OK && i < o->items.n; i++)
        st = walk_index(w, "", i, o->items.u.items[i]);
    if (st != SPN_OK || state == NULL || ordered)   /* of an OrderedDict: _metadata */
        return st;
    if (k_dict(state) != NULL)
        return walk_pairs(w, k_dict(state));
    return walk_at(w, "state", 5, state);
}

static spn_status walk_kind(struct walk *w, const struct k_value *v)
{
    struct spn_meta m = { .kind = SPN_META_INT };
    struct k_torch_tensor x;
    bool is = false;
    spn_status st;

    switch (v->kind) {
    case KV_BOOL:
        m.kind = SPN_META_BOOL;
        m.b = v->u.i != 0;
        return add_meta(w, &m);
    case KV_INT:
        m.i = v->u.i;
        return add_meta(w, &m);
    case KV_FLOAT:
        m.kind = SPN_META_FLOAT;
        m.f = v->u.f;
        return add_meta(w, &m);
    case KV_TEXT:
    case KV_GLOBAL:
        return add_text(w, v);
    case KV_LIST:
    case KV_TUPLE:
    case KV_SET:
        return walk_items(w, v);
    case KV_DICT:
        return walk_pairs(w, v);
    case KV_OBJECT:
        st = k_torch_tensor(w->t, v, &x, &is, w->err);
        if (st != SPN_OK || is)
            return st == SPN_OK ? add_tensor(w, &x) : st;
        return k_numpy_scalar(w->t, v, &m) ? add_meta(w, &m) : walk_object(w, v);
    default:
        return SPN_OK;                 /* None, bytes, very long integers, references */
    }
}

static spn_status walk(struct walk *w, const struct k_value *v)
{
    spn_status st;

    if (w->depth >= DEPTH_MAX)
        return spn_fail(w->err, SPN_EFORMAT,
                        "%s: values of its pickle lie in each other more than %d deep", place(w),
                        DEPTH_MAX);
    if (w->visits_left-- == 0)
        return spn_fail(w->err, SPN_EFORMAT,
                        "%s: values of its pickle contain each other more often than its bytes "
                        "can mean",
                        place(w));
    w->depth++;
    st = walk_kind(w, v);
    w->depth--;
    return st;
}

/* ---- the whole ---- */

static const struct k_value *wrapped(const struct k_value *v, const char **name)
{
    static const char *const words[] = { "state_dict", "model_state_dict", "model", "module" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const struct k_value *d = k_lookup(v, words[i]);

        if (k_dict(d) != NULL) {
            *name = words[i];
            return d;
        }
    }
    return NULL;
}

static spn_status walk_top(struct walk *w, const struct k_value *v)
{
    const char *model = "";
    const struct k_value *d = k_dict(v);
    spn_status st = SPN_OK;

    if (v->kind != KV_DICT && strcmp(k_callee(v), "collections.OrderedDict") != 0)
        d = NULL;
    if (d == NULL)
        return walk(w, v);
    if (k_lookup(v, "state") != NULL && k_lookup(v, "param_groups") != NULL)
        return walk_at(w, "optimizer", 9, v);
    wrapped(v, &model);
    for (uint64_t i = 0; st == SPN_OK && i + 1 < d->n; i += 2) {
        const struct k_value *key = d->u.items[i], *value = d->u.items[i + 1];

        if (key->kind == KV_TEXT && k_is_text(key, model) && k_dict(value) != NULL)
            st = walk(w, value);
        else if (k_is_text(key, "optimizer_state_dict"))
            st = walk_at(w, "optimizer", 9, value);
        else
            st = walk_key(w, key, i, value);
    }
    return st;
}

spn_status k_torch_flatten(struct k_torch *t, const struct k_value *v, const char *prefix,
                           uint64_t pickle_bytes, struct spn_err *err)
{
    struct walk w = { .t = t, .err = err, .name = SPN_BUF_INIT(NAME_BYTES_MAX),
                      .visits_left = 4 * pickle_bytes + 64 };
    spn_status st = SPN_OK;

    if (prefix[0] != '\0' && spn_buf_puts(&w.name, prefix) != SPN_OK)
        st = too_long(&w, strlen(prefix));
    if (st == SPN_OK)
        st = walk_top(&w, v);
    spn_buf_free(&w.name);
    return st;
}

/* ---- globals ---- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static spn_status add_list(struct spn_reader *r, const char *key, const char *const *names,
                           size_t n, struct spn_err *err)
{
    size_t *length = NULL;
    spn_status st = k_reader_alloc(r, &length, n, sizeof *length, err);

    for (size_t i = 0; st == SPN_OK && i < n; i++)
        length[i] = strlen(names[i]);
    return st == SPN_OK ? k_reader_add_strings(r, key, names, length, n, err) : st;
}

spn_status k_torch_globals(struct spn_reader *r, struct spn_err *err)
{
    const char **unknown = NULL;
    size_t kept = 0, n = 0;
    spn_status st = k_reader_alloc(r, &unknown, r->n_globals, sizeof *unknown, err);

    if (st != SPN_OK)
        return st;
    if (r->n_globals > 1)
        qsort(r->globals, r->n_globals, sizeof *r->globals, compare_texts);
    for (size_t i = 0; i < r->n_globals; i++) {
        if (kept > 0 && strcmp(r->globals[kept - 1], r->globals[i]) == 0)
            continue;
        r->globals[kept++] = r->globals[i];
        if (!k_torch_known(r->globals[i]))
            unknown[n++] = r->globals[i];
    }
    r->n_globals = kept;
    st = add_list(r, "pickle.globals", r->globals, kept, err);
    return st == SPN_OK && n > 0 ? add_list(r, "pickle.unknown", unknown, n, err) : st;
}
