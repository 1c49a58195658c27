/* vocab.c - pieces, merges and what is derived from them. Nothing here trusts its source: see
 * vocab.h for the order. */
#include "config.h"

#include "text/vocab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "base/log.h"
#include "base/mem.h"
#include "text/unicode.h"

#define PIECES_MAX (1 << 27)

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

struct spn_tokenizer *vocab_new(enum vocab_kind kind)
{
    struct spn_tokenizer *t = spn_calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->kind = kind;
    t->salt = mix((uint64_t)(uintptr_t)t);
    t->bos = t->eos = t->unk = t->eot = t->eom = t->pad = -1;
    t->fim_pre = t->fim_suf = t->fim_mid = t->fim_pad = t->fim_rep = t->fim_sep = -1;
    for (int b = 0; b < 256; b++)
        t->byte_id[b] = -1;
    return t;
}

void spn_tokenizer_free(struct spn_tokenizer *t)
{
    if (t == NULL)
        return;
    pre_close(&t->pre);
    spn_free(t->bytes);
    spn_free(t->piece);
    spn_free(t->map);
    spn_free(t->merge);
    spn_free(t->pair);
    spn_free(t->special);
    spn_free(t->by_length);
    spn_free(t->chat_template);
    spn_free(t);
}

/* Room for one more of N items of SIZE bytes. */
static bool grow(void *items, size_t *room, size_t n, size_t size)
{
    void **at = items;
    void *grown;
    size_t want = *room < 64 ? 64 : *room;

    while (want < n)
        if (!spn_mul_size(want, 2, &want))
            return false;
    if (want == *room)
        return true;
    grown = spn_realloc(*at, want, size);
    if (grown == NULL)
        return false;
    *at = grown;
    *room = want;
    return true;
}

spn_status vocab_add(struct spn_tokenizer *t, const char *text, size_t length, float score,
                     int type, struct spn_err *err)
{
    if (length > VOCAB_PIECE_MAX)
        return spn_fail(err, SPN_EFORMAT,
                        "tokenizer: token %d is %zu bytes long, at most %d are allowed", (int)t->n,
                        length, VOCAB_PIECE_MAX);
    if (t->n >= PIECES_MAX || t->n_bytes > UINT32_MAX - VOCAB_PIECE_MAX - 1)
        return spn_fail(err, SPN_EFORMAT, "tokenizer: more than %d tokens with %zu bytes",
                        (int)t->n, t->n_bytes);
    if (type < VOCAB_NORMAL || type > VOCAB_BYTE)
        return spn_fail(err, SPN_EFORMAT, "tokenizer: token %d has type %d, known are 1 to 6",
                        (int)t->n, type);
    if (isnan(score))
        return spn_fail(err, SPN_EFORMAT, "tokenizer: the score of token %d is not a number",
                        (int)t->n);
    if (!grow(&t->piece, &t->piece_room, (size_t)t->n + 1, sizeof *t->piece) ||
        !grow(&t->bytes, &t->bytes_room, t->n_bytes + length + 1, 1))
        return spn_fail(err, SPN_ENOMEM, "tokenizer: out of memory at token %d", (int)t->n);
    t->piece[t->n++] =
        (struct vocab_piece){ (uint32_t)t->n_bytes, (uint32_t)length, score, 0, (uint8_t)type, 0 };
    if (length > 0)
        memcpy(t->bytes + t->n_bytes, text, length);
    t->n_bytes += length;
    t->bytes[t->n_bytes++] = '\0';
    if (length > t->longest)
        t->longest = (uint32_t)length;
    return SPN_OK;
}

/* ---- index ---- */

static uint64_t hash_text(uint64_t salt, const char *text, size_t length)
{
    uint64_t h = salt + length, word;

    for (; length >= 8; text += 8, length -= 8) {
        memcpy(&word, text, 8);
        h = mix(h ^ word);
    }
    if (length > 0) {
        word = 0;
        memcpy(&word, text, length);
        h = mix(h ^ word);
    }
    return mix(h);
}

static size_t table_size(size_t n)
{
    size_t size = 16;

    while (size < n * 2)
        size *= 2;
    return size;
}

static size_t map_slot(const struct spn_tokenizer *t, const char *text, size_t length)
{
    size_t mask = t->map_size - 1;

    for (size_t i = hash_text(t->salt, text, length) & mask;; i = (i + 1) & mask) {
        const struct vocab_piece *p;

        if (t->map[i] < 0)
            return i;
        p = &t->piece[t->map[i]];
        if (p->length == length && memcmp(t->bytes + p->offset, text, length) == 0)
            return i;
    }
}

int32_t vocab_find(const struct spn_tokenizer *t, const char *text, size_t length)
{
    if (length == 0 || length > t->longest || t->map_size == 0)
        return -1;
    return t->map[map_slot(t, text, length)];
}

int vocab_byte_of(const char *text, size_t length)
{
    int value = 0;

    if (length != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    for (int i = 3; i < 5; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Printable bytes stand for themselves, the other 68 follow from U+0100 on. */
uint32_t vocab_char_of_byte(unsigned char b)
{
    if ((b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae)
        return b;
    if (b <= 0x20)
        return 0x100u + b;
    if (b <= 0xa0)
        return 0x100u + 33 + (b - 0x7fu);
    return 0x100u + 67; /* 0xad */
}

int vocab_byte_of_char(int32_t c)
{
    if (c < 0 || c > 0x143)
        return -1;
    if (c < 0x100)
        return vocab_char_of_byte((unsigned char)c) == (uint32_t)c ? (int)c : -1;
    c -= 0x100;
    return c <= 0x20 ? (int)c : c < 67 ? (int)(0x7f + c - 33) : 0xad;
}

static int higher_score(const void *a, const void *b)
{
    const struct vocab_piece *x = *(struct vocab_piece *const *)a,
                             *y = *(struct vocab_piece *const *)b;

    return x->score > y->score ? -1 : x->score < y->score;
}

/* Scores are compared often, so each piece learns once which place its score has. */
static spn_status rank_scores(struct spn_tokenizer *t, struct spn_err *err)
{
    struct vocab_piece **order = spn_calloc((size_t)t->n, sizeof *order);
    uint32_t rank = 0;

    if (order == NULL)
        return spn_fail(err, SPN_ENOMEM, "tokenizer: out of memory for %d scores", (int)t->n);
    for (int32_t i = 0; i < t->n; i++)
        order[i] = &t->piece[i];
    qsort(order, (size_t)t->n, sizeof *order, higher_score);
    for (int32_t i = 0; i < t->n; i++) {
        if (i > 0 && order[i]->score < order[i - 1]->score)
            rank++;
        order[i]->rank = rank;
    }
    spn_free(order);
    return SPN_OK;
}

spn_status vocab_index(struct spn_tokenizer *t, struct spn_err *err)
{
    int missing = 0, bad_bytes = 0;

    if (t->n == 0)
        return spn_fail(err, SPN_EFORMAT, "tokenizer: the vocabulary holds 0 tokens");
    t->map_size = table_size((size_t)t->n);
    t->map = spn_calloc(t->map_size, sizeof *t->map);
    if (t->map == NULL)
        return spn_fail(err, SPN_ENOMEM, "tokenizer: out of memory for the index of %d tokens",
                        (int)t->n);
    memset(t->map, 0xff, t->map_size * sizeof *t->map);
    for (int32_t i = 0; i < t->n; i++) {
        const char *text = t->bytes + t->piece[i].offset;

        if (t->piece[i].length > 0)
            t->map[map_slot(t, text, t->piece[i].length)] = i; /* the last of equal ones holds */
        if (t->piece[i].type == VOCAB_BYTE) {
            int b = vocab_byte_of(text, t->piece[i].length);

            if (b >= 0 && t->kind == VOCAB_SPM)
                t->byte_id[b] = i;
            else if (b < 0) {
                t->piece[i].type = VOCAB_NORMAL;
                bad_bytes++;
            }
        }
    }
    if (bad_bytes > 0)
        spn_log(SPN_LOG_WARN,
                "tokenizer: %d byte tokens are not spelled <0xHH> and are taken as text",
                bad_bytes);
    for (int b = 0; b < 256; b++) {
        if (t->kind == VOCAB_BPE) {
            unsigned char text[4];
            unsigned length = uni_encode(vocab_char_of_byte((unsigned char)b), text);

            t->byte_id[b] = vocab_find(t, (const char *)text, length);
        } else if (t->byte_id[b] < 0) {
            static const char hex[] = "0123456789ABCDEF";
            char text[6] = { '<', '0', 'x', hex[b >> 4], hex[b & 15], '>' };

            t->byte_id[b] = vocab_find(t, text, sizeof text);
        }
        missing += t->byte_id[b] < 0;
    }
    if (missing > 0 && t->kind == VOCAB_BPE)
        spn_log(SPN_LOG_WARN,
                "tokenizer: %d of the 256 bytes have no token and are dropped from text", missing);
    return t->kind == VOCAB_SPM ? rank_scores(t, err) : SPN_OK;
}

static void set_name(struct spn_tokenizer *t)
{
    if (t->kind == VOCAB_SPM)
        snprintf(t->name, sizeof t->name, "llama");
    else if (t->kind == VOCAB_WORDPIECE)
        snprintf(t->name, sizeof t->name, "bert");
    else
        snprintf(t->name, sizeof t->name, "gpt2/%s", t->pre.name);
}

int32_t vocab_checked_id(const struct spn_tokenizer *t, int64_t id, const char *what)
{
    if (id >= 0 && id < t->n)
        return (int32_t)id;
    if (id != -1)
        spn_log(SPN_LOG_WARN, "tokenizer: %s is %lld, outside 0..%d, and is ignored", what,
                (long long)id, (int)t->n - 1);
    return -1;
}

spn_status vocab_set_chat_template(struct spn_tokenizer *t, const char *text, struct spn_err *err)
{
    char *copy = text == NULL ? NULL : spn_strdup(text);

    if (text == NULL)
        return SPN_OK;
    if (copy == NULL)
        return spn_fail(err, SPN_ENOMEM, "tokenizer: out of memory for the chat template");
    spn_free(t->chat_template);
    t->chat_template = copy;
    return SPN_OK;
}

/* ---- merges ---- */

spn_status vocab_add_merge_ids(struct spn_tokenizer *t, int32_t left, int32_t right, int32_t joined,
                               struct spn_err *err)
{
    if (t->n_merge >= PIECES_MAX)
        return spn_fail(err, SPN_EFORMAT, "tokenizer: more than %d merges", PIECES_MAX);
    if (!grow(&t->merge, &t->merge_room, t->n_merge + 1, sizeof *t->merge))
        return spn_fail(err, SPN_ENOMEM, "tokenizer: out of memory at merge %zu", t->n_merge);
    t->merge[t->n_merge] = (struct vocab_merge){ left, right, joined, (uint32_t)t->n_merge };
    t->n_merge++;
    return SPN_OK;
}

spn_status vocab_add_merge(struct spn_tokenizer *t, const char *left, size_t n_left,
                           const char *right, size_t n_right, struct spn_err *err)
{
    char joined[VOCAB_PIECE_MAX];
    int32_t a = vocab_find(t, left, n_left), b = vocab_find(t, right, n_right), c = -1;

    if (a >= 0 && b >= 0 && n_left + n_right <= t->longest) {
        memcpy(joined, left, n_left);
        memcpy(joined + n_left, right, n_right);
        c = vocab_find(t, joined, n_left + n_right);
    }
    if (c < 0) {
        t->merges_ignored++;
        return SPN_OK;
    }
    return vocab_add_merge_ids(t, a, b, c, err);
}

static size_t pair_slot(const struct spn_tokenizer *t, int32_t left, int32_t right)
{
    size_t mask = t->pair_size - 1;
    uint64_t h = mix(mix(t->salt ^ ((uint64_t)(uint32_t)left << 32 | (uint32_t)right)));

    for (size_t i = h & mask;; i = (i + 1) & mask) {
        uint32_t k = t->pair[i];

        if (k == VOCAB_NONE || (t->merge[k].left == left && t->merge[k].right == right))
            return i;
    }
}

const struct vocab_merge *vocab_find_merge(const struct spn_tokenizer *t, int32_t left,
                                           int32_t right)
{
    uint32_t k = t->pair_size == 0 ? VOCAB_NONE : t->pair[pair_slot(t, left, right)];

    return k == VOCAB_NONE ? NULL : &t->merge[k];
}

static spn_status index_merges(struct spn_tokenizer *t, struct spn_err *err)
{
    if (t->n_merge == 0)
        return SPN_OK;
    t->pair_size = table_size(t->n_merge);
    t->pair = spn_calloc(t->pair_size, sizeof *t->pair);
    if (t->pair == NULL)
        return spn_fail(err, SPN_ENOMEM, "tokenizer: out of memory for the index of %zu merges",
                        t->n_merge);
    memset(t->pair, 0xff, t->pair_size * sizeof *t->pair);
    for (size_t k = 0; k < t->n_merge; k++) {
        size_t slot = pair_slot(t, t->merge[k].left, t->merge[k].right);

        if (t->pair[slot] == VOCAB_NONE)
            t->pair[slot] = (uint32_t)k;
    }
    return SPN_OK;
}

/* ---- special tokens ---- */

/* qsort has no context argument that C11 knows; the arrays are small, so they are sorted as copies
 * that hold the text. */
struct sort_row {
    const char *text;
    uint32_t length;
    int32_t id;
};

static int by_bytes(const void *a, const void *b)
{
    const struct sort_row *x = a, *y = b;
    uint32_t n = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->text, y->text, n);

    if (order != 0)
        return order;
    return x->length != y->length ? (x->length < y->length ? -1 : 1)
                                  : (x->id > y->id) - (x->id < y->id);
}

static int longer_first(const void *a, const void *b)
{
    const struct sort_row *x = a, *y = b;

    if (x->length != y->length)
        return x->length > y->length ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool is_special(const struct vocab_piece *p)
{
    return p->length > 0 &&
           (p->type == VOCAB_CONTROL || p->type == VOCAB_USER || p->type == VOCAB_UNKNOWN);
}

static spn_status index_specials(struct spn_tokenizer *t, struct spn_err *err)
{
    struct sort_row *row;
    size_t count = 0, n = 0;

    for (int32_t i = 0; i < t->n; i++)
        count += is_special(&t->piece[i]);
    if (count == 0)
        return SPN_OK;
    row = spn_calloc(count, sizeof *row);
    t->special = spn_calloc(count, sizeof *t->special);
    t->by_length = spn_calloc(count, sizeof *t->by_length);
    if (row == NULL || t->special == NULL || t->by_length == NULL) {
        spn_free(row);
        return spn_fail(err, SPN_ENOMEM, "tokenizer: out of memory for %zu special tokens", count);
    }
    for (int32_t i = 0; i < t->n; i++)
        if (is_special(&t->piece[i]) &&
            vocab_find(t, t->bytes + t->piece[i].offset, t->piece[i].length) == i)
            row[n++] = (struct sort_row){ t->bytes + t->piece[i].offset, t->piece[i].length, i };
    qsort(row, n, sizeof *row, by_bytes);
    for (size_t i = 0; i < n; i++) {
        t->special[i] = row[i].id;
        t->first[(unsigned char)row[i].text[0] + 1] = (uint32_t)i + 1;
        row[i].id = (int32_t)i; /* from here on its place in special[] */
    }
    for (int b = 1; b <= 256; b++)
        if (t->first[b] < t->first[b - 1])
            t->first[b] = t->first[b - 1];
    qsort(row, n, sizeof *row, longer_first);
    for (size_t i = 0; i < n; i++)
        t->by_length[i] = row[i].id;
    t->n_special = n;
    spn_free(row);
    return SPN_OK;
}

/* ---- end of generation ---- */

static const char *const turn_ends[] = {
    "<|eot_id|>",         "<|im_end|>",      "<|end|>", "<end_of_turn>",
    "<|endoftext|>",      "<|end_of_text|>", "<EOT>",   "<｜end▁of▁sentence｜>",
    "<end_of_utterance>",
};
static const char *const other_ends[] = { "<|eom_id|>", "<|return|>", "<|call|>",
                                          "</s>",       "[EOS]",      "<eos>" };

static void mark_end(struct spn_tokenizer *t, int32_t id)
{
    if (id >= 0)
        t->piece[id].flags |= VOCAB_ENDS;
}

static void find_ends(struct spn_tokenizer *t)
{
    const int32_t ids[] = { t->eos, t->eot, t->eom, t->fim_pad, t->fim_rep, t->fim_sep };
    bool channels = spn_token_find(t, "<|return|>") >= 0 && spn_token_find(t, "<|call|>") >= 0;

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        mark_end(t, ids[i]);
    for (size_t i = 0; i < sizeof turn_ends / sizeof turn_ends[0]; i++) {
        int32_t id = spn_token_find(t, turn_ends[i]);

        if (id < 0)
            continue;
        if (t->eot < 0)
            t->eot = id;
        mark_end(t, id);
    }
    for (size_t i = 0; i < sizeof other_ends / sizeof other_ends[0]; i++)
        mark_end(t, spn_token_find(t, other_ends[i]));
    if (channels) { /* there <|end|> closes a message, not the turn */
        int32_t id = spn_token_find(t, "<|end|>");

        if (id >= 0)
            t->piece[id].flags &= (uint8_t)~VOCAB_ENDS;
    }
}

spn_status vocab_finish(struct spn_tokenizer *t, struct spn_err *err)
{
    spn_status st = index_merges(t, err);

    if (st == SPN_OK)
        st = index_specials(t, err);
    if (st != SPN_OK)
        return st;
    if (t->merges_ignored > 0)
        spn_log(SPN_LOG_WARN,
                "tokenizer: %zu merges name pieces that are not in the vocabulary and are ignored",
                t->merges_ignored);
    find_ends(t);
    set_name(t);
    return SPN_OK;
}
