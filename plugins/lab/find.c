/* find.c - the runs below a folder. */
#include "config.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/curves.h"
#include "lab.h"

enum { DEPTH = 3, NAMES = 4000 };

struct search {
    void (*take)(void *ctx, const char *path);
    void *ctx;
    int left;
};

static int shown(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void look(struct search *s, const char *dir, int depth)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, shown, alphasort);

    for (int i = 0; i < n; i++) {
        char *path = s->left > 0 ? spn_path_join(dir, names[i]->d_name) : NULL;

        s->left--;
        if (path != NULL && spn_curves_probe(path) != NULL)
            s->take(s->ctx, path);
        else if (path != NULL && depth > 1 && names[i]->d_type != DT_LNK && spn_path_is_dir(path))
            look(s, path, depth - 1);
        spn_free(path);
        free(names[i]);
    }
    free(names);
}

void lab_find(const char *dir, void (*take)(void *ctx, const char *path), void *ctx)
{
    struct search s = { take, ctx, NAMES };

    if (spn_curves_probe(dir) != NULL)
        take(ctx, dir);
    else
        look(&s, dir, DEPTH);
}

const char *lab_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

bool lab_wanted(const char *name, const char *const *globs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fnmatch(globs[i], name, 0) == 0)
            return true;
    return n == 0;
}

void lab_quote(struct spn_buf *b, const char *s)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";

    if (s[strspn(s, plain)] == '\0') {
        spn_buf_printf(b, " %s", s);
        return;
    }
    spn_buf_puts(b, " '");
    for (; *s != '\0'; s++)
        spn_buf_puts(b, *s == '\'' ? "'\\''" : (char[2]){ *s, '\0' });
    spn_buf_puts(b, "'");
}
