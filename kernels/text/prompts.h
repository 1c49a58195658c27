/* prompts.h - what is said to a model, as data: a file of named sections whose bodies have places
 * for the question, an answer, a critique.
 *
 * Lines before the first section are remarks.  `[name]`, alone on a line, begins a section; its
 * body is the lines that follow, verbatim, without the blank ones at its end; a line that begins
 * with `\[` is that line without the backslash.  `{question}` in a body is a place. */
#ifndef SPN_PROMPTS_H
#define SPN_PROMPTS_H
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_prompts;

/* Read PATH, at most 1 MiB.  *OUT is set on success alone; free with spn_prompts_free.  SPN_EFORMAT
   names the line: text with a NUL byte, a section that comes twice or is empty, no section. */
spn_status spn_prompts_load(struct spn_prompts **out, const char *path, struct spn_err *err);
/* The same for N bytes of TEXT; PLACE begins the sentences. */
spn_status spn_prompts_parse(struct spn_prompts **out, const char *place, const char *text,
                             size_t n, struct spn_err *err);
void spn_prompts_free(struct spn_prompts *p); /* NULL is fine */
/* Body of SECTION; NULL: there is none. */
const char *spn_prompts_get(const struct spn_prompts *p, const char *section);

/* A place and what stands there. */
struct spn_place {
    const char *name, *text;
};
/* Append BODY to OUT with the places of LIST (N of them) filled in; what is filled in is never
   looked through again, and a brace that names no place stays as it is. */
spn_status spn_prompts_fill(struct spn_buf *out, const char *body, const struct spn_place *list,
                            size_t n);

#ifdef __cplusplus
}
#endif
#endif
