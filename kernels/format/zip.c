/* zip.c - the central directory of a zip archive, with zip64: `PK\1\2` a file, found through the
 * `PK\5\6` record at the end.
 *
 * Sizes of the local headers are not looked at (PyTorch leaves them 0), only how long each is.
 */
#include "config.h"

#include "format/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "format/crc32.h"
#include "format/writer.h"

enum {
    END_BYTES = 22, END64_BYTES = 56, LOCATOR_BYTES = 20, ENTRY_BYTES = 46, LOCAL_BYTES = 30,
    COMMENT_BYTES_MAX = 65535
};
#define SIGN(a, b) ((uint32_t)'P' | (uint32_t)'K' << 8 | (uint32_t)(a) << 16 | (uint32_t)(b) << 24)
#define FULL32     UINT32_MAX              /* the number stands in a zip64 record */

struct table { uint64_t offset, bytes, count; };

static spn_status find_table(const struct k_file *f, struct table *t, struct spn_err *err)
{
    const unsigned char *d = f->data, *p;
    uint64_t at, lowest, wide;

    if (f->size < END_BYTES)
        return spn_fail(err, SPN_EFORMAT, "%s: %" PRIu64 " bytes are too few for a zip archive",
                        f->name, f->size);
    at = f->size - END_BYTES;
    lowest = at > COMMENT_BYTES_MAX ? at - COMMENT_BYTES_MAX : 0;
    while (k_load_u32(d + at) != SIGN(5, 6) || k_load_u16(d + at + 20) != f->size - END_BYTES - at)
        if (at-- == lowest)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: a zip archive of %" PRIu64
                            " bytes without its table at the end: cut, or still being written",
                            f->name, f->size);
    p = d + at;
    if (k_load_u16(p + 4) != 0 && k_load_u16(p + 4) != UINT16_MAX)
        return spn_fail(err, SPN_EFORMAT, "%s: a zip archive of several disks is not read",
                        f->name);
    *t = (struct table){ k_load_u32(p + 16), k_load_u32(p + 12), k_load_u16(p + 10) };
    if (at >= LOCATOR_BYTES && k_load_u32(p - LOCATOR_BYTES) == SIGN(6, 7)) {
        wide = k_load_u64(p - LOCATOR_BYTES + 8);
        if (!spn_inside_u64(wide, END64_BYTES, at - LOCATOR_BYTES) ||
            k_load_u32(d + wide) != SIGN(6, 6))
            return spn_fail(err, SPN_EFORMAT, "%s: no zip64 record at byte %" PRIu64, f->name,
                            wide);
        *t = (struct table){ k_load_u64(d + wide + 48), k_load_u64(d + wide + 40),
                             k_load_u64(d + wide + 32) };
        at = wide;
    }
    if (!spn_inside_u64(t->offset, t->bytes, at) || t->count > t->bytes / ENTRY_BYTES)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: the zip table of %" PRIu64 " entries, %" PRIu64
                        " bytes at byte %" PRIu64 " does not lie before its end record at %" PRIu64,
                        f->name, t->count, t->bytes, t->offset, at);
    return SPN_OK;
}

/* Sizes and place of 32 bits that are all ones stand in the extra field 1, in this order. */
static bool read_wide(const unsigned char *extra, size_t n, struct k_zip_item *item)
{
    uint64_t *field[] = { &item->bytes, &item->packed_bytes, &item->header };
    size_t used;

    if (item->bytes != FULL32 && item->packed_bytes != FULL32 && item->header != FULL32)
        return true;
    while (n >= 4) {
        size_t length = k_load_u16(extra + 2);

        if (length > n - 4)
            return false;
        if (k_load_u16(extra) == 1) {
            used = 4;
            for (size_t i = 0; i < 3; i++) {
                if (*field[i] != FULL32)
                    continue;
                if (used + 8 > length + 4)
                    return false;
                *field[i] = k_load_u64(extra + used);
                used += 8;
            }
            return true;
        }
        extra += length + 4;
        n -= length + 4;
    }
    return false;
}

/* No way out of a folder it might be unpacked to: none of ours is, other programs' readers are. */
static bool name_stays_inside(const char *s)
{
    if (s[0] == '/' || s[0] == '\0' || strchr(s, '\\') != NULL)
        return false;
    for (const char *p = s; p != NULL; p = strchr(p, '/') != NULL ? strchr(p, '/') + 1 : NULL)
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return false;
    return true;
}

bool k_zip_plain_name(const char *name, size_t n)
{
    char copy[4096];

    if (n >= sizeof copy)
        return false;
    memcpy(copy, name, n);
    copy[n] = '\0';
    return strlen(copy) == n && name_stays_inside(copy);
}

static spn_status find_data(const struct k_file *f, struct k_zip_item *item, struct spn_err *err)
{
    size_t length = strlen(item->name);
    const unsigned char *p = NULL;

    if (spn_inside_u64(item->header, LOCAL_BYTES + length, f->size))
        p = f->data + item->header;
    if (p == NULL || k_load_u32(p) != SIGN(3, 4) || k_load_u16(p + 26) != length ||
        memcmp(p + LOCAL_BYTES, item->name, length) != 0)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: entry %.100s of the zip table: its header is not at byte %" PRIu64,
                        f->name, item->name, item->header);
    item->data = item->header + LOCAL_BYTES + length + k_load_u16(p + 28);
    if (!spn_inside_u64(item->data, item->packed_bytes, f->size))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: entry %.100s: %" PRIu64 " bytes at byte %" PRIu64
                        " of a file of %" PRIu64,
                        f->name, item->name, item->packed_bytes, item->data, f->size);
    return SPN_OK;
}

/* One entry of the table at P, of which LEFT bytes are there; *USED of them are its. */
static spn_status read_entry(struct spn_reader *r, const struct k_file *f, const unsigned char *p,
                             uint64_t left, struct k_zip_item *item, uint64_t *used,
                             struct spn_err *err)
{
    uint64_t place = (uint64_t)(p - f->data), name, extra;
    spn_status st;

    if (left < ENTRY_BYTES || k_load_u32(p) != SIGN(1, 2))
        return spn_fail(err, SPN_EFORMAT, "%s: no entry of the zip table at byte %" PRIu64, f->name,
                        place);
    name = k_load_u16(p + 28);
    extra = k_load_u16(p + 30);
    *used = ENTRY_BYTES + name + extra + k_load_u16(p + 32);
    if (*used > left)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: the entry of the zip table at byte %" PRIu64 " wants %" PRIu64
                        " bytes, %" PRIu64 " are left",
                        f->name, place, *used, left);
    st = k_reader_dup(r, &item->name, p + ENTRY_BYTES, name, err);
    if (st != SPN_OK)
        return st;
    if (strlen(item->name) != name || !name_stays_inside(item->name))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: the zip entry %.200s is no plain name inside a folder", f->name,
                        item->name);
    item->method = k_load_u16(p + 10);
    item->crc = k_load_u32(p + 16);
    item->packed_bytes = k_load_u32(p + 20);
    item->bytes = k_load_u32(p + 24);
    item->header = k_load_u32(p + 42);
    if ((k_load_u16(p + 8) & 1) != 0)
        return spn_fail(err, SPN_EFORMAT, "%s: the zip entry %.100s is encrypted", f->name,
                        item->name);
    if (!read_wide(p + ENTRY_BYTES + name, (size_t)extra, item))
        return spn_fail(err, SPN_EFORMAT, "%s: the zip entry %.100s lacks its 64-bit sizes",
                        f->name, item->name);
    if (item->method == 0 && item->packed_bytes != item->bytes)
        return spn_fail(err, SPN_EFORMAT,
                        "%s: the zip entry %.100s is stored, with %" PRIu64 " and %" PRIu64
                        " bytes",
                        f->name, item->name, item->packed_bytes, item->bytes);
    return find_data(f, item, err);
}

static int compare_places(const void *a, const void *b)
{
    const struct k_zip_item *const *x = a, *const *y = b;

    return ((*x)->header > (*y)->header) - ((*x)->header < (*y)->header);
}

/* by_name is sorted twice: by place to see overlaps, then by name. */
spn_status k_zip_index(struct k_zip *z, const struct k_file *f, struct spn_err *err)
{
    const char *twice;

    for (size_t i = 0; i < z->n; i++)
        z->by_name[i] = &z->items[i];
    if (z->n > 1)
        qsort(z->by_name, z->n, sizeof *z->by_name, compare_places);
    for (size_t i = 1; i < z->n; i++) {
        const struct k_zip_item *a = z->by_name[i - 1], *b = z->by_name[i];

        if (a->data + a->packed_bytes > b->header)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: the zip entries %.100s and %.100s overlap: one ends at byte %"
                            PRIu64 ", the other begins at %" PRIu64,
                            f->name, a->name, b->name, a->data + a->packed_bytes, b->header);
    }
    twice = k_sort_names((const void **)z->by_name, z->n);
    if (twice != NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: two zip entries are named %.200s", f->name, twice);
    return SPN_OK;
}

spn_status k_zip_read(struct k_zip *out, struct spn_reader *r, const struct k_file *f,
                      struct spn_err *err)
{
    struct k_zip z = { .n = 0 };
    struct table t = { 0, 0, 0 };
    uint64_t at = 0, used = 0;
    spn_status st = find_table(f, &t, err);

    if (st == SPN_OK)
        st = k_reader_alloc(r, &z.items, t.count, sizeof *z.items, err);
    if (st == SPN_OK)
        st = k_reader_alloc(r, &z.by_name, t.count, sizeof *z.by_name, err);
    for (; st == SPN_OK && z.n < t.count; at += used, z.n++)
        st = read_entry(r, f, f->data + t.offset + at, t.bytes - at, &z.items[z.n], &used, err);
    if (st == SPN_OK)
        st = k_zip_index(&z, f, err);
    if (st == SPN_OK)
        *out = z;
    return st;
}

/* The checksum of ITEM, whose entry in the table is at P, to the places where it may stand. */
static void refresh_item(unsigned char *file, uint64_t n, unsigned char *p,
                         const struct k_zip_item *item)
{
    unsigned char *local = file + item->header, *after;
    uint64_t data = item->header + LOCAL_BYTES + k_load_u16(local + 26) + k_load_u16(local + 28);
    uint32_t crc;

    if (item->method != 0 || !spn_inside_u64(data, item->bytes, n))
        return;
    crc = k_crc32(0, file + data, (size_t)item->bytes);
    after = file + data + item->bytes;
    k_store_u32(p + 16, crc);
    if ((k_load_u16(local + 6) & 8) == 0)
        k_store_u32(local + 14, crc);
    else if (spn_inside_u64(data + item->bytes, 8, n) && k_load_u32(after) == SIGN(7, 8))
        k_store_u32(after + 4, crc);
}

spn_status spn_zip_refresh(void *bytes, uint64_t n, const char *name, struct spn_err *err)
{
    struct k_file f = { .name = name, .data = bytes, .size = n };
    unsigned char *file = bytes;
    struct table t = { 0, 0, 0 };
    uint64_t at = 0, left, name_bytes;
    spn_status st = find_table(&f, &t, err);

    for (uint64_t i = 0; st == SPN_OK && i < t.count; i++) {
        struct k_zip_item item = { .name = "" };
        unsigned char *p = file + t.offset + at;

        left = t.bytes - at;
        if (left < ENTRY_BYTES || k_load_u32(p) != SIGN(1, 2))
            return spn_fail(err, SPN_EFORMAT, "%s: no entry of the zip table at byte %" PRIu64,
                            name, t.offset + at);
        name_bytes = k_load_u16(p + 28);
        at += ENTRY_BYTES + name_bytes + k_load_u16(p + 30) + k_load_u16(p + 32);
        item.method = k_load_u16(p + 10);
        item.packed_bytes = k_load_u32(p + 20);
        item.bytes = k_load_u32(p + 24);
        item.header = k_load_u32(p + 42);
        if (at > t.bytes || !read_wide(p + ENTRY_BYTES + name_bytes, k_load_u16(p + 30), &item) ||
            !spn_inside_u64(item.header, LOCAL_BYTES, n) ||
            k_load_u32(file + item.header) != SIGN(3, 4))
            return spn_fail(err, SPN_EFORMAT, "%s: entry %" PRIu64 " of the zip table is damaged",
                            name, i);
        refresh_item(file, n, p, &item);
    }
    return st;
}

const struct k_zip_item *k_zip_find(const struct k_zip *z, const char *name)
{
    struct k_zip_item want = { .name = name };
    const struct k_zip_item *key = &want, **at = NULL;

    if (z->n > 0)
        at = bsearch(&key, z->by_name, z->n, sizeof *z->by_name, k_compare_names);
    return at != NULL ? *at : NULL;
}
