/* adapters.h - low-rank adapters as the command line names them: FILE or FILE:SCALE. */
#ifndef APP_ENGINE_ADAPTERS_H
#define APP_ENGINE_ADAPTERS_H
#include "base/option.h"
#include "lm/model.h"

/* What --lora was given, a line each, into *TEXT, which is NULL when it was not; free with
 * spn_free. */
spn_status adapters_text(char **text, const struct spn_values *v, struct spn_err *err);
/* The adapters that TEXT (NULL: none) names, in one block with their paths; free it with spn_free.
 */
spn_status adapters_list(struct spn_lm_adapter **out, int *n, const char *text,
                         struct spn_err *err);

#endif
