/* tables.h - the function tables that query() hands to plugins. */
#ifndef APP_HOST_TABLES_H
#define APP_HOST_TABLES_H
#include "spinney/plugin.h"

struct plugin;
/* Fill HOST for the plugin P; NULL: the program itself. */
void tables_host(struct spn_host *host, struct plugin *p);

extern const struct spn_registry_api table_registry;
extern const struct spn_values_api table_values;

#endif
