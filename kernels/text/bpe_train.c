/* bpe_train.c - learning the merges of a byte-level BPE (Sennrich and others 2016).
 *
 * The text becomes its distinct words with counts. Each pair of neighbours knows its count and the
 * words it was seen in, so a merge touches those words alone. A heap gives the most frequent pair;
 * its counts may be old, as they only fall after a pair's first appearance, and an old one goes
 * back with the present count. Ties go to the lower pair of ids.
 */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "text/bpe_words.h"
#include "text/unicode.h"
#include "text/vocab.h"

#define COUNT_MIN 2 /* a pair seen once teaches nothing */

struct pair {
    int32_t left, right;
    int64_t count;
    uint32_t *where;
    uint32_t n, room;
};
struct candidate {
    int64_t count;
    uint32_t pair;
};

struct trainer {
    struct spn_tokenizer *t; /* in the making: bytes, then what merges give */
    struct bpe_words words;
    struct bpe_texts texts; /* of the tokens: two merges may spell the same */
    struct pair *pair;
    size_t n_pair, pair_room;
    uint32_t *slot;
    size_t n_slot; /* pairs by ids */
    struct candidate *heap;
    size_t n_heap, heap_room;
};

static bool room_for(void *items, size_t *room, size_t n, size_t size)
{
    void **at = items, *grown;
    size_t want = *room < 16 ? 16 : *room * 2;

    if (n < *room)
        return true;
    grown = spn_realloc(*at, want, size);
    if (grown == NULL)
        return false;
    *at = grown;
    *room = want;
    return true;
}

/* ---- pairs ---- */

static size_t slot_of(const struct trainer *tr, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    size_t mask = tr->n_slot - 1;

    for (size_t i = (h ^ h >> 31) & mask;; i = (i + 1) & mask) {
        uint32_t k = tr->slot[i];

        if (k == VOCAB_NONE || (tr->pair[k].left == left && tr->pair[k].right == right))
            return i;
    }
}

static bool grow_slots(struct trainer *tr)
{
    size_t size = tr->n_slot == 0 ? 4096 : tr->n_slot * 2;
    uint32_t *fresh = spn_calloc(size, sizeof *fresh);

    if (fresh == NULL)
        return false;
    memset(fresh, 0xff, size * sizeof *fresh);
    spn_free(tr->slot);
    tr->slot = fresh;
    tr->n_slot = size;
    for (size_t k = 0; k < tr->n_pair; k++)
        tr->slot[slot_of(tr, tr->pair[k].left, tr->pair[k].right)] = (uint32_t)k;
    return true;
}

/* The pair, made when it is new; NULL: no memory. */
static struct pair *pair_of(struct trainer *tr, int32_t left, int32_t right)
{
    size_t s;

    if (tr->n_pair * 2 >= tr->n_slot && !grow_slots(tr))
        return NULL;
    s = slot_of(tr, left, right);
    if (tr->slot[s] == VOCAB_NONE) {
        if (!room_for(&tr->pair, &tr->pair_room, tr->n_pair, sizeof *tr->pair))
            return NULL;
        tr->pair[tr->n_pair] = (struct pair){ left, right, 0, NULL, 0, 0 };
        tr->slot[s] = (uint32_t)tr->n_pair++;
    }
    return &tr->pair[tr->slot[s]];
}

/* Add SIGN times the word's count to each of its pairs; note the word with those that hold FRESH
 * (-1: with all). */
static bool count_word(struct trainer *tr, uint32_t w, int sign, int32_t fresh)
{
    const struct bpe_word *word = &tr->words.at[w];
    const int32_t *s = tr->words.sym + word->begin;

    for (uint32_t i = 0; i + 1 < word->length; i++) {
        struct pair *p = pair_of(tr, s[i], s[i + 1]);
        size_t room;

        if (p == NULL)
            return false;
        p->count += sign * word->count;
        if (sign < 0 || (fresh >= 0 && s[i] != fresh && s[i + 1] != fresh) ||
            (p->n > 0 && p->where[p->n - 1] == w))
            continue;
        room = p->room;
        if (!room_for(&p->where, &room, p->n, sizeof *p->where))
            return false;
        p->room = (uint32_t)room;
        p->where[p->n++] = w;
    }
    return true;
}

/* ---- heap ---- */

static bool before(const struct trainer *tr, struct candidate a, struct candidate b)
{
    const struct pair *x = &tr->pair[a.pair], *y = &tr->pair[b.pair];

    if (a.count != b.count)
        return a.count > b.count;
    return x->left != y->left ? x->left < y->left : x->right < y->right;
}

static bool push(struct trainer *tr, uint32_t k)
{
    struct candidate c = { tr->pair[k].count, k };
    size_t i;

    if (c.count < COUNT_MIN)
        return true;
    if (!room_for(&tr->heap, &tr->heap_room, tr->n_heap, sizeof *tr->heap))
        return false;
    for (i = tr->n_heap++; i > 0 && before(tr, c, tr->heap[(i - 1) / 2]); i = (i - 1) / 2)
        tr->heap[i] = tr->heap[(i - 1) / 2];
    tr->heap[i] = c;
    return true;
}

static struct candidate pop(struct trainer *tr)
{
    struct candidate top = tr->heap[0], last = tr->heap[--tr->n_heap];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= tr->n_heap)
            break;
        if (child + 1 < tr->n_heap && before(tr, tr->heap[child + 1], tr->heap[child]))
            child++;
        if (!before(tr, tr->heap[child], last))
            break;
        tr->heap[i] = tr->heap[child];
        i = child;
    }
    tr->heap[i] = last;
    return top;
}

/* ---- merging ---- */

static bool merge_in_word(struct trainer *tr, uint32_t w, int32_t left, int32_t right,
                          int32_t joined)
{
    struct bpe_word *word = &tr->words.at[w];
    int32_t *s = tr->words.sym + word->begin;
    uint32_t i = 0, n = 0;

    while (i + 1 < word->length && (s[i] != left || s[i + 1] != right))
        i++;
    if (i + 1 >= word->length)
        return true; /* an earlier merge took it */
    if (!count_word(tr, w, -1, -1))
        return false;
    for (i = 0; i < word->length; n++) {
        bool here = i + 1 < word->length && s[i] == left && s[i + 1] == right;

        s[n] = here ? joined : s[i];
        i += here ? 2 : 1;
    }
    word->length = n;
    return count_word(tr, w, 1, joined);
}

/* The id of LEFT and RIGHT together, a new one when no token spells that yet; -1: too long for a
 * token. */
static spn_status join(struct trainer *tr, int32_t left, int32_t right, int32_t *joined,
                       struct spn_err *err)
{
    struct spn_tokenizer *t = tr->t;
    const struct vocab_piece *a = &t->piece[left], *b = &t->piece[right];
    size_t n = (size_t)a->length + b->length;
    char text[VOCAB_PIECE_MAX];
    spn_status st = SPN_OK;

    *joined = -1;
    if (n > sizeof text)
        return SPN_OK;
    memcpy(text, t->bytes + a->offset, a->length);
    memcpy(text + a->length, t->bytes + b->offset, b->length);
    *joined = bpe_texts_find(&tr->texts, text, n);
    if (*joined < 0) {
        *joined = t->n;
        st = vocab_add(t, text, n, 0, VOCAB_NORMAL, err);
        if (st == SPN_OK && !bpe_texts_add(&tr->texts, text, n, *joined))
            st = spn_fail(err, SPN_ENOMEM, "train: out of memory at token %d", (int)*joined);
    }
    return st == SPN_OK ? vocab_add_merge_ids(t, left, right, *joined, err) : st;
}

static spn_status apply(struct trainer *tr, uint32_t k, int32_t joined, struct spn_err *err)
{
    int32_t left = tr->pair[k].left, right = tr->pair[k].right;
    uint32_t *where = tr->pair[k].where, n = tr->pair[k].n;
    size_t old_pairs = tr->n_pair;
    bool fine = true;

    tr->pair[k].where = NULL;
    tr->pair[k].n = tr->pair[k].room = 0;
    for (uint32_t i = 0; i < n && fine; i++)
        fine = merge_in_word(tr, where[i], left, right, joined);
    spn_free(where);
    /* A token that existed already may make old pairs frequent again, so those are offered too. */
    for (size_t p = joined < tr->t->n - 1 ? 0 : old_pairs; p < tr->n_pair && fine; p++)
        if (tr->pair[p].left == joined || tr->pair[p].right == joined)
            fine = push(tr, (uint32_t)p);
    return fine
               ? SPN_OK
               : spn_fail(err, SPN_ENOMEM, "train: out of memory after %zu merges", tr->t->n_merge);
}

static spn_status learn(struct trainer *tr, int32_t tokens, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (uint32_t w = 0; w < tr->words.n; w++)
        if (!count_word(tr, w, 1, -1))
            return spn_fail(err, SPN_ENOMEM, "train: out of memory for the pairs of %u words",
                            tr->words.n);
    for (size_t k = 0; k < tr->n_pair; k++)
        if (!push(tr, (uint32_t)k))
            return spn_fail(err, SPN_ENOMEM, "train: out of memory for %zu pairs", tr->n_pair);
    while (tr->t->n < tokens && tr->n_heap > 0 && st == SPN_OK) {
        struct candidate best = pop(tr);
        struct pair *p = &tr->pair[best.pair];
        int32_t joined;

        if (p->count != best.count) {
            if (p->count < best.count && !push(tr, best.pair))
                st = spn_fail(err, SPN_ENOMEM, "train: out of memory for %zu pairs", tr->n_pair);
            continue;
        }
        st = join(tr, p->left, p->right, &joined, err);
        if (st == SPN_OK && joined >= 0)
            st = apply(tr, best.pair, joined, err);
    }
    return st;
}

/* ---- options, start and end ---- */

static spn_status check_options(const struct spn_bpe_options *o, size_t n, struct spn_err *err)
{
    const char *const needed[] = { o->bos, o->eos };

    if (n > INT32_MAX)
        return spn_fail(err, SPN_EUSAGE, "train: %zu bytes of text, at most %d are possible", n,
                        INT32_MAX);
    if (o->vocab < 256 || o->vocab > (1 << 24) || o->n_specials > (size_t)o->vocab - 256)
        return spn_fail(err, SPN_EUSAGE,
                        "train: a vocabulary of %d cannot hold 256 bytes and %zu special tokens",
                        o->vocab, o->n_specials);
    for (size_t i = 0; i < o->n_specials; i++) {
        if (strlen(o->specials[i]) < 2 || strlen(o->specials[i]) > VOCAB_PIECE_MAX)
            return spn_fail(err, SPN_EUSAGE,
                            "train: special token \"%.40s\" has to have 2 to %d bytes",
                            o->specials[i], VOCAB_PIECE_MAX);
        for (size_t j = 0; j < i; j++)
            if (strcmp(o->specials[i], o->specials[j]) == 0)
                return spn_fail(err, SPN_EUSAGE, "train: special token \"%.40s\" is listed twice",
                                o->specials[i]);
    }
    for (size_t k = 0; k < 2; k++) {
        bool listed = needed[k] == NULL;

        for (size_t i = 0; i < o->n_specials && !listed; i++)
            listed = strcmp(needed[k], o->specials[i]) == 0;
        if (!listed)
            return spn_fail(err, SPN_EUSAGE, "train: \"%.40s\" is not among the special tokens",
                            needed[k]);
    }
    return SPN_OK;
}

static spn_status add_specials(struct spn_tokenizer *t, const struct spn_bpe_options *o,
                               struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; i < o->n_specials && st == SPN_OK; i++)
        st = vocab_add(t, o->specials[i], strlen(o->specials[i]), 0, VOCAB_CONTROL, err);
    return st;
}

/* Ids 0..255: the bytes in the order of the characters that stand for them, as GPT-2 has them. */
static spn_status add_bytes(struct spn_tokenizer *t, struct bpe_texts *texts, struct spn_err *err)
{
    for (int32_t c = 0; c < 0x144; c++) {
        unsigned char text[4];
        unsigned n = uni_encode((uint32_t)c, text);
        int b = vocab_byte_of_char(c);

        if (b < 0)
            continue;
        t->byte_id[b] = t->n;
        if (!bpe_texts_add(texts, (const char *)text, n, t->n))
            return spn_fail(err, SPN_ENOMEM, "train: out of memory");
        if (vocab_add(t, (const char *)text, n, 0, VOCAB_NORMAL, err) != SPN_OK)
            return SPN_ENOMEM;
    }
    return SPN_OK;
}

/* The text's words, with the special tokens cut out: they are never learnt as text. */
static spn_status collect(struct trainer *tr, const char *text, size_t n,
                          const struct spn_bpe_options *o, struct spn_err *err)
{
    struct spn_tokenizer *cutter = vocab_new(VOCAB_SPM); /* which needs no bytes */
    struct vocab_spans spans = { NULL, 0, 0 };
    spn_status st;

    if (cutter == NULL)
        return spn_fail(err, SPN_ENOMEM, "train: out of memory");
    st = o->n_specials == 0 ? vocab_add(cutter, "none", 4, 0, VOCAB_NORMAL, err)
                            : add_specials(cutter, o, err);
    if (st == SPN_OK)
        st = vocab_index(cutter, err);
    if (st == SPN_OK)
        st = vocab_finish(cutter, err);
    if (st == SPN_OK)
        st = vocab_split(cutter, text, 0, n, true, &spans, err);
    for (size_t i = 0; i < spans.n && st == SPN_OK; i++)
        if (spans.at[i].id < 0)
            st = bpe_words_add(&tr->words, &tr->t->pre, text + spans.at[i].begin,
                               spans.at[i].length, tr->t->byte_id, err);
    spn_free(spans.at);
    spn_tokenizer_free(cutter);
    return st;
}

static spn_status complete(struct spn_tokenizer *t, const struct spn_bpe_options *o,
                           struct spn_err *err)
{
    spn_status st = add_specials(t, o, err);

    if (st == SPN_OK)
        st = vocab_index(t, err);
    if (st != SPN_OK)
        return st;
    if (o->bos != NULL)
        t->bos = spn_token_find(t, o->bos);
    if (o->eos != NULL)
        t->eos = spn_token_find(t, o->eos);
    t->add_bos = o->bos != NULL;
    t->whole_pieces = t->pre.row->ignore_merges;
    if (t->n < o->vocab)
        spn_log(SPN_LOG_WARN, "train: the text gives only %d tokens, %d were asked for", (int)t->n,
                o->vocab);
    st = vocab_set_chat_template(t, o->chat_template, err);
    return st == SPN_OK ? vocab_finish(t, err) : st;
}

spn_status spn_bpe_train(struct spn_tokenizer **out, const char *text, size_t n,
                         const struct spn_bpe_options *o, struct spn_err *err)
{
    struct trainer tr = { 0 };
    spn_status st = check_options(o, n, err);

    if (st != SPN_OK)
        return st;
    tr.t = vocab_new(VOCAB_BPE);
    if (tr.t == NULL)
        return spn_fail(err, SPN_ENOMEM, "train: out of memory");
    st = pre_open(&tr.t->pre, o->pre == NULL ? "gpt-2" : o->pre, err);
    if (st == SPN_OK)
        st = add_bytes(tr.t, &tr.texts, err);
    if (st == SPN_OK)
        st = collect(&tr, text, n, o, err);
    if (st == SPN_OK)
        st = learn(&tr, (int32_t)((size_t)o->vocab - o->n_specials), err);
    for (size_t i = 0; i < o->n_specials && st == SPN_OK; i++)
        if (bpe_texts_find(&tr.texts, o->specials[i], strlen(o->specials[i])) >= 0)
            st = spn_fail(err, SPN_EUSAGE,
                          "train: special token \"%.40s\" spells a piece of the text",
                          o->specials[i]);
    if (st == SPN_OK)
        st = complete(tr.t, o, err);
    for (size_t k = 0; k < tr.n_pair; k++)
        spn_free(tr.pair[k].where);
    spn_free(tr.pair);
    spn_free(tr.slot);
    spn_free(tr.heap);
    bpe_words_free(&tr.words);
    bpe_texts_free(&tr.texts);
    if (st == SPN_OK)
        *out = tr.t;
    else
        spn_tokenizer_free(tr.t);
    return st;
}
