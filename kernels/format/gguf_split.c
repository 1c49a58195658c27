/* gguf_split.c - models split over files NAME-00001-of-00005.gguf: the first holds the metadata,
 * each its own tensors and split.no (from 0), split.count, split.tensors.count.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "format/gguf.h"

enum { PARTS_MAX = 512, TAIL_BYTES = 20 };        /* "-00001-of-00005.gguf" */

/* The last KEY among the keys from FIRST on, by value; -1 when absent or no integer. */
static int64_t find_int(const struct spn_reader *r, size_t first, const char *key)
{
    int64_t v = -1;

    for (size_t i = first; i < r->n_meta; i++) {
        const struct spn_meta *m = &r->meta[i].v;

        if (strcmp(r->meta[i].key, key) != 0)
            continue;
        if (m->kind == SPN_META_INT)
            v = m->i;
        else if (m->kind == SPN_META_UINT && m->u <= INT64_MAX)
            v = (int64_t)m->u;
    }
    return v;
}

/* One part more: its tensors stay, its keys do not. */
static spn_status read_part(struct spn_reader *r, const char *path, int64_t no, int64_t count,
                            struct spn_err *err)
{
    const struct k_file *f = NULL;
    size_t first = r->n_meta;
    int64_t its_no, its_count;
    spn_status st = k_reader_map(r, path, &f, err);

    if (st == SPN_ENOTFOUND)
        return spn_fail(err, SPN_EFORMAT, "%s: part %" PRId64 " of %" PRId64 " is missing", path,
                        no + 1, count);
    if (st == SPN_OK)
        st = k_gguf_read(r, f, err);
    if (st != SPN_OK)
        return st;
    its_no = find_int(r, first, "split.no");
    its_count = find_int(r, first, "split.count");
    r->n_meta = first;
    if (its_no != no || its_count != count)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: split.no is %" PRId64 " of %" PRId64 ", %" PRId64 " of %" PRId64
                        " is wanted", path, its_no, its_count, no, count);
    return SPN_OK;
}

spn_status k_gguf_read_parts(struct spn_reader *r, const struct k_file *f, struct spn_err *err)
{
    int64_t no = find_int(r, 0, "split.no"), count = find_int(r, 0, "split.count"), tensors;
    size_t length = strlen(f->name);
    char tail[64], *path;
    spn_status st = SPN_OK;

    if (count <= 1 || r->in_memory)
        return SPN_OK;
    if (count > PARTS_MAX)
        return spn_fail(err, SPN_EFORMAT, "%s: split.count is %" PRId64 ", at most %d are read",
                        f->name, count, PARTS_MAX);
    snprintf(tail, sizeof tail, "-%05d-of-%05d.gguf", 1, (int)count);
    if (no != 0 || length < TAIL_BYTES || strcmp(f->name + length - TAIL_BYTES, tail) != 0)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: part %" PRId64 " of %" PRId64 "; open the one that ends in %s",
                        f->name, no + 1, count, tail);
    path = spn_strdup(f->name);
    if (path == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to open its parts", f->name);
    for (int64_t i = 1; st == SPN_OK && i < count; i++) {
        snprintf(tail, sizeof tail, "-%05d-of-%05d.gguf", (int)i + 1, (int)count);
        memcpy(path + length - TAIL_BYTES, tail, TAIL_BYTES);
        st = read_part(r, path, i, count, err);
    }
    spn_free(path);
    tensors = find_int(r, 0, "split.tensors.count");
    if (st == SPN_OK && tensors >= 0 && (uint64_t)tensors != r->n_entries)
        st = spn_fail(err, SPN_EFORMAT,
                      "%s: split.tensors.count is %" PRId64 ", the %" PRId64 " parts hold %zu",
                      f->name, tensors, count, r->n_entries);
    return st;
}
