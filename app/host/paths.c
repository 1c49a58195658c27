#include "config.h"

#include "host/paths.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

/* The folders that configure chose; the program uses only how they lie to each other, unless it was
 * moved apart. */
#ifndef SPN_BINDIR
#error "SPN_BINDIR, SPN_PKGLIBDIR and SPN_PKGDATADIR come from the build"
#endif

static struct paths here;

const struct paths *paths(void)
{
    return &here;
}

static char *program_path(void)
{
    char text[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", text, sizeof text - 1);

    if (n <= 0)
        return NULL;
    text[n] = '\0';
    return spn_strdup(text);
}

/* Cut the last part off PATH, in place: "/a/b" to "/a". */
static void cut_last(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash != NULL)
        *(slash == path ? slash + 1 : slash) = '\0';
}

/* TO as it lies from the folder FROM, carried over to the folder AT: ("/usr/bin", "/usr/share/x",
   "/opt/bin") gives
   "/opt/bin/../share/x". */
static char *carried(const char *from, const char *to, const char *at)
{
    struct spn_buf b = SPN_BUF_INIT(PATH_MAX);
    size_t same = 0, i;
    const char *p;

    for (i = 0; from[i] != '\0' && from[i] == to[i]; i++)
        if (from[i] == '/')
            same = i;
    if ((from[i] == '\0' && (to[i] == '/' || to[i] == '\0')) || (to[i] == '\0' && from[i] == '/'))
        same = i;
    spn_buf_puts(&b, at);
    for (p = from + same; *p != '\0'; p++)
        if (*p == '/' && p[1] != '\0')
            spn_buf_puts(&b, "/..");
    if (to[same] != '\0')
        spn_buf_printf(&b, "%s%s", to[same] == '/' ? "" : "/", to + same);
    return b.failed ? (spn_buf_free(&b), NULL) : spn_buf_steal(&b);
}

/* The build tree that holds the program (libtool puts it in .libs), or the one SPINNEY_BUILDDIR
 * names; else NULL. */
static char *build_tree(const char *exe)
{
    const char *named = getenv("SPINNEY_BUILDDIR");
    char *dir = spn_strdup(exe), *mark;
    bool found;

    if (dir == NULL)
        return NULL;
    cut_last(dir);
    if (strlen(dir) > 6 && strcmp(dir + strlen(dir) - 6, "/.libs") == 0)
        cut_last(dir);
    mark = spn_path_join(dir, "plugins.list");
    found = mark != NULL && spn_path_exists(mark);
    spn_free(mark);
    if (found)
        return dir;
    spn_free(dir);
    return named != NULL && named[0] == '/' ? spn_strdup(named) : NULL;
}

/* The first line of FILE in the build tree: where its sources lie. */
static char *source_tree(const char *build)
{
    char *name = spn_path_join(build, "source.dir"), *text = NULL;

    if (name != NULL && spn_file_read(&text, NULL, name, PATH_MAX, NULL) == SPN_OK)
        text[strcspn(text, "\n")] = '\0';
    spn_free(name);
    return text;
}

static char *user_dir(const char *variable, const char *below_home, const char *dir,
                      const char *part)
{
    const char *set = getenv(variable), *home = getenv("HOME");
    char *base, *out;

    if (dir != NULL)
        return spn_path_join(dir, part);
    if (set != NULL && set[0] == '/') /* the XDG specification ignores a relative one */
        return spn_path_join(set, "spinney");
    if (home == NULL || home[0] != '/')
        return NULL;
    base = spn_path_join(home, below_home);
    out = base != NULL ? spn_path_join(base, "spinney") : NULL;
    spn_free(base);
    return out;
}

static void find_own(void)
{
    char *bin = spn_strdup(here.exe), *source = NULL, *dir;

    if (bin == NULL)
        return;
    cut_last(bin);
    here.data = carried(SPN_BINDIR, SPN_PKGDATADIR, bin);
    here.plugins = carried(SPN_BINDIR, SPN_PKGLIBDIR "/plugins", bin);
    here.modules = carried(SPN_BINDIR, SPN_PKGLIBDIR, bin);
    if (here.data == NULL || !spn_path_is_dir(here.data)) {
        here.build = build_tree(here.exe);
        source = here.build != NULL ? source_tree(here.build) : NULL;
        spn_free(here.data);
        spn_free(here.plugins);
        spn_free(here.modules);
        dir = source != NULL ? spn_path_join(source, "share") : spn_strdup(SPN_PKGDATADIR);
        here.data = dir;
        here.plugins = spn_strdup(here.build != NULL ? here.build : SPN_PKGLIBDIR "/plugins");
        here.modules = spn_strdup(here.build != NULL ? here.build : SPN_PKGLIBDIR);
    }
    spn_free(source);
    spn_free(bin);
}

spn_status paths_init(const char *dir, struct spn_err *err)
{
    char full[PATH_MAX];

    if (dir != NULL && realpath(dir, full) == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "%s: no such folder", dir);
    paths_free();
    here.exe = program_path();
    if (here.exe == NULL)
        here.exe = spn_strdup(SPN_BINDIR "/spinney");
    if (here.exe != NULL)
        find_own();
    if (here.exe == NULL || here.data == NULL || here.plugins == NULL || here.modules == NULL)
        return spn_fail(err, SPN_ENOMEM, "spinney: no memory for the names of its folders");
    here.config_home = user_dir("XDG_CONFIG_HOME", ".config", dir != NULL ? full : NULL, "config");
    here.data_home = user_dir("XDG_DATA_HOME", ".local/share", dir != NULL ? full : NULL, "data");
    here.state_home =
        user_dir("XDG_STATE_HOME", ".local/state", dir != NULL ? full : NULL, "state");
    here.cache_home = user_dir("XDG_CACHE_HOME", ".cache", dir != NULL ? full : NULL, "cache");
    return SPN_OK;
}

void paths_free(void)
{
    char **all[] = { &here.exe,       &here.plugins,    &here.modules,
                     &here.data,      &here.build,      &here.config_home,
                     &here.data_home, &here.state_home, &here.cache_home };
    size_t i;

    for (i = 0; i < sizeof all / sizeof *all; i++) {
        spn_free(*all[i]);
        *all[i] = NULL;
    }
}

char *paths_short(const char *path)
{
    const char *home = getenv("HOME");
    size_t n = home != NULL ? strlen(home) : 0;
    struct spn_buf b = SPN_BUF_INIT(PATH_MAX);

    if (n > 1 && strncmp(path, home, n) == 0 && (path[n] == '/' || path[n] == '\0'))
        spn_buf_printf(&b, "~%s", path + n);
    else
        spn_buf_puts(&b, path);
    return spn_buf_steal(&b);
}
