/* dialog.h - short conversations from a text file: questions in several wordings, one answer, words
 * to fill in. */
#ifndef DIALOG_H
#define DIALOG_H
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"

/* The file: lines; '#' begins a comment.
 *   @name a | b | c      words for {name}
 *   ? wording | wording  one question, or several wordings of it
 *   = answer             the answer of the questions since the last answer; may use {name} as the
 * question did *N                   weight of the following pairs (default 1)
 */
struct dialog;
spn_status dialog_load(struct dialog **out, const char *path, struct spn_err *err);
void dialog_free(struct dialog *d);
size_t dialog_pairs(const struct dialog *d);
/* Draw a question and its answer: wording, words and, now and then, case and punctuation vary. */
spn_status dialog_draw(const struct dialog *d, struct spn_rng *r, struct spn_buf *question,
                       struct spn_buf *answer);

#endif
