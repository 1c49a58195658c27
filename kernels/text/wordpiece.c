/* wordpiece.c - WordPiece: text made plain, cut into words, each word into the longest pieces. */
#include "config.h"

#include <string.h>
#include <utf8proc.h>

#include "base/buf.h"
#include "text/bert_table.h"
#include "text/unicode.h"
#include "text/vocab.h"

enum { WORD_CHARS_MAX = 100, DECOMPOSED_MAX = 32 };

/* The range that holds C, NULL: none. */
static const struct bert_range *find_range(const struct bert_range *r, size_t n, int32_t c)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if ((uint32_t)c > r[mid].hi)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && (uint32_t)c >= r[lo].lo ? &r[lo] : NULL;
}

static int class_of(int32_t c)
{
    const struct bert_range *r =
        find_range(bert_classes, sizeof bert_classes / sizeof bert_classes[0], c);

    return r == NULL ? BERT_OTHER : r->value;
}

static bool is_ideograph(int32_t c)
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
           (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
           (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

static spn_status add_char(struct spn_buf *out, int32_t c)
{
    unsigned char s[4];

    return spn_buf_add(out, s, uni_encode((uint32_t)c, s));
}

static spn_status add_lower(const struct spn_tokenizer *t, struct spn_buf *out, int32_t c)
{
    const struct bert_range *r;
    spn_status st;

    if (!t->wp.lower)
        return add_char(out, c);
    if (c == 0x130) { /* the one letter whose lower case is two characters */
        st = add_char(out, 'i');
        return st == SPN_OK ? add_char(out, 0x307) : st;
    }
    r = find_range(bert_lower, sizeof bert_lower / sizeof bert_lower[0], c);
    return add_char(out, r == NULL ? c : c + r->value);
}

/* Accents go before the case does: marks are dropped, so their order does not matter. */
static spn_status add_plain(const struct spn_tokenizer *t, struct spn_buf *out, int32_t c)
{
    utf8proc_int32_t part[DECOMPOSED_MAX];
    utf8proc_ssize_t n;
    int last = 0;
    spn_status st = SPN_OK;

    if (!t->wp.strip)
        return add_lower(t, out, c);
    n = utf8proc_decompose_char(c, part, DECOMPOSED_MAX, UTF8PROC_DECOMPOSE, &last);
    if (n < 0 || n > DECOMPOSED_MAX)
        return add_lower(t, out, c);
    for (utf8proc_ssize_t i = 0; i < n && st == SPN_OK; i++)
        if (class_of(part[i]) != BERT_MARK)
            st = add_lower(t, out, part[i]);
    return st;
}

static spn_status make_plain(const struct spn_tokenizer *t, const char *text, size_t n,
                             struct spn_buf *out)
{
    spn_status st = SPN_OK;
    unsigned step;

    for (size_t i = 0; i < n && st == SPN_OK; i += step) {
        int32_t c = uni_decode((const unsigned char *)text + i, n - i, &step);
        bool apart;

        if (c < 0)
            c = 0xfffd;
        if (t->wp.clean) {
            if (class_of(c) == BERT_DROP)
                continue;
            if (uni_class_of(c) == UNI_SPACE)
                c = ' ';
        }
        apart = t->wp.ideographs && is_ideograph(c);
        if (apart)
            st = spn_buf_add(out, " ", 1);
        if (st == SPN_OK)
            st = add_plain(t, out, c);
        if (st == SPN_OK && apart)
            st = spn_buf_add(out, " ", 1);
    }
    return st;
}

/* The longest piece first, again and again; a word with a part that is none is unknown whole. */
static spn_status add_word(const struct spn_tokenizer *t, const char *s, size_t n, size_t chars,
                           struct spn_ids *ids)
{
    char key[VOCAB_PIECE_MAX + 2] = "##";
    size_t before = ids->n, at = 0;
    spn_status st = SPN_OK;

    while (at < n && st == SPN_OK && chars <= WORD_CHARS_MAX) {
        size_t end = n;
        int32_t id = -1;

        while (end > at) {
            memcpy(key + 2, s + at, end - at);
            id = at > 0 ? vocab_find(t, key, end - at + 2) : vocab_find(t, s, end);
            if (id >= 0)
                break;
            do
                end--;
            while (end > at && ((unsigned char)s[end] & 0xc0) == 0x80);
        }
        if (id < 0)
            break;
        st = spn_ids_add(ids, id);
        at = end;
    }
    if (st != SPN_OK || at == n)
        return st;
    ids->n = before;
    return t->unk < 0 ? SPN_OK : spn_ids_add(ids, t->unk);
}

spn_status wordpiece_encode(const struct spn_tokenizer *t, const char *text, size_t n,
                            struct spn_ids *ids, struct spn_err *err)
{
    struct spn_buf plain = SPN_BUF_INIT((size_t)INT32_MAX);
    size_t begin = 0, chars = 0;
    unsigned step;
    spn_status st = make_plain(t, text, n, &plain);

    for (size_t i = 0; i < plain.length && st == SPN_OK; i += step) {
        int32_t c = uni_decode((const unsigned char *)plain.data + i, plain.length - i, &step);
        bool space = uni_class_of(c) == UNI_SPACE, mark = !space && class_of(c) == BERT_PUNCT;

        if (!space && !mark) {
            chars++;
            continue;
        }
        if (i > begin)
            st = add_word(t, plain.data + begin, i - begin, chars, ids);
        if (st == SPN_OK && mark)
            st = add_word(t, plain.data + i, step, 1, ids);
        begin = i + step;
        chars = 0;
    }
    if (st == SPN_OK && plain.length > begin)
        st = add_word(t, plain.data + begin, plain.length - begin, chars, ids);
    spn_buf_free(&plain);
    return st == SPN_OK ? st
                        : spn_fail(err, st, "tokenize: out of memory for %zu bytes of text", n);
}
