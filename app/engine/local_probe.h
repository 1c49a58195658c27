/* local_probe.h - probabilities behind a given text, by the model of the local engine. */
#ifndef APP_ENGINE_LOCAL_PROBE_H
#define APP_ENGINE_LOCAL_PROBE_H
#include "lm/model.h"
#include "spinney/probe.h"
#include "text/tokenizer.h"

/* What model M gives the tokens of ANSWER after those of PROMPT (at least one), to which they are
   added. Free with local_probe_free. */
spn_status local_probe(struct spn_probe **out, struct spn_lm *m, struct spn_pool *pool,
                       struct spn_ids *prompt, const char *answer, struct spn_err *err);
void local_probe_free(struct spn_probe *p); /* NULL is fine */

#endif
