/* fakehost.h - a host for tests: a registry of its own, the program's graph of thoughts, a scripted
 * engine. Header only. */
#ifndef PLUGINS_COMMON_FAKEHOST_H
#define PLUGINS_COMMON_FAKEHOST_H
#include <string.h>

#include "../../app/host/thoughts_table.h"
#include "script.h"
#include "spinney/plugin.h"

static struct {
    enum spn_point point;
    const char *name;
    const void *impl;
} fake_registered[32];
static size_t fake_n;

static spn_status fake_add(const struct spn_host *h, enum spn_point point, const char *name,
                           const void *impl, struct spn_err *err)
{
    if (fake_n == sizeof fake_registered / sizeof *fake_registered)
        return spn_fail(err, SPN_ENOMEM, "test: the registry is full");
    fake_registered[fake_n].point = point;
    fake_registered[fake_n].name = name;
    fake_registered[fake_n++].impl = impl;
    return SPN_OK;
}

static const void *fake_find(enum spn_point point, const char *name)
{
    for (size_t i = 0; i < fake_n; i++)
        if (fake_registered[i].point == point && strcmp(fake_registered[i].name, name) == 0)
            return fake_registered[i].impl;
    return NULL;
}

static const void *fake_at(enum spn_point point, size_t i, const char **name, const char **plugin)
{
    for (size_t k = 0; k < fake_n; k++)
        if (fake_registered[k].point == point && i-- == 0) {
            if (name != NULL)
                *name = fake_registered[k].name;
            if (plugin != NULL)
                *plugin = fake_registered[k].name;
            return fake_registered[k].impl;
        }
    return NULL;
}

static spn_status fake_parse(struct spn_values **out, const struct spn_option *table,
                             const char *key_values, const char *prefix, struct spn_err *err)
{
    struct spn_values *v = spn_values_new(table);
    spn_status st = v == NULL ? spn_fail(err, SPN_ENOMEM, "test: no memory")
                              : spn_values_parse(v, key_values, err);

    if (st != SPN_OK) {
        spn_values_free(v);
        return st;
    }
    *out = v;
    return SPN_OK;
}

static const struct spn_registry_api fake_registry = { sizeof fake_registry, fake_add, fake_find,
                                                       fake_at };
static const struct spn_values_api fake_values = { sizeof fake_values, fake_parse, spn_values_set,
                                                   spn_values_free };

static const void *fake_query(const char *name, int version)
{
    if (version != 1)
        return NULL;
    if (strcmp(name, "registry") == 0)
        return &fake_registry;
    if (strcmp(name, "values") == 0)
        return &fake_values;
    if (strcmp(name, "thoughts") == 0)
        return &app_thoughts;
    return strcmp(name, "engine") == 0 ? reason_script_api() : NULL;
}

static const struct spn_host fake_host = { .size = sizeof fake_host, .query = fake_query };

#endif
