/* bpe.c - byte-level BPE: pieces of the pre-tokenizer, merged by rank from single bytes. */
#include "config.h"

#include <string.h>

#include "text/unicode.h"
#include "text/vocab.h"

/* The id of a whole piece as the vocabulary spells it, -1: none. */
static int32_t find_piece(const struct spn_tokenizer *t, const unsigned char *s, size_t n)
{
    unsigned char text[VOCAB_PIECE_MAX + 4];
    size_t length = 0;

    for (size_t i = 0; i < n; i++) {
        if (length >= VOCAB_PIECE_MAX)
            return -1;
        length += uni_encode(vocab_char_of_byte(s[i]), text + length);
    }
    return vocab_find(t, (const char *)text, length);
}

static spn_status encode_piece(const struct spn_tokenizer *t, const char *text, size_t begin,
                               size_t end, struct merger *m, struct spn_ids *ids,
                               struct spn_err *err)
{
    spn_status st = SPN_OK;

    if (t->whole_pieces) {
        int32_t id = find_piece(t, (const unsigned char *)text + begin, end - begin);

        if (id >= 0)
            return spn_ids_add(ids, id);
    }
    m->n = 0;
    for (size_t i = begin; i < end && st == SPN_OK; i++)
        st = merger_add(m, (uint32_t)i, 1, t->byte_id[(unsigned char)text[i]], err);
    if (st == SPN_OK)
        st = merger_run(m, t, text, merge_by_pair, err);
    for (size_t i = 0; i < m->n && st == SPN_OK; i = (size_t)m->sym[i].next)
        if (m->sym[i].id >= 0)
            st = spn_ids_add(ids, m->sym[i].id);
    return st;
}

spn_status bpe_encode(const struct spn_tokenizer *t, const char *text, size_t n, struct merger *m,
                      struct spn_ids *ids, struct spn_err *err)
{
    struct pre_cuts cuts = { NULL, 0, 0 };
    size_t begin = 0;
    spn_status st = pre_split(&t->pre, text, n, &cuts, err);

    for (size_t k = 0; k < cuts.n && st == SPN_OK; k++) {
        st = encode_piece(t, text, begin, cuts.end[k], m, ids, err);
        begin = cuts.end[k];
    }
    pre_cuts_free(&cuts);
    return st == SPN_ENOMEM ? spn_fail(err, st, "tokenize: out of memory for %zu bytes of text", n)
                            : st;
}
