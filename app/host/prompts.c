#include "config.h"

#include "host/prompts.h"

#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"

#define GENERAL "general"

/* BASE/prompts/SET when it is a folder, else NULL; free with spn_free. */
static char *below(const char *base, const char *set)
{
    char *prompts = base != NULL ? spn_path_join(base, "prompts") : NULL;
    char *dir = prompts != NULL ? spn_path_join(prompts, set) : NULL;

    spn_free(prompts);
    if (dir != NULL && !spn_path_is_dir(dir)) {
        spn_free(dir);
        dir = NULL;
    }
    return dir;
}

/* Folder of SET; NULL: there is none. */
static char *folder(const char *set)
{
    char *dir;

    if (strchr(set, '/') != NULL || strcmp(set, ".") == 0 || strcmp(set, "..") == 0)
        return spn_path_is_dir(set) ? spn_strdup(set) : NULL;
    dir = below(paths()->data_home, set);
    return dir != NULL ? dir : below(paths()->data, set);
}

/* DIR/TASK.END when that is a file; free with spn_free. */
static char *file_of(const char *dir, const char *task, const char *end)
{
    struct spn_buf name = SPN_BUF_INIT(256);
    char *path;

    spn_buf_printf(&name, "%s.%s", task, end);
    path = !name.failed ? spn_path_join(dir, name.data) : NULL;
    spn_buf_free(&name);
    if (path != NULL && !spn_path_exists(path)) {
        spn_free(path);
        path = NULL;
    }
    return path;
}

static spn_status open_set(struct spn_prompts **out, const char *set, const char *task,
                           struct spn_err *err)
{
    const char *name = set != NULL ? set : GENERAL;
    char *dir = folder(name), *path;
    spn_status st = SPN_OK;

    *out = NULL;
    if (dir == NULL) {
        spn_fail(err, SPN_ENOTFOUND, "prompts: there is no set \"%.60s\"", name);
        return spn_cure(err, "--prompts general, or the path of a folder with TASK.prompts in it");
    }
    path = file_of(dir, task, "prompts");
    if (path == NULL) {
        spn_free(dir);
        dir = folder(GENERAL);
        path = dir != NULL ? file_of(dir, task, "prompts") : NULL;
    }
    if (path != NULL)
        st = spn_prompts_load(out, path, err);
    spn_free(path);
    spn_free(dir);
    return st;
}

static char *examples(const char *set, const char *task)
{
    char *dir = folder(set != NULL ? set : GENERAL);
    char *path = dir != NULL ? file_of(dir, task, "examples") : NULL;

    spn_free(dir);
    return path;
}

const struct spn_prompts_api table_prompts = { .size = sizeof table_prompts,
                                               .open = open_set,
                                               .examples = examples };
