/* checkpoint.c - the files of one checkpoint. */
#include "config.h"

#include "train/checkpoint.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/reader.h"
#include "train/folder.h"

#define STATE_BYTES_MAX 65536
#define NAME_BYTES      256

/* The numbers of state.json and where they live. */
static const struct { const char *key; size_t offset; } numbers[] = {
    { "step", offsetof(struct spn_train_state, step) },
    { "total_steps", offsetof(struct spn_train_state, total) },
    { "seed", offsetof(struct spn_train_state, seed) },
    { "next_example", offsetof(struct spn_train_state, next_example) },
    { "tokens", offsetof(struct spn_train_state, tokens) },
    { "loss_tokens", offsetof(struct spn_train_state, loss_tokens) },
    { "examples_cut", offsetof(struct spn_train_state, cut) },
};
#define N_NUMBERS (sizeof numbers / sizeof numbers[0])

static spn_status write_json(const char *dir, const char *name, json_t *object, struct spn_err *err)
{
    char path[TRAIN_PATH_BYTES];
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER |
                                                         JSON_REAL_PRECISION(9))
                                : NULL;
    spn_status st = train_path(path, dir, name, err);

    if (st == SPN_OK && text == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory left to write it", path);
    if (st == SPN_OK)
        st = spn_file_write(path, text, strlen(text), err);
    free(text);
    return st;
}

static spn_status write_state(const char *dir, const struct spn_train_state *state,
                              struct spn_err *err)
{
    json_t *o = json_object();
    spn_status st;

    for (size_t i = 0; o != NULL && i < N_NUMBERS; i++)
        json_object_set_new(
            o, numbers[i].key,
            json_integer(*(const int64_t *)((const char *)state + numbers[i].offset)));
    st = write_json(dir, "state.json", o, err);
    json_decref(o);
    return st;
}

/* Sizes under the names that other programs know; tensors keep this project's canonical (GGUF)
 * names. */
static spn_status write_config(const char *dir, const struct spn_lm *lm, struct spn_err *err)
{
    const struct spn_lm_shape *s = &lm->shape;
    json_t *o = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b, s:s}", "model_type",
        lm->arch->name, "tensor_names", "gguf", "vocab_size", (json_int_t)s->n_vocab, "hidden_size",
        (json_int_t)s->n_embd, "num_hidden_layers", (json_int_t)s->n_layer, "intermediate_size",
        (json_int_t)s->n_ff, "num_attention_heads", (json_int_t)s->n_head, "num_key_value_heads",
        (json_int_t)s->n_head_kv, "head_dim", (json_int_t)s->dim_k, "max_position_embeddings",
        (json_int_t)s->context, "rms_norm_eps", (double)s->norm_eps, "rope_theta",
        (double)s->rope_base, "tie_word_embeddings", s->tied, "torch_dtype", "float32");
    spn_status st = write_json(dir, "config.json", o, err);

    json_decref(o);
    return st;
}

static spn_status write_model(const char *dir, const struct spn_train_param *param, int n,
                              struct spn_err *err)
{
    char path[TRAIN_PATH_BYTES];
    struct spn_writer *w = NULL;
    spn_status st = train_path(path, dir, "model.safetensors", err);

    if (st == SPN_OK)
        st = spn_safetensors_create(&w, path, err);
    if (st == SPN_OK && spn_writer_str(w, "format", "pt", 2) != SPN_OK)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory left for its header", path);
    for (int i = 0; st == SPN_OK && i < n; i++)
        if (spn_writer_tensor(w, param[i].weight->name, &param[i].weight->t) != SPN_OK)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory left for the header of %s", path,
                          param[i].weight->name);
    if (st == SPN_OK)
        st = spn_writer_commit(w, err);
    spn_writer_free(w);
    return st;
}

static spn_status moment_name(char out[NAME_BYTES], const char *name, int k, struct spn_err *err)
{
    int n = snprintf(out, NAME_BYTES, "%s.%s", name, k == 0 ? "exp_avg" : "exp_avg_sq");

    if (n < 0 || n >= NAME_BYTES)
        return spn_fail(err, SPN_EINTERNAL, "checkpoint: the name %.80s… is longer than %d bytes",
                        name, NAME_BYTES - 16);
    return SPN_OK;
}

static spn_status write_optimizer(const char *dir, const struct spn_train_param *param, int n,
                                  struct spn_err *err)
{
    char path[TRAIN_PATH_BYTES], name[NAME_BYTES];
    struct spn_writer *w = NULL;
    spn_status st = train_path(path, dir, "optimizer.safetensors", err);

    if (st == SPN_OK)
        st = spn_safetensors_create(&w, path, err);
    for (int i = 0; st == SPN_OK && i < 2 * n; i++) {
        const struct spn_train_param *p = &param[i / 2];
        struct spn_tensor t = p->weight->t;

        t.data = i % 2 == 0 ? p->exp_avg : p->exp_avg_sq;
        st = moment_name(name, p->weight->name, i % 2, err);
        if (st == SPN_OK && spn_writer_tensor(w, name, &t) != SPN_OK)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory left for the header of %s", path, name);
    }
    if (st == SPN_OK)
        st = spn_writer_commit(w, err);
    spn_writer_free(w);
    return st;
}

spn_status spn_checkpoint_save(const char *run, const struct spn_lm *lm,
                               const struct spn_train_param *param, int n_params,
                               const struct spn_train_state *state, struct spn_err *err)
{
    char dir[TRAIN_PATH_BYTES], tmp[TRAIN_PATH_BYTES];
    spn_status st = train_folder_path(dir, run, state->step, false, err);

    if (st == SPN_OK)
        st = train_folder_path(tmp, run, state->step, true, err);
    if (st == SPN_OK)
        st = train_folder_remove(tmp, err);
    if (st != SPN_OK)
        return st;
    if (mkdir(tmp, 0777) != 0)
        return spn_fail(err, SPN_EIO, "%s: cannot be made: %s", tmp, strerror(errno));
    st = write_config(tmp, lm, err);
    if (st == SPN_OK)
        st = write_model(tmp, param, n_params, err);
    if (st == SPN_OK)
        st = write_optimizer(tmp, param, n_params, err);
    if (st == SPN_OK)
        st = write_state(tmp, state, err);
    if (st == SPN_OK) {
        train_folder_sync(tmp);
        if (rename(tmp, dir) != 0)
            st = spn_fail(err, SPN_EIO, "%s: cannot be renamed to checkpoint-%lld: %s", tmp,
                          (long long)state->step, strerror(errno));
    }
    if (st != SPN_OK)
        train_folder_remove(tmp, NULL);
    else
        train_folder_sync(run);
    return st;
}

/* ---- reading ---- */

static spn_status read_state(const char *dir, struct spn_train_state *state, struct spn_err *err)
{
    char path[TRAIN_PATH_BYTES];
    char *text = NULL;
    size_t length = 0;
    json_t *o = NULL;
    json_error_t why;
    spn_status st = train_path(path, dir, "state.json", err);

    if (st == SPN_OK)
        st = spn_file_read(&text, &length, path, STATE_BYTES_MAX, err);
    if (st == SPN_OK) {
        o = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
        if (!json_is_object(o))
            st = spn_fail(err, SPN_EFORMAT, "%s: not a JSON object: %s, line %d", path,
                          o == NULL ? why.text : "another value", o == NULL ? why.line : 1);
    }
    for (size_t i = 0; st == SPN_OK && i < N_NUMBERS; i++) {
        json_t *v = json_object_get(o, numbers[i].key);

        if (!json_is_integer(v) || json_integer_value(v) < 0)
            st = spn_fail(err, SPN_EFORMAT, "%s: \"%s\" is not a number from 0 on", path,
                          numbers[i].key);
        else
            *(int64_t *)((char *)state + numbers[i].offset) = json_integer_value(v);
    }
    json_decref(o);
    spn_free(text);
    return st;
}

/* Copy tensor NAME of R, which must have the shape of WANT, to DST. */
static spn_status read_tensor(const struct spn_reader *r, const char *name,
                              const struct spn_tensor *want, float *dst, struct spn_err *err)
{
    const struct spn_entry *e = spn_reader_find(r, name);
    char have_text[128], want_text[128];

    if (e == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: no tensor %s", spn_reader_path(r), name);
    spn_tensor_shape_text(&e->t, have_text, sizeof have_text);
    spn_tensor_shape_text(want, want_text, sizeof want_text);
    if (e->t.dtype != SPN_F32 || strcmp(have_text, want_text) != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %s is %s %s, the recipe's model has f32 %s",
                        spn_reader_path(r), name, spn_dtype_name(e->t.dtype), have_text, want_text);
    memcpy(dst, e->t.data, (size_t)spn_tensor_bytes(want));
    return SPN_OK;
}

static spn_status read_file(const char *dir, const char *file, const struct spn_train_param *param,
                            int n, bool moments, struct spn_err *err)
{
    char path[TRAIN_PATH_BYTES], name[NAME_BYTES];
    struct spn_reader *r = NULL;
    spn_status st = train_path(path, dir, file, err);

    if (st == SPN_OK)
        st = spn_reader_open(&r, path, err);
    for (int i = 0; st == SPN_OK && i < n; i++) {
        const struct spn_train_param *p = &param[i];

        if (!moments) {
            st = read_tensor(r, p->weight->name, &p->weight->t, p->weight->t.data, err);
            continue;
        }
        for (int k = 0; st == SPN_OK && k < 2; k++) {
            st = moment_name(name, p->weight->name, k, err);
            if (st == SPN_OK)
                st = read_tensor(r, name, &p->weight->t, k == 0 ? p->exp_avg : p->exp_avg_sq, err);
        }
    }
    if (st == SPN_OK)
        st = spn_reader_check(r, err);
    spn_reader_close(r);
    return st;
}

spn_status spn_checkpoint_load(const char *dir, const struct spn_train_param *param, int n_params,
                               struct spn_train_state *state, struct spn_err *err)
{
    struct spn_train_state read = { 0 };
    spn_status st = read_state(dir, &read, err);

    if (st == SPN_OK)
        st = read_file(dir, "model.safetensors", param, n_params, false, err);
    if (st == SPN_OK)
        st = read_file(dir, "optimizer.safetensors", param, n_params, true, err);
    if (st == SPN_OK)
        *state = read;
    return st;
}

spn_status spn_checkpoint_weights(const char *dir, const struct spn_train_param *param,
                                  int n_params, struct spn_err *err)
{
    return read_file(dir, "model.safetensors", param, n_params, false, err);
}
