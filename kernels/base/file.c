#include "config.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arith.h"
#include "base/mem.h"

char *spn_path_join(const char *dir, const char *name)
{
    size_t a = strlen(dir), b = strlen(name);
    bool slash = a > 0 && dir[a - 1] != '/';
    char *path = spn_calloc(a + b + 2, 1);

    if (path == NULL)
        return NULL;
    memcpy(path, dir, a);
    if (slash)
        path[a++] = '/';
    memcpy(path + a, name, b);
    return path;
}

bool spn_path_exists(const char *path)
{
    struct stat sb;

    return stat(path, &sb) == 0;
}

bool spn_path_is_dir(const char *path)
{
    struct stat sb;

    return stat(path, &sb) == 0 && S_ISDIR(sb.st_mode);
}

spn_status spn_make_dirs(const char *path, struct spn_err *err)
{
    char *copy = spn_strdup(path), *p;
    spn_status st = SPN_OK;

    if (copy == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    for (p = copy + (*copy == '/'); st == SPN_OK; p++) {
        char c = *p;

        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (*copy != '\0' && mkdir(copy, 0777) != 0 && !(errno == EEXIST && spn_path_is_dir(copy)))
            st = spn_fail(err, SPN_EIO, "%s: %s", copy, strerror(errno));
        *p = c;
        if (c == '\0')
            break;
    }
    spn_free(copy);
    return st;
}

spn_status spn_out_open(struct spn_out *o, const char *path, struct spn_err *err)
{
    size_t n = strlen(path);
    int fd;

    memset(o, 0, sizeof *o);
    o->path = spn_strdup(path);
    o->temp = spn_calloc(n + 12, 1);
    if (o->path == NULL || o->temp == NULL) {
        spn_out_abandon(o);
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    }
    memcpy(o->temp, path, n);
    memcpy(o->temp + n, ".new-XXXXXX", 11);
    fd = mkostemp(o->temp, O_CLOEXEC);
    if (fd >= 0) {
        mode_t mask = umask(0);

        umask(mask);
        if (fchmod(fd, 0666 & ~mask) == 0)
            o->f = fdopen(fd, "wb");
    }
    if (o->f == NULL) {
        int saved = errno;

        if (fd >= 0) {
            close(fd);
            unlink(o->temp);
        }
        spn_free(o->temp);
        o->temp = NULL;
        spn_out_abandon(o);
        return spn_fail(err, SPN_EIO, "%s: cannot write there: %s", path, strerror(saved));
    }
    return SPN_OK;
}

/* The folder's entry must reach the disk too, or a crash brings the old name back. Some file
 * systems cannot: no failure. */
static void sync_folder(const char *path)
{
    char *copy = spn_strdup(path), *slash;
    int fd;

    if (copy == NULL)
        return;
    slash = strrchr(copy, '/');
    if (slash != NULL)
        slash[slash == copy] = '\0';
    fd = open(slash == NULL ? "." : copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    spn_free(copy);
}

spn_status spn_out_commit(struct spn_out *o, struct spn_err *err)
{
    bool good = fflush(o->f) == 0 && !ferror(o->f) && fsync(fileno(o->f)) == 0;
    int saved = errno;

    if (fclose(o->f) != 0 && good) {
        good = false;
        saved = errno;
    }
    o->f = NULL;
    if (good && rename(o->temp, o->path) != 0) {
        good = false;
        saved = errno;
    }
    if (!good) {
        spn_fail(err, SPN_EIO, "%s: %s", o->path, strerror(saved));
        spn_out_abandon(o);
        return SPN_EIO;
    }
    sync_folder(o->path);
    spn_free(o->temp);
    o->temp = NULL;
    spn_out_abandon(o);
    return SPN_OK;
}

void spn_out_abandon(struct spn_out *o)
{
    if (o->f != NULL)
        fclose(o->f);
    if (o->temp != NULL)
        unlink(o->temp);
    spn_free(o->path);
    spn_free(o->temp);
    memset(o, 0, sizeof *o);
}

spn_status spn_file_read(char **out, size_t *length, const char *path, size_t ceiling,
                         struct spn_err *err)
{
    FILE *f = fopen(path, "rbe");
    size_t n = 0, room = 0;
    char *data = NULL;
    spn_status st = SPN_OK;

    if (f == NULL)
        return spn_fail(err, errno == ENOENT ? SPN_ENOTFOUND : SPN_EFORMAT, "%s: %s", path,
                        strerror(errno));
    for (;;) {
        if (n == room) {
            char *more;

            room = room == 0 ? 4096 : room * 2;
            if (room > ceiling)
                room = ceiling + 1;
            more = n > ceiling ? NULL : spn_realloc(data, room + 1, 1);
            if (more == NULL) {
                st = n > ceiling
                         ? spn_fail(err, SPN_EFORMAT, "%s: more than %zu bytes", path, ceiling)
                         : spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu bytes", path, room);
                break;
            }
            data = more;
        }
        n += fread(data + n, 1, room - n, f);
        if (n < room) {
            if (ferror(f))
                st = spn_fail(err, SPN_EIO, "%s: %s", path, strerror(errno));
            break;
        }
    }
    fclose(f);
    if (st == SPN_OK && n > ceiling)
        st = spn_fail(err, SPN_EFORMAT, "%s: more than %zu bytes", path, ceiling);
    if (st != SPN_OK) {
        spn_free(data);
        return st;
    }
    data[n] = '\0';
    *out = data;
    if (length != NULL)
        *length = n;
    return SPN_OK;
}

spn_status spn_file_write(const char *path, const void *bytes, size_t length, struct spn_err *err)
{
    struct spn_out o;
    spn_status st = spn_out_open(&o, path, err);

    if (st != SPN_OK)
        return st;
    if (length > 0 && fwrite(bytes, 1, length, o.f) != length) {
        st = spn_fail(err, SPN_EIO, "%s: %s", path, strerror(errno));
        spn_out_abandon(&o);
        return st;
    }
    return spn_out_commit(&o, err);
}
