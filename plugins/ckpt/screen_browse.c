/* screen_browse.c - picking a file: what lies in a folder that may be a checkpoint. */
#include "config.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "screen.h"

#define FOUND_MAX 4096

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool file_of_tensors(const char *name)
{
    static const char *const ends[] = { ".safetensors", ".gguf", ".pt",  ".pth",
                                        ".bin",         ".ckpt", ".npz", ".npy" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(name, ends[i]))
            return true;
    return false;
}

/* A folder that opens as a whole; else one looks inside. */
static bool folder_of_tensors(const char *path)
{
    static const char *const marks[] = { "config.json", ".metadata", "latest",
                                         "latest_checkpointed_iteration.txt" };
    struct ckpt_step *step = NULL;
    size_t n = 0;

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        char *mark = spn_path_join(path, marks[i]);
        bool there = mark != NULL && spn_path_exists(mark);

        spn_free(mark);
        if (there)
            return true;
    }
    (void)ckpt_steps(&step, &n, path, NULL);
    ckpt_steps_free(step, n);
    return n > 0;
}

void browse_forget(struct look *l)
{
    for (size_t i = 0; i < l->n_found; i++)
        spn_free(l->found[i]);
    spn_free(l->found);
    l->found = NULL;
    l->n_found = 0;
}

static int by_name(const void *a, const void *b)
{
    return ckpt_compare_names(*(char *const *)a, *(char *const *)b);
}

static void list(struct look *l, const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *e;

    l->found = spn_calloc(FOUND_MAX, sizeof *l->found);
    while (d != NULL && l->found != NULL && l->n_found < FOUND_MAX && (e = readdir(d)) != NULL) {
        char *path = e->d_name[0] != '.' ? spn_path_join(folder, e->d_name) : NULL;
        bool take = path != NULL && (spn_path_is_dir(path) || file_of_tensors(e->d_name));

        spn_free(path);
        if (take && (l->found[l->n_found] = spn_strdup(e->d_name)) != NULL)
            l->n_found++;
    }
    if (d != NULL)
        closedir(d);
    if (l->n_found > 1)
        qsort(l->found, l->n_found, sizeof *l->found, by_name);
}

static void put(struct look *l, uint64_t id, const char *name, const char *what, double bytes)
{
    char size[40] = "";
    const struct spn_field fields[] = { { name, NAN, SPN_STYLE_TEXT },
                                        { what, NAN, SPN_STYLE_DIM },
                                        { size, bytes, SPN_STYLE_TEXT } };

    if (!isnan(bytes))
        bytes_text(size, sizeof size, (uint64_t)bytes);
    l->api->row(l->tree, &(struct spn_row){ .id = id, .fields = fields, .n = 3 });
}

void browse_show(struct look *l, const char *folder)
{
    static const struct spn_column columns[] = { { "name", -1, false, 0 },
                                                 { "what", 0, false, 1 },
                                                 { "size", 0, true, 0 } };
    static const char hint[] =
        "Enter opens a file of tensors, a folder of a model, a step or a run; other folders are "
        "gone into. :ckpt PATH opens one by its path.";
    char *copy = spn_strdup(folder);

    if (copy == NULL)
        return;
    spn_free(l->folder);
    l->folder = copy;
    folder = copy; /* it may have been the old one */
    l->mode = MODE_BROWSE;
    l->columns_of_tree = false;
    browse_forget(l);
    list(l, folder);
    l->api->clear(l->tree);
    l->api->columns(l->tree, columns, sizeof columns / sizeof *columns);
    l->api->begin(l->tree);
    put(l, 1, "..", "folder", NAN);
    for (size_t i = 0; i < l->n_found; i++) {
        char *path = spn_path_join(folder, l->found[i]);
        struct stat sb;

        if (path != NULL && stat(path, &sb) == 0)
            put(l, i + 2, l->found[i],
                !S_ISDIR(sb.st_mode)      ? "file"
                : folder_of_tensors(path) ? "checkpoint"
                                          : "folder",
                S_ISDIR(sb.st_mode) ? NAN : (double)sb.st_size);
        spn_free(path);
    }
    l->api->end(l->tree);
    l->api->title(l->tree, l->asking ? "compare with" : folder);
    l->api->clear(l->detail);
    l->api->title(l->detail, "");
    l->api->block(l->detail, 1, SPN_TEXT_PLAIN, NULL, SPN_STYLE_DIM, hint, sizeof hint - 1);
    if (!l->asking)
        l->api->heading(l->screen, "ckpt: what to look into");
    l->api->focus(l->tree);
}

void browse_open(struct look *l, uint64_t id)
{
    char *path = NULL;

    if (id == 1)
        path = spn_path_join(l->folder, "..");
    else if (id - 2 < l->n_found)
        path = strcmp(l->folder, ".") != 0 ? spn_path_join(l->folder, l->found[id - 2])
                                           : spn_strdup(l->found[id - 2]);
    if (path == NULL)
        return;
    if (spn_path_is_dir(path) && (id == 1 || !folder_of_tensors(path))) {
        browse_show(l, path);
    } else if (l->asking) {
        l->asking = false;
        diff_start(l, path);
    } else {
        spn_free(l->chosen);
        l->chosen = NULL;
        look_open(l, path);
    }
    spn_free(path);
}
