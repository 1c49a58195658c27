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

/* The folder's tokenizer in whichever form it has it. */
static spn_status read_tokenizer(struct spn_tokenizer **out, const char *folder,
                                 const json_t *config, struct spn_err *err)
{
    char *text = NULL, *merges = NULL;
    size_t n = 0, n_merges = 0;
    json_t *root = NULL;
    spn_status st = read_beside(&text, &n, folder, "tokenizer.json", err);

    if (st == SPN_OK && text != NULL) {
        root = hf_parse(text, n, "tokenizer.json", err);
        st = root == NULL ? SPN_EFORMAT
                          : vocab_from_root(out, root, config, "tokenizer.json", err);
        goto end;
    }
    if (st == SPN_OK)
        st = read_beside(&text, &n, folder, "tokenizer.model", err);
    if (st == SPN_OK && text != NULL) {
        st = vocab_from_model(out, text, n, config, "tokenizer.model", err);
        goto end;
    }
    if (st == SPN_OK)
        st = read_beside(&text, &n, folder, "vocab.json", err);
    if (st == SPN_OK)
        st = read_beside(&merges, &n_merges, folder, "merges.txt", err);
    if (st == SPN_OK && (text == NULL || merges == NULL))
        st = spn_fail(err, SPN_EFORMAT,
                      "%s: there is no tokenizer: tokenizer.json is missing, and so are "
                      "tokenizer.model and vocab.json with merges.txt",
                      folder);
    if (st == SPN_OK) {
        root = vocab_root_of_merges(text, n, merges, n_merges, config, folder, err);
        st = root == NULL ? SPN_EFORMAT : vocab_from_root(out, root, config, "vocab.json", err);
    }
end:
    json_decref(root);
    spn_free(text);
    spn_free(merges);
    return st;
}

spn_status vocab_from_folder(struct spn_tokenizer **out, const char *folder, struct spn_err *err)
{
    char *config = NULL, *template = NULL;
    size_t n_config = 0, n_template = 0;
    struct spn_tokenizer *t = NULL;
    json_t *side = NULL;
    spn_status st = read_beside(&config, &n_config, folder, "tokenizer_config.json", err);

    if (st == SPN_OK && config != NULL &&
        (side = hf_parse(config, n_config, "tokenizer_config.json", err)) == NULL)
        st = SPN_EFORMAT;
    if (st == SPN_OK)
        st = read_tokenizer(&t, folder, side, err);
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
    json_decref(side);
    spn_free(config);
    spn_free(template);
    return st;
}
