/* lab.h - training runs: their curves as records, and as a screen. */
#ifndef PLUGIN_LAB_H
#define PLUGIN_LAB_H
#include "spinney/plugin.h"

/* Call TAKE with the path of each run below DIR, folders in the order of their names, three levels
 * down and 4,000 names at most. A run is not searched further. */
void lab_find(const char *dir, void (*take)(void *ctx, const char *path), void *ctx);
/* The last part of PATH, for a list; lent. */
const char *lab_name(const char *path);
/* Does NAME fit one of GLOBS [N]? N 0: yes. */
bool lab_wanted(const char *name, const char *const *globs, size_t n);
/* Append a blank and S as one word of a shell. */
void lab_quote(struct spn_buf *b, const char *s);

extern const struct spn_view lab_view;

#endif
