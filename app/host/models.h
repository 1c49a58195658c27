/* models.h - which model a name means.  Order: -m, $SPINNEY_MODEL, spinneyrc `model`, the shipped
 * one. */
#ifndef APP_HOST_MODELS_H
#define APP_HOST_MODELS_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct model_place {
    char *name, *path;
    const char *source; /* "shipped", "yours" */
};
/* Model files in share/models and $XDG_DATA_HOME/spinney/models, by name; free with models_free. */
spn_status models_list(struct model_place **out, size_t *n, struct spn_err *err);
void models_free(struct model_place *m, size_t n);
/* SPEC: what -m said, NULL: not given. *PATH: free with spn_free; *SHIPPED (may be NULL): chosen
   because nothing was named. SPN_ENOTFOUND has the nearest names. A path wins over a name. */
spn_status models_resolve(char **path, bool *shipped, const char *spec, struct spn_err *err);
/* "forest-mini.gguf/4812345": the name and size of the file (of a folder: of what lies in it), for
 * --resume. Free with spn_free. */
char *models_identity(const char *path);
/* Does PATH look like a model: a GGUF or safetensors file by its first bytes, or a folder with
 * config.json? */
bool models_is_model(const char *path);

#endif
