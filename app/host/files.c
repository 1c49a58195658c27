#include "config.h"

#include "host/files.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/paths.h"

static char *find(const char *name)
{
    const char *const places[] = { paths()->data_home, paths()->data };

    if (name[0] == '/' || strstr(name, "..") != NULL)
        return NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = places[i] != NULL ? spn_path_join(places[i], name) : NULL;

        if (path != NULL && spn_path_exists(path))
            return path;
        spn_free(path);
    }
    return NULL;
}

const struct spn_files_api table_files = { .size = sizeof table_files, .find = find };
