/* pretokenize.h - where byte-level BPE may not merge: the text is cut by one to five regular
 * expressions, one after another. */
#ifndef SPN_PRETOKENIZE_H
#define SPN_PRETOKENIZE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

#define PRE_STAGES 5

struct pre_stage {
    const char *regex;
    /* The same by hand, where it is worth it: end of the piece that begins at byte I of S[N]. */
    size_t (*next)(const unsigned char *s, size_t n, size_t i);
};

struct pre_row {
    const char *names; /* tokenizer.ggml.pre, separated by spaces */
    const struct pre_stage *stage[PRE_STAGES];
    bool ignore_merges; /* a piece that is itself a token is not merged */
    bool adds_bos;
};

/* A row and its compiled expressions. */
struct pre {
    const struct pre_row *row; /* NULL: not set */
    char name[32];             /* the one of ROW->names that was asked for */
    void *code[PRE_STAGES];    /* pcre2_code; NULL where the stage is written by hand */
};

/* By name; "" or NULL is "default". SPN_EFORMAT names the one that is not known. */
spn_status pre_open(struct pre *p, const char *name, struct spn_err *err);
/* By its expressions, as a Hugging Face file lists them; of two rows that share them the one with
   that IGNORE_MERGES. PLACE names the file in messages. */
spn_status pre_open_regexes(struct pre *p, const char *const *regex, size_t n, bool ignore_merges,
                            const char *place, struct spn_err *err);
void pre_close(struct pre *p);
/* Three expressions that such a file names without spelling them. */
const char *pre_regex_gpt2(void);
const char *pre_regex_qwen2(void);
const char *pre_regex_digit(void);

struct pre_cuts {
    uint32_t *end;
    size_t n, room;
};
void pre_cuts_free(struct pre_cuts *c);
/* Cut TEXT[N] (N < 2^31): CUTS->end becomes the end of each piece, the last one N. No byte is lost.
 */
spn_status pre_split(const struct pre *p, const char *text, size_t n, struct pre_cuts *cuts,
                     struct spn_err *err);

#endif
