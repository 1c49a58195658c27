/* hf_shape.h - what normalizer, pre_tokenizer and model of a tokenizer.json ask for, as one of the
 * kinds known here. */
#ifndef SPN_HF_SHAPE_H
#define SPN_HF_SHAPE_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "text/vocab.h"

struct hf_shape {
    enum vocab_kind kind;
    const char *regex[PRE_STAGES];
    size_t n_regex;           /* BPE; lent by the JSON or static */
    enum vocab_prefix prefix; /* SPM */
    bool split_words;         /* SPM: no merge across the mark of a space */
    bool clean, ideographs, lower, strip; /* WordPiece */
};
/* TEXT as a JSON object, free with json_decref; NULL with ERR filled. PLACE names the file. */
json_t *hf_parse(const char *text, size_t n, const char *place, struct spn_err *err);
/* From a parsed tokenizer.json; CONFIG: its tokenizer_config.json or NULL. */
spn_status vocab_from_root(struct spn_tokenizer **out, const json_t *root, const json_t *config,
                           const char *place, struct spn_err *err);
/* Ends, chat template and whether BOS is added, as tokenizer_config.json has them. */
spn_status vocab_read_config(struct spn_tokenizer *t, const json_t *config, struct spn_err *err);
/* What a tokenizer.json would say of a vocab.json and a merges.txt; NULL with ERR filled. */
json_t *vocab_root_of_merges(const char *vocab, size_t n_vocab, const char *merges,
                             size_t n_merges, const json_t *config, const char *place,
                             struct spn_err *err);
/* From the bytes of a tokenizer.model (SentencePiece BPE). */
spn_status vocab_from_model(struct spn_tokenizer **out, const char *bytes, size_t n,
                            const json_t *config, const char *place, struct spn_err *err);
/* PLACE names the file in messages. SPN_EFORMAT: a part that is not known is named. */
spn_status hf_shape_read(struct hf_shape *shape, const json_t *root, const char *place,
                         struct spn_err *err);

#endif
