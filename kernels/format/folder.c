/* folder.c - looking into checkpoint folders. */
#include "config.h"

#include "format/folder.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum { NAMES_MAX = 65536 };

spn_status k_folder_map(struct spn_reader *r, const char *dir, const char *name,
                        const struct k_file **out, struct spn_err *err)
{
    char *path = spn_path_join(dir, name);
    spn_status st;

    *out = NULL;
    if (path == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to look for %s", dir, name);
    st = spn_path_exists(path) ? k_reader_map(r, path, out, err) : SPN_OK;
    spn_free(path);
    return st;
}

bool k_folder_has(const char *dir, const char *name)
{
    char *path = spn_path_join(dir, name);
    bool has = path != NULL && spn_path_exists(path);

    spn_free(path);
    return has;
}

bool k_folder_plain_name(const char *s)
{
    if (s[0] == '\0' || s[0] == '.' || strlen(s) > 255)
        return false;
    for (; *s != '\0'; s++)
        if (*s == '/' || *s == '\\' || *s == ':' || (unsigned char)*s < ' ' || *s == 127)
            return false;
    return true;
}

/* Runs of digits count as numbers. */
static int compare_natural(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;

    while (*x != '\0' && *y != '\0') {
        size_t m = strspn(x, "0123456789"), n = strspn(y, "0123456789");

        if (m > 0 && n > 0) {
            int c;

            for (; m > 1 && *x == '0'; x++)
                m--;
            for (; n > 1 && *y == '0'; y++)
                n--;
            c = m != n ? (m > n) - (m < n) : memcmp(x, y, m);
            if (c != 0)
                return c;
            x += m;
            y += n;
            continue;
        }
        if (*x != *y)
            return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
        x++;
        y++;
    }
    return (*x != '\0') - (*y != '\0');
}

static bool matches(const char *name, const char *head, const char *tail)
{
    size_t n = strlen(name), h = strlen(head), t = strlen(tail);

    return n >= h + t && memcmp(name, head, h) == 0 && strcmp(name + n - t, tail) == 0;
}

spn_status k_folder_list(struct spn_reader *r, const char *dir, const char *head, const char *tail,
                         const char *const **names, size_t *n, struct spn_err *err)
{
    const char **list = NULL;
    size_t room = 0, used = 0;
    spn_status st = SPN_OK;

    for (int pass = 0; st == SPN_OK && pass < 2; pass++) {
        DIR *d = opendir(dir);
        struct dirent *e;

        if (d == NULL)
            break;
        while (st == SPN_OK && (e = readdir(d)) != NULL) {
            if (!matches(e->d_name, head, tail))
                continue;
            if (pass == 0)
                room++;
            else if (used < room)
                st = k_reader_dup(r, &list[used++], e->d_name, strlen(e->d_name), err);
        }
        closedir(d);
        if (st == SPN_OK && room > NAMES_MAX)
            st = spn_fail(err, SPN_EFORMAT, "%s: %zu files named %s…%s, at most %d are read", dir,
                          room, head, tail, NAMES_MAX);
        if (st == SPN_OK && pass == 0)
            st = k_reader_alloc(r, &list, room, sizeof *list, err);
    }
    if (used > 1)
        qsort(list, used, sizeof *list, compare_natural);
    *names = list;
    *n = used;
    return st;
}
