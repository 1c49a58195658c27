/* tokenizer.h - text to token ids and back. */
#ifndef SPN_TOKENIZER_H
#define SPN_TOKENIZER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "format/reader.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A vocabulary with its rules. Read only once it is open: threads may share it. Three kinds
   are known, "llama" (SentencePiece BPE, merged by score), "gpt2" (byte-level BPE, by rank) and
   "bert" (WordPiece, which rewrites its text: it does not come back byte for byte). */
struct spn_tokenizer;
/* From a GGUF's tokenizer.ggml.* keys or a folder's tokenizer.json. *OUT is set on success alone.
   SPN_EFORMAT when it is missing, inconsistent or of a kind not known. */
spn_status spn_tokenizer_open(struct spn_tokenizer **out, const struct spn_reader *r,
                              struct spn_err *err);
/* The same from the text of a tokenizer.json, and of its tokenizer_config.json or NULL. */
spn_status spn_tokenizer_open_json(struct spn_tokenizer **out, const char *json, size_t length,
                                   const char *config, size_t config_length, struct spn_err *err);
void       spn_tokenizer_free(struct spn_tokenizer *t);          /* NULL is fine */

/* Flags of spn_tokenize. SPECIAL: control tokens spelled in the text become themselves (for
   templates, never for a user's text); user-defined tokens always do. */
enum {
    SPN_TOK_BOS = 1,             /* add BOS (and EOS) where the model asks for it */
    SPN_TOK_SPECIAL = 2
};
struct spn_ids { int32_t *id; size_t n, room; };                 /* start from zeros */
/* Append the ids of N bytes of TEXT (any bytes; invalid UTF-8 is kept where the vocabulary can) to
   *IDS, grown with spn_realloc; on failure *IDS holds what it held. N < 2^31. */
spn_status spn_tokenize(const struct spn_tokenizer *t, const char *text, size_t n, int flags,
                        struct spn_ids *ids, struct spn_err *err);
void       spn_ids_free(struct spn_ids *ids);                    /* twice is fine */
spn_status spn_ids_add(struct spn_ids *ids, int32_t id);         /* SPN_ENOMEM or SPN_OK */
/* Append the bytes of N ids. SPECIAL: control tokens are spelled out, else they print nothing.
   SPN_EFORMAT: an id out of range. What a model of kind "llama" put in front of the text, one
   space, is taken off again. */
spn_status spn_detokenize(const struct spn_tokenizer *t, const int32_t *id, size_t n, bool special,
                          struct spn_buf *out, struct spn_err *err);

/* Streaming: bytes come out as whole UTF-8 characters alone; up to 3 bytes are held back. All that
   comes out, the end included, is what spn_detokenize gives. */
struct spn_detok {
    const struct spn_tokenizer *t;
    bool special, first;
    unsigned char held[4];
    int n_held;
};
void       spn_detok_init(struct spn_detok *d, const struct spn_tokenizer *t, bool special);
spn_status spn_detok_add(struct spn_detok *d, int32_t id, struct spn_buf *out);
spn_status spn_detok_end(struct spn_detok *d, struct spn_buf *out);   /* what is held back */

int32_t     spn_token_count(const struct spn_tokenizer *t);
/* As stored, NUL-terminated, lent by T; NULL: out of range. LENGTH may be NULL. */
const char *spn_token_text(const struct spn_tokenizer *t, int32_t id, size_t *length);
int32_t     spn_token_find(const struct spn_tokenizer *t, const char *text);         /* -1: none */
bool        spn_token_is_control(const struct spn_tokenizer *t, int32_t id);
bool        spn_token_ends(const struct spn_tokenizer *t, int32_t id);   /* ends generation */
int32_t     spn_token_bos(const struct spn_tokenizer *t);                            /* -1: none */
int32_t     spn_token_eos(const struct spn_tokenizer *t);
bool        spn_tokenizer_adds_bos(const struct spn_tokenizer *t);
const char *spn_tokenizer_kind(const struct spn_tokenizer *t);           /* "gpt2/qwen2", "llama" */
/* The Jinja text that came with the vocabulary (GGUF key, tokenizer_config.json or
   chat_template.jinja), lent by T; NULL: none. */
const char *spn_tokenizer_chat_template(const struct spn_tokenizer *t);
/* Write the tokenizer.ggml.* keys of T, for a model that train or convert writes. The ids of a text
   are the same after reading them back, but for one thing: a Hugging Face file of kind "llama" may
   say more about leading spaces and equal ranks than these keys can. SPN_EUSAGE: of kind "bert". */
spn_status  spn_tokenizer_write(const struct spn_tokenizer *t, struct spn_writer *w);

/* Train a byte-level BPE on text (Sennrich and others 2016). Ids: the 256 bytes, what merges give,
   the specials (control tokens, never learnt as text). VOCAB counts all of them; fewer come out
   when no pair is seen twice any more. Same input, same result: the most frequent pair goes
   first, of equal ones the one with the lower ids. */
struct spn_bpe_options {
    int vocab;
    const char *pre;             /* tokenizer.ggml.pre; NULL: gpt-2. qwen2: single digits */
    const char *const *specials;
    size_t n_specials;
    const char *eos, *bos;       /* among the specials, or NULL; with a BOS, it is added to texts */
    const char *chat_template;   /* kept with the vocabulary; NULL: none */
};
/* *OUT is set on success alone. SPN_EUSAGE: options that contradict each other. */
spn_status spn_bpe_train(struct spn_tokenizer **out, const char *text, size_t n,
                         const struct spn_bpe_options *o, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
