/* test_host.c - the life of plugins inside the host: started and ended many times, held, unloaded,
 * swept by owner; what the registry refuses. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/message.h"
#include "host/paths.h"
#include "host/plugins.h"
#include "host/registry.h"
#include "host/tables.h"
#include "tap.h"

static const struct spn_command fine = { .summary = "s" };
static const struct spn_option twice[] = { { "a", SPN_OPT_FLAG, .help = "h" },
                                           { "a", SPN_OPT_FLAG, .help = "h" },
                                           { 0 } };
static const struct spn_command bad_options = { .summary = "s", .options = twice };

static void refused(enum spn_point point, const char *name, const void *impl, uint32_t points,
                    const char *want)
{
    struct spn_err err = SPN_ERR_INIT;
    spn_status st = registry_add("me", points, point, name, impl, &err);

    ok(st == SPN_EUSAGE && strstr(err.text, want) != NULL, "refused: %s", err.text);
}

static void test_registry(void)
{
    struct spn_err err = SPN_ERR_INIT;
    const char *name = NULL, *owner = NULL;

    ok(registry_add("me", ~0u, SPN_POINT_COMMAND, "b", &fine, &err) == SPN_OK,
       "a command is added");
    ok(registry_add("you", ~0u, SPN_POINT_COMMAND, "a", &fine, &err) == SPN_OK, "another");
    ok(registry_add("you", ~0u, SPN_POINT_TASK, "b", &fine, &err) == SPN_OK,
       "the same name at another point");
    refused(SPN_POINT_COMMAND, "a", &fine, ~0u, "is registered by you already");
    refused(SPN_POINT_COMMAND, "A", &fine, ~0u, "a name is");
    refused(SPN_POINT_COMMAND, "a-b", &fine, ~0u, "a name is");
    refused(SPN_POINT_COMMAND, "", &fine, ~0u, "a name is");
    refused(SPN_POINT_COMMAND, NULL, &fine, ~0u, "a name is");
    refused((enum spn_point)99, "c", &fine, ~0u, "extension point 99");
    refused(SPN_POINT_COMMAND, "c", NULL, ~0u, "nothing behind it");
    refused(SPN_POINT_COMMAND, "c", &fine, SPN_HAS(SPN_POINT_TASK), "does not name");
    refused(SPN_POINT_COMMAND, "c", &bad_options, ~0u, "option a is there twice");
    ok(registry_find(SPN_POINT_COMMAND, "b") == &fine, "found by point and name");
    ok(registry_find(SPN_POINT_VIEW, "b") == NULL && registry_find(SPN_POINT_VIEW, NULL) == NULL,
       "not at another point");
    ok(registry_at(SPN_POINT_COMMAND, 0, &name, &owner) == &fine && strcmp(name, "a") == 0 &&
           strcmp(owner, "you") == 0,
       "listed by name");
    ok(registry_at(SPN_POINT_COMMAND, 2, NULL, NULL) == NULL, "to their end");
    ok_int((long long)registry_sweep("you"), 2, "swept by owner");
    ok(registry_find(SPN_POINT_COMMAND, "a") == NULL &&
           registry_find(SPN_POINT_COMMAND, "b") == &fine,
       "others stay");
    registry_end();
    for (int p = 0; p < SPN_POINT_COUNT; p++)
        if (point_find(point_name((enum spn_point)p)) != (enum spn_point)p)
            ok(false, "point %d has a name of its own", p);
}

static void test_life(const char *dir)
{
    struct spn_err err = SPN_ERR_INIT;
    bool same = true;
    size_t count = 0;
    int i;

    for (i = 0; i < 30; i++) {
        same &= plugins_start(&dir, 1, &err) == SPN_OK;
        if (i == 0)
            count = plugins_count();
        same &= plugins_count() == count && plugins_find("echo") != NULL &&
                registry_find(SPN_POINT_COMMAND, "echo") != NULL;
        plugins_end(false);
        same &= registry_find(SPN_POINT_COMMAND, "echo") == NULL && plugins_count() == 0;
    }
    ok(same, "started and ended 30 times, the same %zu plugins each time", count);
    registry_end();
}

static void test_unload(const char *dir)
{
    struct spn_err err = SPN_ERR_INIT;
    const struct plugin *p;

    ok(plugins_start(&dir, 1, &err) == SPN_OK, "started");
    plugins_hold("echo", "job 1");
    plugins_hold("echo", "job 2");
    ok(plugins_unload("echo", &err) == SPN_EUSAGE, "a plugin in use is not unloaded");
    ok_str(err.text, "echo: in use by job 1, job 2", "its holders are named");
    plugins_release("echo", "job 1");
    ok(plugins_unload("echo", &err) == SPN_EUSAGE, "one holder is enough");
    plugins_release("echo", "job 2");
    ok(plugins_unload("echo", &err) == SPN_OK, "without holders it goes");
    ok(registry_find(SPN_POINT_COMMAND, "echo") == NULL &&
           registry_find(SPN_POINT_REASONER, "grove") == NULL,
       "and with it all it registered");
    ok(plugins_find("echo") == NULL, "it is not loaded any more");
    ok(plugins_unload("echo", &err) == SPN_ENOTFOUND, "twice is an error");
    p = plugins_at(0);
    ok(p != NULL && !p->loaded && strstr(p->why_not, "unloaded") != NULL, "the list says so");
    plugins_end(false);
    registry_end();
}

static void test_tables(void)
{
    struct spn_host host;

    tables_host(&host, NULL);
    ok(host.query("registry", 1) == &table_registry && host.query("values", 1) == &table_values,
       "tables are found by name and version");
    ok(host.query("registry", 2) == NULL && host.query("moon", 1) == NULL, "others are NULL");
    ok(host.query("job", 1) != NULL && host.query("engine", 1) != NULL &&
           host.query("thoughts", 1) != NULL,
       "job, engine and thoughts are there");
}

static void visible(const char *bytes, size_t n, const char *want)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);

    message_visible(&b, bytes, n);
    ok_str(b.data, want, want);
    spn_buf_free(&b);
}

int main(void)
{
    const char *build = getenv("SPINNEY_BUILDDIR");
    struct spn_err err = SPN_ERR_INIT;
    char dir[4096];

    snprintf(dir, sizeof dir, "%s/tests/app/good", build != NULL ? build : ".");
    if (paths_init(NULL, &err) != SPN_OK)
        return 99;
    test_registry();
    test_tables();
    test_life(dir);
    test_unload(dir);
    visible("a\033[31mb\tc\n", 10, "a^[[31mb\tc\n");
    visible("\302\233m \303\251 \177 \000x", 11, "\\xc2\\x9bm \303\251 ^? ^@x");
    visible("\355\240\200 \360\237\230\200 \377", 10, "\\xed\\xa0\\x80 \360\237\230\200 \\xff");
    paths_free();
    return done();
}
