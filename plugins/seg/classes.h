/* classes.h - names and colours of label ids. */
#ifndef SEG_CLASSES_H
#define SEG_CLASSES_H
#include <stdint.h>
#include "spinney/files.h"
#include "spinney/plugin.h"

#define CLASSES_MAX 256
#define IGNORED     255 /* the id of pixels that belong to no class */

struct classes {
    char *text; /* the file; names point into it; NULL: unnamed classes */
    int n;
    const char *name[CLASSES_MAX]; /* NULL past n */
    uint8_t rgb[CLASSES_MAX][3];   /* filled for every id */
};

/* From LIST: a file of lines `name #RRGGBB` (the colour may be missing), or the name of one of
 * share/palettes; NULL: no names, colours by id. Free with classes_free. */
spn_status classes_load(struct classes *c, const struct spn_files_api *files, const char *list,
                        struct spn_err *err);
void classes_free(struct classes *c);
/* "road", or "class 6" in ROOM when it has no name. */
const char *classes_name(const struct classes *c, int id, char room[16]);

#endif
