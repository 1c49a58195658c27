/* detok.c - ids to bytes, at once or as a stream of whole characters. */
#include "config.h"

#include <string.h>

#include "text/unicode.h"
#include "text/vocab.h"

/* Characters of a byte-level piece back to bytes; what is no such character stays as it is. */
static spn_status add_byte_level(const unsigned char *s, size_t n, struct spn_buf *out)
{
    unsigned char bytes[64];
    size_t w = 0;

    for (size_t i = 0; i < n;) {
        unsigned length;
        int b = vocab_byte_of_char(uni_decode(s + i, n - i, &length));

        if (w + 4 > sizeof bytes) {
            if (spn_buf_add(out, bytes, w) != SPN_OK)
                return SPN_ENOMEM;
            w = 0;
        }
        if (b >= 0) {
            bytes[w++] = (unsigned char)b;
        } else {
            memcpy(bytes + w, s + i, length);
            w += length;
        }
        i += length;
    }
    return spn_buf_add(out, bytes, w);
}

static spn_status add_spaced(const char *s, size_t n, bool drop_space, struct spn_buf *out)
{
    for (size_t i = 0; i < n;) {
        const char *mark = memmem(s + i, n - i, "\xe2\x96\x81", 3);
        size_t plain = mark == NULL ? n - i : (size_t)(mark - s) - i;

        if (plain > 0 && spn_buf_add(out, s + i, plain) != SPN_OK)
            return SPN_ENOMEM;
        if (mark != NULL && !(drop_space && i + plain == 0) && spn_buf_add(out, " ", 1) != SPN_OK)
            return SPN_ENOMEM;
        i += mark == NULL ? plain : plain + 3;
    }
    return SPN_OK;
}

/* Bytes of one id. *FIRST: nothing was printed yet, so SPM drops the space that it put there
 * itself. */
static spn_status add_piece(const struct spn_tokenizer *t, int32_t id, bool special, bool *first,
                            struct spn_buf *out)
{
    const struct vocab_piece *p;
    const char *text;
    bool drop = *first && t->kind == VOCAB_SPM && t->prefix != VOCAB_PREFIX_NONE;

    if (id < 0 || id >= t->n)
        return SPN_EFORMAT;
    p = &t->piece[id];
    text = t->bytes + p->offset;
    if (p->type == VOCAB_CONTROL || p->type == VOCAB_UNKNOWN) {
        if (!special)
            return SPN_OK;
        return spn_buf_add(out, text, p->length);
    }
    if (t->kind == VOCAB_WORDPIECE) { /* a word's first piece stands behind a space */
        bool inside = p->length > 2 && memcmp(text, "##", 2) == 0;
        spn_status st = inside || *first ? SPN_OK : spn_buf_add(out, " ", 1);

        *first = false;
        if (st != SPN_OK)
            return st;
        return inside ? spn_buf_add(out, text + 2, p->length - 2)
                      : spn_buf_add(out, text, p->length);
    }
    *first = false;
    if (p->type == VOCAB_BYTE) {
        char byte = (char)vocab_byte_of(text, p->length);

        return spn_buf_add(out, &byte, 1);
    }
    if (t->kind == VOCAB_SPM)
        return add_spaced(text, p->length, drop, out);
    if (p->type == VOCAB_USER)
        return spn_buf_add(out, text, p->length);
    return add_byte_level((const unsigned char *)text, p->length, out);
}

spn_status spn_detokenize(const struct spn_tokenizer *t, const int32_t *id, size_t n, bool special,
                          struct spn_buf *out, struct spn_err *err)
{
    bool first = true;

    for (size_t i = 0; i < n; i++) {
        spn_status st = add_piece(t, id[i], special, &first, out);

        if (st == SPN_EFORMAT)
            return spn_fail(err, st, "detokenize: id %d at place %zu is outside 0..%d", (int)id[i],
                            i, (int)t->n - 1);
        if (st != SPN_OK)
            return spn_fail(err, st, "detokenize: no room for the text of id %d at place %zu",
                            (int)id[i], i);
    }
    return SPN_OK;
}

void spn_detok_init(struct spn_detok *d, const struct spn_tokenizer *t, bool special)
{
    memset(d, 0, sizeof *d);
    d->t = t;
    d->special = special;
    d->first = true;
}

/* How many of the last bytes of S[N] begin a character that is not complete yet. */
static size_t unfinished(const char *s, size_t n)
{
    for (size_t back = n < 3 ? n : 3; back > 0; back--)
        if (uni_is_prefix((const unsigned char *)s + n - back, back))
            return back;
    return 0;
}

spn_status spn_detok_add(struct spn_detok *d, int32_t id, struct spn_buf *out)
{
    size_t before = out->length, tail;
    bool first = d->first;
    spn_status st = SPN_OK;

    if (d->n_held > 0)
        st = spn_buf_add(out, d->held, (size_t)d->n_held);
    if (st == SPN_OK)
        st = add_piece(d->t, id, d->special, &first, out);
    if (st != SPN_OK) {
        spn_buf_trim(out, before);
        return st;
    }
    d->first = first;
    if (out->length == before)
        return SPN_OK;
    tail = unfinished(out->data + before, out->length - before);
    memcpy(d->held, out->data + out->length - tail, tail);
    d->n_held = (int)tail;
    spn_buf_trim(out, out->length - tail);
    return SPN_OK;
}

spn_status spn_detok_end(struct spn_detok *d, struct spn_buf *out)
{
    spn_status st = spn_buf_add(out, d->held, (size_t)d->n_held);

    if (st == SPN_OK)
        d->n_held = 0;
    return st;
}
