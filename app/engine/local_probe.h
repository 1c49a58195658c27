/* local_probe.h - probabilities behind a given text, by the model of the local engine. */
#ifndef APP_ENGINE_LOCAL_PROBE_H
#define APP_ENGINE_LOCAL_PROBE_H
#include "lm/model.h"
#include "spinney/probe.h"
#include "text/tokenizer.h"

/* What model M gives the tokens IDS from FROM (at least 1) on. Free with local_probe_free. */
spn_status local_probe_ids(struct spn_probe **out, struct spn_lm *m, struct spn_pool *pool,
                           const struct spn_ids *ids, size_t from, struct spn_err *err);
void local_probe_free(struct spn_probe *p); /* NULL is fine */

#endif
