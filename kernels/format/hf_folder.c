/* hf_folder.c - a Hugging Face model folder: config.json and friends as metadata, tensors from
 * safetensors shards.
 *
 * Shards are those of model.safetensors.index.json ({"weight_map": {tensor: file}}), else
 * model.safetensors alone. JSON is flattened: {"a": {"b": 1}} of config.json is the key config.a.b;
 * null is an absent key; an array of numbers, of strings or of booleans is an array, any other
 * array becomes keys config.a.0, config.a.1, …
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "base/buf.h"
#include "format/folder.h"
#include "format/json_text.h"
#include "format/safetensors.h"
#include "format/source.h"

enum { KEY_BYTES_MAX = 4096, TEMPLATE_BYTES_MAX = 4 << 20 };

#define INDEX_NAME "model.safetensors.index.json"
#define BIN_INDEX  "pytorch_model.bin.index.json"

/* *OUT is NULL when the folder has no such file. */
static spn_status open_file(struct spn_reader *r, const struct k_file *dir, const char *name,
                            const struct k_file **out, struct spn_err *err)
{
    return k_folder_map(r, dir->name, name, out, err);
}

static struct k_text text_of(const struct k_file *f)
{
    return (struct k_text){ f->data != NULL ? (const char *)f->data : "", (size_t)f->size };
}

/* ---- metadata ---- */

struct flat {
    struct spn_reader *r;
    const char *place;
    struct spn_buf key;
    struct spn_err *err;
};

static spn_status add_value(struct flat *c, const struct spn_meta *v)
{
    const char *key = NULL;
    spn_status st = k_reader_dup(c->r, &key, c->key.data, c->key.length, c->err);

    if (st == SPN_OK && strlen(key) != c->key.length)
        st = spn_fail(c->err, SPN_EFORMAT, "%s: key %s holds a NUL", c->place, key);
    return st == SPN_OK ? k_reader_add_meta(c->r, key, v, c->err) : st;
}

static spn_status add_scalar(struct flat *c, const json_t *j)
{
    struct spn_meta v = { .kind = SPN_META_BOOL };
    spn_status st = SPN_OK;

    if (json_is_null(j))
        return SPN_OK;
    if (json_is_string(j)) {
        v.kind = SPN_META_STRING;
        v.s_length = json_string_length(j);
        st = k_reader_dup(c->r, &v.s, json_string_value(j), v.s_length, c->err);
    } else if (json_is_integer(j)) {
        v.kind = SPN_META_INT;
        v.i = json_integer_value(j);
    } else if (json_is_real(j)) {
        v.kind = SPN_META_FLOAT;
        v.f = json_real_value(j);
    } else {
        v.b = json_is_true(j);
    }
    return st == SPN_OK ? add_value(c, &v) : st;
}

/* The type that holds every element, or -1: integers and reals together are reals, an empty array
 * is one of integers. */
static int array_type(const json_t *array)
{
    int type = K_I64;

    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *j = json_array_get(array, i);
        int t = json_is_string(j) ? K_STRING : json_is_boolean(j) ? K_BOOL : -1;

        if (json_is_number(j))
            t = json_is_integer(j) ? K_I64 : K_F64;
        if (i > 0 && t == K_I64 && type == K_F64)
            continue;
        if (t < 0 || (i > 0 && t != type && !(t == K_F64 && type == K_I64)))
            return -1;
        type = t;
    }
    return type;
}

static void store_u64(unsigned char *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

static spn_status add_strings(struct flat *c, const json_t *array, struct spn_meta *v)
{
    struct k_strings *t = NULL;
    unsigned char *base = NULL;
    uint64_t *start = NULL, bytes = 0;
    size_t n = json_array_size(array);
    spn_status st;

    for (size_t i = 0; i < n; i++)
        bytes += 8 + json_string_length(json_array_get(array, i));
    st = k_reader_alloc(c->r, &t, 1, sizeof *t, c->err);
    if (st == SPN_OK)
        st = k_reader_alloc(c->r, &start, (uint64_t)n + 1, sizeof *start, c->err);
    if (st == SPN_OK)
        st = k_reader_alloc(c->r, &base, bytes, 1, c->err);
    if (st != SPN_OK)
        return st;
    for (size_t i = 0; i < n; i++) {
        const json_t *j = json_array_get(array, i);

        store_u64(base + start[i], json_string_length(j));
        memcpy(base + start[i] + 8, json_string_value(j), json_string_length(j));
        start[i + 1] = start[i] + 8 + json_string_length(j);
    }
    t->base = base;
    t->start = start;
    v->raw = t;
    return SPN_OK;
}

static spn_status add_numbers(struct flat *c, const json_t *array, struct spn_meta *v)
{
    unsigned char *raw = NULL;
    spn_status st = k_reader_alloc(c->r, &raw, v->count, 8, c->err);

    if (st != SPN_OK)
        return st;
    for (size_t i = 0; i < v->count; i++) {
        const json_t *j = json_array_get(array, i);
        double real = json_number_value(j);
        uint64_t bits = (uint64_t)json_integer_value(j);

        if (v->raw_type == K_BOOL) {
            raw[i] = json_is_true(j);
            continue;
        }
        if (v->raw_type == K_F64)
            memcpy(&bits, &real, sizeof bits);
        store_u64(raw + 8 * i, bits);
    }
    v->raw = raw;
    return SPN_OK;
}

static spn_status flatten(struct flat *c, const json_t *j);

/* One step down: KEY.NAME, then back. */
static spn_status flatten_below(struct flat *c, const char *name, const json_t *j)
{
    size_t length = c->key.length;
    spn_status st = spn_buf_printf(&c->key, ".%s", name);

    if (st != SPN_OK)
        st = spn_fail(c->err, SPN_EFORMAT, "%s: a key of more than %d bytes", c->place,
                      KEY_BYTES_MAX);
    if (st == SPN_OK)
        st = flatten(c, j);
    spn_buf_trim(&c->key, length);
    return st;
}

static spn_status flatten_array(struct flat *c, const json_t *array)
{
    struct spn_meta v = { .kind = SPN_META_ARRAY,
                          .count = json_array_size(array),
                          .raw_type = array_type(array) };
    char index[24];
    spn_status st = SPN_OK;

    if (v.raw_type < 0) {
        for (size_t i = 0; st == SPN_OK && i < json_array_size(array); i++) {
            snprintf(index, sizeof index, "%zu", i);
            st = flatten_below(c, index, json_array_get(array, i));
        }
        return st;
    }
    v.elem = v.raw_type == K_STRING ? SPN_META_STRING : v.raw_type == K_BOOL ? SPN_META_BOOL
           : v.raw_type == K_F64 ? SPN_META_FLOAT : SPN_META_INT;
    st = v.raw_type == K_STRING ? add_strings(c, array, &v) : add_numbers(c, array, &v);
    return st == SPN_OK ? add_value(c, &v) : st;
}

/* Recursion is as deep as the JSON, at most K_JSON_DEPTH_MAX. */
static spn_status flatten(struct flat *c, const json_t *j)
{
    spn_status st = SPN_OK;

    if (json_is_array(j))
        return flatten_array(c, j);
    if (!json_is_object(j))
        return add_scalar(c, j);
    for (void *at = json_object_iter((json_t *)(uintptr_t)j); st == SPN_OK && at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)j, at))
        st = flatten_below(c, json_object_iter_key(at), json_object_iter_value(at));
    return st;
}

/* NAME of the folder under PREFIX; a missing one is fine unless it is REQUIRED. */
static spn_status read_config(struct spn_reader *r, const struct k_file *dir, const char *name,
                              const char *prefix, bool required, struct spn_err *err)
{
    struct flat c = { .r = r, .key = SPN_BUF_INIT(KEY_BYTES_MAX), .err = err };
    const struct k_file *f = NULL;
    json_t *j = NULL;
    spn_status st = open_file(r, dir, name, &f, err);

    if (st == SPN_OK && f == NULL)
        return required ? spn_fail(err, SPN_EFORMAT, "%s: no %s in this folder", dir->name, name)
                        : SPN_OK;
    if (st == SPN_OK)
        st = k_json_load(&j, f->name, text_of(f), 0, err);
    if (st == SPN_OK && !json_is_object(j))
        st = spn_fail(err, SPN_EFORMAT, "%s: not a JSON object", f->name);
    if (st == SPN_OK && spn_buf_puts(&c.key, prefix) != SPN_OK)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for its keys", f->name);
    if (st == SPN_OK) {
        c.place = f->name;
        st = flatten(&c, j);
    }
    json_decref(j);
    spn_buf_free(&c.key);
    if (f != NULL)
        k_reader_unmap(r, f);
    return st;
}

/* Newer folders keep the template in a file of its own; it goes before the one in
 * tokenizer_config.json. */
static spn_status read_template(struct spn_reader *r, const struct k_file *dir, struct spn_err *err)
{
    static const char key[] = "tokenizer_config.chat_template";
    struct spn_meta v = { .kind = SPN_META_STRING };
    const struct k_file *f = NULL;
    spn_status st = open_file(r, dir, "chat_template.jinja", &f, err);

    if (st != SPN_OK || f == NULL)
        return st;
    if (f->size > TEMPLATE_BYTES_MAX)
        st = spn_fail(err, SPN_EFORMAT, "%s: a template of %llu bytes, %d are read", f->name,
                      (unsigned long long)f->size, TEMPLATE_BYTES_MAX);
    if (st == SPN_OK)
        st = k_reader_dup(r, &v.s, f->data, f->size, err);
    v.s_length = (size_t)f->size;
    k_reader_unmap(r, f);
    for (size_t i = 0; st == SPN_OK && i < r->n_meta; i++) {
        if (strcmp(r->meta[i].key, key) == 0) {
            r->meta[i].v = v;
            return SPN_OK;
        }
    }
    return st == SPN_OK ? k_reader_add_meta(r, key, &v, err) : st;
}

/* ---- shards ---- */

struct claim {                         /* a line of weight_map; sorted by its first member */
    const char *shard, *tensor;
};

struct claims { struct claim *all; const struct claim **sorted; size_t n; };

static spn_status load_text(struct spn_reader *r, const struct k_file *f, struct k_text t,
                            const char **out, struct spn_err *err)
{
    size_t base = (size_t)((const unsigned char *)t.s - f->data);
    json_t *j = NULL;
    spn_status st = k_json_load(&j, f->name, t, base, err);

    if (st == SPN_OK &&
        (!json_is_string(j) || json_string_length(j) != strlen(json_string_value(j))))
        st = spn_fail(err, SPN_EFORMAT, "%s: not a plain string at byte %zu", f->name, base);
    if (st == SPN_OK)
        st = k_reader_dup(r, out, json_string_value(j), json_string_length(j), err);
    json_decref(j);
    return st;
}

/* Walked twice: to count, and to read. */
static spn_status read_weight_map(struct spn_reader *r, const struct k_file *f, struct k_text text,
                                  struct claims *out, struct spn_err *err)
{
    size_t base = (size_t)((const unsigned char *)text.s - f->data), count = 0;
    struct k_text key, value;
    struct k_json_walk w;
    spn_status st = k_json_walk_begin(&w, f->name, text, base, err);

    while (st == SPN_OK && !w.done) {
        st = k_json_walk_next(&w, &key, &value, err);
        count++;
    }
    if (st == SPN_OK)
        st = k_reader_alloc(r, &out->all, count, sizeof *out->all, err);
    if (st == SPN_OK)
        st = k_reader_alloc(r, &out->sorted, count, sizeof *out->sorted, err);
    if (st == SPN_OK)
        st = k_json_walk_begin(&w, f->name, text, base, err);
    while (st == SPN_OK) {
        struct claim *claim = &out->all[out->n];

        st = k_json_walk_next(&w, &key, &value, err);
        if (st != SPN_OK || w.done)
            break;
        st = load_text(r, f, key, &claim->tensor, err);
        if (st == SPN_OK)
            st = load_text(r, f, value, &claim->shard, err);
        if (st == SPN_OK && !k_folder_plain_name(claim->shard))
            st = spn_fail(
                err, SPN_EFORMAT,
                "%s: tensor %.100s is said to be in %.200s, which is no file of this folder",
                f->name, claim->tensor, claim->shard);
        out->sorted[out->n++] = claim;
    }
    if (st == SPN_OK && out->n > 1)
        qsort(out->sorted, out->n, sizeof *out->sorted, k_compare_names);
    return st;
}

static spn_status read_index(struct spn_reader *r, const struct k_file *f, struct claims *out,
                             struct spn_err *err)
{
    struct k_text key, value;
    struct k_json_walk w;
    bool found = false;
    spn_status st = k_json_walk_begin(&w, f->name, text_of(f), 0, err);

    while (st == SPN_OK) {
        st = k_json_walk_next(&w, &key, &value, err);
        if (st != SPN_OK || w.done)
            break;
        if (key.n != 12 || memcmp(key.s, "\"weight_map\"", 12) != 0)
            continue;
        if (found)
            return spn_fail(err, SPN_EFORMAT, "%s: weight_map is there twice", f->name);
        found = true;
        st = read_weight_map(r, f, value, out, err);
    }
    if (st == SPN_OK && out->n == 0)
        st = spn_fail(err, SPN_EFORMAT, "%s: no weight_map with tensors", f->name);
    return st;
}

static bool ends(const char *s, const char *tail)
{
    size_t n = strlen(s), k = strlen(tail);

    return n >= k && strcmp(s + n - k, tail) == 0;
}

/* Tensors of a file of weights: safetensors, or what torch.save wrote. */
static spn_status read_weights(struct spn_reader *r, const struct k_file *f, const char *name,
                               bool with_meta, struct spn_err *err)
{
    if (ends(name, ".safetensors"))
        return k_safetensors_read(r, f, with_meta, err);
    return k_torch_file(r, f, "", err);
}

static spn_status read_shard(struct spn_reader *r, const struct k_file *dir, const char *name,
                             const char *tensor, struct spn_err *err)
{
    const struct k_file *f = NULL;
    spn_status st = open_file(r, dir, name, &f, err);

    if (st == SPN_OK && f == NULL && r->partial) /* its tensors are counted one by one */
        return SPN_OK;
    if (st == SPN_OK && f == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: shard %s is missing, tensor %.100s is in it",
                        dir->name, name, tensor);
    return st == SPN_OK ? read_weights(r, f, name, false, err) : st;
}

/* What the index says of each tensor is true. */
static spn_status check_claims(struct spn_reader *r, const struct k_file *dir,
                               const char *index, const struct claims *claims, struct spn_err *err)
{
    for (size_t i = 0; i < claims->n; i++) {
        const struct claim *c = &claims->all[i];
        const struct spn_entry *e = spn_reader_find(r, c->tensor);
        const char *slash = e != NULL ? strrchr(e->file, '/') : NULL;

        if (e == NULL && r->partial) {
            if (!k_folder_has(r, dir->name, c->shard)) /* else its reader has counted it */
                k_reader_absent(r, c->tensor);
            continue;
        }
        if (e == NULL || strcmp(slash != NULL ? slash + 1 : e->file, c->shard) != 0)
            return spn_fail(err, SPN_EFORMAT, "%s: %s says that %s holds tensor %.100s, %s%s",
                            dir->name, index, c->shard, c->tensor,
                            e != NULL ? "which is in " : "which no shard has",
                            e != NULL ? e->file : "");
    }
    return SPN_OK;
}

/* INDEX is called NAME. */
static spn_status read_shards(struct spn_reader *r, const struct k_file *dir,
                              const struct k_file *index, const char *name,
                              struct claims *claims, struct spn_err *err)
{
    spn_status st = read_index(r, index, claims, err);

    if (st == SPN_OK)
        st = k_reader_reserve_entries(r, claims->n, err);
    for (size_t i = 0; st == SPN_OK && i < claims->n; i++)
        if (i == 0 || strcmp(claims->sorted[i]->shard, claims->sorted[i - 1]->shard) != 0)
            st = read_shard(r, dir, claims->sorted[i]->shard, claims->sorted[i]->tensor, err);
    k_reader_unmap(r, index);
    return st;
}

static spn_status read_tensors(struct spn_reader *r, const struct k_file *dir,
                               struct claims *claims, const char **index, struct spn_err *err)
{
    /* The first of these that is there. */
    static const char *const names[] = { INDEX_NAME, "model.safetensors", BIN_INDEX,
                                         "pytorch_model.bin" };
    const struct k_file *f = NULL;
    spn_status st = SPN_OK;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        st = open_file(r, dir, names[i], &f, err);
        if (st != SPN_OK)
            return st;
        if (f == NULL)
            continue;
        if (!ends(names[i], ".json"))
            return read_weights(r, f, names[i], true, err);
        *index = names[i];
        return read_shards(r, dir, f, names[i], claims, err);
    }
    return spn_fail(err, SPN_EFORMAT,
                    "%s: neither model.safetensors nor pytorch_model.bin, nor an index of shards",
                    dir->name);
}

/* ---- training checkpoints ---- */

/* Our own: NAME.exp_avg and NAME.exp_avg_sq, named as other formats name them. */
static spn_status read_moments(struct spn_reader *r, const struct k_file *f, struct spn_err *err)
{
    static const char before[] = "optimizer.state.";
    size_t first = r->n_entries;
    spn_status st = k_safetensors_read(r, f, false, err);

    for (size_t i = first; st == SPN_OK && i < r->n_entries; i++) {
        size_t n = strlen(r->entries[i].name);
        char *name = NULL;

        st = k_reader_alloc(r, &name, n + sizeof before, 1, err);
        if (st != SPN_OK)
            break;
        memcpy(name, before, sizeof before - 1);
        memcpy(name + sizeof before - 1, r->entries[i].name, n);
        r->entries[i].name = name;
    }
    return st;
}

/* What a trainer left beside the weights: Hugging Face's optimizer.pt, scheduler.pt and
 * trainer_state.json, our own optimizer.safetensors and state.json. */
static spn_status read_training(struct spn_reader *r, const struct k_file *dir, struct spn_err *err)
{
    const struct k_file *f = NULL;
    spn_status st = open_file(r, dir, "optimizer.safetensors", &f, err);

    if (st == SPN_OK && f != NULL)
        st = read_moments(r, f, err);
    if (st == SPN_OK)
        st = open_file(r, dir, "optimizer.pt", &f, err);
    if (st == SPN_OK && f != NULL)
        st = k_torch_file(r, f, "", err);
    if (st == SPN_OK)
        st = open_file(r, dir, "scheduler.pt", &f, err);
    if (st == SPN_OK && f != NULL)
        st = k_torch_file(r, f, "scheduler", err);
    if (st == SPN_OK)
        st = read_config(r, dir, "state.json", "state", false, err);
    return st == SPN_OK ? read_config(r, dir, "trainer_state.json", "trainer_state", false, err)
                        : st;
}

static spn_status read_folder(struct spn_reader *r, const struct k_file *dir, struct spn_err *err)
{
    struct claims claims = { NULL, NULL, 0 };
    const char *index = NULL;
    spn_status st = read_config(r, dir, "config.json", "config", true, err);

    if (st == SPN_OK)
        st = read_config(r, dir, "generation_config.json", "generation_config", false, err);
    if (st == SPN_OK)
        st = read_config(r, dir, "tokenizer_config.json", "tokenizer_config", false, err);
    if (st == SPN_OK)
        st = read_template(r, dir, err);
    if (st == SPN_OK)
        st = read_tensors(r, dir, &claims, &index, err);
    if (st == SPN_OK)
        st = read_training(r, dir, err);
    if (st == SPN_OK)
        st = k_optimizer_names(r, err);
    if (st == SPN_OK && r->n_globals > 0)
        st = k_torch_globals(r, err);
    if (st == SPN_OK)
        st = k_reader_index(r, err);
    return st == SPN_OK && index != NULL ? check_claims(r, dir, index, &claims, err) : st;
}

static bool knows_folder(const struct k_file *f)
{
    return f->data == NULL;
}

const struct spn_format k_format_hf_folder = {
    .name = "hf folder", .folder = true, .knows = knows_folder, .read = read_folder
};
