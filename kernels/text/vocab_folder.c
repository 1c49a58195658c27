/* vocab_folder.c - a tokenizer from a Hugging Face folder: tokenizer.json, and the files beside it
 * that name its ends and its chat template. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "text/hf_shape.h"
#include "text/vocab.h"

#define FILE_MAX ((size_t)256 << 20)

/* *TEXT stays NULL when DIR has no file NAME. */
static spn_status read_beside(char **text, size_t *length, const char *dir, const char *name,
                              struct spn_err *err)
{
    char *path = spn_path_join(dir, name);
    spn_status st = SPN_OK;

    if (path == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s/%s: out of memory", dir, name);
    if (spn_path_exists(path))
        st = spn_file_read(text, length, path, FILE_MAX, err);
    spn_free(path);
    return st;
}

/* eos_token_id of config.json or generation_config.json: a number or several, all of them end an
 * answer. */
static spn_status read_ends(struct spn_tokenizer *t, const char *dir, const char *name,
                            struct spn_err *err)
{
    char *text = NULL;
    size_t length = 0, n;
    json_t *root = NULL, *eos;
    spn_status st = read_beside(&text, &length, dir, name, err);

    if (st == SPN_OK && text != NULL && (root = hf_parse(text, length, name, err)) == NULL)
        st = SPN_EFORMAT;
    eos = json_object_get(root, "eos_token_id");
    n = json_is_array(eos) ? json_array_size(eos) : json_is_integer(eos);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_is_array(eos) ? json_array_get(eos, i) : eos;
        int32_t id =
            json_is_integer(v) ? vocab_checked_id(t, json_integer_value(v), "eos_token_id") : -1;

        if (id >= 0)
            t->piece[id].flags |= VOCAB_ENDS;
        if (t->eos < 0)
            t->eos = id;
    }
    json_decref(root);
    spn_free(text);
    return st;
}

spn_status vocab_from_folder(struct spn_tokenizer **out, const char *folder, struct spn_err *err)
{
    char *json = NULL, *config = NULL, *template = NULL;
    size_t n_json = 0, n_config = 0, n_template = 0;
    struct spn_tokenizer *t = NULL;
    spn_status st = read_beside(&json, &n_json, folder, "tokenizer.json", err);

    if (st == SPN_OK && json == NULL)
        st = spn_fail(err, SPN_EFORMAT, "%s: there is no tokenizer: tokenizer.json is missing",
                      folder);
    if (st == SPN_OK)
        st = read_beside(&config, &n_config, folder, "tokenizer_config.json", err);
    if (st == SPN_OK)
        st = spn_tokenizer_open_json(&t, json, n_json, config, n_config, err);
    if (st == SPN_OK)
        st = read_ends(t, folder, "config.json", err);
    if (st == SPN_OK)
        st = read_ends(t, folder, "generation_config.json", err);
    if (st == SPN_OK)
        st = read_beside(&template, &n_template, folder, "chat_template.jinja", err);
    if (st == SPN_OK)
        st = vocab_set_chat_template(t, template, err);
    if (st == SPN_OK)
        *out = t;
    else
        spn_tokenizer_free(t);
    spn_free(json);
    spn_free(config);
    spn_free(template);
    return st;
}
