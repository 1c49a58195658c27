/* format.c - the table of formats, and what all readers share: opening, the budget, names. */
#include "config.h"

#include "format/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "format/folder.h"
#include "format/source.h"

static const struct spn_format *const formats[] = {
    &k_format_gguf,
    &k_format_zip,
    &k_format_pickle,
    &k_format_npy,
    &k_format_safetensors,
    &k_format_dcp,
    &k_format_deepspeed,
    &k_format_megatron,
    &k_format_hf_folder,
};

/* ---- memory ---- */

static spn_status charge(struct spn_reader *r, uint64_t bytes, struct spn_err *err)
{
    if (bytes > r->budget - r->used)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: its header asks for %" PRIu64 " bytes of memory beside the %" PRIu64
                        " in use, %" PRIu64 " are allowed for a file of this size",
                        r->path, bytes, r->used, r->budget);
    r->used += bytes;
    return SPN_OK;
}

spn_status k_reader_alloc(struct spn_reader *r, void *out, uint64_t count, size_t size,
                          struct spn_err *err)
{
    uint64_t bytes, aligned;
    spn_status st;
    void *p;

    if (!spn_mul_u64(count, size, &bytes) || !spn_align_u64(bytes, 16, &aligned) ||
        aligned > SIZE_MAX)
        return spn_fail(err, SPN_EFORMAT, "%s: %" PRIu64 " items of %zu bytes are too many",
                        r->path, count, size);
    st = charge(r, aligned, err);
    if (st != SPN_OK)
        return st;
    p = spn_arena_alloc(r->arena, (size_t)count, size);
    if (p == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %" PRIu64 " bytes of its header",
                        r->path, bytes);
    memcpy(out, &p, sizeof p);
    return SPN_OK;
}

spn_status k_reader_dup(struct spn_reader *r, const char **out, const void *s, uint64_t length,
                        struct spn_err *err)
{
    char *copy;
    spn_status st = k_reader_alloc(r, &copy, length == UINT64_MAX ? length : length + 1, 1, err);

    if (st != SPN_OK)
        return st;
    if (length > 0)
        memcpy(copy, s, (size_t)length);
    *out = copy;
    return SPN_OK;
}

/* The old and the new array are both in memory while one is copied: both are charged. */
static spn_status reserve(struct spn_reader *r, void *items, size_t size, size_t n, size_t *room,
                          uint64_t more, const char *what, struct spn_err *err)
{
    uint64_t want, bytes;
    spn_status st;
    void *old, *grown;

    if (more <= *room - n)
        return SPN_OK;
    if (!spn_add_u64(n, more, &want) || !spn_mul_u64(want, size, &bytes) || bytes > SIZE_MAX)
        return spn_fail(err, SPN_EFORMAT, "%s: %" PRIu64 " %s are too many", r->path, more, what);
    st = charge(r, bytes, err);
    if (st != SPN_OK)
        return st;
    memcpy(&old, items, sizeof old);
    grown = spn_realloc(old, (size_t)want, size);
    if (grown == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %" PRIu64 " %s", r->path, want, what);
    memcpy(items, &grown, sizeof grown);
    r->used -= *room * size;
    *room = (size_t)want;
    return SPN_OK;
}

spn_status k_reader_reserve_entries(struct spn_reader *r, uint64_t more, struct spn_err *err)
{
    return reserve(r, &r->entries, sizeof *r->entries, r->n_entries, &r->room_entries, more,
                   "tensors", err);
}

spn_status k_reader_reserve_meta(struct spn_reader *r, uint64_t more, struct spn_err *err)
{
    return reserve(r, &r->meta, sizeof *r->meta, r->n_meta, &r->room_meta, more, "metadata keys",
                   err);
}

spn_status k_reader_add_entry(struct spn_reader *r, const char *name, const struct spn_tensor *t,
                              const struct k_file *f, uint64_t offset, struct spn_err *err)
{
    spn_status st = SPN_OK;

    if (r->n_entries == r->room_entries)
        st = k_reader_reserve_entries(r, r->n_entries / 2 + 16, err);
    if (st == SPN_OK)
        r->entries[r->n_entries++] =
            (struct spn_entry){ .name = name, .t = *t, .offset = offset, .file = f->name };
    return st;
}

spn_status k_reader_add_meta(struct spn_reader *r, const char *key, const struct spn_meta *v,
                             struct spn_err *err)
{
    spn_status st = SPN_OK;

    if (r->n_meta == r->room_meta)
        st = k_reader_reserve_meta(r, r->n_meta / 2 + 16, err);
    if (st == SPN_OK)
        r->meta[r->n_meta++] = (struct k_meta){ .key = key, .v = *v };
    return st;
}

spn_status k_reader_add_global(struct spn_reader *r, const char *name, struct spn_err *err)
{
    spn_status st = SPN_OK;

    if (r->n_globals == r->room_globals)
        st = reserve(r, &r->globals, sizeof *r->globals, r->n_globals, &r->room_globals,
                     r->n_globals / 2 + 16, "globals", err);
    if (st == SPN_OK)
        r->globals[r->n_globals++] = name;
    return st;
}

void k_reader_absent(struct spn_reader *r, const char *name)
{
    if (r->n_absent++ == 0)
        r->absent = name;
}

spn_status k_tensor_init(struct spn_tensor *t, int dtype, int ndim, const int64_t *dim,
                         const void *data, const struct k_file *f, const char *name,
                         struct spn_err *err)
{
    struct spn_err why = SPN_ERR_INIT;
    uint64_t product = 1;

    for (int i = 0; i < ndim; i++)
        if (dim[i] > 0 &&
            (!spn_mul_u64(product, (uint64_t)dim[i], &product) || product > INT64_MAX))
            return spn_fail(
                err, SPN_EFORMAT,
                "%s: tensor %.100s: the product of its dimensions overflows at %" PRId64, f->name,
                name, dim[i]);
    if (spn_tensor_init(t, dtype, ndim, dim, (void *)(uintptr_t)data, &why) != SPN_OK)
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %.100s: %s", f->name, name, why.text);
    return SPN_OK;
}

/* ---- names ---- */

struct named { const char *name; };

int k_compare_names(const void *a, const void *b)
{
    const struct named *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

const char *k_sort_names(const void **pointers, size_t n)
{
    if (n < 2)
        return NULL;
    qsort(pointers, n, sizeof *pointers, k_compare_names);
    for (size_t i = 1; i < n; i++)
        if (k_compare_names(&pointers[i - 1], &pointers[i]) == 0)
            return ((const struct named *)pointers[i])->name;
    return NULL;
}

/* Sorting, and not hashing: a file cannot choose names that make it slow. */
spn_status k_reader_index(struct spn_reader *r, struct spn_err *err)
{
    const char *twice;
    spn_status st = SPN_OK;

    if (r->by_name != NULL)
        return SPN_OK;
    st = k_reader_alloc(r, &r->by_name, r->n_entries, sizeof *r->by_name, err);

    if (st == SPN_OK)
        st = k_reader_alloc(r, &r->by_key, r->n_meta, sizeof *r->by_key, err);
    if (st != SPN_OK)
        return st;
    for (size_t i = 0; i < r->n_entries; i++)
        r->by_name[i] = &r->entries[i];
    for (size_t i = 0; i < r->n_meta; i++)
        r->by_key[i] = &r->meta[i];
    twice = k_sort_names((const void **)r->by_name, r->n_entries);
    if (twice != NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: two tensors are named %.200s", r->path, twice);
    twice = k_sort_names((const void **)r->by_key, r->n_meta);
    if (twice != NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: metadata key %.200s is there twice", r->path, twice);
    return SPN_OK;
}

const struct spn_entry *spn_reader_find(const struct spn_reader *r, const char *name)
{
    struct named want = { name };
    const struct named *key = &want;
    const struct spn_entry **at = NULL;

    if (r->n_entries > 0)
        at = bsearch(&key, r->by_name, r->n_entries, sizeof *r->by_name, k_compare_names);
    return at != NULL ? *at : NULL;
}

size_t spn_reader_count(const struct spn_reader *r)
{
    return r->n_entries;
}

const struct spn_entry *spn_reader_at(const struct spn_reader *r, size_t i)
{
    return i < r->n_entries ? &r->entries[i] : NULL;
}

const char *spn_reader_format(const struct spn_reader *r)
{
    return r->name;
}

const char *spn_reader_path(const struct spn_reader *r)
{
    return r->path;
}

/* ---- opening ---- */

static spn_status add_file(struct spn_reader *r, const char *name, struct k_file **out,
                           struct spn_err *err)
{
    struct k_file *f = NULL;
    spn_status st = k_reader_alloc(r, &f, 1, sizeof *f, err);

    if (st == SPN_OK)
        st = k_reader_dup(r, &f->name, name, strlen(name), err);
    if (st != SPN_OK)
        return st;
    f->next = r->files;
    r->files = f;
    *out = f;
    return SPN_OK;
}

spn_status k_reader_map(struct spn_reader *r, const char *path, const struct k_file **out,
                        struct spn_err *err)
{
    struct k_file *f = NULL;
    spn_status st = add_file(r, path, &f, err);

    if (st == SPN_OK)
        st = spn_map_open(&f->map, path, err);
    if (st != SPN_OK)
        return st;
    f->mapped = true;
    f->data = f->map.data;
    f->size = f->map.size;
    if (!spn_add_u64(r->budget, f->size, &r->budget))
        return spn_fail(err, SPN_EFORMAT, "%s: %" PRIu64 " bytes are too many", path, f->size);
    *out = f;
    return SPN_OK;
}

void k_reader_unmap(struct spn_reader *r, const struct k_file *f)
{
    for (struct k_file *p = r->files; p != NULL; p = p->next) {
        if (p == f && p->mapped) {
            spn_map_close(&p->map);
            p->mapped = false;
            p->data = NULL;
            p->size = 0;
        }
    }
}

static struct spn_reader *reader_new(const char *path)
{
    struct spn_reader *r = spn_calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->budget = READER_SPARE;
    r->path = spn_strdup(path);
    r->arena = spn_arena_new(SIZE_MAX);
    if (r->path == NULL || r->arena == NULL) {
        spn_reader_close(r);
        return NULL;
    }
    return r;
}

static spn_status read_as(struct spn_reader *r, const struct spn_format *format,
                          const struct k_file *f, struct spn_err *err)
{
    spn_status st;

    r->format = format;
    snprintf(r->name, sizeof r->name, "%s", format->name);
    st = format->read(r, f, err);
    return st == SPN_OK ? k_reader_index(r, err) : st;
}

/* Names come from the file: what they hold must not break the sentence or move a cursor. */
static void make_visible(struct spn_err *err)
{
    unsigned char *p = err != NULL ? (unsigned char *)err->text : NULL;

    for (; p != NULL && *p != '\0'; p++) {
        if (*p < ' ' || *p == 127)
            *p = '?';
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)      /* U+0080 to U+009F */
            p[0] = p[1] = '?';
    }
}

static spn_status no_format(const struct k_file *f, struct spn_err *err)
{
    char head[4 * 8 + 1] = "";
    size_t n = f->size < 8 ? (size_t)f->size : 8;

    if (f->size == 0)
        return spn_fail(err, SPN_EFORMAT, "%s: the file is empty (0 bytes)", f->name);
    for (size_t i = 0; i < n; i++)
        snprintf(head + 3 * i, sizeof head - 3 * i, " %02x", f->data[i]);
    return spn_fail(err, SPN_EFORMAT,
                    "%s: no GGUF, safetensors, PyTorch or NumPy file: %" PRIu64
                    " bytes that begin with%s",
                    f->name, f->size, head);
}

/* What is missing, in a sentence. */
static spn_status say_short(struct spn_reader *r, struct spn_err *err)
{
    struct spn_err text = SPN_ERR_INIT;

    if (r->n_absent == 0)
        return SPN_OK;
    spn_fail(&text, SPN_EFORMAT,
             "%s: %" PRIu64 " of %" PRIu64
             " tensors are not there whole, the first is %.200s: still being written, or cut",
             r->path, r->n_absent, r->n_absent + r->n_entries, r->absent);
    make_visible(&text);
    r->short_of = spn_strdup(text.text);
    return r->short_of != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "%s: no memory", r->path);
}

static spn_status open_path(struct spn_reader **out, const char *path, bool partial,
                            struct spn_err *err)
{
    struct spn_reader *r = reader_new(path);
    const struct spn_format *format = NULL;
    struct k_file dir = { .name = path };
    const struct k_file *f = &dir;
    spn_status st = SPN_OK;
    bool folder = spn_path_is_dir(path);

    if (r == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to open it", path);
    r->partial = partial;
    if (!folder)
        st = k_reader_map(r, path, &f, err);
    for (size_t i = 0; st == SPN_OK && i < sizeof formats / sizeof *formats && format == NULL; i++)
        if (formats[i]->folder == folder && formats[i]->knows(f))
            format = formats[i];
    if (st == SPN_OK)
        st = format != NULL ? read_as(r, format, f, err) : no_format(f, err);
    if (st == SPN_OK)
        st = say_short(r, err);
    if (st == SPN_OK) {
        *out = r;
    } else {
        make_visible(err);
        spn_reader_close(r);
    }
    return st;
}

spn_status spn_reader_open(struct spn_reader **out, const char *path, struct spn_err *err)
{
    return open_path(out, path, false, err);
}

spn_status spn_reader_open_partial(struct spn_reader **out, const char *path, struct spn_err *err)
{
    return open_path(out, path, true, err);
}

const char *spn_reader_short(const struct spn_reader *r)
{
    return r->short_of;
}

spn_status spn_reader_open_memory(struct spn_reader **out, const char *format, const void *bytes,
                                  size_t n, struct spn_err *err)
{
    struct spn_reader *r = NULL;
    struct k_file *f = NULL;
    spn_status st = SPN_OK;
    static const char behind[] = " partial";
    size_t i = 0, length = strlen(format), m = sizeof behind - 1;
    bool partial = length > m && strcmp(format + length - m, behind) == 0;

    length -= partial ? m : 0;
    while (i < sizeof formats / sizeof *formats &&
           (strlen(formats[i]->name) != length || strncmp(formats[i]->name, format, length) != 0))
        i++;
    if (i == sizeof formats / sizeof *formats)
        return spn_fail(err, SPN_EUSAGE, "no format is named %s", format);
    r = reader_new("(memory)");
    if (r == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory to read %zu bytes of %s", n, format);
    r->in_memory = true;
    r->partial = partial;
    if (!spn_add_u64(r->budget, n, &r->budget))
        st = spn_fail(err, SPN_EFORMAT, "%zu bytes are too many", n);
    if (st == SPN_OK)
        st = add_file(r, r->path, &f, err);
    if (st == SPN_OK) {
        f->data = bytes;
        f->size = n;
        st = read_as(r, formats[i], f, err);
    }
    if (st == SPN_OK)
        st = say_short(r, err);
    if (st == SPN_OK) {
        *out = r;
    } else {
        make_visible(err);
        spn_reader_close(r);
    }
    return st;
}

void spn_reader_close(struct spn_reader *r)
{
    if (r == NULL)
        return;
    for (struct k_file *f = r->files; f != NULL; f = f->next)
        if (f->mapped)
            spn_map_close(&f->map);
    spn_free(r->entries);
    spn_free(r->meta);
    spn_free(r->globals);
    spn_free(r->path);
    spn_free(r->short_of);
    spn_arena_free(r->arena);
    spn_free(r);
}

spn_status spn_reader_check(const struct spn_reader *r, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (const struct k_file *f = r->files; st == SPN_OK && f != NULL; f = f->next)
        if (f->mapped)
            st = spn_map_check(&f->map, err);
    return st;
}

spn_status spn_reader_current(const struct spn_reader *r, struct spn_err *err)
{
    spn_status st = spn_reader_check(r, err);

    for (const struct k_file *f = r->files; st == SPN_OK && f != NULL; f = f->next)
        if (f->mapped)
            st = spn_map_current(&f->map, err);
    return st;
}

char *spn_reader_folder_file(const struct spn_reader *r, const char *name)
{
    char *path;

    if (!r->format->folder || r->in_memory)
        return NULL;
    path = spn_path_join(r->path, name);
    if (path != NULL && !spn_path_exists(path)) {
        spn_free(path);
        return NULL;
    }
    return path;
}
