/* bpe_words.h - what the BPE trainer counts: the distinct words of a text, and texts by number. */
#ifndef SPN_BPE_WORDS_H
#define SPN_BPE_WORDS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "text/pretokenize.h"

/* A map from texts to numbers; its texts are copies. */
struct bpe_text {
    size_t offset;
    uint32_t length;
    int32_t value;
};
struct bpe_texts {
    char *bytes;
    size_t n_bytes, bytes_room;
    struct bpe_text *at;
    size_t n, room;
    uint32_t *slot;
    size_t n_slot;
};
void bpe_texts_free(struct bpe_texts *x);
int32_t bpe_texts_find(const struct bpe_texts *x, const char *text, size_t n); /* -1: none */
bool bpe_texts_add(struct bpe_texts *x, const char *text, size_t n,
                   int32_t value); /* false: no memory */

struct bpe_word {
    size_t begin;
    uint32_t length;
    int64_t count;
}; /* sym[begin..begin+length) */
struct bpe_words {
    struct bpe_word *at;
    size_t room;
    uint32_t n;
    int32_t *sym;
    size_t n_sym, sym_room;
    struct bpe_texts texts;
};
void bpe_words_free(struct bpe_words *w);
/* Count the pieces that PRE cuts TEXT into; a new word starts as its bytes' ids. */
spn_status bpe_words_add(struct bpe_words *w, const struct pre *pre, const char *text, size_t n,
                         const int32_t byte_id[256], struct spn_err *err);

#endif
