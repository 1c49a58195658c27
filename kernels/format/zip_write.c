/* zip_write.c - stored zip entries, aligned to 64 bytes by an extra field; zip64 sizes and places
 * where 32 bits do not hold them.
 */
#include "config.h"

#include "format/zip_write.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "format/crc32.h"

enum { ALIGNMENT = 64, LOCAL_BYTES = 30, CRC_AT = 14, EXTRA_MAX = 20 + 4 + ALIGNMENT };
#define FULL32 UINT32_MAX

void k_zip_out_init(struct k_zip_out *z, const struct spn_writer *w, FILE *f)
{
    *z = (struct k_zip_out){ .w = w, .f = f, .table = SPN_BUF_INIT((size_t)1 << 30),
                             .name = SPN_BUF_INIT(1 << 17) };
}

void k_zip_out_free(struct k_zip_out *z)
{
    spn_buf_free(&z->table);
    spn_buf_free(&z->name);
}

static void store_u16(unsigned char *p, uint64_t v)
{
    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
}

static uint32_t low32(uint64_t v)
{
    return v >= FULL32 ? FULL32 : (uint32_t)v;
}

static spn_status put(struct k_zip_out *z, const void *bytes, size_t n, struct spn_err *err)
{
    spn_status st = k_put(z->w, z->f, bytes, n, err);

    z->at += n;
    return st;
}

static spn_status add(struct k_zip_out *z, const void *bytes, size_t n, struct spn_err *err)
{
    if (spn_buf_add(&z->table, bytes, n) != SPN_OK)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for the table of its entries", z->w->path);
    return SPN_OK;
}

/* Fields that the local header and the table share, from the version on: 26 bytes. */
static void common(unsigned char *p, const struct k_zip_out *z, size_t name, size_t extra)
{
    memset(p, 0, 26);
    store_u16(p, z->bytes >= FULL32 ? 45 : 20);
    store_u16(p + 2, 0x0800);                  /* names are UTF-8 */
    store_u16(p + 8, 0x21);                    /* 1980-01-01: the same bytes every time */
    k_store_u32(p + 10, z->crc);
    k_store_u32(p + 14, low32(z->bytes));
    k_store_u32(p + 18, low32(z->bytes));
    store_u16(p + 22, name);
    store_u16(p + 24, extra);
}

spn_status k_zip_begin(struct k_zip_out *z, const char *name, uint64_t bytes, struct spn_err *err)
{
    unsigned char head[LOCAL_BYTES] = "PK\3\4", extra[EXTRA_MAX] = { 0 };
    size_t length = strlen(name), used = 0, pad;
    spn_status st;

    if (length == 0 || length > UINT16_MAX)
        return spn_fail(err, SPN_EUSAGE, "%s: %.100s: an entry's name has 1 to 65535 bytes",
                        z->w->path, name);
    spn_buf_trim(&z->name, 0);
    if (spn_buf_add(&z->name, name, length) != SPN_OK)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for a name", z->w->path);
    z->header = z->at;
    z->bytes = bytes;
    z->done = 0;
    z->crc = 0;
    if (bytes >= FULL32) {
        store_u16(extra, 1);
        store_u16(extra + 2, 16);
        k_store_u64(extra + 4, bytes);
        k_store_u64(extra + 12, bytes);
        used = 20;
    }
    pad = (size_t)((z->at + LOCAL_BYTES + length + used + 4) % ALIGNMENT);
    pad = pad > 0 ? ALIGNMENT - pad : 0;
    memcpy(extra + used, "FB", 2);
    store_u16(extra + used + 2, pad);
    memset(extra + used + 4, 'Z', pad);
    used += 4 + pad;
    common(head + 4, z, length, used);
    st = put(z, head, sizeof head, err);
    if (st == SPN_OK)
        st = put(z, name, length, err);
    return st == SPN_OK ? put(z, extra, used, err) : st;
}

spn_status k_zip_put(struct k_zip_out *z, const void *bytes, size_t n, struct spn_err *err)
{
    z->crc = k_crc32(z->crc, bytes, n);
    z->done += n;
    return put(z, bytes, n, err);
}

static spn_status patch_crc(struct k_zip_out *z, struct spn_err *err)
{
    unsigned char b[4];

    k_store_u32(b, z->crc);
    if (fseeko(z->f, (off_t)(z->header + CRC_AT), SEEK_SET) != 0 || fwrite(b, 1, 4, z->f) != 4 ||
        fseeko(z->f, (off_t)z->at, SEEK_SET) != 0)
        return spn_fail(err, SPN_EIO, "%s: writing failed: %s", z->w->path, strerror(errno));
    return SPN_OK;
}

spn_status k_zip_end(struct k_zip_out *z, struct spn_err *err)
{
    unsigned char p[46] = "PK\1\2", extra[28] = { 0 };
    size_t used = 4;
    spn_status st;

    if (z->done != z->bytes)
        return spn_fail(err, SPN_EINTERNAL, "%s: entry %.100s: %llu bytes of %llu were written",
                        z->w->path, z->name.data, (unsigned long long)z->done,
                        (unsigned long long)z->bytes);
    if (z->bytes >= FULL32) {
        k_store_u64(extra + used, z->bytes);
        k_store_u64(extra + used + 8, z->bytes);
        used += 16;
    }
    if (z->header >= FULL32) {
        k_store_u64(extra + used, z->header);
        used += 8;
    }
    store_u16(extra, 1);
    store_u16(extra + 2, used - 4);
    if (used == 4)
        used = 0;
    store_u16(p + 4, 45);
    common(p + 6, z, z->name.length, used);
    if (used > 0)
        store_u16(p + 6, 45);
    k_store_u32(p + 42, low32(z->header));
    st = patch_crc(z, err);
    if (st == SPN_OK)
        st = add(z, p, sizeof p, err);
    if (st == SPN_OK)
        st = add(z, z->name.data, z->name.length, err);
    if (st == SPN_OK)
        st = add(z, extra, used, err);
    z->n++;
    return st;
}

spn_status k_zip_entry(struct k_zip_out *z, const char *name, const void *bytes, size_t n,
                       struct spn_err *err)
{
    spn_status st = k_zip_begin(z, name, n, err);

    if (st == SPN_OK)
        st = k_zip_put(z, bytes, n, err);
    return st == SPN_OK ? k_zip_end(z, err) : st;
}

spn_status k_zip_finish(struct k_zip_out *z, struct spn_err *err)
{
    unsigned char wide[56] = "PK\6\6", where[20] = "PK\6\7", end[22] = "PK\5\6";
    uint64_t start = z->at, length = z->table.length;
    bool need = z->n >= UINT16_MAX || start >= FULL32 || length >= FULL32;
    spn_status st = length > 0 ? put(z, z->table.data, z->table.length, err) : SPN_OK;

    k_store_u64(wide + 4, sizeof wide - 12);
    store_u16(wide + 12, 45);
    store_u16(wide + 14, 45);
    k_store_u64(wide + 24, z->n);
    k_store_u64(wide + 32, z->n);
    k_store_u64(wide + 40, length);
    k_store_u64(wide + 48, start);
    k_store_u64(where + 8, start + length);
    k_store_u32(where + 16, 1);
    store_u16(end + 8, z->n >= UINT16_MAX ? UINT16_MAX : z->n);
    store_u16(end + 10, z->n >= UINT16_MAX ? UINT16_MAX : z->n);
    k_store_u32(end + 12, low32(length));
    k_store_u32(end + 16, low32(start));
    if (st == SPN_OK && need)
        st = put(z, wide, sizeof wide, err);
    if (st == SPN_OK && need)
        st = put(z, where, sizeof where, err);
    return st == SPN_OK ? put(z, end, sizeof end, err) : st;
}
