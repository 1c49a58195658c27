/* tool_ls.c - prints what a reader sees, one JSON object a line, for tests that compare with other
 * programs.
 *
 *   tool_ls PATH            format, metadata, tensors (hashes of their bytes and of their floats)
 *   tool_ls PATH KIND OUT   and writes all of it that OUT can hold: a file of KIND gguf,
 *                           safetensors, npz, pt or optimizer
 */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/reader.h"
#include "tensor/product.h"

enum { DOUBLES = 12 }; /* raw_type of an array of f64, as in GGUF */

static uint64_t hash(const void *bytes, uint64_t n)
{
    const unsigned char *p = bytes;
    uint64_t h = 0xcbf29ce484222325u;

    for (uint64_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static json_t *hex(uint64_t v)
{
    char text[24];

    snprintf(text, sizeof text, "%016" PRIx64, v);
    return json_string(text);
}

static void put(json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);

    puts(text != NULL ? text : "{\"lost\":true}");
    free(text);
    json_decref(j);
}

static json_t *array_json(const struct spn_meta *v)
{
    json_t *a = json_array();

    for (uint64_t i = 0; i < v->count; i++) {
        const char *s;
        size_t length;
        int64_t n;
        double f;

        if (v->elem == SPN_META_STRING && spn_meta_elem_str(v, i, &s, &length))
            json_array_append_new(a, json_stringn(s, length));
        else if (v->elem == SPN_META_FLOAT && spn_meta_elem_float(v, i, &f))
            json_array_append_new(a, json_real(f));
        else if (v->elem != SPN_META_FLOAT && spn_meta_elem_int(v, i, &n))
            json_array_append_new(a, json_integer(n));
        else
            json_array_append_new(a, json_null());
    }
    return a;
}

static json_t *value_json(const struct spn_meta *v)
{
    switch (v->kind) {
    case SPN_META_INT:    return json_integer(v->i);
    case SPN_META_UINT:   return json_integer((json_int_t)v->u);
    case SPN_META_FLOAT:  return json_real(v->f);
    case SPN_META_BOOL:   return json_boolean(v->b);
    case SPN_META_STRING: return json_stringn(v->s, v->s_length);
    default:              return array_json(v);
    }
}

static json_t *tensor_json(const struct spn_reader *r, const struct spn_entry *e)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tensor t;
    void *held = NULL;
    const struct spn_dtype_info *info = spn_dtype_info(e->t.dtype);
    int64_t n = spn_tensor_elems(&e->t);
    json_t *shape = json_array(), *floats = json_null();
    uint64_t its_hash;
    float *f;

    if (spn_entry_view(r, e, &t, &held, &err) != SPN_OK)
        return json_pack("{s:s, s:s}", "tensor", e->name, "refused", err.text);
    its_hash = hash(t.data, spn_tensor_bytes(&t));
    for (int i = 0; i < e->t.ndim; i++)
        json_array_append_new(shape, json_integer(e->t.dim[i]));
    if (info->decode && (f = spn_calloc((size_t)n, sizeof *f)) != NULL) {
        if (spn_dequant(t.dtype, t.data, f, n, NULL) == SPN_OK)
            floats = hex(hash(f, (uint64_t)n * sizeof *f));
        spn_free(f);
    }
    spn_free(held);
    return json_pack("{s:s, s:s, s:o, s:I, s:I, s:s, s:o, s:o}", "tensor", e->name, "dtype",
                     info->name, "shape", shape, "bytes", (json_int_t)spn_tensor_bytes(&e->t),
                     "offset", (json_int_t)e->offset, "file", e->file, "hash", hex(its_hash),
                     "floats", floats);
}

static void copy_array(struct spn_writer *w, const char *key, const struct spn_meta *v)
{
    size_t n = (size_t)v->count;
    const char **s = spn_calloc(n, sizeof *s);
    size_t *length = spn_calloc(n, sizeof *length);
    int32_t *ints = spn_calloc(n, sizeof *ints);
    float *floats = spn_calloc(n, sizeof *floats);
    double *doubles = spn_calloc(n, sizeof *doubles);

    for (size_t i = 0; i < n; i++) {
        int64_t whole = 0;
        double real = 0;

        if (v->elem == SPN_META_STRING)
            spn_meta_elem_str(v, i, &s[i], &length[i]);
        else if (spn_meta_elem_int(v, i, &whole))
            ints[i] = (int32_t)whole;
        else if (spn_meta_elem_float(v, i, &real))
            floats[i] = (float)(doubles[i] = real);
    }
    if (v->elem == SPN_META_STRING)
        spn_writer_strs(w, key, s, length, n);
    else if (v->elem == SPN_META_FLOAT && v->raw_type == DOUBLES)
        spn_writer_f64s(w, key, doubles, n);
    else if (v->elem == SPN_META_FLOAT)
        spn_writer_f32s(w, key, floats, n);
    else
        spn_writer_i32s(w, key, ints, n);
    spn_free(s);
    spn_free(length);
    spn_free(ints);
    spn_free(floats);
    spn_free(doubles);
}

static void copy_meta(struct spn_writer *w, bool only_strings, const char *key,
                      const struct spn_meta *v)
{
    if (v->kind == SPN_META_STRING)
        spn_writer_str(w, key, v->s, v->s_length);
    else if (only_strings)
        return;
    else if (v->kind == SPN_META_UINT)
        spn_writer_u32(w, key, (uint32_t)v->u);
    else if (v->kind == SPN_META_INT)
        spn_writer_u32(w, key, (uint32_t)v->i);
    else if (v->kind == SPN_META_FLOAT)
        spn_writer_f32(w, key, (float)v->f);
    else if (v->kind == SPN_META_BOOL)
        spn_writer_bool(w, key, v->b);
    else
        copy_array(w, key, v);
}

static spn_status copy(const struct spn_reader *r, const char *kind, const char *out,
                       struct spn_err *err)
{
    bool gguf = strcmp(kind, "gguf") == 0, npz = strcmp(kind, "npz") == 0;
    bool optimizer = strcmp(kind, "optimizer") == 0;
    struct spn_writer *w = NULL;
    struct spn_meta v;
    spn_status st = gguf ? spn_gguf_create(&w, out, err)
                    : npz ? spn_npz_create(&w, out, err)
                    : optimizer ? spn_torch_create(&w, out, SPN_TORCH_OPTIMIZER, err)
                    : strcmp(kind, "pt") == 0 ? spn_torch_create(&w, out, SPN_TORCH_STATE_DICT, err)
                                              : spn_safetensors_create(&w, out, err);

    if (st != SPN_OK)
        return st;
    for (size_t i = 0; i < spn_reader_meta_count(r); i++) {
        const char *key = spn_reader_meta_at(r, i, &v);

        if (strncmp(key, "pickle.", 7) == 0)
            continue;
        if (optimizer && v.kind == SPN_META_FLOAT)
            spn_writer_f64(w, key, v.f);
        else if (optimizer && v.kind == SPN_META_INT)
            spn_writer_i64(w, key, v.i);
        else
            copy_meta(w, !gguf && !optimizer, key, &v);
    }
    for (size_t i = 0; i < spn_reader_count(r); i++)
        spn_writer_entry(w, spn_reader_at(r, i)->name, r, spn_reader_at(r, i));
    st = spn_writer_commit(w, err);
    spn_writer_free(w);
    return st;
}

int main(int argc, char **argv)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_reader *r = NULL;
    struct spn_meta v;
    spn_status st;

    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: tool_ls PATH [gguf|safetensors|npz|pt|optimizer OUT]\n");
        return 2;
    }
    /* "partial:PATH": a file that may not be whole. */
    st = strncmp(argv[1], "partial:", 8) == 0 ? spn_reader_open_partial(&r, argv[1] + 8, &err)
                                              : spn_reader_open(&r, argv[1], &err);
    if (st == SPN_OK) {
        put(json_pack("{s:s, s:s}", "format", spn_reader_format(r), "path", spn_reader_path(r)));
        for (size_t i = 0; i < spn_reader_meta_count(r); i++) {
            const char *key = spn_reader_meta_at(r, i, &v);
            put(json_pack("{s:s, s:o}", "meta", key, "value", value_json(&v)));
        }
        for (size_t i = 0; i < spn_reader_count(r); i++)
            put(tensor_json(r, spn_reader_at(r, i)));
        if (argc == 4)
            st = copy(r, argv[2], argv[3], &err);
    }
    if (st == SPN_OK)
        st = spn_reader_check(r, &err);
    spn_reader_close(r);
    if (st != SPN_OK)
        fprintf(stderr, "tool_ls: %s\n", err.text);
    return spn_exit_code(st);
}
