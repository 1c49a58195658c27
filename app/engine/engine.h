/* engine.h - the local engine as the host sees it: one table, and what the command line asked of
 * it. */
#ifndef APP_ENGINE_ENGINE_H
#define APP_ENGINE_ENGINE_H
#include "base/cancel.h"
#include "spinney/engine.h"

/* Set before the first open; the engine copies it. Engines with different settings are different
 * engines. */
struct engine_settings {
    int64_t ctx;  /* most tokens a sequence; 0: the model's */
    int threads;  /* 0: spn_threads_allowed() */
    bool act_f32; /* --act f32: products on f32 activations; default int8 */
    int kv_dtype; /* SPN_F32 or SPN_F16 */
    const char *lora; /* adapters_text's; NULL: none */
    struct spn_cancel
        *cancel; /* set when the user stops; next() then returns SPN_ECANCEL; NULL: never */
};
spn_status engine_local_configure(const struct engine_settings *s, struct spn_err *err);

/* "engine/1" of the local engine. The host hands out a copy whose open() first turns a name into a
   path: SPEC of this open is always the path of a model file or folder. */
const struct spn_engine_api *engine_local(void);
/* Close every engine that is still open; the program calls it once, at its end. */
void engine_local_end(void);

#endif
