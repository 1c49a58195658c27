/* listing.h - rows of a command: JSON Lines, tab-separated text for a pipe, aligned columns with a
 * head for a terminal. */
#ifndef APP_COMMAND_LISTING_H
#define APP_COMMAND_LISTING_H
#include <jansson.h>
#include <stddef.h>
#include "spinney/plugin.h"

#define LISTING_COLUMNS_MAX 16

struct listing {
    struct spn_job *job;
    const char *const *heads;
    size_t columns;
    char **cell;
    size_t n_cells; /* kept for a terminal, whose columns are as wide as their widest cell */
};
void listing_begin(struct listing *l, struct spn_job *job, const char *const *heads,
                   size_t columns);
/* CELLS [columns] are copied; the reference to OBJECT is taken over. */
spn_status listing_row(struct listing *l, json_t *object_take, const char *const *cells,
                       struct spn_err *err);
spn_status listing_end(struct listing *l,
                       struct spn_err *err); /* call it after a failure too: it frees */

#endif
