/* grammar.h - output that follows a grammar: GBNF, or a JSON schema turned into one. */
#ifndef SPN_GRAMMAR_H
#define SPN_GRAMMAR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "text/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The bytes of a vocabulary, sorted; made once a tokenizer, shared by its grammars. TOK outlives
   it. N_VOCAB: width of the masks, at least the tokenizer's count. */
struct spn_grammar_words;
spn_status spn_grammar_words_new(struct spn_grammar_words **out, const struct spn_tokenizer *tok,
                                 int32_t n_vocab, struct spn_err *err);
void       spn_grammar_words_free(struct spn_grammar_words *w);  /* NULL is fine */

/* A compiled grammar with what it has learnt: states that a text may leave it in, and the tokens
   that may follow each. Threads may share it. */
struct spn_grammar;
/* TEXT[N] is GBNF: rules `name ::= …`, one called root; literals, [classes], groups, | * + ?
   {m,n}, a full stop for any character, # comments. WORDS outlives the grammar; NULL: only whole
   texts can be asked about. SPN_EFORMAT names the line and what is wrong. */
spn_status spn_grammar_new(struct spn_grammar **out, const char *text, size_t n,
                           const struct spn_grammar_words *words, struct spn_err *err);
void       spn_grammar_free(struct spn_grammar *g);              /* NULL is fine */

/* Append the GBNF whose texts are JSON that SCHEMA[N] allows: objects (properties in their order,
   required, additionalProperties), arrays, bounded strings, patterns, formats date, time,
   date-time and uuid, ranges of numbers, enum, const, anyOf, oneOf, allOf, $ref to #/…. What it
   cannot keep is SPN_EFORMAT and named: uniqueItems, multipleOf, not, if … White space is at most
   one blank. */
spn_status spn_grammar_from_schema(struct spn_buf *gbnf, const char *schema, size_t n,
                                   struct spn_err *err);

/* A place in a grammar is a number; SPN_GRAMMAR_START is where a text begins. */
enum { SPN_GRAMMAR_START = 0 };
/* Set *ALLOWED to the tokens that may come next: bit id % 64 of word id / 64, end tokens where the
   text may end. Lent until the next call with the same grammar on any thread, hence copied into
   MASK [(n_vocab + 63) / 64]. SPN_EFORMAT: no token may, or the grammar has grown past its limit
   (left recursion does that). */
spn_status spn_grammar_mask(struct spn_grammar *g, int32_t state, uint64_t *mask,
                            struct spn_err *err);
/* The place behind TOKEN; SPN_EFORMAT: it may not stand here. An end token leaves the place. */
spn_status spn_grammar_accept(struct spn_grammar *g, int32_t *state, int32_t token,
                              struct spn_err *err);
/* The same for bytes; *FINE false: they may not stand here. */
spn_status spn_grammar_bytes(struct spn_grammar *g, int32_t *state, const char *text, size_t n,
                             bool *fine, struct spn_err *err);
bool       spn_grammar_may_end(const struct spn_grammar *g, int32_t state);

#ifdef __cplusplus
}
#endif
#endif
