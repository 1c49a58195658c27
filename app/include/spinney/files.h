/* files.h - the program's data files by name: "files" 1. */
#ifndef SPINNEY_FILES_H
#define SPINNEY_FILES_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct spn_files_api {
    uint32_t size;
    /* The path of NAME ("palettes/ade20k-150.txt"): the user's own under the data folder before the
     * project's under share/. NULL: there is none, or NAME leaves these folders. Free with
     * spn_free. */
    char *(*find)(const char *name);
};

#ifdef __cplusplus
}
#endif
#endif
