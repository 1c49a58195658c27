/* spm.c - BPE over characters as SentencePiece does it: spaces are U+2581, what no piece spells
 * goes byte by byte. */
#include "config.h"

#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "text/unicode.h"
#include "text/vocab.h"

static const char space_mark[3] = { '\xe2', '\x96', '\x81' };

static bool merge_by_score(const struct spn_tokenizer *t, const char *text, const struct symbol *a,
                           const struct symbol *b, uint32_t *rank, int32_t *id)
{
    *id = vocab_find(t, text + a->begin, (size_t)a->length + b->length);
    if (*id < 0)
        return false;
    *rank = t->piece[*id].rank;
    return true;
}

static bool wants_prefix(const struct spn_tokenizer *t, const char *text, size_t n, bool first)
{
    switch (t->prefix) {
    case VOCAB_PREFIX_NONE:
        return false;
    case VOCAB_PREFIX_EACH:
        return true;
    case VOCAB_PREFIX_FIRST:
        return first && text[0] != ' ' && (n < 3 || memcmp(text, space_mark, 3) != 0);
    case VOCAB_PREFIX_MISSING:
        return text[0] != ' ' && (n < 3 || memcmp(text, space_mark, 3) != 0);
    }
    return false;
}

/* TEXT with its spaces marked, in *OUT (free with spn_free). */
static spn_status mark_spaces(const struct spn_tokenizer *t, const char *text, size_t n, bool first,
                              char **out, size_t *length, struct spn_err *err)
{
    bool prefix = wants_prefix(t, text, n, first);
    size_t spaces = prefix, room, w = 0;
    char *s;

    for (size_t i = 0; i < n; i++)
        spaces += text[i] == ' ';
    if (!spn_mul_size(spaces, 2, &room) || !spn_add_size(room, n + 1, &room) || room > INT32_MAX)
        return spn_fail(err, SPN_EUSAGE,
                        "tokenize: %zu bytes with %zu spaces are too long for one text", n, spaces);
    s = spn_calloc(room, 1);
    if (s == NULL)
        return spn_fail(err, SPN_ENOMEM, "tokenize: out of memory for %zu bytes of text", n);
    if (prefix) {
        memcpy(s, space_mark, 3);
        w = 3;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] == ' ') {
            memcpy(s + w, space_mark, 3);
            w += 3;
        } else {
            s[w++] = text[i];
        }
    }
    *out = s;
    *length = w;
    return SPN_OK;
}

/* HF's Metaspace cuts words apart before any merging: a word begins with the mark. */
static bool merge_within_word(const struct spn_tokenizer *t, const char *text,
                              const struct symbol *a, const struct symbol *b, uint32_t *rank,
                              int32_t *id)
{
    bool marked = b->length >= 3 && memcmp(text + b->begin, space_mark, 3) == 0;

    return !marked && merge_by_pair(t, text, a, b, rank, id);
}

/* A symbol that is no piece goes byte by byte, or is unknown when a byte has no piece either. */
static spn_status emit(const struct spn_tokenizer *t, const struct symbol *s, const char *text,
                       struct spn_ids *ids)
{
    spn_status st = SPN_OK;
    bool bytes = true;

    if (s->id >= 0)
        return spn_ids_add(ids, s->id);
    for (uint32_t i = 0; i < s->length; i++)
        bytes &= t->byte_id[(unsigned char)text[s->begin + i]] >= 0;
    if (!bytes)
        return t->unk < 0 ? SPN_OK : spn_ids_add(ids, t->unk);
    for (uint32_t i = 0; i < s->length && st == SPN_OK; i++)
        st = spn_ids_add(ids, t->byte_id[(unsigned char)text[s->begin + i]]);
    return st;
}

spn_status spm_encode(const struct spn_tokenizer *t, const char *text, size_t n, bool first,
                      struct merger *m, struct spn_ids *ids, struct spn_err *err)
{
    char *s = NULL;
    size_t length = 0;
    unsigned step = 1;
    merge_fn fn = t->split_words    ? merge_within_word
                  : t->ranked_pairs ? merge_by_pair
                                    : merge_by_score;
    spn_status st;

    if (n == 0)
        return SPN_OK;
    st = mark_spaces(t, text, n, first, &s, &length, err);
    m->n = 0;
    for (size_t i = 0; i < length && st == SPN_OK; i += step) {
        uni_decode((const unsigned char *)s + i, length - i, &step);
        st = merger_add(m, (uint32_t)i, step, vocab_find(t, s + i, step), err);
    }
    if (st == SPN_OK)
        st = merger_run(m, t, s, fn, err);
    for (size_t i = 0; i < m->n && st == SPN_OK; i = (size_t)m->sym[i].next)
        if (emit(t, &m->sym[i], s, ids) != SPN_OK)
            st = spn_fail(err, SPN_ENOMEM, "tokenize: out of memory for %zu bytes of text", n);
    spn_free(s);
    return st;
}
