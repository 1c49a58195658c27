#include "config.h"

#include "host/tables.h"

#include <string.h>

#include "base/log.h"
#include "host/conversations.h"
#include "host/engines.h"
#include "host/files.h"
#include "host/job.h"
#include "host/plugins.h"
#include "host/prompts.h"
#include "host/registry.h"
#include "host/settings.h"
#include "host/thoughts_table.h"
#include "screen/picture_batch.h"
#include "screen/ui.h"

static void host_log(const struct spn_host *h, enum spn_log_level level, const char *text)
{
    const struct plugin *p = h->owner;

    spn_log(level, "%s: %s", p != NULL ? p->name : "spinney", text);
}

static spn_status add(const struct spn_host *h, enum spn_point point, const char *name,
                      const void *impl, struct spn_err *err)
{
    const struct plugin *p = h->owner;

    if (p == NULL)
        return registry_add("spinney", ~0u, point, name, impl, err);
    return registry_add(p->name, p->desc.points, point, name, impl, err);
}

const struct spn_registry_api table_registry = {
    .size = sizeof table_registry, .add = add, .find = registry_find, .at = registry_at
};

/* The config file's `PREFIX.name` first, then what the user wrote. */
static spn_status parse(struct spn_values **out, const struct spn_option *table,
                        const char *key_values, const char *config_prefix, struct spn_err *err)
{
    struct spn_values *v = spn_values_new(table);
    spn_status st = SPN_OK;

    if (v == NULL)
        return spn_fail(err, SPN_ENOMEM, "options: no memory");
    if (config_prefix != NULL)
        st = settings_apply(v, config_prefix, err);
    if (st == SPN_OK)
        st = spn_values_parse(v, key_values, err);
    if (st != SPN_OK) {
        spn_values_free(v);
        return st;
    }
    *out = v;
    return SPN_OK;
}

const struct spn_values_api table_values = {
    .size = sizeof table_values, .parse = parse, .set = spn_values_set, .free_ = spn_values_free
};

static const void *query(const char *name, int version)
{
    const struct {
        const char *name;
        int version;
        const void *table;
    } all[] = {
        { "registry", 1, &table_registry }, { "values", 1, &table_values },
        { "job", 1, &table_job },           { "thoughts", 1, &app_thoughts },
        { "files", 1, &table_files },
        { "engine", 1, engines_table() },   { "prompts", 1, &table_prompts },
        { "pane", 1, &pane_table },         { "picture", 1, &table_picture },
        { "store", 1, &table_store },
    };
    size_t i;

    for (i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, name) == 0 && all[i].version == version)
            return all[i].table;
    return NULL;
}

void tables_host(struct spn_host *host, struct plugin *p)
{
    *host = (struct spn_host){ .size = sizeof *host, .owner = p, .log = host_log, .query = query };
}
