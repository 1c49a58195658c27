/* output_order.c - results that a lost engine left behind a hole are put in the input's order once
 * the holes are filled. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/output.h"

struct place {
    int64_t index, offset;
    size_t length;
};

static int by_index(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Where each line lies and which record it is of; *SORTED: they are in order as they are. */
static spn_status find_lines(FILE *f, const char *path, struct place **out, size_t *n, bool *sorted,
                             struct spn_err *err)
{
    struct place *p = NULL;
    size_t room = 0;
    int64_t offset = 0;
    char *line = NULL;
    size_t line_room = 0;
    ssize_t k;
    spn_status st = SPN_OK;

    *n = 0;
    *sorted = true;
    while (st == SPN_OK && (k = getline(&line, &line_room, f)) > 0) {
        json_t *o = json_loadb(line, (size_t)k, 0, NULL), *index = json_object_get(o, "index");

        if (*n == room) {
            struct place *more = spn_realloc(p, room = 2 * room + 1024, sizeof *more);

            if (more == NULL)
                st = spn_fail(err, SPN_ENOMEM, "%s: no memory to order %zu results", path, *n);
            else
                p = more;
        }
        if (st == SPN_OK) {
            p[*n] = (struct place){ json_integer_value(index), offset, (size_t)k };
            *sorted &= json_is_integer(index) && (*n == 0 || p[*n - 1].index <= p[*n].index);
            /* A line of another kind: nothing is moved about. */
            if (!json_is_integer(index)) {
                *n = 0;
                *sorted = true;
                json_decref(o);
                break;
            }
            (*n)++;
        }
        offset += k;
        json_decref(o);
    }
    free(line);
    *out = p;
    return st;
}

static spn_status write_ordered(FILE *f, const char *path, const struct place *p, size_t n,
                                struct spn_err *err)
{
    struct spn_out o;
    spn_status st = spn_out_open(&o, path, err);
    char *line = NULL;
    struct stat s;

    if (st != SPN_OK)
        return st;
    if (fstat(fileno(f), &s) == 0 && fchmod(fileno(o.f), s.st_mode & 0777) != 0)
        st = spn_fail(err, SPN_EIO, "%s: its mode cannot be kept", path);
    for (size_t i = 0; st == SPN_OK && i < n; i++) {
        char *bigger = spn_realloc(line, p[i].length, 1);

        if (bigger != NULL)
            line = bigger;
        if (bigger == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for a result", path);
        else if (fseeko(f, (off_t)p[i].offset, SEEK_SET) != 0 ||
                 fread(line, 1, p[i].length, f) != p[i].length ||
                 fwrite(line, 1, p[i].length, o.f) != p[i].length)
            st = spn_fail(err, SPN_EIO, "%s: its results could not be put in order", path);
    }
    spn_free(line);
    if (st == SPN_OK)
        return spn_out_commit(&o, err);
    spn_out_abandon(&o);
    return st;
}

spn_status output_order(const struct output *o, struct spn_err *err)
{
    struct place *p = NULL;
    struct stat s;
    size_t n = 0;
    bool sorted = true;
    FILE *f;
    spn_status st = SPN_OK;

    if (o->fd < 0 || fstat(o->fd, &s) != 0 || !S_ISREG(s.st_mode))
        return SPN_OK;
    f = fopen(o->path, "r");
    if (f == NULL)
        return SPN_OK;
    st = find_lines(f, o->path, &p, &n, &sorted, err);
    if (st == SPN_OK && !sorted) {
        qsort(p, n, sizeof *p, by_index);
        st = write_ordered(f, o->path, p, n, err);
    }
    spn_free(p);
    fclose(f);
    return st;
}
