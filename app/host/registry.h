/* registry.h - implementations of extension points, found by type and name, swept by owner. */
#ifndef APP_HOST_REGISTRY_H
#define APP_HOST_REGISTRY_H
#include "spinney/plugin.h"

/* "reasoner", "kv_policy" …; NULL past the last point. */
const char *point_name(enum spn_point point);
enum spn_point point_find(const char *name); /* SPN_POINT_COUNT: none */

/* Add IMPL for the plugin called OWNER (kept, not copied), whose descriptor announced POINTS.
   SPN_EUSAGE: a bad name, a name that is taken (both owners are named), a point that was not
   announced, an option table that is not well formed. */
spn_status registry_add(const char *owner, uint32_t points, enum spn_point point, const char *name,
                        const void *impl, struct spn_err *err);
const void *registry_find(enum spn_point point, const char *name);
const void *registry_at(enum spn_point point, size_t i, const char **name, const char **owner);
/* Remove what OWNER registered; says how many there were. */
size_t registry_sweep(const char *owner);
void registry_end(void);
/* The option table of an implementation; NULL: none or a point without options. */
const struct spn_option *registry_options(enum spn_point point, const void *impl);

#endif
