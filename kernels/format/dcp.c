/* dcp.c - torch.distributed.checkpoint: the pickle .metadata says which piece of which tensor is
 * where in the files __RANK_N.distcp; each piece is an archive of torch.save.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "format/folder.h"

struct piece {
    const char *name;                  /* first: sorted through it */
    const char *path;
    uint64_t offset, length;
    const struct k_value *at;          /* where it lies in the tensor; NULL: an object */
};

struct mapped { const char *name; const struct k_file *f; };

struct dcp {
    struct spn_reader *r;
    const char *dir;
    struct piece *pieces;
    const struct piece **sorted;
    size_t n;
    struct mapped *files;
    size_t n_files;
};

static const struct k_value *field(const struct k_value *v, const char *name)
{
    return v != NULL && v->kind == KV_OBJECT ? k_lookup(v->u.o->state, name) : NULL;
}

/* The numbers of a torch.Size; -1: none. */
static int size_of(const struct k_value *v, int64_t *out)
{
    if (strcmp(k_callee(v), "torch.Size") == 0)
        v = k_item(v->u.o->args, 0);
    if (v == NULL || v->kind != KV_TUPLE || v->n > SPN_DIMS_MAX)
        return -1;
    for (uint64_t i = 0; i < v->n; i++)
        if (!k_int(v->u.items[i], &out[i]) || out[i] < 0)
            return -1;
    return (int)v->n;
}

static spn_status text(struct dcp *d, const struct k_value *v, const char **out,
                       struct spn_err *err)
{
    spn_status st = SPN_OK;

    if (v == NULL || v->kind != KV_TEXT)
        return spn_fail(err, SPN_EFORMAT, "%s: .metadata lacks a name", d->dir);
    st = k_reader_dup(d->r, out, v->u.s, v->n, err);
    if (st == SPN_OK && (v->n == 0 || strlen(*out) != v->n))
        st = spn_fail(err, SPN_EFORMAT, "%s: .metadata has a name that is empty or holds a NUL",
                      d->dir);
    return st;
}

static spn_status read_piece(struct dcp *d, const struct k_value *index, const struct k_value *info,
                             struct piece *p, struct spn_err *err)
{
    const struct k_value *at = field(index, "offset");
    int64_t offset = 0, length = 0;
    spn_status st = text(d, field(index, "fqn"), &p->name, err);

    if (st == SPN_OK)
        st = text(d, field(info, "relative_path"), &p->path, err);
    if (st != SPN_OK)
        return st;
    if (!k_folder_plain_name(p->path))
        return spn_fail(err, SPN_EFORMAT, "%s: .metadata: %.100s is in %.200s, no file of this "
                        "folder",
                        d->dir, p->name, p->path);
    if (!k_int(field(info, "offset"), &offset) || !k_int(field(info, "length"), &length) ||
        offset < 0 || length < 0)
        return spn_fail(err, SPN_EFORMAT, "%s: .metadata: %.100s has no place in %s", d->dir,
                        p->name, p->path);
    p->offset = (uint64_t)offset;
    p->length = (uint64_t)length;
    p->at = at != NULL && at->kind != KV_NONE ? at : NULL;
    return SPN_OK;
}

static spn_status list_pieces(struct dcp *d, const struct k_value *storage, struct spn_err *err)
{
    uint64_t n = storage->n / 2;
    spn_status st = k_reader_alloc(d->r, &d->pieces, n, sizeof *d->pieces, err);

    if (st == SPN_OK)
        st = k_reader_alloc(d->r, &d->sorted, n, sizeof *d->sorted, err);
    if (st == SPN_OK)
        st = k_reader_alloc(d->r, &d->files, n, sizeof *d->files, err);
    for (; st == SPN_OK && d->n < n; d->n++) {
        d->sorted[d->n] = &d->pieces[d->n];
        st = read_piece(d, storage->u.items[2 * d->n], storage->u.items[2 * d->n + 1],
                        &d->pieces[d->n], err);
    }
    if (st == SPN_OK && d->n > 1)
        qsort(d->sorted, d->n, sizeof *d->sorted, k_compare_names);
    return st;
}

/* The bytes of a piece as a file of their own. */
static spn_status open_piece(struct dcp *d, const struct piece *p, struct k_file **out,
                             const struct k_file **whole, struct spn_err *err)
{
    const struct k_file *f = NULL;
    struct k_file *slice = NULL;
    spn_status st = SPN_OK;

    for (size_t i = 0; i < d->n_files && f == NULL; i++)
        if (strcmp(d->files[i].name, p->path) == 0)
            f = d->files[i].f;
    if (f == NULL) {
        st = k_folder_map(d->r, d->dir, p->path, &f, err);
        if (st == SPN_OK && f == NULL)
            st = spn_fail(err, SPN_EFORMAT, "%s: file %s is missing, %.100s is in it", d->dir,
                          p->path, p->name);
        if (st == SPN_OK)
            d->files[d->n_files++] = (struct mapped){ p->path, f };
    }
    if (st == SPN_OK && !spn_inside_u64(p->offset, p->length, f->size))
        st = spn_fail(err, SPN_EFORMAT,
                      "%s: %.100s is said to be %" PRIu64 " bytes at %" PRIu64
                      ", the file has %" PRIu64,
                      f->name, p->name, p->length, p->offset, f->size);
    if (st == SPN_OK)
        st = k_reader_alloc(d->r, &slice, 1, sizeof *slice, err);
    if (st != SPN_OK)
        return st;
    slice->name = f->name;
    slice->data = f->data + p->offset;
    slice->size = p->length;
    *out = slice;
    *whole = f;
    return SPN_OK;
}

struct take {
    struct k_archive_use use;          /* first */
    struct k_torch_tensor x;
    bool is;
    const char *prefix;
};

static spn_status take_tensor(struct k_archive_use *use, struct k_torch *t,
                              const struct k_pickle *p, struct spn_err *err)
{
    struct take *k = (struct take *)use;

    return k_torch_tensor(t, p->value, &k->x, &k->is, err);
}

static spn_status take_object(struct k_archive_use *use, struct k_torch *t,
                              const struct k_pickle *p, struct spn_err *err)
{
    return k_torch_flatten(t, p->value, ((struct take *)use)->prefix, p->bytes, err);
}

static spn_status use_piece(struct dcp *d, const struct piece *p, struct take *k,
                            const struct k_file **whole, struct spn_err *err)
{
    struct k_file *slice = NULL;
    struct k_zip z;
    spn_status st = open_piece(d, p, &slice, whole, err);

    if (st == SPN_OK)
        st = k_zip_read(&z, d->r, slice, err);
    return st == SPN_OK ? k_torch_zip_use(d->r, slice, &z, &k->use, err) : st;
}

/* The view X is checked as a tensor of its own would be. */
static spn_status check_view(const struct k_torch_tensor *x, const char *name, struct spn_err *err)
{
    uint64_t size = (uint64_t)spn_dtype_info(x->dtype)->block_bytes;
    uint64_t last = (uint64_t)x->first, step;

    if (x->first < 0)
        last = UINT64_MAX;
    for (int i = 0; i < x->ndim; i++) {
        if (x->dim[i] == 0)
            return SPN_OK;
        if (x->dim[i] < 0 || x->stride[i] < 0 ||
            !spn_mul_u64((uint64_t)(x->dim[i] - 1), (uint64_t)x->stride[i], &step) ||
            !spn_add_u64(last, step, &last))
            last = UINT64_MAX;
    }
    if (last >= x->s.bytes / size)
        return spn_fail(err, SPN_EFORMAT, "%s: a piece of %.100s reaches past its storage",
                        x->s.file->name, name);
    return SPN_OK;
}

static spn_status read_box(struct dcp *d, const struct piece *p, int ndim, int *dtype,
                           struct k_box *b, const struct k_file **whole, bool *absent,
                           struct spn_err *err)
{
    struct take k = { .use = { take_tensor } };
    spn_status st = use_piece(d, p, &k, whole, err);

    if (st != SPN_OK)
        return st;
    if (!k.is || k.x.ndim != ndim || size_of(p->at, b->lo) != ndim ||
        (*dtype >= 0 && *dtype != k.x.dtype))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: the piece of %.100s at byte %" PRIu64
                        " is no tensor of its type and %d dimensions",
                        (*whole)->name, p->name, p->offset, ndim);
    st = check_view(&k.x, p->name, err);
    *dtype = k.x.dtype;
    for (int i = 0; i < ndim; i++) {
        b->size[i] = k.x.dim[i];
        b->stride[i] = k.x.stride[i];
    }
    *absent |= k.x.s.absent;
    if (st == SPN_OK && k.x.s.bytes > 0 && !k.x.s.absent)
        b->data = k.x.s.data + (uint64_t)k.x.first * (uint64_t)spn_dtype_info(*dtype)->block_bytes;
    b->swap = k.x.s.swap;
    return st;
}

/* The tensor of the N pieces at P; META: its TensorStorageMetadata. */
static spn_status add_tensor(struct dcp *d, const struct k_value *meta,
                             const struct piece *const *p, size_t n, struct spn_err *err)
{
    const struct k_file *whole = NULL, *first = NULL;
    struct k_box *boxes = NULL;
    int64_t dim[SPN_DIMS_MAX];
    uint64_t offset = 0;
    bool absent = false;
    int ndim = size_of(field(meta, "size"), dim), dtype = -1;
    spn_status st;

    if (ndim < 0)
        return spn_fail(err, SPN_EFORMAT, "%s: .metadata: %.100s has no size that is read", d->dir,
                        p[0]->name);
    st = k_reader_alloc(d->r, &boxes, n, sizeof *boxes, err);
    for (size_t i = 0; st == SPN_OK && i < n; i++) {
        st = read_box(d, p[i], ndim, &dtype, &boxes[i], &whole, &absent, err);
        if (st == SPN_OK && i == 0) {
            first = whole;
            offset = boxes[0].data != NULL ? (uint64_t)(boxes[0].data - whole->data) : p[0]->offset;
        }
    }
    if (st == SPN_OK && absent) {
        k_reader_absent(d->r, p[0]->name);
        return SPN_OK;
    }
    return st == SPN_OK ? k_add_boxes(d->r, p[0]->name, dtype, ndim, dim, ndim, dim, boxes, n,
                                      first, offset, err)
                        : st;
}

static spn_status add_named(struct dcp *d, const struct k_value *meta,
                            const struct piece *const *p, size_t n, struct spn_err *err)
{
    struct take k = { .use = { take_object }, .prefix = p[0]->name };
    const struct k_file *whole = NULL;

    if (p[0]->at != NULL)
        return add_tensor(d, meta, p, n, err);
    return use_piece(d, p[0], &k, &whole, err);
}

static spn_status read_metadata(struct dcp *d, const struct k_value *v, struct spn_err *err)
{
    const struct k_value *tensors = field(v, "state_dict_metadata");
    const struct k_value *storage = field(v, "storage_data");
    spn_status st;
    size_t n = 1;

    if (tensors == NULL || storage == NULL || storage->kind != KV_DICT)
        return spn_fail(err, SPN_EFORMAT, "%s: .metadata lacks state_dict_metadata or storage_data",
                        d->dir);
    st = list_pieces(d, storage, err);
    for (size_t i = 0; st == SPN_OK && i < d->n; i += n) {
        for (n = 1; i + n < d->n && strcmp(d->sorted[i]->name, d->sorted[i + n]->name) == 0;)
            n++;
        st = add_named(d, k_lookup(tensors, d->sorted[i]->name), &d->sorted[i], n, err);
    }
    return st;
}

static spn_status read_dcp(struct spn_reader *r, const struct k_file *dir, struct spn_err *err)
{
    struct dcp d = { .r = r, .dir = dir->name };
    const struct k_file *f = NULL;
    struct k_pickle p;
    spn_status st = k_folder_map(r, dir->name, ".metadata", &f, err);

    if (st == SPN_OK && f == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: no .metadata in this folder", dir->name);
    if (st == SPN_OK)
        st = k_pickle_read(&p, r, f->name, f->data, f->size, 0, err);
    if (st == SPN_OK)
        st = read_metadata(&d, p.value, err);
    return st == SPN_OK ? k_torch_globals(r, err) : st;
}

static bool knows_dcp(const struct k_file *f)
{
    return f->data == NULL && k_folder_has(NULL, f->name, ".metadata");
}

const struct spn_format k_format_dcp = { .name = "torch distributed", .folder = true,
                                         .knows = knows_dcp, .read = read_dcp };
