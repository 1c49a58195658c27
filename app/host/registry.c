#include "config.h"

#include "host/registry.h"

#include <string.h>

#include "base/mem.h"

struct entry {
    enum spn_point point;
    const char *name, *owner;
    const void *impl;
};

/* Sorted by point, then name. */
static struct entry *entries;
static size_t n_entries, room;

static const char *const names[SPN_POINT_COUNT] = {
    [SPN_POINT_VIEW] = "view",
    [SPN_POINT_COMMAND] = "command",
    [SPN_POINT_REASONER] = "reasoner",
    [SPN_POINT_TASK] = "task",
    [SPN_POINT_ENGINE] = "engine",
    [SPN_POINT_TOOL] = "tool",
    [SPN_POINT_DECODER] = "decoder",
    [SPN_POINT_KV_POLICY] = "kv_policy",
    [SPN_POINT_ARCHITECTURE] = "architecture",
    [SPN_POINT_LAYER] = "layer",
    [SPN_POINT_OP] = "op",
    [SPN_POINT_TOKEN_REDUCER] = "token_reducer",
    [SPN_POINT_CLASSIFIER] = "classifier",
    [SPN_POINT_SEGMENTER] = "segmenter",
    [SPN_POINT_EMBEDDER] = "embedder",
    [SPN_POINT_CODEC] = "codec",
    [SPN_POINT_TRAINER] = "trainer",
    [SPN_POINT_DATA] = "data",
    [SPN_POINT_PLANNER] = "planner",
    [SPN_POINT_BENCH] = "bench",
};

const char *point_name(enum spn_point point)
{
    return (unsigned)point < SPN_POINT_COUNT ? names[point] : NULL;
}

enum spn_point point_find(const char *name)
{
    int p;

    for (p = 0; p < SPN_POINT_COUNT; p++)
        if (strcmp(names[p], name) == 0)
            return (enum spn_point)p;
    return SPN_POINT_COUNT;
}

const struct spn_option *registry_options(enum spn_point point, const void *impl)
{
    switch (point) {
    case SPN_POINT_COMMAND:
        return ((const struct spn_command *)impl)->options;
    case SPN_POINT_REASONER:
        return ((const struct spn_reasoner *)impl)->options;
    case SPN_POINT_DATA:
        return ((const struct spn_data *)impl)->options;
    case SPN_POINT_ENGINE:
        return ((const struct spn_engine_kind *)impl)->options;
    case SPN_POINT_BENCH:
        return ((const struct spn_bench *)impl)->options;
    case SPN_POINT_CODEC:
        return ((const struct spn_codec *)impl)->options;
    default:
        return NULL;
    }
}

static bool good_name(const char *name)
{
    size_t i;

    if (name == NULL || name[0] < 'a' || name[0] > 'z')
        return false;
    for (i = 1; name[i] != '\0'; i++)
        if (i == 63 || !((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
                         name[i] == '_'))
            return false;
    return true;
}

static int compare(const struct entry *e, enum spn_point point, const char *name)
{
    return e->point != point ? (e->point < point ? -1 : 1) : strcmp(e->name, name);
}

/* Place of (POINT, NAME), or where it would stand. */
static size_t place(enum spn_point point, const char *name, bool *there)
{
    size_t i = 0;

    while (i < n_entries && compare(&entries[i], point, name) < 0)
        i++;
    *there = i < n_entries && compare(&entries[i], point, name) == 0;
    return i;
}

spn_status registry_add(const char *owner, uint32_t points, enum spn_point point, const char *name,
                        const void *impl, struct spn_err *err)
{
    char who[160];
    spn_status st;
    bool there;
    size_t i;

    if ((unsigned)point >= SPN_POINT_COUNT)
        return spn_fail(err, SPN_EUSAGE, "%s: extension point %d, known are 0..%d", owner,
                        (int)point, SPN_POINT_COUNT - 1);
    if (!good_name(name))
        return spn_fail(err, SPN_EUSAGE, "%s: %s \"%.64s\": a name is [a-z][a-z0-9_]*, 63 at most",
                        owner, names[point], name != NULL ? name : "(none)");
    if ((points & SPN_HAS(point)) == 0)
        return spn_fail(err, SPN_EUSAGE,
                        "%s: registers the %s %s, a point its descriptor does not name", owner,
                        names[point], name);
    if (impl == NULL)
        return spn_fail(err, SPN_EUSAGE, "%s: %s %s: nothing behind it", owner, names[point], name);
    i = place(point, name, &there);
    if (there)
        return spn_fail(err, SPN_EUSAGE, "%s: %s %s is registered by %s already", owner,
                        names[point], name, entries[i].owner);
    snprintf(who, sizeof who, "%s: %s %s", owner, names[point], name);
    st = spn_options_check(registry_options(point, impl), who, err);
    if (st != SPN_OK)
        return st;
    if (n_entries == room) {
        struct entry *grown = spn_realloc(entries, room + 32, sizeof *grown);

        if (grown == NULL)
            return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu registered names", owner,
                            room + 32);
        entries = grown;
        room += 32;
    }
    memmove(entries + i + 1, entries + i, (n_entries - i) * sizeof *entries);
    entries[i] = (struct entry){ point, name, owner, impl };
    n_entries++;
    return SPN_OK;
}

const void *registry_find(enum spn_point point, const char *name)
{
    bool there;
    size_t i;

    if (name == NULL)
        return NULL;
    i = place(point, name, &there);
    return there ? entries[i].impl : NULL;
}

const void *registry_at(enum spn_point point, size_t i, const char **name, const char **owner)
{
    bool there;
    size_t k = place(point, "", &there) + i;

    if (k >= n_entries || entries[k].point != point)
        return NULL;
    if (name != NULL)
        *name = entries[k].name;
    if (owner != NULL)
        *owner = entries[k].owner;
    return entries[k].impl;
}

size_t registry_sweep(const char *owner)
{
    size_t i, kept = 0, before = n_entries;

    for (i = 0; i < n_entries; i++)
        if (strcmp(entries[i].owner, owner) != 0)
            entries[kept++] = entries[i];
    n_entries = kept;
    return before - kept;
}

void registry_end(void)
{
    spn_free(entries);
    entries = NULL;
    n_entries = room = 0;
}
