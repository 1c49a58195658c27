#include "config.h"

#include "inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "media/image.h"

#define LIST_MAX ((size_t)256 << 20)

static spn_status add(struct inputs *in, char *path_take, struct spn_err *err)
{
    if (path_take != NULL && in->n == in->room) {
        size_t room = in->room * 2 + 64;
        char **more = spn_realloc(in->path, room, sizeof *more);

        if (more == NULL) {
            spn_free(path_take);
            path_take = NULL;
        } else {
            in->path = more;
            in->room = room;
        }
    }
    if (path_take == NULL)
        return spn_fail(err, SPN_ENOMEM, "seg: no memory for %zu paths", in->n + 1);
    in->path[in->n++] = path_take;
    return SPN_OK;
}

static bool is_picture(const char *path)
{
    unsigned char head[64];
    FILE *f = fopen(path, "rb");
    size_t n = f != NULL ? fread(head, 1, sizeof head, f) : 0;

    if (f != NULL)
        fclose(f);
    return spn_image_kind(head, n) != NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static spn_status add_folder(struct inputs *in, const char *dir, struct spn_err *err)
{
    DIR *d = opendir(dir);
    size_t first = in->n;
    spn_status st = SPN_OK;
    struct dirent *e;

    if (d == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "%s: %s", dir, strerror(errno));
    while (st == SPN_OK && (e = readdir(d)) != NULL) {
        char *path = e->d_name[0] != '.' ? spn_path_join(dir, e->d_name) : NULL;

        if (path != NULL && !spn_path_is_dir(path) && is_picture(path))
            st = add(in, path, err);
        else
            spn_free(path);
    }
    closedir(d);
    if (st == SPN_OK && in->n == first)
        return spn_fail(err, SPN_ENOTFOUND, "%s: no pictures in this folder", dir);
    if (in->n > first)
        qsort(in->path + first, in->n - first, sizeof *in->path, by_name);
    return st;
}

static spn_status add_path(struct inputs *in, const char *path, struct spn_err *err)
{
    return spn_path_is_dir(path) ? add_folder(in, path, err) : add(in, spn_strdup(path), err);
}

static spn_status add_list(struct inputs *in, const char *list, bool zero, struct spn_err *err)
{
    const char *path = strcmp(list, "-") == 0 ? "/dev/stdin" : list;
    char *text = NULL, *at, *end;
    size_t n = 0;
    spn_status st = spn_file_read(&text, &n, path, LIST_MAX, err);

    if (st != SPN_OK)
        return st;
    for (at = text; st == SPN_OK && at < text + n; at = end + 1) {
        end = memchr(at, zero ? '\0' : '\n', (size_t)(text + n - at));
        if (end == NULL)
            end = text + n;
        *end = '\0';
        if (*at != '\0')
            st = add_path(in, at, err);
    }
    spn_free(text);
    return st;
}

/* Keep what belongs to SHARD. */
static spn_status keep_shard(struct inputs *in, const char *shard, struct spn_err *err)
{
    char *end;
    unsigned long k = strtoul(shard, &end, 10), n = *end == '/' ? strtoul(end + 1, &end, 10) : 0;
    size_t kept = 0;

    if (*end != '\0' || n == 0 || k >= n)
        return spn_fail(err, SPN_EUSAGE, "--shard %.40s: k/n with k from 0 to n-1", shard);
    for (size_t i = 0; i < in->n; i++) {
        if (i % n == k)
            in->path[kept++] = in->path[i];
        else
            spn_free(in->path[i]);
    }
    in->n = kept;
    return SPN_OK;
}

spn_status inputs_read(struct inputs *in, int argc, char **argv, const char *list, bool zero,
                       const char *shard, struct spn_err *err)
{
    spn_status st = SPN_OK;

    memset(in, 0, sizeof *in);
    for (int i = 0; i < argc && st == SPN_OK; i++)
        st = add_path(in, argv[i], err);
    if (st == SPN_OK && list != NULL)
        st = add_list(in, list, zero, err);
    if (st == SPN_OK && in->n == 0) {
        spn_fail(err, SPN_EUSAGE, "seg: no picture named");
        st = spn_cure(err, "spinney seg PICTURE --pred MASK");
    }
    if (st == SPN_OK && shard != NULL)
        st = keep_shard(in, shard, err);
    if (st != SPN_OK)
        inputs_free(in);
    return st;
}

void inputs_free(struct inputs *in)
{
    for (size_t i = 0; i < in->n; i++)
        spn_free(in->path[i]);
    spn_free(in->path);
    memset(in, 0, sizeof *in);
}

char *input_stem(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path,
               *dot = strrchr(name, '.');
    char *stem = spn_strdup(name);

    if (stem != NULL && dot != NULL && dot > name)
        stem[dot - name] = '\0';
    return stem;
}

char *input_mask(const char *dir, const char *stem)
{
    static const char *const ends[] = { "png", "npy", "json" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct spn_buf b = SPN_BUF_INIT(8192);

        spn_buf_printf(&b, "%s/%s.%s", dir, stem, ends[i]);
        if (!b.failed && spn_path_exists(b.data))
            return spn_buf_steal(&b);
        spn_buf_free(&b);
    }
    return NULL;
}
