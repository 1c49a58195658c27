/* models.h - which model a name means.  Order: -m, $SPINNEY_MODEL, spinneyrc `model`, the shipped
 * one. */
#ifndef APP_HOST_MODELS_H
#define APP_HOST_MODELS_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct model_place {
    char *name, *path;
    char *alias;        /* "ORG/NAME" as its store knows it; NULL: none */
    char *mmproj;       /* file of its picture half; NULL: none */
    const char *source; /* "shipped", "yours", "hugging face", "ollama", "lm studio", "llama.cpp" */
};
/* Models of $XDG_DATA_HOME/spinney/models, of share/models and of other programs' stores, in this
 * order; free with models_free. */
spn_status models_list(struct model_place **out, size_t *n, struct spn_err *err);
void models_free(struct model_place *m, size_t n);
/* The Ith folder that the last models_list could not read, NULL past the end; *CURE: what to do. */
const char *models_unreadable(size_t i, const char **cure);
/* SPEC: what -m said, NULL: not given. *PATH: free with spn_free; *SHIPPED (may be NULL): chosen
   because nothing was named. SPN_ENOTFOUND has the nearest names. A path wins over a name,
   "ollama:" and "hf:" before it force a store; SPN_EUSAGE lists what an ambiguous name means. */
spn_status models_resolve(char **path, bool *shipped, const char *spec, struct spn_err *err);
/* "forest-mini.gguf/4812345": the name and size of the file (of a folder: of what lies in it), for
 * --resume. Free with spn_free. */
char *models_identity(const char *path);
/* Does PATH look like a model: a GGUF or safetensors file by its first bytes, or a folder with
 * config.json? */
bool models_is_model(const char *path);

/* ---- for model_stores.c ---- */
/* All strings are copied; ALIAS and MMPROJ may be NULL. The same file again is not listed twice. */
spn_status models_add(struct model_place **list, size_t *n, const char *name, const char *path,
                      const char *alias, const char *mmproj, const char *source,
                      struct spn_err *err);
void models_note_unreadable(const char *path, const char *source);

#endif
