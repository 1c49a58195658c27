/* paths.h - where things lie: the program's own files relative to itself, the user's by XDG. */
#ifndef APP_HOST_PATHS_H
#define APP_HOST_PATHS_H
#include <stdbool.h>
#include "base/err.h"

struct paths {
    char *exe;               /* this program, links resolved */
    char *plugins, *modules; /* installed plugins and run-time modules */
    char *data;              /* share/ of the project: models/, recipes/, papers/ */
    char *build;             /* top of the build tree when the program runs from it, else NULL */
    char *config_home, *data_home, *state_home,
        *cache_home; /* …/spinney each; NULL: no home folder is known */
};

/* Find out, once.  DIR (--dir, may be NULL) puts the four folders of the user in one place. */
spn_status paths_init(const char *dir, struct spn_err *err);
void paths_free(void);
const struct paths *paths(void);
/* PATH with $HOME in front shown as ~; free with spn_free. */
char *paths_short(const char *path);

#endif
