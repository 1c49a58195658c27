/* chat.h - a conversation as the model's own chat template writes it. */
#ifndef SPN_CHAT_H
#define SPN_CHAT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "text/template.h"
#include "text/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A template, compiled. Read only: threads may share it. */
struct spn_chat;
/* SOURCE: the Jinja text, NULL: none. A template that cannot be rendered is no failure: its format
   is guessed by its words (template.h) and spn_chat_why says so, a warning too. SPN_ENOMEM alone.
   Free with spn_chat_free. */
spn_status spn_chat_open(struct spn_chat **out, const char *source, struct spn_err *err);
void       spn_chat_free(struct spn_chat *c);            /* NULL is fine */
/* The format's name where its words are known ("chatml"), else "jinja"; "none": no template. */
const char *spn_chat_name(const struct spn_chat *c);
/* Why the template is not rendered as it is written; NULL: it is, or there is none. */
const char *spn_chat_why(const struct spn_chat *c);

struct spn_chat_options {
    bool        generate;        /* end with the opening of the assistant's turn */
    const char *tools;           /* JSON array of functions for the template; NULL: none */
    int         thinking;        /* 1 on, -1 off, 0: as the template has it */
    int64_t     now;             /* seconds since 1970 for templates with a date; 0: the clock */
};
/* Append the ids of N messages to *OUT. Special tokens are looked for in the template's own bytes
   alone, so that no message, tool or tool's answer can forge a turn; words join across the borders
   as they did when the model was trained. BOS is there once where the model asks for it. A system
   message that the template refuses goes in front of the first user message. SPN_EUSAGE: a role
   that is not known, or the template refuses the messages, in its own words. On failure *OUT holds
   what it held. */
spn_status spn_chat_ids(const struct spn_chat *c, const struct spn_tokenizer *tok,
                        const struct spn_message *m, size_t n, const struct spn_chat_options *o,
                        struct spn_ids *out, struct spn_err *err);
/* The same as text, for people and tests. TOK gives the texts of BOS and EOS; NULL: they are
   empty. */
spn_status spn_chat_text(const struct spn_chat *c, const struct spn_tokenizer *tok,
                         const struct spn_message *m, size_t n, const struct spn_chat_options *o,
                         struct spn_buf *out, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
