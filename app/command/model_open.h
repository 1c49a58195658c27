/* model_open.h - the model that a command's options name, opened for commands that use the runtime
 * directly. */
#ifndef APP_COMMAND_MODEL_OPEN_H
#define APP_COMMAND_MODEL_OPEN_H
#include "base/option.h"
#include "base/pool.h"
#include "lm/model.h"

struct model_open {
    char *path;
    struct spn_pool *pool;
    struct spn_lm *lm;
};
/* Threads, activations and device as the options say. TOKENIZER: the model must have one. */
spn_status model_open(struct model_open *m, const struct spn_values *v, bool tokenizer,
                      struct spn_err *err);
void model_close(struct model_open *m);

#endif
