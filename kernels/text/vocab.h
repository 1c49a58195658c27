/* vocab.h - a tokenizer inside: pieces, their index, merges, special tokens. Private to
 * kernels/text.
 *
 * Built in this order, whatever the source: vocab_new, vocab_add for every piece, vocab_index,
 * vocab_add_merge for every merge, the ids and flags of the struct, vocab_finish. After that it is
 * read only, so threads may share it.
 */
#ifndef SPN_TEXT_VOCAB_H
#define SPN_TEXT_VOCAB_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "text/pretokenize.h"
#include "text/tokenizer.h"

#define VOCAB_PIECE_MAX 4096 /* bytes of a token: real vocabularies stay below 600 */
#define VOCAB_NONE UINT32_MAX

enum vocab_kind { VOCAB_SPM, VOCAB_BPE, VOCAB_WORDPIECE };
/* Numbers of tokenizer.ggml.token_type. */
enum vocab_type {
    VOCAB_NORMAL = 1,
    VOCAB_UNKNOWN,
    VOCAB_CONTROL,
    VOCAB_USER,
    VOCAB_UNUSED,
    VOCAB_BYTE
};
enum { VOCAB_STRIP_LEFT = 1, VOCAB_STRIP_RIGHT = 2, VOCAB_ENDS = 4 };
/* Where SPM puts a space in front: nowhere, before each text piece, before the first one, or
   before each piece that does not begin with one already. */
enum vocab_prefix {
    VOCAB_PREFIX_NONE,
    VOCAB_PREFIX_EACH,
    VOCAB_PREFIX_FIRST,
    VOCAB_PREFIX_MISSING
};

struct vocab_piece {
    uint32_t offset, length; /* in bytes[], a NUL behind */
    float score;
    uint32_t rank; /* SPM: place of the score from above, equal scores share one */
    uint8_t type, flags;
};
struct vocab_merge {
    int32_t left, right, joined;
    uint32_t rank;
};

struct spn_tokenizer {
    enum vocab_kind kind;
    uint64_t salt;        /* of the hashes below, so that no file can aim at their collisions */
    struct pre pre; /* BPE */
    char name[48];
    char *bytes;
    size_t n_bytes, bytes_room;
    struct vocab_piece *piece;
    int32_t n;
    size_t piece_room;
    int32_t *map;
    size_t map_size; /* text to id: open addressing, -1 empty, size a power of two */
    struct vocab_merge *merge;
    size_t n_merge, merge_room; /* in order of rank */
    uint32_t *pair;
    size_t pair_size; /* (left, right) to index in merge[]: the same, VOCAB_NONE empty */
    size_t merges_ignored;
    uint32_t longest;     /* bytes of the longest piece */
    int32_t byte_id[256]; /* -1: no such piece */
    int32_t *special;
    size_t n_special;    /* control, user-defined and unknown, sorted by their bytes */
    int32_t *by_length;  /* indices into special[], longest first */
    uint32_t first[257]; /* special[first[b]..first[b+1]) begin with byte b */
    int32_t bos, eos, unk, eot, eom, pad, fim_pre, fim_suf, fim_mid, fim_pad, fim_rep,
        fim_sep; /* -1: none */
    bool add_bos, add_eos;
    bool whole_pieces; /* BPE: a piece that is itself a token is not merged */
    bool ranked_pairs; /* SPM: merged by merge[], not by score */
    bool split_words;  /* SPM by merge[]: no merge across the mark of a space */
    enum vocab_prefix prefix;
    struct {
        bool clean, ideographs, lower, strip;
    } wp;                /* WordPiece: what BertNormalizer does */
    char *chat_template; /* NULL: none */
};

struct spn_tokenizer *vocab_new(enum vocab_kind kind);
spn_status vocab_add(struct spn_tokenizer *t, const char *text, size_t length, float score,
                     int type, struct spn_err *err);
spn_status vocab_index(struct spn_tokenizer *t, struct spn_err *err);
/* A merge whose parts or result are no pieces is counted and left out. The first of two equal ones
 * holds. */
spn_status vocab_add_merge(struct spn_tokenizer *t, const char *left, size_t n_left,
                           const char *right, size_t n_right, struct spn_err *err);
spn_status vocab_add_merge_ids(struct spn_tokenizer *t, int32_t left, int32_t right, int32_t joined,
                               struct spn_err *err);
spn_status vocab_finish(struct spn_tokenizer *t, struct spn_err *err);

/* Keep a copy of TEXT; NULL: nothing changes. */
spn_status vocab_set_chat_template(struct spn_tokenizer *t, const char *text, struct spn_err *err);

int32_t vocab_find(const struct spn_tokenizer *t, const char *text, size_t length); /* -1: none */
const struct vocab_merge *vocab_find_merge(const struct spn_tokenizer *t, int32_t left,
                                           int32_t right);
/* An id of a file: out of range becomes -1 with a warning that names WHAT. */
int32_t vocab_checked_id(const struct spn_tokenizer *t, int64_t id, const char *what);
/* The byte of a piece spelled <0xHH>, -1 when it is spelled otherwise. */
int vocab_byte_of(const char *text, size_t length);
/* Byte-level BPE writes each byte as a printable character. */
uint32_t vocab_char_of_byte(unsigned char b);
int vocab_byte_of_char(int32_t c); /* -1: not one of the 256 */

/* Sources: *OUT is set on success alone, finished. */
spn_status vocab_from_gguf(struct spn_tokenizer **out, const struct spn_reader *r,
                           struct spn_err *err);
spn_status vocab_from_folder(struct spn_tokenizer **out, const char *folder, struct spn_err *err);

/* ---- text to ids ---- */
struct vocab_span {
    size_t begin, length;
    int32_t id;
}; /* id -1: plain text */
struct vocab_spans {
    struct vocab_span *at;
    size_t n, room;
};
/* Cut N bytes of TEXT from BEGIN on at special tokens: ALL of them, or user-defined ones alone.
   Appends to *SPANS; text that goes on where the last span ended joins it. Free spans->at with
   spn_free. */
spn_status vocab_split(const struct spn_tokenizer *t, const char *text, size_t begin, size_t n,
                       bool all, struct vocab_spans *spans, struct spn_err *err);
/* Append the ids of all spans of TEXT. */
spn_status vocab_encode(const struct spn_tokenizer *t, const char *text,
                        const struct vocab_spans *spans, struct spn_ids *ids, struct spn_err *err);

struct symbol {
    uint32_t begin, length;
    int32_t prev, next, id;
}; /* length 0: merged into the one before */
struct bigram {
    uint64_t key;
    int32_t right, id;
    uint32_t length;
};
struct merger {
    struct symbol *sym;
    size_t n, room;
    struct bigram *heap;
    size_t n_heap, heap_room;
};
/* True when A and B may become one: its rank (lowest first) and id. */
typedef bool (*merge_fn)(const struct spn_tokenizer *t, const char *text, const struct symbol *a,
                         const struct symbol *b, uint32_t *rank, int32_t *id);
void merger_free(struct merger *m);
spn_status merger_add(struct merger *m, uint32_t begin, uint32_t length, int32_t id,
                      struct spn_err *err);
/* Merge until nothing is left to merge: the lowest rank first, the leftmost of equal ones. */
spn_status merger_run(struct merger *m, const struct spn_tokenizer *t, const char *text,
                      merge_fn fn, struct spn_err *err);
bool merge_by_pair(const struct spn_tokenizer *t, const char *text, const struct symbol *a,
                   const struct symbol *b, uint32_t *rank, int32_t *id);

/* Append the ids of plain text. FIRST: nothing stands before it. */
spn_status bpe_encode(const struct spn_tokenizer *t, const char *text, size_t n, struct merger *m,
                      struct spn_ids *ids, struct spn_err *err);
spn_status spm_encode(const struct spn_tokenizer *t, const char *text, size_t n, bool first,
                      struct merger *m, struct spn_ids *ids, struct spn_err *err);
spn_status wordpiece_encode(const struct spn_tokenizer *t, const char *text, size_t n,
                            struct spn_ids *ids, struct spn_err *err);

#endif
