/* model_stores.h - models that other programs keep on this disk: the Hugging Face cache, Ollama, LM
 * Studio, llama.cpp. */
#ifndef APP_HOST_MODEL_STORES_H
#define APP_HOST_MODEL_STORES_H
#include "host/models.h"

/* Append what there is.  A store that is there and cannot be read is noted (models_unreadable). */
spn_status stores_list(struct model_place **list, size_t *n, struct spn_err *err);

#endif
