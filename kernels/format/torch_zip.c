/* torch_zip.c - torch.save since 1.6: a zip archive, stored, with ROOT/data.pkl and the storages
 * ROOT/data/KEY; and NPZ, an archive of NPY files.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/torch_zip.h"

#include "format/folder.h"
#include "format/npy.h"

enum { KEY_BYTES_MAX = 4096, ROOT_BYTES_MAX = 65535 };

struct archive {
    struct k_zip zip;
    const char *root;                  /* "archive/": what stands before data.pkl */
    size_t root_bytes;
    bool big;
    struct spn_buf name;
};

static bool ends(const char *s, const char *tail)
{
    size_t n = strlen(s), k = strlen(tail);

    return n >= k && strcmp(s + n - k, tail) == 0;
}

/* ROOT NAME of the archive; *OUT NULL: not there. */
static spn_status find_item(struct archive *a, const struct k_file *f, const char *name,
                            const void *more, size_t n, const struct k_zip_item **out,
                            struct spn_err *err)
{
    spn_buf_trim(&a->name, 0);
    if (spn_buf_add(&a->name, a->root, a->root_bytes) != SPN_OK ||
        spn_buf_puts(&a->name, name) != SPN_OK || spn_buf_add(&a->name, more, n) != SPN_OK)
        return spn_fail(err, n > KEY_BYTES_MAX ? SPN_EFORMAT : SPN_ENOMEM,
                        "%s: no room for a storage's key of %zu bytes", f->name, n);
    *out = strlen(a->name.data) == a->name.length ? k_zip_find(&a->zip, a->name.data) : NULL;
    if (*out != NULL && (*out)->method != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: entry %.100s is compressed, PyTorch stores it",
                        f->name, (*out)->name);
    return SPN_OK;
}

static spn_status find_storage(struct k_torch *t, const struct k_storage_id *id,
                               struct k_storage *out, struct spn_err *err)
{
    struct archive *a = t->ctx;
    const struct k_zip_item *item = NULL;
    spn_status st = find_item(a, t->f, "data/", id->key, (size_t)id->key_bytes, &item, err);

    if (st == SPN_OK && t->r->partial && (item == NULL || item->bytes < id->bytes)) {
        *out = (struct k_storage){ .file = t->f, .bytes = id->bytes, .absent = true };
        return SPN_OK;
    }
    if (st == SPN_OK && item == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: storage %.*s of its pickle is not in the archive",
                        t->f->name, id->key_bytes < 100 ? (int)id->key_bytes : 100,
                        (const char *)id->key);
    if (st == SPN_OK && item->bytes < id->bytes)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: storage %.100s has %" PRIu64 " bytes, its pickle says %" PRIu64,
                        t->f->name, item->name, item->bytes, id->bytes);
    if (st == SPN_OK)
        *out = (struct k_storage){ .data = t->f->data + item->data,
                                   .bytes = id->bytes,
                                   .offset = item->data,
                                   .file = t->f,
                                   .swap = a->big };
    return st;
}

static spn_status read_byteorder(struct archive *a, const struct k_file *f, struct spn_err *err)
{
    const struct k_zip_item *item = NULL;
    spn_status st = find_item(a, f, "byteorder", "", 0, &item, err);

    if (st != SPN_OK || item == NULL)
        return st;
    a->big = item->bytes == 3 && memcmp(f->data + item->data, "big", 3) == 0;
    if (!a->big && !(item->bytes == 6 && memcmp(f->data + item->data, "little", 6) == 0))
        return spn_fail(err, SPN_EFORMAT, "%s: its byte order is neither little nor big", f->name);
    return SPN_OK;
}

/* Its pickle, once the archive is open. */
static spn_status read_archive(struct spn_reader *r, const struct k_file *f, struct archive *a,
                               const struct k_zip_item *item, struct k_archive_use *use,
                               struct spn_err *err)
{
    struct k_torch t = { .r = r, .f = f, .find = find_storage, .ctx = a };
    struct k_pickle p;
    spn_status st = SPN_OK;

    a->root = item->name;
    a->root_bytes = strlen(item->name) - strlen("data.pkl");
    if (item->method != 0)
        st = spn_fail(err, SPN_EFORMAT, "%s: entry %.100s is compressed, PyTorch stores it",
                      f->name, item->name);
    if (st == SPN_OK)
        st = read_byteorder(a, f, err);
    if (st == SPN_OK)
        st = k_pickle_read(&p, r, f->name, f->data + item->data, item->bytes, item->data, err);
    return st == SPN_OK ? use->use(use, &t, &p, err) : st;
}

/* The entry ROOT/data.pkl; ROOT is one folder. */
static const struct k_zip_item *find_pickle(const struct k_zip *z)
{
    for (size_t i = 0; i < z->n; i++) {
        const char *slash = strchr(z->items[i].name, '/');

        if (slash != NULL && strcmp(slash, "/data.pkl") == 0)
            return &z->items[i];
    }
    return NULL;
}

spn_status k_torch_zip_use(struct spn_reader *r, const struct k_file *f, const struct k_zip *zip,
                           struct k_archive_use *use, struct spn_err *err)
{
    struct archive a = { .zip = *zip, .name = SPN_BUF_INIT(KEY_BYTES_MAX + ROOT_BYTES_MAX + 16) };
    const struct k_zip_item *item = find_pickle(zip);
    spn_status st;

    if (item == NULL)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: a zip archive of %zu entries, none is data.pkl as of PyTorch, nor are "
                        "all .npy as of NumPy",
                        f->name, zip->n);
    st = read_archive(r, f, &a, item, use, err);
    spn_buf_free(&a.name);
    return st;
}

/* ---- the format ---- */

struct flatten { struct k_archive_use use; const char *prefix; };

/* Of an archive that is still being written the items are looked for. */
static spn_status read_table(struct k_zip *z, struct spn_reader *r, const struct k_file *f,
                             struct spn_err *err)
{
    spn_status st = k_zip_read(z, r, f, err);

    return st == SPN_EFORMAT && r->partial ? k_zip_scan(z, r, f, err) : st;
}

static spn_status flatten(struct k_archive_use *use, struct k_torch *t, const struct k_pickle *p,
                          struct spn_err *err)
{
    return k_torch_flatten(t, p->value, ((struct flatten *)use)->prefix, p->bytes, err);
}

spn_status k_torch_file(struct spn_reader *r, const struct k_file *f, const char *prefix,
                        struct spn_err *err)
{
    struct flatten use = { { flatten }, prefix };
    struct k_zip z;
    spn_status st;

    if (!k_format_zip.knows(f))
        return k_torch_stream(r, f, prefix, err);
    st = read_table(&z, r, f, err);
    return st == SPN_OK ? k_torch_zip_use(r, f, &z, &use.use, err) : st;
}

static bool all_npy(const struct k_zip *z)
{
    for (size_t i = 0; i < z->n; i++)
        if (!ends(z->items[i].name, ".npy"))
            return false;
    return z->n > 0;
}

static spn_status read_zip(struct spn_reader *r, const struct k_file *f, struct spn_err *err)
{
    struct flatten use = { { flatten }, "" };
    struct k_zip z;
    spn_status st = read_table(&z, r, f, err);

    if (st != SPN_OK)
        return st;
    if (find_pickle(&z) == NULL && all_npy(&z)) {
        snprintf(r->name, sizeof r->name, "npz");
        return k_npz_read(r, f, &z, err);
    }
    snprintf(r->name, sizeof r->name, "torch zip");
    st = k_torch_zip_use(r, f, &z, &use.use, err);
    return st == SPN_OK ? k_torch_globals(r, err) : st;
}

static bool knows_zip(const struct k_file *f)
{
    return f->size >= 4 && (memcmp(f->data, "PK\3\4", 4) == 0 || memcmp(f->data, "PK\5\6", 4) == 0);
}

const struct spn_format k_format_zip = { .name = "zip", .knows = knows_zip, .read = read_zip };
