/* folder.c - looking into checkpoint folders. */
#include "config.h"

#include "format/folder.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum { NAMES_MAX = 65536, MEMORY_NAMES_MAX = 256 };

/* ---- a folder in memory: its files one after another, each after a line `@@ NAME` ---- */

struct section {
    const char *name, *from, *to; /* NAME ends with its line */
    size_t name_bytes;
};

/* The section whose line begins at or after *AT; false: none is left. */
static bool next_section(const struct k_file *whole, const char **at, struct section *out)
{
    const char *p = *at, *end = (const char *)whole->data + whole->size, *line_end;

    out->name = NULL;
    for (; p < end; p = line_end < end ? line_end + 1 : end) {
        line_end = memchr(p, '\n', (size_t)(end - p));
        if (line_end == NULL)
            line_end = end;
        if (line_end - p < 3 || memcmp(p, "@@ ", 3) != 0)
            continue;
        if (out->name != NULL)
            break;
        out->name = p + 3;
        out->name_bytes = (size_t)(line_end - p) - 3;
        out->from = line_end < end ? line_end + 1 : end;
    }
    out->to = p;
    *at = p;
    return out->name != NULL;
}

/* The bytes that were opened: the first file of all. */
static const struct k_file *whole_of(const struct spn_reader *r)
{
    const struct k_file *f = r->files;

    while (f != NULL && f->next != NULL)
        f = f->next;
    return f;
}

/* DIR below the folder that was opened, with a slash behind it where it is not that one. */
static const char *inside(const struct spn_reader *r, const char *dir)
{
    size_t n = strlen(r->path);

    return strncmp(dir, r->path, n) == 0 ? dir + n + (dir[n] == '/') : dir;
}

static bool section_is(const struct section *s, const char *dir, const char *name)
{
    size_t d = strlen(dir), slash = d > 0, n = strlen(name);

    return s->name_bytes == d + slash + n && memcmp(s->name, dir, d) == 0 &&
           (!slash || s->name[d] == '/') && memcmp(s->name + d + slash, name, n) == 0;
}

static bool find_section(const struct spn_reader *r, const char *dir, const char *name,
                         struct section *out)
{
    const struct k_file *whole = whole_of(r);
    const char *at = whole != NULL ? (const char *)whole->data : NULL;

    while (at != NULL && next_section(whole, &at, out))
        if (section_is(out, inside(r, dir), name))
            return true;
    return false;
}

static spn_status map_section(struct spn_reader *r, const char *dir, const char *name,
                              const struct k_file **out, struct spn_err *err)
{
    struct k_file *slot = NULL;
    struct section s;
    spn_status st;

    if (!find_section(r, dir, name, &s))
        return SPN_OK;
    st = k_reader_alloc(r, &slot, 1, sizeof *slot, err);
    if (st == SPN_OK)
        st = k_reader_dup(r, &slot->name, name, strlen(name), err);
    if (st != SPN_OK)
        return st;
    slot->data = (const unsigned char *)s.from;
    slot->size = (uint64_t)(s.to - s.from);
    *out = slot;
    return SPN_OK;
}

/* ---- files ---- */

spn_status k_folder_map(struct spn_reader *r, const char *dir, const char *name,
                        const struct k_file **out, struct spn_err *err)
{
    char *path;
    spn_status st;

    *out = NULL;
    if (r->in_memory)
        return map_section(r, dir, name, out, err);
    path = spn_path_join(dir, name);
    if (path == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to look for %s", dir, name);
    st = spn_path_exists(path) ? k_reader_map(r, path, out, err) : SPN_OK;
    spn_free(path);
    return st;
}

bool k_folder_has(const struct spn_reader *r, const char *dir, const char *name)
{
    struct section s;
    char *path;
    bool has;

    if (r != NULL && r->in_memory)
        return find_section(r, dir, name, &s);
    path = spn_path_join(dir, name);
    has = path != NULL && spn_path_exists(path);
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

/* What lies in DIR of a folder in memory: files, and the folders that names go through. */
static spn_status list_sections(struct spn_reader *r, const char *dir, const char *head,
                                const char *tail, const char **list, size_t room, size_t *n,
                                struct spn_err *err)
{
    const struct k_file *whole = whole_of(r);
    const char *at = whole != NULL ? (const char *)whole->data : NULL, *lead = inside(r, dir);
    size_t d = strlen(lead) + (lead[0] != '\0');
    struct section s;
    spn_status st = SPN_OK;

    while (st == SPN_OK && at != NULL && next_section(whole, &at, &s)) {
        const char *name = s.name + d, *slash, *made = NULL;
        size_t length;
        bool twice = false;

        if (s.name_bytes < d || (d > 0 && (memcmp(s.name, lead, d - 1) != 0 || name[-1] != '/')))
            continue;
        slash = memchr(name, '/', s.name_bytes - d);
        length = slash != NULL ? (size_t)(slash - name) : s.name_bytes - d;
        if (*n == room)
            break;
        st = k_reader_dup(r, &made, name, length, err);
        for (size_t i = 0; st == SPN_OK && !twice && i < *n; i++)
            twice = strcmp(list[i], made) == 0;
        if (st == SPN_OK && !twice && strlen(made) == length && matches(made, head, tail))
            list[(*n)++] = made;
    }
    return st;
}

spn_status k_folder_list(struct spn_reader *r, const char *dir, const char *head, const char *tail,
                         const char *const **names, size_t *n, struct spn_err *err)
{
    const char **list = NULL;
    size_t room = 0, used = 0;
    spn_status st =
        r->in_memory ? k_reader_alloc(r, &list, MEMORY_NAMES_MAX, sizeof *list, err) : SPN_OK;

    if (st == SPN_OK && r->in_memory)
        st = list_sections(r, dir, head, tail, list, MEMORY_NAMES_MAX, &used, err);
    for (int pass = r->in_memory ? 2 : 0; st == SPN_OK && pass < 2; pass++) {
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
