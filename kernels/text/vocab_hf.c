/* vocab_hf.c - a tokenizer from the text of a tokenizer.json and of its tokenizer_config.json. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "text/hf_shape.h"
#include "text/vocab.h"

struct entry {
    const char *text;
    size_t length;
    uint8_t type, flags;
}; /* text lent by the JSON */

/* A token is written as a string or as an object with its content. */
static const char *token_text(const json_t *v)
{
    return json_is_object(v) ? json_string_value(json_object_get(v, "content"))
                             : json_string_value(v);
}

static int32_t find_token(const struct spn_tokenizer *t, const json_t *v)
{
    const char *text = token_text(v);

    return text == NULL ? -1 : spn_token_find(t, text);
}

/* ---- pieces ---- */

static spn_status count_ids(const json_t *vocab, const json_t *added, size_t *count,
                            const char *place, struct spn_err *err)
{
    json_int_t highest = -1;
    size_t entries = json_object_size(vocab) + json_array_size(added), i;
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)vocab, key, value) {
        json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;

        if (id < 0)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: the id of token \"%.60s\" is not a number from 0 on", place, key);
        highest = id > highest ? id : highest;
    }
    json_array_foreach (added, i, value) {
        const json_t *v = json_object_get(value, "id");
        json_int_t id = json_is_integer(v) ? json_integer_value(v) : -1;

        if (id < 0 || token_text(value) == NULL)
            return spn_fail(err, SPN_EFORMAT, "%s: added token %zu has no id or no content", place,
                            i);
        highest = id > highest ? id : highest;
    }
    /* Some files leave gaps, but an id far beyond the tokens there are is not one of them. */
    if (entries == 0 || highest < 0)
        return spn_fail(err, SPN_EFORMAT, "%s: the vocabulary holds 0 tokens", place);
    if ((json_int_t)(entries * 2 + 1024) <= highest)
        return spn_fail(err, SPN_EFORMAT, "%s: token id %lld in a vocabulary of %zu tokens", place,
                        (long long)highest, entries);
    *count = (size_t)highest + 1;
    return SPN_OK;
}

static void fill_entries(struct entry *e, const json_t *vocab, const json_t *added, const char *unk,
                         bool bytes)
{
    const char *key;
    json_t *value;
    size_t i, length;

    json_object_keylen_foreach ((json_t *)vocab, key, length, value) {
        struct entry *at = &e[json_integer_value(value)];
        bool is_unk = unk != NULL && strlen(unk) == length && memcmp(unk, key, length) == 0;

        *at = (struct entry){ key, length, VOCAB_NORMAL, 0 };
        if (is_unk)
            at->type = VOCAB_UNKNOWN;
        else if (bytes && vocab_byte_of(key, length) >= 0)
            at->type = VOCAB_BYTE;
    }
    json_array_foreach (added, i, value) {
        struct entry *at = &e[json_integer_value(json_object_get(value, "id"))];
        const json_t *content = json_object_get(value, "content");

        at->text = json_string_value(content);
        at->length = json_string_length(content);
        if (at->type != VOCAB_UNKNOWN)
            at->type = json_is_true(json_object_get(value, "special")) ? VOCAB_CONTROL : VOCAB_USER;
        if (json_is_true(json_object_get(value, "lstrip")))
            at->flags |= VOCAB_STRIP_LEFT;
        if (json_is_true(json_object_get(value, "rstrip")))
            at->flags |= VOCAB_STRIP_RIGHT;
    }
}

static spn_status read_pieces(struct spn_tokenizer *t, const json_t *root, const char *place,
                              struct spn_err *err)
{
    const json_t *model = json_object_get(root, "model"), *vocab = json_object_get(model, "vocab");
    const json_t *added = json_object_get(root, "added_tokens");
    bool bytes = t->kind == VOCAB_SPM && json_is_true(json_object_get(model, "byte_fallback"));
    struct entry *e;
    size_t n = 0;
    spn_status st;

    if (!json_is_object(vocab))
        return spn_fail(err, SPN_EFORMAT, "%s: model.vocab is not an object", place);
    st = count_ids(vocab, added, &n, place, err);
    if (st != SPN_OK)
        return st;
    e = spn_calloc(n, sizeof *e);
    if (e == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: out of memory for %zu tokens", place, n);
    fill_entries(e, vocab, added, json_string_value(json_object_get(model, "unk_token")), bytes);
    for (size_t i = 0; i < n && st == SPN_OK; i++) {
        if (e[i].text == NULL)
            st = vocab_add(t, "", 0, 0, VOCAB_UNUSED, err);
        else
            st = vocab_add(t, e[i].text, e[i].length, 0, e[i].type, err);
        if (st == SPN_OK)
            t->piece[i].flags = e[i].flags;
    }
    spn_free(e);
    if (st == SPN_OK)
        st = vocab_index(t, err);
    if (t->kind == VOCAB_SPM && !bytes)
        for (int b = 0; b < 256; b++)
            t->byte_id[b] = -1;
    return st;
}

/* ---- merges ---- */

/* "left right" or ["left", "right"]. */
static spn_status read_merge(struct spn_tokenizer *t, const json_t *item, size_t i,
                             const char *place, struct spn_err *err)
{
    const char *text = json_string_value(item), *gap;
    size_t length = json_string_length(item);

    if (json_array_size(item) == 2) {
        const json_t *left = json_array_get(item, 0), *right = json_array_get(item, 1);

        if (json_is_string(left) && json_is_string(right))
            return vocab_add_merge(t, json_string_value(left), json_string_length(left),
                                   json_string_value(right), json_string_length(right), err);
    }
    gap = text == NULL || length < 2 ? NULL : memchr(text + 1, ' ', length - 1);
    if (gap == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: merge %zu is not a pair of tokens", place, i);
    return vocab_add_merge(t, text, (size_t)(gap - text), gap + 1,
                           length - (size_t)(gap - text) - 1, err);
}

static spn_status read_merges(struct spn_tokenizer *t, const json_t *root, const char *place,
                              struct spn_err *err)
{
    const json_t *merges = json_object_get(json_object_get(root, "model"), "merges"), *item;
    spn_status st = SPN_OK;
    size_t i;

    if (!json_is_array(merges))
        return spn_fail(err, SPN_EFORMAT, "%s: model.merges is not an array", place);
    json_array_foreach (merges, i, item) {
        if (st == SPN_OK)
            st = read_merge(t, item, i, place, err);
    }
    if (t->kind != VOCAB_SPM)
        return st;
    /* Scores are what a GGUF of this vocabulary holds: the earlier its merge, the higher. */
    for (int32_t id = 0; id < t->n; id++)
        t->piece[id].score = -1e9f;
    for (size_t k = t->n_merge; k-- > 0;)
        t->piece[t->merge[k].joined].score = -(float)k;
    return st;
}

/* ---- ends ---- */

/* The template of the post-processor says which special tokens stand around a text. */
static void read_template(struct spn_tokenizer *t, const json_t *node, int depth)
{
    const json_t *list = json_object_get(node, "processors"),
                 *single = json_object_get(node, "single"), *item;
    const json_t *cls = json_object_get(node, "cls"), *sep = json_object_get(node, "sep");
    size_t n = json_array_size(single), i;

    if (json_array_size(cls) == 2 && json_array_size(sep) == 2) { /* BertProcessing: [text, id] */
        t->bos = find_token(t, json_array_get(cls, 0));
        t->eos = find_token(t, json_array_get(sep, 0));
        t->add_bos = t->bos >= 0;
        t->add_eos = t->eos >= 0;
    }
    if (depth < 4)
        json_array_foreach (list, i, item)
            read_template(t, item, depth + 1);
    if (n == 0)
        return;
    item = json_object_get(json_object_get(json_array_get(single, 0), "SpecialToken"), "id");
    if (item != NULL) {
        t->bos = find_token(t, item);
        t->add_bos = t->bos >= 0;
    }
    item = json_object_get(json_object_get(json_array_get(single, n - 1), "SpecialToken"), "id");
    if (n > 1 && item != NULL) {
        t->eos = find_token(t, item);
        t->add_eos = t->eos >= 0;
    }
}

static const char *pick_chat_template(const json_t *v)
{
    const json_t *item;
    size_t i;

    if (json_is_string(v))
        return json_string_value(v);
    json_array_foreach (v, i, item) {
        const char *name = json_string_value(json_object_get(item, "name"));

        if (name != NULL && strcmp(name, "default") == 0)
            return json_string_value(json_object_get(item, "template"));
    }
    return NULL;
}

/* CONFIG may be NULL: the file is not there. */
spn_status vocab_read_config(struct spn_tokenizer *t, const json_t *config, struct spn_err *err)
{
    const json_t *v;

    if ((v = json_object_get(config, "bos_token")) != NULL)
        t->bos = find_token(t, v);
    if ((v = json_object_get(config, "eos_token")) != NULL)
        t->eos = find_token(t, v);
    if ((v = json_object_get(config, "pad_token")) != NULL)
        t->pad = find_token(t, v);
    if (json_is_boolean(v = json_object_get(config, "add_bos_token")))
        t->add_bos = json_is_true(v);
    if (json_is_boolean(v = json_object_get(config, "add_eos_token")))
        t->add_eos = json_is_true(v);
    return vocab_set_chat_template(t, pick_chat_template(json_object_get(config, "chat_template")),
                                   err);
}

spn_status vocab_from_root(struct spn_tokenizer **out, const json_t *root, const json_t *config,
                           const char *place, struct spn_err *err)
{
    const json_t *model = json_object_get(root, "model");
    bool whole = json_is_true(json_object_get(model, "ignore_merges"));
    struct hf_shape shape;
    struct spn_tokenizer *t;
    spn_status st = hf_shape_read(&shape, root, place, err);

    if (st != SPN_OK)
        return st;
    t = vocab_new(shape.kind);
    if (t == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: out of memory", place);
    t->prefix = shape.prefix;
    t->split_words = shape.split_words;
    t->ranked_pairs = t->kind == VOCAB_SPM;
    t->whole_pieces = whole;
    if (t->kind == VOCAB_BPE)
        st = pre_open_regexes(&t->pre, shape.regex, shape.n_regex, whole, place, err);
    if (st == SPN_OK)
        st = read_pieces(t, root, place, err);
    t->wp.clean = shape.clean;
    t->wp.ideographs = shape.ideographs;
    t->wp.lower = shape.lower;
    t->wp.strip = shape.strip;
    if (st == SPN_OK && t->kind != VOCAB_WORDPIECE)
        st = read_merges(t, root, place, err);
    if (st == SPN_OK) {
        t->unk = find_token(t, json_object_get(model, "unk_token"));
        read_template(t, json_object_get(root, "post_processor"), 0);
        st = vocab_read_config(t, config, err);
    }
    if (st == SPN_OK)
        st = vocab_finish(t, err);
    if (st == SPN_OK)
        *out = t;
    else
        spn_tokenizer_free(t);
    return st;
}

spn_status spn_tokenizer_open_json(struct spn_tokenizer **out, const char *json, size_t length,
                                   const char *config, size_t config_length, struct spn_err *err)
{
    json_t *root = hf_parse(json, length, "tokenizer.json", err), *side = NULL;
    spn_status st = root == NULL ? SPN_EFORMAT : SPN_OK;

    if (st == SPN_OK && config != NULL &&
        (side = hf_parse(config, config_length, "tokenizer_config.json", err)) == NULL)
        st = SPN_EFORMAT;
    if (st == SPN_OK)
        st = vocab_from_root(out, root, side, "tokenizer.json", err);
    json_decref(root);
    json_decref(side);
    return st;
}
