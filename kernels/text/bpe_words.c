/* bpe_words.c - see bpe_words.h. */
#include "config.h"

#include "text/bpe_words.h"

#include <string.h>

#include "base/mem.h"

#define EMPTY UINT32_MAX

static bool room_for(void *items, size_t *room, size_t n, size_t size)
{
    void **at = items, *grown;
    size_t want = *room < 256 ? 256 : *room;

    while (want < n)
        want *= 2;
    if (want == *room)
        return true;
    grown = spn_realloc(*at, want, size);
    if (grown == NULL)
        return false;
    *at = grown;
    *room = want;
    return true;
}

void bpe_texts_free(struct bpe_texts *x)
{
    spn_free(x->bytes);
    spn_free(x->at);
    spn_free(x->slot);
    memset(x, 0, sizeof *x);
}

static size_t slot_of(const struct bpe_texts *x, const char *text, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    size_t mask = x->n_slot - 1;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    for (size_t i = (h ^ h >> 32) & mask;; i = (i + 1) & mask) {
        const struct bpe_text *e = x->slot[i] == EMPTY ? NULL : &x->at[x->slot[i]];

        if (e == NULL || (e->length == n && memcmp(x->bytes + e->offset, text, n) == 0))
            return i;
    }
}

int32_t bpe_texts_find(const struct bpe_texts *x, const char *text, size_t n)
{
    size_t s;

    if (x->n_slot == 0)
        return -1;
    s = slot_of(x, text, n);
    return x->slot[s] == EMPTY ? -1 : x->at[x->slot[s]].value;
}

static bool grow_slots(struct bpe_texts *x)
{
    size_t size = x->n_slot == 0 ? 1024 : x->n_slot * 2;
    uint32_t *fresh = spn_calloc(size, sizeof *fresh);

    if (fresh == NULL)
        return false;
    memset(fresh, 0xff, size * sizeof *fresh);
    spn_free(x->slot);
    x->slot = fresh;
    x->n_slot = size;
    for (size_t k = 0; k < x->n; k++)
        x->slot[slot_of(x, x->bytes + x->at[k].offset, x->at[k].length)] = (uint32_t)k;
    return true;
}

bool bpe_texts_add(struct bpe_texts *x, const char *text, size_t n, int32_t value)
{
    if (x->n * 2 >= x->n_slot && !grow_slots(x))
        return false;
    if (!room_for(&x->at, &x->room, x->n + 1, sizeof *x->at) ||
        !room_for(&x->bytes, &x->bytes_room, x->n_bytes + n, 1))
        return false;
    memcpy(x->bytes + x->n_bytes, text, n);
    x->at[x->n] = (struct bpe_text){ x->n_bytes, (uint32_t)n, value };
    x->n_bytes += n;
    x->slot[slot_of(x, text, n)] = (uint32_t)x->n;
    x->n++;
    return true;
}

void bpe_words_free(struct bpe_words *w)
{
    bpe_texts_free(&w->texts);
    spn_free(w->at);
    spn_free(w->sym);
    memset(w, 0, sizeof *w);
}

static bool count(struct bpe_words *w, const char *text, size_t n, const int32_t byte_id[256])
{
    int32_t k = bpe_texts_find(&w->texts, text, n);

    if (k >= 0) {
        w->at[k].count++;
        return true;
    }
    if (!bpe_texts_add(&w->texts, text, n, (int32_t)w->n) ||
        !room_for(&w->at, &w->room, (size_t)w->n + 1, sizeof *w->at) ||
        !room_for(&w->sym, &w->sym_room, w->n_sym + n, sizeof *w->sym))
        return false;
    w->at[w->n++] = (struct bpe_word){ w->n_sym, (uint32_t)n, 1 };
    for (size_t i = 0; i < n; i++)
        w->sym[w->n_sym++] = byte_id[(unsigned char)text[i]];
    return true;
}

spn_status bpe_words_add(struct bpe_words *w, const struct pre *pre, const char *text, size_t n,
                         const int32_t byte_id[256], struct spn_err *err)
{
    struct pre_cuts cuts = { NULL, 0, 0 };
    size_t begin = 0;
    spn_status st = pre_split(pre, text, n, &cuts, err);

    for (size_t i = 0; i < cuts.n && st == SPN_OK; i++) {
        if (!count(w, text + begin, cuts.end[i] - begin, byte_id))
            st = spn_fail(err, SPN_ENOMEM, "train: out of memory after %u words", w->n);
        begin = cuts.end[i];
    }
    pre_cuts_free(&cuts);
    return st;
}
