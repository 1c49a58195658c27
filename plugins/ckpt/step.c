/* step.c - one step of a run as a codec wants it: parameter by parameter, each with its moments. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arith.h"
#include "base/file.h"
#include "base/mem.h"
#include "store.h"

/* ---- parameters of a step ---- */

static const char *const ends[PARTS] = { "", ".exp_avg", ".exp_avg_sq" };
static const char *const leads[] = { "optimizer.state.", "optimizer.", "state." };

/* The part that NAME is, and how long its parameter's name is, from *START on. */
static int part_of(const char *name, size_t *start, size_t *length)
{
    size_t n = strlen(name);

    *start = 0;
    for (int p = PART_EXP_AVG_SQ; p > PART_WEIGHT; p--) {
        size_t m = strlen(ends[p]);

        if (n <= m || strcmp(name + n - m, ends[p]) != 0)
            continue;
        for (size_t i = 0; i < sizeof leads / sizeof *leads && *start == 0; i++)
            if (strncmp(name, leads[i], strlen(leads[i])) == 0)
                *start = strlen(leads[i]);
        *length = n - m - *start;
        return p;
    }
    *length = n;
    return PART_WEIGHT;
}

/* Of the optimizer, but no moment: a count of steps must not be rounded away. */
static bool is_counter(const char *name)
{
    return strncmp(name, "optimizer.", sizeof "optimizer." - 1) == 0;
}

/* Types that a codec takes: plain numbers with a fraction. */
static bool is_float(int dtype)
{
    return dtype == SPN_F32 || dtype == SPN_F16 || dtype == SPN_BF16;
}

static int by_name(const void *a, const void *b)
{
    const struct step_param *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static struct step_param *find_param(const struct step_view *s, const char *name)
{
    struct step_param key = { .name = (char *)(uintptr_t)name };

    return s->n > 0 ? bsearch(&key, s->param, s->n, sizeof *s->param, by_name) : NULL;
}

const struct spn_entry *step_entry(const struct step_view *s, size_t i, struct spn_reader **reader)
{
    size_t n = spn_reader_count(s->c.reader);

    *reader = i < n ? s->c.reader : s->moments;
    return i < n                ? spn_reader_at(s->c.reader, i)
           : s->moments != NULL ? spn_reader_at(s->moments, i - n)
                                : NULL;
}

static bool same_shape(const struct spn_tensor *a, const struct spn_tensor *b)
{
    bool same = a->ndim == b->ndim;

    for (int d = 0; same && d < a->ndim; d++)
        same = a->dim[d] == b->dim[d];
    return same;
}

static spn_status find_params(struct step_view *s, struct spn_err *err)
{
    size_t total = spn_reader_count(s->c.reader) +
                   (s->moments != NULL ? spn_reader_count(s->moments) : 0),
           start, length;
    struct spn_reader *reader;
    const struct spn_entry *e;

    s->param = spn_calloc(total + 1, sizeof *s->param);
    if (s->param == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu tensors", s->c.path, total);
    for (size_t i = 0; (e = step_entry(s, i, &reader)) != NULL; i++) {
        struct step_param *p = &s->param[s->n];

        s->bytes += spn_tensor_bytes(&e->t);
        if (part_of(e->name, &start, &length) != PART_WEIGHT || is_counter(e->name) ||
            !is_float(e->t.dtype) || spn_tensor_elems(&e->t) == 0)
            continue;
        p->name = spn_strdup(e->name);
        if (p->name == NULL)
            return spn_fail(err, SPN_ENOMEM, "%s: no memory for a name", s->c.path);
        p->part[PART_WEIGHT] = e;
        p->reader[PART_WEIGHT] = reader;
        s->n++;
    }
    if (s->n > 1)
        qsort(s->param, s->n, sizeof *s->param, by_name);
    for (size_t i = 0; (e = step_entry(s, i, &reader)) != NULL; i++) {
        int part = part_of(e->name, &start, &length);
        char *name = part != PART_WEIGHT ? spn_strndup(e->name + start, length) : NULL;
        struct step_param *p = name != NULL ? find_param(s, name) : NULL;

        spn_free(name);
        if (p == NULL || p->part[part] != NULL || !is_float(e->t.dtype) ||
            !same_shape(&e->t, &p->part[PART_WEIGHT]->t))
            continue;
        p->part[part] = e;
        p->reader[part] = reader;
    }
    return SPN_OK;
}

spn_status step_open(struct step_view *s, const char *path, struct spn_err *err)
{
    char *beside = spn_path_join(path, "optimizer.safetensors");
    spn_status st;

    *s = (struct step_view){ .c = { .step = -1 } };
    if (beside == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", path);
    st = ckpt_open(&s->c, path, err);
    for (size_t i = 0; st == SPN_OK && beside != NULL && i < s->c.n; i++)
        if (strstr(s->c.row[i].e->name, ".exp_avg") != NULL) { /* the reader has them already */
            spn_free(beside);
            beside = NULL;
        }
    if (st == SPN_OK && beside != NULL && spn_path_exists(beside))
        st = spn_reader_open(&s->moments, beside, err);
    if (st == SPN_OK)
        st = find_params(s, err);
    spn_free(beside);
    if (st != SPN_OK)
        step_close(s);
    return st;
}

void step_close(struct step_view *s)
{
    for (size_t i = 0; i < s->n; i++) {
        spn_free(s->param[i].name);
        for (int p = 0; p < PARTS; p++)
            spn_free(s->param[i].copy[p]);
    }
    spn_free(s->param);
    spn_reader_close(s->moments);
    ckpt_close(&s->c);
    *s = (struct step_view){ .c = { .step = -1 } };
}

bool step_find(const struct step_view *s, const struct spn_entry *e, size_t *param, int *part)
{
    size_t start, length;
    char *name;
    struct step_param *p;

    *part = part_of(e->name, &start, &length);
    name = spn_strndup(e->name + start, length);
    p = name != NULL ? find_param(s, name) : NULL;
    spn_free(name);
    if (p == NULL || p->part[*part] != e)
        return false;
    *param = (size_t)(p - s->param);
    return true;
}

static struct spn_tensor *part_tensor(struct spn_codec_param *p, int part)
{
    return part == PART_WEIGHT ? &p->weight : part == PART_EXP_AVG ? &p->exp_avg : &p->exp_avg_sq;
}

static spn_status step_get(void *ctx, size_t i, struct spn_codec_param *out, struct spn_err *err)
{
    struct step_view *s = ctx;
    struct step_param *p = &s->param[i];
    spn_status st = SPN_OK;

    *out = (struct spn_codec_param){ .name = p->name };
    for (int k = 0; st == SPN_OK && k < PARTS; k++) {
        void *copy = NULL;

        if (p->part[k] == NULL)
            continue;
        st = spn_entry_view(p->reader[k], p->part[k], part_tensor(out, k), &copy, err);
        if (st == SPN_OK && copy != NULL) {
            spn_free(p->copy[k]);
            p->copy[k] = copy;
        }
    }
    return st;
}

static void step_forget(void *ctx, size_t i)
{
    struct step_view *s = ctx;

    for (int k = 0; k < PARTS; k++) {
        spn_free(s->param[i].copy[k]);
        s->param[i].copy[k] = NULL;
    }
}

struct spn_codec_source step_source(struct step_view *s)
{
    return (struct spn_codec_source){ s->n, step_get, step_forget, s };
}

/* ---- what a step unpacks to ---- */

/* The shape and parts of one parameter in a layout. */
static spn_status read_param(struct spn_codec_param *p, const json_t *o, uint64_t *bytes,
                             struct spn_err *err)
{
    const json_t *shape = json_object_get(o, "shape");
    const char *name = json_string_value(json_object_get(o, "name"));
    json_int_t parts = json_integer_value(json_object_get(o, "parts"));
    int64_t dim[SPN_DIMS_MAX] = { 0 };
    spn_status st = SPN_OK;

    if (name == NULL || !json_is_array(shape) || json_array_size(shape) > SPN_DIMS_MAX)
        return spn_fail(err, SPN_EFORMAT, "layout.json: a parameter without name or shape");
    for (size_t d = 0; d < json_array_size(shape); d++)
        dim[d] = json_integer_value(json_array_get(shape, d));
    p->name = spn_strdup(name);
    if (p->name == NULL)
        return spn_fail(err, SPN_ENOMEM, "layout.json: no memory for a name");
    for (int k = 0; st == SPN_OK && k < PARTS; k++) {
        struct spn_tensor *t = part_tensor(p, k);

        if (!(parts >> k & 1))
            continue;
        st = spn_tensor_init(t, SPN_F32, (int)json_array_size(shape), dim, NULL, err);
        if (st == SPN_OK && !spn_add_u64(*bytes, spn_tensor_bytes(t), bytes))
            st = spn_fail(err, SPN_EFORMAT, "layout.json: parameters that are too large");
    }
    return st;
}

static spn_status scratch_file(struct scratch *s, const char *store, struct spn_err *err)
{
    char *path = spn_path_join(store, "unpacked-XXXXXX");
    int fd = path != NULL ? mkstemp(path) : -1, full;

    if (fd < 0) {
        spn_free(path);
        return spn_fail(err, SPN_EIO, "%s: cannot write there: %s", store, strerror(errno));
    }
    unlink(path);
    spn_free(path);
    /* All of it now: a page that finds no room later would be a signal. */
    full = s->bytes > 0 && s->bytes <= INT64_MAX ? posix_fallocate(fd, 0, (off_t)s->bytes) : 0;
    s->base = full == 0 && s->bytes > 0
                  ? mmap(NULL, (size_t)s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                  : NULL;
    close(fd);
    if (full != 0 || s->base == MAP_FAILED) {
        s->base = NULL;
        return spn_fail(err, SPN_EIO, "%s: no room for %" PRIu64 " bytes of an unpacked step: %s",
                        store, s->bytes, strerror(full != 0 ? full : errno));
    }
    return SPN_OK;
}

spn_status scratch_open(struct scratch *s, const char *store, const json_t *params,
                        struct spn_err *err)
{
    size_t n = json_array_size(params), at = 0;
    spn_status st = SPN_OK;

    *s = (struct scratch){ .param = spn_calloc(n + 1, sizeof *s->param) };
    if (s->param == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %zu parameters", store, n);
    for (; st == SPN_OK && s->n < n; s->n++)
        st = read_param(&s->param[s->n], json_array_get(params, s->n), &s->bytes, err);
    if (st == SPN_OK)
        st = scratch_file(s, store, err);
    for (size_t i = 0; st == SPN_OK && i < n; i++)
        for (int k = 0; k < PARTS; k++) {
            struct spn_tensor *t = part_tensor(&s->param[i], k);

            if (!(json_integer_value(json_object_get(json_array_get(params, i), "parts")) >> k & 1))
                continue;
            t->data = s->base + at;
            at += (size_t)spn_tensor_bytes(t);
        }
    if (st != SPN_OK)
        scratch_close(s);
    return st;
}

void scratch_close(struct scratch *s)
{
    for (size_t i = 0; i < s->n; i++)
        spn_free((void *)(uintptr_t)s->param[i].name);
    spn_free(s->param);
    if (s->base != NULL)
        munmap(s->base, (size_t)s->bytes);
    *s = (struct scratch){ 0 };
}

static spn_status scratch_get(void *ctx, size_t i, struct spn_codec_param *out, struct spn_err *err)
{
    const struct scratch *s = ctx;

    *out = s->param[i];
    return SPN_OK;
}

static void scratch_forget(void *ctx, size_t i)
{
}

struct spn_codec_source scratch_source(struct scratch *s)
{
    return (struct spn_codec_source){ s->n, scratch_get, scratch_forget, s };
}

static spn_status scratch_put(void *ctx, size_t i, const struct spn_codec_param *p,
                              struct spn_err *err)
{
    const struct scratch *s = ctx;
    struct spn_codec_param from = *p;

    if (i >= s->n)
        return spn_fail(err, SPN_EFORMAT, "parameter %zu of %zu", i, s->n);
    for (int k = 0; k < PARTS; k++) {
        struct spn_tensor *to = part_tensor(&s->param[i], k), *t = part_tensor(&from, k);

        if (to->data == NULL)
            continue;
        if (t->data == NULL || t->dtype != SPN_F32 || !same_shape(t, to))
            return spn_fail(err, SPN_EFORMAT, "%s: unpacked to another type or shape", p->name);
        if (t->data != to->data)
            memcpy(to->data, t->data, (size_t)spn_tensor_bytes(t));
    }
    return SPN_OK;
}

struct spn_codec_taker scratch_taker(struct scratch *s)
{
    return (struct spn_codec_taker){ s->n, scratch_get, scratch_put, s };
}
