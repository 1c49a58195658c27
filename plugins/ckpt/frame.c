/* frame.c - files with holes, written and filled. */
#include "config.h"

#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arith.h"
#include "base/file.h"
#include "base/mem.h"
#include "tensor/product.h"

#define PIECE 4096 /* numbers converted at once */

struct hole {
    uint64_t at, bytes;
    size_t param;
    int part, dtype;
};

/* ---- the plan ---- */

static int by_place(const void *a, const void *b)
{
    const struct hole *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

/* The holes of FILE by place. False: some number of it has no place of its own. */
static bool find_holes(const struct step_view *s, const char *file, struct hole *hole, size_t *n)
{
    struct spn_reader *reader;
    const struct spn_entry *e;
    size_t kept = 0;

    *n = 0;
    for (size_t i = 0; (e = step_entry(s, i, &reader)) != NULL; i++) {
        struct hole h = { .at = e->offset, .bytes = spn_tensor_bytes(&e->t), .dtype = e->t.dtype };

        if (strcmp(e->file, file) != 0 || !step_find(s, e, &h.param, &h.part))
            continue;
        if (e->layout != NULL)
            return false;
        hole[(*n)++] = h;
    }
    if (*n > 1)
        qsort(hole, *n, sizeof *hole, by_place);
    for (size_t i = 0; i < *n; i++) { /* tied tensors are one hole */
        const struct hole *last = kept > 0 ? &hole[kept - 1] : NULL;

        if (last == NULL || hole[i].at >= last->at + last->bytes)
            hole[kept++] = hole[i];
        else if (hole[i].at != last->at || hole[i].bytes != last->bytes)
            return false;
    }
    *n = kept;
    return kept > 0;
}

static json_t *holes_json(const struct hole *hole, size_t n, uint64_t bytes)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < n; i++)
        if (json_array_append_new(
                list, json_pack("{s:I, s:s, s:I, s:i}", "at", (json_int_t)hole[i].at, "dtype",
                                spn_dtype_name(hole[i].dtype), "param", (json_int_t)hole[i].param,
                                "part", hole[i].part)) != 0) {
            json_decref(list);
            return NULL;
        }
    return json_pack("{s:I, s:o}", "bytes", (json_int_t)bytes, "holes", list);
}

spn_status frame_plan(json_t **out, const struct step_view *s, const char *file,
                      struct spn_err *err)
{
    struct spn_reader *reader;
    struct spn_map m = { 0 };
    struct hole *hole;
    size_t total = 0, n = 0;
    spn_status st = SPN_OK;

    *out = NULL;
    while (step_entry(s, total, &reader) != NULL)
        total++;
    hole = spn_calloc(total + 1, sizeof *hole);
    if (hole == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu tensors", file, total);
    if (find_holes(s, file, hole, &n)) {
        st = spn_map_open(&m, file, err);
        if (st == SPN_OK && !spn_inside_u64(hole[n - 1].at, hole[n - 1].bytes, m.size))
            st = spn_fail(err, SPN_EIO, "%s: became shorter while it was read", file);
        if (st == SPN_OK && (*out = holes_json(hole, n, m.size)) == NULL)
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for its holes", file);
        spn_map_close(&m);
    }
    spn_free(hole);
    return st;
}

/* ---- the holes of a layout ---- */

/* Hole I of O, whose parameter and type are there; with S its size is known. */
static spn_status read_hole(struct hole *h, struct spn_tensor *t, const json_t *o, size_t i,
                            const struct scratch *s, struct spn_err *err)
{
    const json_t *p = json_array_get(json_object_get(o, "holes"), i);
    const char *type = json_string_value(json_object_get(p, "dtype"));
    json_int_t at = json_integer_value(json_object_get(p, "at")),
               param = json_integer_value(json_object_get(p, "param")),
               part = json_integer_value(json_object_get(p, "part"));
    int dtype = type != NULL ? spn_dtype_by_name(type) : -1;
    struct spn_tensor made;

    if (dtype < 0 || at < 0 || param < 0 || part < 0 || part >= PARTS || (size_t)param >= s->n ||
        (dtype != SPN_F32 && dtype != SPN_F16 && dtype != SPN_BF16))
        return spn_fail(err, SPN_EFORMAT, "layout.json: hole %zu is none", i);
    *t = part == PART_WEIGHT    ? s->param[param].weight
         : part == PART_EXP_AVG ? s->param[param].exp_avg
                                : s->param[param].exp_avg_sq;
    if (t->data == NULL || spn_tensor_init(&made, dtype, t->ndim, t->dim, NULL, err) != SPN_OK)
        return spn_fail(err, SPN_EFORMAT, "layout.json: hole %zu is of a part that is not there",
                        i);
    *h = (struct hole){ (uint64_t)at, spn_tensor_bytes(&made), (size_t)param, (int)part, dtype };
    return SPN_OK;
}

/* ---- writing ---- */

static spn_status put(struct spn_out *o, const void *bytes, uint64_t n, struct spn_err *err)
{
    if (n > 0 && fwrite(bytes, 1, (size_t)n, o->f) != n)
        return spn_fail(err, SPN_EIO, "%s: %s", o->path, strerror(errno));
    return SPN_OK;
}

static char *frame_path(const char *dir, const char *name)
{
    char *frames = spn_path_join(dir, "frames");
    char *path = frames != NULL ? spn_path_join(frames, name) : NULL;

    spn_free(frames);
    return path;
}

static spn_status write_around(struct spn_out *o, const struct spn_map *m, const json_t *plan,
                               const struct step_view *s, struct spn_err *err)
{
    const json_t *hole, *holes = json_object_get(plan, "holes");
    uint64_t at = 0;
    size_t i;
    spn_status st = SPN_OK;

    json_array_foreach(holes, i, hole)
    {
        uint64_t from = (uint64_t)json_integer_value(json_object_get(hole, "at"));
        size_t param = (size_t)json_integer_value(json_object_get(hole, "param"));
        int part = (int)json_integer_value(json_object_get(hole, "part"));

        if (st == SPN_OK)
            st = put(o, m->data + at, from - at, err);
        at = from + spn_tensor_bytes(&s->param[param].part[part]->t);
    }
    return st == SPN_OK ? put(o, m->data + at, m->size - at, err) : st;
}

spn_status frame_write(const json_t *plan, const struct step_view *s, const char *file,
                       const char *dir, const char *name, struct spn_err *err)
{
    char *path = frame_path(dir, name), *frames = spn_path_join(dir, "frames");
    struct spn_map m = { 0 };
    struct spn_out o = { 0 };
    spn_status st = path == NULL || frames == NULL
                        ? spn_fail(err, SPN_ENOMEM, "%s: no memory", dir)
                        : spn_make_dirs(frames, err);

    if (st == SPN_OK)
        st = spn_map_open(&m, file, err);
    if (st == SPN_OK &&
        m.size != (uint64_t)json_integer_value(json_object_get(plan, "bytes")))
        st = spn_fail(err, SPN_EIO, "%s: changed while it was read", file);
    if (st == SPN_OK)
        st = spn_out_open(&o, path, err);
    if (st == SPN_OK) {
        st = write_around(&o, &m, plan, s, err);
        if (st == SPN_OK)
            st = spn_map_check(&m, err);
        if (st == SPN_OK)
            st = spn_out_commit(&o, err);
        else
            spn_out_abandon(&o);
    }
    spn_map_close(&m);
    spn_free(path);
    spn_free(frames);
    return st;
}

/* ---- filling ---- */

/* T's numbers as DTYPE to TO, which is aligned to nothing. */
static spn_status put_numbers(int dtype, const struct spn_tensor *t, unsigned char *to,
                              struct spn_err *err)
{
    size_t n = (size_t)spn_tensor_elems(t), each = (size_t)spn_dtype_info(dtype)->block_bytes;
    const float *from = t->data;
    float piece[PIECE];
    spn_status st = SPN_OK;

    for (size_t at = 0; st == SPN_OK && at < n; at += PIECE) {
        size_t part = n - at < PIECE ? n - at : PIECE;

        st = spn_quant(dtype, from + at, piece, (int64_t)part, err);
        memcpy(to + at * each, piece, part * each);
    }
    return st;
}

/* The whole file in TO[bytes]: what the frame has, and the numbers between. */
static spn_status fill(unsigned char *to, uint64_t bytes, const struct spn_map *m,
                       const json_t *plan, const struct scratch *s, struct spn_err *err)
{
    size_t n = json_array_size(json_object_get(plan, "holes"));
    uint64_t at = 0, used = 0;
    spn_status st = SPN_OK;

    for (size_t i = 0; st == SPN_OK && i <= n; i++) {
        struct hole h = { .at = bytes };
        struct spn_tensor t = { 0 };

        if (i < n)
            st = read_hole(&h, &t, plan, i, s, err);
        if (st == SPN_OK &&
            (h.at < at || !spn_inside_u64(h.at, h.bytes, bytes) || h.at - at > m->size - used))
            st = spn_fail(err, SPN_EFORMAT,
                          "%s: a hole of %" PRIu64 " bytes at byte %" PRIu64 " of %" PRIu64,
                          m->path, h.bytes, h.at, bytes);
        if (st != SPN_OK)
            break;
        if (h.at > at)
            memcpy(to + at, m->data + used, (size_t)(h.at - at));
        used += h.at - at;
        at = h.at + h.bytes;
        if (i < n)
            st = put_numbers(h.dtype, &t, to + h.at, err);
    }
    if (st == SPN_OK && used != m->size)
        st = spn_fail(err, SPN_EFORMAT, "%s: %" PRIu64 " bytes too many", m->path, m->size - used);
    if (st == SPN_OK && bytes > 4 && memcmp(to, "PK\3\4", 4) == 0)
        st = spn_zip_refresh(to, bytes, m->path, err);
    return st;
}

/* A file of BYTES bytes at PATH by FILL, written beside and renamed. */
static spn_status make_file(const char *path, uint64_t bytes, const struct spn_map *m,
                            const json_t *plan, const struct scratch *s, struct spn_err *err)
{
    struct spn_out o = { 0 };
    void *to = MAP_FAILED;
    spn_status st = spn_out_open(&o, path, err);
    int fd, full;

    if (st != SPN_OK)
        return st;
    fd = open(o.temp, O_RDWR | O_CLOEXEC); /* a shared mapping has to be readable */
    /* All of it now: a page that finds no room later would be a signal. */
    full = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)bytes);
    if (full == 0)
        to = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (to == MAP_FAILED)
        st = spn_fail(err, SPN_EIO, "%s: no room for %" PRIu64 " bytes: %s", path, bytes,
                      strerror(full != 0 ? full : errno));
    if (st == SPN_OK)
        st = fill(to, bytes, m, plan, s, err);
    if (to != MAP_FAILED)
        munmap(to, (size_t)bytes);
    if (fd >= 0)
        close(fd);
    if (st == SPN_OK)
        st = spn_out_commit(&o, err);
    else
        spn_out_abandon(&o);
    return st;
}

spn_status frame_restore(const json_t *plan, const struct scratch *s, const char *from,
                         const char *to, const char *name, struct spn_err *err)
{
    char *path = frame_path(from, name), *made = spn_path_join(to, name);
    json_int_t bytes = json_integer_value(json_object_get(plan, "bytes"));
    struct spn_map m = { 0 };
    spn_status st = path == NULL || made == NULL ? spn_fail(err, SPN_ENOMEM, "%s: no memory", to)
                                                 : spn_map_open(&m, path, err);

    if (st == SPN_OK && bytes <= 0)
        st = spn_fail(err, SPN_EFORMAT, "layout.json: %s of %" JSON_INTEGER_FORMAT " bytes", name,
                      bytes);
    if (st == SPN_OK)
        st = make_file(made, (uint64_t)bytes, &m, plan, s, err);
    if (st == SPN_OK)
        st = spn_map_check(&m, err);
    spn_map_close(&m);
    spn_free(path);
    spn_free(made);
    return st;
}
