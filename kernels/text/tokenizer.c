/* tokenizer.c - the public face: text to ids, and what a tokenizer says about itself. */
#include "config.h"

#include "text/tokenizer.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "text/vocab.h"

spn_status spn_tokenizer_open(struct spn_tokenizer **out, const struct spn_reader *r,
                              struct spn_err *err)
{
    const char *path = spn_reader_path(r);

    if (path != NULL && spn_path_is_dir(path))
        return vocab_from_folder(out, path, err);
    return vocab_from_gguf(out, r, err);
}

void spn_ids_free(struct spn_ids *ids)
{
    spn_free(ids->id);
    *ids = (struct spn_ids){ NULL, 0, 0 };
}

spn_status spn_ids_add(struct spn_ids *ids, int32_t id)
{
    if (ids->n == ids->room) {
        size_t room = ids->room < 64 ? 64 : ids->room * 2;
        int32_t *grown = spn_realloc(ids->id, room, sizeof *grown);

        if (grown == NULL)
            return SPN_ENOMEM;
        ids->id = grown;
        ids->room = room;
    }
    ids->id[ids->n++] = id;
    return SPN_OK;
}

spn_status vocab_encode(const struct spn_tokenizer *t, const char *text,
                        const struct vocab_spans *spans, struct spn_ids *ids, struct spn_err *err)
{
    struct merger m = { NULL, 0, 0, NULL, 0, 0 };
    spn_status st = SPN_OK;

    for (size_t i = 0; i < spans->n && st == SPN_OK; i++) {
        const struct vocab_span *s = &spans->at[i];

        if (s->length > INT32_MAX)
            st = spn_fail(err, SPN_EUSAGE,
                          "tokenize: %zu bytes in one text, at most %d are possible", s->length,
                          INT32_MAX);
        else if (s->id >= 0)
            st = spn_ids_add(ids, s->id);
        else if (t->kind == VOCAB_BPE)
            st = bpe_encode(t, text + s->begin, s->length, &m, ids, err);
        else if (t->kind == VOCAB_WORDPIECE)
            st = wordpiece_encode(t, text + s->begin, s->length, ids, err);
        else
            st = spm_encode(t, text + s->begin, s->length, i == 0, &m, ids, err);
    }
    merger_free(&m);
    return st == SPN_ENOMEM ? spn_fail(err, st, "tokenize: out of memory") : st;
}

/* IDS stays as it was when anything fails. */
spn_status spn_tokenize(const struct spn_tokenizer *t, const char *text, size_t n, int flags,
                        struct spn_ids *ids, struct spn_err *err)
{
    struct vocab_spans spans = { NULL, 0, 0 };
    size_t before = ids->n;
    spn_status st = vocab_split(t, text, 0, n, (flags & SPN_TOK_SPECIAL) != 0, &spans, err);

    if (st == SPN_OK && (flags & SPN_TOK_BOS) && t->add_bos && t->bos >= 0)
        st = spn_ids_add(ids, t->bos);
    if (st == SPN_OK)
        st = vocab_encode(t, text, &spans, ids, err);
    if (st == SPN_OK && (flags & SPN_TOK_BOS) && t->add_eos && t->eos >= 0)
        st = spn_ids_add(ids, t->eos);
    spn_free(spans.at);
    if (st != SPN_OK)
        ids->n = before;
    return st == SPN_ENOMEM ? spn_fail(err, st, "tokenize: out of memory for %zu bytes of text", n)
                            : st;
}

int32_t spn_token_count(const struct spn_tokenizer *t)
{
    return t->n;
}

const char *spn_token_text(const struct spn_tokenizer *t, int32_t id, size_t *length)
{
    if (id < 0 || id >= t->n)
        return NULL;
    if (length != NULL)
        *length = t->piece[id].length;
    return t->bytes + t->piece[id].offset;
}

int32_t spn_token_find(const struct spn_tokenizer *t, const char *text)
{
    return vocab_find(t, text, strlen(text));
}

bool spn_token_is_control(const struct spn_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->n &&
           (t->piece[id].type == VOCAB_CONTROL || t->piece[id].type == VOCAB_UNKNOWN);
}

bool spn_token_ends(const struct spn_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->n && (t->piece[id].flags & VOCAB_ENDS) != 0;
}

int32_t spn_token_bos(const struct spn_tokenizer *t)
{
    return t->bos;
}

int32_t spn_token_eos(const struct spn_tokenizer *t)
{
    return t->eos;
}

bool spn_tokenizer_adds_bos(const struct spn_tokenizer *t)
{
    return t->add_bos && t->bos >= 0;
}

const char *spn_tokenizer_kind(const struct spn_tokenizer *t)
{
    return t->name;
}

const char *spn_tokenizer_chat_template(const struct spn_tokenizer *t)
{
    return t->chat_template;
}
