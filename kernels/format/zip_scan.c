/* zip_scan.c - a zip archive that is still being written: its table comes last, so the headers of
 * its items are walked from the front.
 *
 * PyTorch leaves the sizes of such a header 0 and writes them behind the data, as `PK\7\8`, crc and
 * both sizes of 4 or 8 bytes.  Those bytes may stand inside the data too: they are believed where
 * the size that they tell is their distance from the data's beginning.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "format/zip.h"

enum { LOCAL_BYTES = 30, TAIL_BYTES = 16, TAIL64_BYTES = 24, ITEMS_MAX = 1 << 20 };

/* The end of data that begins at DATA; *NEXT: of the next header. False: it is not there. */
static bool find_end(const struct k_file *f, uint64_t data, uint64_t *bytes, uint64_t *next)
{
    static const char mark[] = "PK\7\10";
    const unsigned char *from = f->data + data, *end = f->data + f->size, *p;

    while ((p = memmem(from, (size_t)(end - from), mark, 4)) != NULL) {
        uint64_t n = (uint64_t)(p - f->data) - data, left = (uint64_t)(end - p);

        if (left >= TAIL64_BYTES && k_load_u64(p + 8) == n && k_load_u64(p + 16) == n) {
            *bytes = n;
            *next = data + n + TAIL64_BYTES;
            return true;
        }
        if (left >= TAIL_BYTES && n <= UINT32_MAX && k_load_u32(p + 8) == n &&
            k_load_u32(p + 12) == n) {
            *bytes = n;
            *next = data + n + TAIL_BYTES;
            return true;
        }
        from = p + 1;
    }
    return false;
}

/* The item at AT; *LAST: nothing follows it, and it may not be whole. */
static spn_status read_item(struct spn_reader *r, const struct k_file *f, uint64_t at,
                            struct k_zip_item *item, uint64_t *next, bool *last, bool *is,
                            struct spn_err *err)
{
    const unsigned char *p = f->data + at;
    uint64_t name, extra;
    spn_status st;

    *is = false;
    if (f->size - at < LOCAL_BYTES || memcmp(p, "PK\3\4", 4) != 0)
        return SPN_OK;
    name = k_load_u16(p + 26);
    extra = k_load_u16(p + 28);
    if (!spn_inside_u64(at, LOCAL_BYTES + name + extra, f->size) ||
        !k_zip_plain_name((const char *)p + LOCAL_BYTES, (size_t)name))
        return SPN_OK;
    st = k_reader_dup(r, &item->name, p + LOCAL_BYTES, name, err);
    item->method = k_load_u16(p + 8);
    item->header = at;
    item->data = at + LOCAL_BYTES + name + extra;
    item->bytes = k_load_u32(p + 22);
    *next = item->data + item->bytes;
    *is = st == SPN_OK;
    if ((k_load_u16(p + 6) & 8) != 0 || item->bytes == UINT32_MAX)
        *last = !find_end(f, item->data, &item->bytes, next);
    else
        *last = *next > f->size;
    if (*last)
        item->bytes = f->size - item->data;
    item->packed_bytes = item->bytes;
    return st;
}

spn_status k_zip_scan(struct k_zip *out, struct spn_reader *r, const struct k_file *f,
                      struct spn_err *err)
{
    struct k_zip z = { .n = 0 };
    uint64_t at = 0, next = 0, count = 0;
    bool last = false, is = true;
    spn_status st = SPN_OK;

    for (uint64_t i = 0; i + 4 <= f->size; i++) { /* as many as there can be */
        const unsigned char *p = memmem(f->data + i, (size_t)(f->size - i), "PK\3\4", 4);

        if (p == NULL || ++count == ITEMS_MAX)
            break;
        i = (uint64_t)(p - f->data);
    }
    st = k_reader_alloc(r, &z.items, count, sizeof *z.items, err);
    if (st == SPN_OK)
        st = k_reader_alloc(r, &z.by_name, count, sizeof *z.by_name, err);
    while (st == SPN_OK && is && !last && at < f->size && z.n < count) {
        st = read_item(r, f, at, &z.items[z.n], &next, &last, &is, err);
        z.n += is;
        at = next;
    }
    if (st == SPN_OK)
        st = k_zip_index(&z, f, err);
    if (st == SPN_OK)
        *out = z;
    return st;
}
