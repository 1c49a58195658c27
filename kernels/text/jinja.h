/* jinja.h - the part of Jinja that chat templates are written in, as an interpreter with limits.
 * Private to kernels/text.
 *
 * Templates come with model files, so they are hostile: nothing outside the variables can be
 * reached, and steps, depth, memory and output are bounded. Each byte of a text knows whether it
 * came from the template or from a message, whatever was done to it since, so that special tokens
 * are looked for in the template's own bytes alone.
 */
#ifndef SPN_JINJA_H
#define SPN_JINJA_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

struct jinja;
/* Compile SOURCE. SPN_EFORMAT names the line and what is not known there. */
spn_status jinja_open(struct jinja **out, const char *source, size_t n, struct spn_err *err);
void jinja_free(struct jinja *t); /* NULL is fine */

struct jinja_input {
    /* Variables: an object. Its texts are a message's, but for what stands at "role" of an object
       and at the top, which the caller has checked. */
    const json_t *vars;
    int64_t now; /* seconds since 1970 for strftime_now; 0: the clock */
};
/* Append the rendering to *TEXT, and for each of its bytes to *MARK: 0 the template's, 1 a
   message's. *RAISED: the template itself refused, by raise_exception; ERR then holds its sentence,
   SPN_EUSAGE. SPN_EFORMAT: something it asks for is not known or not possible, or a limit is
   reached. On failure both hold what they held. */
spn_status jinja_render(const struct jinja *t, const struct jinja_input *in, struct spn_buf *text,
                        struct spn_buf *mark, bool *raised, struct spn_err *err);

#endif
