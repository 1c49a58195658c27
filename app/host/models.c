#include "config.h"

#include "host/models.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/option.h"
#include "host/paths.h"
#include "host/settings.h"

#define SHIPPED "forest-mini"

void models_free(struct model_place *m, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        spn_free(m[i].name);
        spn_free(m[i].path);
    }
    spn_free(m);
}

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
            struct model_place *grown = spn_realloc(*list, *n + 1, sizeof *grown);
            char *name = model_name(names[i]->d_name);

            if (grown != NULL)
                *list = grown;
            if (grown == NULL || name == NULL) {
                spn_free(name);
                st = spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu models", dir, *n + 1);
            } else {
                grown[(*n)++] = (struct model_place){ name, path, source };
                path = NULL;
            }
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

        if (spn_edit_distance(spec, list[i].name, 3) <= 3 ||
            (k >= 3 && strncmp(spec, list[i].name, k) == 0))
            spn_buf_printf(&near, "%s%s (%s)", near.length > 0 ? ", " : "; near: ", list[i].name,
                           list[i].source);
    }
    spn_fail(err, SPN_ENOTFOUND, "%s: no such file or model%s", spec,
             near.data != NULL ? near.data : "");
    spn_buf_free(&near);
    return spn_cure(err, "spinney models");
}

static spn_status named(char **path, const char *spec, struct spn_err *err)
{
    struct model_place *list = NULL;
    size_t n = 0, i, found = 0, at = 0;
    spn_status st;

    if (strncmp(spec, "ollama:", 7) == 0 || strncmp(spec, "hf:", 3) == 0) {
        spn_fail(err, SPN_EUSAGE, "%s: names of that source are not looked up, a path is", spec);
        return spn_cure(err, "-m FILE.gguf or -m FOLDER with config.json in it");
    }
    st = models_list(&list, &n, err);
    if (st != SPN_OK)
        return st;
    for (i = 0; i < n; i++)
        if (strcmp(list[i].name, spec) == 0) {
            at = i;
            found++;
        }
    if (found == 0) {
        st = no_model(spec, list, n, err);
    } else if (found > 1) {
        st = spn_fail(err, SPN_EUSAGE, "%s: %zu models have this name, one of them is %s", spec,
                      found, list[at].path);
        spn_cure(err, "-m %s", list[at].path);
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
    else if (!ours && strchr(spec, '/') != NULL && strncmp(spec, "hf:", 3) != 0)
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
