/* remote.h - the remote engine: many requests under way at servers that speak the OpenAI-compatible
 * API.  One thread at a time, as every engine. */
#ifndef APP_ENGINE_REMOTE_H
#define APP_ENGINE_REMOTE_H
#include <stdbool.h>
#include "base/cancel.h"
#include "engine/remote_reader.h"
#include "spinney/engine.h"
#include "spinney/engine_kind.h"

/* The options of `--engine remote:…`; the address is its option `url`. */
extern const struct spn_engine_kind engine_remote_kind;

/* "engine/1" of remote engines. open()'s SPEC is the model, or an address with "#MODEL" behind it;
   NULL: the server's only one. */
const struct spn_engine_api *engine_remote(void);
/* What --engine said; VALUES (of engine_remote_kind's table) are lent until the next call or the
 * end. NULL: defaults. */
void engine_remote_configure(const struct spn_values *values, struct spn_cancel *cancel);
/* Close every engine that is still open. */
void engine_remote_end(void);

/* A server as a list of models shows it. */
struct remote_server {
    const char *url; /* lent from the caller */
    bool answers;
    char why_not[256];
    struct remote_model *model;
    size_t n_models;
};
/* Ask each of the N servers for its models, all at once, LIMIT_MS in all. No key is sent to a
   server that is not the one of --engine. SPN_EIO: the module is absent. Free each with
   remote_models_free. */
spn_status remote_ask_servers(struct remote_server *s, size_t n, int limit_ms, struct spn_err *err);

#endif
