/* module.h - run-time modules: heavy libraries (BLAS, media, network) behind a struct of functions,
 * opened on first use so that the program starts without them. */
#ifndef SPN_MODULE_H
#define SPN_MODULE_H
#include <stdint.h>
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What every module's struct begins with: its sizeof and the version of its layout. */
struct spn_module_head {
    uint32_t size, abi;
};

/* Open the module NAME ("spn_media") and give its data symbol NAME_LTX_spn_module in *OUT. PATH is
 * the file; NULL: where it lies beside libspinney (build tree) or in the folder for modules
 * (installed). The symbol's head must be WANT. A module is never closed: libraries keep
 * thread-local memory that must outlive their callers. Thread: any; the caller keeps *OUT.
 * SPN_ENOTFOUND with one sentence: not there, or of another version. */
spn_status spn_module_open(const void **out, const char *name, const char *path,
                           struct spn_module_head want, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif
