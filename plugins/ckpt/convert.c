/* convert.c - a checkpoint written again: another form, another type, fewer tensors. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "lm/model.h"
#include "tensor/product.h"
#include "verbs.h"

enum form { TO_GGUF, TO_SAFETENSORS, TO_FOLDER, TO_NOTHING };

static enum form form_of(const char *path)
{
    const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path,
               *dot = strrchr(base, '.');

    if (dot == NULL || *base == '\0')
        return TO_FOLDER;
    if (strcmp(dot, ".gguf") == 0)
        return TO_GGUF;
    if (strcmp(dot, ".safetensors") == 0)
        return TO_SAFETENSORS;
    return TO_NOTHING;
}

static spn_status wanted_type(int *dtype, struct run *r, struct spn_err *err)
{
    const char *name = spn_value_str(r->v, "dtype");

    *dtype = name != NULL ? spn_dtype_by_name(name) : -1;
    if (name == NULL || (*dtype >= 0 && spn_dtype_info(*dtype)->encode))
        return SPN_OK;
    return spn_fail(err, SPN_EUSAGE, "--dtype: numbers cannot be written as \"%.32s\"", name);
}

/* ---- models, through their bindings ---- */

/* The type of most of its numbers. */
static int main_type(const struct spn_lm *lm)
{
    uint64_t most = 0;
    int type = SPN_F16;

    for (int d = 0; d < SPN_DTYPE_COUNT; d++) {
        uint64_t n = 0;

        if (spn_dtype_info(d) == NULL || !spn_dtype_info(d)->encode)
            continue;
        for (int i = 0; i < lm->n_list; i++)
            if (lm->list[i]->t.dtype == d)
                n += (uint64_t)spn_tensor_elems(&lm->list[i]->t);
        if (n > most) {
            most = n;
            type = d;
        }
    }
    return type;
}

static void remove_folder(const char *dir)
{
    static const char *const names[] = { "model.safetensors", "config.json" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = spn_path_join(dir, names[i]);

        if (path != NULL)
            unlink(path);
        spn_free(path);
    }
    rmdir(dir);
}

/* All of it beside, then renamed: a folder of that name is whole. */
static spn_status write_folder(const struct spn_lm *lm, const char *dir, int dtype,
                               struct spn_err *err)
{
    struct spn_buf temp = SPN_BUF_INIT(65536);
    size_t n = strlen(dir);
    spn_status st;

    while (n > 1 && dir[n - 1] == '/')
        n--;
    spn_buf_add(&temp, dir, n);
    spn_buf_puts(&temp, ".new-XXXXXX");
    if (temp.failed)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory", dir);
    else if (spn_path_exists(dir))
        st = spn_fail(err, SPN_EUSAGE, "%s: is there already", dir);
    else if (mkdtemp(temp.data) == NULL)
        st = spn_fail(err, SPN_EIO, "%s: cannot write there: %s", dir, strerror(errno));
    else {
        st = spn_lm_write_hf(lm, temp.data, dtype, err);
        if (st == SPN_OK && rename(temp.data, dir) != 0)
            st = spn_fail(err, SPN_EIO, "%s: %s", dir, strerror(errno));
        if (st != SPN_OK)
            remove_folder(temp.data);
    }
    spn_buf_free(&temp);
    return st;
}

static spn_status convert_model(struct run *r, enum form form, int dtype, struct spn_err *err)
{
    struct spn_lm_options o;
    struct spn_err why = SPN_ERR_INIT;
    struct spn_lm *lm = NULL;
    spn_status st;

    spn_lm_options_default(&o);
    o.pack = false;
    o.pool = r->pool;
    o.tokenizer = form == TO_GGUF;
    st = spn_lm_open(&lm, r->argv[0], &o, &why);
    if (st == SPN_EFORMAT && o.tokenizer) { /* without its tokenizer, then */
        struct spn_err again = SPN_ERR_INIT;

        o.tokenizer = false;
        st = spn_lm_open(&lm, r->argv[0], &o, &again);
        if (st == SPN_OK)
            r->api->say(r->job, why.text);
        else
            why = again;
    }
    if (st != SPN_OK) {
        if (err != NULL)
            *err = why;
        return st;
    }
    if (form == TO_FOLDER)
        st = write_folder(lm, r->argv[1], dtype, err);
    else
        st = spn_lm_write_gguf(lm, r->argv[1], dtype >= 0 ? dtype : main_type(lm), lm->tokenizer,
                               lm->name, lm->chat_template, NULL, err);
    if (st == SPN_OK && form == TO_FOLDER)
        r->api->say(r->job, "the folder has no tokenizer: put the files of the original beside");
    if (st == SPN_OK)
        st = spn_reader_check(lm->reader, err);
    spn_lm_close(lm);
    return st;
}

/* ---- tensors as they are named ---- */

struct writing {
    struct run *run;
    const struct ckpt *c;
    struct spn_writer *w;
    enum form form;
    int dtype;
    void **copy; /* [n] what the writer reads until the end */
};

/* The type that E becomes: only numbers with a fraction change theirs. */
static int type_for(const struct writing *x, const struct spn_tensor *t)
{
    const struct spn_dtype_info *info = spn_dtype_info(t->dtype);
    int to = x->dtype;
    uint64_t bytes;

    if (!info->decode)
        return t->dtype;
    if (to < 0)
        to = info->block_elems > 1 && x->form == TO_SAFETENSORS ? SPN_F16 : t->dtype;
    /* Blocks are along rows: vectors, and rows that are no whole number of blocks, stay floats. */
    if (spn_dtype_info(to)->block_elems > 1 &&
        (t->ndim < 2 || !spn_dtype_row_bytes(to, t->dim[t->ndim - 1], &bytes)))
        to = info->block_elems > 1 ? SPN_F16 : t->dtype;
    return to;
}

static spn_status recode(struct spn_tensor *t, int to, void **out, const char *name,
                         struct spn_err *err)
{
    enum { STRETCH = 1 << 16 };
    int64_t n = spn_tensor_elems(t);
    uint64_t from_bytes, to_bytes, bytes;
    float *x = spn_calloc(STRETCH, sizeof *x);
    struct spn_tensor made;
    spn_status st = SPN_OK;

    if (!spn_dtype_row_bytes(t->dtype, STRETCH, &from_bytes) ||
        !spn_dtype_row_bytes(to, STRETCH, &to_bytes) || !spn_dtype_row_bytes(to, n, &bytes))
        st = spn_fail(err, SPN_EFORMAT, "%s: its %" PRId64 " numbers cannot be %s", name, n,
                      spn_dtype_name(to));
    else if (bytes > spn_memory_free_bytes() || x == NULL ||
             (*out = spn_calloc((size_t)bytes + 1, 1)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for its %" PRIu64 " bytes as %s", name, bytes,
                      spn_dtype_name(to));
    if (st == SPN_OK)
        st = spn_tensor_init(&made, to, t->ndim, t->dim, *out, err);
    for (int64_t at = 0; st == SPN_OK && at < n; at += STRETCH) {
        int64_t some = n - at < STRETCH ? n - at : STRETCH;

        st = spn_dequant(t->dtype, (const char *)t->data + (uint64_t)(at / STRETCH) * from_bytes, x,
                         some, err);
        if (st == SPN_OK)
            st = spn_quant(to, x, (char *)made.data + (uint64_t)(at / STRETCH) * to_bytes, some,
                           err);
    }
    if (st == SPN_OK)
        *t = made;
    spn_free(x);
    return st;
}

static spn_status add_tensor(struct writing *x, size_t i, struct spn_err *err)
{
    const struct spn_entry *e = x->c->row[i].e;
    struct spn_tensor t;
    void *copy = NULL;
    spn_status st = spn_entry_view(x->c->reader, e, &t, &copy, err);

    x->copy[i] = copy;
    if (st == SPN_OK && type_for(x, &t) != t.dtype) {
        void *made = NULL;

        st = recode(&t, type_for(x, &t), &made, e->name, err);
        spn_free(copy);
        x->copy[i] = made;
    }
    if (st == SPN_OK)
        (void)spn_writer_tensor(x->w, e->name, &t); /* the commit says what it had against one */
    return st;
}

static void add_keys(struct writing *x)
{
    for (size_t i = 0; i < spn_reader_meta_count(x->c->reader); i++) {
        struct spn_meta v;
        const char *key = spn_reader_meta_at(x->c->reader, i, &v);

        if (v.kind == SPN_META_STRING)
            (void)spn_writer_str(x->w, key, v.s, v.s_length);
        else if (x->form == TO_GGUF && v.kind == SPN_META_BOOL)
            (void)spn_writer_bool(x->w, key, v.b);
        else if (x->form == TO_GGUF && v.kind == SPN_META_FLOAT)
            (void)spn_writer_f32(x->w, key, (float)v.f);
        else if (x->form == TO_GGUF && v.kind == SPN_META_UINT && v.u <= UINT32_MAX)
            (void)spn_writer_u32(x->w, key, (uint32_t)v.u);
    }
}

static spn_status convert_plain(struct run *r, struct ckpt *c, const char *path, enum form form,
                                int dtype, struct spn_err *err)
{
    struct writing x = {
        .run = r, .c = c, .form = form, .dtype = dtype, .copy = spn_calloc(c->n + 1, sizeof *x.copy)
    };
    spn_status st = x.copy == NULL
                        ? spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu rows", path, c->n)
                    : form == TO_GGUF ? spn_gguf_create(&x.w, path, err)
                                      : spn_safetensors_create(&x.w, path, err);

    if (st == SPN_OK)
        add_keys(&x);
    for (size_t i = 0; st == SPN_OK && i < c->n; i++) {
        st = add_tensor(&x, i, err);
        r->api->progress(r->job, (double)i + 1, (double)c->n, "tensors");
        if (st == SPN_OK && spn_cancelled(r->how.cancel))
            st = spn_fail(err, SPN_ECANCEL, "%s: stopped by the user", path);
    }
    st = check_rows(c, st, err);
    if (st == SPN_OK)
        st = spn_writer_commit(x.w, err);
    spn_writer_free(x.w);
    for (size_t i = 0; x.copy != NULL && i < c->n; i++)
        spn_free(x.copy[i]);
    spn_free(x.copy);
    return st;
}

static uint64_t bytes_of(const struct ckpt *c)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < c->n; i++)
        bytes += c->row[i].bytes;
    return bytes;
}

static spn_status put_result(struct run *r, const char *out, uint64_t raw, struct spn_err *err)
{
    struct ckpt c;
    uint64_t bytes = ckpt_open(&c, out, NULL) == SPN_OK ? bytes_of(&c) : 0;
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    spn_status st;

    spn_buf_printf(&b, "%s\t%" PRIu64 "\t%" PRIu64 "\n", out, raw, bytes);
    st = r->api->emit(r->job,
                      json_pack("{s:o, s:o, s:I, s:I}", "path", string_json(r->argv[0]), "out",
                                string_json(out), "bytes_raw", (json_int_t)raw, "bytes",
                                (json_int_t)bytes),
                      b.data, err);
    spn_buf_free(&b);
    ckpt_close(&c);
    return st;
}

static bool is_gguf(const struct ckpt *c)
{
    return strncmp(spn_reader_format(c->reader), "gguf", 4) == 0;
}

static spn_status no_form(const char *path, struct spn_err *err)
{
    return spn_fail(err, SPN_EUSAGE,
                    "%s: its ending says no form that is written: .safetensors, .gguf, or a folder",
                    path);
}

spn_status verb_convert(struct run *r, struct spn_err *err)
{
    enum form form = form_of(r->argv[1]);
    struct ckpt c;
    uint64_t raw = 0;
    int dtype;
    spn_status st = form == TO_NOTHING ? no_form(r->argv[1], err) : wanted_type(&dtype, r, err);

    if (st != SPN_OK)
        return st;
    st = ckpt_open(&c, r->argv[0], err);
    if (st == SPN_OK)
        raw = bytes_of(&c);
    if (st == SPN_OK && (form == TO_FOLDER || (form == TO_GGUF && !is_gguf(&c))))
        st = convert_model(r, form, dtype, err);
    else if (st == SPN_OK)
        st = convert_plain(r, &c, r->argv[1], form, dtype, err);
    ckpt_close(&c);
    return st == SPN_OK ? put_result(r, r->argv[1], raw, err) : st;
}

spn_status verb_export(struct run *r, struct spn_err *err)
{
    const char *out = spn_value_str(r->v, "output");
    enum form form = out != NULL ? form_of(out) : TO_NOTHING;
    struct ckpt c;
    uint64_t raw = 0;
    int dtype;
    spn_status st = wanted_type(&dtype, r, err);

    if (st == SPN_OK && out == NULL)
        st = spn_fail(err, SPN_EUSAGE, "ckpt export: -o says where to");
    else if (st == SPN_OK && (form == TO_NOTHING || form == TO_FOLDER))
        st = no_form(out, err);
    if (st != SPN_OK)
        return st;
    st = open_rows(&c, r, err);
    if (st == SPN_OK)
        raw = bytes_of(&c);
    if (st == SPN_OK)
        st = convert_plain(r, &c, out, form, dtype, err);
    ckpt_close(&c);
    return st == SPN_OK ? put_result(r, out, raw, err) : st;
}
