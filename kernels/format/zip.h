/* zip.h - private: the table of contents of a zip archive, as PyTorch and NumPy write them. */
#ifndef SPN_ZIP_H
#define SPN_ZIP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/source.h"

struct k_zip_item {
    const char *name;                  /* first: sorted through it */
    uint64_t header, data;             /* places in the archive */
    uint64_t packed_bytes, bytes;      /* in the archive; unpacked */
    uint32_t crc;
    int method;                        /* 0 stored, 8 deflated */
};

struct k_zip {
    struct k_zip_item *items;          /* in the order of the table */
    const struct k_zip_item **by_name;
    size_t n;
};

/* Read the table of the archive F. Names are unique and stay inside a folder, every item lies in
 * the file, none overlaps another. Memory is R's. */
spn_status k_zip_read(struct k_zip *out, struct spn_reader *r, const struct k_file *f,
                      struct spn_err *err);
/* The same of an archive whose table is not written yet: the items that are whole, by their own
 * headers, and at the end one that may not be, of the bytes there are. */
spn_status k_zip_scan(struct k_zip *out, struct spn_reader *r, const struct k_file *f,
                      struct spn_err *err);
/* By name, each once. Sorted, no two overlap. */
spn_status k_zip_index(struct k_zip *z, const struct k_file *f, struct spn_err *err);
/* A name that stays inside a folder. */
bool k_zip_plain_name(const char *name, size_t n);
/* NULL: no item of this name. */
const struct k_zip_item *k_zip_find(const struct k_zip *z, const char *name);

#endif
