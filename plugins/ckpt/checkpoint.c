/* checkpoint.c - opening, choosing and sorting the rows of a checkpoint. */
#include "config.h"

#include "checkpoint.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/option.h"

/* ---- steps of a run ---- */

/* The step in NAME, -1: it is not the name of one. */
static int64_t step_of(const char *name)
{
    static const char *const leads[] = { "checkpoint", "global_step", "iter",
                                         "step",       "epoch",       "ckpt" };
    static const char *const ends[] = {
        "", ".safetensors", ".pt", ".pth", ".bin", ".gguf", ".npz"
    };

    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        size_t n = strlen(leads[i]);
        const char *p = name + n;
        char *end;
        long long step;

        if (strncmp(name, leads[i], n) != 0)
            continue;
        p += *p == '-' || *p == '_';
        if (!isdigit((unsigned char)*p))
            continue;
        errno = 0;
        step = strtoll(p, &end, 10);
        for (size_t k = 0; errno == 0 && k < sizeof ends / sizeof *ends; k++)
            if (strcmp(end, ends[k]) == 0)
                return step;
    }
    return -1;
}

static int by_step(const void *a, const void *b)
{
    const struct ckpt_step *x = a, *y = b;

    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    return strcmp(x->path, y->path);
}

spn_status ckpt_steps(struct ckpt_step **out, size_t *n, const char *dir, struct spn_err *err)
{
    DIR *d = opendir(dir);
    struct ckpt_step *list = NULL;
    size_t count = 0;
    struct dirent *e;
    spn_status st = SPN_OK;

    *out = NULL;
    *n = 0;
    if (d == NULL)
        return SPN_OK;
    while (st == SPN_OK && (e = readdir(d)) != NULL) {
        int64_t step = step_of(e->d_name);
        struct ckpt_step *grown;

        if (step < 0)
            continue;
        grown = spn_realloc(list, count + 1, sizeof *list);
        if (grown != NULL) {
            list = grown;
            list[count] = (struct ckpt_step){ step, spn_path_join(dir, e->d_name) };
        }
        if (grown == NULL || list[count].path == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for its steps", dir);
        else
            count++;
    }
    closedir(d);
    if (st != SPN_OK) {
        ckpt_steps_free(list, count);
        return st;
    }
    if (count > 1)
        qsort(list, count, sizeof *list, by_step);
    *out = list;
    *n = count;
    return SPN_OK;
}

void ckpt_steps_free(struct ckpt_step *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        spn_free(s[i].path);
    spn_free(s);
}

/* ---- opening ---- */

static spn_status fill(struct ckpt *c, struct spn_err *err)
{
    size_t n = spn_reader_count(c->reader);

    c->row = spn_calloc(n + 1, sizeof *c->row);
    if (c->row == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu rows", c->path, n);
    for (c->n = 0; c->n < n; c->n++) {
        const struct spn_entry *e = spn_reader_at(c->reader, c->n);

        c->row[c->n] = (struct ckpt_row){ e, spn_tensor_bytes(&e->t), spn_tensor_elems(&e->t) };
    }
    return SPN_OK;
}

static spn_status open_any(struct ckpt *c, const char *path, bool partial, struct spn_err *err)
{
    struct ckpt_step *step = NULL;
    size_t n = 0;
    spn_status st = SPN_OK;

    *c = (struct ckpt){ .step = -1 };
    if (spn_path_is_dir(path))
        st = ckpt_steps(&step, &n, path, err);
    if (st == SPN_OK && n > 0) {
        c->step = step[n - 1].step;
        path = step[n - 1].path;
    }
    if (st == SPN_OK && (c->path = spn_strdup(path)) == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    if (st == SPN_OK)
        st = partial ? spn_reader_open_partial(&c->reader, path, err)
                     : spn_reader_open(&c->reader, path, err);
    if (st == SPN_OK)
        st = fill(c, err);
    ckpt_steps_free(step, n);
    if (st != SPN_OK)
        ckpt_close(c);
    return st;
}

spn_status ckpt_open(struct ckpt *c, const char *path, struct spn_err *err)
{
    return open_any(c, path, false, err);
}

spn_status ckpt_open_partial(struct ckpt *c, const char *path, char **short_of,
                             struct spn_err *err)
{
    spn_status st = open_any(c, path, true, err);

    *short_of = NULL;
    if (st == SPN_OK && spn_reader_short(c->reader) != NULL &&
        (*short_of = spn_strdup(spn_reader_short(c->reader))) == NULL) {
        ckpt_close(c);
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    }
    return st;
}

void ckpt_close(struct ckpt *c)
{
    spn_reader_close(c->reader);
    spn_free(c->path);
    spn_free(c->row);
    *c = (struct ckpt){ .step = -1 };
}

spn_status ckpt_view(struct spn_tensor *t, void **copy, const struct ckpt *c,
                     const struct spn_entry *e, struct spn_err *err)
{
    spn_status st = spn_entry_view(c->reader, e, t, copy, err);
    int real = t->dtype == SPN_C32    ? SPN_F16
               : t->dtype == SPN_C64  ? SPN_F32
               : t->dtype == SPN_C128 ? SPN_F64
                                      : -1;

    if (st != SPN_OK || real < 0 || t->ndim == SPN_DIMS_MAX)
        return st;
    t->dtype = real;
    for (int d = 0; d < t->ndim; d++)
        t->stride[d] *= 2;
    t->dim[t->ndim] = 2;
    t->stride[t->ndim++] = 1;
    return SPN_OK;
}

/* ---- choosing and sorting ---- */

bool ckpt_matches(const char *pattern, const char *name)
{
    size_t n = strlen(pattern);

    if (fnmatch(pattern, name, 0) == 0)
        return true;
    return n > 0 && strncmp(pattern, name, n) == 0 && (name[n] == '.' || name[n] == '/');
}

/* The name nearest to what was asked for. */
static const char *nearest(const struct ckpt *c, const char *name)
{
    const char *best = NULL;
    int least = 8;

    for (size_t i = 0; i < c->n; i++) {
        int d = spn_edit_distance(name, c->row[i].e->name, least);

        if (d < least) {
            least = d;
            best = c->row[i].e->name;
        }
    }
    return best;
}

spn_status ckpt_select(struct ckpt *c, char *const *pattern, size_t n, struct spn_err *err)
{
    size_t kept = 0;

    if (n == 0)
        return SPN_OK;
    for (size_t k = 0; k < n; k++) {
        bool any = false;

        for (size_t i = 0; i < c->n && !any; i++)
            any = ckpt_matches(pattern[k], c->row[i].e->name);
        if (any)
            continue;
        const char *near = nearest(c, pattern[k]);

        spn_fail(err, SPN_ENOTFOUND, "%s: none of its %zu tensors matches \"%.200s\"", c->path,
                 c->n, pattern[k]);
        return near != NULL ? spn_cure(err, "%s", near) : SPN_ENOTFOUND;
    }
    for (size_t i = 0; i < c->n; i++) {
        bool any = false;

        for (size_t k = 0; k < n && !any; k++)
            any = ckpt_matches(pattern[k], c->row[i].e->name);
        if (any)
            c->row[kept++] = c->row[i];
    }
    c->n = kept;
    return SPN_OK;
}

/* Runs of digits compare as numbers, of any length. */
int ckpt_compare_names(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            size_t m, n;
            int order;

            while (*a == '0' && isdigit((unsigned char)a[1]))
                a++;
            while (*b == '0' && isdigit((unsigned char)b[1]))
                b++;
            m = strspn(a, "0123456789");
            n = strspn(b, "0123456789");
            order = m != n ? (m < n ? -1 : 1) : strncmp(a, b, n);
            if (order != 0)
                return order;
            a += m;
            b += n;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return *a == *b ? 0 : *a == '\0' ? -1 : 1;
}

static int by_name(const void *a, const void *b)
{
    const struct ckpt_row *x = a, *y = b;
    int order = ckpt_compare_names(x->e->name, y->e->name);

    return order != 0 ? order : strcmp(x->e->name, y->e->name);
}

static int by_size(const void *a, const void *b)
{
    const struct ckpt_row *x = a, *y = b;

    return x->bytes != y->bytes ? (x->bytes > y->bytes ? -1 : 1) : by_name(a, b);
}

static int by_dtype(const void *a, const void *b)
{
    const struct ckpt_row *x = a, *y = b;
    int order = strcmp(spn_dtype_name(x->e->t.dtype), spn_dtype_name(y->e->t.dtype));

    return order != 0 ? order : by_name(a, b);
}

static int by_file(const void *a, const void *b)
{
    const struct ckpt_row *x = a, *y = b;
    int order = strcmp(x->e->file, y->e->file);

    if (order != 0)
        return order;
    return x->e->offset != y->e->offset ? (x->e->offset < y->e->offset ? -1 : 1) : by_name(a, b);
}

void ckpt_sort(struct ckpt *c, enum ckpt_key key, bool reverse)
{
    static int (*const compare[])(const void *, const void *) = { by_file, by_name, by_size,
                                                                  by_dtype };

    if (c->n > 1)
        qsort(c->row, c->n, sizeof *c->row, compare[key]);
    for (size_t i = 0; reverse && i < c->n / 2; i++) {
        struct ckpt_row x = c->row[i];

        c->row[i] = c->row[c->n - 1 - i];
        c->row[c->n - 1 - i] = x;
    }
}
