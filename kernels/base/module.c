#include "config.h"

#include "base/module.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Any address of this library: tells where it was loaded from. */
static const char anchor[] = "libspinney";

static void *open_beside(const char *name)
{
    static const char *const folders[] = { "spinney/", "", "../lib/spinney/" };
    char path[4096];
    Dl_info here;
    const char *slash;
    void *handle = NULL;

    if (dladdr(anchor, &here) == 0 || here.dli_fname == NULL)
        return NULL;
    slash = strrchr(here.dli_fname, '/');
    for (size_t i = 0; i < sizeof folders / sizeof *folders && handle == NULL; i++) {
        int dir = slash != NULL ? (int)(slash - here.dli_fname + 1) : 0;
        int length =
            snprintf(path, sizeof path, "%.*s%s%s.so", dir, here.dli_fname, folders[i], name);

        if (length > 0 && (size_t)length < sizeof path)
            handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    return handle;
}

spn_status spn_module_open(const void **out, const char *name, const char *path,
                           struct spn_module_head want, struct spn_err *err)
{
    void *handle = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : open_beside(name);
    const struct spn_module_head *head;
    char symbol[128];

    if (handle == NULL) {
        const char *why = dlerror();

        return spn_fail(err, SPN_ENOTFOUND, "%s: %s", name,
                        why != NULL ? why : "the module is not installed");
    }
    snprintf(symbol, sizeof symbol, "%s_LTX_spn_module", name);
    head = dlsym(handle, symbol);
    if (head == NULL)
        spn_fail(err, SPN_ENOTFOUND, "%s: the file is not this module: it lacks %s", name, symbol);
    else if (head->size != want.size || head->abi != want.abi)
        spn_fail(err, SPN_ENOTFOUND, "%s: the module is of another version of spinney", name);
    else {
        *out = head;
        return SPN_OK;
    }
    dlclose(handle);
    return SPN_ENOTFOUND;
}
