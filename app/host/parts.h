/* parts.h - optional parts of this build, for version and doctor. */
#ifndef APP_HOST_PARTS_H
#define APP_HOST_PARTS_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"

struct part {
    const char *name;    /* "spn_blas" */
    const char *what;    /* "OpenBLAS, for training" */
    const char *why_not; /* why this build or version has none, when no file of it is found */
};
/* NULL past the end. */
const struct part *parts_at(size_t i);
const struct part *parts_find(const char *name); /* NULL: none */
/* Is the module's file there?  *PATH (may be NULL): where it is or was looked for; free with
 * spn_free. */
bool parts_found(const struct part *p, char **path);
/* Does it work?  TEXT gets what it is, and its own words or one sentence why not. Opens the module.
 */
bool parts_state(const struct part *p, struct spn_buf *text);
/* The lines of `spinney version`; PARTS (may be NULL) gets name: true|false. */
void parts_describe(struct spn_buf *b, json_t *parts);

#endif
