/* folder.c - which checkpoints a run holds, and removing them so that none is ever half there under
 * its name. */
#include "config.h"

#include "train/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "train/checkpoint.h"

#define PREFIX "checkpoint-"

struct found { int64_t step; bool tmp; };
struct listing { struct found *item; size_t n, room; };

spn_status train_path(char out[TRAIN_PATH_BYTES], const char *dir, const char *name,
                      struct spn_err *err)
{
    int n = snprintf(out, TRAIN_PATH_BYTES, "%s/%s", dir, name);

    if (n < 0 || n >= TRAIN_PATH_BYTES)
        return spn_fail(err, SPN_EIO, "%.200s…: the path is longer than %d bytes", dir,
                        TRAIN_PATH_BYTES - 1);
    return SPN_OK;
}

spn_status train_folder_path(char out[TRAIN_PATH_BYTES], const char *run, int64_t step, bool tmp,
                             struct spn_err *err)
{
    char name[64];

    snprintf(name, sizeof name, PREFIX "%lld%s", (long long)step, tmp ? ".tmp" : "");
    return train_path(out, run, name, err);
}

/* The step of "checkpoint-STEP" or "checkpoint-STEP.tmp", as we write it; false: another name. */
static bool parse_name(const char *name, struct found *out)
{
    const char *s = name + strlen(PREFIX);
    char *end = NULL;

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || *s < '0' || *s > '9' ||
        (*s == '0' && s[1] >= '0' && s[1] <= '9'))
        return false;
    errno = 0;
    out->step = strtoll(s, &end, 10);
    out->tmp = strcmp(end, ".tmp") == 0;
    return errno == 0 && (*end == '\0' || out->tmp);
}

static int compare_newest_first(const void *a, const void *b)
{
    int64_t x = ((const struct found *)a)->step, y = ((const struct found *)b)->step;

    return (x < y) - (x > y);
}

/* The whole list before anything is changed: what readdir gives while entries vanish is left open
 * by POSIX. */
static spn_status list(struct listing *l, const char *run, struct spn_err *err)
{
    DIR *d = opendir(run);
    struct dirent *e;
    spn_status st = SPN_OK;

    if (d == NULL)
        return errno == ENOENT ? SPN_OK : spn_fail(err, SPN_EIO, "%s: %s", run, strerror(errno));
    while (st == SPN_OK && (e = readdir(d)) != NULL) {
        struct found f;

        if (!parse_name(e->d_name, &f))
            continue;
        if (l->n == l->room) {
            struct found *more = spn_realloc(l->item, l->room * 2 + 16, sizeof *more);
            if (more == NULL) {
                st = spn_fail(err, SPN_ENOMEM, "%s: no memory left to list %zu checkpoints", run,
                              l->n);
                break;
            }
            l->item = more;
            l->room = l->room * 2 + 16;
        }
        l->item[l->n++] = f;
    }
    closedir(d);
    if (l->n > 0)
        qsort(l->item, l->n, sizeof *l->item, compare_newest_first);
    return st;
}

spn_status spn_checkpoint_last(const char *run, int64_t *step, struct spn_err *err)
{
    struct listing l = { 0 };
    spn_status st = list(&l, run, err);

    *step = -1;
    for (size_t i = 0; st == SPN_OK && i < l.n && *step < 0; i++)
        if (!l.item[i].tmp)
            *step = l.item[i].step;
    spn_free(l.item);
    return st;
}

spn_status train_folder_remove(const char *dir, struct spn_err *err)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    spn_status st = SPN_OK;

    if (d == NULL)
        return errno == ENOENT ? SPN_OK : spn_fail(err, SPN_EIO, "%s: %s", dir, strerror(errno));
    while (st == SPN_OK && (e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(dirfd(d), e->d_name, 0) != 0)
            st = spn_fail(err, SPN_EIO, "%s/%s: cannot be removed: %s", dir, e->d_name,
                          strerror(errno));
    closedir(d);
    if (st == SPN_OK && rmdir(dir) != 0)
        st = spn_fail(err, SPN_EIO, "%s: cannot be removed: %s", dir, strerror(errno));
    return st;
}

void train_folder_sync(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/* A checkpoint first loses its name, so that a kill between two files leaves only a folder that the
 * next prune removes. */
static spn_status discard(const char *run, struct found f, struct spn_err *err)
{
    char from[TRAIN_PATH_BYTES], to[TRAIN_PATH_BYTES];
    spn_status st = train_folder_path(from, run, f.step, false, err);

    if (st == SPN_OK)
        st = train_folder_path(to, run, f.step, true, err);
    if (st == SPN_OK && !f.tmp) {
        st = train_folder_remove(to, err);
        if (st == SPN_OK && rename(from, to) != 0)
            st = spn_fail(err, SPN_EIO, "%s: cannot be renamed: %s", from, strerror(errno));
    }
    return st == SPN_OK ? train_folder_remove(to, err) : st;
}

spn_status spn_checkpoint_prune(const char *run, int64_t keep, struct spn_err *err)
{
    struct listing l = { 0 };
    spn_status st = list(&l, run, err);
    int64_t kept = 0;

    for (size_t i = 0; st == SPN_OK && i < l.n; i++) {
        if (!l.item[i].tmp && (keep == 0 || kept < keep))
            kept++;
        else
            st = discard(run, l.item[i], err);
    }
    spn_free(l.item);
    return st;
}
