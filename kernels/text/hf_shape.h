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
};
/* TEXT as a JSON object, free with json_decref; NULL with ERR filled. PLACE names the file. */
json_t *hf_parse(const char *text, size_t n, const char *place, struct spn_err *err);
/* PLACE names the file in messages. SPN_EFORMAT: a part that is not known is named. */
spn_status hf_shape_read(struct hf_shape *shape, const json_t *root, const char *place,
                         struct spn_err *err);

#endif
