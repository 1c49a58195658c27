/* convert.c - a checkpoint written again: another form, another type, fewer tensors. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/recode.h"
#include "lm/model.h"
#include "verbs.h"

enum form { TO_GGUF, TO_SAFETENSORS, TO_TORCH, TO_NPZ, TO_FOLDER, TO_NOTHING };

static enum form form_of(const char *path)
{
    static const struct {
        const char *end;
        enum form form;
    } ends[] = { { ".gguf", TO_GGUF }, { ".safetensors", TO_SAFETENSORS },
                 { ".pt", TO_TORCH },  { ".pth", TO_TORCH },
                 { ".bin", TO_TORCH }, { ".npz", TO_NPZ } };
    const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path,
               *dot = strrchr(base, '.');

    if (dot == NULL || *base == '\0')
        return TO_FOLDER;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strcmp(dot, ends[i].end) == 0)
            return ends[i].form;
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

/* The type that T becomes: only numbers with a fraction change theirs. */
static int type_for(const struct spn_tensor *t, int to, enum form form)
{
    const struct spn_dtype_info *info = spn_dtype_info(t->dtype);
    uint64_t bytes;

    if (!info->decode)
        return t->dtype;
    if (to < 0)
        to = info->block_elems > 1 && form != TO_GGUF ? SPN_F16 : t->dtype;
    /* Blocks are along rows: vectors, and rows that are no whole number of blocks, stay floats. */
    if (spn_dtype_info(to)->block_elems > 1 &&
        (t->ndim < 2 || !spn_dtype_row_bytes(to, t->dim[t->ndim - 1], &bytes)))
        to = info->block_elems > 1 ? SPN_F16 : t->dtype;
    return to;
}

static spn_status create(struct spn_writer **w, const char *path, enum form form,
                         struct spn_err *err)
{
    switch (form) {
    case TO_GGUF:
        return spn_gguf_create(w, path, err);
    case TO_TORCH:
        return spn_torch_create(w, path, SPN_TORCH_STATE_DICT, err);
    case TO_NPZ:
        return spn_npz_create(w, path, err);
    default:
        return spn_safetensors_create(w, path, err);
    }
}

/* The writer keeps its first failure and the commit says it: calls before need no check. What a
   pickle names is no metadata. */
static spn_status convert_plain(struct run *r, struct ckpt *c, const char *path, enum form form,
                                int dtype, struct spn_err *err)
{
    struct spn_recoder *recoder = NULL;
    struct spn_writer *w = NULL;
    spn_status st = spn_recoder_new(&recoder, c->reader, r->pool, err);

    if (st == SPN_OK)
        st = create(&w, path, form, err);
    if (st == SPN_OK && form != TO_NPZ)
        st = spn_recode_keys(w, c->reader, form == TO_GGUF, NULL, err);
    for (size_t i = 0; st == SPN_OK && i < c->n; i++)
        st = spn_recoder_add(recoder, w, c->row[i].e, type_for(&c->row[i].e->t, dtype, form), err);
    if (st == SPN_OK)
        st = spn_writer_commit(w, err);
    st = check_rows(c, st, err);
    spn_writer_free(w);
    spn_recoder_free(recoder);
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
                    "%s: its ending says no form that is written: "
                    ".safetensors, .gguf, .pt, .npz, or a folder",
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
    spn_status st;

    if (export_store(r, &st, err))
        return st;
    st = wanted_type(&dtype, r, err);
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
