/* engines.h - "engine" 1 as plugins see it: names of models become paths here. */
#ifndef APP_HOST_ENGINES_H
#define APP_HOST_ENGINES_H
#include <stdbool.h>
#include "base/option.h"
#include "spinney/engine.h"

/* NULL while no engine is built in. */
const struct spn_engine_api *engines_table(void);
/* What the command line said. SPN_ENOMEM for a device that is not there; the model that open(NULL)
 * means, and the settings of every engine. QUIET: no remark that the shipped model answers. */
spn_status engines_configure(const struct spn_values *v, bool quiet, struct spn_err *err);
/* What a file of results is known by: the name and size of the model's file, or "remote/NAME".
 * Free with spn_free. */
spn_status engines_identity(char **out, struct spn_err *err);
void engines_end(void);

#endif
