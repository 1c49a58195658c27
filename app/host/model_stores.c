/* model_stores.c - where the stores lie, and how each names what it has.
 *
 * Hugging Face: hub/models--ORG--NAME/snapshots/REVISION, refs/main holds the revision in use.
 * Ollama: manifests/HOST/ORG/NAME/TAG, JSON whose layers name blobs/sha256-HEX.
 * LM Studio: models/ORG/REPOSITORY/FILE.gguf.  llama.cpp: one folder of files. */
#include "config.h"

#include "host/model_stores.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum { MANIFEST_MAX = 1 << 20 };

struct search {
    struct model_place **list;
    size_t *n;
    const char *source;
    struct spn_err *err;
};

/* ---- folders ---- */

/* The names in DIR, sorted, but those that begin with a dot; free with names_free. A folder that is
 * there and cannot be read is noted under the store's own name. */
static int names_of(const char *dir, const char *source, char ***out)
{
    struct dirent **found = NULL;
    int n = scandir(dir, &found, NULL, alphasort), k = 0;

    *out = NULL;
    if (n < 0) {
        if (errno == EACCES || errno == EPERM)
            models_note_unreadable(dir, source);
        return 0;
    }
    *out = spn_calloc((size_t)n + 1, sizeof **out);
    for (int i = 0; i < n; i++) {
        if (*out != NULL && found[i]->d_name[0] != '.' &&
            ((*out)[k] = spn_strdup(found[i]->d_name)) != NULL)
            k++;
        free(found[i]);
    }
    free(found);
    return k;
}

static void names_free(char **names, int n)
{
    for (int i = 0; i < n; i++)
        spn_free(names[i]);
    spn_free(names);
}

static bool has_end(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n > k && strcasecmp(s + n - k, end) == 0;
}

/* BASE/A/B, freed with spn_free; NULL when BASE is. */
static char *below(const char *base, const char *a)
{
    return base != NULL ? spn_path_join(base, a) : NULL;
}

static char *from_home(const char *a)
{
    const char *home = getenv("HOME");

    return home != NULL && home[0] == '/' ? spn_path_join(home, a) : NULL;
}

static char *from_environment(const char *name)
{
    const char *set = getenv(name);

    return set != NULL && set[0] == '/' ? spn_strdup(set) : NULL;
}

static char *cache_home(const char *a)
{
    char *xdg = from_environment("XDG_CACHE_HOME"), *base, *out;

    base = xdg != NULL ? xdg : from_home(".cache");
    out = below(base, a);
    spn_free(base);
    return out;
}

/* ---- GGUF files in a folder ---- */

/* A later part of a split file is no model of its own: "-00002-of-00003.gguf". */
static bool is_later_part(const char *file)
{
    size_t n = strlen(file);
    const char *at = n > 20 ? file + n - 20 : NULL;

    return at != NULL && at[0] == '-' && strncmp(at + 6, "-of-", 4) == 0 &&
           strncmp(at + 1, "00001", 5) != 0;
}

static bool is_projector(const char *file)
{
    return strncasecmp(file, "mmproj", 6) == 0;
}

/* ALIAS is the name the store gives the whole folder; NULL: none. */
static spn_status gguf_files(struct search *s, const char *dir, const char *alias)
{
    char **names = NULL, *projector = NULL;
    int n = names_of(dir, s->source, &names);
    spn_status st = SPN_OK;

    for (int i = 0; i < n && projector == NULL; i++)
        if (has_end(names[i], ".gguf") && is_projector(names[i]))
            projector = spn_path_join(dir, names[i]);
    for (int i = 0; st == SPN_OK && i < n; i++)
        if (has_end(names[i], ".gguf") && !is_projector(names[i]) && !is_later_part(names[i])) {
            char *path = spn_path_join(dir, names[i]),
                 *name = spn_strndup(names[i], strlen(names[i]) - 5);

            /* The first part of a split file names them all: "NAME-00001-of-00003". */
            if (name != NULL && strlen(name) > 15 &&
                strncmp(name + strlen(name) - 15, "-00001-of-", 10) == 0)
                name[strlen(name) - 15] = '\0';
            st = models_add(s->list, s->n, name, path, alias, projector, s->source, s->err);
            spn_free(name);
            spn_free(path);
        }
    spn_free(projector);
    names_free(names, n);
    return st;
}

/* ---- Hugging Face ---- */

/* The snapshot that refs/main names, else the newest one. */
static char *snapshot_of(const char *repository)
{
    char *ref = below(repository, "refs/main"), *snapshots = below(repository, "snapshots"),
         *text = NULL, *best = NULL, **names = NULL;
    struct stat s, newest = { 0 };
    int n;

    if (ref != NULL && spn_file_read(&text, NULL, ref, 256, NULL) == SPN_OK) {
        text[strcspn(text, " \r\n")] = '\0';
        if (text[0] != '\0' && text[0] != '.' && strchr(text, '/') == NULL)
            best = below(snapshots, text);
    }
    spn_free(text);
    spn_free(ref);
    if (best != NULL && spn_path_is_dir(best)) {
        spn_free(snapshots);
        return best;
    }
    spn_free(best);
    best = NULL;
    n = snapshots != NULL ? names_of(snapshots, "hugging face", &names) : 0;
    for (int i = 0; i < n; i++) {
        char *path = spn_path_join(snapshots, names[i]);

        if (path != NULL && stat(path, &s) == 0 && S_ISDIR(s.st_mode) &&
            (best == NULL || s.st_mtime > newest.st_mtime)) {
            spn_free(best);
            best = path;
            newest = s;
        } else {
            spn_free(path);
        }
    }
    names_free(names, n);
    spn_free(snapshots);
    return best;
}

/* "models--ORG--NAME" -> "ORG/NAME"; NULL: of another kind (data sets, spaces). */
static char *repository_name(const char *folder)
{
    const char *org = strncmp(folder, "models--", 8) == 0 ? folder + 8 : NULL,
               *cut = org != NULL ? strstr(org, "--") : NULL;
    struct spn_buf b = SPN_BUF_INIT(PATH_MAX);

    if (org == NULL || org[0] == '\0')
        return NULL;
    if (cut == NULL)
        spn_buf_puts(&b, org);
    else
        spn_buf_printf(&b, "%.*s/%s", (int)(cut - org), org, cut + 2);
    return spn_buf_steal(&b);
}

/* Has the folder weights that are ours to read? */
static bool has_weights(const char *dir)
{
    char **names = NULL;
    int n = names_of(dir, "hugging face", &names);
    bool yes = false;

    for (int i = 0; i < n; i++)
        yes |= has_end(names[i], ".safetensors") || has_end(names[i], ".bin") ||
               has_end(names[i], ".pt");
    names_free(names, n);
    return yes;
}

static spn_status hugging_face(struct search *s)
{
    char *hub = from_environment("HF_HUB_CACHE"), *home, **names = NULL;
    spn_status st = SPN_OK;
    int n;

    if (hub == NULL) {
        home = from_environment("HF_HOME");
        if (home == NULL)
            home = cache_home("huggingface");
        hub = below(home, "hub");
        spn_free(home);
    }
    n = hub != NULL ? names_of(hub, s->source, &names) : 0;
    for (int i = 0; st == SPN_OK && i < n; i++) {
        char *name = repository_name(names[i]),
             *repository = name != NULL ? spn_path_join(hub, names[i]) : NULL,
             *snapshot = repository != NULL ? snapshot_of(repository) : NULL,
             *config = below(snapshot, "config.json");

        if (config != NULL && spn_path_exists(config) && has_weights(snapshot)) {
            const char *slash = strrchr(name, '/');

            st = models_add(s->list, s->n, slash != NULL ? slash + 1 : name, snapshot, name, NULL,
                            s->source, s->err);
        }
        if (st == SPN_OK && snapshot != NULL)
            st = gguf_files(s, snapshot, name);
        spn_free(config);
        spn_free(snapshot);
        spn_free(repository);
        spn_free(name);
    }
    names_free(names, n);
    spn_free(hub);
    return st;
}

/* ---- Ollama ---- */

/* The blob of the layer of a kind: "sha256:HEX" lies in blobs/sha256-HEX. */
static char *blob_of(const json_t *layers, const char *kind, const char *store)
{
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        const char *type = json_string_value(json_object_get(layer, "mediaType")),
                   *digest = json_string_value(json_object_get(layer, "digest"));
        char file[128], *blobs, *path;

        if (type == NULL || digest == NULL || strcmp(type, kind) != 0 ||
            strncmp(digest, "sha256:", 7) != 0 || strlen(digest + 7) != 64 ||
            strspn(digest + 7, "0123456789abcdef") != 64)
            continue;
        snprintf(file, sizeof file, "sha256-%s", digest + 7);
        blobs = spn_path_join(store, "blobs");
        path = below(blobs, file);
        spn_free(blobs);
        return path;
    }
    return NULL;
}

/* NAME is "qwen2.5:0.5b", with its organisation and host where they are not the usual ones. */
static spn_status manifest(struct search *s, const char *store, const char *file, const char *name)
{
    char *text = NULL, *path = NULL, *projector = NULL;
    size_t n = 0;
    json_t *o = NULL;
    const json_t *layers;
    spn_status st = SPN_OK;

    if (spn_file_read(&text, &n, file, MANIFEST_MAX, NULL) != SPN_OK)
        return SPN_OK;
    o = json_loadb(text, n, 0, NULL);
    layers = json_object_get(o, "layers");
    path = blob_of(layers, "application/vnd.ollama.image.model", store);
    projector = blob_of(layers, "application/vnd.ollama.image.projector", store);
    if (path != NULL)
        st = models_add(s->list, s->n, name, path, NULL, projector, s->source, s->err);
    json_decref(o);
    spn_free(text);
    spn_free(path);
    spn_free(projector);
    return st;
}

/* Four levels below manifests/: host, organisation, name, tag. */
static spn_status manifests(struct search *s, const char *store, const char *dir, int level,
                            const char *so_far)
{
    char **names = NULL;
    int n = names_of(dir, s->source, &names);
    spn_status st = SPN_OK;

    for (int i = 0; st == SPN_OK && i < n; i++) {
        struct spn_buf b = SPN_BUF_INIT(PATH_MAX);
        char *path = spn_path_join(dir, names[i]);
        bool usual = (level == 0 && strcmp(names[i], "registry.ollama.ai") == 0) ||
                     (level == 1 && so_far[0] == '\0' && strcmp(names[i], "library") == 0);

        spn_buf_puts(&b, so_far);
        if (!usual)
            spn_buf_printf(&b, "%s%s", names[i], level == 2 ? ":" : level < 2 ? "/" : "");
        if (path == NULL || b.failed)
            st = spn_fail(s->err, SPN_ENOMEM, "%s: no memory for its names", store);
        else if (level == 3)
            st = manifest(s, store, path, b.data);
        else if (spn_path_is_dir(path))
            st = manifests(s, store, path, level + 1, b.data != NULL ? b.data : "");
        spn_buf_free(&b);
        spn_free(path);
    }
    names_free(names, n);
    return st;
}

static spn_status ollama_store(struct search *s, const char *store)
{
    char *dir = below(store, "manifests");
    spn_status st = SPN_OK;

    /* Asked first: below a folder that cannot be searched nothing is even missing. */
    if (store != NULL && access(store, R_OK | X_OK) != 0 && errno == EACCES)
        models_note_unreadable(store, s->source);
    else if (dir != NULL && spn_path_is_dir(dir))
        st = manifests(s, store, dir, 0, "");
    spn_free(dir);
    return st;
}

static spn_status ollama(struct search *s)
{
    char *own = from_environment("OLLAMA_MODELS");
    spn_status st;

    if (own == NULL)
        own = from_home(".ollama/models");
    st = ollama_store(s, own);
    spn_free(own);
    if (st == SPN_OK && getenv("OLLAMA_MODELS") == NULL)
        st = ollama_store(s, "/usr/share/ollama/.ollama/models");
    return st;
}

/* ---- LM Studio and llama.cpp ---- */

static spn_status lm_studio_folder(struct search *s, const char *top)
{
    char **orgs = NULL;
    int n = names_of(top, s->source, &orgs);
    spn_status st = SPN_OK;

    for (int i = 0; st == SPN_OK && i < n; i++) {
        char *org = spn_path_join(top, orgs[i]), **names = NULL;
        int k = org != NULL && spn_path_is_dir(org) ? names_of(org, s->source, &names) : 0;

        for (int j = 0; st == SPN_OK && j < k; j++) {
            char *dir = spn_path_join(org, names[j]);
            struct spn_buf alias = SPN_BUF_INIT(PATH_MAX);

            spn_buf_printf(&alias, "%s/%s", orgs[i], names[j]);
            if (dir != NULL && spn_path_is_dir(dir))
                st = gguf_files(s, dir, alias.data);
            spn_buf_free(&alias);
            spn_free(dir);
        }
        names_free(names, k);
        spn_free(org);
    }
    names_free(orgs, n);
    return st;
}

static spn_status lm_studio(struct search *s)
{
    static const char *const places[] = { ".lmstudio/models", ".cache/lm-studio/models" };
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < sizeof places / sizeof *places; i++) {
        char *top = from_home(places[i]);

        if (top != NULL)
            st = lm_studio_folder(s, top);
        spn_free(top);
    }
    return st;
}

static spn_status llama_cpp(struct search *s)
{
    char *dir = from_environment("LLAMA_CACHE");
    spn_status st = SPN_OK;

    if (dir == NULL)
        dir = cache_home("llama.cpp");
    if (dir != NULL)
        st = gguf_files(s, dir, NULL);
    spn_free(dir);
    return st;
}

spn_status stores_list(struct model_place **list, size_t *n, struct spn_err *err)
{
    static const struct {
        const char *source;
        spn_status (*look)(struct search *s);
    } stores[] = { { "hugging face", hugging_face },
                   { "ollama", ollama },
                   { "lm studio", lm_studio },
                   { "llama.cpp", llama_cpp } };
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i < sizeof stores / sizeof *stores; i++) {
        struct search s = { list, n, stores[i].source, err };

        st = stores[i].look(&s);
    }
    return st;
}
