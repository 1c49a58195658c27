#include "config.h"

#include "host/plugins.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ltdl.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"
#include "host/registry.h"
#include "host/tables.h"

#define PLUGINS_MAX 256
#define HOLDS_MAX   64

static struct plugin *plugins[PLUGINS_MAX];
static size_t n_plugins;
static struct {
    char plugin[64], holder[64];
} holds[HOLDS_MAX];
static size_t n_holds;
static const char *volatile running;
static bool started;

size_t plugins_count(void)
{
    return n_plugins;
}

const struct plugin *plugins_at(size_t i)
{
    return i < n_plugins ? plugins[i] : NULL;
}

const struct plugin *plugins_find(const char *name)
{
    size_t i;

    for (i = 0; i < n_plugins; i++)
        if (plugins[i]->loaded && strcmp(plugins[i]->name, name) == 0)
            return plugins[i];
    return NULL;
}

const char *plugins_enter(const char *name)
{
    const char *before = running;

    running = name;
    return before;
}

void plugins_leave(const char *before)
{
    running = before;
}

const char *plugins_running(void)
{
    return running;
}

static void close_handle(struct plugin *p)
{
    if (p->handle != NULL)
        lt_dlclose(p->handle);
    p->handle = NULL;
}

static void plugin_free(struct plugin *p)
{
    if (p == NULL)
        return;
    spn_free(p->path);
    spn_free(p);
}

char *plugins_code_file(const struct plugin *p)
{
    char *dir = spn_strdup(p->path), *slash, *out = NULL, *tries[2] = { NULL, NULL };
    char file[80];
    size_t i;

    if (dir == NULL || (slash = strrchr(dir, '/')) == NULL) {
        spn_free(dir);
        return spn_strdup(paths()->exe);
    }
    *slash = '\0';
    snprintf(file, sizeof file, ".libs/%s.so", p->name);
    tries[0] = spn_path_join(dir, file);
    tries[1] = spn_path_join(dir, file + 6);
    for (i = 0; i < 2; i++)
        if (out == NULL && tries[i] != NULL && spn_path_exists(tries[i]))
            out = tries[i];
        else
            spn_free(tries[i]);
    spn_free(dir);
    return out;
}

/* Root runs nobody else's code: neither the file nor its folder may be writable by all. */
static spn_status check_modes(const char *path, struct spn_err *err)
{
    char *dir;
    const char *bad = NULL;
    struct stat s;
    char *slash;

    if (geteuid() != 0)
        return SPN_OK;
    dir = spn_strdup(path);
    if (dir == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    slash = strrchr(dir, '/');
    if (stat(path, &s) == 0 && (s.st_mode & S_IWOTH) != 0)
        bad = path;
    if (slash != NULL && slash != dir) {
        *slash = '\0';
        if (bad == NULL && stat(dir, &s) == 0 && (s.st_mode & S_IWOTH) != 0)
            bad = dir;
    }
    if (bad != NULL) {
        spn_fail(err, SPN_EUSAGE, "%s: not loaded as root: all may write to %s", path, bad);
        spn_cure(err, "chmod o-w %s", bad);
    }
    spn_free(dir);
    return bad != NULL ? SPN_EUSAGE : SPN_OK;
}

/* Bind every symbol first: libltdl opens lazily, and a function that nobody defines would end the
   program at its first call; lt_dlerror, besides, only knows "file not found". */
static spn_status bind_now(const struct plugin *p, const char *code, struct spn_err *err)
{
    void *h = dlopen(code, RTLD_NOW | RTLD_LOCAL);

    if (h == NULL) {
        const char *why = dlerror();
        size_t n = strlen(code);

        if (why != NULL && strncmp(why, code, n) == 0 && why[n] == ':')
            why += n + 1 + strspn(why + n + 1, " ");
        return spn_fail(err, SPN_EFORMAT, "%s: %s", p->path,
                        why != NULL ? why : "cannot be opened");
    }
    return SPN_OK;
}

static spn_status open_handle(struct plugin *p, const char *what, struct spn_err *err)
{
    lt_dladvise advice;

    if (lt_dladvise_init(&advice) != 0)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for the loader", p->path);
    lt_dladvise_local(&advice);
    lt_dladvise_ext(&advice);
    p->handle = lt_dlopenadvise(what, advice);
    if (p->handle == NULL)
        spn_fail(err, SPN_EFORMAT, "%s: %s", p->path, lt_dlerror());
    lt_dladvise_destroy(&advice);
    return p->handle != NULL ? SPN_OK : SPN_EFORMAT;
}

static spn_status declare(struct plugin *p, struct spn_err *err)
{
    const char *before = plugins_enter(p->name);
    struct spn_err why = SPN_ERR_INIT;
    spn_status st;

    tables_host(&p->host, p);
    st = p->desc.declare(&p->host, &why);
    plugins_leave(before);
    if (st != SPN_OK) {
        registry_sweep(p->name);
        return spn_fail(err, st, "%s: declare failed (%d): %s", p->path, st,
                        why.text[0] != '\0' ? why.text : "no reason given");
    }
    return SPN_OK;
}

static spn_status load(struct plugin *p, const char *what, struct spn_err *err)
{
    const struct plugin *same = plugins_find(p->name);
    char *code = strchr(p->path, '/') != NULL ? plugins_code_file(p) : NULL;
    spn_status st = SPN_OK;
    const void *data;

    if (same != NULL)
        st = spn_fail(err, SPN_EUSAGE, "%s: shadowed by %s, found first", p->path, same->path);
    if (st == SPN_OK && strchr(p->path, '/') != NULL)
        st = check_modes(p->path, err);
    if (st == SPN_OK && code != NULL)
        st = bind_now(p, code, err);
    /* The object itself, not its .la: that names the folder it was installed to, where after a move
     * another tree may lie. */
    if (st == SPN_OK)
        st = open_handle(p, code != NULL ? code : what, err);
    spn_free(code);
    if (st != SPN_OK)
        return st;
    data = lt_dlsym(p->handle, "spn_plugin");
    if (data == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: not a spinney plugin: no symbol %s_LTX_spn_plugin",
                        p->path, p->name);
    st = plugin_check(p, data, err);
    return st != SPN_OK ? st : declare(p, err);
}

/* PATH: a file to open, or the bare name of a plugin linked in. */
static spn_status add(const char *path, struct spn_err *err)
{
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    size_t n = strcspn(base, ".");
    struct spn_err why = SPN_ERR_INIT;
    struct plugin *p = NULL;
    struct spn_buf shown = SPN_BUF_INIT(PATH_MAX);

    if (n == 0 || n >= sizeof p->name)
        return SPN_OK;
    if (n_plugins == PLUGINS_MAX)
        return spn_fail(err, SPN_EUSAGE, "%s: more than %d plugins", path, PLUGINS_MAX);
    p = spn_calloc(1, sizeof *p);
    spn_buf_printf(&shown, "%s%s", path, slash != NULL ? "" : " (linked in)");
    if (p != NULL)
        p->path = spn_buf_steal(&shown);
    if (p == NULL || p->path == NULL) {
        plugin_free(p);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    }
    memcpy(p->name, base, n);
    p->refused = load(p, path, &why);
    p->loaded = p->refused == SPN_OK;
    if (!p->loaded) {
        /* The sentence is a copy, and the descriptor's strings go with the code. */
        snprintf(p->why_not, sizeof p->why_not, "%s", why.text);
        memset(&p->desc, 0, sizeof p->desc);
        close_handle(p);
    }
    plugins[n_plugins++] = p;
    return SPN_OK;
}

/* ---- finding files ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n > k && strcmp(s + n - k, end) == 0;
}

/* Every *.la of DIR, and every *.so that has none beside it. */
static spn_status scan(const char *dir, struct spn_err *err)
{
    struct dirent **list = NULL;
    int n = scandir(dir, &list, NULL, by_name), i;
    spn_status st = SPN_OK;

    for (i = 0; i < n; i++) {
        char *file = spn_path_join(dir, list[i]->d_name);
        bool take = ends_with(list[i]->d_name, ".la");

        if (file != NULL && ends_with(list[i]->d_name, ".so")) {
            size_t k = strlen(file);

            memcpy(file + k - 2, "la", 2);
            take = !spn_path_exists(file);
            memcpy(file + k - 2, "so", 2);
        }
        if (st == SPN_OK && take && file != NULL)
            st = add(file, err);
        spn_free(file);
        free(list[i]);
    }
    free(list);
    return st;
}

static spn_status scan_list(const char *dirs, struct spn_err *err)
{
    spn_status st = SPN_OK;

    while (st == SPN_OK && dirs != NULL && *dirs != '\0') {
        size_t n = strcspn(dirs, ":");
        char *dir = n > 0 ? spn_strndup(dirs, n) : NULL;

        if (dir != NULL)
            st = scan(dir, err);
        spn_free(dir);
        dirs += n + (dirs[n] == ':');
    }
    return st;
}

#ifndef SPN_STATIC_PLUGINS
/* The build tree has no folder of plugins: its list names them. */
static spn_status scan_build(const char *build, struct spn_err *err)
{
    char *list = spn_path_join(build, "plugins.list"), *text = NULL, *line, *next = NULL;
    spn_status st = SPN_OK;

    if (list != NULL && spn_file_read(&text, NULL, list, 1 << 20, NULL) == SPN_OK)
        for (line = strtok_r(text, " \n", &next); line != NULL && st == SPN_OK;
             line = strtok_r(NULL, " \n", &next)) {
            char *file = spn_path_join(build, line);

            if (file != NULL && spn_path_exists(file))
                st = add(file, err);
            spn_free(file);
        }
    spn_free(text);
    spn_free(list);
    return st;
}
#endif

spn_status plugins_start(const char *const *dirs, size_t n_dirs, struct spn_err *err)
{
    char *user = paths()->data_home != NULL ? spn_path_join(paths()->data_home, "plugins") : NULL;
    spn_status st = SPN_OK;
    size_t i;

#ifdef SPN_STATIC_PLUGINS
    LTDL_SET_PRELOADED_SYMBOLS();
#endif
    if (lt_dlinit() != 0) {
        spn_free(user);
        return spn_fail(err, SPN_EINTERNAL, "plugins: the loader does not start: %s", lt_dlerror());
    }
    started = true;
    for (i = 0; st == SPN_OK && i < n_dirs; i++)
        st = spn_path_is_dir(dirs[i])
                 ? scan(dirs[i], err)
                 : spn_fail(err, SPN_ENOTFOUND, "%s: no such folder of plugins", dirs[i]);
    if (st == SPN_OK)
        st = scan_list(getenv("SPINNEY_PLUGIN_PATH"), err);
    if (st == SPN_OK)
        st = scan_list(getenv("LTDL_LIBRARY_PATH"), err);
    if (st == SPN_OK && user != NULL)
        st = scan(user, err);
#ifdef SPN_STATIC_PLUGINS
    {
        static const char *const linked[] = { SPN_STATIC_PLUGINS_LIST NULL };

        for (i = 0; st == SPN_OK && linked[i] != NULL; i++)
            st = add(linked[i], err);
    }
#else
    if (st == SPN_OK)
        st = paths()->build != NULL ? scan_build(paths()->build, err) : scan(paths()->plugins, err);
#endif
    spn_free(user);
    return st;
}

/* ---- holding and closing ---- */

void plugins_hold(const char *name, const char *holder)
{
    if (n_holds < HOLDS_MAX) {
        snprintf(holds[n_holds].plugin, sizeof holds[0].plugin, "%s", name);
        snprintf(holds[n_holds].holder, sizeof holds[0].holder, "%s", holder);
        n_holds++;
    }
}

void plugins_release(const char *name, const char *holder)
{
    size_t i;

    for (i = 0; i < n_holds; i++)
        if (strcmp(holds[i].plugin, name) == 0 && strcmp(holds[i].holder, holder) == 0) {
            holds[i] = holds[--n_holds];
            return;
        }
}

spn_status plugins_unload(const char *name, struct spn_err *err)
{
    struct plugin *p = (struct plugin *)plugins_find(name);
    struct spn_buf who = SPN_BUF_INIT(512);
    size_t i;

    if (p == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "%s: no such plugin is loaded", name);
    for (i = 0; i < n_holds; i++)
        if (strcmp(holds[i].plugin, name) == 0)
            spn_buf_printf(&who, "%s%s", who.length > 0 ? ", " : "", holds[i].holder);
    if (who.length > 0) {
        spn_fail(err, SPN_EUSAGE, "%s: in use by %s", name, who.data);
        spn_buf_free(&who);
        return SPN_EUSAGE;
    }
    registry_sweep(p->name);
    p->loaded = false;
    snprintf(p->why_not, sizeof p->why_not, "%s: unloaded", p->path);
    memset(&p->desc, 0, sizeof p->desc);
    close_handle(p);
    return SPN_OK;
}

void plugins_end(bool keep)
{
    size_t i;

    for (i = 0; i < n_plugins; i++) {
        registry_sweep(plugins[i]->name);
        if (!keep)
            close_handle(plugins[i]);
        plugin_free(plugins[i]);
        plugins[i] = NULL;
    }
    n_plugins = n_holds = 0;
    if (started && !keep)
        lt_dlexit();
    started = false;
}
