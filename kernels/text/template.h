/* template.h - chat templates of the fixed formats, found by detection. */
#ifndef SPN_TEMPLATE_H
#define SPN_TEMPLATE_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "text/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* role: "system", "user", "assistant" or "tool"; another one is refused, as a role is written as
   part of the format. */
struct spn_message {
    const char *role, *content;
    const char *more; /* other members, a JSON object (tool_calls, reasoning_content, name); NULL:
                         none. Only templates that are rendered see them. */
};
struct spn_template;             /* a static table row, never freed */
/* SOURCE: the Jinja text (spn_tokenizer_chat_template). NULL or unknown gives the row "none": plain
   completion of the messages, parted by an empty line. */
const struct spn_template *spn_template_detect(const char *source);
const struct spn_template *spn_template_find(const char *name);          /* NULL: no such format */
const char *spn_template_name(const struct spn_template *t);
/* Append the ids of N messages to *OUT. The format's own text is parsed with special tokens,
   message text without: a user cannot forge a turn. GENERATE: end with the opening of the
   assistant's turn. BOS is added once, where the model asks for it. Answers lose what stands before
   </think> in the formats of models that think. On failure *OUT holds what it held. */
spn_status spn_template_ids(const struct spn_template *t, const struct spn_tokenizer *tok,
                            const struct spn_message *m, size_t n, bool generate,
                            struct spn_ids *out, struct spn_err *err);
/* The same as text, without BOS, for people and tests. */
spn_status spn_template_text(const struct spn_template *t, const struct spn_message *m, size_t n,
                             bool generate, struct spn_buf *out, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
