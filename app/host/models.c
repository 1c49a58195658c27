#include "config.h"

#include "host/models.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/option.h"
#include "host/model_stores.h"
#include "host/paths.h"
#include "host/settings.h"

#define SHIPPED "forest-mini"

void models_free(struct model_place *m, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        spn_free(m[i].name);
        spn_free(m[i].path);
        spn_free(m[i].alias);
        spn_free(m[i].mmproj);
    }
    spn_free(m);
}

spn_status models_add(struct model_place **list, size_t *n, const char *name, const char *path,
                      const char *alias, const char *mmproj, const char *source,
                      struct spn_err *err)
{
    struct model_place *grown, m = { .source = source };
    size_t i;

    if (name == NULL || path == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for a list of models");
    for (i = 0; i < *n; i++)
        if (strcmp((*list)[i].path, path) == 0 && strcmp((*list)[i].name, name) == 0)
            return SPN_OK;
    grown = spn_realloc(*list, *n + 1, sizeof *grown);
    if (grown != NULL)
        *list = grown;
    m.name = spn_strdup(name);
    m.path = spn_strdup(path);
    m.alias = alias != NULL ? spn_strdup(alias) : NULL;
    m.mmproj = mmproj != NULL ? spn_strdup(mmproj) : NULL;
    if (grown == NULL || m.name == NULL || m.path == NULL || (alias != NULL && m.alias == NULL) ||
        (mmproj != NULL && m.mmproj == NULL)) {
        spn_free(m.name);
        spn_free(m.path);
        spn_free(m.alias);
        spn_free(m.mmproj);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu models", path, *n + 1);
    }
    grown[(*n)++] = m;
    return SPN_OK;
}

/* ---- what could not be read ---- */

enum { UNREADABLE_MAX = 16 };
static struct {
    char path[512];
    const char *source;
} unreadable[UNREADABLE_MAX];
static size_t n_unreadable;

void models_note_unreadable(const char *path, const char *source)
{
    if (n_unreadable == UNREADABLE_MAX)
        return;
    snprintf(unreadable[n_unreadable].path, sizeof unreadable[0].path, "%s", path);
    unreadable[n_unreadable++].source = source;
}

const char *models_unreadable(size_t i, const char **cure)
{
    if (i >= n_unreadable)
        return NULL;
    *cure = strcmp(unreadable[i].source, "ollama") == 0
                ? "join the group `ollama`, or `--engine http://localhost:11434/v1`"
                : "ask its owner to let you read it";
    return unreadable[i].path;
}

/* ---- the list ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool has_end(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n > k && strcmp(s + n - k, end) == 0;
}

bool models_is_model(const char *path)
{
    char magic[9] = "";
    FILE *f;
    size_t n;

    if (spn_path_is_dir(path)) {
        char *config = spn_path_join(path, "config.json");
        bool yes = config != NULL && spn_path_exists(config);

        spn_free(config);
        return yes;
    }
    f = fopen(path, "rb");
    if (f == NULL)
        return false;
    n = fread(magic, 1, 9, f);
    fclose(f);
    return (n >= 4 && memcmp(magic, "GGUF", 4) == 0) ||
           (n == 9 && magic[8] == '{' && has_end(path, ".safetensors"));
}

/* "forest-mini.gguf" is called forest-mini. */
static char *model_name(const char *file)
{
    size_t n = strlen(file);

    return spn_strndup(file, has_end(file, ".gguf") ? n - 5 : n);
}

static spn_status scan(struct model_place **list, size_t *n, const char *dir, const char *source,
                       struct spn_err *err)
{
    struct dirent **names = NULL;
    int count = scandir(dir, &names, NULL, by_name), i;
    spn_status st = SPN_OK;

    for (i = 0; i < count; i++) {
        char *path = spn_path_join(dir, names[i]->d_name);

        if (st == SPN_OK && path != NULL && names[i]->d_name[0] != '.' && models_is_model(path)) {
            char *name = model_name(names[i]->d_name);

            st = models_add(list, n, name, path, NULL, NULL, source, err);
            spn_free(name);
        }
        spn_free(path);
        free(names[i]);
    }
    free(names);
    return st;
}

spn_status models_list(struct model_place **out, size_t *n, struct spn_err *err)
{
    char *user = paths()->data_home != NULL ? spn_path_join(paths()->data_home, "models") : NULL;
    char *ours = spn_path_join(paths()->data, "models");
    struct model_place *list = NULL;
    spn_status st = SPN_OK;

    *n = 0;
    if (user != NULL)
        st = scan(&list, n, user, "yours", err);
    if (st == SPN_OK && ours != NULL)
        st = scan(&list, n, ours, "shipped", err);
    n_unreadable = 0;
    if (st == SPN_OK)
        st = stores_list(&list, n, err);
    spn_free(user);
    spn_free(ours);
    if (st != SPN_OK) {
        models_free(list, *n);
        return st;
    }
    *out = list;
    return SPN_OK;
}

/* The sentence for a name that is nothing: with the names that come near. */
static spn_status no_model(const char *spec, const struct model_place *list, size_t n,
                           struct spn_err *err)
{
    struct spn_buf near = SPN_BUF_INIT(400);
    size_t i;

    for (i = 0; i < n; i++) {
        size_t k = strlen(spec);
        char bare[128];

        /* A tag is no part of what was mistyped. */
        snprintf(bare, sizeof bare, "%.*s", (int)strcspn(list[i].name, ":"), list[i].name);
        if (spn_edit_distance(spec, list[i].name, 3) <= 3 ||
            spn_edit_distance(spec, bare, 2) <= 2 ||
            (k >= 3 && strncasecmp(spec, list[i].name, k) == 0) ||
            (k >= 3 && list[i].alias != NULL && strcasestr(list[i].alias, spec) != NULL))
            spn_buf_printf(&near, "%s%s (%s)", near.length > 0 ? ", " : "; near: ", list[i].name,
                           list[i].source);
    }
    spn_fail(err, SPN_ENOTFOUND, "%s: no such file or model%s", spec,
             near.data != NULL ? near.data : "");
    spn_buf_free(&near);
    if (n_unreadable > 0) {
        char text[sizeof err->text];

        snprintf(text, sizeof text, "%s", err->text);
        spn_fail(err, SPN_ENOTFOUND, "%.600s; %.300s: no permission", text, unreadable[0].path);
    }
    return spn_cure(err, "spinney models");
}

/* Does SPEC, of SOURCE when that is not NULL, name M?  How well: 3 exactly, 2 without its tag
   "latest", 1 but for capitals; 0 not at all. */
static int names_model(const struct model_place *m, const char *spec, const char *source)
{
    size_t k = strlen(spec);

    if (source != NULL && strcmp(source, m->source) != 0)
        return 0;
    if (strcmp(m->name, spec) == 0 || (m->alias != NULL && strcmp(m->alias, spec) == 0))
        return 3;
    if (strncmp(m->name, spec, k) == 0 && strcmp(m->name + k, ":latest") == 0)
        return 2;
    return strcasecmp(m->name, spec) == 0 || (m->alias != NULL && strcasecmp(m->alias, spec) == 0);
}

static spn_status ambiguous(const char *spec, const struct model_place *list, size_t n,
                            const char *source, int how, size_t found, struct spn_err *err)
{
    struct spn_buf all = SPN_BUF_INIT(800);
    const char *first = NULL;

    for (size_t i = 0; i < n; i++)
        if (names_model(&list[i], spec, source) == how) {
            spn_buf_printf(&all, "%s%s (%s)", first != NULL ? ", " : "", list[i].path,
                           list[i].source);
            first = first != NULL ? first : list[i].path;
        }
    spn_fail(err, SPN_EUSAGE, "%s: %zu models have this name: %s", spec, found,
             all.data != NULL ? all.data : "");
    spn_buf_free(&all);
    return spn_cure(err, "-m %s", first != NULL ? first : "PATH");
}

static spn_status named(char **path, const char *spec, struct spn_err *err)
{
    const char *source = strncmp(spec, "ollama:", 7) == 0 ? "ollama"
                         : strncmp(spec, "hf:", 3) == 0   ? "hugging face"
                                                          : NULL;
    const char *name = source != NULL ? strchr(spec, ':') + 1 : spec;
    struct model_place *list = NULL;
    size_t n = 0, i, found = 0, at = 0;
    int how = 0;
    spn_status st;

    st = models_list(&list, &n, err);
    if (st != SPN_OK)
        return st;
    for (i = 0; i < n; i++) {
        int h = names_model(&list[i], name, source);

        if (h > how) {
            how = h;
            found = 0;
        }
        if (h > 0 && h == how) {
            at = i;
            found++;
        }
    }
    if (found == 0) {
        st = no_model(spec, list, n, err);
    } else if (found > 1) {
        st = ambiguous(spec, list, n, source, how, found, err);
    } else {
        *path = list[at].path;
        list[at].path = NULL;
    }
    models_free(list, n);
    return st;
}

spn_status models_resolve(char **path, bool *shipped, const char *spec, struct spn_err *err)
{
    const char *environment = getenv("SPINNEY_MODEL");
    bool ours = false;
    spn_status st = SPN_OK;

    if (spec == NULL && environment != NULL && environment[0] != '\0')
        spec = environment;
    if (spec == NULL)
        spec = settings_get("model");
    if (spec == NULL) {
        ours = true;
        spec = SHIPPED;
    }
    *path = NULL;
    if (!ours && spec[0] == '\0')
        return spn_fail(err, SPN_EUSAGE, "-m: an empty name");
    if (!ours && spn_path_exists(spec))
        *path = spn_strdup(spec);
    else if (!ours && (spec[0] == '/' || spec[0] == '.'))
        return spn_fail(err, SPN_ENOTFOUND, "%s: no such file or folder", spec);
    else
        st = named(path, spec, err);
    if (st == SPN_ENOTFOUND && ours) {
        spn_fail(err, SPN_ENOTFOUND,
                 "no model was named, and %s, which comes with spinney, is not under %s/models",
                 SHIPPED, paths()->data);
        spn_cure(err, "-m FILE.gguf");
    }
    if (st == SPN_OK && *path == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory", spec);
    if (st == SPN_OK && shipped != NULL)
        *shipped = ours;
    return st;
}

char *models_identity(const char *path)
{
    struct spn_buf b = SPN_BUF_INIT(PATH_MAX);
    char full[PATH_MAX];
    const char *real = realpath(path, full) != NULL ? full : path, *slash = strrchr(real, '/');
    unsigned long long bytes = 0;
    struct dirent **names = NULL;
    struct stat s;
    int n = scandir(real, &names, NULL, by_name), i;

    if (n < 0 && stat(real, &s) == 0)
        bytes = (unsigned long long)s.st_size;
    for (i = 0; i < n; i++) {
        char *file = spn_path_join(real, names[i]->d_name);

        if (file != NULL && stat(file, &s) == 0 && S_ISREG(s.st_mode))
            bytes += (unsigned long long)s.st_size;
        spn_free(file);
        free(names[i]);
    }
    free(names);
    spn_buf_printf(&b, "%s/%llu", slash != NULL ? slash + 1 : real, bytes);
    return spn_buf_steal(&b);
}
