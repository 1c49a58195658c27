/* special.c - cutting text at special tokens.
 *
 * The rule is that the longest token is searched first in the whole text, then the next in what is
 * left. Most texts hold none, so one walk marks the tokens that occur at all (special[] is sorted,
 * a prefix is a range of it) and only those are searched in order.
 */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "text/vocab.h"

static const struct vocab_piece *piece_of(const struct spn_tokenizer *t, uint32_t k)
{
    return &t->piece[t->special[k]];
}

static unsigned char byte_at(const struct spn_tokenizer *t, uint32_t k, size_t depth)
{
    return (unsigned char)
        t->bytes[piece_of(t, k)->offset + depth]; /* the NUL behind a shorter piece sorts first */
}

/* First of special[LO..HI) whose byte at DEPTH is at least B; all share what comes before. */
static uint32_t lower(const struct spn_tokenizer *t, uint32_t lo, uint32_t hi, size_t depth,
                      unsigned b)
{
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (byte_at(t, mid, depth) < b)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Mark what begins at S; true when something new was marked. */
static bool mark_at(const struct spn_tokenizer *t, const unsigned char *s, size_t n, bool all,
                    unsigned char *seen)
{
    uint32_t lo = t->first[s[0]], hi = t->first[s[0] + 1];
    bool fresh = false;

    for (size_t depth = 1; lo < hi; depth++) {
        while (lo < hi && piece_of(t, lo)->length == depth) {
            if (!seen[lo] && (all || piece_of(t, lo)->type == VOCAB_USER))
                seen[lo] = fresh = true;
            lo++;
        }
        if (depth >= n || lo >= hi)
            break;
        lo = lower(t, lo, hi, depth, s[depth]);
        hi = lower(t, lo, hi, depth, s[depth] + 1u);
    }
    return fresh;
}

static spn_status add_span(struct vocab_spans *v, size_t begin, size_t length, int32_t id,
                           struct spn_err *err)
{
    if (length == 0)
        return SPN_OK;
    if (v->n == v->room) {
        size_t room = v->room < 16 ? 16 : v->room * 2;
        struct vocab_span *grown = spn_realloc(v->at, room, sizeof *grown);

        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "tokenize: out of memory for %zu special tokens",
                            room);
        v->at = grown;
        v->room = room;
    }
    v->at[v->n++] = (struct vocab_span){ begin, length, id };
    return SPN_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static spn_status cut_span(const struct spn_tokenizer *t, const char *text, struct vocab_span span,
                           int32_t id, struct vocab_spans *out, struct spn_err *err)
{
    const struct vocab_piece *p = &t->piece[id];
    size_t at = span.begin, end = span.begin + span.length;
    spn_status st = SPN_OK;

    while (st == SPN_OK) {
        const char *hit = memmem(text + at, end - at, t->bytes + p->offset, p->length);
        size_t begin, behind;

        if (hit == NULL)
            break;
        begin = (size_t)(hit - text);
        behind = begin + p->length;
        while ((p->flags & VOCAB_STRIP_LEFT) && begin > at && is_blank(text[begin - 1]))
            begin--;
        while ((p->flags & VOCAB_STRIP_RIGHT) && behind < end && is_blank(text[behind]))
            behind++;
        st = add_span(out, at, begin - at, -1, err);
        if (st == SPN_OK)
            st = add_span(out, begin, behind - begin, id, err);
        at = behind;
    }
    return st == SPN_OK ? add_span(out, at, end - at, -1, err) : st;
}

static spn_status cut_all(const struct spn_tokenizer *t, const char *text, int32_t id,
                          struct vocab_spans *spans, struct vocab_spans *spare, struct spn_err *err)
{
    struct vocab_spans swap;
    spn_status st = SPN_OK;

    spare->n = 0;
    for (size_t i = 0; i < spans->n && st == SPN_OK; i++) {
        if (spans->at[i].id >= 0)
            st = add_span(spare, spans->at[i].begin, spans->at[i].length, spans->at[i].id, err);
        else
            st = cut_span(t, text, spans->at[i], id, spare, err);
    }
    swap = *spans;
    *spans = *spare;
    *spare = swap;
    return st;
}

/* Text on both sides of where two calls meet is one text to the merges. */
static spn_status append_spans(struct vocab_spans *to, const struct vocab_spans *from,
                               struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; i < from->n && st == SPN_OK; i++) {
        struct vocab_span *last = to->n == 0 ? NULL : &to->at[to->n - 1];

        if (last != NULL && last->id < 0 && from->at[i].id < 0 &&
            last->begin + last->length == from->at[i].begin)
            last->length += from->at[i].length;
        else
            st = add_span(to, from->at[i].begin, from->at[i].length, from->at[i].id, err);
    }
    return st;
}

spn_status vocab_split(const struct spn_tokenizer *t, const char *text, size_t begin, size_t n,
                       bool all, struct vocab_spans *spans, struct spn_err *err)
{
    struct vocab_spans cut = { NULL, 0, 0 }, spare = { NULL, 0, 0 };
    unsigned char *seen = spn_calloc(t->n_special + 1, 1);
    bool any = false;
    spn_status st = add_span(&cut, begin, n, -1, err);

    if (seen == NULL)
        st = spn_fail(err, SPN_ENOMEM, "tokenize: out of memory for %zu special tokens",
                      t->n_special);
    for (size_t i = 0; i < n && t->n_special > 0 && st == SPN_OK; i++)
        any |= mark_at(t, (const unsigned char *)text + begin + i, n - i, all, seen);
    for (size_t k = 0; k < t->n_special && any && st == SPN_OK; k++)
        if (seen[t->by_length[k]])
            st = cut_all(t, text, t->special[t->by_length[k]], &cut, &spare, err);
    if (st == SPN_OK)
        st = append_spans(spans, &cut, err);
    spn_free(cut.at);
    spn_free(spare.at);
    spn_free(seen);
    return st;
}
