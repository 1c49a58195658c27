/* vocab_files.c - tokenizers of older folders: vocab.json with merges.txt, and tokenizer.model, the
 * protocol buffer that SentencePiece writes. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/hf_shape.h"
#include "text/vocab.h"

/* ---- vocab.json and merges.txt ---- */

static spn_status read_merges(json_t *list, const char *text, size_t n, const char *place,
                              struct spn_err *err)
{
    const char *end = text + n;

    for (bool first = true; text < end; first = false) {
        const char *line = memchr(text, '\n', (size_t)(end - text));
        size_t length = (line == NULL ? (size_t)(end - text) : (size_t)(line - text));

        if (length > 0 && text[length - 1] == '\r')
            length--;
        if (length > 0 && !(first && length > 8 && memcmp(text, "#version", 8) == 0) &&
            json_array_append_new(list, json_stringn(text, length)) != 0)
            return spn_fail(err, SPN_EFORMAT, "%s: merges.txt: line %zu is not UTF-8", place,
                            json_array_size(list) + 1);
        text = line == NULL ? end : line + 1;
    }
    return SPN_OK;
}

static void add_special(json_t *added, const json_t *vocab, const char *text)
{
    const json_t *id = text == NULL ? NULL : json_object_get(vocab, text);

    if (json_is_integer(id))
        json_array_append_new(added, json_pack("{s:I,s:s,s:b}", "id", json_integer_value(id),
                                               "content", text, "special", 1));
}

/* What tokenizer_config.json says of tokens; it is all there is. */
static json_t *added_tokens(const json_t *vocab, const json_t *config)
{
    static const char *const keys[] = { "bos_token", "eos_token", "unk_token", "pad_token" };
    const json_t *decoder = json_object_get(config, "added_tokens_decoder");
    json_t *added = json_array(), *value;
    const char *key;

    add_special(added, vocab, "<|endoftext|>");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *v = json_object_get(config, keys[i]);

        add_special(added, vocab,
                    json_string_value(json_is_object(v) ? json_object_get(v, "content") : v));
    }
    json_object_foreach ((json_t *)decoder, key, value) {
        json_t *copy = json_copy(value);

        json_object_set_new(copy, "id", json_integer(strtoll(key, NULL, 10)));
        json_array_append_new(added, copy);
    }
    return added;
}

json_t *vocab_root_of_merges(const char *vocab, size_t n_vocab, const char *merges,
                             size_t n_merges, const json_t *config, const char *place,
                             struct spn_err *err)
{
    const char *class = json_string_value(json_object_get(config, "tokenizer_class"));
    bool qwen = class != NULL && strncmp(class, "Qwen2", 5) == 0;
    json_t *words = hf_parse(vocab, n_vocab, "vocab.json", err), *list = json_array(), *root = NULL;

    if (words != NULL && read_merges(list, merges, n_merges, place, err) == SPN_OK) {
        root = json_pack("{s:{s:s,s:O,s:O},s:o}", "model", "type", "BPE", "vocab", words, "merges",
                         list, "added_tokens", added_tokens(words, config));
        if (qwen)
            json_object_set_new(
                root, "pre_tokenizer",
                json_pack("{s:s,s:[{s:s,s:{s:s},s:s,s:b},{s:s,s:b,s:b}]}", "type", "Sequence",
                          "pretokenizers", "type", "Split", "pattern", "Regex", pre_regex_qwen2(),
                          "behavior", "Isolated", "invert", 0, "type", "ByteLevel",
                          "add_prefix_space", 0, "use_regex", 0));
        else
            json_object_set_new(root, "pre_tokenizer",
                                json_pack("{s:s,s:b}", "type", "ByteLevel", "add_prefix_space", 0));
    }
    json_decref(words);
    json_decref(list);
    return root;
}

/* ---- tokenizer.model ---- */

struct wire { /* a message of a protocol buffer, or a part of one */
    const unsigned char *at, *end;
};
struct field {
    uint64_t number, value; /* VALUE: of numbers */
    struct wire bytes;      /* of texts and messages */
    int kind;
};

static bool take_varint(struct wire *w, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && w->at < w->end; shift += 7) {
        unsigned char b = *w->at++;

        *out |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0)
            return true;
    }
    return false;
}

/* The next field; false at the end and where the message is broken (*FINE). */
static bool take_field(struct wire *w, struct field *f, bool *fine)
{
    uint64_t key, n = 0;

    if (w->at >= w->end)
        return false;
    *fine = false;
    if (!take_varint(w, &key))
        return false;
    f->number = key >> 3;
    f->kind = (int)(key & 7);
    f->value = 0;
    f->bytes = (struct wire){ NULL, NULL };
    if (f->kind == 0) {
        *fine = take_varint(w, &f->value);
        return *fine;
    }
    n = f->kind == 5 ? 4 : 8;
    if ((f->kind == 2 && !take_varint(w, &n)) || (f->kind != 1 && f->kind != 2 && f->kind != 5) ||
        n > (uint64_t)(w->end - w->at))
        return false;
    if (f->kind == 2)
        f->bytes = (struct wire){ w->at, w->at + n };
    for (uint64_t i = 0; f->kind != 2 && i < n; i++)
        f->value |= (uint64_t)w->at[i] << (8 * i);
    w->at += n;
    *fine = true;
    return true;
}

static bool read_piece(struct spn_tokenizer *t, struct wire w, spn_status *st, struct spn_err *err)
{
    struct wire text = { (const unsigned char *)"", (const unsigned char *)"" };
    struct field f;
    float score = 0;
    uint64_t type = VOCAB_NORMAL;
    bool fine = true;

    while (take_field(&w, &f, &fine)) {
        uint32_t bits = (uint32_t)f.value;

        if (f.number == 1 && f.kind == 2)
            text = f.bytes;
        else if (f.number == 2 && f.kind == 5)
            memcpy(&score, &bits, sizeof score);
        else if (f.number == 3 && f.kind == 0)
            type = f.value;
    }
    if (fine)
        *st = vocab_add(t, (const char *)text.at, (size_t)(text.end - text.at), score,
                        type <= VOCAB_BYTE ? (int)type : 0, err);
    return fine;
}

struct spec {
    uint64_t model;          /* 1 unigram, 2 BPE */
    int64_t unk, bos, eos, pad;
    bool prefix, squeezes, maps;
};

static bool read_trainer(struct spec *s, struct wire w)
{
    struct field f;
    bool fine = true;

    while (take_field(&w, &f, &fine)) {
        if (f.kind != 0)
            continue;
        if (f.number == 3)
            s->model = f.value;
        else if (f.number == 40)
            s->unk = (int32_t)f.value;
        else if (f.number == 41)
            s->bos = (int32_t)f.value;
        else if (f.number == 42)
            s->eos = (int32_t)f.value;
        else if (f.number == 43)
            s->pad = (int32_t)f.value;
    }
    return fine;
}

static bool read_normalizer(struct spec *s, struct wire w)
{
    struct field f;
    bool fine = true;

    while (take_field(&w, &f, &fine)) {
        if (f.number == 2 && f.kind == 2)
            s->maps = f.bytes.end > f.bytes.at;
        else if (f.number == 3 && f.kind == 0)
            s->prefix = f.value != 0;
        else if (f.number == 4 && f.kind == 0)
            s->squeezes = f.value != 0;
    }
    return fine;
}

static spn_status read_model(struct spn_tokenizer *t, struct spec *s, struct wire w,
                             const char *place, struct spn_err *err)
{
    size_t size = (size_t)(w.end - w.at);
    const unsigned char *begin = w.at;
    struct field f;
    bool fine = true, part = true;
    spn_status st = SPN_OK;

    while (st == SPN_OK && part && take_field(&w, &f, &fine)) {
        if (f.kind == 2 && f.number == 1)
            part = read_piece(t, f.bytes, &st, err);
        else if (f.kind == 2 && f.number == 2)
            part = read_trainer(s, f.bytes);
        else if (f.kind == 2 && f.number == 3)
            part = read_normalizer(s, f.bytes);
    }
    if (st == SPN_OK && (!fine || !part))
        st = spn_fail(err, SPN_EFORMAT, "%s: broken before byte %zu of %zu", place,
                      (size_t)(w.at - begin), size);
    if (st == SPN_OK && s->model != 2)
        st = spn_fail(err, SPN_EFORMAT,
                      "%s: a SentencePiece model of type %llu, only BPE (2) is known", place,
                      (unsigned long long)s->model);
    if (st == SPN_OK && (s->maps || s->squeezes))
        st = spn_fail(err, SPN_EFORMAT,
                      "%s: a SentencePiece model that rewrites its text is not known", place);
    return st;
}

spn_status vocab_from_model(struct spn_tokenizer **out, const char *bytes, size_t n,
                            const json_t *config, const char *place, struct spn_err *err)
{
    struct wire w = { (const unsigned char *)bytes, (const unsigned char *)bytes + n };
    struct spec s = { .model = 1, .unk = 0, .bos = 1, .eos = 2, .pad = -1, .prefix = true,
                      .squeezes = true };
    struct spn_tokenizer *t = vocab_new(VOCAB_SPM);
    spn_status st = t == NULL ? spn_fail(err, SPN_ENOMEM, "%s: out of memory", place)
                              : read_model(t, &s, w, place, err);

    if (st == SPN_OK)
        st = vocab_index(t, err);
    if (st == SPN_OK) {
        t->prefix = s.prefix ? VOCAB_PREFIX_EACH : VOCAB_PREFIX_NONE;
        t->unk = vocab_checked_id(t, s.unk, "unk_id");
        t->bos = vocab_checked_id(t, s.bos, "bos_id");
        t->eos = vocab_checked_id(t, s.eos, "eos_id");
        t->pad = vocab_checked_id(t, s.pad, "pad_id");
        t->add_bos = t->bos >= 0;
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
