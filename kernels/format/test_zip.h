/* test_zip.h - for tests: a zip archive made entry by entry, stored, as PyTorch lays it out. */
#ifndef TEST_ZIP_H
#define TEST_ZIP_H
#include <stdint.h>
#include <string.h>

#include "test_bytes.h"

enum { ZIP_ITEMS_MAX = 64 };

struct zip_made {
    struct spn_buf file;
    struct { const char *name; uint64_t at, bytes; } item[ZIP_ITEMS_MAX];
    int n;
};
#define ZIP_INIT { .file = BYTES_INIT }

/* Sizes of the local header are 0, as PyTorch leaves them. */
__attribute__((unused))
static void zip_add(struct zip_made *z, const char *name, const void *bytes, size_t n)
{
    z->item[z->n].name = name;
    z->item[z->n].at = z->file.length;
    z->item[z->n++].bytes = n;
    put_bytes(&z->file, "PK\3\4", 4);
    put_int(&z->file, 0x08080000, 8);                  /* version, flags, method, time */
    put_int(&z->file, 0, 8);
    put_int(&z->file, 0, 6);
    put_int(&z->file, strlen(name), 2);
    put_int(&z->file, 4, 2);
    put_text(&z->file, name);
    put_bytes(&z->file, "FB\0\0", 4);
    put_bytes(&z->file, bytes, n);
}

struct zip_lie { int entry, at, width; uint64_t value; };        /* written over the table */

/* The table; LIE (NULL: none) changes bytes of one of its entries. */
__attribute__((unused))
static void zip_end(struct zip_made *z, const struct zip_lie *lie)
{
    size_t start = z->file.length;

    for (int i = 0; i < z->n; i++) {
        size_t at = z->file.length;

        put_bytes(&z->file, "PK\1\2", 4);
        put_int(&z->file, 0, 4);
        put_int(&z->file, 0, 8);                       /* flags, method, time */
        put_int(&z->file, 0, 4);                       /* crc */
        put_u32(&z->file, (uint32_t)z->item[i].bytes);
        put_u32(&z->file, (uint32_t)z->item[i].bytes);
        put_int(&z->file, strlen(z->item[i].name), 2);
        put_int(&z->file, 0, 8);
        put_int(&z->file, 0, 4);
        put_u32(&z->file, (uint32_t)z->item[i].at);
        put_text(&z->file, z->item[i].name);
        for (int k = 0; lie != NULL && lie->entry == i && k < lie->width; k++)
            z->file.data[at + (size_t)lie->at + (size_t)k] = (char)(lie->value >> 8 * k);
    }
    put_bytes(&z->file, "PK\5\6", 4);
    put_int(&z->file, 0, 4);
    put_int(&z->file, (uint64_t)z->n, 2);
    put_int(&z->file, (uint64_t)z->n, 2);
    put_u32(&z->file, (uint32_t)(z->file.length - start - 12));
    put_u32(&z->file, (uint32_t)start);
    put_int(&z->file, 0, 2);
}

#endif
