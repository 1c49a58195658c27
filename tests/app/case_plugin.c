/* case_plugin.c - one plugin that fails in one way, chosen by CASE_… at compile time; NAME is its
 * file's name. */
#include "config.h"

#include "spinney/plugin.h"

#define GLUE(a, b)   a##b
#define SYMBOL(name) GLUE(name, _LTX_spn_plugin)
#define TEXT_OF(x)   #x
#define TEXT(x)      TEXT_OF(x)

static spn_status run(const struct spn_host *h, struct spn_job *j, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    return SPN_OK;
}

static const struct spn_command command = { .summary = "does nothing",
                                            .usage = "nothing",
                                            .run = run };

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);
#ifdef CASE_DECLARE
    spn_status st = registry->add(host, SPN_POINT_COMMAND, "left_behind", &command, err);

    return st != SPN_OK ? st : spn_fail(err, SPN_EIO, "the moon is full");
#elif defined CASE_DUPLICATE
    return registry->add(host, SPN_POINT_COMMAND, "version", &command, err);
#elif defined CASE_UNANNOUNCED
    return registry->add(host, SPN_POINT_TASK, "nothing", &command, err);
#elif defined CASE_UNRESOLVED
    extern int spinney_nobody_defines_this(void);

    return registry->add(host, SPN_POINT_COMMAND, "unresolved", &command, err) +
           spinney_nobody_defines_this();
#else
    return registry->add(host, SPN_POINT_COMMAND, TEXT(NAME), &command, err);
#endif
}

#ifdef CASE_OPTIONS
static const struct spn_option options[] = {
    { "n", SPN_OPT_INT, .lo = 1, .hi = 2, .dflt.i = 3, .help = "outside" }, { 0 }
};
#else
static const struct spn_option options[] = {
    { "n", SPN_OPT_INT, .lo = 1, .hi = 5, .dflt.i = 3, .help = "inside" }, { 0 }
};
#endif

#ifdef CASE_SYMBOL
extern const int NAME;
const int NAME = 1;
static const struct {
    const void *options;
    spn_status (*declare)(const struct spn_host *host, struct spn_err *err);
} case_parts = { options, declare };
const void *case_plugin_keep(void);
const void *case_plugin_keep(void)
{
    return &case_parts;
}
#else
extern const struct spn_plugin SYMBOL(NAME);
__attribute__((visibility("default"))) const struct spn_plugin SYMBOL(NAME) = {
#ifdef CASE_MAGIC
    .magic = 0x12345678,
#else
    .magic = SPN_PLUGIN_MAGIC,
#endif
#ifdef CASE_SIZE
    .size = 16,
#else
    .size = sizeof(struct spn_plugin),
#endif
#ifdef CASE_MAJOR
    .abi_major = SPN_ABI_MAJOR + 1,
#else
    .abi_major = SPN_ABI_MAJOR,
#endif
#ifdef CASE_MINOR
    .abi_minor = SPN_ABI_MINOR + 1,
#else
    .abi_minor = SPN_ABI_MINOR,
#endif
#ifdef CASE_FINGERPRINT
    .fingerprint = SPN_ABI_FINGERPRINT + 1,
#else
    .fingerprint = SPN_ABI_FINGERPRINT,
#endif
#ifdef CASE_NAME
    .name = "somebody_else",
#else
    .name = TEXT(NAME),
#endif
#ifndef CASE_VERSION
    .version = "1",
#endif
#ifdef CASE_POINTS
    .points = 1u << 31,
#else
    .points = SPN_HAS(SPN_POINT_COMMAND),
#endif
    .licence = "GPL-3.0-or-later",
    .summary = "a test plugin",
    .options = options,
    .declare = declare,
};
#endif
